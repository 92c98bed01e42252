//! What would have allowed a request that was refused: sentences for whoever may read the policies, each with the rule
//! to change or to add. Never for the one who was refused, because they say what the policies say.

use api::duration;
use serde_json::Value;

use crate::decision::{Named, wrapping};
use crate::left_out::LeftOut;
use crate::pattern::Pattern;
use crate::{Acl, AclRule, Capabilities, Capability, Decision, Question, Reason};

/// How many rules behind the deciding one are named: the way out is seldom further down.
const NEXT_RULES_MAX: usize = 3;
/// How many values that a rule allows are shown.
const VALUES_MAX: usize = 10;

impl Acl {
    /// What would have allowed the question, one sentence a way; nothing where it is allowed. `needs_sudo` is whether
    /// the path is protected beyond its verb.
    #[must_use]
    pub fn advice(&self, question: &Question<'_>, needs_sudo: bool) -> Vec<String> {
        let decision = self.decide(question);
        let Some(capability) = question.operation.capability() else { return Vec::new() };
        let lacks_sudo = needs_sudo && !decision.sudo;
        if decision.allowed && !lacks_sudo {
            return Vec::new();
        }
        let needed: Capabilities = [capability].into_iter().chain(needs_sudo.then_some(Capability::Sudo)).collect();
        let mut advice = match &decision.reason {
            Reason::Root | Reason::Help => Vec::new(),
            Reason::NoRule => own_rule(question.path, needed).into_iter().collect(),
            Reason::Denied(rule) | Reason::NotGranted(rule, _) | Reason::Granted(rule, _) => {
                self.by_capabilities(question, &decision, rule, needed)
            }
            reason => return by_request(reason, question, lacks_sudo),
        };
        let path = question.path.trim_start_matches('/');
        advice.extend(self.left_out(needed, path).take(NEXT_RULES_MAX).map(LeftOut::to_string));
        advice
    }

    /// The rule grants too little: change it, go before it, or take it away.
    fn by_capabilities(
        &self,
        question: &Question<'_>,
        decision: &Decision<'_>,
        rule: &AclRule,
        needed: Capabilities,
    ) -> Vec<String> {
        let mut advice = Vec::new();
        let given = rule.constraints().capabilities;
        if given.denies() {
            let rest: Capabilities = rule.sources().iter().flat_map(|source| source.capabilities.iter()).collect();
            advice.push(if needed.is_subset(rest) {
                format!("without the \"deny\" in {}", Named(&decision.reason))
            } else {
                format!("with {} in place of the \"deny\" in {}", quoted(needed.iter()), Named(&decision.reason))
            });
        } else {
            let missing: Vec<Capability> = needed.iter().filter(|capability| !given.contains(*capability)).collect();
            advice.push(grant(&Reason::NotGranted(rule, Capability::Sudo), &missing));
        }
        // A more specific rule decides alone, so that it has to repeat what is to stay. Where more than capabilities would
        // have to be repeated, nobody should paste a line that drops the rest.
        if !rule.is_exact() && !rule.constraints().restricts() {
            let kept = if given.denies() { Capabilities::NONE } else { given };
            advice.extend(own_rule(question.path, kept.union(needed)));
        }
        let behind = self.ranked(question.path, question.operation).into_iter().skip(1);
        let next = behind.filter(|next| needed.is_subset(next.constraints().capabilities)).take(NEXT_RULES_MAX);
        advice.extend(next.map(|next| {
            let next = Reason::NotGranted(next, Capability::Sudo);
            let names = quoted(needed.iter());
            format!("without rule {:?}, which goes before {} that grants {names}", rule.path(), Named(&next))
        }));
        advice
    }
}

/// “Add "read" and "sudo" to the capabilities of rule …”.
fn grant(reason: &Reason<'_>, missing: &[Capability]) -> String {
    format!("with {} added to the capabilities of {}", quoted(missing.iter().copied()), Named(reason))
}

fn quoted(capabilities: impl Iterator<Item = Capability>) -> String {
    capabilities.map(|capability| format!("\"{capability}\"")).collect::<Vec<_>>().join(" and ")
}

/// A rule for this path alone, ready to be put into a policy; none for a path that a rule cannot spell.
fn own_rule(path: &str, capabilities: Capabilities) -> Option<String> {
    let pattern = Pattern::new("", path);
    if !pattern.is_exact() || Pattern::check(path).is_err() || path.contains(['"', '\\']) || path.contains("{{") {
        return None;
    }
    let names: Vec<_> = capabilities.iter().map(|capability| format!("\"{capability}\"")).collect();
    let names = names.join(", ");
    Some(format!("with this rule in one of the policies: path \"{path}\" {{ capabilities = [{names}] }}"))
}

/// The rule grants it, and the request is not as the rule wants it.
fn by_request(reason: &Reason<'_>, question: &Question<'_>, lacks_sudo: bool) -> Vec<String> {
    let Some(rule) = reason.rule() else { return Vec::new() };
    let own = rule.constraints();
    let sentence = match reason {
        Reason::Wrapping(_) if own.max_wrapping_ttl.zip(own.min_wrapping_ttl).is_some_and(|(max, min)| max < min) => {
            format!("with other wrapping TTLs in {}: no TTL fulfills these", Named(reason))
        }
        Reason::Wrapping(rule) => match question.wrap_ttl.filter(|ttl| !ttl.is_zero()) {
            Some(ttl) => {
                format!("with the reply wrapped {}, and not for {}", wrapping(rule), duration::format_short(ttl))
            }
            None => format!("with the reply wrapped {}", wrapping(rule)),
        },
        Reason::ParameterMissing(_, name) => format!("with parameter {name:?} in the request"),
        Reason::ParameterDenied(_, name) => match own.denied_parameters.patterns(name) {
            Some(patterns) if !patterns.is_empty() => {
                format!("with another value for parameter {name:?} than {}", shown(patterns))
            }
            _ => format!("without parameter {name:?} in the request"),
        },
        Reason::ParameterNotAllowed(_, name) => match own.allowed_parameters.patterns(name) {
            Some(patterns) => format!("with one of these values for parameter {name:?}: {}", shown(patterns)),
            None => format!("without parameter {name:?} in the request"),
        },
        Reason::PageTooLarge(_, max) => format!("with a limit of at most {max}"),
        _ => return Vec::new(),
    };
    let sudo = lacks_sudo.then(|| grant(&Reason::NotGranted(rule, Capability::Sudo), &[Capability::Sudo]));
    [sentence].into_iter().chain(sudo.map(|sudo| format!("besides, {sudo}"))).collect()
}

fn shown(patterns: &[Value]) -> String {
    let more = if patterns.len() > VALUES_MAX { ", …" } else { "" };
    let values: Vec<_> = patterns.iter().take(VALUES_MAX).map(Value::to_string).collect();
    format!("{}{more}", values.join(", "))
}

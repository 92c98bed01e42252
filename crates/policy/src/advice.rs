//! What would have allowed a request that was refused: sentences for whoever may read the policies, each with the rule
//! to change or to add. Never for the one who was refused, because they say what the policies say.
//!
//! Each way is enough alone: it names all that stands against the request, of the rule and of the request together.

mod change;
mod request;

pub(crate) use change::{Change, Way};

use crate::pattern::Pattern;
use crate::{Acl, AclRule, Capabilities, Capability, Constraints, Question};

/// How many rules one way asks to take away, and how many ways name a rule that does not count: the way out is seldom
/// further down.
const NEXT_RULES_MAX: usize = 3;

impl Acl {
    /// What would have allowed the question, one sentence a way; nothing where it is allowed. `needs_sudo` is whether
    /// the path is protected beyond its verb.
    #[must_use]
    pub fn advice(&self, question: &Question<'_>, needs_sudo: bool) -> Vec<String> {
        self.ways(question, needs_sudo).iter().map(Way::to_string).collect()
    }

    /// The same as data.
    pub(crate) fn ways<'a>(&'a self, question: &Question<'a>, needs_sudo: bool) -> Vec<Way<'a>> {
        let decision = self.decide(question);
        let Some(capability) = question.operation.capability() else { return Vec::new() };
        if decision.allowed && (decision.sudo || !needs_sudo) {
            return Vec::new();
        }
        let needed: Capabilities = [capability].into_iter().chain(needs_sudo.then_some(Capability::Sudo)).collect();
        let Some(rule) = decision.rule else {
            return own_rule(question.path, needed)
                .into_iter()
                .chain(self.by_left_out(question, needed, None))
                .collect();
        };
        let own = rule.constraints();
        if needed.is_subset(own.capabilities) {
            return request::changes(Some(rule), own, question).map(Way).into_iter().collect();
        }
        let mut ways: Vec<_> = by_deciding(rule, question, needed).into_iter().collect();
        // A more specific rule decides alone, so that it has to repeat what is to stay. Where more than capabilities would
        // have to be repeated, nobody should paste a line that drops the rest.
        if !rule.is_exact() && !own.restricts() {
            let kept = if own.capabilities.denies() { Capabilities::NONE } else { own.capabilities };
            ways.extend(own_rule(question.path, kept.union(needed)));
        }
        ways.extend(self.by_next(question, needed));
        ways.extend(self.by_left_out(question, needed, Some(rule)));
        ways
    }

    /// The first rule that grants all of it, with nothing in front of it any more.
    fn by_next<'a>(&'a self, question: &Question<'a>, needed: Capabilities) -> Option<Way<'a>> {
        let ranked = self.ranked(question.path, question.operation);
        let number = ranked.iter().position(|next| needed.is_subset(next.constraints().capabilities))?;
        if number > NEXT_RULES_MAX {
            return None;
        }
        let next = *ranked.get(number)?;
        let taken = Change::TakeAway { rules: ranked.into_iter().take(number).collect(), next, needed };
        let others = request::changes(Some(next), next.constraints(), question)?;
        Some(Way([taken].into_iter().chain(others).collect()))
    }

    /// The rules that do not count, and would decide and grant it if they did.
    fn by_left_out<'a>(
        &'a self,
        question: &Question<'a>,
        needed: Capabilities,
        deciding: Option<&'a AclRule>,
    ) -> impl Iterator<Item = Way<'a>> {
        let path = question.path.trim_start_matches('/');
        let ways = self.left_out(needed, path).filter_map(move |left_out| {
            let together = left_out.together(deciding, path)?;
            let mut changes = request::changes(deciding, &together, question)?;
            changes.push(Change::Count(left_out));
            Some(Way(changes))
        });
        ways.take(NEXT_RULES_MAX)
    }
}

/// The rule that decides as it would have to be.
fn by_deciding<'a>(rule: &'a AclRule, question: &Question<'a>, needed: Capabilities) -> Option<Way<'a>> {
    let own = rule.constraints();
    let without_deny = own.capabilities.denies().then(|| without_deny(rule));
    let change = match &without_deny {
        Some(rest) if needed.is_subset(rest.capabilities) => Change::DropDeny(rule),
        Some(_) => Change::ReplaceDeny(rule, needed),
        None => Change::Grant(rule, needed.iter().filter(|one| !own.capabilities.contains(*one)).collect()),
    };
    let others = request::changes(Some(rule), without_deny.as_ref().unwrap_or(own), question)?;
    Some(Way([change].into_iter().chain(others).collect()))
}

/// What a rule that denies would say without that word, as far as it is known: what stands beside the word is not kept.
fn without_deny(rule: &AclRule) -> Constraints {
    let mut all = Constraints::default();
    for source in rule.sources().iter().filter(|source| !source.capabilities.denies()) {
        let restrictions = source.restrictions.as_deref().cloned().unwrap_or_default();
        all.merge(&Constraints { capabilities: source.capabilities, ..restrictions });
    }
    all
}

/// A rule for this path alone, ready to be put into a policy; none for a path that a rule cannot spell.
fn own_rule<'a>(path: &'a str, capabilities: Capabilities) -> Option<Way<'a>> {
    let pattern = Pattern::new("", path);
    if !pattern.is_exact() || Pattern::check(path).is_err() || path.contains(['"', '\\']) || path.contains("{{") {
        return None;
    }
    Some(Way(vec![Change::AddRule(path, capabilities)]))
}

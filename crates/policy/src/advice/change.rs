//! One change to a rule or to a request, and several of them as one sentence.

use std::fmt;
use std::time::Duration;

use api::duration;
use serde_json::Value;

use crate::decision::{Named, wrapping};
use crate::left_out::LeftOut;
use crate::{AclRule, Capabilities, Capability, Constraints, Reason};

/// How many values that a rule allows or denies are shown.
const VALUES_MAX: usize = 10;

/// Changes that together make an answer a yes.
#[derive(Debug)]
pub(crate) struct Way<'a>(pub(crate) Vec<Change<'a>>);

/// A change to a rule, or to the request.
#[derive(Debug)]
pub(crate) enum Change<'a> {
    /// These capabilities are added to the rule.
    Grant(&'a AclRule, Vec<Capability>),
    /// The rule no longer denies.
    DropDeny(&'a AclRule),
    /// The rule grants these instead of denying.
    ReplaceDeny(&'a AclRule, Capabilities),
    /// There is a rule for this path alone.
    AddRule(&'a str, Capabilities),
    /// These rules are gone, so that the next one decides.
    TakeAway { rules: Vec<&'a AclRule>, next: &'a AclRule, needed: Capabilities },
    /// A rule that does not count does.
    Count(&'a LeftOut),
    /// The rule no longer requires this parameter, which it lets nobody give.
    DropRequired(&'a AclRule, String),
    /// The rule has bounds for wrapping that can be kept.
    OtherWrapping(&'a AclRule),
    /// The reply is wrapped within the bounds, and not for as long as was asked.
    Wrap { bounds: String, asked: Option<Duration> },
    /// These parameters are there, with any value.
    With(Vec<String>),
    /// These parameters are not there.
    Without(Vec<String>),
    /// The parameter has another value: one of the allowed ones if there are any, and none of the denied ones.
    Value { name: String, allowed: Vec<Value>, denied: Vec<Value> },
    /// The page is not larger than this.
    Page(u64),
}

impl fmt::Display for Way<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, change) in self.0.iter().enumerate() {
            write!(f, "{}{change}", if index == 0 { "" } else { " and " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grant(rule, missing) => {
                let names = quoted(missing.iter().copied());
                write!(f, "with {names} added to the capabilities of {}", whole(rule))
            }
            Self::DropDeny(rule) => write!(f, "without the \"deny\" in {}", Named(&Reason::Denied(rule))),
            Self::ReplaceDeny(rule, needed) => {
                write!(f, "with {} in place of the \"deny\" in {}", quoted(needed.iter()), Named(&Reason::Denied(rule)))
            }
            Self::AddRule(path, capabilities) => {
                let names: Vec<_> = capabilities.iter().map(|capability| format!("\"{capability}\"")).collect();
                let names = names.join(", ");
                write!(f, "with this rule in one of the policies: path \"{path}\" {{ capabilities = [{names}] }}")
            }
            Self::TakeAway { rules, next, needed } => {
                let (noun, verb) = if rules.len() == 1 { ("rule", "goes") } else { ("rules", "go") };
                let paths = joined(rules.iter().map(|rule| rule.path()));
                let names = quoted(needed.iter());
                write!(f, "without {noun} {paths}, which {verb} before {} that grants {names}", whole(next))
            }
            Self::Count(rule) => rule.fmt(f),
            Self::DropRequired(rule, name) => {
                let rule = Named(&Reason::ParameterMissing(rule, name)).to_string();
                write!(f, "without {name:?}, which cannot be given, among the required parameters of {rule}")
            }
            Self::OtherWrapping(rule) => {
                write!(f, "with wrapping TTLs that can be kept in {}", Named(&Reason::Wrapping(rule)))
            }
            Self::Wrap { bounds, asked: None, .. } => write!(f, "with the reply wrapped {bounds}"),
            Self::Wrap { bounds, asked: Some(asked), .. } => {
                write!(f, "with the reply wrapped {bounds}, and not for {}", duration::format_short(*asked))
            }
            Self::With(names) => write!(f, "with {} in the request", parameters(names)),
            Self::Without(names) => write!(f, "without {} in the request", parameters(names)),
            Self::Value { name, allowed, denied, .. } if allowed.is_empty() => {
                write!(f, "with another value for parameter {name:?} than {}", shown(denied))
            }
            Self::Value { name, allowed, denied, .. } => {
                write!(f, "with one of these values for parameter {name:?}: {}", shown(allowed))?;
                if denied.is_empty() { Ok(()) } else { write!(f, ", but not {}", shown(denied)) }
            }
            Self::Page(max) => write!(f, "with a limit of at most {max}"),
        }
    }
}

impl<'a> Change<'a> {
    /// A reply that is wrapped as the rule wants it; other bounds where nothing fulfills these.
    pub(super) fn wrap(rule: Option<&'a AclRule>, own: &Constraints, asked: Option<Duration>) -> Option<Self> {
        let (min, max) = (own.min_wrapping_ttl, own.max_wrapping_ttl);
        // On the wire a TTL is in whole seconds.
        let shortest = min.unwrap_or_default().max(Duration::from_secs(1));
        if max.is_some_and(|max| max < shortest) {
            return rule.map(Change::OtherWrapping);
        }
        Some(Change::Wrap { bounds: wrapping(own), asked })
    }
}

/// The rule with all policies that it comes from.
fn whole(rule: &AclRule) -> String {
    Named(&Reason::NotGranted(rule, Capability::Sudo)).to_string()
}

fn quoted(capabilities: impl Iterator<Item = Capability>) -> String {
    capabilities.map(|capability| format!("\"{capability}\"")).collect::<Vec<_>>().join(" and ")
}

fn joined<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" and ")
}

fn parameters(names: &[String]) -> String {
    let noun = if names.len() == 1 { "parameter" } else { "parameters" };
    format!("{noun} {}", joined(names.iter().map(String::as_str)))
}

fn shown(patterns: &[Value]) -> String {
    let more = if patterns.len() > VALUES_MAX { ", …" } else { "" };
    let values: Vec<_> = patterns.iter().take(VALUES_MAX).map(Value::to_string).collect();
    format!("{}{more}", values.join(", "))
}

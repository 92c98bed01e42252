//! One question to an ACL, its answer, and the reason in words.

use std::fmt;
use std::time::Duration;

use api::duration;
use serde_json::{Map, Value};

use crate::{AclRule, Capability, Constraints, Operation, Source};

/// The parameter that [`crate::Constraints::pagination_limit`] bounds.
const LIMIT: &str = "limit";

/// What a request wants.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The path with its namespace in front, without `/v1/`.
    pub path: &'a str,
    /// The verb. Whether a write creates or updates is for the caller to find out.
    pub operation: Operation,
    /// The parameters, top level only; absent is the same as empty.
    pub parameters: Option<&'a Map<String, Value>>,
    /// For how long the reply shall be wrapped; zero is not at all.
    pub wrap_ttl: Option<Duration>,
}

/// The answer. A path that needs more than its verb (`sudo`) also needs [`Decision::sudo`], except for help.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// Whether the request may go on.
    pub allowed: bool,
    /// Whether the root policy said so.
    pub is_root: bool,
    /// Whether the path is open with `sudo`.
    pub sudo: bool,
    /// The rule that decided, with its constraints; none for root, help, and paths without a rule.
    pub rule: Option<&'a AclRule>,
    /// Why.
    pub reason: Reason<'a>,
}

/// Why a question was answered as it was. Displays as a sentence that names policies and lines: for operators, not for
/// the one who was refused.
#[derive(Clone, Copy, Debug)]
pub enum Reason<'a> {
    /// The root policy allows everything.
    Root,
    /// Help is for everybody.
    Help,
    /// No rule matches.
    NoRule,
    /// The rule grants it.
    Granted(&'a AclRule, Capability),
    /// The rule denies everything.
    Denied(&'a AclRule),
    /// The rule grants other things.
    NotGranted(&'a AclRule, Capability),
    /// The reply has to be wrapped, within the rule's bounds.
    Wrapping(&'a AclRule),
    /// This parameter has to be there.
    ParameterMissing(&'a AclRule, &'a str),
    /// This parameter, or its value, is denied.
    ParameterDenied(&'a AclRule, &'a str),
    /// This parameter, or its value, is not among the allowed ones.
    ParameterNotAllowed(&'a AclRule, &'a str),
    /// The page is larger than the rule lets it be.
    PageTooLarge(&'a AclRule, u64),
}

impl<'a> Decision<'a> {
    pub(crate) fn allow(rule: Option<&'a AclRule>, reason: Reason<'a>) -> Self {
        let is_root = matches!(reason, Reason::Root);
        Self { allowed: true, is_root, sudo: is_root || has_sudo(rule), rule, reason }
    }

    pub(crate) fn deny(rule: Option<&'a AclRule>, reason: Reason<'a>) -> Self {
        Self { allowed: false, is_root: false, sudo: has_sudo(rule), rule, reason }
    }

    /// Lets the rule that matches decide.
    pub(crate) fn by(rule: &'a AclRule, capability: Capability, question: &Question<'a>) -> Self {
        match refusal(rule, capability, question) {
            Some(reason) => Self::deny(Some(rule), reason),
            None => Self::allow(Some(rule), Reason::Granted(rule, capability)),
        }
    }
}

fn has_sudo(rule: Option<&AclRule>) -> bool {
    rule.is_some_and(|rule| rule.constraints().capabilities.contains(Capability::Sudo))
}

/// The first thing in the rule that speaks against the request.
fn refusal<'a>(rule: &'a AclRule, capability: Capability, question: &Question<'a>) -> Option<Reason<'a>> {
    let own = rule.constraints();
    if own.capabilities.denies() {
        return Some(Reason::Denied(rule));
    }
    if !own.capabilities.contains(capability) {
        return Some(Reason::NotGranted(rule, capability));
    }
    if !is_wrapped_within(own, question) {
        return Some(Reason::Wrapping(rule));
    }
    if question.operation.checks_parameters() {
        return parameter_refusal(rule, question);
    }
    if question.operation.enumerates() {
        return page_refusal(rule, question);
    }
    None
}

/// Whether the reply is wrapped as the rule wants it. A TTL of zero asks for no wrapping, so that it fulfills no bound.
pub(crate) fn is_wrapped_within(own: &Constraints, question: &Question<'_>) -> bool {
    let wrap_ttl = question.wrap_ttl.filter(|ttl| !ttl.is_zero());
    own.max_wrapping_ttl.is_none_or(|max| wrap_ttl.is_some_and(|ttl| ttl <= max))
        && own.min_wrapping_ttl.is_none_or(|min| wrap_ttl.is_some_and(|ttl| ttl >= min))
}

fn parameter_refusal<'a>(rule: &'a AclRule, question: &Question<'a>) -> Option<Reason<'a>> {
    let own = rule.constraints();
    let given = question.parameters.filter(|parameters| !parameters.is_empty());
    let has = |name: &str| given.is_some_and(|given| given.keys().any(|key| key.to_lowercase() == name));
    if let Some(missing) = own.required_parameters.iter().find(|name| !has(name)) {
        return Some(Reason::ParameterMissing(rule, missing));
    }
    let given = given?;
    if let Some(name) = own.denied_parameters.first_denied(given) {
        return Some(Reason::ParameterDenied(rule, name));
    }
    own.allowed_parameters.first_not_allowed(given).map(|name| Reason::ParameterNotAllowed(rule, name))
}

fn page_refusal<'a>(rule: &'a AclRule, question: &Question<'a>) -> Option<Reason<'a>> {
    let own = rule.constraints();
    let max = own.pagination_limit.filter(|_| !is_page_within(own, question.parameters))?;
    let has_limit = question.parameters.is_some_and(|parameters| parameters.contains_key(LIMIT));
    Some(if has_limit { Reason::PageTooLarge(rule, max) } else { Reason::ParameterMissing(rule, LIMIT) })
}

/// Whether a list asks for no more than the rule lets it. One without a limit is let through: whoever lists applies the
/// rule's limit to it. `max` asks for just that. A limit that is no positive number would mean everything.
pub(crate) fn is_page_within(own: &Constraints, parameters: Option<&Map<String, Value>>) -> bool {
    let Some(max) = own.pagination_limit else { return true };
    match parameters.and_then(|parameters| parameters.get(LIMIT)) {
        None => !own.required_parameters.iter().any(|name| name == LIMIT),
        Some(Value::String(text)) => text == "max" || text.parse().is_ok_and(|limit: u64| (1..=max).contains(&limit)),
        Some(Value::Number(number)) => number.as_u64().is_some_and(|limit| (1..=max).contains(&limit)),
        Some(_) => false,
    }
}

impl<'a> Reason<'a> {
    /// The rule that it is about; none for root, help, and paths without a rule.
    #[must_use]
    pub fn rule(&self) -> Option<&'a AclRule> {
        match self {
            Self::Root | Self::Help | Self::NoRule => None,
            Self::Granted(rule, _)
            | Self::Denied(rule)
            | Self::NotGranted(rule, _)
            | Self::Wrapping(rule)
            | Self::ParameterMissing(rule, _)
            | Self::ParameterDenied(rule, _)
            | Self::ParameterNotAllowed(rule, _)
            | Self::PageTooLarge(rule, _) => Some(rule),
        }
    }

    /// The parts of the rule that it rests on: of several policies with the same path, those that grant it, deny it or
    /// restrict it.
    pub fn sources(&self) -> impl Iterator<Item = &'a Source> {
        let sources = self.rule().map(AclRule::sources).unwrap_or_default();
        sources.iter().filter(|source| self.rests_on(source))
    }

    fn rests_on(&self, source: &Source) -> bool {
        let says = |test: &dyn Fn(&Constraints) -> bool| source.restrictions.as_deref().is_some_and(test);
        match self {
            Self::Root | Self::Help | Self::NoRule | Self::NotGranted(..) => true,
            Self::Granted(_, capability) => source.capabilities.contains(*capability),
            Self::Denied(_) => source.capabilities.denies(),
            Self::Wrapping(_) => says(&|own| own.min_wrapping_ttl.or(own.max_wrapping_ttl).is_some()),
            Self::ParameterMissing(_, name) => says(&|own| own.required_parameters.iter().any(|own| own == name)),
            Self::ParameterDenied(_, name) => says(&|own| own.denied_parameters.mentions(name)),
            Self::ParameterNotAllowed(..) => says(&|own| !own.allowed_parameters.is_empty()),
            Self::PageTooLarge(..) => says(&|own| own.pagination_limit.is_some()),
        }
    }
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("the root policy allows everything"),
            Self::Help => f.write_str("help is open to every valid token"),
            Self::NoRule => f.write_str("no rule of any policy matches the path"),
            Self::Granted(_, capability) => write!(f, "{} grants {capability}", Named(self)),
            Self::Denied(_) => write!(f, "{} denies everything", Named(self)),
            Self::NotGranted(_, capability) => {
                write!(f, "{} is the most specific one and does not grant {capability}", Named(self))
            }
            Self::Wrapping(rule) => {
                write!(f, "{} wants the reply wrapped {}", Named(self), wrapping(rule.constraints()))
            }
            Self::ParameterMissing(_, name) => write!(f, "{} requires parameter {name:?}", Named(self)),
            Self::ParameterDenied(_, name) => write!(f, "{} denies parameter {name:?} or its value", Named(self)),
            Self::ParameterNotAllowed(_, name) => {
                write!(f, "{} does not allow parameter {name:?} or its value", Named(self))
            }
            Self::PageTooLarge(_, max) => write!(f, "{} allows pages of at most {max} entries", Named(self)),
        }
    }
}

/// The rule of a reason, with the policies that the reason rests on.
pub(crate) struct Named<'r>(pub(crate) &'r Reason<'r>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(rule) = self.0.rule() else { return f.write_str("no rule") };
        write!(f, "rule {:?} of ", rule.path())?;
        for (index, source) in self.0.sources().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}policy {:?} line {}", source.policy, source.line)?;
            if !source.namespace.is_empty() {
                write!(f, " in namespace {:?}", source.namespace)?;
            }
        }
        Ok(())
    }
}

/// For how long a rule wants replies wrapped.
pub(crate) fn wrapping(own: &Constraints) -> String {
    let shown = |ttl: Duration| duration::format_short(ttl);
    match (own.min_wrapping_ttl, own.max_wrapping_ttl) {
        (Some(min), Some(max)) if max < min => {
            format!("for {} at least and {} at most, which is impossible", shown(min), shown(max))
        }
        (Some(min), Some(max)) => format!("for {} to {}", shown(min), shown(max)),
        (Some(min), None) => format!("for {} at least", shown(min)),
        (None, Some(max)) => format!("for {} at most", shown(max)),
        (None, None) => "in any way".to_owned(),
    }
}

//! What a request would have to be like for a rule that grants its verb: wrapped, with these parameters, without those.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Change;
use crate::decision::{is_page_within, is_wrapped_within};
use crate::{AclRule, Constraints, Question};

/// Everything that would have to be different, given what the rule says. Where a rule asks for what it refuses, it is the
/// rule that has to change; none where there is no rule yet that could.
pub(super) fn changes<'a>(
    rule: Option<&'a AclRule>,
    own: &Constraints,
    question: &Question<'_>,
) -> Option<Vec<Change<'a>>> {
    let mut changes = Vec::new();
    if !is_wrapped_within(own, question) {
        changes.push(Change::wrap(rule, own, question.wrap_ttl.filter(|ttl| !ttl.is_zero()))?);
    }
    if question.operation.checks_parameters() {
        changes.extend(of_parameters(rule, own, question)?);
    } else if question.operation.enumerates()
        && let Some(max) = own.pagination_limit
        && !is_page_within(own, question.parameters)
    {
        changes.push(Change::Page(max));
    }
    Some(changes)
}

fn of_parameters<'a>(rule: Option<&'a AclRule>, own: &Constraints, question: &Question<'_>) -> Option<Vec<Change<'a>>> {
    let none = Map::new();
    let given = question.parameters.unwrap_or(&none);
    let required: BTreeSet<&str> = own.required_parameters.iter().map(String::as_str).collect();
    let missing = required.iter().filter(|name| !given.keys().any(|key| key.to_lowercase() == **name));
    let (mut with, mut without, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for name in missing {
        match Values::of(own, name) {
            Values::Any => with.push((*name).to_owned()),
            Values::Some(change) => others.push(change),
            Values::None => others.push(Change::DropRequired(rule?, (*name).to_owned())),
        }
    }
    // One name may be given in two spellings.
    let mut dropped = BTreeSet::new();
    for (key, _) in given.iter().filter(|(key, value)| !is_let_through(own, key, value)) {
        let name = key.to_lowercase();
        match Values::of(own, key) {
            Values::Some(change) => others.push(change),
            Values::Any | Values::None => {
                if required.contains(name.as_str()) && dropped.insert(name.clone()) {
                    others.push(Change::DropRequired(rule?, name));
                }
                without.push(key.clone());
            }
        }
    }
    let with = (!with.is_empty()).then_some(Change::With(with));
    let without = (!without.is_empty()).then_some(Change::Without(without));
    Some(with.into_iter().chain(without).chain(others).collect())
}

fn is_let_through(own: &Constraints, name: &str, value: &Value) -> bool {
    let one: Map<_, _> = [(name.to_owned(), value.clone())].into_iter().collect();
    own.denied_parameters.first_denied(&one).is_none() && own.allowed_parameters.first_not_allowed(&one).is_none()
}

/// Which values of a parameter a rule lets through.
enum Values<'a> {
    Any,
    Some(Change<'a>),
    None,
}

impl Values<'_> {
    fn of(own: &Constraints, name: &str) -> Self {
        let Some(allowed) = own.allowed_parameters.allowed(name) else { return Self::None };
        let denied = match own.denied_parameters.denied(name) {
            Some([]) => return Self::None,
            denied => denied.unwrap_or_default(),
        };
        let passes = |value: &Value| is_let_through(own, name, value);
        if allowed.is_empty() {
            if denied.is_empty() {
                return Self::Any;
            }
            if !OTHERS.iter().any(|text| passes(&Value::from(*text))) {
                return Self::None;
            }
            return Self::Some(Change::Value { name: name.to_owned(), allowed: Vec::new(), denied: denied.to_vec() });
        }
        let can_pass = |pattern: &&Value| examples(pattern).iter().any(passes);
        let allowed: Vec<Value> = allowed.iter().filter(can_pass).cloned().collect();
        if allowed.is_empty() {
            return Self::None;
        }
        // What is denied is only worth a word where an allowed pattern stands for some of it.
        let denied = if allowed.iter().any(is_glob) { denied.to_vec() } else { Vec::new() };
        Self::Some(Change::Value { name: name.to_owned(), allowed, denied })
    }
}

/// Values of which one passes wherever any does but a value that nobody would think of.
const OTHERS: [&str; 4] = ["x", "y", "0", "other"];

fn is_glob(pattern: &Value) -> bool {
    pattern.as_str().is_some_and(|text| text.len() > 1 && (text.starts_with('*') || text.ends_with('*')))
}

/// Values that a pattern stands for.
fn examples(pattern: &Value) -> Vec<Value> {
    let Some(text) = pattern.as_str().filter(|_| is_glob(pattern)) else { return vec![pattern.clone()] };
    let (start, end) = (text.starts_with('*'), text.ends_with('*'));
    let bare = text.strip_prefix('*').unwrap_or(text);
    let bare = bare.strip_suffix('*').unwrap_or(bare);
    let mut examples = vec![Value::from(bare)];
    for more in OTHERS {
        if end {
            examples.push(Value::from([bare, more].concat()));
        }
        if start {
            examples.push(Value::from([more, bare].concat()));
        }
    }
    examples
}

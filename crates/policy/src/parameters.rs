//! `allowed_parameters` and `denied_parameters`: parameter names with the values that they may or may not have.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Stands for every parameter.
const ANY: &str = "*";
/// Parameters that hold names of policies: whoever takes them trims the names and makes them lower case, so that is how
/// they are compared.
const POLICY_NAMES: [&str; 8] = [
    "allowed_policies",
    "allowed_policies_glob",
    "disallowed_policies",
    "disallowed_policies_glob",
    "group_policies",
    "identity_policies",
    "policies",
    "token_policies",
];

/// Parameter names in lower case, each with patterns for its value; no pattern at all means any value.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Parameters(BTreeMap<String, Vec<Value>>);

impl Parameters {
    /// Adds patterns to a name. Patterns given twice for one name are joined.
    pub fn insert(&mut self, name: &str, patterns: Vec<Value>) {
        self.0.entry(name.to_lowercase()).or_default().extend(patterns);
    }

    /// Whether nothing is restricted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a parameter is named here, by itself or among all.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        self.0.contains_key(ANY) || self.0.contains_key(&name.to_lowercase())
    }

    /// As denied parameters: the values of a parameter that are denied. Empty for every value, none for no value.
    pub(crate) fn denied(&self, name: &str) -> Option<&[Value]> {
        if self.0.contains_key(ANY) { Some(&[]) } else { self.0.get(&name.to_lowercase()).map(Vec::as_slice) }
    }

    /// As allowed parameters: the values of a parameter that are allowed. Empty for every value, none for no value.
    pub(crate) fn allowed(&self, name: &str) -> Option<&[Value]> {
        match self.0.get(&name.to_lowercase()) {
            // What `*` lists is for nobody: Vault lets every other parameter through whatever it is.
            Some(patterns) if name != ANY => Some(patterns),
            _ => (self.0.is_empty() || self.0.contains_key(ANY)).then_some(&[]),
        }
    }

    /// The names with their patterns, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Value])> {
        self.0.iter().map(|(name, patterns)| (name.as_str(), patterns.as_slice()))
    }

    /// Joins the parameters of another policy for the same path. “Any value” on either side wins.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (name, patterns) in &other.0 {
            match self.0.get_mut(name) {
                Some(own) if own.is_empty() || patterns.is_empty() => own.clear(),
                Some(own) => own.extend(patterns.iter().cloned()),
                None => {
                    self.0.insert(name.clone(), patterns.clone());
                }
            }
        }
    }

    /// The first parameter that these denied parameters refuse.
    pub(crate) fn first_denied<'a>(&self, data: &'a Map<String, Value>) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let denies_all = self.0.contains_key(ANY);
        let denied = |(name, value): &(&String, &Value)| {
            let name = name.to_lowercase();
            denies_all || self.0.get(&name).is_some_and(|patterns| is_denied(patterns, &folded(&name, value)))
        };
        data.iter().find(denied).map(|(name, _)| name.as_str())
    }

    /// The first parameter that these allowed parameters do not let through.
    pub(crate) fn first_not_allowed<'a>(&self, data: &'a Map<String, Value>) -> Option<&'a str> {
        let allows_all = self.0.contains_key(ANY);
        if self.0.is_empty() || (allows_all && self.0.len() == 1) {
            return None;
        }
        let refused = |(name, value): &(&String, &Value)| {
            let name = name.to_lowercase();
            match self.0.get(&name) {
                Some(patterns) => !is_allowed(patterns, &folded(&name, value)),
                None => !allows_all,
            }
        };
        data.iter().find(refused).map(|(name, _)| name.as_str())
    }
}

/// A list is allowed when each of its elements is, or as a whole. A text with commas may be a list to the engine, so it
/// is read both ways (Vault since 1.21); as a whole it has to be written out in the rule, because a `*` would let any
/// further element pass.
fn is_allowed(patterns: &[Value], value: &Value) -> bool {
    if patterns.is_empty() {
        return true;
    }
    match elements(value) {
        Some(elements) if elements.len() != 1 => {
            patterns.contains(value) || elements.iter().all(|element| matches_any(patterns, element))
        }
        Some(elements) => matches_any(patterns, value) || elements.iter().all(|it| matches_any(patterns, it)),
        None => matches_any(patterns, value),
    }
}

/// Names of policies as they will be taken.
fn folded<'v>(name: &str, value: &'v Value) -> Cow<'v, Value> {
    if !POLICY_NAMES.contains(&name) {
        return Cow::Borrowed(value);
    }
    match value {
        Value::String(text) => Cow::Owned(Value::String(text.trim().to_lowercase())),
        Value::Array(elements) => {
            Cow::Owned(elements.iter().map(|element| folded(name, element).into_owned()).collect())
        }
        _ => Cow::Borrowed(value),
    }
}

/// A list is denied as a whole, or when any of its elements is.
fn is_denied(patterns: &[Value], value: &Value) -> bool {
    patterns.is_empty()
        || matches_any(patterns, value)
        || elements(value).is_some_and(|elements| elements.iter().any(|element| matches_any(patterns, element)))
}

/// What the engine's coercion of lists would make of a value.
fn elements(value: &Value) -> Option<Cow<'_, [Value]>> {
    match value {
        Value::Array(elements) => Some(trimmed(elements)),
        Value::String(text) => Some(Cow::Owned(match serde_json::from_str(text) {
            Ok(Value::Array(elements)) => trimmed(&elements).into_owned(),
            _ => text.split(',').map(|part| Value::String(part.trim().to_owned())).collect(),
        })),
        _ => None,
    }
}

/// Elements as coercion trims them.
fn trimmed(elements: &[Value]) -> Cow<'_, [Value]> {
    let is_padded = |element: &Value| element.as_str().is_some_and(|text| text.trim() != text);
    if !elements.iter().any(is_padded) {
        return Cow::Borrowed(elements);
    }
    let trim = |element: &Value| element.as_str().map_or_else(|| element.clone(), |text| text.trim().into());
    Cow::Owned(elements.iter().map(trim).collect())
}

fn matches_any(patterns: &[Value], value: &Value) -> bool {
    patterns.iter().any(|pattern| matches(pattern, value))
}

/// Texts match with `*` at either end. Numbers and Booleans are compared by what they mean, so that `"3600"` cannot
/// slip past a rule about `3600`: engines take either. Everything else has to be equal.
fn matches(pattern: &Value, value: &Value) -> bool {
    match (pattern, scalar(value)) {
        (Value::String(pattern), Some(text)) => matches_text(pattern, &text),
        (Value::Number(pattern), Some(text)) => same_number(&pattern.to_string(), text.trim()),
        (Value::Bool(pattern), Some(text)) => text.trim() == if *pattern { "true" } else { "false" },
        _ => pattern == value,
    }
}

fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A single `*` is a text like any other: Vault's matching wants two characters at least.
fn matches_text(pattern: &str, text: &str) -> bool {
    if pattern.len() < 2 {
        return pattern == text;
    }
    match (pattern.strip_prefix(ANY), pattern.strip_suffix(ANY)) {
        (Some(rest), Some(_)) => text.contains(rest.strip_suffix(ANY).unwrap_or(rest)),
        (Some(end), None) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        (None, None) => pattern == text,
    }
}

/// Integers exactly, all other numbers as floating point.
fn same_number(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    if let (Ok(one), Ok(other)) = (one.parse::<i128>(), other.parse::<i128>()) {
        return one == other;
    }
    match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => one.is_finite() && one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests;

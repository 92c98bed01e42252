//! Which namespaces a role is for, by their labels: Kubernetes' LabelSelector, as JSON.

use std::collections::BTreeMap;

use framework::Error;
use serde::Deserialize;

/// The longest selector, in bytes, and how many conditions it can have.
const BYTES_MAX: usize = 16 * 1024;
const CONDITIONS_MAX: usize = 100;

/// Conditions on labels, all of which have to hold.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Selector {
    #[serde(default)]
    match_labels: BTreeMap<String, String>,
    #[serde(default)]
    match_expressions: Vec<Expression>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expression {
    key: String,
    operator: Operator,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is none.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let refuse =
            || Error::invalid("'bound_service_account_namespace_selector' must be a JSON object, a LabelSelector");
        let selector: Self = serde_json::from_str(text).map_err(|_| refuse())?;
        let is_fine = |it: &Expression| {
            let needs_values = matches!(it.operator, Operator::In | Operator::NotIn);
            !it.key.is_empty() && needs_values != it.values.is_empty()
        };
        let count = selector.match_labels.len() + selector.match_expressions.len();
        let is_bounded = text.len() <= BYTES_MAX && count <= CONDITIONS_MAX;
        if is_bounded && selector.match_expressions.iter().all(is_fine) { Ok(selector) } else { Err(refuse()) }
    }

    /// Whether these labels fit; an empty selector fits all (documented Kubernetes behavior).
    pub(super) fn admits(&self, labels: &BTreeMap<String, String>) -> bool {
        let fits = |it: &Expression| {
            let value = labels.get(&it.key);
            let is_among = value.is_some_and(|value| it.values.contains(value));
            match it.operator {
                Operator::In => is_among,
                Operator::NotIn => !is_among,
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        };
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(fits)
    }
}

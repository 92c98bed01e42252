//! What a configuration and a role may hold: everything here is read at each login.

use std::collections::BTreeMap;

use framework::Error;
use serde_json::{Map, Value};

use crate::names;

/// The most keys in PEM of a configuration: a token is tried with each.
pub(super) const PUBLIC_KEYS_MAX: usize = 100;
/// The most places that keys are fetched from: one token may lead to a look at each.
pub(super) const PAIRS_MAX: usize = 16;
/// The most items of a list in a role, and how long each may be, in bytes.
const ITEMS_MAX: usize = 256;
const ITEM_BYTES_MAX: usize = 2_048;
/// The most claims that a role asks for, or takes over.
const CLAIMS_MAX: usize = 64;
/// The longest name of a claim, or pointer to one, in bytes.
const CLAIM_BYTES_MAX: usize = 512;
/// The longest name of what is noted with a token: as with an alias of an entity.
const METADATA_KEY_BYTES_MAX: usize = 128;

/// A role's name as it is stored, in lower case.
pub(super) fn role_name(name: &str) -> Result<String, Error> {
    names::check("role", name)
}

/// A list of texts of a role or configuration.
pub(super) fn list(field: &str, items: &[String]) -> Result<Vec<String>, Error> {
    if items.len() > ITEMS_MAX || items.iter().any(|item| item.len() > ITEM_BYTES_MAX) {
        let text = format!("'{field}' has at most {ITEMS_MAX} items of {ITEM_BYTES_MAX} bytes");
        return Err(Error::Invalid(text.into()));
    }
    Ok(items.to_vec())
}

/// A text of a role or configuration.
pub(super) fn text(field: &str, text: &str) -> Result<String, Error> {
    if text.len() > ITEM_BYTES_MAX {
        return Err(Error::Invalid(format!("'{field}' has at most {ITEM_BYTES_MAX} bytes").into()));
    }
    Ok(text.to_owned())
}

/// Claims with the values that they must have.
pub(super) fn bound_claims(claims: &Map<String, Value>) -> Result<Map<String, Value>, Error> {
    let is_value = |value: &Value| matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
    let is_fine = |value: &Value| match value {
        Value::Array(values) => values.len() <= ITEMS_MAX && values.iter().all(is_value),
        value => is_value(value),
    };
    if claims.len() > CLAIMS_MAX || claims.keys().any(|name| name.len() > CLAIM_BYTES_MAX) {
        return Err(too_many("bound_claims"));
    }
    if !claims.values().all(is_fine) {
        let text = format!("each of 'bound_claims' has a string, number or boolean, or a list of at most {ITEMS_MAX}");
        return Err(Error::Invalid(text.into()));
    }
    Ok(claims.clone())
}

/// Claims with what they are noted as.
pub(super) fn claim_mappings(mappings: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error> {
    if mappings.len() > CLAIMS_MAX || mappings.keys().any(|name| name.len() > CLAIM_BYTES_MAX) {
        return Err(too_many("claim_mappings"));
    }
    let mut targets = std::collections::BTreeSet::new();
    for target in mappings.values() {
        if target == "role" {
            let text = "metadata key \"role\" is reserved and may not be a mapping destination";
            return Err(Error::invalid(text));
        }
        if target.is_empty() || target.len() > METADATA_KEY_BYTES_MAX {
            let text = format!("a metadata key of 'claim_mappings' has 1 to {METADATA_KEY_BYTES_MAX} bytes");
            return Err(Error::Invalid(text.into()));
        }
        if !targets.insert(target) {
            return Err(Error::Invalid(format!("multiple keys are mapped to metadata key {:?}", plain(target)).into()));
        }
    }
    Ok(mappings.clone())
}

/// Something that was sent in place of one of a few words, as it can be repeated in a complaint: nothing of it where it is
/// no plain word, for then it may be a secret that came to the wrong place.
pub(super) fn plain(word: &str) -> &str {
    let is_plain = word.len() <= 32 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_plain { word } else { "no plain word" }
}

fn too_many(field: &str) -> Error {
    Error::Invalid(format!("'{field}' has at most {CLAIMS_MAX} claims, with names of {CLAIM_BYTES_MAX} bytes").into())
}

//! What of a token's claims a role looks at: found by name or pointer, compared with what it asks for, taken over into
//! what is noted with a token. Pure; nothing here trusts or verifies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::entry::{Matching, RoleEntry};

/// The longest value that is noted with a token, in bytes, as with an alias of an entity.
const METADATA_VALUE_BYTES_MAX: usize = 512;
/// The longest name of an alias, in bytes.
const ALIAS_BYTES_MAX: usize = 1_024;
/// The most groups of one login.
const GROUPS_MAX: usize = 10_000;

/// Why claims are not those of a role.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misfit {
    /// Documented Vault text.
    #[error("claim {0:?} not found in token")]
    NoUser(String),
    /// Documented Vault text.
    #[error("claim {0:?} could not be converted to string")]
    NotText(String),
    /// It would not fit into an alias, or be somebody else's.
    #[error("claim {0:?} is empty, longer than an alias may be, or has white space around it")]
    UnusableUser(String),
    /// Documented Vault text.
    #[error("error converting claim '{0}' to string")]
    NotNoted(String),
    /// It would not fit into the token's metadata.
    #[error("claim '{0}' is longer than {METADATA_VALUE_BYTES_MAX} bytes, the most that is noted with a token")]
    TooLongToNote(String),
    /// Documented Vault text.
    #[error("failed to fetch groups: {0:?} claim not found in token")]
    NoGroups(String),
    /// Documented Vault text.
    #[error("failed to fetch groups: {0:?} claim could not be converted to string list")]
    NotGroups(String),
    /// There are too many.
    #[error("failed to fetch groups: {0:?} claim has more than {GROUPS_MAX} groups")]
    TooManyGroups(String),
    /// Documented Vault text.
    #[error("error validating claims: claim {0:?} is missing")]
    Missing(String),
    /// Documented Vault text.
    #[error("error validating claims: claim {0:?} does not match any associated bound claim values")]
    Mismatch(String),
}

/// Whom a role has found somebody to be.
#[derive(Serialize, Deserialize)]
pub(super) struct Identified {
    /// The name of their alias.
    pub(super) user: String,
    /// What is noted with the token.
    pub(super) metadata: BTreeMap<String, String>,
    /// All groups that they are said to be in.
    pub(super) groups: Vec<String>,
}

impl Identified {
    /// Somebody with these claims, if they are those of the role.
    ///
    /// # Errors
    /// When a claim is missing, or not as the role wants it.
    pub(super) fn by(claims: &Value, role: &RoleEntry) -> Result<Self, Misfit> {
        let user = user(claims, &role.user_claim, role.is_user_claim_pointer)?;
        let metadata = noted(claims, &role.claim_mappings)?;
        let groups = match role.groups_claim.as_str() {
            // Nothing to tell takes them out of what another role has told, as Vault does.
            "" => Vec::new(),
            claim => groups(claims, claim)?,
        };
        check_bound(claims, &role.bound_claims, role.bound_claims_type)?;
        Ok(Self { user, metadata, groups })
    }
}

/// What can be compared of a value.
#[derive(PartialEq, Eq)]
enum Atom<'v> {
    Text(&'v str),
    Bool(bool),
    /// Without its fraction, as Vault reads numbers of tokens.
    Number(i128),
}

/// A claim by its name, or by a JSON pointer (RFC 6901) when the name starts with `/`. Null is as good as nothing.
pub(super) fn find<'c>(claims: &'c Value, name: &str) -> Option<&'c Value> {
    let found = if name.starts_with('/') { claims.pointer(name) } else { claims.get(name) };
    found.filter(|value| !value.is_null())
}

/// Who it is, by the claim of this name.
fn user(claims: &Value, name: &str, is_pointer: bool) -> Result<String, Misfit> {
    let found = if is_pointer { find(claims, name) } else { claims.get(name).filter(|value| !value.is_null()) };
    let value = found.ok_or_else(|| Misfit::NoUser(name.to_owned()))?;
    let user = value.as_str().ok_or_else(|| Misfit::NotText(name.to_owned()))?;
    let is_usable =
        !user.is_empty() && user.trim() == user && user.len() <= ALIAS_BYTES_MAX && !user.contains(char::is_control);
    if is_usable { Ok(user.to_owned()) } else { Err(Misfit::UnusableUser(name.to_owned())) }
}

/// What is noted of the claims; those that are missing are passed over.
fn noted(claims: &Value, mappings: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Misfit> {
    let mut noted = BTreeMap::new();
    for (claim, name) in mappings {
        let Some(value) = find(claims, claim) else { continue };
        let text = value.as_str().ok_or_else(|| Misfit::NotNoted(claim.clone()))?;
        if text.len() > METADATA_VALUE_BYTES_MAX {
            return Err(Misfit::TooLongToNote(claim.clone()));
        }
        noted.insert(name.clone(), text.to_owned());
    }
    Ok(noted)
}

/// The names of groups in a claim: a list, or one. Empty ones are none.
fn groups(claims: &Value, claim: &str) -> Result<Vec<String>, Misfit> {
    let value = find(claims, claim).ok_or_else(|| Misfit::NoGroups(claim.to_owned()))?;
    let items = match value {
        Value::Array(items) => items.as_slice(),
        item => std::slice::from_ref(item),
    };
    if items.len() > GROUPS_MAX {
        return Err(Misfit::TooManyGroups(claim.to_owned()));
    }
    let names = items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
    let names = names.ok_or_else(|| Misfit::NotGroups(claim.to_owned()))?;
    Ok(names.into_iter().filter(|name| !name.is_empty()).collect())
}

/// Whether every claim that is asked for is there and has one of the values. Where there are several on either side, any
/// pair will do.
fn check_bound(claims: &Value, bound: &Map<String, Value>, matching: Matching) -> Result<(), Misfit> {
    for (name, wanted) in bound {
        let found = find(claims, name).ok_or_else(|| Misfit::Missing(name.clone()))?;
        let is_match =
            items(wanted).iter().any(|wanted| items(found).iter().any(|found| fits(wanted, found, matching)));
        if !is_match {
            return Err(Misfit::Mismatch(name.clone()));
        }
    }
    Ok(())
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        item => std::slice::from_ref(item),
    }
}

fn fits(wanted: &Value, found: &Value, matching: Matching) -> bool {
    match matching {
        Matching::String => atom(wanted).is_some_and(|wanted| atom(found).is_some_and(|found| wanted == found)),
        Matching::Glob => match (wanted, found) {
            (Value::String(pattern), Value::String(text)) => is_glob_match(pattern, text),
            _ => false,
        },
    }
}

fn atom(value: &Value) -> Option<Atom<'_>> {
    match value {
        Value::String(text) => Some(Atom::Text(text)),
        Value::Bool(value) => Some(Atom::Bool(*value)),
        Value::Number(number) => {
            // Every number of JSON is cut to a whole one, and one that is beyond any use is the largest there is.
            #[expect(clippy::cast_possible_truncation, reason = "it saturates, and so do both sides")]
            let cut = || number.as_f64().map(|number| number as i128);
            number.to_string().parse().ok().or_else(cut).map(Atom::Number)
        }
        _ => None,
    }
}

/// Whether a text is as a pattern says, in which `*` stands for anything. Never looks at the text more than once for each
/// character of the pattern.
pub(super) fn is_glob_match(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    // The earliest place for each part leaves the most for those behind it.
    for part in middle.split('*') {
        let Some(start) = text.find(part) else { return false };
        text = text.get(start + part.len()..).unwrap_or_default();
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests;

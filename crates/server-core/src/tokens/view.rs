//! What a token lookup tells.

use framework::view::from_stored;
use serde_json::{Value, json};

use super::entry::{TokenEntry, TokenState};
use super::kind::Kind;

/// A token as a lookup shows it.
pub(crate) struct Shown<'t> {
    pub(crate) kind: Kind,
    pub(crate) entry: &'t TokenEntry,
    pub(crate) state: &'t TokenState,
    /// The text that the caller sent, or empty for a lookup by accessor.
    pub(crate) id: &'t str,
    /// Whether no parent is left.
    pub(crate) is_orphan: bool,
    /// What is left of a use-limited token's uses.
    pub(crate) uses: u64,
}

/// The fields of a lookup.
pub(crate) fn lookup(shown: &Shown<'_>, now: i64) -> Value {
    let Shown { kind, entry, state, id, is_orphan, uses } = *shown;
    let mut data = json!({
        "id": id,
        "accessor": entry.accessor,
        "policies": entry.policies,
        "path": entry.path,
        "meta": entry.meta,
        "display_name": entry.display_name,
        "num_uses": uses,
        "orphan": is_orphan,
        "creation_time": from_stored(entry.created).unix_secs(),
        "creation_ttl": entry.ttl_secs,
        "expire_time": state.expires.map(|nanos| from_stored(nanos).to_string()),
        "ttl": state.remaining(now).as_secs(),
        "explicit_max_ttl": entry.explicit_max_ttl_secs,
        "entity_id": entry.entity_id,
        "type": kind.name(),
    });
    if let Some(fields) = data.as_object_mut() {
        optional(fields, entry, state.renewed);
        if state.expires.is_some() {
            fields.insert("issue_time".to_owned(), json!(from_stored(entry.created).to_string()));
            fields.insert("renewable".to_owned(), json!(entry.is_renewable));
        }
    }
    data
}

fn optional(fields: &mut serde_json::Map<String, Value>, entry: &TokenEntry, renewed: Option<i64>) {
    if !entry.role.is_empty() {
        fields.insert("role".to_owned(), json!(entry.role));
    }
    if !entry.bound_cidrs.is_empty() {
        fields.insert("bound_cidrs".to_owned(), json!(entry.bound_cidrs));
    }
    if entry.period_secs > 0 {
        fields.insert("period".to_owned(), json!(entry.period_secs));
    }
    if let Some(renewed) = renewed.map(from_stored) {
        fields.insert("last_renewal".to_owned(), json!(renewed.to_string()));
        fields.insert("last_renewal_time".to_owned(), json!(renewed.unix_secs()));
    }
}

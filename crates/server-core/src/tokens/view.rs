//! What a token lookup tells.

use framework::view::from_stored;
use serde_json::{Value, json};

use super::Stored;
use super::entry::TokenEntry;
use super::kind::Kind;

/// The fields of a lookup. `id` is the text that the caller sent, or empty for a lookup by accessor; `is_orphan` is
/// whether no parent is left; `uses` is what is left of a use-limited token's uses.
pub(crate) fn lookup(stored: &Stored, id: &str, is_orphan: bool, uses: u64, now: i64) -> Value {
    let (entry, state) = (&stored.entry.value, &stored.state.value);
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
        "type": Kind::Service.name(),
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

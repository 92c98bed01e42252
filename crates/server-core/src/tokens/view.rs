//! What a token lookup tells.

use std::collections::BTreeMap;

use api::Timestamp;
use framework::view::from_stored;
use framework::{Error, Reply};
use serde::Serialize;
use serde_json::value::RawValue;

use super::entry::{TokenEntry, TokenState};
use super::kind::Kind;
use crate::cidr::Cidr;

/// A token as a lookup shows it.
pub(crate) struct Shown<'t> {
    /// The path of its namespace; empty for the root.
    pub(crate) namespace_path: &'t str,
    pub(crate) kind: Kind,
    pub(crate) entry: &'t TokenEntry,
    pub(crate) state: &'t TokenState,
    /// The text that the caller sent, or empty for a lookup by accessor.
    pub(crate) id: &'t str,
    /// Whether no parent is left.
    pub(crate) is_orphan: bool,
    /// What is left of a use-limited token's uses.
    pub(crate) uses: u64,
    /// What its entity gives it on top of its own policies.
    pub(crate) identity_policies: &'t [String],
}

/// The fields of a lookup, in the order of the alphabet, as in every reply: printed as they are.
#[derive(Serialize)]
struct Fields<'t> {
    accessor: &'t str,
    #[serde(skip_serializing_if = "<[Cidr]>::is_empty")]
    bound_cidrs: &'t [Cidr],
    creation_time: i64,
    creation_ttl: u64,
    display_name: &'t str,
    entity_id: &'t str,
    expire_time: Option<Timestamp>,
    explicit_max_ttl: u64,
    /// Groups of one namespace give nothing in another.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_namespace_policies: Option<BTreeMap<String, String>>,
    id: &'t str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    identity_policies: &'t [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    issue_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_renewal: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_renewal_time: Option<i64>,
    meta: Option<&'t BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace_path: &'t str,
    num_uses: u64,
    orphan: bool,
    path: &'t str,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<u64>,
    policies: &'t [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    renewable: Option<bool>,
    #[serde(skip_serializing_if = "str::is_empty")]
    role: &'t str,
    ttl: u64,
    r#type: &'static str,
}

/// The reply to a lookup.
pub(crate) fn lookup(shown: &Shown<'_>, now: i64) -> Result<Reply, Error> {
    let Shown { namespace_path, kind, entry, state, id, is_orphan, uses, identity_policies } = *shown;
    let created = from_stored(entry.created);
    let renewed = state.renewed.map(from_stored);
    let fields = Fields {
        accessor: &entry.accessor,
        bound_cidrs: &entry.bound_cidrs,
        creation_time: created.unix_secs(),
        creation_ttl: entry.ttl_secs,
        display_name: &entry.display_name,
        entity_id: &entry.entity_id,
        expire_time: state.expires.map(from_stored),
        explicit_max_ttl: entry.explicit_max_ttl_secs,
        external_namespace_policies: (!identity_policies.is_empty()).then(BTreeMap::new),
        id,
        identity_policies,
        issue_time: state.expires.map(|_| created),
        last_renewal: renewed,
        last_renewal_time: renewed.map(Timestamp::unix_secs),
        meta: entry.meta.as_ref(),
        namespace_path,
        num_uses: uses,
        orphan: is_orphan,
        path: &entry.path,
        period: Some(entry.period_secs).filter(|secs| *secs > 0),
        policies: &entry.policies,
        renewable: state.expires.map(|_| entry.is_renewable),
        role: &entry.role,
        ttl: state.remaining(now).as_secs(),
        r#type: kind.name(),
    };
    let text = api::json::to_string(&fields).and_then(RawValue::from_string);
    text.map(Reply::raw).map_err(|source| Error::world("encode a token", source))
}

#[cfg(test)]
mod tests;

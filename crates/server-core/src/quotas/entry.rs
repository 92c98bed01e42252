//! What is stored of quotas, and how their keys are read.

use serde::{Deserialize, Serialize};
use storage::Key;

use crate::keys;

/// What is limited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Requests of a client in an interval.
    RateLimit,
    /// Leases that there are at a time.
    LeaseCount,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::RateLimit, Self::LeaseCount];

    /// As in paths and keys.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RateLimit => "rate-limit",
            Self::LeaseCount => "lease-count",
        }
    }
}

/// `core/quotas`: how many quotas there are, and how they are applied. Absent: none, and the defaults.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct QuotasEntry {
    pub(crate) v: u32,
    #[serde(default)]
    pub(crate) rate_limits: u64,
    #[serde(default)]
    pub(crate) lease_counts: u64,
    /// Whether the audit log has a record of what a rate limit refuses.
    #[serde(default)]
    pub(crate) audits_refusals: bool,
    /// Whether answers tell how much the client may still ask.
    #[serde(default)]
    pub(crate) tells_in_headers: bool,
    /// What paths that no rate limit holds for begin with, in every namespace.
    pub(crate) exempt: Vec<String>,
    /// The same, with the namespace in front.
    #[serde(default)]
    pub(crate) absolute_exempt: Vec<String>,
}

/// The paths that are exempt unless an operator says otherwise (documented Vault behavior): what it takes to see how a
/// node is, and to open it.
const EXEMPT: [&str; 7] = [
    "sys/generate-recovery-token/attempt",
    "sys/generate-recovery-token/update",
    "sys/generate-root/attempt",
    "sys/generate-root/update",
    "sys/health",
    "sys/seal-status",
    "sys/unseal",
];

impl Default for QuotasEntry {
    fn default() -> Self {
        Self {
            v: 1,
            rate_limits: 0,
            lease_counts: 0,
            audits_refusals: false,
            tells_in_headers: false,
            exempt: EXEMPT.map(str::to_owned).to_vec(),
            absolute_exempt: Vec::new(),
        }
    }
}

impl QuotasEntry {
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.count(kind) > 0
    }

    pub(crate) fn count(&self, kind: Kind) -> u64 {
        match kind {
            Kind::RateLimit => self.rate_limits,
            Kind::LeaseCount => self.lease_counts,
        }
    }

    pub(crate) fn set_count(&mut self, kind: Kind, count: u64) {
        match kind {
            Kind::RateLimit => self.rate_limits = count,
            Kind::LeaseCount => self.lease_counts = count,
        }
    }

    /// Whether rate limits leave a path alone. `path` is that in the namespace, `full` the whole one.
    pub(crate) fn exempts(&self, path: &str, full: &str) -> bool {
        let begins = |names: &[String], path: &str| names.iter().any(|name| path.starts_with(name));
        begins(&self.exempt, path) || begins(&self.absolute_exempt, full)
    }
}

/// A quota.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RuleEntry {
    pub(crate) v: u32,
    /// Another one with each write, so that what was counted under the old terms does not count under the new ones.
    pub(crate) id: String,
    pub(crate) name: String,
    /// Whether it holds in namespaces below that have none of their own.
    pub(crate) is_inheritable: bool,
    /// Of a rate limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<RateEntry>,
    /// Of a lease count: how many leases there may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) leases: Option<u64>,
}

/// How often a client may ask.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct RateEntry {
    pub(crate) rate: f64,
    pub(crate) interval_secs: u64,
    /// For how long a client is refused that has asked too often; zero is until the interval is over.
    pub(crate) block_secs: u64,
}

/// Where the quota of a name is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct NameEntry {
    pub(crate) v: u32,
    /// The id of the namespace.
    pub(crate) ns: String,
    /// The UUID of the mount; none when it is for the whole namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mount: Option<String>,
    /// See [`Spot`].
    pub(crate) spot: String,
}

impl NameEntry {
    pub(crate) fn key(&self, kind: Kind) -> Result<Key, framework::Error> {
        let mount = self.mount.as_deref().unwrap_or(keys::QUOTA_OF_NAMESPACE);
        keys::quota(&self.ns, mount, kind.name(), &self.spot)
    }
}

/// Which part of a mount a quota is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Spot<'t> {
    /// All of it.
    Whole,
    /// Logins for one role.
    Role(&'t str),
    /// One path behind the mount path; with `*` at its end, all that begin so.
    Path(&'t str),
}

impl<'t> Spot<'t> {
    pub(crate) const WHOLE: &'static str = "whole";

    pub(crate) fn text(&self) -> String {
        match self {
            Self::Whole => Self::WHOLE.to_owned(),
            Self::Role(role) => ["role/", role].concat(),
            Self::Path(path) => ["path/", path].concat(),
        }
    }

    pub(crate) fn parse(text: &'t str) -> Option<Self> {
        if text == Self::WHOLE {
            return Some(Self::Whole);
        }
        match text.split_once('/')? {
            ("role", role) => Some(Self::Role(role)),
            ("path", path) => Some(Self::Path(path)),
            _ => None,
        }
    }
}

/// What the key of a mount's quota says behind its prefix.
pub(super) fn parse_spot<'k>(key: &'k Key, prefix: &Key) -> Option<(Kind, Spot<'k>)> {
    let rest = std::str::from_utf8(key.as_bytes().get(prefix.as_bytes().len()..)?).ok()?;
    let (kind, spot) = rest.split_once('/')?;
    let kind = Kind::ALL.into_iter().find(|it| it.name() == kind)?;
    Some((kind, Spot::parse(spot)?))
}

//! Which quota holds for a request: the most specific one, and no other. Pure: no storage, no clock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use storage::Revision;

use super::counts::LeaseCount;
use super::entry::{Kind, RateEntry, RuleEntry, Spot};

/// The quotas that can hold for requests to one mount.
pub(crate) struct Rules {
    /// Of `core/quotas`, when they were read.
    pub(super) revision: Option<Revision>,
    pub(crate) rates: Table<Rate>,
    pub(crate) counts: Table<LeaseCount>,
}

/// Those of one kind.
pub(crate) struct Table<T> {
    roles: HashMap<String, Arc<T>>,
    paths: HashMap<String, Arc<T>>,
    /// What paths begin with, the longest first.
    globs: Vec<(String, Arc<T>)>,
    mount: Option<Arc<T>>,
    /// That of the namespace, or the nearest above that is handed down.
    above: Option<Arc<T>>,
}

/// How often each client may ask.
#[derive(Debug)]
pub(crate) struct Rate {
    pub(crate) id: u128,
    /// How many requests in an interval, at least one.
    pub(crate) limit: u32,
    pub(crate) interval: Duration,
    /// Zero: nobody is blocked for longer than the interval lasts.
    pub(crate) block: Duration,
}

impl Rules {
    pub(super) fn new(revision: Option<Revision>) -> Self {
        Self { revision, rates: Table::default(), counts: Table::default() }
    }

    /// The one of the namespace, or what is handed down to it from the namespace `ns`.
    pub(super) fn set_above(&mut self, kind: Kind, ns: &str, entry: &RuleEntry) {
        match kind {
            Kind::RateLimit => self.rates.above = Rate::new(entry).map(Arc::new),
            Kind::LeaseCount => self.counts.above = LeaseCount::new(entry, ns, None).map(Arc::new),
        }
    }

    /// One of the mount `uuid` in the namespace `ns`.
    pub(super) fn add(&mut self, kind: Kind, (ns, uuid): (&str, &str), spot: Spot<'_>, entry: &RuleEntry) {
        match kind {
            Kind::RateLimit => self.rates.add(spot, Rate::new(entry)),
            Kind::LeaseCount => self.counts.add(spot, LeaseCount::new(entry, ns, Some(uuid))),
        }
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { roles: HashMap::new(), paths: HashMap::new(), globs: Vec::new(), mount: None, above: None }
    }
}

impl<T> Table<T> {
    fn add(&mut self, spot: Spot<'_>, rule: Option<T>) {
        let Some(rule) = rule.map(Arc::new) else { return };
        match spot {
            Spot::Whole => self.mount = Some(rule),
            Spot::Role(role) => drop(self.roles.insert(role.to_owned(), rule)),
            Spot::Path(path) => match path.strip_suffix('*') {
                Some(start) => {
                    self.globs.push((start.to_owned(), rule));
                    self.globs.sort_by_key(|(start, _)| std::cmp::Reverse(start.len()));
                }
                None => drop(self.paths.insert(path.to_owned(), rule)),
            },
        }
    }

    /// Whether it makes a difference which role a login is for.
    pub(crate) fn asks_for_roles(&self) -> bool {
        !self.roles.is_empty()
    }

    /// The quota for a request to this path behind the mount path: that of its role, of its path, of the longest glob
    /// that its path matches, of the mount, of the namespace, of the nearest namespace above that hands it down
    /// (documented Vault behavior).
    pub(crate) fn choose(&self, path: &str, role: Option<&str>) -> Option<&Arc<T>> {
        let path = path.trim_end_matches('/');
        let of_role = || self.roles.get(role?);
        let of_glob = || self.globs.iter().find(|(start, _)| path.starts_with(start)).map(|(_, rule)| rule);
        of_role().or_else(|| self.paths.get(path)).or_else(of_glob).or(self.mount.as_ref()).or(self.above.as_ref())
    }
}

impl Rate {
    /// `None` for an entry that is damaged: it limits nobody.
    fn new(entry: &RuleEntry) -> Option<Self> {
        let RateEntry { rate, interval_secs, block_secs } = entry.rate?;
        Some(Self {
            id: parse_id(&entry.id)?,
            limit: limit(rate),
            interval: Duration::from_secs(interval_secs.max(1)),
            block: Duration::from_secs(block_secs),
        })
    }
}

/// The whole number of requests that a rate allows: rounded, and never none.
pub(crate) fn limit(rate: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates, and a rate is positive")]
    let limit = rate.round() as u32;
    limit.max(1)
}

/// A UUID as a number.
pub(super) fn parse_id(id: &str) -> Option<u128> {
    u128::from_str_radix(&id.replace('-', ""), 16).ok()
}

#[cfg(test)]
mod tests;

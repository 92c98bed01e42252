//! Making, changing, showing and deleting quotas. Every change rewrites `core/quotas` in the same commit, so that two
//! nodes cannot make two quotas for one thing, and the number of quotas is always true.

use barrier::Changes;
use framework::view::{COMMIT_TRIES, Listing};
use framework::{Error, Kind as EngineKind, Namespace, View};
use serde_json::{Value, json};
use storage::{Expectation, Key, KeyRange, Revision};

use super::entry::{Kind, NameEntry, QuotasEntry, RateEntry, RuleEntry, Spot};
use super::{Quotas, Shown};
use crate::keys;
use crate::mounts::LiveMount;
use crate::store::{Found, Lost, encode};

/// The most quotas of a kind.
const QUOTAS_MAX: u64 = 100_000;
/// The most quotas for parts of one mount: all of them are read together.
const OF_MOUNT_MAX: usize = 1_000;
/// The highest rate, in requests an interval.
const RATE_MAX: f64 = 1e9;
/// The longest interval and the longest block, in seconds: a year.
const SECS_MAX: u64 = 366 * 24 * 3600;
/// The most leases that a quota can allow: counting them is bounded by it.
const LEASES_MAX: u64 = 100_000_000;
/// The most exempt paths of a kind, and how long one may be, in bytes.
const EXEMPT_MAX: usize = 1_000;
const EXEMPT_BYTES_MAX: usize = 1_024;

/// A quota as an operator wants it.
pub(crate) struct Wanted {
    /// Of a namespace, a mount, or something in a mount; empty for everything.
    pub(crate) path: String,
    pub(crate) role: String,
    pub(crate) is_inheritable: Option<bool>,
    pub(crate) limit: Limit,
}

/// What it allows.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    Rate(RateEntry),
    /// So many leases.
    Leases(u64),
}

/// How quotas are to be applied.
pub(crate) struct Config {
    pub(crate) audits_refusals: bool,
    pub(crate) tells_in_headers: bool,
    pub(crate) exempt: Vec<String>,
    pub(crate) absolute_exempt: Vec<String>,
}

/// What a quota is for, with what its commit expects.
struct Target {
    name: NameEntry,
    is_inheritable: bool,
    alive: Vec<(Key, Revision)>,
}

impl Limit {
    fn kind(self) -> Kind {
        match self {
            Self::Rate(_) => Kind::RateLimit,
            Self::Leases(_) => Kind::LeaseCount,
        }
    }

    fn check(self) -> Result<(), Error> {
        match self {
            Self::Rate(rate) if rate.rate.is_nan() || rate.rate <= 0.0 || rate.rate > RATE_MAX => {
                Err(Error::Invalid(format!("'rate' is invalid: it is above 0 and at most {RATE_MAX}").into()))
            }
            Self::Rate(rate) if rate.interval_secs > SECS_MAX || rate.block_secs > SECS_MAX => {
                Err(Error::invalid("'interval' and 'block_interval' are a year at most"))
            }
            Self::Leases(most) if !(1..=LEASES_MAX).contains(&most) => {
                let text = format!("'max_leases' is invalid: it is at least 1 and at most {LEASES_MAX}");
                Err(Error::Invalid(text.into()))
            }
            Self::Rate(_) | Self::Leases(_) => Ok(()),
        }
    }
}

impl Quotas {
    /// Makes the quota of this name what is wanted, whatever it was.
    pub(crate) async fn write(&self, name: &str, wanted: &Wanted) -> Result<(), Error> {
        wanted.limit.check()?;
        for _ in 0..COMMIT_TRIES {
            let changes = self.writing(name, wanted).await?;
            match self.store.commit(changes).await {
                Ok(_) => return Ok(()),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    async fn writing(&self, name: &str, wanted: &Wanted) -> Result<Changes, Error> {
        let kind = wanted.limit.kind();
        let mut changes = Changes::new();
        // Read first: what is read after it is of no older moment, and the commit expects that it has not changed.
        let all = self.store.get::<QuotasEntry>(&keys::QUOTAS).await?;
        let target = self.target(wanted).await?;
        let (name_key, key) = (keys::quota_name(kind.name(), name)?, target.name.key(kind)?);
        let there = self.store.get::<RuleEntry>(&key).await?;
        if let Some(other) = there.as_ref().filter(|there| there.value.name != name) {
            let other = &other.value.name;
            let text = format!("a quota for the same thing has the name \"{other}\"");
            return Err(Error::Invalid(text.into()));
        }
        let known = self.store.get::<NameEntry>(&name_key).await?;
        if known.is_none() {
            self.check_room(all.as_ref(), kind, &target.name).await?;
        }
        if let Some(old) = known.as_ref().filter(|known| known.value != target.name) {
            let old = old.value.key(kind)?;
            match self.store.revisions_of([old.clone()]).await? {
                [Some(revision)] => changes.delete(old, revision),
                [None] => changes.expect(Expectation::Absent(old)),
            };
        }
        let (rate, leases) = match wanted.limit {
            Limit::Rate(rate) => (Some(rate), None),
            Limit::Leases(most) => (None, Some(most)),
        };
        let (id, is_inheritable) = (self.env.uuid(), target.is_inheritable);
        let entry = RuleEntry { v: 1, id, name: name.to_owned(), is_inheritable, rate, leases };
        changes.set(key, there.map(|there| there.revision), encode(&entry)?);
        changes.set(name_key, known.as_ref().map(|known| known.revision), encode(&target.name)?);
        for (key, revision) in target.alive {
            changes.expect(Expectation::At(key, revision));
        }
        set_count(&mut changes, all, kind, i64::from(known.is_none()))?;
        Ok(changes)
    }

    async fn check_room(&self, all: Option<&Found<QuotasEntry>>, kind: Kind, at: &NameEntry) -> Result<(), Error> {
        if all.is_some_and(|all| all.value.count(kind) >= QUOTAS_MAX) {
            return Err(Error::Invalid(format!("there are {QUOTAS_MAX} {} quotas, the most", kind.name()).into()));
        }
        let Some(mount) = &at.mount else { return Ok(()) };
        let range = KeyRange::prefix(&keys::quotas_of_mount(&at.ns, mount)?);
        let (page, _) = self.store.keys(range, OF_MOUNT_MAX).await?;
        if page.len() >= OF_MOUNT_MAX {
            return Err(Error::Invalid(format!("the mount has {OF_MOUNT_MAX} quotas, the most").into()));
        }
        Ok(())
    }

    /// What a path means: a namespace, a mount in one, or a path in a mount.
    async fn target(&self, wanted: &Wanted) -> Result<Target, Error> {
        let path = [wanted.path.trim_matches('/'), "/"].concat();
        let root = self.mounts.namespaces.root();
        let (place, behind) = match path.as_str() {
            "/" => (root, ""),
            path => self.mounts.namespaces.below(&root, path).await?,
        };
        let namespace = &place.namespace;
        let mut alive = vec![self.alive(namespace).await?];
        let (mount, spot) = if behind.is_empty() {
            if !wanted.role.is_empty() {
                let text = "a quota with a role is for an auth method: \"path\" has to be where one is mounted";
                return Err(Error::invalid(text));
            }
            (None, Spot::WHOLE.to_owned())
        } else {
            let found = self.mounts.find(&namespace.id, behind).await?;
            let missing = || Error::Invalid(format!("invalid mount path \"{}\"", behind.trim_end_matches('/')).into());
            let (mount, behind) = found.ok_or_else(missing)?;
            let spot = spot(&mount, behind.trim_matches('/'), &wanted.role)?;
            alive.push(mount.liveness.clone());
            (Some(mount.uuid.clone()), spot)
        };
        let is_inheritable = match (wanted.is_inheritable, namespace.path.is_empty() && mount.is_none()) {
            (Some(false), true) => return Err(Error::invalid("a quota for everything is always inheritable")),
            (Some(true), _) if mount.is_some() => {
                return Err(Error::invalid("only the quota of a namespace can be inheritable"));
            }
            (wanted, is_global) => wanted.unwrap_or(is_global),
        };
        Ok(Target { name: NameEntry { v: 1, ns: namespace.id.clone(), mount, spot }, is_inheritable, alive })
    }

    async fn alive(&self, namespace: &Namespace) -> Result<(Key, Revision), Error> {
        let key = keys::namespace_live(&namespace.id)?;
        let [revision] = self.store.revisions_of([key.clone()]).await?;
        // Gone: it was deleted while this was under way.
        Ok((key, revision.ok_or_else(|| Error::invalid("the namespace is being deleted"))?))
    }

    /// What there is to tell of a quota. One whose mount or namespace is gone is gone, whether it has been cleared away
    /// or not.
    pub(crate) async fn read(&self, kind: Kind, name: &str) -> Result<Option<Shown>, Error> {
        let Some(at) = self.store.get::<NameEntry>(&keys::quota_name(kind.name(), name)?).await? else {
            return Ok(None);
        };
        let at = at.value;
        let Some(rule) = self.store.get::<RuleEntry>(&at.key(kind)?).await? else { return Ok(None) };
        let Some((path, role)) = self.path(&at).await? else { return Ok(None) };
        let rule = rule.value;
        let mut shown = Shown::from([
            ("type", json!(kind.name())),
            ("name", json!(name)),
            ("path", json!(path)),
            ("role", json!(role)),
            ("inheritable", json!(rule.is_inheritable)),
        ]);
        if let Some(RateEntry { rate, interval_secs, block_secs }) = rule.rate {
            shown.insert("rate", number(rate));
            shown.insert("interval", json!(interval_secs));
            shown.insert("block_interval", json!(block_secs));
        }
        if let Some(most) = rule.leases {
            shown.insert("max_leases", json!(most));
            shown.insert("counter", json!(self.counted(&at, &rule).await?));
        }
        Ok(Some(shown))
    }

    /// The whole path and the role, as an operator writes them today: the mount may have moved since.
    async fn path(&self, at: &NameEntry) -> Result<Option<(String, String)>, Error> {
        let Some(home) = self.mounts.namespaces.home(&at.ns).await? else { return Ok(None) };
        let mut path = home.namespace.path.clone();
        let mut role = String::new();
        if let Some(uuid) = &at.mount {
            let Some(mount) = self.mounts.load(&at.ns, uuid).await? else { return Ok(None) };
            if mount.engine.kind() == EngineKind::Auth {
                path.push_str("auth/");
            }
            path.push_str(&mount.settings.path);
            match Spot::parse(&at.spot) {
                Some(Spot::Path(behind)) => path.push_str(behind),
                Some(Spot::Role(of)) => of.clone_into(&mut role),
                Some(Spot::Whole) | None => {}
            }
        }
        Ok(Some((path, role)))
    }

    /// Removes a quota; no error when there is none.
    pub(crate) async fn delete(&self, kind: Kind, name: &str) -> Result<(), Error> {
        let name_key = keys::quota_name(kind.name(), name)?;
        for _ in 0..COMMIT_TRIES {
            let all = self.store.get::<QuotasEntry>(&keys::QUOTAS).await?;
            let Some(at) = self.store.get::<NameEntry>(&name_key).await? else { return Ok(()) };
            let mut changes = Changes::new();
            let key = at.value.key(kind)?;
            changes.delete(name_key.clone(), at.revision);
            match self.store.revisions_of([key.clone()]).await? {
                [Some(revision)] => changes.delete(key, revision),
                [None] => changes.expect(Expectation::Absent(key)),
            };
            set_count(&mut changes, all, kind, -1)?;
            match self.store.commit(changes).await {
                Ok(_) => return Ok(()),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// The names of the quotas of a kind, sorted.
    pub(crate) async fn names(&self, kind: Kind, listing: &Listing) -> Result<Vec<String>, Error> {
        View::new(self.store.barrier().clone(), keys::quota_names(kind.name()), Vec::new()).list("", listing).await
    }

    /// How quotas are applied.
    pub(crate) async fn config(&self) -> Result<QuotasEntry, Error> {
        let found = self.store.get::<QuotasEntry>(&keys::QUOTAS).await?;
        Ok(found.map(|found| found.value).unwrap_or_default())
    }

    /// Changes how quotas are applied.
    pub(crate) async fn configure(&self, config: Config) -> Result<(), Error> {
        let exempt = paths("rate_limit_exempt_paths", config.exempt)?;
        let absolute_exempt = paths("absolute_rate_limit_exempt_paths", config.absolute_exempt)?;
        for _ in 0..COMMIT_TRIES {
            let found = self.store.get::<QuotasEntry>(&keys::QUOTAS).await?;
            let (known, entry) = found.map(|found| (Some(found.revision), found.value)).unwrap_or_default();
            let entry = QuotasEntry {
                audits_refusals: config.audits_refusals,
                tells_in_headers: config.tells_in_headers,
                exempt: exempt.clone(),
                absolute_exempt: absolute_exempt.clone(),
                ..entry
            };
            let mut changes = Changes::new();
            changes.set(keys::QUOTAS.clone(), known, encode(&entry)?);
            match self.store.commit(changes).await {
                Ok(_) => return Ok(()),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }
}

/// Rewrites `core/quotas`: whoever has it as it was looks again.
pub(super) fn set_count(
    changes: &mut Changes,
    all: Option<Found<QuotasEntry>>,
    kind: Kind,
    more: i64,
) -> Result<(), Error> {
    let (known, mut all) = all.map(|all| (Some(all.revision), all.value)).unwrap_or_default();
    all.set_count(kind, all.count(kind).saturating_add_signed(more));
    changes.set(keys::QUOTAS.clone(), known, encode(&all)?);
    Ok(())
}

/// Which part of a mount is meant.
fn spot(mount: &LiveMount, behind: &str, role: &str) -> Result<String, Error> {
    if role.is_empty() {
        let spot = if behind.is_empty() { Spot::Whole } else { Spot::Path(behind) };
        return Ok(spot.text());
    }
    if !behind.is_empty() {
        let text = "a quota has a role or a path in a mount, not both: with a role, \"path\" is where an auth method is mounted";
        return Err(Error::invalid(text));
    }
    let path = &mount.settings.path;
    if mount.engine.kind() != EngineKind::Auth {
        let text = format!("mount path \"{path}\" has no roles: it is no auth method");
        return Err(Error::Invalid(text.into()));
    }
    if !mount.engine.has_roles() {
        let text = format!("mount path \"auth/{path}\" has no roles that a quota could be for");
        return Err(Error::Invalid(text.into()));
    }
    Ok(Spot::Role(role).text())
}

/// Paths as requests are compared with them.
fn paths(name: &str, paths: Vec<String>) -> Result<Vec<String>, Error> {
    if paths.len() > EXEMPT_MAX || paths.iter().any(|path| path.len() > EXEMPT_BYTES_MAX) {
        let text = format!("{name}: at most {EXEMPT_MAX} paths of {EXEMPT_BYTES_MAX} bytes each");
        return Err(Error::Invalid(text.into()));
    }
    let paths = paths.into_iter().map(|path| {
        let path = path.trim().trim_start_matches('/');
        path.strip_suffix('*').unwrap_or(path).to_owned()
    });
    Ok(paths.filter(|path| !path.is_empty()).collect())
}

/// A number as Go writes it: a whole one without a fraction.
fn number(number: f64) -> Value {
    serde_json::from_str(&number.to_string()).unwrap_or(Value::Null)
}

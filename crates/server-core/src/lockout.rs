//! The lockout of users: who logs in with bad credentials too often gets no further try for a while.
//!
//! Failures are counted in memory, in a table of bounded size. When they reach the threshold an entry is stored, so that
//! a lock holds on every node and survives a restart. Where several nodes share the store, what each has counted is
//! merged into that entry at most once a second for each user. Time is that of the monotonic clock as long as a node
//! knows when it saw a lock first: a wall clock that jumps neither opens a lock nor keeps it closed, not even that of
//! another node, which may take the entry away. Who lets somebody in again leaves word of it, for nodes that remember.
//!
//! Whether a user exists is never asked: a name that nobody has is counted and locked like any other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use env::Env;
use framework::Error;
use framework::view::to_stored;
use storage::Key;

use crate::keys;
use crate::mounts::LiveMount;
use crate::mounts::entry::Settings;
use crate::store::Store;

mod entry;
pub(crate) mod list;
mod store;
pub(crate) mod sweep;
mod tries;

use tries::{Tries, Try};

/// The types of auth methods whose users are locked out (documented Vault behavior).
pub(crate) const TYPES: [&str; 3] = ["userpass", "ldap", "approle"];
/// After how many failures, for how long, and after how much quiet they are forgotten (documented Vault defaults).
const THRESHOLD: u64 = 5;
const DURATION: Duration = Duration::from_secs(15 * 60);
const COUNTER_RESET: Duration = Duration::from_secs(15 * 60);
/// The longest name that is counted, in bytes. No engine has a user with a longer one.
const USER_BYTES_MAX: usize = 512;
/// How often what a node has counted of one user is shared with others.
const MERGE_EVERY: Duration = Duration::from_secs(1);
/// How many locks a node stores in a minute. Whoever makes up names faster than that locks them in memory alone, and
/// cannot fill the store.
const STORED_A_MINUTE_MAX: u32 = 1_000;

/// What the configuration says of one type of auth method, or of all. What is not set is left to others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockoutSettings {
    /// After how many failures a user is locked out.
    pub threshold: Option<u64>,
    /// For how long.
    pub duration: Option<Duration>,
    /// After how much time without a failure the count begins anew.
    pub counter_reset: Option<Duration>,
    /// Whether nobody is locked out.
    pub is_disabled: Option<bool>,
}

/// What the configuration says of the lockout of users, by type of auth method; `all` is for those that are not named.
pub type LockoutDefaults = BTreeMap<String, LockoutSettings>;

/// Who has failed, and who is locked out.
pub(crate) struct Lockout {
    store: Store,
    env: Env,
    defaults: LockoutDefaults,
    tries: Tries,
    stored: Mutex<Stored>,
}

/// How many locks were stored in a minute.
#[derive(Default)]
struct Stored {
    minute: u64,
    count: u32,
}

/// When users of a mount are locked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) threshold: u64,
    pub(crate) duration: Duration,
    pub(crate) counter_reset: Duration,
}

/// A login under way.
pub(crate) struct Attempt {
    rules: Rules,
    user: User,
}

/// Whose login it is.
#[derive(Clone)]
struct User {
    ns: String,
    mount: Arc<LiveMount>,
    name: String,
}

impl User {
    fn key(&self) -> Result<Key, Error> {
        keys::login(&self.ns, &self.mount.uuid, &self.name)
    }
}

impl Lockout {
    pub(crate) fn new(store: Store, env: Env, defaults: LockoutDefaults) -> Self {
        Self { store, env, defaults, tries: Tries::new(), stored: Mutex::default() }
    }

    /// What holds for the users of a mount; none when nobody is locked out there. The mount's own tuning goes before what
    /// the configuration says of its type, and that before what it says of all.
    pub(crate) fn rules(&self, settings: &Settings) -> Option<Rules> {
        if !TYPES.contains(&settings.engine_type.as_str()) {
            return None;
        }
        let own = settings.tuning.user_lockout.as_ref().map(|own| LockoutSettings {
            threshold: Some(own.threshold).filter(|threshold| *threshold > 0),
            duration: Some(Duration::from_secs(own.duration_secs)).filter(|duration| !duration.is_zero()),
            counter_reset: Some(Duration::from_secs(own.counter_reset_secs)).filter(|reset| !reset.is_zero()),
            is_disabled: Some(own.is_disabled),
        });
        let lines: Vec<_> =
            own.iter().chain(self.defaults.get(&settings.engine_type)).chain(self.defaults.get("all")).collect();
        if lines.iter().find_map(|line| line.is_disabled) == Some(true) {
            return None;
        }
        Some(Rules {
            threshold: lines.iter().find_map(|line| line.threshold).unwrap_or(THRESHOLD),
            duration: lines.iter().find_map(|line| line.duration).unwrap_or(DURATION),
            counter_reset: lines.iter().find_map(|line| line.counter_reset).unwrap_or(COUNTER_RESET),
        })
    }

    /// Lets a login be tried, unless its user is locked out.
    ///
    /// # Errors
    /// [`Error::Denied`] for who is locked out, whoever it is.
    pub(crate) async fn enter(
        &self,
        rules: Rules,
        ns: &str,
        mount: &Arc<LiveMount>,
        name: String,
    ) -> Result<Option<Attempt>, Error> {
        if name.is_empty() || name.len() > USER_BYTES_MAX {
            return Ok(None);
        }
        let user = User { ns: ns.to_owned(), mount: Arc::clone(mount), name };
        let [revision] = self.store.revisions_of([user.key()?]).await?;
        let known = self.tries.get(&user.mount.uuid, &user.name);
        if known.as_ref().and_then(|known| known.seen) != revision {
            self.read(&rules, &user).await?;
        }
        let now = self.env.monotonic();
        let known = self.tries.get(&user.mount.uuid, &user.name).unwrap_or_default();
        match known.locked {
            None => {}
            Some(since) if now.saturating_sub(since) < rules.duration => return Err(Error::Denied),
            Some(_) => self.forgive(&rules, &user).await?,
        }
        Ok(Some(Attempt { rules, user }))
    }

    /// Counts a login that failed for its credentials.
    ///
    /// # Errors
    /// When the lock that it leads to cannot be stored; it holds on this node all the same.
    pub(crate) async fn failed(&self, attempt: &Attempt) -> Result<(), Error> {
        let Attempt { rules, user } = attempt;
        let now = self.env.monotonic();
        let counted = self.tries.change(&user.mount.uuid, &user.name, |known| {
            if known.failures() > 0 && now.saturating_sub(known.last) > rules.counter_reset {
                *known = Try { seen: known.seen, unlocked: known.unlocked, ..Try::default() };
            }
            known.pending += 1;
            known.last = now;
            if known.failures() >= rules.threshold && known.locked.is_none() {
                known.locked = Some(now);
            }
            known.clone()
        });
        let is_shared = !self.store.barrier().is_sole_writer();
        let is_old = counted.merged_at.is_none_or(|at| now.saturating_sub(at) >= MERGE_EVERY);
        let is_locked = counted.locked.is_some();
        if (is_locked || (is_shared && is_old)) && self.may_store(now) {
            return self.merge(rules, user).await;
        }
        Ok(())
    }

    /// Forgets the failures of a user who has proven to be the one.
    ///
    /// # Errors
    /// When what is stored of them cannot be removed.
    pub(crate) async fn succeeded(&self, attempt: &Attempt) -> Result<(), Error> {
        self.forgive(&attempt.rules, &attempt.user).await
    }

    /// Whether one more entry may be stored now.
    fn may_store(&self, now: Duration) -> bool {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.as_secs() / 60;
        if stored.minute != minute {
            *stored = Stored { minute, count: 0 };
        }
        stored.count = stored.count.saturating_add(1);
        stored.count <= STORED_A_MINUTE_MAX
    }

    fn now_nanos(&self) -> i64 {
        to_stored(self.env.now().into())
    }

    /// Drops what is known; the server is being sealed.
    pub(crate) fn forget(&self) {
        self.tries.clear();
    }
}

#[cfg(test)]
mod tests;

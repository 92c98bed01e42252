//! Between what a node remembers of a user and what is stored: reading it, merging into it, taking it away.

use barrier::Changes;
use framework::Error;
use framework::view::COMMIT_TRIES;
use storage::{Expectation, Revision};

use super::entry::{LoginEntry, age};
use super::tries::Try;
use super::{Lockout, Rules, User, sweep};
use crate::keys;
use crate::store::{Lost, encode};
use crate::tokens::create::nanos;

impl Lockout {
    /// Takes over what is stored of a user, who may have been locked out or unlocked elsewhere.
    pub(super) async fn read(&self, user: &User) -> Result<(), Error> {
        let found = self.store.get::<LoginEntry>(&user.key()?).await?;
        let (now, wall) = (self.env.monotonic(), self.now_nanos());
        let Some(found) = found else {
            // It was there, and somebody has taken it away: all is forgiven.
            self.tries.remove(&user.mount.uuid, &user.name);
            return Ok(());
        };
        self.tries.change(&user.mount.uuid, &user.name, |known| {
            known.seen = Some(found.revision);
            known.merged = found.value.failures;
            known.last = known.last.max(now.saturating_sub(age(wall, found.value.last)));
            known.locked = match (found.value.locked, known.locked) {
                (None, _) => None,
                // What was seen here before is known better than by the wall clock.
                (Some(_), Some(since)) => Some(since),
                (Some(since), None) => Some(now.saturating_sub(age(wall, since))),
            };
        });
        Ok(())
    }

    /// Adds what was counted here to what is stored, and stores the lock if there is one.
    pub(super) async fn merge(&self, rules: &Rules, user: &User) -> Result<(), Error> {
        let key = user.key()?;
        for _ in 0..COMMIT_TRIES {
            let found = self.store.get::<LoginEntry>(&key).await?;
            let (now, wall) = (self.env.monotonic(), self.now_nanos());
            let known = self.tries.get(&user.mount.uuid, &user.name).unwrap_or_default();
            let base = found.as_ref().map(|found| &found.value);
            let base = base.filter(|entry| entry.locked.is_some() || age(wall, entry.last) <= rules.counter_reset);
            let failures = base.map_or(0, |entry| entry.failures).saturating_add(known.pending);
            let is_locked = known.locked.is_some() || failures >= rules.threshold;
            let locked = base.and_then(|entry| entry.locked).or(is_locked.then_some(wall));
            let kept = if is_locked { rules.duration } else { rules.counter_reset };
            let until = wall.saturating_add(nanos(kept));
            let entry = LoginEntry { v: 1, failures, last: wall, locked, until };
            let (ns, uuid) = (user.ns.as_str(), user.mount.uuid.as_str());
            let mut changes = Changes::new();
            let (live, revision) = user.mount.liveness.clone();
            changes.expect(Expectation::At(live, revision));
            changes.set(key.clone(), found.as_ref().map(|found| found.revision), encode(&entry)?);
            if found.is_none() {
                let line = keys::due(until, ns, sweep::DUE_KIND, &[uuid, "/", &user.name].concat())?;
                let [left] = self.store.revisions_of([line.clone()]).await?;
                changes.set(line, left, Vec::new());
            }
            match self.store.commit(changes).await {
                Ok(receipt) => {
                    self.tries.change(uuid, &user.name, |now_known| {
                        now_known.seen = Some(receipt.revision);
                        now_known.merged = failures;
                        now_known.pending = now_known.pending.saturating_sub(known.pending);
                        now_known.merged_at = Some(now);
                        now_known.locked =
                            now_known.locked.or(locked.map(|since| now.saturating_sub(age(wall, since))));
                    });
                    return Ok(());
                }
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// Takes away what is known and stored of a user. The line in the due index goes when its time comes.
    pub(super) async fn forgive(&self, user: &User) -> Result<(), Error> {
        let known = self.tries.get(&user.mount.uuid, &user.name);
        if known.as_ref().is_some_and(|known: &Try| known.seen.is_some()) {
            self.remove(&user.ns, &user.mount.uuid, &user.name).await?;
        }
        self.tries.remove(&user.mount.uuid, &user.name);
        Ok(())
    }

    /// Takes away what is stored of a user; tells whether there was anything.
    pub(super) async fn remove(&self, ns: &str, uuid: &str, name: &str) -> Result<bool, Error> {
        let key = keys::login(ns, uuid, name)?;
        for _ in 0..COMMIT_TRIES {
            let [Some(revision)]: [Option<Revision>; 1] = self.store.revisions_of([key.clone()]).await? else {
                return Ok(false);
            };
            let mut changes = Changes::new();
            changes.delete(key.clone(), revision);
            match self.store.commit(changes).await {
                Ok(_) => return Ok(true),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }
}

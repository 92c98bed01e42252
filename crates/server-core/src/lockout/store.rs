//! Between what a node remembers of a user and what is stored: reading it, merging into it, taking it away.

use std::time::Duration;

use barrier::Changes;
use framework::Error;
use framework::view::COMMIT_TRIES;
use storage::Expectation;

use super::entry::{LoginEntry, age};
use super::tries::Try;
use super::{Lockout, Rules, User, sweep};
use crate::keys;
use crate::store::{Found, Lost, encode};
use crate::tokens::create::nanos;

impl Lockout {
    /// Takes over what is stored of a user, who may have been locked out or unlocked elsewhere.
    pub(super) async fn read(&self, rules: &Rules, user: &User) -> Result<(), Error> {
        let (uuid, name) = (user.mount.uuid.as_str(), user.name.as_str());
        if let Some(found) = self.store.get::<LoginEntry>(&user.key()?).await? {
            self.take_over(rules, uuid, name, &found);
            return Ok(());
        }
        let locked = self.tries.get(uuid, name).and_then(|known| known.locked);
        match locked.filter(|since| self.is_on(rules, *since)) {
            Some(_) => self.tries.change(uuid, name, |known| (known.seen, known.merged) = (None, 0)),
            None => self.tries.remove(uuid, name),
        }
        Ok(())
    }

    /// Whether a lock that was seen here first then is not over. Its entry may have been taken away, and made again
    /// without the lock, by somebody for whom its time was over, if only because a clock has jumped: it lasts here until
    /// it is over here, or word comes that the user was let in again.
    fn is_on(&self, rules: &Rules, since: Duration) -> bool {
        self.env.monotonic().saturating_sub(since) < rules.duration
    }

    fn take_over(&self, rules: &Rules, uuid: &str, name: &str, found: &Found<LoginEntry>) {
        let (now, wall) = (self.env.monotonic(), self.now_nanos());
        let Found { value: entry, revision } = found;
        self.tries.change(uuid, name, |known| {
            if entry.is_news(known.unlocked) {
                *known = Try { unlocked: entry.unlocked, ..Try::default() };
            }
            known.seen = Some(*revision);
            known.merged = entry.failures;
            known.last = known.last.max(now.saturating_sub(age(wall, entry.last)));
            known.locked = match (entry.locked, known.locked) {
                (None, since) => since.filter(|since| self.is_on(rules, *since)),
                // What was seen here before is known better than by the wall clock.
                (Some(_), Some(since)) => Some(since),
                (Some(since), None) => Some(now.saturating_sub(age(wall, since))),
            };
        });
    }

    /// How much longer a lock lasts that was seen here, if there is one, whatever the wall clock says of its entry.
    pub(super) fn lasts(&self, uuid: &str, name: &str, entry: &LoginEntry) -> Option<Duration> {
        let since = self.tries.get(uuid, name)?.locked?;
        let kept = age(entry.until, entry.last);
        let left = kept.saturating_sub(self.env.monotonic().saturating_sub(since));
        Some(left).filter(|left| !left.is_zero())
    }

    /// Adds what was counted here to what is stored, and stores the lock if there is one.
    pub(super) async fn merge(&self, rules: &Rules, user: &User) -> Result<(), Error> {
        let key = user.key()?;
        for _ in 0..COMMIT_TRIES {
            let found = self.store.get::<LoginEntry>(&key).await?;
            let (now, wall) = (self.env.monotonic(), self.now_nanos());
            let mut known = self.tries.get(&user.mount.uuid, &user.name).unwrap_or_default();
            if let Some(found) = found.as_ref().filter(|found| found.value.is_news(known.unlocked)) {
                // A lock from before must not be stored again.
                self.take_over(rules, &user.mount.uuid, &user.name, found);
                known = self.tries.get(&user.mount.uuid, &user.name).unwrap_or_default();
            }
            let base = found.as_ref().map(|found| &found.value);
            let base = base.filter(|entry| entry.locked.is_some() || age(wall, entry.last) <= rules.counter_reset);
            let failures = base.map_or(0, |entry| entry.failures).saturating_add(known.pending);
            let is_locked = known.locked.is_some() || failures >= rules.threshold;
            let locked = base.and_then(|entry| entry.locked).or(is_locked.then_some(wall));
            let kept = if is_locked { rules.duration } else { rules.counter_reset };
            let unlocked = found.as_ref().and_then(|found| found.value.word_of_unlock(wall, rules.duration));
            let until = wall.saturating_add(nanos(kept)).max(unlocked.as_ref().map_or(0, |word| word.until));
            let unlocked = unlocked.and_then(|word| word.unlocked);
            let entry = LoginEntry { v: 1, failures, last: wall, locked, unlocked, until };
            let uuid = user.mount.uuid.as_str();
            let mut changes = Changes::new();
            let (live, revision) = user.mount.liveness.clone();
            changes.expect(Expectation::At(live, revision));
            changes.set(key.clone(), found.as_ref().map(|found| found.revision), encode(&entry)?);
            if found.is_none() {
                self.promise(&mut changes, user, until).await?;
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

    /// That an entry is looked at again when its time is over.
    async fn promise(&self, changes: &mut Changes, user: &User, until: i64) -> Result<(), Error> {
        let id = [&user.mount.uuid, "/", &user.name].concat();
        let line = keys::due(until, &user.ns, sweep::DUE_KIND, &id)?;
        let [left] = self.store.revisions_of([line.clone()]).await?;
        changes.set(line, left, Vec::new());
        Ok(())
    }

    /// Takes away what is known and stored of a user. The line in the due index goes when its time comes.
    pub(super) async fn forgive(&self, rules: &Rules, user: &User) -> Result<(), Error> {
        let known = self.tries.get(&user.mount.uuid, &user.name);
        if known.as_ref().is_some_and(|known: &Try| known.seen.is_some()) {
            let wall = self.now_nanos();
            self.reduce(user, |entry| entry.and_then(|entry| entry.word_of_unlock(wall, rules.duration))).await?;
        }
        self.tries.remove(&user.mount.uuid, &user.name);
        Ok(())
    }

    /// Takes away what is known and stored of a user, and where other nodes may remember a lock leaves word that it is
    /// over; tells whether there was anything.
    pub(super) async fn release(&self, rules: &Rules, user: &User) -> Result<bool, Error> {
        let is_alone = self.store.barrier().is_sole_writer();
        let word = (!is_alone).then(|| LoginEntry::unlocked_at(self.now_nanos(), rules.duration));
        let was_stored = self.reduce(user, |_| word.clone()).await?;
        let was_known = self.tries.get(&user.mount.uuid, &user.name).is_some_and(|known| known.failures() > 0);
        self.tries.remove(&user.mount.uuid, &user.name);
        Ok(was_stored || was_known)
    }

    /// Leaves of what is stored of a user what `rest` says; tells whether there was any failure.
    async fn reduce(
        &self,
        user: &User,
        rest: impl Fn(Option<&LoginEntry>) -> Option<LoginEntry> + Send,
    ) -> Result<bool, Error> {
        let key = user.key()?;
        for _ in 0..COMMIT_TRIES {
            let found = self.store.get::<LoginEntry>(&key).await?;
            let rest = rest(found.as_ref().map(|found| &found.value));
            let has_failed = found.as_ref().is_some_and(|found| found.value.failures > 0);
            if found.as_ref().map(|found| &found.value) == rest.as_ref() {
                return Ok(has_failed);
            }
            let known = found.map(|found| found.revision);
            let mut changes = Changes::new();
            match (rest, known) {
                (Some(rest), known) => {
                    let (live, revision) = user.mount.liveness.clone();
                    changes.expect(Expectation::At(live, revision));
                    changes.set(key.clone(), known, encode(&rest)?);
                    if known.is_none() {
                        self.promise(&mut changes, user, rest.until).await?;
                    }
                }
                (None, Some(revision)) => {
                    changes.delete(key.clone(), revision);
                }
                (None, None) => return Ok(false),
            }
            match self.store.commit(changes).await {
                Ok(_) => return Ok(has_failed),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }
}

//! Named keys: made, changed, rotated, removed; and what they sign.
//!
//! A named key is one entry, so that of two nodes that rotate it one is a moment too late and finds it done. The key that
//! signs next is published from the start, and one that has signed stays published until nothing that it signed is valid:
//! both while something uses the key ([`super::published`]).

use std::time::Duration;

use barrier::Changes;
use framework::Error;
use framework::view::Listing;
use jose::{Algorithm, Pair, jws};
use serde_json::{Map, Value};
use storage::{Expectation, Revision};

use super::entry::{KeyEntry, Retired};
use super::{ANY, DUE_KIND, Kind, Oidc, check_name, checked_list};
use crate::due::{Line, drop_line};
use crate::identity::again;
use crate::keys;
use crate::store::{Found, Lost, encode};
use crate::tokens::create::nanos;

/// What keys can be for: what Vault's can.
pub(super) const ALGORITHMS: [Algorithm; 7] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
    Algorithm::EdDsa,
];
/// The key that is there without being made. It comes into being when it is first used.
pub(super) const DEFAULT: &str = "default";
/// The most named keys of a namespace, without the default one: all of them may be published in one document.
const KEYS_MAX: usize = 256;
/// How many keys that signed once one named key has at most.
const PREVIOUS_MAX: usize = 64;
/// How often a key is rotated, and how long it is published then, if nobody says it: a day (documented Vault default).
const PERIOD_SECS: u64 = 24 * 3600;
/// The shortest time between two rotations (documented Vault limit).
const PERIOD_SECS_MIN: u64 = 60;
/// How much longer than that a key may be published (documented Vault limit).
const VERIFICATION_PERIODS_MAX: u64 = 10;
/// How far the clocks of nodes may be apart, in seconds, before what one has written is taken for a mistake.
const CLOCK_SKEW_SECS: u64 = 60;
/// What is changed of a key; what is absent stays.
#[derive(Clone, Default)]
pub(super) struct KeyChange {
    pub(super) rotation: Option<Duration>,
    pub(super) verification: Option<Duration>,
    pub(super) algorithm: Option<String>,
    pub(super) allowed_client_ids: Option<Vec<String>>,
}

/// A key without its keys.
pub(super) struct KeySettings {
    pub(super) algorithm: Algorithm,
    pub(super) rotation_secs: u64,
    pub(super) verification_secs: u64,
    pub(super) allowed_client_ids: Vec<String>,
}

/// A key for something that is about to use it.
pub(super) struct KeyToUse {
    pub(super) settings: KeySettings,
    /// None for the default one before it is there.
    revision: Option<Revision>,
}

impl KeySettings {
    fn new(name: &str) -> Self {
        let allowed_client_ids = if name == DEFAULT { vec![ANY.to_owned()] } else { Vec::new() };
        let (rotation_secs, verification_secs) = (PERIOD_SECS, PERIOD_SECS);
        Self { algorithm: Algorithm::Rs256, rotation_secs, verification_secs, allowed_client_ids }
    }

    fn change(&mut self, change: &KeyChange) -> Result<(), Error> {
        if let Some(rotation) = change.rotation {
            self.rotation_secs = rotation.as_secs();
        }
        if let Some(verification) = change.verification {
            self.verification_secs = verification.as_secs();
        }
        if let Some(name) = &change.algorithm {
            let unknown = || Error::Invalid(format!("unknown signing algorithm {name:?}").into());
            self.algorithm = Algorithm::parse(name).filter(|it| ALGORITHMS.contains(it)).ok_or_else(unknown)?;
        }
        if let Some(ids) = &change.allowed_client_ids {
            self.allowed_client_ids = checked_list("allowed_client_ids", ids)?;
        }
        if self.rotation_secs < PERIOD_SECS_MIN {
            return Err(Error::invalid("rotation_period must be at least one minute"));
        }
        check_verification(self.verification_secs, self.rotation_secs)
    }
}

impl From<&KeyEntry> for KeySettings {
    fn from(entry: &KeyEntry) -> Self {
        Self {
            algorithm: entry.algorithm,
            rotation_secs: entry.rotation_secs,
            verification_secs: entry.verification_secs,
            allowed_client_ids: entry.allowed_client_ids.clone(),
        }
    }
}

impl KeyEntry {
    /// Puts the key that signs among those that did.
    fn retire(&mut self, by: Pair, now: i64, verification_secs: u64) {
        let before = std::mem::replace(&mut self.current, by);
        let expires = now.saturating_add(nanos(Duration::from_secs(verification_secs)));
        self.previous.retain(|key| key.expires > now);
        self.previous.push(Retired { public: before.public, expires });
    }

    /// The next key signs, and `fresh` is the next one.
    fn rotate(&mut self, fresh: Pair, now: i64, verification_secs: u64) {
        let next = std::mem::replace(&mut self.next, fresh);
        self.retire(next, now, verification_secs);
        self.rotates = now.saturating_add(nanos(Duration::from_secs(self.rotation_secs)));
    }

    /// Whether somebody's clock was ahead when the time of the next rotation was written.
    fn is_ahead(&self, now: i64) -> bool {
        self.rotates > latest_rotation(self.rotation_secs, now)
    }

    /// Refuses to have one more key stop to sign.
    fn check_previous(&self, name: &str, now: i64) -> Result<(), Error> {
        if self.previous.iter().filter(|key| key.expires > now).count() < PREVIOUS_MAX {
            return Ok(());
        }
        let text = format!("{PREVIOUS_MAX} earlier keys of {name:?} are still published: wait until some expire");
        Err(Error::Invalid(text.into()))
    }
}

impl Oidc {
    /// The settings of a key; the default one has some before it is there.
    pub(super) async fn key_settings(&self, ns: &str, name: &str) -> Result<Option<KeySettings>, Error> {
        match self.named::<KeyEntry>(ns, Kind::Key, name).await? {
            Some(found) => Ok(Some(KeySettings::from(&found.value))),
            None => Ok((name == DEFAULT).then(|| KeySettings::new(name))),
        }
    }

    /// A key that signs for something that uses it.
    pub(super) async fn key_in_use(&self, ns: &str, name: &str) -> Result<Option<KeyEntry>, Error> {
        let found = self.named::<KeyEntry>(ns, Kind::Key, name).await?.map(|found| found.value);
        if found.as_ref().is_some_and(|key| key.is_ahead(self.now_nanos())) {
            self.pull_back(ns, name).await;
        }
        Ok(found)
    }

    /// A key for something that is about to use it, as far as that can be told without making the default one.
    pub(super) async fn key_to_use(&self, ns: &str, name: &str) -> Result<Option<KeyToUse>, Error> {
        let found = self.named::<KeyEntry>(ns, Kind::Key, name).await?;
        let revision = found.as_ref().map(|found| found.revision);
        let settings = match found {
            Some(found) => KeySettings::from(&found.value),
            None if name == DEFAULT => KeySettings::new(name),
            None => return Ok(None),
        };
        Ok(Some(KeyToUse { settings, revision }))
    }

    /// Adds to a commit that a key is used: it has to be as it was found, and the default one is made with whatever uses it
    /// first, so that nothing that is refused leaves it behind.
    pub(super) async fn use_key(
        &self,
        ns: &str,
        name: &str,
        key: &KeyToUse,
        fresh: &mut Option<(Pair, Pair)>,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let Some(revision) = key.revision else {
            return self.add_key(ns, name, &key.settings, fresh, changes).await;
        };
        changes.expect(Expectation::At(keys::oidc(ns, Kind::Key.word(), name)?, revision));
        Ok(())
    }

    async fn add_key(
        &self,
        ns: &str,
        name: &str,
        settings: &KeySettings,
        fresh: &mut Option<(Pair, Pair)>,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        if name != DEFAULT {
            self.check_room(ns).await?;
        }
        let rotates = self.now_nanos().saturating_add(nanos(Duration::from_secs(settings.rotation_secs)));
        let (current, next) = self.pairs(settings.algorithm, fresh).await?;
        self.move_line(ns, name, None, rotates, changes).await?;
        let entry = new_entry(settings, current, next, rotates);
        changes.create(keys::oidc(ns, Kind::Key.word(), name)?, encode(&entry)?);
        Ok(())
    }

    /// Makes or changes a key. Another algorithm needs other keys: the present one is published until nothing that it
    /// signed is valid.
    pub(super) async fn write_key(&self, ns: &str, name: &str, change: &KeyChange) -> Result<(), Error> {
        check_name(Kind::Key, name)?;
        let mut fresh = None;
        again!(self.try_write_key(ns, name, change, &mut fresh))
    }

    async fn try_write_key(
        &self,
        ns: &str,
        name: &str,
        change: &KeyChange,
        fresh: &mut Option<(Pair, Pair)>,
    ) -> Result<(), Lost> {
        // Before the keys are counted: whatever makes another one meanwhile turns it, and this is tried again.
        let epoch = self.key_epoch(ns).await?;
        let found = self.named::<KeyEntry>(ns, Kind::Key, name).await?;
        let mut settings =
            found.as_ref().map_or_else(|| KeySettings::new(name), |found| KeySettings::from(&found.value));
        settings.change(change)?;
        let mut changes = self.changes(ns).await?;
        let Some(Found { value: mut entry, revision }) = found else {
            self.add_key(ns, name, &settings, fresh, &mut changes).await?;
            epoch.turn(&mut changes);
            self.commit(changes).await?;
            return Ok(());
        };
        if entry.verification_secs > settings.verification_secs {
            self.expect_short_uses(ns, name, settings.verification_secs, &mut changes).await?;
        }
        let now = self.now_nanos();
        if entry.algorithm != settings.algorithm {
            entry.check_previous(name, now)?;
            let (current, next) = self.pairs(settings.algorithm, fresh).await?;
            entry.retire(current, now, settings.verification_secs);
            entry.next = next;
        }
        if entry.rotation_secs != settings.rotation_secs || entry.is_ahead(now) {
            let rotates = now.saturating_add(nanos(Duration::from_secs(settings.rotation_secs)));
            self.move_line(ns, name, Some(entry.rotates), rotates, &mut changes).await?;
            entry.rotates = rotates;
        }
        entry.algorithm = settings.algorithm;
        entry.rotation_secs = settings.rotation_secs;
        entry.verification_secs = settings.verification_secs;
        entry.allowed_client_ids = settings.allowed_client_ids;
        changes.replace(keys::oidc(ns, Kind::Key.word(), name)?, revision, encode(&entry)?);
        epoch.turn(&mut changes);
        self.commit(changes).await?;
        Ok(())
    }

    /// Adds to a commit that no tokens live longer which a key signs than it is published from now on, or says of what they
    /// are.
    async fn expect_short_uses(&self, ns: &str, name: &str, secs: u64, changes: &mut Changes) -> Result<(), Error> {
        for (by, ttl) in [(Kind::Role, "a token ttl"), (Kind::Client, "an id_token_ttl")] {
            if !self.expect_no_longer_use(ns, name, by, secs, changes).await? {
                let by = by.word();
                let text = format!(
                    "unable to update key {name:?} because it is currently referenced by one or more {by}s with {ttl} greater than {secs} seconds"
                );
                return Err(Error::Invalid(text.into()));
            }
        }
        Ok(())
    }

    async fn check_room(&self, ns: &str) -> Result<(), Error> {
        // One more than the bound, because the default one is not counted.
        let listing = Listing { after: String::new(), limit: Some(KEYS_MAX + 1) };
        let names = self.names(ns, Kind::Key, None, &listing).await?;
        if names.iter().filter(|name| *name != DEFAULT).count() < KEYS_MAX {
            return Ok(());
        }
        Err(Error::Invalid(format!("a namespace can have {KEYS_MAX} keys at most").into()))
    }

    /// The key that signs and the next one, made once for all tries.
    async fn pairs(&self, algorithm: Algorithm, fresh: &mut Option<(Pair, Pair)>) -> Result<(Pair, Pair), Error> {
        if let Some(pairs) = fresh.take_if(|(current, _)| current.public.alg == algorithm) {
            return Ok(fresh.insert(pairs).clone());
        }
        let current = self.maker.make(algorithm, self.env.uuid()).await?;
        let next = self.maker.make(algorithm, self.env.uuid()).await?;
        Ok(fresh.insert((current, next)).clone())
    }

    /// Adds to a commit the line that has a key rotated, in place of the one before.
    async fn move_line(
        &self,
        ns: &str,
        name: &str,
        before: Option<i64>,
        rotates: i64,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        if before == Some(rotates) {
            return Ok(());
        }
        if let Some(before) = before {
            self.delete_if_there(due(ns, name, before)?, changes).await?;
        }
        let line = due(ns, name, rotates)?;
        let [known] = self.store.revisions_of([line.clone()]).await?;
        changes.set(line, known, Vec::new());
        Ok(())
    }

    /// Removes a key that nobody uses; no error when there is none.
    pub(super) async fn delete_key(&self, ns: &str, name: &str) -> Result<(), Error> {
        if name == DEFAULT {
            return Err(Error::Invalid(format!("deletion of key {name:?} not allowed").into()));
        }
        again!(self.try_delete_key(ns, name))
    }

    async fn try_delete_key(&self, ns: &str, name: &str) -> Result<(), Lost> {
        let epoch = self.key_epoch(ns).await?;
        let Some(found) = self.named::<KeyEntry>(ns, Kind::Key, name).await? else { return Ok(()) };
        let mut changes = self.changes(ns).await?;
        epoch.turn(&mut changes);
        self.expect_unused(ns, Kind::Key, name, &[Kind::Role, Kind::Client], &mut changes).await?;
        changes.delete(keys::oidc(ns, Kind::Key.word(), name)?, found.revision);
        self.delete_if_there(due(ns, name, found.value.rotates)?, &mut changes).await?;
        self.commit(changes).await?;
        Ok(())
    }

    /// Has the next key sign from now on. `verification` is how long the present one is still published, if not as long
    /// as the key says.
    pub(super) async fn rotate_key(&self, ns: &str, name: &str, verification: Option<Duration>) -> Result<(), Error> {
        let mut fresh = None;
        again!(self.try_rotate_key(ns, name, verification, &mut fresh))
    }

    async fn try_rotate_key(
        &self,
        ns: &str,
        name: &str,
        verification: Option<Duration>,
        fresh: &mut Option<Pair>,
    ) -> Result<(), Lost> {
        let epoch = self.key_epoch(ns).await?;
        let Some(found) = self.named::<KeyEntry>(ns, Kind::Key, name).await? else {
            return self.rotate_default(ns, name, verification).await;
        };
        let (mut entry, now) = (found.value, self.now_nanos());
        entry.check_previous(name, now)?;
        let verification_secs = verification.map_or(entry.verification_secs, |ttl| ttl.as_secs());
        check_verification(verification_secs, entry.rotation_secs)?;
        let before = entry.rotates;
        let mut changes = self.changes(ns).await?;
        let next = self.one(entry.algorithm, fresh).await?;
        entry.rotate(next, now, verification_secs);
        self.move_line(ns, name, Some(before), entry.rotates, &mut changes).await?;
        changes.replace(keys::oidc(ns, Kind::Key.word(), name)?, found.revision, encode(&entry)?);
        epoch.turn(&mut changes);
        self.commit(changes).await?;
        Ok(())
    }

    /// The rotation of a key that is not there: the default one is made, which nothing was signed with yet.
    async fn rotate_default(&self, ns: &str, name: &str, verification: Option<Duration>) -> Result<(), Lost> {
        let unknown = || Error::Invalid(format!("no key named {name:?}").into());
        let epoch = self.key_epoch(ns).await?;
        let key = self.key_to_use(ns, name).await?.ok_or_else(unknown)?;
        let verification_secs = verification.map_or(key.settings.verification_secs, |ttl| ttl.as_secs());
        check_verification(verification_secs, key.settings.rotation_secs)?;
        let mut changes = self.changes(ns).await?;
        self.use_key(ns, name, &key, &mut None, &mut changes).await?;
        epoch.turn(&mut changes);
        self.commit(changes).await?;
        Ok(())
    }

    async fn one(&self, algorithm: Algorithm, fresh: &mut Option<Pair>) -> Result<Pair, Error> {
        match fresh.take().filter(|pair| pair.public.alg == algorithm) {
            Some(pair) => Ok(fresh.insert(pair).clone()),
            None => Ok(fresh.insert(self.maker.make(algorithm, self.env.uuid()).await?).clone()),
        }
    }

    /// Rotates the key of a line whose time has come. A line that is not the key's any more goes.
    pub(super) async fn rotate_if_due(&self, ns: &str, name: &str, line: &Line) -> Result<(), Error> {
        let mut fresh = None;
        again!(self.try_rotate_if_due(ns, name, line, &mut fresh))
    }

    async fn try_rotate_if_due(&self, ns: &str, name: &str, line: &Line, fresh: &mut Option<Pair>) -> Result<(), Lost> {
        let epoch = self.key_epoch(ns).await?;
        let found = self.named::<KeyEntry>(ns, Kind::Key, name).await?;
        // Another node may have rotated it, or somebody has changed it: the line that is there now is the right one.
        let found = found.filter(|found| line.time() == Some(found.value.rotates));
        let Some(Found { value: mut entry, revision }) = found else {
            return Ok(drop_line(&self.store, line.clone()).await?);
        };
        let mut changes = match self.changes(ns).await {
            // The namespace is on the way out, and all that is in it.
            Err(Error::NotFound) => return Ok(drop_line(&self.store, line.clone()).await?),
            changes => changes?,
        };
        let next = self.one(entry.algorithm, fresh).await?;
        let verification_secs = entry.verification_secs;
        entry.rotate(next, self.now_nanos(), verification_secs);
        // Only rotations by hand can have left so many: the oldest go first.
        let surplus = entry.previous.len().saturating_sub(PREVIOUS_MAX);
        entry.previous.drain(..surplus);
        changes.delete(line.key.clone(), line.revision);
        changes.create(due(ns, name, entry.rotates)?, Vec::new());
        changes.replace(keys::oidc(ns, Kind::Key.word(), name)?, revision, encode(&entry)?);
        epoch.turn(&mut changes);
        self.commit(changes).await?;
        Ok(())
    }

    /// Has a key rotate within its period again, and what it was before be published no longer than can be said of it, after
    /// a clock was ahead. Whoever needs the key goes on, whatever comes of this: the next one tries it again.
    pub(super) async fn pull_back(&self, ns: &str, name: &str) {
        let done: Result<(), Error> = again!(self.try_pull_back(ns, name));
        match done {
            Ok(()) => tracing::warn!(key = name, "a clock was ahead: the next rotation of a signing key was moved"),
            Err(error) => tracing::warn!(key = name, %error, "the next rotation of a signing key is too far ahead"),
        }
    }

    async fn try_pull_back(&self, ns: &str, name: &str) -> Result<(), Lost> {
        let epoch = self.key_epoch(ns).await?;
        let now = self.now_nanos();
        let found = self.named::<KeyEntry>(ns, Kind::Key, name).await?.filter(|found| found.value.is_ahead(now));
        let Some(Found { value: mut entry, revision }) = found else { return Ok(()) };
        let rotates = now.saturating_add(nanos(Duration::from_secs(entry.rotation_secs)));
        let longest_secs = entry.rotation_secs.saturating_mul(VERIFICATION_PERIODS_MAX);
        let longest = now.saturating_add(nanos(Duration::from_secs(longest_secs)));
        for key in &mut entry.previous {
            key.expires = key.expires.min(longest);
        }
        let mut changes = self.changes(ns).await?;
        self.move_line(ns, name, Some(entry.rotates), rotates, &mut changes).await?;
        entry.rotates = rotates;
        changes.replace(keys::oidc(ns, Kind::Key.word(), name)?, revision, encode(&entry)?);
        epoch.turn(&mut changes);
        self.commit(changes).await?;
        Ok(())
    }
}

impl KeyEntry {
    /// A token of these claims, signed.
    pub(super) fn sign(&self, claims: &Map<String, Value>) -> Result<String, Error> {
        jws::sign(&self.current, claims).map_err(|source| Error::world("sign a token", source))
    }
}

fn new_entry(settings: &KeySettings, current: Pair, next: Pair, rotates: i64) -> KeyEntry {
    KeyEntry {
        v: 1,
        algorithm: settings.algorithm,
        rotation_secs: settings.rotation_secs,
        verification_secs: settings.verification_secs,
        allowed_client_ids: settings.allowed_client_ids.clone(),
        current,
        next,
        previous: Vec::new(),
        rotates,
    }
}

/// The latest time at which a key that is rotated so often is rotated next.
pub(super) fn latest_rotation(rotation_secs: u64, now: i64) -> i64 {
    now.saturating_add(nanos(Duration::from_secs(rotation_secs.saturating_add(CLOCK_SKEW_SECS))))
}

fn check_verification(verification_secs: u64, rotation_secs: u64) -> Result<(), Error> {
    if verification_secs > rotation_secs.saturating_mul(VERIFICATION_PERIODS_MAX) {
        return Err(Error::invalid("verification_ttl cannot be longer than 10x rotation_period"));
    }
    Ok(())
}

/// The line that has a key rotated.
fn due(ns: &str, name: &str, rotates: i64) -> Result<storage::Key, Error> {
    keys::due(rotates, ns, DUE_KIND, &["key/", name].concat())
}

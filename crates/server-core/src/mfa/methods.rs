//! Methods: how the secrets of a second factor are made, and how often a code may be tried.
//!
//! A method's entry is the liveness of the secrets made with it: whoever makes one expects it as it was read. It cannot be
//! removed while an enforcement names it.

use std::time::Duration;

use barrier::Changes;
use framework::Error;
use framework::field::whole_seconds;
use framework::view::Listing;
use storage::{Expectation, KeyRange};

use super::entry::{MethodEntry, TotpSettings};
use super::totp::Algorithm;
use super::{DUE_KIND, Mfa, PAGE, check_name, name_below};
use crate::identity::again;
use crate::identity::entry::NameEntry;
use crate::keys;
use crate::policies::texts;
use crate::store::{Found, Lost, decode, encode};

/// The most methods of one namespace.
const METHODS_MAX: usize = 1_000;
/// The longest name of an issuer, in bytes.
const ISSUER_BYTES_MAX: usize = 256;
/// The shortest and longest secret, in bytes: 80 bits, as authenticator programs made them once, and the block of SHA-512.
const KEY_BYTES_MIN: i64 = 10;
const KEY_BYTES_MAX: i64 = 128;
/// The longest time that one code is good for, in seconds.
const PERIOD_SECS_MAX: u64 = 24 * 3600;
/// The widest picture of a code, in pixels: 128 KiB.
const QR_PIXELS_MAX: i64 = 1_024;
/// How many wrong codes may come in one period, if nobody says it (documented Vault default), and at the most.
const TRIES: u32 = 5;
const TRIES_MAX: i64 = 1_000;

/// A method as it is asked for; what a request leaves out has its documented default here.
pub(super) struct MethodWish {
    pub(super) name: Option<String>,
    pub(super) issuer: String,
    pub(super) algorithm: String,
    pub(super) digits: i64,
    pub(super) period: Duration,
    pub(super) skew: i64,
    pub(super) key_size: i64,
    pub(super) qr_size: i64,
    pub(super) max_validation_attempts: i64,
}

impl Mfa {
    /// A method of this very namespace.
    pub(super) async fn method(&self, ns: &str, id: &str) -> Result<Option<Found<MethodEntry>>, Error> {
        let found = self.store.get::<MethodEntry>(&keys::mfa_method(ns, id)?).await?;
        Ok(found.filter(|found| !found.value.is_removing))
    }

    pub(super) async fn methods(&self, ns: &str, listing: &Listing) -> Result<Vec<MethodEntry>, Error> {
        let ids = texts::names(&self.store, &keys::mfa_methods(ns), listing).await?;
        let keys = ids.iter().map(|id| keys::mfa_method(ns, id)).collect::<Result<Vec<_>, _>>()?;
        let found = self.store.get_list(&keys).await?;
        let methods = keys.iter().zip(found).filter_map(|(key, found)| Some(decode::<MethodEntry>(key, &found?)));
        let methods = methods.map(|method| method.map(|method| method.value)).collect::<Result<Vec<_>, _>>()?;
        Ok(methods.into_iter().filter(|method| !method.is_removing).collect())
    }

    /// Makes a method, or changes the one that has the name already. Gives its id.
    pub(super) async fn create_method(&self, ns: &str, wish: &MethodWish) -> Result<String, Error> {
        let checked = check(wish)?;
        again!(self.try_create_method(ns, wish, &checked))
    }

    async fn try_create_method(&self, ns: &str, wish: &MethodWish, checked: &MethodEntry) -> Result<String, Lost> {
        let name = wish.name.as_deref().unwrap_or_default();
        if !name.is_empty()
            && let Some(known) = self.store.get::<NameEntry>(&keys::mfa_method_name(ns, name)?).await?
        {
            let id = known.value.id;
            return match self.try_update_method(ns, &id, wish, checked).await? {
                true => Ok(id),
                // It is being removed at this moment: its name is free in the next.
                false => Err(Lost::Race(Vec::new())),
            };
        }
        let range = KeyRange::prefix(&keys::prefix(&keys::mfa_methods(ns))?);
        if self.store.keys(range, METHODS_MAX).await?.0.len() >= METHODS_MAX {
            return Err(Error::Invalid(format!("a namespace can have {METHODS_MAX} MFA methods at most").into()).into());
        }
        let entry = MethodEntry { id: self.env.uuid(), name: name.to_owned(), ..checked.clone() };
        let mut changes = self.changes(ns).await?;
        if !name.is_empty() {
            let line = NameEntry { v: 1, id: entry.id.clone(), name: name.to_owned() };
            changes.create(keys::mfa_method_name(ns, name)?, encode(&line)?);
        }
        changes.create(keys::mfa_method(ns, &entry.id)?, encode(&entry)?);
        self.commit(changes).await?;
        Ok(entry.id)
    }

    /// Changes a method as a whole, but for its name if none is given; false when there is none.
    pub(super) async fn update_method(&self, ns: &str, id: &str, wish: &MethodWish) -> Result<bool, Error> {
        let checked = check(wish)?;
        again!(self.try_update_method(ns, id, wish, &checked))
    }

    async fn try_update_method(
        &self,
        ns: &str,
        id: &str,
        wish: &MethodWish,
        checked: &MethodEntry,
    ) -> Result<bool, Lost> {
        let Some(found) = self.method(ns, id).await? else { return Ok(false) };
        let before = found.value.name;
        let name = wish.name.as_ref().unwrap_or(&before);
        let entry = MethodEntry { id: id.to_owned(), name: name.clone(), ..checked.clone() };
        let mut changes = self.changes(ns).await?;
        if *name != before {
            self.rename(ns, id, &before, name, &mut changes).await?;
        }
        changes.replace(keys::mfa_method(ns, id)?, found.revision, encode(&entry)?);
        self.commit(changes).await?;
        Ok(true)
    }

    async fn rename(&self, ns: &str, id: &str, before: &str, name: &str, changes: &mut Changes) -> Result<(), Error> {
        if !before.is_empty() {
            self.delete_if_there(keys::mfa_method_name(ns, before)?, changes).await?;
        }
        if name.is_empty() {
            return Ok(());
        }
        let key = keys::mfa_method_name(ns, name)?;
        if self.store.get::<NameEntry>(&key).await?.is_some() {
            return Err(Error::Invalid(format!("an MFA method with the name {name:?} exists already").into()));
        }
        changes.create(key, encode(&NameEntry { v: 1, id: id.to_owned(), name: name.to_owned() })?);
        Ok(())
    }

    /// Removes a method and the secrets made with it; no error when there is none. Refused while an enforcement names it.
    pub(super) async fn delete_method(&self, ns: &str, id: &str) -> Result<(), Error> {
        if again!(self.mark_method(ns, id))? {
            self.sweep_method(ns, id).await?;
        }
        Ok(())
    }

    async fn mark_method(&self, ns: &str, id: &str) -> Result<bool, Lost> {
        let Some(found) = self.method(ns, id).await? else { return Ok(false) };
        let mut changes = self.changes(ns).await?;
        self.expect_unused(ns, id, &mut changes).await?;
        if !found.value.name.is_empty() {
            self.delete_if_there(keys::mfa_method_name(ns, &found.value.name)?, &mut changes).await?;
        }
        let entry = MethodEntry { is_removing: true, ..found.value };
        changes.replace(keys::mfa_method(ns, id)?, found.revision, encode(&entry)?);
        let line = keys::due(self.now_nanos(), ns, DUE_KIND, &["method/", id].concat())?;
        let [known] = self.store.revisions_of([line.clone()]).await?;
        changes.set(line, known, Vec::new());
        self.commit(changes).await?;
        Ok(true)
    }

    /// Adds to a commit that no enforcement names a method, or says which one does. What is left of enforcements whose
    /// namespace has gone is cleared away first.
    async fn expect_unused(&self, ns: &str, id: &str, changes: &mut Changes) -> Result<(), Lost> {
        let folder = keys::mfa_uses(ns, id);
        let range = KeyRange::prefix(&keys::prefix(&folder)?);
        loop {
            let (lines, _) = self.store.keys(range.clone(), PAGE).await?;
            if lines.is_empty() {
                changes.expect(Expectation::NoneIn(range));
                return Ok(());
            }
            let mut stale = Changes::new();
            for (key, revision) in lines {
                let user = name_below(&key, &folder);
                let (by, name) = user.split_once('/').unwrap_or_default();
                if let Some(used_by) = self.enforcement_alive(by, name).await? {
                    let text = format!("methodID is still used by an enforcement configuration with ID: {used_by}");
                    return Err(Error::Invalid(text.into()).into());
                }
                stale.delete(key, revision);
            }
            self.commit(stale).await?;
        }
    }
}

/// The method without its id, or the first reason to refuse it.
fn check(wish: &MethodWish) -> Result<MethodEntry, Error> {
    check_name("an MFA method", wish.name.as_deref().unwrap_or_default())?;
    let algorithm = Algorithm::parse(&wish.algorithm).ok_or_else(|| Error::invalid("unrecognized algorithm"))?;
    if !matches!(wish.digits, 6 | 8) {
        return Err(Error::invalid("digits can only be 6 or 8"));
    }
    let period_secs = whole_seconds(wish.period);
    if period_secs == 0 {
        return Err(Error::invalid("period must be greater than zero"));
    }
    if period_secs > PERIOD_SECS_MAX {
        return Err(Error::Invalid(format!("period can be {PERIOD_SECS_MAX} seconds at most").into()));
    }
    if !matches!(wish.skew, 0 | 1) {
        return Err(Error::invalid("skew must be 0 or 1"));
    }
    if wish.key_size <= 0 {
        return Err(Error::invalid("key_size must be greater than zero"));
    }
    if wish.issuer.is_empty() {
        return Err(Error::invalid("issuer must be set"));
    }
    if wish.issuer.len() > ISSUER_BYTES_MAX || wish.issuer.chars().any(char::is_control) {
        let text = format!("issuer can have {ISSUER_BYTES_MAX} bytes at most, and no control characters");
        return Err(Error::Invalid(text.into()));
    }
    if wish.max_validation_attempts < 0 {
        return Err(Error::invalid("max_validation_attempts must be greater than zero"));
    }
    let tries = bounded("max_validation_attempts", wish.max_validation_attempts, 0, TRIES_MAX)?;
    Ok(MethodEntry {
        v: 1,
        id: String::new(),
        name: String::new(),
        issuer: wish.issuer.clone(),
        totp: TotpSettings {
            algorithm,
            digits: bounded("digits", wish.digits, 6, 8)?,
            period_secs,
            skew: u64::from(wish.skew == 1),
        },
        key_bytes: bounded("key_size", wish.key_size, KEY_BYTES_MIN, KEY_BYTES_MAX)?,
        qr_pixels: bounded("qr_size", wish.qr_size, 0, QR_PIXELS_MAX)?,
        tries_max: if tries == 0 { TRIES } else { tries },
        is_removing: false,
    })
}

fn bounded(name: &str, value: i64, least: i64, most: i64) -> Result<u32, Error> {
    let fits = u32::try_from(value).ok().filter(|_| (least..=most).contains(&value));
    fits.ok_or_else(|| Error::Invalid(format!("{name} must be from {least} to {most}").into()))
}

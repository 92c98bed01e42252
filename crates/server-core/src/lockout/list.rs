//! Who is locked out, and how somebody is let in again.

use std::sync::Arc;

use framework::path::fold;
use framework::view::LIST_NAMES_MAX;
use framework::{Error, Kind};
use storage::KeyRange;

use super::entry::{LoginEntry, age};
use super::{Lockout, USER_BYTES_MAX, User};
use crate::keys;
use crate::mounts::LiveMount;
use crate::mounts::entry::Settings;
use crate::store::decode;

/// How many entries one storage call asks for.
const PAGE: usize = 1_000;

impl Lockout {
    /// The users of these mounts who are locked out, by the mount's accessor.
    pub(crate) async fn locked(&self, ns: &str, mounts: &[Settings]) -> Result<Vec<(String, Vec<String>)>, Error> {
        let mut locked = Vec::new();
        for mount in mounts.iter().filter(|mount| mount.kind() == Kind::Auth) {
            let Some(rules) = self.rules(mount) else { continue };
            let prefix = keys::logins(ns, &mount.uuid)?;
            let mut range = KeyRange::prefix(&prefix);
            let mut users = Vec::new();
            loop {
                let (page, next) = self.store.page(range.clone(), PAGE).await?;
                let now = self.now_nanos();
                for (key, opened) in page {
                    let entry = decode::<LoginEntry>(&key, &opened)?.value;
                    let is_locked = entry.locked.is_some_and(|since| age(now, since) < rules.duration);
                    let user = key.as_bytes().get(prefix.as_bytes().len()..).unwrap_or_default();
                    if is_locked {
                        users.push(String::from_utf8_lossy(user).into_owned());
                    }
                }
                if users.len() > LIST_NAMES_MAX {
                    let text = format!("more than {LIST_NAMES_MAX} users are locked: ask for one mount_accessor");
                    return Err(Error::Invalid(text.into()));
                }
                match next {
                    Some(next) => range.start = next,
                    None => break,
                }
            }
            if !users.is_empty() {
                locked.push((mount.accessor.clone(), users));
            }
        }
        Ok(locked)
    }

    /// Lets a user in again, and forgets all failures; tells whether there was anything to forget. The name counts as it
    /// is given and as methods spell the names of users, whose case does not count everywhere.
    pub(crate) async fn unlock(&self, ns: &str, mount: &Arc<LiveMount>, name: &str) -> Result<bool, Error> {
        let Some(rules) = self.rules(&mount.settings) else { return Ok(false) };
        let mut spellings = vec![name.to_owned(), name.trim().to_owned(), fold(name)];
        spellings.dedup();
        let mut is_known = false;
        for name in spellings.into_iter().filter(|name| !name.is_empty() && name.len() <= USER_BYTES_MAX) {
            let user = User { ns: ns.to_owned(), mount: Arc::clone(mount), name };
            is_known |= self.release(&rules, &user).await?;
        }
        Ok(is_known)
    }
}

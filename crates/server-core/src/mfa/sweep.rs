//! What is left to do later: logins that have waited too long, and the secrets of methods that are being removed, page by
//! page.

use async_trait::async_trait;
use barrier::Changes;
use framework::Error;
use framework::view::COMMIT_TRIES;
use storage::KeyRange;

use super::entry::MethodEntry;
use super::{DUE_KIND, Mfa, name_below};
use crate::due::{Line, Owner, drop_line};
use crate::keys;
use crate::store::Lost;

/// How many secrets one step removes: each is three expectations.
const STEP: usize = 20;
/// How many steps one request, or one turn of the worker, makes at most.
const STEPS_MAX: usize = 200;

impl Mfa {
    /// Goes on with a method that is being removed; whether nothing is left of it.
    pub(super) async fn sweep_method(&self, ns: &str, id: &str) -> Result<bool, Error> {
        let mut races = 0;
        for _ in 0..STEPS_MAX {
            match self.sweep_some(ns, id).await {
                Ok(true) => return Ok(true),
                Ok(false) => races = 0,
                Err(Lost::Race(_)) if races < COMMIT_TRIES => races += 1,
                Err(lost) => return Err(lost.into()),
            }
        }
        // The rest is the worker's.
        Ok(false)
    }

    async fn sweep_some(&self, ns: &str, id: &str) -> Result<bool, Lost> {
        let key = keys::mfa_method(ns, id)?;
        let found = self.store.get::<MethodEntry>(&key).await?;
        let Some(found) = found.filter(|found| found.value.is_removing) else { return Ok(true) };
        let folder = keys::mfa_all_enrolled(ns, id);
        let (lines, _) = self.store.keys(KeyRange::prefix(&keys::prefix(&folder)?), STEP).await?;
        let mut changes = Changes::new();
        if lines.is_empty() {
            changes.delete(key, found.revision);
            self.commit(changes).await?;
            return Ok(true);
        }
        for (line, revision) in lines {
            let who = name_below(&line, &folder);
            let (home, entity) = who.split_once('/').unwrap_or_default();
            self.delete_if_there(keys::mfa_secret(home, entity, id)?, &mut changes).await?;
            self.delete_if_there(keys::mfa_tries(home, entity, id)?, &mut changes).await?;
            changes.delete(line, revision);
        }
        self.commit(changes).await?;
        Ok(false)
    }
}

#[async_trait]
impl Owner for Mfa {
    fn kind(&self) -> &'static str {
        DUE_KIND
    }

    async fn fire(&self, line: Line) -> Result<(), Error> {
        let (ns, id) = (line.namespace.clone(), line.id.clone());
        match id.split_once('/') {
            Some(("login", hash)) => self.drop_login(&ns, hash, line).await,
            Some(("method", method)) => match self.sweep_method(&ns, method).await? {
                true => drop_line(&self.store, line).await,
                false => Ok(()),
            },
            _ => drop_line(&self.store, line).await,
        }
    }
}

//! What is stored of failed logins goes when nobody needs it any more, and with its mount.

use std::sync::Arc;

use async_trait::async_trait;
use barrier::Changes;
use framework::Error;
use framework::view::COMMIT_TRIES;
use storage::{KeyRange, WRITES_MAX};

use super::Lockout;
use super::entry::LoginEntry;
use crate::due::{Line, Owner, drop_line};
use crate::keys;
use crate::store::{Lost, Store};
use crate::tokens::create::nanos;

/// The word in the due index's keys.
pub(crate) const DUE_KIND: &str = "login";

/// Removes what is over.
pub(crate) struct Over(pub(crate) Arc<Lockout>);

#[async_trait]
impl Owner for Over {
    fn kind(&self) -> &'static str {
        DUE_KIND
    }

    async fn fire(&self, line: Line) -> Result<(), Error> {
        let Self(lockout) = self;
        let store = &lockout.store;
        let Some((uuid, user)) = line.id.split_once('/') else { return drop_line(store, line).await };
        let key = keys::login(&line.namespace, uuid, user)?;
        let Some(found) = store.get::<LoginEntry>(&key).await? else {
            return drop_line(store, line).await;
        };
        let wall = lockout.now_nanos();
        // A clock that has jumped forward does not end a lock that this node has seen.
        let lasts = lockout.lasts(uuid, user, &found.value).map_or(0, |left| wall.saturating_add(nanos(left)));
        let until = found.value.until.max(lasts);
        let mut changes = Changes::new();
        if until <= wall {
            changes.delete(key, found.revision);
        } else {
            let later = keys::due(until, &line.namespace, DUE_KIND, &line.id)?;
            if later == line.key {
                return Ok(());
            }
            let [there] = store.revisions_of([later.clone()]).await?;
            changes.set(later, there, Vec::new());
        }
        changes.delete(line.key, line.revision);
        match store.commit(changes).await {
            Ok(_) | Err(Lost::Race(_)) => Ok(()),
            Err(Lost::Failed(error)) => Err(error),
        }
    }
}

/// Removes what is stored of the users of a mount that is being removed. Nobody can add anything any more.
pub(crate) async fn forget_mount(store: &Store, ns: &str, uuid: &str) -> Result<(), Error> {
    let range = KeyRange::prefix(&keys::logins(ns, uuid)?);
    let mut lost = 0;
    loop {
        let (page, _) = store.keys(range.clone(), WRITES_MAX).await?;
        if page.is_empty() {
            return Ok(());
        }
        let mut changes = Changes::new();
        for (key, revision) in page {
            changes.delete(key, revision);
        }
        match store.commit(changes).await {
            Ok(_) => lost = 0,
            Err(Lost::Race(_)) if lost < COMMIT_TRIES => lost += 1,
            Err(Lost::Race(_)) => return Err(framework::view::contended()),
            Err(Lost::Failed(error)) => return Err(error),
        }
    }
}

//! Moving a mount to another path. A mount's data is keyed by its UUID, so nothing of it is copied: one commit takes
//! the old path away, gives the new one, and says so in the status that the caller may ask for. There is no moment at
//! which a crash could leave the mount at two paths or at none, and no status that is not true.
//!
//! A request that found the mount at its old path before the move ends as it began: its entries move along.

use std::time::Duration;

use async_trait::async_trait;
use barrier::Changes;
use framework::view::{COMMIT_TRIES, to_stored};
use framework::{Error, Kind, Namespace};
use serde::{Deserialize, Serialize};
use storage::Expectation;

use super::Mounts;
use super::change::{check_reserved, expect_free, is_permanent, parse_path, prefix};
use super::entry::{AtEntry, LiveEntry, LiveState, Settings};
use crate::due::{Line, Owner};
use crate::keys;
use crate::leases::INTENT_PATIENCE;
use crate::leases::sweep::Sweep;
use crate::store::{Found, Lost, Store, decode, encode};
use crate::tokens::logins::Ending;

/// The word in the due index's keys.
const DUE_KIND: &str = "remount";
/// How long the status of a move can be asked for.
const STATUS_KEPT: Duration = Duration::from_secs(24 * 3600);

/// What became of a move, as stored. It is written by the commit that moves the mount, so there is no other outcome.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct RemountEntry {
    v: u32,
    /// The old path, `auth/` in front for auth methods.
    pub(crate) from: String,
    /// The new path, in the same form.
    pub(crate) to: String,
}

/// A mount path with its kind.
struct Place {
    kind: Kind,
    path: String,
}

/// Clears away the status of moves that are long over.
pub(crate) struct Statuses(Store);

impl Mounts {
    /// Moves the mount at `from` to `to`; gives the id under which [`remounted`](Self::remounted) tells of it.
    pub(crate) async fn remount(&self, namespace: &Namespace, from: &str, to: &str) -> Result<String, Error> {
        let (from, to) = places(from, to)?;
        self.check_same_namespace(namespace, &from, &to).await?;
        let id = self.env.uuid();
        for _ in 0..COMMIT_TRIES {
            let changes = self.move_changes(namespace, &from, &to, &id).await?;
            match self.store.commit(changes).await {
                Ok(_) => return Ok(id),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// What became of a move, if it was lately.
    pub(crate) async fn remounted(&self, ns: &str, id: &str) -> Result<Option<RemountEntry>, Error> {
        let found = self.store.get::<RemountEntry>(&keys::remount(ns, id)?).await?;
        Ok(found.map(|found| found.value))
    }

    /// A mount's entries are keyed by its namespace, so a move to another one would be a copy of all of them.
    async fn check_same_namespace(&self, namespace: &Namespace, from: &Place, to: &Place) -> Result<(), Error> {
        let here = self.namespaces.named(&namespace.path).await?;
        for place in [from, to] {
            let (at, _) = self.namespaces.below(&here, &place.path).await?;
            if at.namespace.id != namespace.id {
                let text = format!("cannot remount \"{from}\" to \"{to}\": a mount stays in its namespace");
                return Err(Error::Invalid(text.into()));
            }
        }
        Ok(())
    }

    async fn move_changes(&self, namespace: &Namespace, from: &Place, to: &Place, id: &str) -> Result<Changes, Error> {
        let ns = namespace.id.as_str();
        let missing = || Error::Invalid(format!("no matching mount at \"{from}\"").into());
        let from_key = keys::mount_at(ns, from.kind, &from.path)?;
        let at = self.store.get::<AtEntry>(&from_key).await?.ok_or_else(missing)?;
        let uuid = at.value.uuid;
        let (settings_key, live_key) = (keys::mount(ns, &uuid)?, keys::mount_live(ns, &uuid)?);
        let [settings, live] = self.store.get_all([settings_key.clone(), live_key.clone()]).await?;
        let (settings, live) = (settings.ok_or_else(missing)?, live.ok_or_else(missing)?);
        let live: Found<LiveEntry> = decode(&live_key, &live)?;
        let settings: Found<Settings> = decode(&settings_key, &settings)?;
        if live.value.state != LiveState::Live {
            return Err(missing());
        }
        if is_permanent(&settings.value.engine_type) {
            return Err(Error::Invalid(format!("cannot remount \"{from}\"").into()));
        }
        self.check_free(namespace, to.kind, &to.path).await?;
        let mut changes = self.epoch_change(ns).await?;
        changes.expect(Expectation::At(live_key, live.revision));
        changes.delete(from_key, at.revision);
        let to_key = keys::mount_at(ns, to.kind, &to.path)?;
        expect_free(&mut changes, namespace, to.kind, &to.path)?;
        let moved_uuid = uuid.clone();
        changes.put(to_key, encode(&AtEntry { v: 1, uuid })?);
        let moved = Settings { path: to.path.clone(), ..settings.value };
        changes.replace(settings_key, settings.revision, encode(&moved)?);
        let status = RemountEntry { v: 1, from: from.to_string(), to: to.to_string() };
        changes.put_fresh(keys::remount(ns, id)?, encode(&status)?);
        let until = to_stored((self.env.now() + STATUS_KEPT).into());
        changes.create(keys::due(until, ns, DUE_KIND, id)?, Vec::new());
        // Leases are called by the path that they were made at, so they do not move along, and neither do the tokens of
        // logins. A request that found the mount at its old path may still make one: hence a second look when none can
        // be left.
        let now = self.env.now();
        let mut lines = Vec::new();
        for time in [now, now + INTENT_PATIENCE] {
            let time = to_stored(time.into());
            lines.push(Sweep::Moved(moved_uuid.clone()).line(ns, time)?);
            if from.kind == Kind::Auth {
                lines.push(Ending::Moved(moved_uuid.clone()).line(ns, time)?);
            }
        }
        for line in lines {
            // There is one already when the mount is moved twice at once.
            match self.store.revisions_of([line.clone()]).await? {
                [Some(revision)] => changes.expect(Expectation::At(line, revision)),
                [None] => changes.create(line, Vec::new()),
            };
        }
        Ok(changes)
    }
}

impl Statuses {
    pub(crate) fn new(store: Store) -> Self {
        Self(store)
    }
}

#[async_trait]
impl Owner for Statuses {
    fn kind(&self) -> &'static str {
        DUE_KIND
    }

    async fn fire(&self, line: Line) -> Result<(), Error> {
        let status_key = keys::remount(&line.namespace, &line.id)?;
        let [status] = self.0.revisions_of([status_key.clone()]).await?;
        let mut changes = Changes::new();
        if let Some(revision) = status {
            changes.delete(status_key, revision);
        }
        changes.delete(line.key, line.revision);
        match self.0.commit(changes).await {
            Ok(_) | Err(Lost::Race(_)) => Ok(()),
            Err(Lost::Failed(error)) => Err(error),
        }
    }
}

impl std::fmt::Display for Place {
    /// As operators write it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(prefix(self.kind))?;
        f.write_str(&self.path)
    }
}

/// Both ends of a move, if a mount of one kind can go there at all.
fn places(from: &str, to: &str) -> Result<(Place, Place), Error> {
    if from.is_empty() || to.is_empty() {
        return Err(Error::invalid("both 'from' and 'to' path must be specified as a string"));
    }
    for (name, text) in [("from", from), ("to", to)] {
        if text.trim() != text {
            return Err(Error::Invalid(format!("'{name}' path cannot contain trailing whitespace").into()));
        }
    }
    let from = place(from).map_err(|_| Error::Invalid(format!("no matching mount at \"{from}\"").into()))?;
    let to = place(to)?;
    match (from.kind, to.kind) {
        (Kind::Auth, Kind::Secrets) => {
            Err(Error::Invalid(format!("cannot remount auth mount to non-auth mount \"{to}\"").into()))
        }
        (Kind::Secrets, Kind::Auth) => Err(Error::Invalid(format!("cannot remount to destination \"{to}\"").into())),
        _ if check_reserved(to.kind, &to.path).is_err() => {
            Err(Error::Invalid(format!("cannot remount to destination \"{to}\"").into()))
        }
        _ => Ok((from, to)),
    }
}

fn place(text: &str) -> Result<Place, Error> {
    let text = text.trim_start_matches('/');
    let (kind, path) = text.strip_prefix("auth/").map_or((Kind::Secrets, text), |path| (Kind::Auth, path));
    let path =
        parse_path(path).map_err(|error| Error::Invalid(format!("invalid destination mount: {error}").into()))?;
    Ok(Place { kind, path })
}

#[cfg(test)]
mod tests;

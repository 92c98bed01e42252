//! Removing what a disabled mount leaves behind, page by page, from its line in the due index.

use async_trait::async_trait;
use barrier::Changes;
use framework::view::to_stored;
use framework::{Error, Kind};
use storage::{Key, KeyRange, Revision, WRITES_MAX};

use super::Mounts;
use super::change::DUE_KIND;
use super::entry::{LiveEntry, LiveState, Settings};
use crate::due::{Line, Look, Owner};
use crate::fingerprints;
use crate::keys;
use crate::leases::sweep::Sweep;
use crate::lockout;
use crate::quotas;
use crate::rotations;
use crate::store::{Lost, encode};
use crate::tokens::logins::Ending;

/// How many pages one turn removes, so that a large mount does not keep everything else waiting.
const PAGES_MAX: usize = 50;

#[async_trait]
impl Owner for Mounts {
    fn kind(&self) -> &'static str {
        DUE_KIND
    }

    /// Once no lease and no token of a login is left of it, deletes the mount's data, then its liveness together with the
    /// line. Nothing can be added meanwhile: every write of an engine expects the unmarked liveness.
    async fn fire(&self, line: Line) -> Result<(), Error> {
        self.look(line).await.map(drop)
    }

    async fn look(&self, line: Line) -> Result<Look, Error> {
        let (ns, uuid) = (line.namespace.as_str(), line.id.as_str());
        let live_key = keys::mount_live(ns, uuid)?;
        let live = self.store.get::<LiveEntry>(&live_key).await?;
        if live.as_ref().is_some_and(|live| live.value.state == LiveState::Live) {
            return Err(Error::world("sweep a mount", "it is not marked for removal"));
        }
        for folder in [keys::mount_leases(ns, uuid)?, keys::mount_tokens(ns, uuid)?] {
            if !self.store.keys(KeyRange::prefix(&folder), 1).await?.0.is_empty() {
                // The engine needs the data to take leases back, tokens the liveness to be refused by; both are seen to
                // from lines of their own.
                return Ok(Look::UnderWay);
            }
        }
        let prefix = keys::prefix(&keys::mount_data(ns, uuid))?;
        // While there is data: without any there are no fingerprints either, and no need to look for them.
        if !self.store.keys(KeyRange::prefix(&prefix), 1).await?.0.is_empty()
            && !self.forget_fingerprints(&line).await?
        {
            return Ok(Look::Worked);
        }
        for pages in 0.. {
            if pages == PAGES_MAX {
                // The line stays, so the worker comes back after it has looked at what else is due.
                return Ok(Look::Worked);
            }
            let (page, _) = self.store.keys(KeyRange::prefix(&prefix), WRITES_MAX).await?;
            if page.is_empty() {
                break;
            }
            let mut changes = Changes::new();
            for (key, revision) in page {
                changes.delete(key, revision);
            }
            match self.store.commit(changes).await {
                // A race is with another sweep: look again at what is left.
                Ok(_) | Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        quotas::sweep::forget_mount(&self.store, ns, uuid).await?;
        lockout::sweep::forget_mount(&self.store, ns, uuid).await?;
        rotations::forget_mount(&self.store, ns, uuid).await?;
        let mut changes = Changes::new();
        if let Some(live) = live {
            changes.delete(live_key, live.revision);
        }
        changes.delete(line.key, line.revision);
        match self.store.commit(changes).await {
            Ok(_) | Err(Lost::Race(_)) => Ok(Look::Worked),
            Err(Lost::Failed(error)) => Err(error),
        }
    }
}

impl Mounts {
    /// Removes the fingerprints of a mount, or some of them; says whether none is left. The line holds how far that has
    /// come.
    async fn forget_fingerprints(&self, line: &Line) -> Result<bool, Error> {
        let [stored] = self.store.get_all([line.key.clone()]).await?;
        let Some(stored) = stored.filter(|stored| stored.revision == line.revision) else { return Ok(false) };
        let from = Key::new(stored.value.expose().to_vec()).ok();
        let next = fingerprints::forget_mount(&self.store, &line.namespace, &line.id, from).await?;
        let Some(next) = next else { return Ok(true) };
        let mut changes = Changes::new();
        changes.replace(line.key.clone(), line.revision, next.as_bytes().to_vec());
        match self.store.commit(changes).await {
            Ok(_) | Err(Lost::Race(_)) => Ok(false),
            Err(Lost::Failed(error)) => Err(error),
        }
    }

    /// Marks all mounts of a deleted namespace for removal: from then on nothing is added in any of them, their leases are
    /// taken back, and their data goes, as when each is disabled. Tells what is left.
    pub(crate) async fn remove_all(&self, ns: &str) -> Result<Left, Error> {
        let prefix = keys::all_of(ns, "mount-live")?;
        let (mut range, mut left) = (KeyRange::prefix(&prefix), Left::Nothing);
        loop {
            let (page, next) = self.store.keys(range.clone(), WRITES_MAX).await?;
            for (key, revision) in page {
                let uuid = key.as_bytes().get(prefix.as_bytes().len()..).unwrap_or_default();
                let is_fresh = self.mark(ns, &String::from_utf8_lossy(uuid), &key, revision).await?;
                left = left.max(if is_fresh { Left::FreshMarks } else { Left::Marks });
            }
            match next {
                Some(next) => range.start = next,
                None => return Ok(left),
            }
        }
    }

    /// Marks a mount; false when it is marked already. A race is with somebody who does the same, or with an upgrade: look again.
    async fn mark(&self, ns: &str, uuid: &str, key: &Key, revision: Revision) -> Result<bool, Error> {
        let live = self.store.get::<LiveEntry>(key).await;
        if matches!(&live, Ok(Some(live)) if live.value.state == LiveState::Removing) {
            return Ok(false);
        }
        let settings = self.store.get::<Settings>(&keys::mount(ns, uuid)?).await?;
        let settings = settings.map(|found| Box::new(found.value));
        let is_auth = settings.as_ref().is_none_or(|settings| settings.kind() == Kind::Auth);
        let mut changes = Changes::new();
        changes.replace(key.clone(), revision, encode(&LiveEntry { v: 1, state: LiveState::Removing, settings })?);
        let now = to_stored(self.env.now().into());
        changes.create(keys::due(now, ns, DUE_KIND, uuid)?, Vec::new());
        changes.create(Sweep::Mount(uuid.to_owned()).line(ns, now)?, Vec::new());
        if is_auth {
            changes.create(Ending::Removed(uuid.to_owned()).line(ns, now)?, Vec::new());
        }
        match self.store.commit(changes).await {
            Ok(_) | Err(Lost::Race(_)) => Ok(true),
            Err(Lost::Failed(error)) => Err(error),
        }
    }
}

/// What is left of the mounts of a deleted namespace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Left {
    Nothing,
    /// Mounts that are being removed.
    Marks,
    /// The same, and some were marked just now: their lines may lie where the pass has been already.
    FreshMarks,
}

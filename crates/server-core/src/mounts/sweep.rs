//! Removing what a disabled mount leaves behind, page by page, from its line in the due index.

use async_trait::async_trait;
use barrier::Changes;
use framework::Error;
use storage::{KeyRange, WRITES_MAX};

use super::Mounts;
use super::change::DUE_KIND;
use super::entry::{LiveEntry, LiveState};
use crate::due::{Line, Look, Owner};
use crate::keys;
use crate::store::Lost;

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

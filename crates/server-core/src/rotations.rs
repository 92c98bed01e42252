//! Secrets of engines that are rotated where they are in use: who looks at those whose time has come, and what is shown of
//! those that fail. When that is and whose turn it is, [`framework::rotation`] decides.
//!
//! Each mount's are worked on apart from all others', in the tasks of [`Queues`](crate::due::queues::Queues). Nothing here is
//! kept in memory but the lines that are being worked on.

use std::sync::Arc;

use async_trait::async_trait;
use barrier::Changes;
use env::Env;
use framework::rotation::{self, CALL_PATIENCE, Looked, Status, Tried};
use framework::view::{COMMIT_TRIES, StoredTime};
use framework::{Error, RotationKeys};
use storage::{Key, KeyRange, WRITES_MAX};

use crate::due::queues::{Queues, Taken};
use crate::due::{Line, Look, Owner, drop_line};
use crate::keys;
use crate::metrics::Metrics;
use crate::mounts::{LiveMount, Mounts};
use crate::store::{Lost, Store};

/// The word in the due index's keys.
const DUE_KIND: &str = "rotate";
/// How many entries one storage call of a list asks for.
const PAGE: usize = 500;

/// The rotations of all namespaces.
pub(crate) struct Rotations {
    store: Store,
    env: Env,
    mounts: Arc<Mounts>,
    metrics: Arc<Metrics>,
    work: Queues,
}

/// Where the rotations of a mount are stored.
pub(crate) struct KeysOf {
    pub(crate) ns: String,
    pub(crate) uuid: String,
}

impl RotationKeys for KeysOf {
    fn entry(&self, name: &str) -> Result<Key, Error> {
        keys::rotation(&self.ns, &self.uuid, name)
    }

    fn failing(&self, name: &str) -> Result<Key, Error> {
        keys::rotation_failing(&self.ns, &self.uuid, name)
    }

    fn line(&self, at: StoredTime, name: &str) -> Result<Key, Error> {
        keys::due(at, &self.ns, DUE_KIND, &[&self.uuid, "/", name].concat())
    }
}

/// The rotations that are due.
pub(crate) struct RotationWork(pub(crate) Arc<Rotations>);

#[async_trait]
impl Owner for RotationWork {
    fn kind(&self) -> &'static str {
        DUE_KIND
    }

    async fn fire(&self, line: Line) -> Result<(), Error> {
        self.look(line).await.map(drop)
    }

    /// Takes the line in, unless there is no room.
    async fn look(&self, line: Line) -> Result<Look, Error> {
        let Some((mount, _)) = line.id.split_once('/') else {
            return Err(Error::world("read a line of a rotation", "it names no mount"));
        };
        match self.0.work.take_in(mount, line.clone(), 1) {
            Taken::No => return Ok(Look::UnderWay),
            Taken::Queued => {}
            Taken::WantsTask => {
                let (rotations, mount) = (Arc::clone(&self.0), mount.to_owned());
                self.0.work.spawn(async move { rotations.work_at(&mount).await });
            }
        }
        Ok(Look::Taken)
    }
}

/// A rotation that failed the last time.
pub(crate) struct Failing {
    /// The mount's UUID and the name, with `/` between them: what a list goes on behind.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) mount: Arc<LiveMount>,
    pub(crate) status: Status,
}

impl Rotations {
    pub(crate) fn new(store: Store, env: Env, mounts: Arc<Mounts>, metrics: Arc<Metrics>) -> Self {
        Self { store, env, mounts, metrics, work: Queues::default() }
    }

    /// Ends background work; what is left undone has its lines.
    pub(crate) fn stop(&self) {
        self.work.stop();
    }

    /// Waits until nothing is worked on; tells whether anything was.
    #[cfg(test)]
    pub(crate) async fn quiet(&self) -> bool {
        self.work.quiet().await
    }

    /// Works on the lines of one mount until none is left.
    async fn work_at(&self, mount: &str) {
        while let Some(lines) = self.work.next(mount, 1) {
            for line in lines {
                let key = line.key.clone();
                match self.rotate(line).await {
                    Ok(()) | Err(Error::Sealed) => {}
                    Err(error) => tracing::warn!(%error, "a secret could not be rotated and will be looked at again"),
                }
                self.work.leave(&key);
            }
        }
        self.work.ended();
    }

    /// Has the engine do what is due. The mount is asked for anew each time, so that a settings change counts at once.
    async fn rotate(&self, line: Line) -> Result<(), Error> {
        let (ns, id) = (line.namespace.clone(), line.id.clone());
        let (Some((uuid, name)), Some(at)) = (id.split_once('/'), line.time()) else {
            return Err(Error::world("read a line of a rotation", "it names no mount, or no time"));
        };
        let Some(mount) = self.mounts.load(&ns, uuid).await? else {
            return drop_line(&self.store, line).await;
        };
        let context = self.mounts.work_context(&ns, &mount).await?;
        let rotating = match rotation::look(&context, name, at).await? {
            Looked::Mine(rotating) => rotating,
            Looked::Nothing => return Ok(()),
            Looked::Stale => return drop_line(&self.store, line).await,
        };
        let outcome = tokio::select! {
            biased;
            done = mount.engine.rotate(&context, rotating.clone()) => done,
            () = self.env.sleep(CALL_PATIENCE) => {
                let text = format!("no answer from outside within {} seconds", CALL_PATIENCE.as_secs());
                Err(Error::world("rotate a secret", text))
            }
        };
        let tried = rotating.settle(&context, outcome.as_ref().copied()).await?;
        let (mount, error) = (mount.point(), outcome.err().map(|error| framework::error::shown(&error, 1024)));
        match tried {
            Tried::Done => {
                self.metrics.rotated.add();
                tracing::info!(mount, name, "a secret was rotated");
            }
            Tried::Failed => {
                self.metrics.rotation_failed.add();
                tracing::warn!(mount, name, error, "a secret could not be rotated and will be tried again");
            }
            Tried::TakenOver => tracing::warn!(mount, name, error, "a rotation took too long and was taken over"),
        }
        Ok(())
    }

    /// The rotations that failed the last time, at most `limit` behind this id, and whether there are more.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) async fn failing(&self, ns: &str, after: &str, limit: usize) -> Result<(Vec<Failing>, bool), Error> {
        let prefix = keys::rotations_failing(ns)?;
        let mut range = KeyRange::prefix(&prefix);
        if !after.is_empty() {
            let after = keys::prefix(&[&String::from_utf8_lossy(prefix.as_bytes()), after].concat())?;
            range.start = after.successor().unwrap_or(after);
        }
        let mut failing = Vec::new();
        loop {
            let (page, next) = self.store.keys(range.clone(), PAGE).await?;
            for (key, _) in page {
                let id = key.as_bytes().get(prefix.as_bytes().len()..).unwrap_or_default();
                let id = String::from_utf8_lossy(id).into_owned();
                let Some((uuid, name)) = id.split_once('/') else { continue };
                let [stored] = self.store.get_all([keys::rotation(ns, uuid, name)?]).await?;
                // One that goes just now is not listed any more.
                let (Some(stored), Some(mount)) = (stored, self.mounts.load(ns, uuid).await?) else { continue };
                if failing.len() == limit {
                    return Ok((failing, true));
                }
                let status = Status::of_stored(stored.value.expose())?;
                failing.push(Failing { name: name.to_owned(), id, mount, status });
            }
            match next {
                Some(next) => range.start = next,
                None => return Ok((failing, false)),
            }
        }
    }
}

/// Removes what is stored of the rotations of a mount that is being removed. Nobody can add anything any more; their lines
/// in the due index go when somebody looks at them.
pub(crate) async fn forget_mount(store: &Store, ns: &str, uuid: &str) -> Result<(), Error> {
    for prefix in [keys::rotation(ns, uuid, "")?, keys::rotation_failing(ns, uuid, "")?] {
        let range = KeyRange::prefix(&prefix);
        let mut lost = 0;
        loop {
            let (page, _) = store.keys(range.clone(), WRITES_MAX).await?;
            if page.is_empty() {
                break;
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
    Ok(())
}

#[cfg(test)]
mod tests;

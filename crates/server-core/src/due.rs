//! The due index: what has to be looked at, and when. Everything that expires has a line at or before its expiry, so
//! nothing is loaded at start and memory does not grow with what is stored.
//!
//! Lines are only ever promises to look again. The worker hands what is due to whoever owns the kind; that one removes
//! or moves the line in the same commit as what it did about it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use barrier::Changes;
use env::Env;
use framework::Error;
use framework::view::to_stored;
use storage::{Key, KeyRange, Revision};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::keys::{self, DUE_SHARDS};
use crate::store::{Lost, Store};

/// How long the worker waits when nothing was due. An expired token is refused at once all the same: this is only how
/// soon it is cleared away.
const PAUSE: Duration = Duration::from_secs(1);
/// How long it waits when more is due than its owners have room for: to look all the time would take the processor away
/// from those who work on it.
const SHORT_PAUSE: Duration = Duration::from_millis(100);
/// How many lines of a shard one pass takes.
const LINES_MAX: usize = 500;

mod backoff;
pub(crate) mod queues;

use backoff::Backoff;

/// A line that is due.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) key: Key,
    pub(crate) revision: Revision,
    pub(crate) namespace: String,
    pub(crate) id: String,
}

impl Line {
    /// The kind and the line of a key `due/<shard>/<time>/<ns>/<kind>/<id>`.
    pub(crate) fn parse(key: &Key, revision: Revision) -> Option<(String, Self)> {
        let text = std::str::from_utf8(key.as_bytes()).ok()?;
        let mut parts = text.splitn(6, '/').skip(3);
        let (namespace, kind, id) = (parts.next()?, parts.next()?, parts.next()?);
        let line = Self { key: key.clone(), revision, namespace: namespace.to_owned(), id: id.to_owned() };
        Some((kind.to_owned(), line))
    }

    /// When it is due, in nanoseconds since 1970.
    pub(crate) fn time(&self) -> Option<i64> {
        let text = std::str::from_utf8(self.key.as_bytes()).ok()?;
        i64::from_str_radix(text.split('/').nth(2)?, 16).ok()
    }
}

/// Whoever owns a kind of line.
#[async_trait]
pub(crate) trait Owner: Send + Sync {
    /// The word in the line's key.
    fn kind(&self) -> &'static str;

    /// Does what is due, or a bounded part of it, and removes or moves the line when all is done. Called again at once
    /// while the line stays, and after an error later with each time.
    async fn fire(&self, line: Line) -> Result<(), Error>;

    /// The same for an owner that may leave the line to a task of its own.
    async fn look(&self, line: Line) -> Result<Look, Error> {
        self.fire(line).await.map(|()| Look::Worked)
    }
}

/// What an owner did about a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Look {
    /// Something: there may be more to do at once.
    Worked,
    /// A task of the owner's has just been given the line: there may be room for more.
    Taken,
    /// Nothing in this call: the line stays for a while, and must not keep the pass going round and round.
    UnderWay,
}

/// Takes away a line that nobody can do anything about. A race is with another node that does the same.
pub(crate) async fn drop_line(store: &Store, line: Line) -> Result<(), Error> {
    let mut changes = Changes::new();
    changes.delete(line.key, line.revision);
    match store.commit(changes).await {
        Ok(_) | Err(Lost::Race(_)) => Ok(()),
        Err(Lost::Failed(error)) => Err(error),
    }
}

/// The task that looks after what is due while the node is unsealed.
#[derive(Default)]
pub(crate) struct Worker {
    running: Mutex<Option<Running>>,
}

struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Worker {
    /// Starts the task; one that is running already is told to stop.
    pub(crate) fn start(&self, store: Store, env: Env, owners: Vec<Arc<dyn Owner>>) {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(work(store, env, owners, stopped));
        let before = self.slot().replace(Running { stop, task });
        if let Some(before) = before {
            before.stop.send_replace(true);
        }
    }

    /// Tells the task to stop: it ends before its next line.
    pub(crate) fn tell_to_stop(&self) {
        if let Some(running) = self.slot().as_ref() {
            running.stop.send_replace(true);
        }
    }

    /// Tells the task to stop and waits until it has: it ends between two lines, never within one.
    pub(crate) async fn stop(&self) {
        let running = self.slot().take();
        if let Some(running) = running {
            running.stop.send_replace(true);
            if let Err(error) = running.task.await {
                tracing::error!(%error, "the worker of the due index ended badly");
            }
        }
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn work(store: Store, env: Env, owners: Vec<Arc<dyn Owner>>, mut stopped: watch::Receiver<bool>) {
    let mut places = Places::default();
    while !*stopped.borrow() {
        let now = to_stored(env.now().into());
        let pause = match pass(&store, &owners, now, &stopped, &mut places).await {
            Ok(Next::AtOnce) => continue,
            Ok(Next::Soon) => SHORT_PAUSE,
            Ok(Next::Later) => PAUSE,
            Err(Error::Sealed) => return,
            Err(error) => {
                tracing::warn!(%error, "the due index could not be read and will be tried again");
                PAUSE
            }
        };
        tokio::select! {
            () = env.sleep(pause) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

/// What one pass leaves to the next: where it goes on in each shard, so that however many lines fail those behind them
/// get their turn, and which lines failed.
#[derive(Default)]
pub(crate) struct Places {
    next: [Option<Key>; DUE_SHARDS as usize],
    backoff: Backoff,
}

/// When to look again after a pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// Lines fired, which may have left work, or were taken in and there are others behind them.
    AtOnce,
    /// There are others behind those that were looked at, but nothing could be done about any of these.
    Soon,
    /// All that is due was looked at.
    Later,
}

/// One pass over all shards: what is due by now, a bounded number of lines each.
pub(crate) async fn pass(
    store: &Store,
    owners: &[Arc<dyn Owner>],
    now_nanos: i64,
    stopped: &watch::Receiver<bool>,
    places: &mut Places,
) -> Result<Next, Error> {
    let (mut has_fired, mut has_taken, mut has_more) = (false, false, false);
    for (shard, place) in (0..DUE_SHARDS).zip(&mut places.next) {
        let first = keys::due_shard(shard)?;
        let range = KeyRange { start: place.take().unwrap_or(first), end: Some(keys::due_until(shard, now_nanos)?) };
        let (lines, next) = store.keys(range, LINES_MAX).await?;
        has_more |= next.is_some();
        *place = next;
        for (key, revision) in lines {
            if *stopped.borrow() {
                return Ok(Next::Later);
            }
            if places.backoff.is_waiting(&key, now_nanos) {
                continue;
            }
            match fire(owners, key.clone(), revision).await {
                Fired::Well(Look::UnderWay) => {}
                Fired::Well(look) => {
                    places.backoff.went_well(&key);
                    has_fired |= look == Look::Worked;
                    has_taken |= look == Look::Taken;
                }
                Fired::Badly => places.backoff.failed(key, now_nanos),
                Fired::Sealed => return Ok(Next::Later),
            }
        }
    }
    Ok(match has_more {
        _ if has_fired => Next::AtOnce,
        true if has_taken => Next::AtOnce,
        true => Next::Soon,
        false => Next::Later,
    })
}

/// What came of a line.
enum Fired {
    Well(Look),
    Badly,
    /// The next page says so too, and ends the work.
    Sealed,
}

/// A line that fails must not keep the others from being looked at.
async fn fire(owners: &[Arc<dyn Owner>], key: Key, revision: Revision) -> Fired {
    let Some((kind, line)) = Line::parse(&key, revision) else {
        tracing::error!(?key, "a line of the due index cannot be read");
        return Fired::Badly;
    };
    let Some(owner) = owners.iter().find(|owner| owner.kind() == kind) else {
        tracing::error!(kind, "nobody owns this kind of line in the due index");
        return Fired::Badly;
    };
    match owner.look(line).await {
        Ok(look) => Fired::Well(look),
        Err(Error::Sealed) => Fired::Sealed,
        Err(error) => {
            tracing::warn!(kind, error = %error, "due work failed and will be tried again");
            Fired::Badly
        }
    }
}

#[cfg(test)]
mod tests;

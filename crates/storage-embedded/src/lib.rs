//! The store that comes with the program: in-process, durable, nothing to set up.
//!
//! A folder with a [redb](https://docs.rs/redb) database and two logs in front of it, of which one takes commits while the
//! database takes over what the other one holds. One writer gathers waiting commits into one record and one sync, and
//! nobody is answered before it; readers see the latest commit and wait for no writer. Why it is built so, and what it costs, is in `docs/embedded-store.md`.
//!
//! It must never acknowledge what a power cut could take back, and never take an empty or damaged file for a new
//! store.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use env::Env;
use storage::history::HISTORY_COMMITS_MAX;
use storage::{Batch, Entry, Export, Key, Outcome, Page, Position, Scan, Snapshot, Storage, Watch, check_read};
use tokio::sync::{mpsc, oneshot};

use crate::error::Trouble;
use crate::medium::{Folder, Medium};
use crate::view::View;
use crate::writer::{Job, QUEUE_BATCHES_MAX, Shared, State, Writer};

mod engine;
mod error;
mod format;
mod log;
mod medium;
mod recent;
mod restore;
mod takeover;
mod view;
mod writer;

#[cfg(test)]
mod power;

pub use error::Error;
pub use restore::{Replaces, Restore};

/// The pages kept in memory unless told otherwise, in bytes. Few are enough: the kernel caches the file as well, and the
/// barrier what is read often. A process was measured to take twice as much for them.
pub const CACHE_BYTES_DEFAULT: usize = 8 * 1024 * 1024;
/// Up to so many keys are read, and so many items listed, on the calling thread: a few microseconds each. More would
/// keep other requests waiting and move to a thread that may block.
const INLINE_ITEMS_MAX: usize = 32;
/// How often a read goes on with the store opened again before it gives up.
const READ_TRIES: usize = 3;

/// How to open a store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The pages kept in memory, in bytes.
    pub cache_bytes: usize,
    /// How many commits a watch can go back.
    pub history_commits: usize,
    /// Whether to read and verify the whole file before anything else: for a check of a backup or after an incident.
    /// It takes seconds for each gigabyte.
    pub checks_whole_file: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: CACHE_BYTES_DEFAULT, history_commits: HISTORY_COMMITS_MAX, checks_whole_file: false }
    }
}

/// Whether there is a store in a folder, or one that a restore has finished. Opens nothing.
///
/// # Errors
/// When the folder cannot be looked into.
pub fn is_there(folder: &Path) -> Result<bool, Error> {
    medium::is_there(folder)
}

/// An open store. When it is dropped the writer finishes what was asked and closes the file by itself;
/// [`close`](Self::close) waits for that.
pub struct Embedded {
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
}

impl Embedded {
    /// Opens the store in a folder, which is made (mode 0700) and filled if it is not there. After a crash this
    /// recovers what was acknowledged. Blocks for some milliseconds; longer when the last sync before it had failed.
    /// The environment is asked for salts of the log, nothing secret.
    ///
    /// # Errors
    /// When the folder cannot be used, another process has it open, the store is of a later format or damaged.
    pub fn open(path: &Path, options: Options, env: &Env) -> Result<Self, Error> {
        Self::start(Arc::new(Folder::prepare(path, env)?), options, env)
    }

    fn start(medium: Arc<dyn Medium>, options: Options, env: &Env) -> Result<Self, Error> {
        let (jobs, waiting) = mpsc::channel(QUEUE_BATCHES_MAX);
        let (shared, writer) = Writer::new(medium, options, env.clone(), (waiting, jobs.downgrade()))?;
        let thread = std::thread::Builder::new().name("storage-writer".to_owned());
        // The thread ends by itself once the store is closed or dropped, so nobody joins it.
        drop(thread.spawn(move || writer.run()).map_err(Error::Thread)?);
        Ok(Self { shared, jobs })
    }

    /// Finishes what was asked before, closes the file and releases the folder. Every later call is refused with
    /// [`storage::Error::Closed`], every watch ends. An export that is still held keeps the folder locked.
    ///
    /// # Errors
    /// When the file could not be closed cleanly; everything acknowledged is durable nevertheless.
    pub async fn close(&self) -> Result<(), storage::Error> {
        let (answer, closed) = oneshot::channel();
        if self.jobs.send(Job::Close(answer)).await.is_err() {
            return Ok(());
        }
        closed.await.unwrap_or(Ok(()))
    }

    /// The latest durable commit; waits while the store is being opened again.
    async fn view(&self) -> Result<Arc<View>, storage::Error> {
        let mut state = self.shared.state.subscribe();
        let state = state.wait_for(|state| !matches!(state, State::Opening)).await;
        match state.as_deref() {
            Ok(State::Open(view)) => Ok(view.clone()),
            Ok(State::Failed(error, opening)) => {
                // A later call may find it open. If the queue is full its jobs have it opened.
                drop(self.jobs.try_send(Job::Reopen(*opening)));
                Err(error.clone())
            }
            Ok(State::Opening | State::Closed) | Err(_) => Err(storage::Error::Closed),
        }
    }

    /// Has the store opened again, unless somebody has done so since this view.
    async fn reopen(&self, failed: &View) {
        // If nobody takes the job the store is closed, which the next look at it will say.
        drop(self.jobs.send(Job::Reopen(failed.opening())).await);
        let is_past = |state: &State| !matches!(state, State::Open(view) if view.opening() == failed.opening());
        drop(self.shared.state.subscribe().wait_for(is_past).await);
    }

    /// Asks the latest view, and once more after the store had to be opened again.
    async fn ask<T: Send + 'static>(
        &self,
        action: &'static str,
        is_short: bool,
        question: impl Fn(&View) -> Result<T, Trouble> + Clone + Send + 'static,
    ) -> Result<T, storage::Error> {
        let mut tries = 1;
        loop {
            let view = self.view().await?;
            let answer = if is_short { question(&view) } else { ask_aside(view.clone(), question.clone()).await };
            match answer {
                Ok(answer) => return Ok(answer),
                Err(trouble) if trouble.ends_database() && tries < READ_TRIES => {
                    tries += 1;
                    self.reopen(&view).await;
                }
                Err(trouble) => return Err(trouble.into_storage(action)),
            }
        }
    }
}

/// Asks on a thread that may block.
async fn ask_aside<T: Send + 'static>(
    view: Arc<View>,
    question: impl FnOnce(&View) -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(move || question(&view)).await.unwrap_or(Err(Trouble::Panicked))
}

#[async_trait]
impl Storage for Embedded {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, storage::Error> {
        check_read(keys)?;
        let is_short = keys.len() <= INLINE_ITEMS_MAX;
        let keys: Arc<[Key]> = keys.into();
        self.ask("read from the store", is_short, move |view| view.read(&keys)).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, storage::Error> {
        scan.check()?;
        let is_short = scan.limit <= INLINE_ITEMS_MAX;
        let scan = scan.clone();
        self.ask("list the store", is_short, move |view| view.page(&scan)).await
    }

    /// The same batch sent again after it went through is a conflict: what it expected no longer holds.
    async fn commit(&self, batch: &Batch) -> Result<Outcome, storage::Error> {
        batch.check().map_err(storage::Error::Batch)?;
        let (answer, answered) = oneshot::channel();
        if self.jobs.send(Job::Commit(batch.clone(), answer)).await.is_err() {
            return Err(storage::Error::Closed);
        }
        // The writer answers everything that it takes; if it is gone it may have been on the way.
        answered.await.unwrap_or(Ok(Outcome::Unknown))
    }

    async fn now(&self) -> Result<Position, storage::Error> {
        Ok(self.view().await?.position())
    }

    async fn watch(&self, from: Position) -> Result<Box<dyn Watch>, storage::Error> {
        self.view().await?;
        Ok(self.shared.history.watch(from))
    }

    async fn export(&self) -> Result<Box<dyn Export>, storage::Error> {
        let view = self.view().await?;
        Ok(Box::new(Copy { view, told: Bound::Unbounded }))
    }
}

/// An export: one view, kept until the copy is done.
struct Copy {
    view: Arc<View>,
    /// Behind the last entry that was handed out.
    told: Bound<Key>,
}

#[async_trait]
impl Export for Copy {
    fn position(&self) -> Position {
        self.view.position()
    }

    async fn next(&mut self) -> Result<Vec<Entry>, storage::Error> {
        let told = self.told.clone();
        let page = ask_aside(self.view.clone(), move |view| view.copy(&told)).await;
        let page = page.map_err(|trouble| trouble.into_storage("copy the store"))?;
        if let Some(last) = page.last() {
            self.told = Bound::Excluded(last.key.clone());
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests;

//! The one writer: takes whatever waits into one transaction, and answers when it is durable.
//!
//! It never sleeps to make a group larger: while one group is being synced the next one gathers by itself. When the
//! file fails it opens the store again, and until that has worked readers wait or are told why not.

use std::sync::Arc;
use std::time::Duration;

use env::Env;
use storage::history::History;
use storage::{Batch, Key, Outcome, Position};
use tokio::sync::{mpsc, oneshot, watch};

use crate::Options;
use crate::engine::{Engine, Failure};
use crate::error::{Error, Trouble};
use crate::medium::Medium;
use crate::view::View;

/// How many commits may wait for the writer; further ones wait to be let in.
pub(crate) const QUEUE_BATCHES_MAX: usize = 256;
/// The most batches of one group.
const GROUP_BATCHES_MAX: usize = 256;
/// A group takes no further batch once its values have reached this, in bytes.
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How long calls are told of an opening that failed with all of the store still to be written again, before another
/// is tried: it may take seconds of the disk's time, and there may be many calls.
pub(crate) const MEND_PAUSE: Duration = Duration::from_secs(5);

/// What the writer is asked to do.
pub(crate) enum Job {
    /// Commit, and say what came of it. Not done if nobody waits for the answer any more.
    Commit(Batch, oneshot::Sender<Result<Outcome, storage::Error>>),
    /// Open the store again, unless that has been tried since this opening.
    Reopen(u64),
    /// Close the store after everything that was asked before.
    Close(oneshot::Sender<Result<(), storage::Error>>),
}

/// What readers go by.
#[derive(Clone)]
pub(crate) enum State {
    /// The latest durable commit.
    Open(Arc<View>),
    /// The file has failed and is being opened again.
    Opening,
    /// It could not be opened again, at this opening; the next call tries anew.
    Failed(storage::Error, u64),
    /// It was closed.
    Closed,
}

/// What the writer tells to everybody.
pub(crate) struct Shared {
    pub(crate) state: watch::Sender<State>,
    pub(crate) history: History,
}

type Waiting = (Batch, oneshot::Sender<Result<Outcome, storage::Error>>);

/// The writer's thread owns one of these.
pub(crate) struct Writer {
    medium: Arc<dyn Medium>,
    options: Options,
    env: Env,
    shared: Arc<Shared>,
    jobs: mpsc::Receiver<Job>,
    /// `None` after the file has failed.
    engine: Option<Engine>,
    openings: u64,
    /// When it may be opened again, on the clock of [`Env::monotonic`]; `None` for at once.
    rests_until: Option<Duration>,
    /// The last position that watchers were told of.
    told: Position,
}

impl Writer {
    /// Opens the store; what it shares, and the writer to be run on a thread of its own.
    pub(crate) fn new(
        medium: Arc<dyn Medium>,
        options: Options,
        env: Env,
        jobs: mpsc::Receiver<Job>,
    ) -> Result<(Arc<Shared>, Self), Error> {
        let engine = Engine::open(&medium, &options, &env, 1)?;
        let view = engine.view();
        let history = History::new(engine.position(), options.history_commits);
        let shared = Arc::new(Shared { state: watch::Sender::new(State::Open(Arc::new(view))), history });
        let told = engine.position();
        let (engine, openings, rests_until) = (Some(engine), 1, None);
        Ok((shared.clone(), Self { medium, options, env, shared, jobs, engine, openings, rests_until, told }))
    }

    /// Works until the store is closed or nobody can ask any more.
    pub(crate) fn run(mut self) {
        let mut next = None;
        while let Some(job) = next.take().or_else(|| self.jobs.blocking_recv()) {
            match job {
                Job::Commit(batch, answer) => {
                    let group;
                    (group, next) = self.gather((batch, answer));
                    let commits = group.len();
                    self.commit(group);
                    self.digest(commits);
                }
                Job::Reopen(opening) => self.reopen_since(opening),
                Job::Close(answer) => {
                    let closed = self.close();
                    // The lock is released before the answer, so that the store can be opened again at once.
                    drop(self);
                    return drop(answer.send(closed));
                }
            }
        }
        if let Err(error) = self.close() {
            tracing::error!(%error, "the store was not closed cleanly");
        }
    }

    /// Everything that waits and fits, and the job that did not belong to it.
    fn gather(&mut self, first: Waiting) -> (Vec<Waiting>, Option<Job>) {
        // Whoever waits for this core is most likely about to ask for a commit as well; nobody does on an idle one.
        std::thread::yield_now();
        let mut bytes = value_bytes(&first.0);
        let mut group = vec![first];
        while group.len() < GROUP_BATCHES_MAX && bytes < GROUP_BYTES_MAX {
            match self.jobs.try_recv() {
                Ok(Job::Commit(batch, answer)) => {
                    bytes += value_bytes(&batch);
                    group.push((batch, answer));
                }
                Ok(other) => return (group, Some(other)),
                Err(_) => break,
            }
        }
        (group, None)
    }

    fn commit(&mut self, mut group: Vec<Waiting>) {
        group.retain(|(_, answer)| !answer.is_closed());
        if group.is_empty() {
            return;
        }
        if self.engine.is_none() && !self.is_resting() {
            self.open();
        }
        let Some(engine) = &mut self.engine else {
            let error = self.error();
            return answer_all(group, &Err(error));
        };
        let batches: Vec<&Batch> = group.iter().map(|(batch, _)| batch).collect();
        match engine.commit(&batches) {
            Ok(outcomes) => self.acknowledge(group, outcomes),
            Err(failure) => self.give_up(group, failure),
        }
    }

    /// Lets the database go on with what the log holds, by as much as has just been added.
    fn digest(&mut self, commits: usize) {
        // Those who were answered come first, on a core that they share with this thread.
        std::thread::yield_now();
        if let Some(Err(trouble)) = self.engine.as_mut().map(|engine| engine.digest(commits)) {
            tracing::error!(?trouble, "the store could not take its log over");
            self.abandon();
            self.open();
        }
    }

    /// Shows the commits to readers, then to watchers, then answers.
    fn acknowledge(&mut self, group: Vec<Waiting>, outcomes: Vec<Outcome>) {
        self.publish();
        for ((batch, _), outcome) in group.iter().zip(&outcomes) {
            if let Outcome::Committed(receipt) = outcome {
                let keys: Arc<[Key]> = batch.writes.iter().map(|write| write.key().clone()).collect();
                self.shared.history.record(receipt.position, keys);
                self.told = receipt.position;
            }
        }
        for ((_, answer), outcome) in group.into_iter().zip(outcomes) {
            // Who no longer waits needs no answer.
            drop(answer.send(Ok(outcome)));
        }
    }

    /// Lets readers see the engine's latest commit.
    fn publish(&self) {
        if let Some(engine) = &self.engine {
            self.shared.state.send_replace(State::Open(Arc::new(engine.view())));
        }
    }

    /// Answers a group that failed, after finding out whether it left anything.
    fn give_up(&mut self, group: Vec<Waiting>, failure: Failure) {
        tracing::error!(trouble = ?failure.trouble(), "the store could not commit");
        let before = self.told;
        if failure.trouble().ends_database() || matches!(failure, Failure::Unclear(_)) {
            self.abandon();
            self.open();
        }
        let answer = match failure {
            Failure::Refused(trouble) => Err(trouble.into_storage("commit")),
            // Opened again and made durable as it is, the store shows that the group left nothing.
            Failure::Unclear(trouble) if self.engine.as_ref().is_some_and(|it| it.position() == before) => {
                Err(trouble.into_storage("commit"))
            }
            Failure::Unclear(_) => Ok(Outcome::Unknown),
        };
        answer_all(group, &answer);
    }

    fn reopen_since(&mut self, opening: u64) {
        if self.openings == opening && !self.is_resting() {
            self.abandon();
            self.open();
        }
    }

    /// Lets go of a database that gives no more answers.
    fn abandon(&mut self) {
        self.shared.state.send_replace(State::Opening);
        if let Some(engine) = self.engine.take() {
            // It has failed already, and what it did not write the next opening recovers.
            drop(engine.abandon());
        }
    }

    /// Opens the store again and tells readers and watchers.
    fn open(&mut self) {
        self.shared.state.send_replace(State::Opening);
        self.openings += 1;
        let opened = Engine::open(&self.medium, &self.options, &self.env, self.openings);
        match opened {
            Ok(engine) => {
                if engine.position() != self.told {
                    // A group of unclear outcome went through after all, and its keys were never told.
                    self.shared.history.restart(engine.position());
                    self.told = engine.position();
                }
                (self.engine, self.rests_until) = (Some(engine), None);
                self.publish();
                tracing::warn!("the store is open again");
            }
            Err(error) => {
                tracing::error!(%error, "the store cannot be opened again");
                self.rests_until = self.medium.is_unsynced().then(|| self.env.monotonic() + MEND_PAUSE);
                let error = error.into_storage("open the store again");
                self.shared.state.send_replace(State::Failed(error, self.openings));
            }
        }
    }

    /// Whether the last opening failed, and so expensively that another has to wait. What it said stands until then.
    fn is_resting(&self) -> bool {
        self.rests_until.is_some_and(|until| self.env.monotonic() < until)
    }

    fn error(&self) -> storage::Error {
        match &*self.shared.state.borrow() {
            State::Failed(error, _) => error.clone(),
            State::Open(_) | State::Opening | State::Closed => storage::Error::Closed,
        }
    }

    fn close(&mut self) -> Result<(), storage::Error> {
        self.shared.state.send_replace(State::Closed);
        self.shared.history.close();
        match self.engine.take() {
            Some(engine) => engine.close().map_err(|trouble: Trouble| trouble.into_storage("close the store")),
            None => Ok(()),
        }
    }
}

impl Drop for Writer {
    /// However the writer ends, also by a panic, nobody may wait for it forever.
    fn drop(&mut self) {
        self.shared.state.send_replace(State::Closed);
        self.shared.history.close();
    }
}

fn answer_all(group: Vec<Waiting>, result: &Result<Outcome, storage::Error>) {
    for (_, answer) in group {
        // Who no longer waits needs no answer.
        drop(answer.send(result.clone()));
    }
}

fn value_bytes(batch: &Batch) -> usize {
    batch.writes.iter().filter_map(|write| write.value()).map(bytes::Bytes::len).sum()
}

//! The one writer: takes whatever waits into one transaction, and answers when it is durable.
//!
//! It never sleeps to make a group larger: while one group is being synced the next one gathers by itself. What a full
//! log holds the database takes over on a thread beside it, for which it waits only when the other log is full too. When
//! a file fails it opens the store again, and until that has worked readers wait or are told why not.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use env::Env;
use storage::history::History;
use storage::{Batch, Key, Outcome, Position};
use tokio::sync::{mpsc, oneshot, watch};

use crate::Options;
use crate::engine::{Engine, Failure, Room};
use crate::error::{Error, Trouble};
use crate::medium::Medium;
use crate::view::View;

/// How many commits may wait for the writer; further ones wait to be let in.
pub(crate) const QUEUE_BATCHES_MAX: usize = 256;
/// The most batches of one group.
const GROUP_BATCHES_MAX: usize = 256;
/// A group takes no further batch once its values have reached this, in bytes: many of them fit into one log.
const GROUP_BYTES_MAX: usize = 64 * 1024;

/// How long calls are told of an opening that failed with all of the store still to be written again, before another
/// is tried: it may take seconds of the disk's time, and there may be many calls.
pub(crate) const MEND_PAUSE: Duration = Duration::from_secs(5);

/// What the writer is asked to do.
pub(crate) enum Job {
    /// Commit, and say what came of it. Not done if nobody waits for the answer any more.
    Commit(Batch, oneshot::Sender<Result<Outcome, storage::Error>>),
    /// Open the store again, unless that has been tried since this opening.
    Reopen(u64),
    /// The takeover of this number has ended.
    TakenOver(u64),
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
    /// For threads that have something to say to this one.
    call: mpsc::WeakSender<Job>,
    /// `None` after the file has failed.
    engine: Option<Engine>,
    /// The thread on which the database takes a log over. It has the database in use: whoever lets go of the engine
    /// waits for it first.
    takeover: Option<JoinHandle<Result<(), Trouble>>>,
    /// How many there have been.
    takeovers: u64,
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
        (jobs, call): (mpsc::Receiver<Job>, mpsc::WeakSender<Job>),
    ) -> Result<(Arc<Shared>, Self), Error> {
        let engine = Engine::open(&medium, &options, &env, 1)?;
        let view = engine.view();
        let history = History::new(engine.position(), options.history_commits);
        let shared = Arc::new(Shared { state: watch::Sender::new(State::Open(Arc::new(view))), history });
        let told = engine.position();
        let writer = Self {
            medium,
            options,
            env,
            shared: shared.clone(),
            jobs,
            call,
            engine: Some(engine),
            takeover: None,
            takeovers: 0,
            openings: 1,
            rests_until: None,
            told,
        };
        Ok((shared, writer))
    }

    /// Works until the store is closed or nobody can ask any more.
    pub(crate) fn run(mut self) {
        let mut next = None;
        while let Some(job) = next.take().or_else(|| self.jobs.blocking_recv()) {
            match job {
                Job::Commit(batch, answer) => {
                    let group;
                    (group, next) = self.gather((batch, answer));
                    self.commit(group);
                    self.take_over();
                }
                Job::TakenOver(number) if number == self.takeovers => self.end_takeover(),
                Job::TakenOver(_) => {}
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
        let batches: Vec<&Batch> = group.iter().map(|(batch, _)| batch).collect();
        match self.commit_batches(&batches) {
            Some(Ok(outcomes)) => self.acknowledge(group, outcomes),
            Some(Err(failure)) => self.give_up(group, failure),
            None => {
                let error = self.error();
                answer_all(group, &Err(error));
            }
        }
    }

    /// What came of a group; `None` when the store is not open.
    fn commit_batches(&mut self, batches: &[&Batch]) -> Option<Result<Vec<Outcome>, Failure>> {
        if self.takeover.as_ref().is_some_and(JoinHandle::is_finished) {
            self.end_takeover();
        }
        match self.engine.as_mut()?.make_room(batches) {
            Ok(Room::Ready) => {}
            Ok(Room::Occupied) => {
                self.take_over();
                if let Err(trouble) = self.await_takeover() {
                    self.abandon();
                    return Some(Err(Failure::Refused(trouble)));
                }
                if let Err(failure) = self.engine.as_mut()?.make_room(batches) {
                    return Some(Err(failure));
                }
            }
            Err(failure) => return Some(Err(failure)),
        }
        Some(self.engine.as_mut()?.commit(batches))
    }

    /// Has the database take over what a full log holds, if there is one, beside this thread.
    fn take_over(&mut self) {
        let Some(takeover) = self.engine.as_mut().and_then(Engine::takeover) else { return };
        self.takeovers += 1;
        let (number, call) = (self.takeovers, self.call.clone());
        let work = move || {
            let result = takeover.run();
            // If the queue is full, the writer looks by itself with the next commit.
            drop(call.upgrade().map(|call| call.try_send(Job::TakenOver(number))));
            result
        };
        match std::thread::Builder::new().name("storage-takeover".to_owned()).spawn(work) {
            Ok(thread) => self.takeover = Some(thread),
            Err(error) => {
                tracing::error!(%error, "the store has no thread to take its log over");
                self.abandon();
                self.open();
            }
        }
    }

    /// Takes up what came of a takeover that has ended or soon will.
    fn end_takeover(&mut self) {
        if let Err(trouble) = self.await_takeover() {
            tracing::error!(?trouble, "the store could not take its log over");
            self.abandon();
            self.open();
        }
    }

    /// Waits for the takeover, if there is one, and shows readers what the database has then. After a failure the store
    /// must be opened again.
    fn await_takeover(&mut self) -> Result<(), Trouble> {
        let Some(thread) = self.takeover.take() else { return Ok(()) };
        thread.join().unwrap_or(Err(Trouble::Panicked))?;
        if let Some(engine) = &mut self.engine {
            engine.taken_over()?;
            self.publish();
        }
        Ok(())
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
        if self.engine.is_none() || failure.trouble().ends_database() || matches!(failure, Failure::Unclear(_)) {
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
        // Whatever comes of it, the next opening sees.
        drop(self.takeover.take().map(JoinHandle::join));
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
        let taken_over = self.await_takeover();
        self.shared.state.send_replace(State::Closed);
        self.shared.history.close();
        match self.engine.take() {
            Some(engine) if taken_over.is_err() => engine.abandon().and(taken_over).map_err(unclosed),
            Some(engine) => engine.close().map_err(unclosed),
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

fn unclosed(trouble: Trouble) -> storage::Error {
    trouble.into_storage("close the store")
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

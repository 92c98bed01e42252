//! A store that goes wrong on demand: from a script, call by call, or by seeded chance.
//!
//! It never lies about a commit: whatever it does not know for certain it answers with [`Outcome::Unknown`], as a real
//! store behind a bad network must.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use env::Env;
use env::simulated::SeededRandom;
use tokio::sync::watch;

use crate::counting::{Call, Counts};
use crate::{Batch, Change, Entry, Error, Export, Key, Outcome, Page, Position, Scan, Snapshot, Storage, Watch};

/// The most faults that a script may hold at once.
pub const SCRIPT_FAULTS_MAX: usize = 10_000;

/// What happens to one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is not carried out and the caller is told so: [`Error::Unavailable`].
    Fail,
    /// It is not carried out and the caller is told [`Error::Full`].
    Full,
    /// It is carried out after this long.
    Delay(Duration),
    /// It is not carried out and never answers. Whoever waits for it without a deadline waits forever.
    Hang,
    /// It is not carried out and nobody knows: a commit is [`Outcome::Unknown`], any other call fails.
    LoseCall,
    /// It is carried out and nobody knows: a commit is [`Outcome::Unknown`], any other call fails.
    LoseAnswer,
    /// As [`LoseCall`](Self::LoseCall), and from here on every call fails until [`Faulty::mend`].
    CutBefore,
    /// As [`LoseAnswer`](Self::LoseAnswer), and from here on every call fails until [`Faulty::mend`].
    CutAfter,
}

/// How often each fault strikes by chance, in thousandths of the calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Chances {
    /// [`Fault::Fail`].
    pub fail: u64,
    /// [`Fault::LoseCall`].
    pub lose_call: u64,
    /// [`Fault::LoseAnswer`].
    pub lose_answer: u64,
}

/// Wraps a store and harms it. Without a script, chances or a cut it passes everything on unchanged.
pub struct Faulty {
    inner: Arc<dyn Storage>,
    env: Env,
    plan: Mutex<Plan>,
    counts: Counts,
    calls: AtomicU64,
    /// How often the connection was cut; odd while it is.
    cuts: watch::Sender<u64>,
}

#[derive(Default)]
struct Plan {
    script: Vec<Scripted>,
    chances: Option<(SeededRandom, Chances)>,
}

struct Scripted {
    /// `None` for a call of any kind.
    call: Option<Call>,
    /// The how-manieth call of the kind, counted since the store was wrapped.
    nth: u64,
    fault: Fault,
}

/// The cause of every [`Error::Unavailable`] that comes from here.
#[derive(Debug, thiserror::Error)]
#[error("injected by the test")]
struct Injected;

/// What becomes of a call once its fault is known.
enum Fate {
    Pass,
    Refuse(Error),
    Lose { is_done: bool },
}

impl Faulty {
    /// Wraps a store; `env` is the clock of [`Fault::Delay`].
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>, env: Env) -> Self {
        let (plan, counts) = (Mutex::default(), Counts::default());
        Self { inner, env, plan, counts, calls: AtomicU64::new(0), cuts: watch::Sender::new(0) }
    }

    /// Harms the `nth` call of any kind, counted from here: 1 is the next one.
    ///
    /// # Panics
    /// When the script would grow beyond [`SCRIPT_FAULTS_MAX`].
    pub fn fail_nth_call(&self, nth: u64, fault: Fault) {
        self.add(Scripted { call: None, nth: self.calls() + nth, fault });
    }

    /// Harms the `nth` call of one kind, counted from here: 1 is the next one.
    ///
    /// # Panics
    /// When the script would grow beyond [`SCRIPT_FAULTS_MAX`].
    pub fn fail_nth(&self, call: Call, nth: u64, fault: Fault) {
        self.add(Scripted { call: Some(call), nth: self.counts.count(call) + nth, fault });
    }

    /// From here on faults strike by chance as well; the same seed and the same order of calls give the same faults.
    pub fn fail_by_chance(&self, seed: u64, chances: Chances) {
        self.plan().chances = Some((SeededRandom::new(seed), chances));
    }

    /// Forgets script and chances. A cut stays.
    pub fn calm(&self) {
        *self.plan() = Plan::default();
    }

    /// Cuts the connection: every call fails, every watch and export is over.
    pub fn cut(&self) {
        self.cuts.send_if_modified(|cuts| {
            let is_whole = *cuts % 2 == 0;
            *cuts += u64::from(is_whole);
            is_whole
        });
    }

    /// Ends a cut. Watches and exports from before stay over.
    pub fn mend(&self) {
        self.cuts.send_if_modified(|cuts| {
            let is_cut = *cuts % 2 == 1;
            *cuts += u64::from(is_cut);
            is_cut
        });
    }

    /// How many calls came in so far, harmed or not.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, scripted: Scripted) {
        let mut plan = self.plan();
        assert!(plan.script.len() < SCRIPT_FAULTS_MAX, "the script has no room for another fault");
        plan.script.push(scripted);
    }

    /// Counts the call, lets it wait if it must, and says what becomes of it.
    async fn fate(&self, call: Call) -> Fate {
        let (nth_call, nth) = (self.calls.fetch_add(1, Ordering::SeqCst) + 1, self.counts.add(call));
        let fault = self.plan().fault(call, nth_call, nth);
        if *self.cuts.borrow() % 2 == 1 {
            return Fate::Refuse(unavailable());
        }
        match fault {
            None => Fate::Pass,
            Some(Fault::Fail) => Fate::Refuse(unavailable()),
            Some(Fault::Full) => Fate::Refuse(Error::Full),
            Some(Fault::Delay(delay)) => {
                self.env.sleep(delay).await;
                Fate::Pass
            }
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::LoseCall) => Fate::Lose { is_done: false },
            Some(Fault::LoseAnswer) => Fate::Lose { is_done: true },
            Some(Fault::CutBefore) => {
                self.cut();
                Fate::Lose { is_done: false }
            }
            Some(Fault::CutAfter) => {
                self.cut();
                Fate::Lose { is_done: true }
            }
        }
    }

    /// Whether a call that only asks may pass: for it every loss is a failure.
    async fn pass(&self, call: Call) -> Result<(), Error> {
        match self.fate(call).await {
            Fate::Pass => Ok(()),
            Fate::Refuse(error) => Err(error),
            Fate::Lose { .. } => Err(unavailable()),
        }
    }
}

impl Plan {
    fn fault(&mut self, call: Call, nth_call: u64, nth: u64) -> Option<Fault> {
        let is_due = |it: &Scripted| it.call.map_or(it.nth == nth_call, |kind| kind == call && it.nth == nth);
        if let Some(index) = self.script.iter().position(is_due) {
            return Some(self.script.swap_remove(index).fault);
        }
        let (random, chances) = self.chances.as_ref()?;
        let drawn = random.below(1000);
        let lose_call = chances.fail + chances.lose_call;
        let lose_answer = lose_call + chances.lose_answer;
        match drawn {
            _ if drawn < chances.fail => Some(Fault::Fail),
            _ if drawn < lose_call => Some(Fault::LoseCall),
            _ if drawn < lose_answer => Some(Fault::LoseAnswer),
            _ => None,
        }
    }
}

#[async_trait]
impl Storage for Faulty {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, Error> {
        self.pass(Call::Read).await?;
        self.inner.read(keys).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, Error> {
        self.pass(Call::Scan).await?;
        self.inner.scan(scan).await
    }

    async fn commit(&self, batch: &Batch) -> Result<Outcome, Error> {
        match self.fate(Call::Commit).await {
            Fate::Pass => self.inner.commit(batch).await,
            Fate::Refuse(error) => Err(error),
            Fate::Lose { is_done: false } => Ok(Outcome::Unknown),
            Fate::Lose { is_done: true } => {
                // Whatever the answer was, a conflict or an error too: it is lost.
                drop(self.inner.commit(batch).await);
                Ok(Outcome::Unknown)
            }
        }
    }

    async fn now(&self) -> Result<Position, Error> {
        self.pass(Call::Now).await?;
        self.inner.now().await
    }

    async fn watch(&self, from: Position) -> Result<Box<dyn Watch>, Error> {
        self.pass(Call::Watch).await?;
        let line = Line::new(&self.cuts);
        Ok(Box::new(FaultyWatch { inner: self.inner.watch(from).await?, line }))
    }

    async fn export(&self) -> Result<Box<dyn Export>, Error> {
        self.pass(Call::Export).await?;
        let line = Line::new(&self.cuts);
        Ok(Box::new(FaultyExport { inner: self.inner.export().await?, line }))
    }
}

/// One connection to the store, which the next cut ends for good.
struct Line {
    cuts: watch::Receiver<u64>,
    born: u64,
}

impl Line {
    fn new(cuts: &watch::Sender<u64>) -> Self {
        let cuts = cuts.subscribe();
        let born = *cuts.borrow();
        Self { cuts, born }
    }

    /// Returns once the connection has been cut, however often it was mended since.
    async fn ended(&mut self) -> Error {
        // An error means that the store itself is gone, which ends the connection too.
        drop(self.cuts.wait_for(|cuts| *cuts != self.born).await);
        unavailable()
    }
}

struct FaultyWatch {
    inner: Box<dyn Watch>,
    line: Line,
}

#[async_trait]
impl Watch for FaultyWatch {
    async fn next(&mut self) -> Result<Change, Error> {
        tokio::select! {
            biased;
            error = self.line.ended() => Err(error),
            change = self.inner.next() => change,
        }
    }
}

struct FaultyExport {
    inner: Box<dyn Export>,
    line: Line,
}

#[async_trait]
impl Export for FaultyExport {
    fn position(&self) -> Position {
        self.inner.position()
    }

    async fn next(&mut self) -> Result<Vec<Entry>, Error> {
        tokio::select! {
            biased;
            error = self.line.ended() => Err(error),
            page = self.inner.next() => page,
        }
    }
}

fn unavailable() -> Error {
    Error::Unavailable { action: "call the store", source: Arc::new(Injected) }
}

#[cfg(test)]
mod tests;

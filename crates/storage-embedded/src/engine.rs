//! The database, the log in front of it and their one writer, without threads: groups of batches in, outcomes out.
//!
//! A group becomes durable with one record in the log, and readers find it in memory. The database takes it over in a
//! transaction that is committed, durably, when the log is full; then the log begins anew. After a crash memory is filled from the log
//! again. It must never say `Committed` of anything that a power cut could take back, nor that nothing was written
//! unless that is certain.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use env::Env;
use redb::{Database, WriteTransaction};
use storage::{Batch, CommitId, Key, Outcome, Position, Receipt, Revision, Write};

use crate::Options;
use crate::error::{Error, Trouble};
use crate::format::{self, ENTRIES, META, POSITION_KEY};
use crate::log::{Log, Record};
use crate::medium::{File, Medium, Observed, mend};
use crate::view::{Layers, View};

/// After so many entries on their way into the database the thread lets others run: some 50 µs.
const ENTRIES_AT_ONCE: usize = 16;

/// An open database.
pub(crate) struct Engine {
    /// What readers see: the database, and what only the log and memory hold.
    layers: Layers,
    /// Where the database takes it over, little by little, so that nobody waits for all of it at once.
    begun: Option<WriteTransaction>,
    /// What it has not taken over yet, in order.
    backlog: VecDeque<(CommitId, Vec<Write>, Position)>,
    database: Database,
    log: Log,
    env: Env,
    position: Position,
    opening: u64,
}

/// Why a group has no outcomes.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing of it was written, and nothing ever will be.
    Refused(Trouble),
    /// It failed while it was being made durable: only the next opening shows what is there.
    Unclear(Trouble),
}

impl Failure {
    pub(crate) fn trouble(&self) -> &Trouble {
        match self {
            Self::Refused(trouble) | Self::Unclear(trouble) => trouble,
        }
    }

    fn into_trouble(self) -> Trouble {
        match self {
            Self::Refused(trouble) | Self::Unclear(trouble) => trouble,
        }
    }
}

impl Engine {
    /// Opens the store of a medium, recovering whatever a crash or a failed sync left. `opening` counts the times;
    /// the environment is asked for salts.
    pub(crate) fn open(medium: &Arc<dyn Medium>, options: &Options, env: &Env, opening: u64) -> Result<Self, Error> {
        // A damaged file can make the database panic; that must not take the caller along.
        catch_unwind(AssertUnwindSafe(|| Self::open_unguarded(medium, options, env, opening)))
            .unwrap_or_else(|_| Err(Trouble::Panicked.into()))
    }

    fn open_unguarded(medium: &Arc<dyn Medium>, options: &Options, env: &Env, opening: u64) -> Result<Self, Error> {
        if medium.is_unsynced() {
            tracing::warn!("a sync of the store has failed: all of it is written again");
            for file in [File::Log, File::Database] {
                let file = medium.open(file).map_err(Error::Mend)?;
                mend(&*file).map_err(Error::Mend)?;
                file.close().map_err(Error::Mend)?;
            }
            medium.set_unsynced(false);
        }
        let open = |file| medium.open(file).map_err(|error| Error::Open(redb::Error::Io(error)));
        let file = open(File::Database)?;
        // A new store is made elsewhere and appears here whole, so an empty file is a loss, not a beginning.
        if file.len().map_err(|error| Error::Open(redb::Error::Io(error)))? == 0 {
            return Err(Error::Corrupt("its file is empty".to_owned()));
        }
        let database = Database::builder()
            .set_cache_size(options.cache_bytes)
            .set_check_integrity_on_open(options.checks_whole_file)
            .set_repair_callback(|session| tracing::warn!(progress = session.progress(), "the store is being repaired"))
            .create_with_backend(Observed::new(file, medium.clone()))
            .map_err(Trouble::from)?;
        let position = format::check(&database)?;
        let (log, records) = Log::open(Box::new(Observed::new(open(File::Log)?, medium.clone())), position)?;
        let layers = Layers::new(&database)?;
        let (begun, backlog) = (None, VecDeque::new());
        let mut engine = Self { layers, begun, backlog, database, log, env: env.clone(), position, opening };
        engine.replay(&records)?;
        Ok(engine)
    }

    /// Takes up what the log holds and the database lacks. The log stays as it is: it alone makes these commits durable.
    fn replay(&mut self, records: &[Record]) -> Result<(), Error> {
        let missing = records.iter().skip_while(|record| record.last() <= self.position);
        let mut position = self.position;
        for record in missing {
            if record.first.0 != position.0 + 1 {
                let (database, Position(log)) = (position.0, record.first);
                return Err(Error::Corrupt(format!("its log goes on at {log}, but it is at {database}")));
            }
            for (id, writes) in &record.batches {
                position = Position(position.0 + 1);
                self.layers.recent.add(*id, writes, position);
                self.backlog.push_back((*id, writes.clone(), position));
            }
        }
        if position == self.position {
            let restarted = self.log.restart(self.env.random());
            return restarted.map_err(|error| Error::Open(redb::Error::Io(error)));
        }
        self.position = position;
        Ok(())
    }

    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// What readers see from here on.
    pub(crate) fn view(&self) -> View {
        View::new(self.layers.clone(), self.position, self.opening)
    }

    /// Has the database take over what it lacks and closes it, so that the next opening has nothing to recover.
    pub(crate) fn close(mut self) -> Result<(), Trouble> {
        let settled = if self.layers.recent.is_empty() { Ok(()) } else { self.settle_guarded() };
        settled.map_err(Failure::into_trouble).and(self.abandon())
    }

    /// Lets go of the files as they are; what the database lacks the next opening finds in the log.
    pub(crate) fn abandon(self) -> Result<(), Trouble> {
        let Self { layers, begun, database, .. } = self;
        drop(layers);
        catch_unwind(AssertUnwindSafe(|| {
            drop(begun);
            database.close()
        }))
        .map_err(|_| Trouble::Panicked)?
        .map_err(Trouble::from)
    }

    fn settle_guarded(&mut self) -> Result<(), Failure> {
        let position = self.position;
        catch_unwind(AssertUnwindSafe(|| self.settle(position))).unwrap_or(Err(Failure::Unclear(Trouble::Panicked)))
    }

    /// Applies the batches in order, each to what the ones before it left, and makes all of it durable at once.
    /// The outcomes come in the order of the batches.
    ///
    /// After a failure that [ends the database](Trouble::ends_database) this must be dropped and opened again.
    pub(crate) fn commit(&mut self, batches: &[&Batch]) -> Result<Vec<Outcome>, Failure> {
        catch_unwind(AssertUnwindSafe(|| self.commit_unguarded(batches)))
            .unwrap_or(Err(Failure::Unclear(Trouble::Panicked)))
    }

    fn commit_unguarded(&mut self, batches: &[&Batch]) -> Result<Vec<Outcome>, Failure> {
        let mut position = self.position;
        let done = self.apply_all(batches, &mut position);
        if matches!(done, Err(Failure::Refused(_))) {
            self.layers.recent.forget_behind(self.position);
        }
        let outcomes = done?;
        self.position = position;
        Ok(outcomes)
    }

    /// Readers do not see any of it before the position says so.
    fn apply_all(&mut self, batches: &[&Batch], position: &mut Position) -> Result<Vec<Outcome>, Failure> {
        let each = batches.iter().map(|batch| self.apply(batch, position));
        let outcomes = each.collect::<Result<Vec<_>, _>>().map_err(Failure::Refused)?;
        if *position == self.position {
            return Ok(outcomes);
        }
        let went_through = batches.iter().zip(&outcomes).filter(|(_, it)| matches!(it, Outcome::Committed(_)));
        let record = self.log.encode(Position(self.position.0 + 1), went_through.map(|(batch, _)| *batch));
        let fits = self.log.has_room(record.len());
        if fits {
            self.log.append(&record).map_err(unclear)?;
        }
        for (batch, outcome) in batches.iter().zip(&outcomes) {
            if let Outcome::Committed(receipt) = outcome {
                self.backlog.push_back((batch.id, batch.writes.clone(), receipt.position));
            }
        }
        if !fits {
            self.settle(*position)?;
        }
        Ok(outcomes)
    }

    /// Goes on with the work that the next full log would have to wait for: as many commits as these at most.
    ///
    /// # Errors
    /// When the database fails. Nothing is lost, and this must be dropped and opened again.
    pub(crate) fn digest(&mut self, commits: usize) -> Result<(), Trouble> {
        if self.backlog.is_empty() {
            return Ok(());
        }
        catch_unwind(AssertUnwindSafe(|| self.digest_unguarded(commits))).unwrap_or(Err(Trouble::Panicked))
    }

    fn digest_unguarded(&mut self, commits: usize) -> Result<(), Trouble> {
        let transaction = match self.begun.take() {
            Some(transaction) => transaction,
            None => {
                let mut transaction = self.database.begin_write()?;
                transaction.set_quick_repair(true);
                transaction
            }
        };
        let next = self.backlog.drain(..commits.min(self.backlog.len()));
        take_over(&transaction, next)?;
        self.begun = Some(transaction);
        Ok(())
    }

    /// One batch in memory: all of it, or none and the keys that were not as expected.
    fn apply(&self, batch: &Batch, position: &mut Position) -> Result<Outcome, Trouble> {
        let layers = &self.layers;
        let conflicts: Vec<Key> = batch.conflicts(|key| layers.revision(key), |range| layers.first(range))?;
        if !conflicts.is_empty() {
            return Ok(Outcome::Conflict(conflicts));
        }
        *position = Position(position.0 + 1);
        layers.recent.add(batch.id, &batch.writes, *position);
        Ok(Outcome::Committed(Receipt { position: *position, revision: Revision(position.0) }))
    }

    /// Has the database take over everything up to `position`, durably, and begins the log anew. Two phases and a saved
    /// allocator: the file opens in milliseconds after a kill, however large it is.
    fn settle(&mut self, position: Position) -> Result<(), Failure> {
        // What failed here is taken over from the log by the next opening, and what is not there was never written.
        self.digest_unguarded(usize::MAX).map_err(Failure::Unclear)?;
        let Some(transaction) = self.begun.take() else { return Ok(()) };
        insert_position(&transaction, position).map_err(Failure::Unclear)?;
        transaction.commit().map_err(|error| Failure::Unclear(error.into()))?;
        self.log.restart(self.env.random()).map_err(unclear)?;
        // Views of before keep what they had.
        self.layers = Layers::new(&self.database).map_err(Failure::Unclear)?;
        Ok(())
    }
}

fn unclear(error: std::io::Error) -> Failure {
    Failure::Unclear(Trouble::Database(redb::Error::Io(error)))
}

fn insert_position(transaction: &WriteTransaction, position: Position) -> Result<(), Trouble> {
    transaction.open_table(META)?.insert(POSITION_KEY, position.0)?;
    Ok(())
}

fn take_over(
    transaction: &WriteTransaction,
    commits: impl Iterator<Item = (CommitId, Vec<Write>, Position)>,
) -> Result<(), Trouble> {
    let mut entries = transaction.open_table(ENTRIES)?;
    let mut count = 0_usize;
    for (commit, writes, Position(position)) in commits {
        for write in &writes {
            let key = write.key().as_bytes();
            match write.value() {
                Some(value) => {
                    let stored = format::Record { revision: Revision(position), commit, value }.encode();
                    entries.insert(key, stored.as_slice())?;
                }
                None => drop(entries.remove(key)?),
            }
            count += 1;
            if count.is_multiple_of(ENTRIES_AT_ONCE) {
                // Requests may be waiting for this very core.
                std::thread::yield_now();
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

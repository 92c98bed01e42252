//! The database, the log in front of it and their one writer, without threads: groups of batches in, outcomes out.
//!
//! A group is one transaction. It becomes durable with a record in the log; the database follows in memory, and is
//! made durable itself when the log is full. After a crash the log is applied again. It must never say `Committed` of anything that a power cut could
//! take back, nor that nothing was written unless that is certain.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use env::Env;
use redb::{Database, Durability, Table, WriteTransaction};
use storage::{Batch, CommitId, Key, Outcome, Position, Receipt, Revision, Write};

use crate::Options;
use crate::error::{Error, Trouble};
use crate::format::{self, ENTRIES, META, POSITION_KEY};
use crate::log::{Log, Record};
use crate::medium::{File, Medium, Observed, mend};
use crate::view::{self, View};

/// An open database.
pub(crate) struct Engine {
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
        let mut engine = Self { database, log, env: env.clone(), position, opening };
        engine.replay(&records)?;
        Ok(engine)
    }

    /// Applies what the log holds and the database lacks. The log stays as it is: it alone makes these commits durable.
    fn replay(&mut self, records: &[Record]) -> Result<(), Error> {
        let missing = records.iter().skip_while(|record| record.last() <= self.position);
        let (mut position, mut is_any) = (self.position, false);
        let mut transaction = self.database.begin_write().map_err(Trouble::from)?;
        {
            let mut entries = transaction.open_table(ENTRIES).map_err(Trouble::from)?;
            for record in missing {
                if record.first.0 != position.0 + 1 {
                    let (database, Position(log)) = (position.0, record.first);
                    return Err(Error::Corrupt(format!("its log goes on at {log}, but it is at {database}")));
                }
                for (id, writes) in &record.batches {
                    position = Position(position.0 + 1);
                    write(*id, writes, position, &mut entries)?;
                }
                is_any = true;
            }
        }
        if !is_any {
            transaction.abort().map_err(Trouble::from)?;
            let restarted = self.log.restart(self.env.random());
            return restarted.map_err(|error| Error::Open(redb::Error::Io(error)));
        }
        insert_position(&mut transaction, position)?;
        transaction.set_durability(Durability::None).map_err(Trouble::from)?;
        transaction.commit().map_err(Trouble::from)?;
        self.position = position;
        Ok(())
    }

    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// What readers see from here on.
    pub(crate) fn view(&self) -> Result<View, Trouble> {
        View::new(&self.database, self.position, self.opening)
    }

    /// Closes the file, so that the next opening has nothing to recover.
    pub(crate) fn close(self) -> Result<(), Trouble> {
        catch_unwind(AssertUnwindSafe(|| self.database.close())).map_err(|_| Trouble::Panicked)?.map_err(Trouble::from)
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
        let refused = |error: redb::Error| Failure::Refused(error.into());
        let mut transaction = self.database.begin_write().map_err(|error| refused(error.into()))?;
        let mut position = self.position;
        let outcomes = {
            let mut entries = transaction.open_table(ENTRIES).map_err(|error| refused(error.into()))?;
            let each = batches.iter().map(|batch| apply(batch, &mut entries, &mut position));
            each.collect::<Result<Vec<_>, _>>().map_err(Failure::Refused)?
        };
        if position == self.position {
            transaction.abort().map_err(|error| refused(error.into()))?;
            return Ok(outcomes);
        }
        insert_position(&mut transaction, position).map_err(Failure::Refused)?;
        let went_through = batches.iter().zip(&outcomes).filter(|(_, it)| matches!(it, Outcome::Committed(_)));
        let record = self.log.encode(Position(self.position.0 + 1), went_through.map(|(batch, _)| *batch));
        self.make_durable(transaction, &record)?;
        self.position = position;
        Ok(outcomes)
    }

    /// Commits in memory and then by a record in the log; or, if that does not fit, in the database itself, and then
    /// the log begins anew.
    fn make_durable(&mut self, mut transaction: WriteTransaction, record: &[u8]) -> Result<(), Failure> {
        let unclear = |error| Failure::Unclear(Trouble::Database(redb::Error::Io(error)));
        if self.log.has_room(record.len()) {
            let refused = |error: redb::Error| Failure::Refused(error.into());
            transaction.set_durability(Durability::None).map_err(|error| refused(error.into()))?;
            // Nothing is on the disk yet, so after a failure here the next opening shows that there is nothing.
            transaction.commit().map_err(|error| Failure::Unclear(error.into()))?;
            self.log.append(record).map_err(unclear)
        } else {
            // Two phases and a saved allocator: the file opens in milliseconds after a kill, however large it is.
            transaction.set_quick_repair(true);
            transaction.commit().map_err(|error| Failure::Unclear(error.into()))?;
            self.log.restart(self.env.random()).map_err(unclear)
        }
    }
}

fn insert_position(transaction: &mut WriteTransaction, position: Position) -> Result<(), Trouble> {
    transaction.open_table(META)?.insert(POSITION_KEY, position.0)?;
    Ok(())
}

/// One batch within a transaction: all of it, or none and the keys that were not as expected.
fn apply(
    batch: &Batch,
    entries: &mut Table<&'static [u8], &'static [u8]>,
    position: &mut Position,
) -> Result<Outcome, Trouble> {
    let conflicts: Vec<Key> =
        batch.conflicts(|key| view::revision(entries, key), |range| view::first(entries, range))?;
    if !conflicts.is_empty() {
        return Ok(Outcome::Conflict(conflicts));
    }
    *position = Position(position.0 + 1);
    write(batch.id, &batch.writes, *position, entries)?;
    Ok(Outcome::Committed(Receipt { position: *position, revision: Revision(position.0) }))
}

fn write(
    id: CommitId,
    writes: &[Write],
    Position(position): Position,
    entries: &mut Table<&'static [u8], &'static [u8]>,
) -> Result<(), Trouble> {
    for write in writes {
        let key = write.key().as_bytes();
        match write.value() {
            Some(value) => {
                let stored = format::Record { revision: Revision(position), commit: id, value }.encode();
                entries.insert(key, stored.as_slice())?;
            }
            None => drop(entries.remove(key)?),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! The database, the logs in front of it and their one writer, without threads: groups of batches in, outcomes out.
//!
//! A group becomes durable with one record in a log, and readers find it in memory. When that log is full the other one
//! goes on, and meanwhile, on whatever thread the caller chooses, the database takes over what the full one holds
//! ([`Takeover`]). After a crash memory is filled from the logs again. It must never say `Committed` of anything that a
//! power cut could take back, nor that nothing was written unless that is certain; and no log may begin anew before the
//! database has, durably, what it holds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use env::Env;
use redb::Database;
use storage::{Batch, Key, Outcome, Position, Receipt, Revision};

use crate::Options;
use crate::error::{Error, Trouble};
use crate::format;
use crate::log::{Log, Record, record_bytes};
use crate::medium::{File, Medium, Observed, mend};
use crate::takeover::Takeover;
use crate::view::{Layers, View};

/// An open database.
pub(crate) struct Engine {
    /// What readers see: the database, and what only the logs and memory hold.
    layers: Layers,
    /// The last position of the older layer.
    older_last: Position,
    /// Whether somebody works on the older layer's takeover.
    is_taken_over: bool,
    database: Arc<Database>,
    logs: [Log; 2],
    /// Which of the logs takes commits. The other one holds the older layer, or nothing of worth.
    active: usize,
    env: Env,
    position: Position,
    opening: u64,
}

/// Whether a group can be committed now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Room {
    /// It can.
    Ready,
    /// Only when the database has taken the older layer over.
    Occupied,
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
            for file in [File::Log, File::SecondLog, File::Database] {
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
        let open_log = |file| Log::open(Box::new(Observed::new(open(file)?, medium.clone())), position);
        let [first, second] = File::LOGS;
        let ((first, first_records), (second, second_records)) = (open_log(first)?, open_log(second)?);
        let mut engine = Self {
            layers: Layers::new(&database)?,
            older_last: position,
            is_taken_over: false,
            database: Arc::new(database),
            logs: [first, second],
            active: 0,
            env: env.clone(),
            position,
            opening,
        };
        engine.replay([first_records, second_records])?;
        Ok(engine)
    }

    /// Takes up what the logs hold and the database lacks. They stay as they are: they alone make these commits durable.
    fn replay(&mut self, records: [Vec<Record>; 2]) -> Result<(), Error> {
        let mut held: Vec<(usize, Vec<Record>)> = records.into_iter().enumerate().collect();
        held.retain(|(_, records)| !records.is_empty());
        held.sort_by_key(|(_, records)| records.first().map(|record| record.first));
        if held.is_empty() {
            let salt = self.env.random();
            return self.log().restart(salt).map_err(|error| Error::Open(redb::Error::Io(error)));
        }
        for (log, records) in held {
            if self.position != self.older_last {
                self.age();
            }
            self.active = log;
            for record in &records {
                if record.first.0 != self.position.0 + 1 {
                    let (Position(log), Position(database)) = (record.first, self.position);
                    return Err(Error::Corrupt(format!("its log goes on at {log}, but it is at {database}")));
                }
                for (id, writes) in &record.batches {
                    self.position = Position(self.position.0 + 1);
                    self.layers.recent.add(*id, writes, self.position);
                }
            }
        }
        Ok(())
    }

    fn log(&mut self) -> &mut Log {
        let [first, second] = &mut self.logs;
        if self.active == 0 { first } else { second }
    }

    /// What is in memory belongs to a log that takes no more commits.
    fn age(&mut self) {
        (self.layers, self.older_last) = (self.layers.aged(), self.position);
    }

    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// What readers see from here on.
    pub(crate) fn view(&self) -> View {
        View::new(self.layers.clone(), self.position, self.opening)
    }

    /// Has the database take over what it lacks and closes it, so that the next opening has nothing to recover. Nobody
    /// may be working on a takeover.
    pub(crate) fn close(mut self) -> Result<(), Trouble> {
        let is_settled = self.log().is_empty() && self.layers.older.is_none();
        let settled = if is_settled { Ok(()) } else { self.settle_guarded() };
        settled.map_err(Failure::into_trouble).and(self.abandon())
    }

    /// Lets go of the files as they are; what the database lacks the next opening finds in the logs. Nobody may be
    /// working on a takeover.
    pub(crate) fn abandon(self) -> Result<(), Trouble> {
        let Self { layers, database, .. } = self;
        drop(layers);
        let Some(database) = Arc::into_inner(database) else {
            return Err(Trouble::Damaged("its database is still in use".to_owned()));
        };
        catch_unwind(AssertUnwindSafe(|| database.close())).map_err(|_| Trouble::Panicked)?.map_err(Trouble::from)
    }

    fn settle_guarded(&mut self) -> Result<(), Failure> {
        let position = self.position;
        catch_unwind(AssertUnwindSafe(|| self.settle(position))).unwrap_or(Err(Failure::Unclear(Trouble::Panicked)))
    }

    /// Makes room for a group, if need be by going on with the other log.
    ///
    /// # Errors
    /// When the other log cannot be begun anew; nothing of the group was written.
    pub(crate) fn make_room(&mut self, batches: &[&Batch]) -> Result<Room, Failure> {
        let length = record_bytes(batches);
        if self.log().has_room(length) {
            return Ok(Room::Ready);
        }
        if self.layers.older.is_some() {
            return Ok(Room::Occupied);
        }
        // What no log has room for goes into the database at once, with everything before it.
        if self.other().has_room_when_empty(length) {
            let salt = self.env.random();
            self.active = 1 - self.active;
            let restarted = self.log().restart(salt);
            restarted.map_err(|error| Failure::Refused(Trouble::Database(redb::Error::Io(error))))?;
            self.age();
        }
        Ok(Room::Ready)
    }

    fn other(&self) -> &Log {
        let [first, second] = &self.logs;
        if self.active == 0 { second } else { first }
    }

    /// The work of taking over what a full log holds, if there is some and nobody does it yet. Whoever takes it must say
    /// what came of it: [`taken_over`](Self::taken_over), or drop this.
    pub(crate) fn takeover(&mut self) -> Option<Takeover> {
        if self.is_taken_over {
            return None;
        }
        let older = self.layers.older.clone()?;
        self.is_taken_over = true;
        Some(Takeover::new(self.database.clone(), vec![older], self.older_last))
    }

    /// The takeover went through: the database is asked from here on, and the log is free.
    pub(crate) fn taken_over(&mut self) -> Result<(), Trouble> {
        self.layers = self.layers.over(&self.database)?;
        self.is_taken_over = false;
        Ok(())
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
        let first = Position(self.position.0 + 1);
        let record = self.log().encode(first, went_through.map(|(batch, _)| *batch));
        if self.log().has_room(record.len()) {
            self.log().append(&record).map_err(unclear)?;
        } else {
            self.settle(*position)?;
        }
        Ok(outcomes)
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

    /// Has the database take over everything up to `position`, durably, and begins the log anew.
    fn settle(&mut self, position: Position) -> Result<(), Failure> {
        // What failed here is taken over from the logs by the next opening, and what is not there was never written.
        let layers = self.layers.older.iter().chain([&self.layers.recent]).cloned().collect();
        Takeover::new(self.database.clone(), layers, position).run().map_err(Failure::Unclear)?;
        let salt = self.env.random();
        self.log().restart(salt).map_err(unclear)?;
        // Views of before keep what they had.
        self.layers = Layers::new(&self.database).map_err(Failure::Unclear)?;
        Ok(())
    }
}

fn unclear(error: std::io::Error) -> Failure {
    Failure::Unclear(Trouble::Database(redb::Error::Io(error)))
}

#[cfg(test)]
mod tests;

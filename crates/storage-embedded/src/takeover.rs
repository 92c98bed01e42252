//! How the database takes over what a full log holds: in one transaction, in the order of keys, beside everything else.
//!
//! It is committed with two phases and the allocator's state (`quick_repair`): the file opens in milliseconds after a
//! kill, however large it is. It must never be committed without the position: a crash would have the log's commits
//! applied to what they have already changed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use redb::{Database, Table};
use storage::{Key, Position, Revision};

use crate::error::Trouble;
use crate::format::{self, ENTRIES, Record};
use crate::recent::{Recent, Version};

/// After so many entries the thread lets others run: some 50 µs. Requests may be waiting for this very core.
const ENTRIES_AT_ONCE: usize = 16;

/// The work, to be done on any thread.
pub(crate) struct Takeover {
    database: Arc<Database>,
    /// What the database lacks, oldest first.
    layers: Vec<Arc<Recent>>,
    /// Where the last of them ends.
    position: Position,
}

impl Takeover {
    pub(crate) fn new(database: Arc<Database>, layers: Vec<Arc<Recent>>, position: Position) -> Self {
        Self { database, layers, position }
    }

    /// Does all of it; durable when this returns.
    ///
    /// # Errors
    /// When the database fails, which must be opened again then. Nothing is lost: the logs still hold everything.
    pub(crate) fn run(self) -> Result<(), Trouble> {
        catch_unwind(AssertUnwindSafe(|| self.run_unguarded())).unwrap_or(Err(Trouble::Panicked))
    }

    fn run_unguarded(self) -> Result<(), Trouble> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_quick_repair(true);
        {
            let mut entries = transaction.open_table(ENTRIES)?;
            self.layers.iter().try_for_each(|layer| copy(layer, &mut entries))?;
            format::set_position(&transaction, self.position)?;
        }
        transaction.commit()?;
        Ok(())
    }
}

fn copy(layer: &Recent, entries: &mut Table<'_, &'static [u8], &'static [u8]>) -> Result<(), Trouble> {
    let mut behind: Option<Key> = None;
    loop {
        let lines = layer.lines(behind.as_ref(), ENTRIES_AT_ONCE);
        let Some((last, _)) = lines.last() else { return Ok(()) };
        behind = Some(last.clone());
        lines.iter().try_for_each(|(key, version)| set(entries, key, version))?;
        std::thread::yield_now();
    }
}

fn set(entries: &mut Table<'_, &'static [u8], &'static [u8]>, key: &Key, version: &Version) -> Result<(), Trouble> {
    let Version { position: Position(revision), commit, value } = version;
    match value {
        Some(value) => {
            let stored = Record { revision: Revision(*revision), commit: *commit, value }.encode();
            entries.insert(key.as_bytes(), stored.as_slice())?;
        }
        None => drop(entries.remove(key.as_bytes())?),
    }
    Ok(())
}

//! Makes a store of entries that were copied from one, each with the revision and the commit that it had.
//!
//! The new database is filled under another name beside whatever is in the folder, and is made durable as a whole. Then
//! one rename says that it counts, and only behind that is the old store taken away; whoever opens the folder next
//! finishes that, if this process does not. So at any moment the folder opens as the old store or as the new one, and
//! one that is half made never does. It must never touch an old store before the new one is whole.

use std::path::Path;

use env::Env;
use redb::{Database, WriteTransaction};
use storage::{Entry, Position};

use crate::error::{Error, Trouble};
use crate::format::{self, ENTRIES, Record};
use crate::medium::Folder;

/// Entries go to the disk whenever so many bytes have come together, so that memory is bounded.
const COMMIT_BYTES: usize = 64 * 1024 * 1024;

/// What may be in the folder before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replaces {
    /// No store.
    Nothing,
    /// Perhaps one, which goes when the new one is whole.
    AnyStore,
}

/// A store in the making. When it is dropped before [`finish`](Self::finish), the folder is as it was.
pub struct Restore {
    /// What is on its way into the database.
    begun: Option<WriteTransaction>,
    bytes: usize,
    database: Database,
    env: Env,
    // Behind the database, which must be closed before its file goes.
    folder: Staging,
}

/// Takes what does not count away in the end.
struct Staging(Folder);

impl Restore {
    /// Begins in a folder, which is made (mode 0700) if it is not there, and locked as by a server.
    ///
    /// # Errors
    /// [`Error::InUse`] while a server has it open, [`Error::Exists`] when there is a store that may not be replaced, or
    /// when the folder cannot be used.
    pub fn begin(path: &Path, replaces: Replaces, env: &Env) -> Result<Self, Error> {
        let folder = Folder::occupy(path, env)?;
        if replaces == Replaces::Nothing {
            folder.check_is_empty()?;
        }
        let folder = Staging(folder);
        let database = folder.0.begin_restore()?;
        format::create(&database)?;
        Ok(Self { begun: None, bytes: 0, database, env: env.clone(), folder })
    }

    /// Adds entries, in the order of their keys.
    ///
    /// # Errors
    /// When the disk takes no more. Nothing but the new store is lost.
    pub fn add(&mut self, entries: &[Entry]) -> Result<(), Error> {
        let transaction = match self.begun.take() {
            Some(transaction) => transaction,
            None => self.database.begin_write().map_err(Trouble::from)?,
        };
        insert(&transaction, entries)?;
        self.bytes += entries.iter().map(|entry| entry.key.as_bytes().len() + entry.value.len()).sum::<usize>();
        if self.bytes < COMMIT_BYTES {
            self.begun = Some(transaction);
            return Ok(());
        }
        self.bytes = 0;
        Ok(transaction.commit().map_err(Trouble::from)?)
    }

    /// Makes what was added the folder's store, standing at `position`.
    ///
    /// # Errors
    /// When the disk takes no more: the folder is as it was. Only after [`Error::Folder`] it may already be the new
    /// store.
    pub fn finish(self, position: Position) -> Result<(), Error> {
        let Self { begun, database, env, folder, .. } = self;
        let mut last = match begun {
            Some(transaction) => transaction,
            None => database.begin_write().map_err(Trouble::from)?,
        };
        // So that the server opens it in milliseconds.
        last.set_quick_repair(true);
        format::set_position(&last, position)?;
        last.commit().map_err(Trouble::from)?;
        database.close().map_err(Trouble::from)?;
        folder.0.finish_restore(&env)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.0.forget_restore();
    }
}

fn insert(transaction: &WriteTransaction, entries: &[Entry]) -> Result<(), Trouble> {
    let mut table = transaction.open_table(ENTRIES)?;
    for entry in entries {
        let record = Record { revision: entry.revision, commit: entry.commit, value: &entry.value };
        table.insert(entry.key.as_bytes(), record.encode().as_slice())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;

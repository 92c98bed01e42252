//! What is on disk: two tables, and the form of an entry.
//!
//! `meta` holds [`FORMAT`] and the position, `entries` the entries by key. An entry is one version byte, the revision
//! (8 bytes, big-endian), the commit's id (16 bytes) and the value. `golden/stored/` keeps samples that must open
//! forever.

use bytes::Bytes;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use storage::{CommitId, Entry, Key, Position, Revision};

use crate::error::{Error, Trouble};

/// The format of new stores. A store with a higher one was written by a later version of the program.
pub(crate) const FORMAT: u64 = 1;

/// The first byte of every entry.
const ENTRY_VERSION: u8 = 1;
/// Version, revision and commit id: what stands in front of a value, in bytes.
const HEADER_BYTES: usize = 1 + 8 + 16;

/// The entries by key.
pub(crate) const ENTRIES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("entries");
/// [`FORMAT_KEY`] and [`POSITION_KEY`].
pub(crate) const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// Under it the format.
const FORMAT_KEY: &str = "format";
/// Under it the position: how many commits the store has seen. It never goes back, so that no revision ever returns.
const POSITION_KEY: &str = "position";

/// A stored entry, not yet copied.
pub(crate) struct Record<'a> {
    pub(crate) revision: Revision,
    pub(crate) commit: CommitId,
    pub(crate) value: &'a [u8],
}

impl<'a> Record<'a> {
    /// Takes apart what is stored.
    pub(crate) fn decode(stored: &'a [u8]) -> Result<Self, Trouble> {
        let damaged = || Trouble::Damaged("an entry has no valid header".to_owned());
        let (header, value) = stored.split_first_chunk::<HEADER_BYTES>().ok_or_else(damaged)?;
        let [ENTRY_VERSION, rest @ ..] = header else { return Err(damaged()) };
        let (revision, commit) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
        let commit = commit.try_into().map_err(|_| damaged())?;
        Ok(Self { revision: Revision(u64::from_be_bytes(*revision)), commit: CommitId(commit), value })
    }

    /// What is to be stored.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Revision(revision) = self.revision;
        [&[ENTRY_VERSION][..], &revision.to_be_bytes(), &self.commit.0, self.value].concat()
    }

    /// A copy that outlives the page.
    pub(crate) fn to_entry(&self, key: Key) -> Entry {
        Entry { key, value: Bytes::copy_from_slice(self.value), revision: self.revision, commit: self.commit }
    }
}

/// A copy of a stored key.
pub(crate) fn decode_key(stored: &[u8]) -> Result<Key, Trouble> {
    Key::new(Bytes::copy_from_slice(stored)).map_err(|error| Trouble::Damaged(format!("an entry's {error}")))
}

/// Makes the tables of a new store.
pub(crate) fn create(database: &Database) -> Result<(), Trouble> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    transaction.open_table(ENTRIES)?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(FORMAT_KEY, FORMAT)?;
        meta.insert(POSITION_KEY, 0)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Has a store that is being made stand at a position.
pub(crate) fn set_position(transaction: &WriteTransaction, position: Position) -> Result<(), Trouble> {
    transaction.open_table(META)?.insert(POSITION_KEY, position.0)?;
    Ok(())
}

/// The position of a store whose format is known here.
pub(crate) fn check(database: &Database) -> Result<Position, Error> {
    let read = |name: &str| -> Result<u64, Trouble> {
        let meta = database.begin_read()?.open_table(META)?;
        let found = ReadableTable::get(&meta, name)?.map(|found| found.value());
        found.ok_or_else(|| Trouble::Damaged(format!("it has no {name}")))
    };
    let as_damage = |trouble| match trouble {
        Trouble::Database(redb::Error::TableDoesNotExist(name)) => Error::Corrupt(format!("it has no table {name}")),
        trouble => Error::from(trouble),
    };
    match read(FORMAT_KEY).map_err(as_damage)? {
        FORMAT => Ok(Position(read(POSITION_KEY).map_err(as_damage)?)),
        0 => Err(Error::Corrupt("its format is zero".to_owned())),
        found => Err(Error::TooNew { found, known: FORMAT }),
    }
}

#[cfg(test)]
mod tests;

//! redb in its three ways to commit.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use crate::harness::{Candidate, Pair};

const ENTRIES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("entries");
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");

/// As the store ships.
pub const CACHE_BYTES: usize = 16 * 1024 * 1024;

struct Redb {
    database: Database,
    position: u64,
    is_two_phase: bool,
    is_quick: bool,
}

/// One sync; after a crash the whole file is read.
pub fn one_phase(folder: &Path) -> Box<dyn Candidate> {
    open(folder, false, false)
}

/// Two syncs; after a crash the whole file is read.
pub fn two_phase(folder: &Path) -> Box<dyn Candidate> {
    open(folder, true, false)
}

/// Two syncs and the allocator's state in each commit; after a crash nothing is read.
pub fn quick_repair(folder: &Path) -> Box<dyn Candidate> {
    open(folder, true, true)
}

fn open(folder: &Path, is_two_phase: bool, is_quick: bool) -> Box<dyn Candidate> {
    let path = folder.join("store.redb");
    let database = Database::builder().set_cache_size(CACHE_BYTES).create(path).expect("the store opens");
    Box::new(Redb { database, position: 0, is_two_phase, is_quick })
}

impl Candidate for Redb {
    fn commit(&mut self, pairs: &[Pair]) {
        let mut transaction = self.database.begin_write().expect("one writer");
        transaction.set_two_phase_commit(self.is_two_phase);
        transaction.set_quick_repair(self.is_quick);
        self.position += 1;
        {
            let mut entries = transaction.open_table(ENTRIES).expect("the table is ours");
            for (key, value) in pairs {
                entries.insert(key.as_slice(), value.as_slice()).expect("there is room");
            }
            let mut meta = transaction.open_table(META).expect("the table is ours");
            meta.insert("position", self.position).expect("there is room");
        }
        transaction.commit().expect("the disk works");
    }

    fn read(&self, key: &[u8]) -> Option<Vec<u8>> {
        let entries = self.database.begin_read().expect("it is open").open_table(ENTRIES).expect("the table is ours");
        ReadableTable::get(&entries, key).expect("the disk works").map(|found| found.value().to_vec())
    }
}

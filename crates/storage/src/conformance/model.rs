//! Random work on the store and on a naive map beside it: both must say the same. A failure prints the seed.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use env::simulated::SeededRandom;

use super::{id, key, pages};
use crate::{Batch, Entry, Expectation, Item, Key, KeyRange, Outcome, Revision, Scan, Storage, Write};

/// Steps of one run.
const STEPS: u64 = 250;

/// Few names, so that the steps meet, with folders in and beside one another.
const NAMES: [&str; 14] =
    ["a", "a/", "a/b", "a/b/c", "a/b/d", "a/c", "a0", "b", "b/x/y", "b/x/z", "b/y", "c/d/e", "d", "d/"];

struct Model {
    random: SeededRandom,
    entries: BTreeMap<Key, Entry>,
}

/// Commits, reads and scans drawn from a seed agree with a map.
pub async fn a_store_agrees_with_a_naive_model(store: Arc<dyn Storage>) {
    let seed = 20_301;
    let mut model = Model { random: SeededRandom::new(seed), entries: BTreeMap::new() };
    for step in 0..STEPS {
        let note = format!("seed {seed}, step {step}");
        match model.random.below(4) {
            0 => model.compare_read(&store, &note).await,
            1 => model.compare_scan(&store, &note).await,
            _ => model.compare_commit(&store, &note).await,
        }
    }
    let mut export = store.export().await.expect("the store answers");
    let copy = export.next().await.expect("the store answers");
    assert_eq!(copy, model.entries.into_values().collect::<Vec<_>>(), "seed {seed}, at the end");
}

impl Model {
    fn name(&self) -> Key {
        key(NAMES[usize::try_from(self.random.below(NAMES.len() as u64)).expect("a small number")])
    }

    fn range(&self) -> KeyRange {
        match self.random.below(3) {
            0 => KeyRange::prefix(&self.name()),
            1 => KeyRange { start: self.name(), end: Some(self.name()) },
            _ => KeyRange { start: self.name(), end: None },
        }
    }

    /// The true revision mostly, else one that is wrong.
    fn expectation(&self, key: Key) -> Expectation {
        let is_wrong = self.random.below(8) == 0;
        match self.entries.get(&key) {
            Some(entry) if !is_wrong => Expectation::At(key, entry.revision),
            None if !is_wrong => Expectation::Absent(key),
            Some(_) => Expectation::Absent(key),
            None => Expectation::At(key, Revision(1)),
        }
    }

    fn batch(&self) -> Batch {
        let mut batch = Batch::new(id());
        for _ in 0..=self.random.below(4) {
            let key = self.name();
            if batch.expectations.iter().any(|it| it.key() == Some(&key)) {
                continue;
            }
            batch.expectations.push(self.expectation(key.clone()));
            match self.random.below(4) {
                0 => batch.writes.push(Write::Delete(key)),
                1 if !batch.writes.is_empty() => {}
                _ => batch.writes.push(Write::Put(key, self.random.next().to_string().into())),
            }
        }
        if self.random.below(10) == 0 {
            batch.expectations.push(Expectation::NoneIn(self.range()));
        }
        batch
    }

    fn holds(&self, expectation: &Expectation) -> bool {
        match expectation {
            Expectation::Absent(key) => !self.entries.contains_key(key),
            Expectation::At(key, at) => self.entries.get(key).is_some_and(|entry| entry.revision == *at),
            Expectation::NoneIn(range) => !self.entries.keys().any(|key| range.contains(key)),
        }
    }

    async fn compare_commit(&mut self, store: &Arc<dyn Storage>, note: &str) {
        let batch = self.batch();
        let should_pass = batch.expectations.iter().all(|expectation| self.holds(expectation));
        match store.commit(&batch).await.expect("the store answers") {
            Outcome::Committed(receipt) => {
                assert!(should_pass, "{note}: went through: {batch:?}");
                for write in &batch.writes {
                    self.apply(write, receipt.revision, &batch);
                }
            }
            Outcome::Conflict(_) => assert!(!should_pass, "{note}: refused: {batch:?}"),
            Outcome::Unknown => unreachable!("{note}: nothing was lost"),
        }
    }

    fn apply(&mut self, write: &Write, revision: Revision, batch: &Batch) {
        let key = write.key().clone();
        match write.value().cloned() {
            Some(value) => self.entries.insert(key.clone(), Entry { key, value, revision, commit: batch.id }),
            None => self.entries.remove(&key),
        };
    }

    async fn compare_read(&self, store: &Arc<dyn Storage>, note: &str) {
        let keys: Vec<Key> = (0..=self.random.below(6)).map(|_| self.name()).collect();
        let expected: Vec<Option<Entry>> = keys.iter().map(|key| self.entries.get(key).cloned()).collect();
        assert_eq!(store.read(&keys).await.expect("the store answers").entries, expected, "{note}: {keys:?}");
    }

    async fn compare_scan(&self, store: &Arc<dyn Storage>, note: &str) {
        let mut scan = Scan::range(self.range(), usize::try_from(self.random.below(4)).expect("small") + 1);
        if self.random.below(2) == 0 {
            scan = scan.folders(usize::try_from(self.random.below(4)).expect("small"));
        }
        if self.random.below(2) == 0 {
            scan = scan.keys_only();
        }
        assert_eq!(pages(store, &scan).await, self.items(&scan), "{note}: {scan:?}");
    }

    /// Every item of a scan without its limit, by looking at each key in turn.
    fn items(&self, scan: &Scan) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        for (key, entry) in &self.entries {
            if !scan.range.contains(key) {
                continue;
            }
            let item = match folder(scan, key) {
                Some(folder) => Item::Folder(folder),
                None if scan.keys_only => Item::Key(key.clone(), entry.revision),
                None => Item::Entry(entry.clone()),
            };
            if items.last() != Some(&item) {
                items.push(item);
            }
        }
        items
    }
}

fn folder(scan: &Scan, key: &Key) -> Option<Key> {
    let delimiter = scan.delimiter?;
    let end = (delimiter.offset..key.as_bytes().len()).find(|index| key.as_bytes()[*index] == delimiter.byte)?;
    Key::new(Bytes::copy_from_slice(&key.as_bytes()[..=end])).ok()
}

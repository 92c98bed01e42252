//! The rules of a batch, and which expectations fail on what a store holds.

use std::collections::BTreeMap;
use std::convert::Infallible;

use super::{Batch, BatchError, Expectation, Write};
use crate::{BATCH_BYTES_MAX, CommitId, Key, KeyRange, Revision, VALUE_BYTES_MAX, WRITES_MAX};

fn key(text: &str) -> Key {
    Key::new(text.as_bytes().to_vec()).unwrap()
}

fn batch() -> Batch {
    Batch::new(CommitId([0; 16]))
}

fn conflicts(batch: &Batch, held: &[(&str, u64)]) -> Vec<Key> {
    let held: BTreeMap<Key, Revision> = held.iter().map(|(name, at)| (key(name), Revision(*at))).collect();
    let found: Result<_, Infallible> = batch
        .conflicts(|key| Ok(held.get(key).copied()), |range| Ok(held.keys().find(|key| range.contains(key)).cloned()));
    found.unwrap()
}

#[test]
fn a_batch_needs_a_write() {
    assert_eq!(batch().check(), Err(BatchError::Empty));
    assert_eq!(batch().expect(Expectation::Absent(key("a"))).check(), Err(BatchError::Empty));
    assert_eq!(batch().create(key("a"), "").check(), Ok(()));
}

#[test]
fn a_write_needs_an_expectation_unless_it_is_fresh() {
    let put = |write| Batch { writes: vec![write], ..batch() };
    assert_eq!(put(Write::Put(key("a"), "".into())).check(), Err(BatchError::Blind(key("a"))));
    assert_eq!(put(Write::Delete(key("a"))).check(), Err(BatchError::Blind(key("a"))));
    assert_eq!(put(Write::PutFresh(key("a"), "".into())).check(), Ok(()));
    let in_range = put(Write::Put(key("d/a"), "".into())).expect(Expectation::NoneIn(KeyRange::prefix(&key("d/"))));
    assert_eq!(in_range.check(), Ok(()));
    let beside = put(Write::Put(key("e"), "".into())).expect(Expectation::NoneIn(KeyRange::prefix(&key("d/"))));
    assert_eq!(beside.check(), Err(BatchError::Blind(key("e"))));
}

#[test]
fn a_key_is_named_once_on_each_side() {
    let twice = batch().create(key("a"), "").expect(Expectation::At(key("a"), Revision(1)));
    assert_eq!(twice.check(), Err(BatchError::Twice(key("a"))));
    let mut twice = batch().create(key("a"), "");
    twice.writes.push(Write::PutFresh(key("a"), "".into()));
    assert_eq!(twice.check(), Err(BatchError::Twice(key("a"))));
}

#[test]
fn the_bounds_are_sharp() {
    assert_eq!(batch().create(key("a"), vec![0; VALUE_BYTES_MAX]).check(), Ok(()));
    let bytes = VALUE_BYTES_MAX + 1;
    assert_eq!(
        batch().create(key("a"), vec![0; bytes]).check(),
        Err(BatchError::ValueTooLarge { key: key("a"), bytes })
    );
    let full = |extra: usize| {
        batch().create(key("a"), vec![0; VALUE_BYTES_MAX]).create(key("b"), vec![0; VALUE_BYTES_MAX - 4 + extra])
    };
    assert_eq!(full(0).check(), Ok(()), "two keys, each expected and written");
    assert_eq!(full(1).check(), Err(BatchError::TooLarge(BATCH_BYTES_MAX + 1)));
    let many = |count: usize| (0..count).fold(batch(), |batch, number| batch.create(key(&number.to_string()), ""));
    assert_eq!(many(WRITES_MAX).check(), Ok(()));
    assert!(many(WRITES_MAX + 1).check().is_err());
}

#[test]
fn every_failed_expectation_is_named_in_order() {
    let batch = batch()
        .create(key("a"), "")
        .replace(key("b"), Revision(2), "")
        .delete(key("c"), Revision(3))
        .expect(Expectation::NoneIn(KeyRange::prefix(&key("d/"))));
    let batch = Batch { writes: [batch.writes, vec![Write::PutFresh(key("e"), "".into())]].concat(), ..batch };
    assert_eq!(conflicts(&batch, &[("b", 2), ("c", 3)]), []);
    assert_eq!(
        conflicts(&batch, &[("a", 1), ("b", 1), ("d/1", 1), ("d/2", 1), ("e", 1)]),
        ["a", "b", "c", "d/1", "e"].map(key)
    );
}

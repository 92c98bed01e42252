//! Every store enforces every bound, so that nothing works on one store only.

use std::sync::Arc;

use super::{commit, create, id, key, value};
use crate::{
    BATCH_BYTES_MAX, Batch, BatchError, EXPECTATIONS_MAX, Error, Expectation, KEY_BYTES_MAX, Key, KeyRange,
    READ_KEYS_MAX, Revision, SCAN_LIMIT_MAX, Scan, Storage, VALUE_BYTES_MAX, WRITES_MAX, Write,
};

fn numbered(number: usize) -> Key {
    key(&format!("key/{number:04}"))
}

fn creates(count: usize) -> Batch {
    (0..count).fold(Batch::new(id()), |batch, number| batch.create(numbered(number), "v"))
}

/// Each rule of a batch refuses the batch that breaks it, and nothing of that batch is written.
pub async fn a_batch_that_breaks_a_rule_is_refused(store: Arc<dyn Storage>) {
    let revision = create(&store, "there", "1").await;
    let many = (0..=EXPECTATIONS_MAX).fold(Batch::new(id()).create(key("x"), ""), |batch, number| {
        batch.expect(Expectation::Absent(numbered(number)))
    });
    let mut writes = creates(1);
    writes.expectations = vec![Expectation::NoneIn(KeyRange::prefix(&key("key/")))];
    writes.writes = (0..=WRITES_MAX).map(|number| Write::Put(numbered(number), "v".into())).collect();
    let long = Batch::new(id()).create(key("long"), vec![0; VALUE_BYTES_MAX + 1]);
    let heavy =
        (0..3).fold(Batch::new(id()), |batch, number| batch.create(numbered(number), vec![0; BATCH_BYTES_MAX / 3]));
    let blind = Batch { writes: vec![Write::Put(key("blind"), "v".into())], ..Batch::new(id()) };
    let outside = Batch { expectations: vec![Expectation::NoneIn(KeyRange::prefix(&key("range/")))], ..blind.clone() };
    let unseen = Batch { writes: vec![Write::Delete(key("there"))], ..Batch::new(id()) };
    let written = Batch::new(id()).create(key("x"), "1").replace(key("there"), revision, "2");
    let written = Batch { writes: [written.writes.clone(), written.writes].concat(), ..written };
    let cases = [
        (Batch::new(id()).expect(Expectation::At(key("there"), revision)), BatchError::Empty),
        (many, BatchError::TooManyExpectations(EXPECTATIONS_MAX + 2)),
        (writes, BatchError::TooManyWrites(WRITES_MAX + 1)),
        (long, BatchError::ValueTooLarge { key: key("long"), bytes: VALUE_BYTES_MAX + 1 }),
        (heavy, BatchError::TooLarge(BATCH_BYTES_MAX / 3 * 3 + 6 * 8)),
        (blind, BatchError::Blind(key("blind"))),
        (outside, BatchError::Blind(key("blind"))),
        (unseen, BatchError::Blind(key("there"))),
        (written, BatchError::Twice(key("x"))),
        (creates(1).expect(Expectation::At(numbered(0), Revision(1))), BatchError::Twice(numbered(0))),
    ];
    let before = store.now().await.expect("the store answers");
    for (batch, expected) in cases {
        match store.commit(&batch).await {
            Err(Error::Batch(error)) => assert_eq!(error, expected),
            other => unreachable!("{expected:?} was answered with {other:?}"),
        }
    }
    assert_eq!(store.now().await.expect("the store answers"), before, "nothing was written");
    assert_eq!(value(&store, "there").await.as_deref(), Some(&b"1"[..]));
}

/// What just keeps within the bounds works.
pub async fn a_batch_at_the_bounds_goes_through(store: Arc<dyn Storage>) {
    assert_eq!(WRITES_MAX, EXPECTATIONS_MAX, "one expectation for each write");
    commit(&store, &creates(WRITES_MAX)).await;
    let longest_key = Key::new(vec![b'k'; KEY_BYTES_MAX]).expect("just short enough");
    commit(&store, &Batch::new(id()).create(longest_key.clone(), "v")).await;
    assert!(store.read(&[longest_key]).await.expect("the store answers").entries[0].is_some());
    // Each of the two keys of 64 bytes counts twice, as expected and as written.
    let [left, right] = ["l", "r"].map(|letter| key(&letter.repeat(64)));
    let second = BATCH_BYTES_MAX - VALUE_BYTES_MAX - 4 * 64;
    let full = Batch::new(id()).create(left, vec![1; VALUE_BYTES_MAX]).create(right.clone(), vec![2; second]);
    commit(&store, &full).await;
    let entries = store.read(&[right]).await.expect("the store answers").entries;
    assert_eq!(entries[0].as_ref().map(|entry| entry.value.len()), Some(second));
}

/// A question outside its bounds is refused, one at them is answered.
pub async fn questions_outside_their_bounds_are_refused(store: Arc<dyn Storage>) {
    let keys: Vec<Key> = (0..=READ_KEYS_MAX).map(numbered).collect();
    let is_limit = |error: Error| matches!(error, Error::Limit { .. });
    assert!(store.read(&[]).await.is_err_and(is_limit));
    assert!(store.read(&keys).await.is_err_and(is_limit));
    assert_eq!(store.read(&keys[1..]).await.expect("at the bound").entries.len(), READ_KEYS_MAX);
    assert!(store.scan(&Scan::prefix(&key("k"), 0)).await.is_err_and(is_limit));
    assert!(store.scan(&Scan::prefix(&key("k"), SCAN_LIMIT_MAX + 1)).await.is_err_and(is_limit));
    assert!(store.scan(&Scan::prefix(&key("k"), SCAN_LIMIT_MAX)).await.expect("at the bound").items.is_empty());
}

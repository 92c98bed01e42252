//! What a commit counts.

use storage::{BATCH_BYTES_MAX, Expectation, Key, KeyRange, Revision, WRITES_MAX};

use super::Changes;
use crate::{OVERHEAD_BYTES, testing};

#[test]
fn bytes_are_what_the_store_will_count() {
    let mut changes = Changes::new();
    assert!(changes.is_empty());
    changes.create(Key::constant("abc"), b"12345".as_slice());
    assert_eq!(changes.bytes(), 3 + 3 + 5 + OVERHEAD_BYTES);
    changes.put_fresh(Key::constant("de"), b"".as_slice());
    changes.delete(Key::constant("f"), Revision(1));
    changes.expect(Expectation::NoneIn(KeyRange::prefix(&Key::constant("gh"))));
    assert_eq!(changes.bytes(), 11 + OVERHEAD_BYTES + 2 + OVERHEAD_BYTES + 2 + 4);
    assert_eq!((changes.writes(), changes.expectations()), (3, 3));
}

#[tokio::test]
async fn changes_that_fit_are_taken_and_one_more_is_not() {
    let (env, _) = env::simulated::env(1);
    let barrier = testing::unsealed(&env).await;
    for value_bytes in [0, 100, 20_000, 200_000] {
        let key = |number: usize| Key::new(format!("{value_bytes}/{number}")).unwrap();
        let mut changes = Changes::new();
        while changes.fits(&key(changes.writes()), Some(value_bytes)) {
            changes.create(key(changes.writes()), vec![0; value_bytes]);
        }
        assert!(changes.writes() == WRITES_MAX || changes.bytes() + value_bytes + 100 > BATCH_BYTES_MAX);
        let mut too_many = Changes::new();
        for number in 0..=changes.writes() {
            too_many.create(key(number), vec![0; value_bytes]);
        }
        assert!(matches!(barrier.commit(too_many).await, Err(crate::CommitError::Storage(_))), "{value_bytes}");
        barrier.commit(changes).await.unwrap();
    }
}

//! A gate stops one commit, and nothing else.

use std::sync::Arc;

use super::Gate;
use crate::memory::Memory;
use crate::{Batch, CommitId, Key, Outcome, Storage};

const KEY: Key = Key::constant("k");

#[tokio::test]
async fn what_happens_before_the_gate_opens_comes_before_the_commit_that_it_stops() {
    let gate = Gate::new(Arc::new(Memory::new()));
    let create = |number: u8| Batch::new(CommitId([number; 16])).create(KEY, vec![number]);
    gate.close();
    let first = create(1);
    let (stopped, passed) = tokio::join!(gate.commit(&first), async {
        gate.reached().await;
        assert!(gate.read(&[KEY]).await.unwrap().entries[0].is_none(), "it is not written yet");
        let passed = gate.commit(&create(2)).await.unwrap();
        gate.open();
        passed
    });
    assert!(matches!(passed, Outcome::Committed(_)));
    assert_eq!(stopped.unwrap(), Outcome::Conflict(vec![KEY]));
    let entry = gate.read(&[KEY]).await.unwrap().entries.remove(0).unwrap();
    assert_eq!(&entry.value[..], [2]);
    let delete = Batch::new(CommitId([3; 16])).delete(KEY, entry.revision);
    assert!(matches!(gate.commit(&delete).await.unwrap(), Outcome::Committed(_)), "it is open again");
}

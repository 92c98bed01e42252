//! All or nothing, under expectations; and what a receipt is worth.

use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::{commit, create, delete, entry, id, key, put, read, revision, value};
use crate::{Batch, Expectation, Key, KeyRange, Outcome, Position, Revision, Storage, Write};

/// How many tasks compete in the tests of concurrency.
const TASKS: u64 = 8;
/// How often each of them writes.
const ROUNDS: u64 = 20;

/// A commit is readable as soon as it is acknowledged, with its value, its revision and its id.
pub async fn an_acknowledged_write_is_read_at_once(store: Arc<dyn Storage>) {
    let batch = Batch::new(id()).create(key("k"), "value");
    let receipt = commit(&store, &batch).await;
    let snapshot = read(&store, &["k"]).await;
    let entry = snapshot.entries[0].clone().expect("it was committed");
    assert_eq!((&entry.value[..], entry.revision, entry.commit), (&b"value"[..], receipt.revision, batch.id));
    assert_eq!(entry.key, key("k"));
    assert!(snapshot.position >= receipt.position, "a read is no older than what was acknowledged before it");
    assert!(store.now().await.expect("the store answers") >= receipt.position);
}

/// An entry may be empty, and that is not the same as absent.
pub async fn an_empty_value_is_not_an_absent_one(store: Arc<dyn Storage>) {
    create(&store, "empty", "").await;
    assert_eq!(value(&store, "empty").await.as_deref(), Some(&b""[..]));
    assert_eq!(value(&store, "absent").await, None);
}

/// A value comes back as it was stored, whatever its bytes.
pub async fn values_and_keys_of_any_bytes_come_back(store: Arc<dyn Storage>) {
    let all: Vec<u8> = (0..=255).collect();
    let strange = Key::new(all.clone()).expect("256 bytes are a key");
    let zero = Key::new(vec![0]).expect("one byte is a key");
    commit(&store, &Batch::new(id()).create(strange.clone(), all.clone()).create(zero.clone(), vec![0])).await;
    let entries = store.read(&[zero, strange]).await.expect("the store answers").entries;
    let values: Vec<_> = entries.into_iter().flatten().map(|entry| entry.value.to_vec()).collect();
    assert_eq!(values, [vec![0], all]);
}

/// Answers come in the order of the question, also for a key that is asked for twice.
pub async fn a_read_answers_in_the_order_of_its_keys(store: Arc<dyn Storage>) {
    create(&store, "a", "1").await;
    create(&store, "c", "3").await;
    let snapshot = read(&store, &["c", "b", "a", "c"]).await;
    let values: Vec<_> =
        snapshot.entries.iter().map(|it| it.as_ref().map(|entry| String::from_utf8_lossy(&entry.value))).collect();
    assert_eq!(values, [Some("3".into()), None, Some("1".into()), Some("3".into())]);
}

/// `Absent` refuses a key that is there.
pub async fn an_absent_expectation_refuses_a_key_that_is_there(store: Arc<dyn Storage>) {
    create(&store, "k", "first").await;
    let again = Batch::new(id()).create(key("k"), "second");
    assert_eq!(store.commit(&again).await.expect("the store answers"), Outcome::Conflict(vec![key("k")]));
    assert_eq!(value(&store, "k").await.as_deref(), Some(&b"first"[..]));
}

/// `At` refuses a key that is absent, and one that has moved on.
pub async fn a_revision_expectation_refuses_any_other_revision(store: Arc<dyn Storage>) {
    let first = create(&store, "k", "1").await;
    let second = put(&store, "k", "2").await;
    for (name, at) in [("k", first), ("absent", first), ("k", Revision(u64::MAX))] {
        let batch = Batch::new(id()).replace(key(name), at, "3");
        assert_eq!(store.commit(&batch).await.expect("the store answers"), Outcome::Conflict(vec![key(name)]));
    }
    commit(&store, &Batch::new(id()).replace(key("k"), second, "3")).await;
}

/// `NoneIn` refuses a range that holds a key and names the first, and knows where a range ends.
pub async fn an_empty_range_expectation_sees_its_bounds(store: Arc<dyn Storage>) {
    create(&store, "b/2", "").await;
    create(&store, "b/3", "").await;
    create(&store, "c", "").await;
    let check = async |start: &str, end: Option<&str>, found: Option<&str>| {
        let range = KeyRange { start: key(start), end: end.map(key) };
        let probe = key(&format!("probe/{start}/{end:?}"));
        let batch = Batch::new(id()).create(probe, "").expect(Expectation::NoneIn(range));
        let outcome = store.commit(&batch).await.expect("the store answers");
        match found {
            Some(found) => assert_eq!(outcome, Outcome::Conflict(vec![key(found)]), "{start}..{end:?}"),
            None => assert!(matches!(outcome, Outcome::Committed(_)), "{start}..{end:?}: {outcome:?}"),
        }
    };
    check("a", Some("b/2"), None).await;
    check("a", Some("b/2/"), Some("b/2")).await;
    check("b/2", Some("b/3"), Some("b/2")).await;
    check("b/2/", Some("b/3"), None).await;
    check("b/", None, Some("b/2")).await;
    check("x", None, None).await;
    check("d", Some("d"), None).await;
    check("e", Some("b"), None).await;
}

/// A batch may write into the range that it expects to be empty, and counts as it was before.
pub async fn a_batch_may_fill_a_range_that_it_expects_to_be_empty(store: Arc<dyn Storage>) {
    let lay = |names: &[&str]| {
        let writes = names.iter().map(|name| Write::Put(key(name), "v".into())).collect();
        let expectations = vec![Expectation::NoneIn(KeyRange::prefix(&key("d/")))];
        Batch { id: id(), expectations, writes }
    };
    commit(&store, &lay(&["d/1", "d/2"])).await;
    let outcome = store.commit(&lay(&["d/3"])).await.expect("the store answers");
    assert_eq!(outcome, Outcome::Conflict(vec![key("d/1")]));
    assert_eq!(value(&store, "d/3").await, None);
}

/// One expectation that fails undoes the whole batch, and each one that failed is named.
pub async fn a_batch_that_conflicts_writes_nothing(store: Arc<dyn Storage>) {
    let old = create(&store, "old", "1").await;
    let moved = create(&store, "moved", "1").await;
    put(&store, "moved", "2").await;
    let batch = Batch::new(id())
        .create(key("new"), "1")
        .replace(key("old"), old, "2")
        .replace(key("moved"), moved, "3")
        .create(key("old/too"), "1")
        .expect(Expectation::At(key("missing"), old));
    let Outcome::Conflict(keys) = store.commit(&batch).await.expect("the store answers") else {
        unreachable!("a batch with a failed expectation went through")
    };
    assert_eq!(keys.into_iter().collect::<HashSet<_>>(), HashSet::from([key("moved"), key("missing")]));
    assert_eq!(value(&store, "new").await, None);
    assert_eq!(value(&store, "old").await.as_deref(), Some(&b"1"[..]));
    assert_eq!(value(&store, "moved").await.as_deref(), Some(&b"2"[..]));
}

/// A batch creates, replaces, deletes and expects at once; what it writes has one revision and one position.
pub async fn a_batch_goes_through_as_one(store: Arc<dyn Storage>) {
    let (kept, gone, seen) =
        (create(&store, "kept", "1").await, create(&store, "gone", "1").await, create(&store, "seen", "1").await);
    let batch = Batch::new(id())
        .create(key("new"), "2")
        .replace(key("kept"), kept, "2")
        .delete(key("gone"), gone)
        .expect(Expectation::At(key("seen"), seen));
    let receipt = commit(&store, &batch).await;
    let snapshot = read(&store, &["new", "kept", "gone", "seen"]).await;
    let found: Vec<_> = snapshot.entries.iter().map(|it| it.as_ref().map(|entry| entry.revision)).collect();
    assert_eq!(found, [Some(receipt.revision), Some(receipt.revision), None, Some(seen)]);
}

/// A revision that a key once had never comes back, not even when the key is made anew with the same value.
pub async fn a_revision_never_comes_back(store: Arc<dyn Storage>) {
    let mut seen = HashSet::new();
    for _ in 0..5 {
        assert!(seen.insert(create(&store, "k", "same").await));
        assert!(seen.insert(put(&store, "k", "same").await));
        delete(&store, "k").await;
    }
    create(&store, "k", "same").await;
    for old in seen {
        let batch = Batch::new(id()).delete(key("k"), old);
        assert_eq!(store.commit(&batch).await.expect("the store answers"), Outcome::Conflict(vec![key("k")]));
    }
}

/// The same batch sent again after it went through does nothing a second time, whatever it was made of.
pub async fn a_batch_sent_again_is_a_conflict(store: Arc<dyn Storage>) {
    let (kept, gone) = (create(&store, "kept", "1").await, create(&store, "gone", "1").await);
    let fresh = Batch { id: id(), expectations: vec![], writes: vec![Write::PutFresh(key("fresh"), "1".into())] };
    let batches = [
        Batch::new(id()).create(key("new"), "1"),
        Batch::new(id()).replace(key("kept"), kept, "1"),
        Batch::new(id()).delete(key("gone"), gone),
        fresh,
    ];
    for batch in batches {
        commit(&store, &batch).await;
        let expected = Outcome::Conflict(vec![batch.writes[0].key().clone()]);
        assert_eq!(store.commit(&batch).await.expect("the store answers"), expected);
        if let Some(entry) =
            store.read(&[batch.writes[0].key().clone()]).await.expect("the store answers").entries[0].as_ref()
        {
            assert_eq!(entry.commit, batch.id, "the entry tells whose it is");
        }
    }
}

/// Positions ascend with every commit, and nothing is told as of an older one afterwards.
pub async fn positions_ascend(store: Arc<dyn Storage>) {
    let mut last = Position::default();
    for round in 0..5 {
        let receipt = commit(&store, &Batch::new(id()).create(key(&format!("k{round}")), "")).await;
        assert!(receipt.position > last);
        last = receipt.position;
        assert!(store.now().await.expect("the store answers") >= last);
        assert!(read(&store, &["k0"]).await.position >= last);
        let page = store.scan(&crate::Scan::prefix(&key("k"), 1)).await.expect("the store answers");
        assert!(page.position >= last);
    }
}

/// Many tasks raise one counter by compare and set; none of the increments is lost.
pub async fn concurrent_increments_lose_none(store: Arc<dyn Storage>) {
    create(&store, "counter", "0").await;
    let mut tasks = Vec::new();
    for _ in 0..TASKS {
        tasks.push(tokio::spawn(increment(store.clone(), ROUNDS)));
    }
    for task in tasks {
        task.await.expect("no task panics");
    }
    let counter = value(&store, "counter").await.expect("it was made above");
    assert_eq!(counter, (TASKS * ROUNDS).to_string().into_bytes());
}

async fn increment(store: Arc<dyn Storage>, rounds: u64) {
    for _ in 0..rounds {
        loop {
            let found = entry(&store, "counter").await.expect("it was made before");
            let number: u64 = std::str::from_utf8(&found.value).ok().and_then(|it| it.parse().ok()).expect("a number");
            let batch = Batch::new(id()).replace(key("counter"), found.revision, (number + 1).to_string());
            if matches!(store.commit(&batch).await.expect("the store answers"), Outcome::Committed(_)) {
                break;
            }
        }
    }
}

/// Tasks that write unlike keys do not get in each other's way, and each commit has a position of its own.
pub async fn concurrent_commits_of_unlike_keys_all_go_through(store: Arc<dyn Storage>) {
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let mut positions = Vec::new();
            for round in 0..ROUNDS {
                let batch = Batch::new(id()).create(key(&format!("{task}/{round}")), "");
                positions.push(commit(&store, &batch).await.position);
            }
            assert!(positions.is_sorted(), "one after the other in one task means ascending positions");
            positions
        }));
    }
    let mut positions = HashSet::new();
    for task in tasks {
        positions.extend(task.await.expect("no task panics"));
    }
    assert_eq!(positions.len() as u64, TASKS * ROUNDS);
}

/// Two tasks expect the same key absent: one of them gets it.
pub async fn one_of_two_creators_wins(store: Arc<dyn Storage>) {
    for round in 0..10 {
        let name = format!("k{round}");
        let make = |value: &'static str| {
            let (store, batch) = (store.clone(), Batch::new(id()).create(key(&name), value));
            tokio::spawn(async move { store.commit(&batch).await.expect("the store answers") })
        };
        let (left, right) = (make("left"), make("right"));
        let outcomes = [left.await.expect("no panic"), right.await.expect("no panic")];
        let won: Vec<_> = outcomes.iter().map(|it| matches!(it, Outcome::Committed(_))).collect();
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{outcomes:?}");
        let expected: &[u8] = if won[0] { b"left" } else { b"right" };
        assert_eq!(value(&store, &name).await.as_deref(), Some(expected));
    }
}

/// A commit whose caller went away is in as a whole or not at all, and the store goes on.
pub async fn a_dropped_commit_is_never_half(store: Arc<dyn Storage>) {
    for round in 0..30u32 {
        let names = [format!("{round}/a"), format!("{round}/b"), format!("{round}/c")];
        let batch = names.iter().fold(Batch::new(id()), |batch, name| batch.create(key(name), "v"));
        {
            let mut call = pin!(store.commit(&batch));
            for _ in 0..round % 4 {
                let is_ready = poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await;
                if is_ready {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let snapshot = read(&store, &[&names[0], &names[1], &names[2]]).await;
        let found = snapshot.entries.iter().flatten().count();
        assert!(found == 0 || found == 3, "{found} of 3 writes of round {round}");
        create(&store, &format!("{round}/after"), "").await;
    }
}

/// What one commit removed another one may create again, and a delete needs the revision.
pub async fn a_deleted_key_is_absent(store: Arc<dyn Storage>) {
    create(&store, "k", "1").await;
    delete(&store, "k").await;
    assert_eq!(revision(&store, "k").await, None);
    create(&store, "k", "2").await;
    assert_eq!(value(&store, "k").await.as_deref(), Some(&b"2"[..]));
}

//! A watch tells every change once, in order, or says that it cannot.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{commit, create, delete, id, key, put};
use crate::{Batch, Change, Key, Position, Receipt, Storage, Watch};

/// How many commits the test of old positions makes. A store may be set up to remember one fewer for the suite, so
/// that it must answer `Gone`.
pub const COMMITS: usize = 100;

/// The changes up to `position`: what the watch must tell before it claims to be there.
async fn until(watch: &mut Box<dyn Watch>, position: Position) -> BTreeMap<Position, Vec<Key>> {
    let mut told = BTreeMap::new();
    let mut last = Position::default();
    loop {
        let at = match watch.next().await.expect("the store answers") {
            Change::Changed(at, mut keys) => {
                assert!(at > last, "{at:?} was told behind {last:?}");
                keys.sort();
                assert!(told.insert(at, keys).is_none());
                at
            }
            Change::Progress(at) => {
                assert!(at >= last, "progress to {at:?} was told behind {last:?}");
                at
            }
            Change::Gone => unreachable!("everything since the position is known"),
        };
        last = at;
        if at >= position {
            return told;
        }
    }
}

async fn start(store: &Arc<dyn Storage>) -> (Box<dyn Watch>, Position) {
    let now = store.now().await.expect("the store answers");
    (store.watch(now).await.expect("the store answers"), now)
}

/// A watch from now tells creates, replacements and deletes, with all keys of each commit.
pub async fn a_watch_tells_every_change_in_order(store: Arc<dyn Storage>) {
    create(&store, "before", "1").await;
    let (mut watch, _) = start(&store).await;
    let mut receipts: Vec<(Receipt, Vec<Key>)> = Vec::new();
    let both = commit(&store, &Batch::new(id()).create(key("a"), "1").create(key("b"), "1")).await;
    receipts.push((both, vec![key("a"), key("b")]));
    let at = put(&store, "a", "2").await;
    let replaced = commit(&store, &Batch::new(id()).replace(key("a"), at, "3").create(key("c"), "")).await;
    receipts.push((replaced, vec![key("a"), key("c")]));
    let removed = commit(&store, &Batch::new(id()).delete(key("a"), replaced.revision)).await;
    receipts.push((removed, vec![key("a")]));

    let told = until(&mut watch, removed.position).await;

    assert_eq!(told.len(), 4, "{told:?}");
    for (receipt, keys) in receipts {
        assert_eq!(told.get(&receipt.position), Some(&keys));
    }
}

/// A watch from a position in the past leaves nothing out.
pub async fn a_watch_from_the_past_leaves_no_gap(store: Arc<dyn Storage>) {
    let mut positions = Vec::new();
    for round in 0..6 {
        positions.push(commit(&store, &Batch::new(id()).create(key(&format!("k{round}")), "")).await.position);
    }
    let last = positions[5];
    for (from, expected) in [(positions[1], &positions[2..]), (positions[4], &positions[5..]), (last, &[][..])] {
        let mut watch = store.watch(from).await.expect("the store answers");
        let told = until(&mut watch, last).await;
        assert_eq!(told.into_keys().collect::<Vec<_>>(), expected, "from {from:?}");
    }
}

/// A watch that has nothing to tell says how far it is, so that a silent store and a dead one differ.
pub async fn an_idle_watch_tells_progress(store: Arc<dyn Storage>) {
    create(&store, "k", "1").await;
    let (mut watch, now) = start(&store).await;
    let Change::Progress(at) = watch.next().await.expect("the store answers") else {
        unreachable!("nothing has changed")
    };
    assert!(at >= now);
    delete(&store, "k").await;
    let later = store.now().await.expect("the store answers");
    assert_eq!(until(&mut watch, later).await.len(), 1);
}

/// From a position that the store no longer knows a watch is gone, or else it tells everything: never some.
pub async fn an_old_position_is_gone_or_whole(store: Arc<dyn Storage>) {
    let from = store.now().await.expect("the store answers");
    let first = create(&store, "k", "0").await;
    let mut at = first;
    for _ in 0..COMMITS {
        at = commit(&store, &Batch::new(id()).replace(key("k"), at, "1")).await.revision;
    }
    let now = store.now().await.expect("the store answers");
    let mut watch = store.watch(from).await.expect("the store answers");
    match watch.next().await.expect("the store answers") {
        Change::Gone => assert_eq!(watch.next().await.ok(), Some(Change::Gone), "the watch is over"),
        Change::Changed(..) => assert_eq!(until(&mut watch, now).await.len(), COMMITS),
        Change::Progress(at) => unreachable!("progress to {at:?} without the changes before it"),
    }
}

/// A position ahead of the store comes from another history, as after a restored backup.
pub async fn a_position_ahead_of_the_store_is_gone(store: Arc<dyn Storage>) {
    create(&store, "k", "1").await;
    let Position(now) = store.now().await.expect("the store answers");
    let mut watch = store.watch(Position(now + 1_000_000)).await.expect("the store answers");
    assert_eq!(watch.next().await.expect("the store answers"), Change::Gone);
}

/// What many tasks commit at once is told once each, and by every watch alike.
pub async fn watches_miss_nothing_of_many_writers(store: Arc<dyn Storage>) {
    let (mut first, _) = start(&store).await;
    let (mut second, _) = start(&store).await;
    let mut tasks = Vec::new();
    for task in 0..8 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let mut made = Vec::new();
            for round in 0..10 {
                let made_key = key(&format!("{task}/{round}"));
                made.push((commit(&store, &Batch::new(id()).create(made_key.clone(), "")).await.position, made_key));
            }
            made
        }));
    }
    let mut made = BTreeMap::new();
    for task in tasks {
        made.extend(task.await.expect("no task panics").into_iter().map(|(at, key)| (at, vec![key])));
    }
    let now = store.now().await.expect("the store answers");
    assert_eq!(until(&mut first, now).await, made);
    assert_eq!(until(&mut second, now).await, made);
}

/// A watch whose wait was given up goes on where it was.
pub async fn a_wait_for_a_change_can_be_given_up(store: Arc<dyn Storage>) {
    let (mut watch, _) = start(&store).await;
    let mut made = Vec::new();
    let mut told = Vec::new();
    for round in 0..20 {
        tokio::select! {
            biased;
            change = watch.next() => told.push(change.expect("the store answers")),
            () = tokio::task::yield_now() => {}
        }
        made.push(commit(&store, &Batch::new(id()).create(key(&format!("k{round}")), "")).await.position);
    }
    let now = store.now().await.expect("the store answers");
    let mut found: Vec<_> = told
        .into_iter()
        .filter_map(|change| if let Change::Changed(at, _) = change { Some(at) } else { None })
        .collect();
    found.extend(until(&mut watch, now).await.into_keys());
    assert_eq!(found, made);
}

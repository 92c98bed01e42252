//! An export is the store as of one position, whatever is written while it is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{commit, create, id, key, put};
use crate::{Batch, Entry, Export, Position, Revision, SCAN_BYTES_MAX, Storage, VALUE_BYTES_MAX};

async fn rest(export: &mut Box<dyn Export>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let page = export.next().await.expect("the store answers");
        if page.is_empty() {
            return entries;
        }
        entries.extend(page);
    }
}

/// An export holds every entry, whole and in order, and its end stays the end.
pub async fn an_export_is_complete_and_ordered(store: Arc<dyn Storage>) {
    for number in 0..120 {
        create(&store, &format!("k{number:03}"), "old").await;
    }
    let batch = Batch::new(id()).create(key("z"), "value");
    let receipt = commit(&store, &batch).await;
    let mut export = store.export().await.expect("the store answers");
    assert!(export.position() >= receipt.position);
    let entries = rest(&mut export).await;
    assert_eq!(entries.len(), 121);
    assert!(entries.is_sorted_by(|left, right| left.key < right.key));
    let last = Entry { key: key("z"), value: "value".into(), revision: receipt.revision, commit: batch.id };
    assert_eq!(entries.last(), Some(&last));
    assert!(export.next().await.expect("the store answers").is_empty());
}

/// An empty store exports nothing.
pub async fn an_empty_store_exports_nothing(store: Arc<dyn Storage>) {
    let mut export = store.export().await.expect("the store answers");
    assert!(rest(&mut export).await.is_empty());
}

/// Writes while an export is read go through, and the export does not see them: neither those behind its cursor nor
/// those ahead of it.
pub async fn an_export_does_not_see_later_writes(store: Arc<dyn Storage>) {
    let count = SCAN_BYTES_MAX / VALUE_BYTES_MAX * 2;
    for number in 0..count {
        let value = vec![b'v'; VALUE_BYTES_MAX];
        commit(&store, &Batch::new(id()).create(key(&format!("k{number:03}")), value)).await;
    }
    let mut export = store.export().await.expect("the store answers");
    let mut entries = export.next().await.expect("the store answers");
    assert!((1..count).contains(&entries.len()), "so much does not fit one page: {}", entries.len());
    put(&store, "k000", "new").await;
    put(&store, &format!("k{:03}", count - 1), "new").await;
    create(&store, "k000/new", "new").await;
    create(&store, "zzz", "new").await;
    entries.extend(rest(&mut export).await);
    assert_eq!(entries.len(), count);
    assert!(entries.iter().all(|entry| entry.value.len() == VALUE_BYTES_MAX));
}

/// While a writer changes two keys together, every export has both of the same commit, and the one of its position.
pub async fn an_export_is_of_one_position(store: Arc<dyn Storage>) {
    let write = async |store: &Arc<dyn Storage>, at: Option<Revision>, number: u32| {
        let (left, right) = (key("a/left"), key("z/right"));
        let value = number.to_string();
        let batch = Batch::new(id());
        let batch = match at {
            None => batch.create(left, value.clone()).create(right, value),
            Some(at) => batch.replace(left, at, value.clone()).replace(right, at, value),
        };
        commit(store, &batch).await
    };
    let first = write(&store, None, 0).await;
    let is_done = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (store, is_done) = (store.clone(), is_done.clone());
        async move {
            let mut written = vec![(first.position, 0)];
            for number in 1..60 {
                let at = super::revision(&store, "a/left").await;
                written.push((write(&store, at, number).await.position, number));
            }
            is_done.store(true, Ordering::SeqCst);
            written
        }
    });
    let mut seen: Vec<(Position, u32)> = Vec::new();
    loop {
        let is_last = is_done.load(Ordering::SeqCst);
        let mut export = store.export().await.expect("the store answers");
        let position = export.position();
        let values: Vec<_> = rest(&mut export).await.into_iter().map(|entry| entry.value).collect();
        assert_eq!(values.len(), 2);
        assert_eq!(values[0], values[1], "both keys are of one commit");
        let number = std::str::from_utf8(&values[0]).ok().and_then(|text| text.parse().ok()).expect("a number");
        seen.push((position, number));
        if is_last {
            break;
        }
    }
    let written = writer.await.expect("the writer does not panic");
    for (position, number) in seen {
        let newest = written.iter().rfind(|(at, _)| *at <= position).expect("the first commit came before");
        assert_eq!(number, newest.1, "the export as of {position:?}");
    }
}

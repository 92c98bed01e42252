use std::path::Path;

use bytes::Bytes;
use env::Env;
use storage::{Batch, CommitId, Entry, Expectation, Key, Outcome, Position, Revision, Storage, Write};

use super::{Replaces, Restore};
use crate::{Embedded, Error, Options};

fn key(text: &str) -> Key {
    Key::new(text.to_owned()).expect("it is short")
}

async fn put(store: &Embedded, name: &str, value: &str) -> Position {
    let value = Bytes::from(value.to_owned());
    let batch = Batch {
        id: CommitId(Env::real().random()),
        expectations: vec![Expectation::Absent(key(name))],
        writes: vec![Write::Put(key(name), value)],
    };
    match store.commit(&batch).await.expect("an answer") {
        Outcome::Committed(receipt) => receipt.position,
        other => panic!("{other:?}"),
    }
}

async fn all(store: &Embedded) -> (Position, Vec<Entry>) {
    let mut export = store.export().await.expect("an export");
    let mut entries = Vec::new();
    loop {
        let page = export.next().await.expect("a page");
        if page.is_empty() {
            return (export.position(), entries);
        }
        entries.extend(page);
    }
}

fn open(path: &Path) -> Result<Embedded, Error> {
    Embedded::open(path, Options { checks_whole_file: true, ..Options::default() }, &Env::real())
}

/// Everything in the store of a folder, which is closed again.
async fn content(path: &Path) -> (Position, Vec<Entry>) {
    let store = open(path).expect("a store");
    let found = all(&store).await;
    store.close().await.expect("closed");
    found
}

/// A store with some commits, of which the last are in its log alone.
async fn filled(path: &Path, count: usize) -> (Position, Vec<Entry>) {
    let store = open(path).expect("a store");
    for number in 0..count {
        put(&store, &format!("name/{number:04}"), &"x".repeat(number)).await;
    }
    let found = all(&store).await;
    store.close().await.expect("closed");
    found
}

fn restore(path: &Path, replaces: Replaces, position: Position, entries: &[Entry]) -> Result<(), Error> {
    let mut restore = Restore::begin(path, replaces, &Env::real())?;
    for part in entries.chunks(7) {
        restore.add(part)?;
    }
    restore.finish(position)
}

fn names(folder: &Path) -> Vec<String> {
    let names = folder.read_dir().expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().expect("text")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_restored_store_is_the_one_that_was_copied() {
    let (from, to) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (position, entries) = filled(from.path(), 50).await;
    restore(to.path(), Replaces::Nothing, position, &entries).expect("restored");
    assert_eq!(names(to.path()), ["lock", "store-2.log", "store.log", "store.redb"]);
    let store = open(to.path()).expect("a store");
    assert_eq!(all(&store).await, (position, entries), "revisions and commits included");
    let next = put(&store, "another", "").await;
    assert_eq!(next.0, position.0 + 1);
    store.close().await.expect("closed");
    assert_eq!(open(to.path()).expect("a store").now().await.expect("an answer"), next);
}

#[tokio::test]
async fn a_store_is_replaced_only_when_that_is_asked_for() {
    let (from, to) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (position, entries) = filled(from.path(), 3).await;
    let (later, old) = filled(to.path(), 9).await;
    let refused = restore(to.path(), Replaces::Nothing, position, &entries);
    assert!(matches!(refused, Err(Error::Exists(_))), "{refused:?}");
    assert_eq!(content(to.path()).await, (later, old));
    restore(to.path(), Replaces::AnyStore, position, &entries).expect("restored");
    // The log of the old store went on just where the new one stands.
    assert_eq!(content(to.path()).await, (position, entries));
}

#[tokio::test]
async fn a_folder_that_a_server_has_open_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = open(folder.path()).expect("a store");
    let refused = Restore::begin(folder.path(), Replaces::AnyStore, &Env::real());
    assert!(matches!(refused.err(), Some(Error::InUse(_))));
    drop(server);
}

/// A process that is killed does not clean up: the folder is copied before it could.
fn killed(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    for name in names(folder) {
        std::fs::copy(folder.join(&name), copy.path().join(&name)).expect("copied");
    }
    copy
}

#[tokio::test]
async fn a_restore_that_is_killed_leaves_the_old_store_or_none() {
    let (from, to) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (_, entries) = filled(from.path(), 20).await;
    let begun = |path: &Path| {
        let mut restore = Restore::begin(path, Replaces::AnyStore, &Env::real()).expect("begun");
        restore.add(&entries[..10]).expect("added");
        restore
    };
    let old = filled(to.path(), 3).await;
    let restore = begun(to.path());
    let after = killed(to.path());
    drop(restore);
    assert_eq!(content(after.path()).await, old);
    assert_eq!(names(after.path()), ["lock", "store-2.log", "store.log", "store.redb"], "what was half made is gone");
    assert_eq!(content(to.path()).await, old, "one that gives up does the same");

    let empty = tempfile::tempdir().expect("a folder");
    let restore = begun(empty.path());
    let after = killed(empty.path());
    drop(restore);
    let opened = open(after.path());
    assert!(matches!(opened.err(), Some(Error::Unfinished(_))), "no empty store comes up in its place");
    restore_whole(after.path(), &entries).await;
    assert_eq!(names(empty.path()), ["lock"], "one that gives up leaves an empty folder");
}

async fn restore_whole(path: &Path, entries: &[Entry]) {
    restore(path, Replaces::Nothing, Position(20), entries).expect("a second try");
    assert_eq!(content(path).await, (Position(20), entries.to_vec()));
}

#[tokio::test]
async fn a_restore_that_counts_is_finished_by_whoever_comes_next() {
    let (from, whole) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (position, entries) = filled(from.path(), 5).await;
    restore(whole.path(), Replaces::Nothing, position, &entries).expect("restored");
    // Killed behind the rename that counts, with the old log in place or the new one, or none yet.
    for log in ["old", "new", "none"] {
        let folder = tempfile::tempdir().expect("a folder");
        filled(folder.path(), 12).await;
        std::fs::copy(whole.path().join("store.redb"), folder.path().join("store.redb.restored")).expect("copied");
        match log {
            "new" => drop(std::fs::copy(whole.path().join("store.log"), folder.path().join("store.log"))),
            "none" => {
                for name in ["store.log", "store-2.log"] {
                    std::fs::remove_file(folder.path().join(name)).expect("removed");
                }
            }
            _ => {}
        }
        assert_eq!(content(folder.path()).await, (position, entries.clone()), "{log}");
        assert_eq!(names(folder.path()), ["lock", "store-2.log", "store.log", "store.redb"], "{log}");
    }
}

#[test]
fn what_is_restored_goes_to_the_disk_in_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut restore = Restore::begin(folder.path(), Replaces::Nothing, &Env::real()).expect("begun");
    let value = Bytes::from(vec![7; 512 * 1024]);
    let entry = |number: u64| Entry {
        key: key(&format!("{number:06}")),
        value: value.clone(),
        revision: Revision(number + 1),
        commit: CommitId([1; 16]),
    };
    for number in 0..200 {
        restore.add(&[entry(number)]).expect("added");
        assert!(restore.bytes < super::COMMIT_BYTES, "{number}");
    }
    restore.finish(Position(200)).expect("restored");
}

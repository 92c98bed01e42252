use std::path::Path;
use std::sync::Arc;

use barrier::seal::{Device, InitOptions, SealControl};
use barrier::{Barrier, CacheMode, Changes};
use cli::offline::Restore as Order;
use env::Env;
use secret::SecretBytes;
use server_core::backups::CLUSTER_KEY;
use server_core::restored::{MARKER_KEY, ends_tokens};
use storage::{Entry, Key, Storage};
use storage_embedded::{Embedded, Options};

use super::{restore, save};

fn runtime() -> tokio::runtime::Runtime {
    super::runtime().expect("a runtime")
}

/// Initializes a store as a server does, as far as backups look at it.
fn initialize(folder: &Path, extra: &[(&str, &str)]) -> SecretBytes {
    runtime().block_on(async {
        let (store, barrier) = barrier(folder);
        let control = SealControl::new(barrier.clone(), Device::Shamir);
        let options = InitOptions::shamir(1, 1);
        let made = control.init(&options, vec![(CLUSTER_KEY, SecretBytes::new(b"{}".to_vec()))]);
        let share = made.await.expect("initialized").shares.remove(0);
        control.unseal(share.clone()).await.expect("unsealed");
        for (key, value) in extra {
            let mut changes = Changes::new();
            changes.create(Key::new((*key).to_owned()).expect("it is short"), value.as_bytes().to_vec());
            barrier.commit(changes).await.expect("committed");
        }
        store.close().await.expect("closed");
        share
    })
}

fn barrier(folder: &Path) -> (Arc<Embedded>, Barrier) {
    let env = Env::real();
    let store = Arc::new(Embedded::open(folder, Options::default(), &env).expect("a store"));
    let options = barrier::Options { cache_bytes: 0, cache: CacheMode::ReadThrough };
    (Arc::clone(&store), Barrier::new(store, env, options))
}

fn entries(folder: &Path) -> Vec<Entry> {
    runtime().block_on(async {
        let store = Embedded::open(folder, Options::default(), &Env::real()).expect("a store");
        let mut export = store.export().await.expect("a copy");
        let mut entries = Vec::new();
        loop {
            let page = export.next().await.expect("a page");
            if page.is_empty() {
                drop(export);
                store.close().await.expect("closed");
                return entries;
            }
            entries.extend(page);
        }
    })
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn order(&self, file: &str, folder: &str) -> Order {
        Order {
            file: self.path(file),
            folder: self.path(folder),
            replaces: false,
            keeps_tokens: false,
            takes_unsigned: true,
        }
    }

    /// What is told when it is refused.
    fn refused(&self, order: &Order) -> String {
        let error = restore(order).expect_err("it is refused");
        crate::server::chain(&*error)
    }
}

#[test]
fn what_was_saved_is_restored_with_its_revisions_and_a_marker_and_unseals() {
    let place = Place::new();
    let share = initialize(&place.path("data"), &[("ns/root/data/a", "first"), ("ns/root/data/b", "second")]);
    let before = entries(&place.path("data"));
    let saved = save(&place.path("data"), &place.path("a.backup")).expect("saved");
    assert_eq!((saved.trailer.entries, saved.trailer.proof), (before.len() as u64, None));
    restore(&place.order("a.backup", "new")).expect("restored");
    let mut after = entries(&place.path("new"));
    let at = after.iter().position(|entry| entry.key == MARKER_KEY).expect("a marker");
    let marker = after.remove(at);
    assert_eq!(after, before);
    assert!(ends_tokens(&marker.value) && marker.revision.0 == saved.header.position + 1);
    runtime().block_on(async {
        let (store, barrier) = barrier(&place.path("new"));
        SealControl::new(barrier.clone(), Device::Shamir).unseal(share).await.expect("unsealed");
        let key = Key::new("ns/root/data/b").expect("it is short");
        let found = barrier.read_one(&key).await.expect("it opens").expect("it is there");
        assert_eq!(found.value.expose(), b"second");
        store.close().await.expect("closed");
    });
}

#[test]
fn a_restore_that_was_never_unsealed_does_not_lose_the_end_of_the_tokens() {
    let place = Place::new();
    initialize(&place.path("data"), &[]);
    save(&place.path("data"), &place.path("a")).expect("saved");
    restore(&place.order("a", "b")).expect("restored");
    save(&place.path("b"), &place.path("b.backup")).expect("saved");
    restore(&Order { keeps_tokens: true, ..place.order("b.backup", "c") }).expect("restored");
    let markers: Vec<_> = entries(&place.path("c")).into_iter().filter(|entry| entry.key == MARKER_KEY).collect();
    assert!(matches!(markers.as_slice(), [one] if ends_tokens(&one.value)));
    restore(&Order { keeps_tokens: true, ..place.order("a", "d") }).expect("restored");
    let marker = entries(&place.path("d")).into_iter().find(|entry| entry.key == MARKER_KEY).expect("a marker");
    assert!(!ends_tokens(&marker.value));
}

#[test]
fn what_must_not_be_restored_is_refused_and_changes_nothing() {
    let place = Place::new();
    initialize(&place.path("data"), &[("ns/root/data/a", "first")]);
    initialize(&place.path("other"), &[]);
    save(&place.path("data"), &place.path("good")).expect("saved");
    let bytes = std::fs::read(place.path("good")).expect("a file");
    std::fs::write(place.path("cut"), &bytes[..bytes.len() - 7]).expect("a file");
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 1;
    std::fs::write(place.path("changed"), changed).expect("a file");
    let (before, other) = (entries(&place.path("data")), entries(&place.path("other")));
    let force = |file: &str, folder: &str| Order { replaces: true, ..place.order(file, folder) };
    for (order, text) in [
        (place.order("good", "data"), "replace it with -force"),
        (force("good", "other"), "the backup is of cluster"),
        (force("cut", "data"), "is cut off at byte"),
        (force("changed", "data"), "is damaged"),
        (force("nowhere", "data"), "cannot open"),
        (Order { takes_unsigned: false, ..force("good", "data") }, "-allow-unsigned"),
        (place.order("cut", "new"), "is cut off at byte"),
    ] {
        let told = place.refused(&order);
        assert!(told.contains(text), "{order:?}: {told}");
    }
    assert_eq!(entries(&place.path("data")), before);
    assert_eq!(entries(&place.path("other")), other);
    assert!(!place.path("new").exists());
    restore(&force("good", "data")).expect("a store of the same cluster is replaced");
    assert_eq!(entries(&place.path("data")).len(), before.len() + 1);
}

#[test]
fn a_store_that_cannot_be_read_is_replaced_and_that_is_told() {
    let place = Place::new();
    initialize(&place.path("data"), &[]);
    save(&place.path("data"), &place.path("good")).expect("saved");
    std::fs::write(place.path("data").join("store.redb"), b"").expect("damaged");
    let restored = restore(&Order { replaces: true, ..place.order("good", "data") }).expect("restored");
    assert!(
        matches!(restored.warnings.as_slice(), [one] if one.contains("could not be read")),
        "{:?}",
        restored.warnings
    );
    assert!(!entries(&place.path("data")).is_empty());
}

#[test]
fn a_folder_in_use_or_without_a_server_is_told() {
    let place = Place::new();
    initialize(&place.path("data"), &[]);
    save(&place.path("data"), &place.path("good")).expect("saved");
    let told = save(&place.path("nothing"), &place.path("a")).expect_err("no store").to_string();
    assert!(told.contains("there is no store in"), "{told}");
    assert!(!place.path("nothing").exists(), "and none is made");
    drop(Embedded::open(&place.path("empty"), Options::default(), &Env::real()).expect("a store"));
    let server = Embedded::open(&place.path("data"), Options::default(), &Env::real()).expect("a store");
    for replaces in [false, true] {
        let told = place.refused(&Order { replaces, ..place.order("good", "data") });
        let text = if replaces { "is in use by another process" } else { "-force" };
        assert!(told.contains(text), "{told}");
    }
    let told = crate::server::chain(&*save(&place.path("data"), &place.path("b")).expect_err("in use"));
    assert!(told.contains("is in use by another process"), "{told}");
    runtime().block_on(server.close()).expect("closed");
}

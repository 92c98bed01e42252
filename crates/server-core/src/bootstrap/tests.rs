//! The memory of what was put in force, and the token that it is put in force with.

use std::sync::Arc;

use barrier::CacheMode;
use serde_json::json;
use storage::memory::Memory;

use super::*;
use crate::testing::{Bench, denied};

#[tokio::test]
async fn a_mark_is_of_a_name_and_a_content_and_shows_neither() {
    let bench = Bench::new().await;
    let core = &bench.core;
    assert!(!core.bootstrap_marks().await.expect("readable").knows("a"));
    core.bootstrap_mark("a", "password-1", &[]).await.expect("kept");
    let marks = core.bootstrap_marks().await.expect("readable");
    assert!(marks.knows("a") && marks.holds("a", "password-1"));
    assert!(!marks.knows("b") && !marks.holds("a", "password-2") && !marks.holds("b", "password-1"));
    let entry = serde_json::to_string(&marks.0.expect("it is there").value).expect("it is JSON");
    assert!(!entry.contains("password") && !entry.contains("\"a\""), "{entry}");
    core.bootstrap_mark("a", "password-2", &[]).await.expect("kept");
    let marks = core.bootstrap_marks().await.expect("readable");
    assert!(marks.holds("a", "password-2") && !marks.holds("a", "password-1"));
}

#[test]
fn marks_that_nobody_declares_go_when_there_are_too_many() {
    let (env, _) = env::simulated::env(1);
    let mut entry = MarksEntry::new(&env);
    for number in 0..MARKS_MAX {
        entry.marks.insert(entry.sign(&number.to_string()), String::new());
    }
    let kept = ["7".to_owned(), "8".to_owned()];
    entry.make_room(&kept);
    assert_eq!(entry.marks.len(), 2);
    assert!(entry.marks.contains_key(&entry.sign("7")));
    entry.make_room(&[]);
    assert_eq!(entry.marks.len(), 2, "there is room: nothing goes");
}

#[tokio::test]
async fn the_token_may_everything_is_stored_nowhere_and_ends() {
    let bench = Bench::new().await;
    let token = bench.core.bootstrap_token().await.expect("it is made");
    let client = bench.with(token.expose());
    let own = client.lookup().await;
    assert_eq!((&own["display_name"], &own["type"]), (&json!("bootstrap"), &json!("batch")));
    assert_eq!(own["policies"], json!(["root"]));
    assert_eq!(client.write("sys/mounts/made", json!({ "type": "kv" })).await, json!({}));
    assert!(bench.keys("ns/root/token/").await.len() == 1, "the root token is the only one that is stored");
    bench.clock.advance(TOKEN_TTL);
    assert_eq!(client.read("sys/mounts").await, denied());
}

#[tokio::test]
async fn who_waits_for_the_unseal_is_told_of_it_and_of_the_seal() {
    let bench = Bench::new().await;
    let unsealed = bench.core.unsealed();
    assert!(*unsealed.borrow());
    bench.core.seal().await;
    assert!(!*unsealed.borrow());
}

#[test]
fn a_state_is_what_was_set() {
    let shared = SharedState::default();
    assert_eq!(shared.get().word(), None);
    for (state, word) in [
        (BootstrapState::Pending, Some("pending")),
        (BootstrapState::Failing, Some("failing")),
        (BootstrapState::Applied, Some("applied")),
        (BootstrapState::Nothing, None),
    ] {
        shared.set(state);
        assert_eq!((shared.get(), shared.get().word()), (state, word));
    }
}

#[tokio::test]
async fn two_nodes_keep_one_memory() {
    let mut first = Bench::fresh(Arc::new(Memory::new()), CacheMode::ReadThrough);
    first.init().await;
    let second = first.beside().await;
    let (left, right) =
        tokio::join!(first.core.bootstrap_mark("a", "1", &[]), second.core.bootstrap_mark("b", "2", &[]));
    left.and(right).expect("both are kept");
    for node in [&first, &second] {
        let marks = node.core.bootstrap_marks().await.expect("readable");
        assert!(marks.holds("a", "1") && marks.holds("b", "2"));
    }
}

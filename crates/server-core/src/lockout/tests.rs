//! The lockout of users, through the API. The method `userpass` of these tests takes `secret` for a password, from
//! everybody but those whose names begin with `no`: they do not exist.

use std::sync::Arc;
use std::time::Duration;

use barrier::CacheMode;
use serde_json::{Value, json};
use storage::memory::Memory;

use crate::lockout::{LockoutDefaults, LockoutSettings};
use crate::testing::{Bench, Client, denied, hours, invalid, refused};

fn wrong() -> Value {
    refused("BadCredentials", "invalid username or password")
}

async fn users(bench: &Bench) {
    let enabled = bench.root().write("sys/auth/userpass", json!({ "type": "userpass" })).await;
    assert_eq!(enabled, json!({}));
}

/// What comes of a login with this password.
async fn login(client: &Client<'_>, user: &str, password: &str) -> Value {
    let reply = client.write(&format!("auth/userpass/login/{user}"), json!({ "password": password })).await;
    if reply["auth"].is_object() { json!("in") } else { reply }
}

/// Fails so often, and is told so each time.
async fn fail(bench: &Bench, user: &str, times: usize) {
    for number in 0..times {
        assert_eq!(login(&bench.nobody(), user, "wrong").await, wrong(), "{user} {number}");
    }
}

async fn accessor(client: &Client<'_>, path: &str) -> String {
    client.read("sys/auth").await["data"][path]["accessor"].as_str().expect("it is mounted").to_owned()
}

#[tokio::test]
async fn who_fails_too_often_is_locked_out_for_a_while_and_nobody_else() {
    let bench = Bench::new().await;
    users(&bench).await;
    let nobody = bench.nobody();
    for user in ["ada", "nobody"] {
        fail(&bench, user, 5).await;
        for password in ["wrong", "secret"] {
            assert_eq!(login(&nobody, user, password).await, denied(), "{user}, whether or not there is one");
        }
    }
    assert_eq!(login(&nobody, "bob", "secret").await, json!("in"));
    bench.clock.advance(Duration::from_secs(899));
    assert_eq!(login(&nobody, "ada", "secret").await, denied());
    bench.clock.advance(Duration::from_secs(1));
    fail(&bench, "ada", 4).await;
    assert_eq!(login(&nobody, "ada", "secret").await, json!("in"), "after a lock counting begins anew");
}

#[tokio::test]
async fn a_login_that_goes_well_forgives_the_failures_and_so_does_time() {
    let bench = Bench::new().await;
    users(&bench).await;
    for _ in 0..3 {
        fail(&bench, "ada", 4).await;
        assert_eq!(login(&bench.nobody(), "ada", "secret").await, json!("in"));
    }
    fail(&bench, "ada", 4).await;
    bench.clock.advance(Duration::from_secs(901));
    fail(&bench, "ada", 4).await;
    assert_eq!(login(&bench.nobody(), "ada", "secret").await, json!("in"));
    // What is wrong with a request says nothing of who sent it.
    for _ in 0..9 {
        let missing = bench.nobody().write("auth/userpass/login/ada", json!({})).await;
        assert_eq!(missing, invalid("missing required field \"password\""));
    }
    assert_eq!(login(&bench.nobody(), "ada", "secret").await, json!("in"));
}

#[tokio::test]
async fn another_spelling_of_a_name_is_the_same_user() {
    let bench = Bench::new().await;
    users(&bench).await;
    for user in ["ada", "Ada", "ADA", "aDa", "adA"] {
        fail(&bench, user, 1).await;
    }
    for user in ["ada", "ADA"] {
        assert_eq!(login(&bench.nobody(), user, "secret").await, denied());
    }
}

#[tokio::test]
async fn a_lock_survives_a_restart_and_a_wall_clock_that_jumps() {
    let bench = Bench::new().await;
    users(&bench).await;
    fail(&bench, "ada", 5).await;
    bench.core.seal().await;
    bench.unseal().await;
    assert_eq!(login(&bench.nobody(), "ada", "secret").await, denied());
    bench.clock.jump_wall(i64::try_from(hours(24).as_nanos()).unwrap());
    bench.settle().await;
    assert_eq!(
        login(&bench.nobody(), "ada", "secret").await,
        denied(),
        "it has been seen: the wall clock is not asked"
    );
    bench.clock.jump_wall(-i64::try_from(hours(48).as_nanos()).unwrap());
    bench.core.seal().await;
    bench.unseal().await;
    assert_eq!(login(&bench.nobody(), "ada", "secret").await, denied());
    bench.clock.advance(Duration::from_secs(900));
    assert_eq!(login(&bench.nobody(), "ada", "secret").await, json!("in"), "no longer than it lasts from now on");
}

#[tokio::test]
async fn a_wall_clock_that_jumps_on_one_node_opens_no_lock_on_another() {
    let (bench, other) = two_nodes().await;
    fail(&bench, "ada", 5).await;
    bench.clock.jump_wall(i64::try_from(hours(24).as_nanos()).unwrap());
    other.settle().await;
    assert!(bench.keys("ns/root/login/").await.is_empty(), "for a node that has not seen the lock it is over");
    assert_eq!(login(&bench.nobody(), "ada", "secret").await, denied());
    fail(&other, "ada", 1).await;
    bench.clock.advance(Duration::from_secs(899));
    assert_eq!(login(&bench.nobody(), "ada", "secret").await, denied());
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(login(&bench.nobody(), "ada", "secret").await, json!("in"));
}

#[tokio::test]
async fn who_is_let_in_again_is_let_in_by_every_node_that_remembers_the_lock() {
    for is_stored in [true, false] {
        let (bench, other) = two_nodes().await;
        fail(&bench, "ada", 5).await;
        let accessor = accessor(&other.root(), "userpass/").await;
        if !is_stored {
            bench.clock.jump_wall(i64::try_from(hours(24).as_nanos()).unwrap());
            other.settle().await;
        }
        other.root().write(&format!("sys/locked-users/{accessor}/unlock/ada"), json!({})).await;
        // Whatever comes of the entry before the node that remembers looks at it.
        fail(&other, "ada", 1).await;
        assert_eq!(login(&other.nobody(), "ada", "secret").await, json!("in"));
        assert_eq!(login(&bench.nobody(), "ada", "secret").await, json!("in"), "stored: {is_stored}");
        fail(&bench, "ada", 5).await;
        for node in [&bench, &other] {
            assert_eq!(login(&node.nobody(), "ada", "secret").await, denied(), "it has been used up");
        }
    }
}

/// Two nodes on one store.
async fn two_nodes() -> (Bench, Bench) {
    let mut bench = Bench::fresh(Arc::new(Memory::new()), CacheMode::ReadThrough);
    bench.init().await;
    let other = bench.beside().await;
    users(&bench).await;
    (bench, other)
}

#[tokio::test]
async fn the_mount_goes_before_the_type_and_the_type_before_all() {
    let of = |threshold| LockoutSettings { threshold: Some(threshold), ..LockoutSettings::default() };
    let long = LockoutSettings { duration: Some(hours(1)), ..of(4) };
    let defaults = LockoutDefaults::from([("all".to_owned(), long), ("userpass".to_owned(), of(3))]);
    let bench = Bench::locking(defaults).await;
    users(&bench).await;
    fail(&bench, "ada", 3).await;
    bench.clock.advance(Duration::from_secs(3_599));
    assert_eq!(login(&bench.nobody(), "ada", "secret").await, denied(), "what the type leaves out is that of all");
    let tune = json!({ "user_lockout_config": { "lockout_threshold": 2, "lockout_duration": "1m" } });
    assert_eq!(bench.root().write("sys/auth/userpass/tune", tune).await, json!({}));
    assert_eq!(login(&bench.nobody(), "ada", "secret").await, json!("in"), "the lock is as long as it would be now");
    fail(&bench, "bob", 2).await;
    assert_eq!(login(&bench.nobody(), "bob", "secret").await, denied());
    let tune = json!({ "user_lockout_config": { "lockout_disable": true } });
    assert_eq!(bench.root().write("sys/auth/userpass/tune", tune).await, json!({}));
    fail(&bench, "bob", 9).await;
    assert_eq!(login(&bench.nobody(), "bob", "secret").await, json!("in"));
}

#[tokio::test]
async fn other_methods_lock_nobody_out() {
    let bench = Bench::new().await;
    bench.root().write("sys/auth/club", json!({ "type": "club" })).await;
    for _ in 0..9 {
        let reply = bench.nobody().write("auth/club/login/ada", json!({ "password": "wrong" })).await;
        assert_eq!(reply, wrong());
    }
    assert!(bench.keys("ns/root/login/").await.is_empty());
}

#[tokio::test]
async fn locked_users_are_listed_and_let_in_again() {
    let bench = Bench::new().await;
    let root = bench.root();
    assert_eq!(root.read("sys/locked-users").await["data"], json!({ "by_namespace": [], "total": 0 }));
    users(&bench).await;
    root.write("sys/namespaces/a", json!({})).await;
    let inside = root.clone().within("a");
    inside.write("sys/auth/userpass", json!({ "type": "userpass" })).await;
    for user in ["ada", "bob"] {
        for _ in 0..5 {
            login(&bench.nobody().within("a"), user, "wrong").await;
        }
    }
    fail(&bench, "eve", 5).await;
    fail(&bench, "jim", 4).await;
    let (here, there) = (accessor(&root, "userpass/").await, accessor(&inside, "userpass/").await);
    let id = root.read("sys/namespaces/a").await["data"]["id"].clone();
    let mine = json!({
        "namespace_id": "root", "namespace_path": "", "counts": 1,
        "mount_accessors": [{ "mount_accessor": here, "counts": 1, "alias_identifiers": ["eve"] }],
    });
    let theirs = json!({
        "namespace_id": id, "namespace_path": "a/", "counts": 2,
        "mount_accessors": [{ "mount_accessor": there, "counts": 2, "alias_identifiers": ["ada", "bob"] }],
    });
    let all = root.read("sys/locked-users").await;
    assert_eq!(all["data"], json!({ "by_namespace": [theirs, mine], "total": 3 }));
    let one = root.call(framework::Operation::Read, "sys/locked-users", json!({ "mount_accessor": here })).await;
    assert_eq!(one["data"], json!({ "by_namespace": [mine], "total": 1 }));
    let foreign = inside.call(framework::Operation::Read, "sys/locked-users", json!({ "mount_accessor": here })).await;
    assert_eq!(foreign, invalid(&format!("invalid mount_accessor \"{here}\"")));
    assert_eq!(inside.read("sys/locked-users").await["data"]["total"], json!(2));
    assert_eq!(bench.nobody().read("sys/locked-users").await, denied());

    let unlock = |user: &str| format!("sys/locked-users/{here}/unlock/{user}");
    assert_eq!(bench.nobody().write(&unlock("eve"), json!({})).await, denied());
    assert_eq!(inside.write(&unlock("eve"), json!({})).await, foreign);
    for (user, is_known) in [("EVE", true), ("eve", false), ("jim", true), ("none", false)] {
        let reply = root.write(&unlock(user), json!({})).await;
        let warning = reply["warnings"][0].as_str().is_some_and(|text| text.starts_with("Nobody of this name"));
        assert_eq!((reply == json!({}), warning), (is_known, !is_known), "{user}: {reply}");
    }
    assert_eq!(login(&bench.nobody(), "eve", "secret").await, json!("in"));
    fail(&bench, "jim", 4).await;
    assert_eq!(login(&bench.nobody(), "jim", "secret").await, json!("in"), "unlocking forgets all failures");
}

#[tokio::test]
async fn locks_hold_on_every_node_and_counts_are_merged() {
    let (bench, other) = two_nodes().await;
    let second = Duration::from_secs(1);
    fail(&bench, "ada", 2).await;
    bench.clock.advance(second);
    fail(&other, "ada", 1).await;
    bench.clock.advance(second);
    fail(&bench, "ada", 1).await;
    bench.clock.advance(second);
    fail(&other, "ada", 1).await;
    for node in [&bench, &other] {
        assert_eq!(login(&node.nobody(), "ada", "secret").await, denied());
    }
    let accessor = accessor(&other.root(), "userpass/").await;
    other.root().write(&format!("sys/locked-users/{accessor}/unlock/ada"), json!({})).await;
    for node in [&bench, &other] {
        fail(node, "ada", 1).await;
        assert_eq!(login(&node.nobody(), "ada", "secret").await, json!("in"));
    }
    // Word of the unlock stays as long as a node can remember a lock from before.
    assert_eq!(bench.keys("ns/root/login/").await.len(), 1);
    bench.clock.advance(Duration::from_secs(900));
    bench.settle().await;
    let left = bench.keys("ns/root/login/").await;
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn what_is_stored_goes_when_it_is_over_and_with_its_mount() {
    let bench = Bench::new().await;
    users(&bench).await;
    fail(&bench, "ada", 5).await;
    assert_eq!(bench.keys("ns/root/login/").await.len(), 1);
    bench.settle().await;
    assert_eq!(login(&bench.nobody(), "ada", "secret").await, denied());
    bench.clock.advance(hours(1));
    bench.settle().await;
    assert!(bench.keys("ns/root/login/").await.is_empty());
    fail(&bench, "bob", 5).await;
    bench.root().delete("sys/auth/userpass").await;
    for _ in 0..2 {
        bench.settle().await;
        bench.clock.advance(hours(1));
    }
    assert!(bench.keys("ns/root/login/").await.is_empty());
    users(&bench).await;
    assert_eq!(login(&bench.nobody(), "bob", "secret").await, json!("in"), "another mount has other users");
}

#[tokio::test]
async fn made_up_names_fill_neither_the_memory_nor_the_store() {
    let bench = Bench::new().await;
    users(&bench).await;
    let tune = json!({ "user_lockout_config": { "lockout_threshold": 1 } });
    bench.root().write("sys/auth/userpass/tune", tune).await;
    for number in 0..1_200 {
        fail(&bench, &format!("no{number}"), 1).await;
    }
    assert_eq!(bench.keys("ns/root/login/").await.len(), 1_000);
    assert_eq!(login(&bench.nobody(), "no1199", "wrong").await, denied(), "on this node it is locked all the same");
    let long = "x".repeat(513);
    fail(&bench, &long, 2).await;
    bench.clock.advance(Duration::from_secs(60));
    fail(&bench, "ada", 1).await;
    assert_eq!(bench.keys("ns/root/login/").await.len(), 1_001);
}

#[tokio::test]
async fn a_name_with_a_slash_can_be_let_in_again() {
    let bench = Bench::new().await;
    users(&bench).await;
    let (seals, here) = (&bench.core.seals, accessor(&bench.root(), "userpass/").await);
    let mount = seals.mounts.by_accessor("root", &here).await.expect("the store is well").expect("it is mounted");
    let rules = seals.lockout.rules(&mount.settings).expect("users of this type are locked out");
    let enter = async || seals.lockout.enter(rules, "root", &mount, "a/B".to_owned()).await.map(Option::unwrap);
    for _ in 0..5 {
        let attempt = enter().await.expect("it is not locked yet");
        seals.lockout.failed(&attempt).await.expect("the store is well");
    }
    assert!(enter().await.is_err());
    let unlocked = bench.root().write(&format!("sys/locked-users/{here}/unlock/a/B"), json!({})).await;
    assert_eq!(unlocked, json!({}));
    assert!(enter().await.is_ok());
}

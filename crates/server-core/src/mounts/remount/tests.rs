use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use storage::counting::Call;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;
use storage::rival::Rival;

use crate::testing::{Bench, Yielding, denied, invalid, late, refused, unless_hung};

async fn remount(bench: &Bench, from: &str, to: &str) -> Value {
    bench.root().write("sys/remount", json!({ "from": from, "to": to })).await
}

async fn status(bench: &Bench, id: &Value) -> Value {
    bench.root().read(&format!("sys/remount/status/{}", id.as_str().unwrap_or_default())).await
}

fn unrouted(path: &str) -> Value {
    refused("Unrouted", &format!("no handler for route \"{path}\". route entry not found."))
}

/// Two nodes over one store, the first initialized.
async fn two() -> (Bench, Bench) {
    let mut one = Bench::fresh(Arc::new(Yielding(Memory::new())), barrier::CacheMode::ReadThrough);
    one.init().await;
    let two = one.beside().await;
    (one, two)
}

#[tokio::test]
async fn a_moved_mount_keeps_its_data_its_settings_and_its_accessor() {
    let bench = Bench::new().await;
    let about = json!({ "type": "kv-v2", "description": "d", "config": { "default_lease_ttl": "1h" } });
    bench.root().write("sys/mounts/old/kv", about).await;
    bench.root().write("old/kv/a", json!({ "x": 1 })).await;
    let before = bench.root().read("sys/mounts/old/kv").await;
    let reply = remount(&bench, "old/kv", "/new/").await;
    assert!(reply["warnings"][0].as_str().is_some_and(|text| text.starts_with("Mount move")), "{reply}");
    assert_eq!(bench.root().read("sys/mounts/new").await, before);
    assert_eq!(bench.root().read("new/a").await, json!({ "data": { "x": 1 } }));
    assert_eq!(bench.root().read("old/kv/a").await, unrouted("old/kv/a"));
    assert_eq!(bench.root().read("sys/mounts/old/kv").await, invalid("No secret engine mount at old/kv/"));
    let info = json!({ "source_mount": "old/kv/", "target_mount": "new/", "status": "success" });
    let id = &reply["data"]["migration_id"];
    assert_eq!(status(&bench, id).await, json!({ "data": { "migration_id": id, "migration_info": info } }));
    bench.mount("old/kv").await;
    assert_eq!(bench.root().read("old/kv/a").await, refused("NotFound", "not found"), "another mount at the old path");
}

#[tokio::test]
async fn auth_methods_move_too() {
    let bench = Bench::new().await;
    bench.root().write("sys/auth/here", json!({ "type": "gate" })).await;
    let before = bench.root().read("sys/auth/here").await;
    let reply = remount(&bench, "auth/here", "auth/there/too").await;
    assert_eq!(bench.root().read("sys/auth/there/too").await, before);
    assert!(bench.nobody().write("auth/there/too/login", json!({})).await["data"].is_object());
    assert_eq!(bench.nobody().write("auth/here/login", json!({})).await, denied());
    let info = status(&bench, &reply["data"]["migration_id"]).await["data"]["migration_info"].take();
    assert_eq!((&info["source_mount"], &info["target_mount"]), (&json!("auth/here/"), &json!("auth/there/too/")));
}

#[tokio::test]
async fn what_cannot_be_moved_says_why() {
    let bench = Bench::new().await;
    bench.mount("a").await;
    bench.mount("b/c").await;
    bench.root().write("sys/auth/gate", json!({ "type": "gate" })).await;
    let both = "both 'from' and 'to' path must be specified as a string";
    let cases = [
        ("", "x", both),
        ("a", "", both),
        ("a ", "x", "'from' path cannot contain trailing whitespace"),
        ("a", "\tx", "'to' path cannot contain trailing whitespace"),
        ("none", "x", "no matching mount at \"none/\""),
        ("a/deeper", "x", "no matching mount at \"a/deeper/\""),
        ("auth/none", "auth/x", "no matching mount at \"auth/none/\""),
        ("a//b", "x", "no matching mount at \"a//b\""),
        ("a", "x//y", "invalid destination mount: invalid mount path: a segment is empty, \".\" or \"..\""),
        ("a", "/", "invalid destination mount: invalid mount path: it is empty"),
        ("auth/gate", "x", "cannot remount auth mount to non-auth mount \"x/\""),
        ("a", "auth/x", "cannot remount to destination \"auth/x/\""),
        ("a", "sys", "cannot remount to destination \"sys/\""),
        ("a", "cubbyhole/x", "cannot remount to destination \"cubbyhole/x/\""),
        ("sys", "x", "cannot remount \"sys/\""),
        ("cubbyhole/", "x", "cannot remount \"cubbyhole/\""),
        ("auth/token", "auth/x", "cannot remount \"auth/token/\""),
        ("auth/gate", "auth/token", "path is already in use at auth/token/"),
        ("a", "b/c", "path is already in use at b/c/"),
        ("a", "b/c/d", "path is already in use at b/c/"),
        ("a", "b", "existing mount at b/c/"),
        ("a", "a", "path is already in use at a/"),
        ("a", "a/b", "path is already in use at a/"),
        ("b/c", "b", "existing mount at b/c/"),
    ];
    let before = bench.keys("").await;
    for (from, to, text) in cases {
        assert_eq!(remount(&bench, from, to).await, invalid(text), "{from} to {to}");
    }
    assert_eq!(bench.keys("").await, before);
    assert_eq!(status(&bench, &json!("unknown")).await, refused("NotFound", "not found"));
}

#[tokio::test]
async fn of_two_who_want_the_same_path_exactly_one_gets_it() {
    for turns in 0..16 {
        for is_enabled in [false, true] {
            let (one, two) = two().await;
            one.mount("a").await;
            one.mount("b").await;
            let rival = async {
                match is_enabled {
                    true => two.root().write("sys/mounts/x", json!({ "type": "kv" })).await,
                    false => remount(&two, "b", "x/y").await,
                }
            };
            let (first, second) = tokio::join!(late(8, remount(&one, "a", "x")), late(turns, rival));
            let won = [&first, &second].iter().filter(|reply| reply["refused"].is_null()).count();
            assert_eq!(won, 1, "{turns}: {first} {second}");
            let mounts = two.root().read("sys/mounts").await["data"].take();
            let count = if is_enabled && first["refused"].is_string() { 6 } else { 5 };
            assert_eq!(mounts.as_object().map(serde_json::Map::len), Some(count), "{turns}: {mounts}");
        }
    }
}

#[tokio::test]
async fn of_two_who_move_the_same_mount_exactly_one_does() {
    for turns in 0..16 {
        let (one, two) = two().await;
        one.mount("a").await;
        one.root().write("a/k", json!({ "x": 1 })).await;
        let (first, second) = tokio::join!(late(8, remount(&one, "a", "x")), late(turns, remount(&two, "a", "y")));
        let (winner, loser) = if first["refused"].is_null() { ("x", &second) } else { ("y", &first) };
        assert_eq!(*loser, invalid("no matching mount at \"a/\""), "{turns}");
        assert_eq!(one.root().read(&format!("{winner}/k")).await, json!({ "data": { "x": 1 } }));
        assert_eq!(one.keys("ns/root/remount/").await.len(), 1);
    }
}

#[tokio::test]
async fn a_request_during_a_move_finds_the_mount_or_nothing_and_never_another_path_in_it() {
    let mut outcomes = (0, 0);
    for turns in 0..48 {
        let (one, two) = two().await;
        one.mount("a").await;
        one.root().write("a/x/y", json!({ "x": "right" })).await;
        // What a new path of four bytes would leave of the request's path.
        one.root().write("a/y", json!({ "x": "wrong" })).await;
        // A node that has not loaded the mount yet, so that it reads one entry after the other.
        let cold = one.beside().await;
        let client = cold.root();
        let (read, moved) = tokio::join!(late(36, client.read("a/x/y")), late(turns, remount(&two, "a", "abc")));
        assert!(moved["refused"].is_null(), "{moved}");
        if read == json!({ "data": { "x": "right" } }) {
            outcomes.0 += 1;
        } else {
            assert_eq!(read, unrouted("a/x/y"), "{turns}");
            outcomes.1 += 1;
        }
        assert_eq!(one.root().read("abc/x/y").await, json!({ "data": { "x": "right" } }));
    }
    assert!(outcomes.0 > 0 && outcomes.1 > 0, "{outcomes:?}");
}

#[tokio::test]
async fn a_move_goes_through_against_a_rival() {
    let memory = Arc::new(Memory::new());
    let mut bench = Bench::fresh(Arc::clone(&memory) as _, barrier::CacheMode::ReadThrough);
    bench.init().await;
    bench.mount("m0").await;
    bench.root().write("m0/k", json!({ "x": 1 })).await;
    let rival = Arc::new(Rival::new(memory, 5, 40));
    let bench = bench.crashed(Arc::clone(&rival) as _).await;
    for number in 0..30 {
        let reply = remount(&bench, &format!("m{number}"), &format!("m{}", number + 1)).await;
        assert!(reply["refused"].is_null(), "{reply}");
    }
    assert_eq!(bench.root().read("m30/k").await, json!({ "data": { "x": 1 } }));
    assert!(rival.strikes() > 0, "the rival never struck");
}

#[tokio::test]
async fn a_crash_in_a_move_leaves_one_mount_and_no_untrue_status() {
    for fault in [Fault::Fail, Fault::LoseCall, Fault::LoseAnswer] {
        let memory = Arc::new(Memory::new());
        let (env, _) = env::simulated::env(9);
        let faulty = Arc::new(Faulty::new(Arc::clone(&memory) as _, env));
        let bench = Bench::over(Arc::clone(&faulty) as _).await;
        bench.core.seals.worker.stop().await;
        bench.mount("a").await;
        bench.root().write("a/k", json!({ "x": 1 })).await;
        faulty.fail_nth(Call::Commit, 1, fault);
        let reply = unless_hung(remount(&bench, "a", "b")).await;
        assert!(reply.is_none_or(|reply| reply["refused"].is_string()), "{fault:?}: it was told to fail");
        faulty.cut();
        let bench = bench.crashed(memory).await;
        let statuses = bench.keys("ns/root/remount/").await;
        let (here, gone) = if statuses.is_empty() { ("a", "b") } else { ("b", "a") };
        assert_eq!(bench.root().read(&format!("{here}/k")).await, json!({ "data": { "x": 1 } }), "{fault:?}");
        assert_eq!(bench.root().read(&format!("{gone}/k")).await, unrouted(&format!("{gone}/k")), "{fault:?}");
        for key in statuses {
            let id = key.rsplit('/').next().unwrap_or_default();
            assert_eq!(status(&bench, &json!(id)).await["data"]["migration_info"]["target_mount"], "b/");
        }
    }
}

#[tokio::test]
async fn a_status_is_kept_for_a_day_and_leaves_nothing_behind() {
    let bench = Bench::new().await;
    bench.mount("a").await;
    let reply = remount(&bench, "a", "b").await;
    let id = &reply["data"]["migration_id"];
    bench.clock.advance(Duration::from_secs(24 * 3600 - 1));
    bench.settle().await;
    assert!(status(&bench, id).await["data"].is_object());
    bench.clock.advance(Duration::from_secs(1));
    bench.settle().await;
    assert_eq!(status(&bench, id).await, refused("NotFound", "not found"));
    assert_eq!((bench.keys("ns/root/remount/").await, bench.keys("due/").await), (vec![], vec![]));
}

#[tokio::test]
async fn a_moved_mount_is_swept_whole_when_it_is_disabled() {
    let bench = Bench::new().await;
    let before = bench.keys("ns/").await;
    bench.mount("a").await;
    bench.root().write("a/k", json!({ "x": 1 })).await;
    remount(&bench, "a", "b").await;
    assert_eq!(bench.root().delete("sys/mounts/a").await, json!({}), "nothing is there");
    assert_eq!(bench.root().read("b/k").await, json!({ "data": { "x": 1 } }));
    bench.root().delete("sys/mounts/b").await;
    bench.clock.advance(Duration::from_secs(24 * 3600));
    bench.settle().await;
    assert_eq!(bench.keys("ns/").await, before);
}

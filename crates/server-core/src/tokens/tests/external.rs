//! Groups that a login brings: who is in external groups after logins, renewals, crashes and merges.

use std::sync::Arc;

use barrier::CacheMode;
use serde_json::{Value, json};
use storage::counting::{Call, Counting, Tally};
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;

use crate::testing::{Bench, Yielding, late, unless_hung};

async fn log_in(bench: &Bench, mount: &str, name: &str, groups: Value) -> Value {
    bench.nobody().write(&format!("auth/{mount}/login/{name}"), json!({ "groups": groups, "token_ttl": "1h" })).await
}

/// The policies of their groups, by which the tests tell the groups.
async fn gives(bench: &Bench, mount: &str, name: &str, groups: Value) -> Value {
    policies(&log_in(bench, mount, name, groups).await["auth"])
}

/// Where there are none they are not shown at all.
fn policies(auth: &Value) -> Value {
    assert!(auth.is_object(), "{auth}");
    auth.get("identity_policies").cloned().unwrap_or_else(|| json!([]))
}

fn text(reply: &Value, field: &str) -> String {
    reply["auth"][field].as_str().unwrap_or_else(|| panic!("no {field}: {reply}")).to_owned()
}

/// Mounts the method, with external groups of these names that give a policy of the same name; gives back their ids.
async fn enable<const N: usize>(bench: &Bench, mount: &str, groups: [&str; N]) -> [Value; N] {
    let root = bench.root();
    assert_eq!(root.write(&format!("sys/auth/{mount}"), json!({ "type": "door" })).await, json!({}));
    let mut ids = groups.map(|_| Value::Null);
    for (id, name) in ids.iter_mut().zip(groups) {
        let about = json!({ "name": name, "type": "external", "policies": name });
        *id = root.write("identity/group", about).await["data"]["id"].take();
        alias(bench, mount, name, id).await;
    }
    ids
}

async fn alias(bench: &Bench, mount: &str, name: &str, group: &Value) -> Value {
    let root = bench.root();
    let accessor = root.read(&format!("sys/auth/{mount}")).await["data"]["accessor"].take();
    let about = json!({ "name": format!("cn={name}"), "mount_accessor": accessor, "canonical_id": group });
    let made = root.write("identity/group-alias", about).await["data"]["id"].take();
    assert!(made.is_string(), "{made}");
    made
}

#[tokio::test]
async fn a_login_puts_somebody_into_the_external_groups_that_it_names_and_takes_them_out_of_others() {
    let bench = Bench::new().await;
    let root = bench.root();
    enable(&bench, "door", ["dev", "ops"]).await;
    let bob = text(&log_in(&bench, "door", "bob", json!([])).await, "entity_id");
    root.write("identity/group", json!({ "name": "own", "policies": "own", "member_entity_ids": [bob] })).await;
    for (groups, expected) in [
        (json!([]), json!(["own"])),
        (json!(["CN=Dev", "cn=unknown", "", "x".repeat(5_000), "\0"]), json!(["dev", "own"])),
        (json!(["cn=dev", "cn=ops", "cn=DEV"]), json!(["dev", "ops", "own"])),
        (json!(["cn=ops"]), json!(["ops", "own"])),
        // A login that knows nothing of groups leaves them.
        (Value::Null, json!(["ops", "own"])),
    ] {
        assert_eq!(gives(&bench, "door", "bob", groups.clone()).await, expected, "{groups}");
    }
    // What another person's login says is about that person alone.
    assert_eq!(gives(&bench, "door", "ann", json!(["cn=dev"])).await, json!(["dev"]));
    let shown = root.read("identity/group/name/ops").await;
    assert_eq!(shown["data"]["member_entity_ids"], json!([bob]), "{shown}");
    let shown = root.read("identity/group/name/dev").await;
    assert_eq!(shown["data"]["member_entity_ids"].as_array().map(Vec::len), Some(1), "{shown}");
    let many: Vec<_> = (0..10_001).map(|number| number.to_string()).collect();
    let refused = log_in(&bench, "door", "bob", json!(many)).await["refused"].to_string();
    assert!(refused.contains("the login tells of 10001 groups, the most is 10000"), "{refused}");
}

#[tokio::test]
async fn a_renewal_asks_who_is_in_which_group() {
    let bench = Bench::new().await;
    let root = bench.root();
    enable(&bench, "door", ["dev", "ops"]).await;
    let token = text(&log_in(&bench, "door", "bob", json!(["cn=ops"])).await, "client_token");
    let bob = bench.with(&token);
    let renewed = async || policies(&bob.write("auth/token/renew-self", json!({})).await["auth"]);
    assert_eq!(renewed().await, json!(["ops"]), "the method says nothing of groups");
    for (groups, expected) in [(json!(["cn=dev"]), json!(["dev"])), (json!([]), json!([]))] {
        assert_eq!(root.write("auth/door/groups/all", json!({ "groups": groups })).await, json!({}));
        assert_eq!(renewed().await, expected);
        assert_eq!(policies(&bob.lookup().await), expected);
    }
}

#[tokio::test]
async fn who_is_in_many_groups_is_put_into_and_taken_out_of_all() {
    const GROUPS: usize = 60;
    let bench = Bench::new().await;
    let names: [String; GROUPS] = std::array::from_fn(|number| format!("g{number:02}"));
    enable(&bench, "door", names.each_ref().map(String::as_str)).await;
    let all: Vec<_> = names.iter().map(|name| format!("cn={name}")).collect();
    let (left, right) = all.split_at(GROUPS / 2 - 5);
    for groups in [&all[..], left, right, &[], &all[..]] {
        let expected: Vec<_> = groups.iter().map(|name| name.trim_start_matches("cn=")).collect();
        assert_eq!(gives(&bench, "door", "bob", json!(groups)).await, json!(expected));
    }
}

#[tokio::test]
async fn groups_of_other_mounts_and_those_that_have_gone_are_left_alone() {
    let bench = Bench::new().await;
    let root = bench.root();
    let [dev, ops] = enable(&bench, "door", ["dev", "ops"]).await;
    enable(&bench, "gate", ["far"]).await;
    // One person with a name at both mounts.
    let ids = [("door", "bob"), ("gate", "bob")];
    let mut entities = Vec::new();
    for (mount, name) in ids {
        entities.push(text(&log_in(&bench, mount, name, json!(["cn=dev", "cn=ops", "cn=far"])).await, "entity_id"));
    }
    let merge = json!({ "from_entity_ids": [entities[0]], "to_entity_id": entities[1] });
    assert_eq!(root.write("identity/entity/merge", merge).await, json!({}));
    assert_eq!(gives(&bench, "door", "bob", json!(["cn=dev", "cn=ops"])).await, json!(["dev", "far", "ops"]));
    assert_eq!(gives(&bench, "gate", "bob", json!([])).await, json!(["dev", "ops"]));
    assert_eq!(gives(&bench, "door", "bob", json!(["cn=ops"])).await, json!(["ops"]));
    // An alias that has moved to another mount takes what the old one's logins said along.
    let id = root.read("identity/group/name/ops").await["data"]["alias"]["id"].take();
    let accessor = root.read("sys/auth/gate").await["data"]["accessor"].take();
    let moved = json!({ "id": id, "name": "cn=ops", "mount_accessor": accessor, "canonical_id": ops });
    assert!(root.write("identity/group-alias", moved).await["data"]["id"].is_string());
    assert_eq!(gives(&bench, "gate", "bob", json!(["cn=ops"])).await, json!(["ops"]));
    assert_eq!(gives(&bench, "door", "bob", json!(["cn=dev"])).await, json!(["dev", "ops"]));
    assert_eq!(gives(&bench, "gate", "bob", json!([])).await, json!(["dev"]));
    // Without its alias nobody tells of the group any more.
    let id = root.read("identity/group/name/dev").await["data"]["alias"]["id"].as_str().map(str::to_owned);
    root.delete(&format!("identity/group-alias/id/{}", id.expect("an alias"))).await;
    assert_eq!(gives(&bench, "door", "bob", json!(["cn=dev"])).await, json!([]));
    alias(&bench, "door", "dev", &dev).await;
    assert_eq!(gives(&bench, "door", "bob", json!(["cn=dev"])).await, json!(["dev"]));
    root.delete("identity/group/name/dev").await;
    assert_eq!(gives(&bench, "door", "bob", json!(["cn=dev"])).await, json!([]));
}

#[tokio::test]
async fn a_token_of_an_entity_that_went_into_another_one_renews_the_groups_of_that_one() {
    let bench = Bench::new().await;
    let root = bench.root();
    enable(&bench, "door", ["dev", "ops"]).await;
    enable(&bench, "gate", []).await;
    let reply = log_in(&bench, "door", "bob", json!(["cn=dev"])).await;
    let into = text(&log_in(&bench, "gate", "ann", json!([])).await, "entity_id");
    let merge = json!({ "from_entity_ids": [text(&reply, "entity_id")], "to_entity_id": into });
    assert_eq!(root.write("identity/entity/merge", merge).await, json!({}));
    for (groups, expected) in [(json!(["cn=ops"]), json!(["ops"])), (json!([]), json!([]))] {
        assert_eq!(root.write("auth/door/groups/all", json!({ "groups": groups })).await, json!({}));
        let renewed = bench.with(&text(&reply, "client_token")).write("auth/token/renew-self", json!({})).await;
        assert_eq!(policies(&renewed["auth"]), expected);
        assert_eq!(gives(&bench, "gate", "ann", Value::Null).await, expected);
    }
}

#[tokio::test]
async fn of_two_logins_at_once_one_decides_the_groups_whole() {
    for turns in 0..24 {
        let mut bench = Bench::fresh(Arc::new(Yielding(Memory::new())), CacheMode::ReadThrough);
        bench.init().await;
        let other = bench.beside().await;
        enable(&bench, "door", ["dev", "ops", "run"]).await;
        assert_eq!(gives(&bench, "door", "bob", json!(["cn=run"])).await, json!(["run"]));
        let (first, second) = tokio::join!(
            log_in(&bench, "door", "bob", json!(["cn=dev"])),
            late(turns, log_in(&other, "door", "bob", json!(["cn=ops"]))),
        );
        assert!(first["auth"].is_object() && second["auth"].is_object(), "{turns}: {first} {second}");
        let left = gives(&bench, "door", "bob", Value::Null).await;
        assert!(left == json!(["dev"]) || left == json!(["ops"]), "{turns}: {left}");
    }
}

#[tokio::test]
async fn a_crash_between_the_commits_of_a_login_leaves_too_few_groups_and_never_too_many() {
    let mut seen = std::collections::BTreeSet::new();
    for nth in 1..=3 {
        let memory = Arc::new(Memory::new());
        let (env, _) = env::simulated::env(9);
        let faulty = Arc::new(Faulty::new(Arc::clone(&memory) as _, env));
        let bench = Bench::over(Arc::clone(&faulty) as _).await;
        enable(&bench, "door", ["dev", "ops"]).await;
        assert_eq!(gives(&bench, "door", "bob", json!(["cn=dev"])).await, json!(["dev"]));
        faulty.fail_nth(Call::Commit, nth, Fault::CutBefore);
        let login = unless_hung(log_in(&bench, "door", "bob", json!(["cn=ops"]))).await;
        assert!(login.is_none_or(|reply| reply["auth"].is_null()), "{nth}");
        let bench = bench.crashed(memory).await;
        let left = gives(&bench, "door", "bob", Value::Null).await;
        assert!(left.as_array().is_some_and(|groups| groups.len() <= 1), "{nth}: {left}");
        seen.insert(left.to_string());
        assert_eq!(gives(&bench, "door", "bob", json!(["cn=ops"])).await, json!(["ops"]), "{nth}");
    }
    let expected = [json!([]), json!(["dev"]), json!(["ops"])].map(|it| it.to_string());
    assert_eq!(seen, expected.into(), "before, between and behind the two commits");
}

#[tokio::test]
async fn groups_cost_a_commit_only_when_they_change() {
    let counting = Arc::new(Counting::new(Arc::new(Memory::new())));
    let bench = Bench::over(Arc::clone(&counting) as _).await;
    enable(&bench, "door", ["dev"]).await;
    log_in(&bench, "door", "bob", json!([])).await;
    log_in(&bench, "door", "ann", json!(["cn=dev", "cn=unknown"])).await;
    let calls = |reads, scans, commits| Tally { reads, scans, commits, ..Tally::default() };
    for (name, groups, expected) in [
        ("bob", Value::Null, calls(0, 0, 1)),
        ("bob", json!([]), calls(0, 0, 1)),
        ("bob", json!(["cn=unknown"]), calls(0, 0, 1)),
        ("ann", Value::Null, calls(0, 1, 1)),
        ("ann", json!(["cn=dev", "cn=unknown"]), calls(0, 2, 1)),
    ] {
        counting.take();
        log_in(&bench, "door", name, groups.clone()).await;
        assert_eq!(counting.take(), expected, "{name} {groups}");
    }
}

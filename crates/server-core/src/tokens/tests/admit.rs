//! Logins: who gets which token, and what becomes of it when it is renewed.

use std::sync::Arc;

use barrier::CacheMode;
use serde_json::{Value, json};
use storage::counting::{Counting, Tally};
use storage::gate::Gate;
use storage::memory::Memory;

use crate::testing::{Bench, Yielding, denied, hours, invalid, late};

async fn with_door() -> Bench {
    let bench = Bench::new().await;
    enable(&bench).await;
    bench
}

async fn enable(bench: &Bench) {
    assert_eq!(bench.root().write("sys/auth/door", json!({ "type": "door" })).await, json!({}));
}

async fn log_in(bench: &Bench, name: &str, about: Value) -> Value {
    bench.nobody().write(&format!("auth/door/login/{name}"), about).await
}

fn text(reply: &Value, field: &str) -> String {
    reply["auth"][field].as_str().unwrap_or_else(|| panic!("no {field}: {reply}")).to_owned()
}

#[tokio::test]
async fn a_login_gives_a_token_with_what_the_method_says() {
    let bench = with_door().await;
    let about = json!({ "token_policies": "b,a", "token_ttl": "1h", "token_max_ttl": "2h", "token_num_uses": 5 });
    let reply = log_in(&bench, "bob", about).await;
    let auth = &reply["auth"];
    assert_eq!((&auth["policies"], &auth["metadata"]), (&json!(["a", "b", "default"]), &json!({ "who": "bob" })));
    assert_eq!((&auth["lease_duration"], &auth["renewable"]), (&json!(3600), &json!(true)));
    assert_eq!((&auth["orphan"], &auth["num_uses"], &auth["token_type"]), (&json!(true), &json!(5), &json!("service")));
    let shown = bench.with(&text(&reply, "client_token")).lookup().await;
    assert_eq!((&shown["display_name"], &shown["path"]), (&json!("door-bob"), &json!("auth/door/login/bob")));
    assert_eq!(shown["entity_id"], auth["entity_id"]);
    let entity = bench.root().read(&format!("identity/entity/id/{}", text(&reply, "entity_id"))).await;
    let alias = &entity["data"]["aliases"][0];
    assert_eq!(
        (&alias["name"], &alias["mount_path"], &alias["mount_type"]),
        (&json!("bob"), &json!("auth/door/"), &json!("door"))
    );
    let again = log_in(&bench, "BOB", json!({})).await;
    assert_eq!(again["auth"]["entity_id"], auth["entity_id"], "the same name");
    assert_ne!(log_in(&bench, "ann", json!({})).await["auth"]["entity_id"], auth["entity_id"]);
}

#[tokio::test]
async fn white_space_makes_nobody_somebody_else() {
    let bench = with_door().await;
    log_in(&bench, "ann", json!({})).await;
    let root = bench.root();
    let accessor = root.read("sys/auth/door").await["data"]["accessor"].take();
    let text = "alias name must not begin or end with white space";
    for name in [" ann", "ann ", "ann\u{a0}", "\u{3000}ann"] {
        assert_eq!(log_in(&bench, name, json!({})).await, invalid(text), "{name:?}");
        let alias = json!({ "name": name, "mount_accessor": accessor });
        assert_eq!(root.write("identity/entity-alias", alias).await, invalid(text), "{name:?}");
    }
    assert_eq!(root.list("identity/entity/id").await["data"]["keys"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn what_no_method_may_give_is_refused_and_makes_nobody() {
    let bench = with_door().await;
    let root = "auth methods cannot create root tokens";
    assert_eq!(log_in(&bench, "bob", json!({ "token_policies": "a,Root" })).await, invalid(root));
    let reserved = "cannot assign policy \"response-wrapping\"";
    assert_eq!(log_in(&bench, "bob", json!({ "token_policies": "response-wrapping" })).await, invalid(reserved));
    // Requests of these tests come over no connection that has an address.
    assert_eq!(log_in(&bench, "bob", json!({ "token_bound_cidrs": "10.0.0.0/8" })).await, denied());
    assert_eq!(bench.root().list("identity/entity/id").await["data"]["keys"], json!([]));
    // A row that is not open to everybody makes no tokens, whatever its handler says.
    let reply = bench.root().write("auth/door/closed/bob", json!({})).await;
    assert!(reply["refused"].as_str().is_some_and(|it| it.contains("the row is none of a login")), "{reply}");
}

#[tokio::test]
async fn policies_of_the_entity_and_its_groups_come_with_the_login() {
    let bench = with_door().await;
    let root = bench.root();
    let first = log_in(&bench, "bob", json!({ "token_policies": "own" })).await;
    let (token, entity) = (text(&first, "client_token"), text(&first, "entity_id"));
    root.write(&format!("identity/entity/id/{entity}"), json!({ "policies": "mine" })).await;
    root.write("identity/group", json!({ "name": "g", "policies": "ours", "member_entity_ids": entity })).await;
    let second = log_in(&bench, "bob", json!({ "token_policies": "own" })).await;
    let auth = &second["auth"];
    assert_eq!(auth["token_policies"], json!(["default", "own"]));
    assert_eq!(auth["identity_policies"], json!(["mine", "ours"]));
    assert_eq!(auth["policies"], json!(["default", "mine", "ours", "own"]));
    assert_eq!(bench.with(&token).lookup().await["identity_policies"], json!(["mine", "ours"]), "the first one too");
    root.write(&format!("identity/entity/id/{entity}"), json!({ "disabled": true })).await;
    assert_eq!(bench.with(&token).read("auth/token/lookup-self").await, denied());
    assert_eq!(log_in(&bench, "bob", json!({})).await, denied());
}

#[tokio::test]
async fn the_mount_decides_the_kind_of_token_unless_it_leaves_the_choice() {
    let bench = with_door().await;
    for (mount, asked, given) in [
        ("default-service", "default", "service"),
        ("default-service", "batch", "batch"),
        ("default-batch", "default", "batch"),
        ("default-batch", "service", "service"),
        ("service", "batch", "service"),
        ("batch", "service", "batch"),
    ] {
        bench.root().write("sys/auth/door/tune", json!({ "token_type": mount })).await;
        let reply = log_in(&bench, "bob", json!({ "token_type": asked, "token_ttl": "1h" })).await;
        assert_eq!(reply["auth"]["token_type"], json!(given), "{mount} {asked}");
        assert_eq!(reply["auth"]["renewable"], json!(given == "service"), "{mount} {asked}");
        let shown = bench.with(&text(&reply, "client_token")).lookup().await;
        assert_eq!(shown["entity_id"], reply["auth"]["entity_id"], "{mount} {asked}");
    }
}

#[tokio::test]
async fn a_renewal_asks_the_method_and_keeps_to_the_limits_of_its_mount() {
    let bench = with_door().await;
    bench.root().write("sys/auth/door/tune", json!({ "default_lease_ttl": "1h", "max_lease_ttl": "3h" })).await;
    let reply = log_in(&bench, "bob", json!({})).await;
    assert_eq!(reply["auth"]["lease_duration"], 3600, "the mount's default");
    let bob = bench.with(&text(&reply, "client_token")).clone();
    let renew = async |increment: &str| {
        let renewed = bob.write("auth/token/renew-self", json!({ "increment": increment })).await;
        (renewed["auth"]["lease_duration"].clone(), renewed["refused"].clone())
    };
    assert_eq!(renew("2h").await, (json!(7200), Value::Null));
    bench.clock.advance(hours(1));
    assert_eq!(renew("9h").await, (json!(7200), Value::Null), "three hours from the login on");
    bench.root().write("auth/door/shut", json!({})).await;
    assert_eq!(renew("1h").await, (Value::Null, json!("Invalid: the door is shut, not renewing")));
    assert!(bob.lookup().await.is_object(), "it lasts as long as it was given");
    let periodic = log_in(&bench, "ann", json!({ "token_period": "2h" })).await;
    assert_eq!(periodic["auth"]["lease_duration"], 7200);
}

#[tokio::test]
async fn a_login_can_be_wrapped_and_happens_in_its_namespace() {
    let bench = with_door().await;
    let root = bench.root();
    root.write("sys/namespaces/team", json!({})).await;
    root.clone().within("team").write("sys/auth/door", json!({ "type": "door" })).await;
    let there = bench.nobody().within("team").write("auth/door/login/bob", json!({})).await;
    let here = log_in(&bench, "bob", json!({})).await;
    assert_ne!(text(&here, "entity_id"), text(&there, "entity_id"));
    let token = text(&there, "client_token");
    assert_eq!(bench.with(&token).within("team").lookup().await["namespace_path"], json!("team/"));
    let id = text(&there, "entity_id");
    let shown = root.clone().within("team").read(&format!("identity/entity/id/{id}")).await;
    assert_eq!(shown["data"]["aliases"][0]["mount_path"], json!("auth/door/"));
}

/// A store on which a commit can be stopped, with a door and the user `bob`.
async fn gated() -> (Bench, Arc<Gate>) {
    let gate = Arc::new(Gate::new(Arc::new(Memory::new())));
    let mut bench = Bench::fresh(Arc::clone(&gate) as _, CacheMode::ReadThrough);
    bench.init().await;
    enable(&bench).await;
    bench.root().write("auth/door/users/bob", json!({})).await;
    (bench, gate)
}

/// A user's login that is stopped at its first commit until something else has been done.
async fn log_in_while<T>(bench: &Bench, gate: &Gate, about: Value, other: impl Future<Output = T>) -> (Value, T) {
    gate.close();
    tokio::join!(log_in(bench, "bob", about), async {
        gate.reached().await;
        let done = other.await;
        gate.open();
        done
    })
}

#[tokio::test]
async fn what_a_login_was_decided_from_must_not_have_changed_when_the_token_is_made() {
    for kind in ["service", "batch"] {
        for (removed, answer) in [("auth/door/users/bob", invalid("nobody knows you")), ("sys/auth/door", denied())] {
            let (bench, gate) = gated().await;
            let root = bench.root();
            let about = json!({ "must_be_known": true, "token_type": kind });
            // The first login of a name makes its entity, between the method's word and the token.
            let (login, removal) = log_in_while(&bench, &gate, about, root.delete(removed)).await;
            assert_eq!((login, removal), (answer, json!({})), "{kind} {removed}");
        }
    }
}

#[tokio::test]
async fn of_two_logins_by_what_is_good_for_one_the_second_is_refused() {
    for kind in ["service", "batch"] {
        let (bench, gate) = gated().await;
        log_in(&bench, "bob", json!({})).await;
        let about = json!({ "must_be_known": true, "once": true, "token_type": kind });
        let (first, second) = log_in_while(&bench, &gate, about.clone(), log_in(&bench, "bob", about)).await;
        assert_eq!(first, invalid("nobody knows you"), "{kind}");
        assert!(bench.with(&text(&second, "client_token")).lookup().await.is_object(), "{kind}");
    }
}

#[tokio::test]
async fn a_login_that_is_refused_in_the_end_takes_nothing() {
    for kind in ["service", "batch"] {
        let bench = with_door().await;
        let root = bench.root();
        root.write("auth/door/users/bob", json!({})).await;
        let once = |policies: &str| json!({ "must_be_known": true, "once": true, "token_type": kind, "token_ttl": "1h", "token_policies": policies });
        for policy in ["root", "response-wrapping"] {
            assert!(log_in(&bench, "bob", once(policy)).await["refused"].is_string(), "{kind} {policy}");
        }
        let entity = text(&log_in(&bench, "bob", json!({})).await, "entity_id");
        let entity = format!("identity/entity/id/{entity}");
        root.write(&entity, json!({ "disabled": true })).await;
        assert_eq!(log_in(&bench, "bob", once("a")).await, denied(), "{kind}");
        root.write(&entity, json!({ "disabled": false })).await;
        if kind == "service" {
            root.write("sys/quotas/lease-count/few", json!({ "path": "auth/door", "max_leases": 1 })).await;
            let reply = log_in(&bench, "bob", once("a")).await;
            assert!(reply["refused"].as_str().is_some_and(|text| text.starts_with("TooMany")), "{reply}");
            root.delete("sys/quotas/lease-count/few").await;
        } else {
            let long = "x".repeat(500);
            let policies: Vec<_> = (0..30).map(|number| format!("{number}{long}")).collect();
            let reply = log_in(&bench, "bob", once(&policies.join(","))).await;
            assert!(reply.to_string().contains("batch token would have"), "{reply}");
        }
        let reply = log_in(&bench, "bob", once("a")).await;
        assert_eq!(reply["auth"]["token_type"], json!(kind), "nothing was taken: {reply}");
        assert_eq!(log_in(&bench, "bob", once("a")).await, invalid("nobody knows you"), "{kind}");
    }
}

#[tokio::test]
async fn first_logins_of_one_name_on_two_nodes_make_one_entity() {
    for turns in 0..12 {
        let mut bench = Bench::fresh(Arc::new(Yielding(Memory::new())), CacheMode::ReadThrough);
        bench.init().await;
        enable(&bench).await;
        let other = bench.beside().await;
        let (first, second) =
            tokio::join!(log_in(&bench, "bob", json!({})), late(turns, log_in(&other, "bob", json!({}))));
        assert_eq!(text(&first, "entity_id"), text(&second, "entity_id"), "{turns}");
        let all = bench.root().list("identity/entity/id").await["data"]["keys"].take();
        assert_eq!(all, json!([text(&first, "entity_id")]), "{turns}");
    }
}

#[tokio::test]
async fn a_login_costs_a_commit_and_the_first_of_a_name_one_more() {
    let counting = Arc::new(Counting::new(Arc::new(Memory::new())));
    let bench = Bench::over(Arc::clone(&counting) as _).await;
    enable(&bench).await;
    log_in(&bench, "warm", json!({})).await;
    let calls = |reads, commits| Tally { reads, commits, ..Tally::default() };
    counting.take();
    log_in(&bench, "warm", json!({})).await;
    assert_eq!(counting.take(), calls(0, 1), "somebody who is known");
    log_in(&bench, "new", json!({})).await;
    let first = counting.take();
    assert_eq!(first.commits, 2, "the entity and the token");
    assert!(first.reads <= 3, "{first:?}");
}

use std::sync::Arc;
use std::time::Duration;

use framework::conformance::{self, Step};
use framework::testing::Harness;
use framework::{Connection, Mounted, Operation};
use serde_json::{Value, json};

use super::*;
use crate::golden;

mod logins;
mod secrets;
mod stored;
mod sweeps;

fn engine() -> Arc<dyn Mounted> {
    make(&Options::new()).expect("a sound table")
}

/// A mount with one role.
async fn with_role(about: Value) -> Harness {
    let harness = Harness::new(engine()).await;
    assert_eq!(harness.write("role/app", about).await, json!({}));
    harness
}

async fn role_id(harness: &Harness, role: &str) -> String {
    text(&harness.read(&format!("role/{role}/role-id")).await["data"]["role_id"])
}

/// A new secret id of the role `app`: what was told of it.
async fn issue(harness: &Harness, wanted: Value) -> Value {
    let issued = harness.write("role/app/secret-id", wanted).await;
    assert!(issued["data"]["secret_id"].is_string(), "{issued}");
    issued["data"].clone()
}

async fn log_in(harness: &Harness, role_id: &str, secret_id: &Value) -> Value {
    harness.write("login", json!({ "role_id": role_id, "secret_id": secret_id })).await
}

/// The same over a connection from somewhere.
async fn log_in_from(harness: &Harness, from: &str, data: Value) -> Value {
    let mut context = harness.context("login");
    let remote = format!("{from}:1234").parse().ok();
    context.connection = Arc::new(Connection { remote, ..Connection::default() });
    let route = harness.engine().route(Operation::Update, "login").expect("a row");
    framework::testing::show(harness.answer(&context, route, Operation::Update, framework::testing::object(data)).await)
}

/// Turns the clock as long as the work waits: the store may sleep between two tries of its own.
async fn patiently(harness: &Harness, work: impl Future<Output = Value>) -> Value {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::task::yield_now() => harness.clock().advance(Duration::from_millis(100)),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn refused(text: &str) -> Value {
    json!({ "error": "invalid", "text": text })
}

fn wrong() -> Value {
    json!({ "error": "invalid role or secret ID" })
}

fn not_found() -> Value {
    json!({ "error": "not found" })
}

#[tokio::test]
async fn keeps_what_every_engine_must_keep() {
    let session = [
        Step::write("role/app", json!({ "token_policies": "a", "role_id": "of-app" })),
        Step::write("role/other", json!({ "policies": "b", "secret_id_ttl": "1h" })),
        Step::read("role/App"),
        Step::write("role/app", json!({ "token_ttl": "1h", "token_max_ttl": "9000h" })),
        Step::write("role/app/role-id", json!({ "role_id": "of-app-2" })),
        Step::read("role/app/role-id"),
        Step::write("role/app/policies", json!({ "token_policies": "c" })),
        Step::read("role/app/policies"),
        Step::delete("role/app/policies"),
        Step::write("role/app/secret-id/lookup", json!({ "secret_id": "s1" })),
        Step::write("login", json!({ "role_id": "of-app-2", "secret_id": "wrong" })),
        Step::write("login", json!({ "role_id": "nobody", "secret_id": "s1" })),
        Step::write("role/app/secret-id/destroy", json!({ "secret_id": "s1" })),
        Step::list("role/app/secret-id/"),
        Step::list("role/"),
        Step::delete("role/other"),
        Step::read("role/app"),
        Step::read("role/app/local-secret-ids"),
    ];
    // Replies that tell what was drawn are left to other tests.
    conformance::check(engine, &session).await;
}

#[test]
fn describes_itself() {
    golden::check(&engine(), "approle", "approle");
}

#[tokio::test]
async fn a_role_is_made_shown_changed_and_removed() {
    let harness = with_role(json!({ "policies": "B,a", "period": "1h", "secret_id_num_uses": 4, "secret_id_ttl": "2h",
        "bound_cidr_list": "10.0.0.0/8", "local_secret_ids": true }))
    .await;
    let shown = json!({ "data": {
        "bind_secret_id": true, "local_secret_ids": true, "policies": ["a", "b"], "period": 3600,
        "secret_id_bound_cidrs": ["10.0.0.0/8"], "secret_id_num_uses": 4, "secret_id_ttl": 7200,
        "token_bound_cidrs": [], "token_explicit_max_ttl": 0, "token_max_ttl": 0, "token_no_default_policy": false,
        "token_num_uses": 0, "token_period": 3600, "token_policies": ["a", "b"], "token_ttl": 0, "token_type": "default",
    } });
    assert_eq!(harness.read("role/APP").await, shown);
    let changed =
        harness.write("role/app", json!({ "token_policies": ["c"], "token_period": 0, "token_ttl": 60 })).await;
    assert_eq!(changed, json!({}));
    let seen = harness.read("role/app").await["data"].take();
    assert_eq!((&seen["token_policies"], &seen["policies"]), (&json!(["c"]), &Value::Null));
    assert_eq!((&seen["token_ttl"], &seen["period"], &seen["secret_id_ttl"]), (&json!(60), &Value::Null, &json!(7200)));
    let text = "local_secret_ids can only be modified during role creation";
    assert_eq!(harness.write("role/app", json!({ "local_secret_ids": false })).await, refused(text));
    assert_eq!(harness.list("role/").await, json!({ "data": { "keys": ["app"] } }));
    assert_eq!(harness.delete("role/aPP").await, json!({}));
    assert_eq!((harness.read("role/app").await, harness.read("role/app/role-id").await), (not_found(), not_found()));
    assert_eq!(harness.delete("role/app").await, json!({}), "twice is fine");
}

#[tokio::test]
async fn every_setting_has_a_path_of_its_own() {
    for (path, name, written, read, reset) in [
        ("policies", "token_policies", json!("B,a"), json!({ "token_policies": ["a", "b"] }), json!([])),
        ("policies", "policies", json!(["x"]), json!({ "token_policies": ["x"], "policies": ["x"] }), json!([])),
        ("bind-secret-id", "bind_secret_id", json!(false), json!({ "bind_secret_id": false }), json!(true)),
        ("bound-cidr-list", "bound_cidr_list", json!("::1"), json!({ "bound_cidr_list": ["::1"] }), json!([])),
        (
            "secret-id-bound-cidrs",
            "secret_id_bound_cidrs",
            json!("::1"),
            json!({ "secret_id_bound_cidrs": ["::1"] }),
            json!([]),
        ),
        ("secret-id-num-uses", "secret_id_num_uses", json!("7"), json!({ "secret_id_num_uses": 7 }), json!(0)),
        ("secret-id-ttl", "secret_id_ttl", json!("1h"), json!({ "secret_id_ttl": 3600 }), json!(0)),
        ("period", "token_period", json!(60), json!({ "token_period": 60 }), json!(0)),
        ("period", "period", json!("2m"), json!({ "token_period": 120, "period": 120 }), json!(0)),
        ("token-bound-cidrs", "token_bound_cidrs", json!(["::1"]), json!({ "token_bound_cidrs": ["::1"] }), json!([])),
        ("token-num-uses", "token_num_uses", json!(3), json!({ "token_num_uses": 3 }), json!(0)),
        ("token-ttl", "token_ttl", json!("1m"), json!({ "token_ttl": 60 }), json!(0)),
        ("token-max-ttl", "token_max_ttl", json!(90), json!({ "token_max_ttl": 90 }), json!(0)),
    ] {
        let harness = with_role(json!({ "token_bound_cidrs": "127.0.0.0/8" })).await;
        let path = format!("role/app/{path}");
        assert_eq!(harness.write(&path, json!({ name: written })).await, json!({}), "{path}");
        assert_eq!(harness.read(&path).await, json!({ "data": read }), "{path}");
        assert_eq!(harness.delete(&path).await, json!({}), "{path}");
        let newest = ["token_", name.trim_start_matches("token_")].concat();
        let shown = harness.read(&path).await["data"].take();
        let value = shown.get(name).filter(|_| shown.get(&newest).is_none()).or(shown.get(&newest));
        assert_eq!(value, Some(&reset), "{path}: {shown}");
        let missing = harness.write(&path, json!({ "token_type": "batch" })).await["text"].take();
        assert!(missing.as_str().is_some_and(|text| text.starts_with("missing ")), "{path}: {missing}");
        assert_eq!(harness.read("role/app").await["data"]["token_type"], "default", "{path} changes nothing else");
    }
    let harness = Harness::new(engine()).await;
    let absent = json!({ "error": "the role does not exist" });
    assert_eq!(harness.write("role/app/policies", json!({ "policies": "a" })).await, absent);
    assert_eq!(harness.write("role/app/role-id", json!({ "role_id": "a" })).await, absent);
    assert_eq!(harness.read("role/app/policies").await, not_found());
    assert_eq!(harness.delete("role/app/policies").await, json!({}));
    assert_eq!(harness.read("role/app").await, not_found(), "a setting makes no role");
}

#[tokio::test]
async fn a_role_id_is_one_roles_alone() {
    let harness = with_role(json!({ "role_id": " of-app " })).await;
    assert_eq!(role_id(&harness, "app").await, "of-app");
    let taken = refused("role_id already in use");
    assert_eq!(harness.write("role/other", json!({ "role_id": "OF-app" })).await, taken);
    assert_eq!(harness.read("role/other").await, not_found());
    assert_eq!(harness.write("role/other", json!({})).await, json!({}));
    assert_eq!(role_id(&harness, "other").await.len(), 36);
    assert_eq!(harness.write("role/other/role-id", json!({ "role_id": "of-app" })).await, taken);
    assert_eq!(harness.write("role/other/role-id", json!({})).await, refused("missing role_id"));
    // Another spelling of one's own is fine, and then another one altogether.
    assert_eq!(harness.write("role/app/role-id", json!({ "role_id": "Of-App" })).await, json!({}));
    let secret = issue(&harness, json!({})).await["secret_id"].take();
    assert!(log_in(&harness, "Of-App", &secret).await["login"].is_object());
    assert_eq!(log_in(&harness, "of-app", &secret).await, wrong());
    assert_eq!(harness.write("role/app", json!({ "role_id": "second" })).await, json!({}));
    assert_eq!(log_in(&harness, "Of-App", &secret).await, wrong());
    assert!(log_in(&harness, "second", &secret).await["login"].is_object());
    assert_eq!(
        harness.write("role/other/role-id", json!({ "role_id": "of-app" })).await,
        json!({}),
        "it is free again"
    );
    harness.delete("role/app").await;
    assert_eq!(harness.write("role/other/role-id", json!({ "role_id": "second" })).await, json!({}));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let harness = with_role(json!({})).await;
    let no_constraint = "at least one constraint should be enabled on the role";
    let long = "r".repeat(513);
    for (path, data, text) in [
        ("role/app", json!({ "bind_secret_id": false }), no_constraint),
        ("role/app/bind-secret-id", json!({ "bind_secret_id": "false" }), no_constraint),
        (
            "role/app",
            json!({ "token_ttl": "2h", "token_max_ttl": "1h" }),
            "'token_ttl' cannot be greater than 'token_max_ttl'",
        ),
        ("role/app/custom-secret-id", json!({ "secret_id": " " }), "missing secret_id"),
        ("role/app/custom-secret-id", json!({ "secret_id": "s".repeat(4097) }), "a secret id has at most 4096 bytes"),
        ("role/none/secret-id", json!({}), "role \"none\" does not exist"),
        ("role/none/secret-id/lookup", json!({ "secret_id": "s" }), "role \"none\" does not exist"),
        ("role/app/secret-id/lookup", json!({}), "missing secret_id"),
        ("role/app/secret-id-accessor/destroy", json!({}), "missing secret_id_accessor"),
    ] {
        assert_eq!(harness.write(path, data.clone()).await, refused(text), "{path} {data}");
    }
    for role_id in ["", " ", "a\nb", &long] {
        let seen = harness.write("role/app", json!({ "role_id": role_id })).await["text"].take();
        assert!(text(&seen).starts_with("invalid role_id supplied"), "{role_id:?}: {seen}");
    }
    for name in ["a*", "+", "*", "a b", "-a", "a.", ".", "é", "a{b}", "a\u{0}b", &long] {
        let seen = harness.write(&format!("role/{name}"), json!({})).await["text"].take();
        assert!(text(&seen).starts_with("the name of a role has"), "{name:?}: {seen}");
    }
    for name in ["a", "a-b.c_d", "_", "0"] {
        assert_eq!(harness.write(&format!("role/{name}"), json!({})).await, json!({}), "{name}");
    }
    let warned = harness.write("role/app", json!({ "token_max_ttl": "769h" })).await["warnings"].take();
    assert!(text(&warned[0]).starts_with("token_max_ttl is greater than"), "{warned}");
    let unknown = harness.write("role/app", json!({ "enable_local_secret_ids": true })).await;
    assert!(unknown.to_string().contains("enable_local_secret_ids"), "{unknown}");
}

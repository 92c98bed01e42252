use std::sync::Arc;

use framework::conformance::{self, Step};
use framework::testing::Harness;
use framework::{Mounted, Renewing};
use serde_json::{Value, json};

use super::hashing::{COST, Hashing};
use super::*;
use crate::golden;

/// The lowest cost: the tests hash thousands of times.
const CHEAP: u32 = 4;
/// `secret`, hashed elsewhere (the C library).
const GIVEN: &str = "$2b$04$XVSHwDUv2oHNOLK9V3mPBez9DSdPZpB16Va34W.Db/klvXjATnqXu";

fn engine() -> Arc<dyn Mounted> {
    with(Hashing::new(CHEAP)).expect("a sound table")
}

async fn with_bob(about: Value) -> Harness {
    let harness = Harness::new(engine()).await;
    assert_eq!(harness.write("users/bob", about).await, json!({}));
    harness
}

async fn log_in(harness: &Harness, name: &str, password: &str) -> Value {
    harness.write(&format!("login/{name}"), json!({ "password": password })).await
}

fn refused(text: &str) -> Value {
    json!({ "error": "invalid", "text": text })
}

fn wrong() -> Value {
    json!({ "error": "invalid username or password" })
}

#[tokio::test]
async fn keeps_what_every_engine_must_keep() {
    let session = [
        Step::write("users/bob", json!({ "password": "p", "token_policies": "a" })),
        Step::read("users/bob"),
        Step::write("users/Bob", json!({ "token_ttl": "1h" })),
        Step::write("users/ann", json!({ "password_hash": GIVEN })),
        Step::write("users/bob/password", json!({ "password": "q" })),
        Step::write("users/bob/policies", json!({ "policies": "b" })),
        Step::write("login/bob", json!({ "password": "q" })),
        Step::write("login/bob", json!({ "password": "wrong" })),
        Step::write("login/nobody", json!({ "password": "q" })),
        Step::list("users/"),
        Step::delete("users/ann"),
        Step::read("users/bob"),
    ];
    conformance::check(engine, &session).await;
}

#[test]
fn describes_itself() {
    golden::check(&engine(), "userpass", "userpass");
}

#[tokio::test]
async fn a_user_is_made_shown_changed_and_removed() {
    let harness = with_bob(json!({ "password": "p", "policies": "B,a", "ttl": "1h", "token_num_uses": 3 })).await;
    let shown = harness.read("users/BOB").await;
    let expected = json!({ "data": {
        "policies": ["a", "b"], "ttl": 3600, "token_bound_cidrs": [], "token_explicit_max_ttl": 0, "token_max_ttl": 0,
        "token_no_default_policy": false, "token_num_uses": 3, "token_period": 0, "token_policies": ["a", "b"],
        "token_ttl": 3600, "token_type": "default",
    } });
    assert_eq!(shown, expected);
    assert_eq!(harness.write("users/bob/policies", json!({ "token_policies": ["c"] })).await, json!({}));
    assert_eq!(harness.write("users/bob", json!({ "token_ttl": 60 })).await, json!({}));
    let shown = harness.read("users/bob").await;
    assert_eq!((&shown["data"]["token_policies"], &shown["data"]["policies"]), (&json!(["c"]), &Value::Null));
    assert_eq!((&shown["data"]["token_ttl"], &shown["data"]["ttl"]), (&json!(60), &Value::Null));
    assert_eq!(harness.list("users/").await, json!({ "data": { "keys": ["bob"] } }));
    assert_eq!(harness.delete("users/bOb").await, json!({}));
    assert_eq!(harness.read("users/bob").await, json!({ "error": "not found" }));
    assert_eq!(log_in(&harness, "bob", "p").await, wrong());
}

#[tokio::test]
async fn only_the_right_password_logs_in_whatever_the_case_of_the_name() {
    let harness = with_bob(json!({ "password": "p", "token_policies": "a" })).await;
    let entered = log_in(&harness, "BoB", "p").await["login"].take();
    assert_eq!((&entered["alias"], &entered["display_name"]), (&json!("bob"), &json!("bob")));
    assert_eq!((&entered["metadata"], &entered["expected"]), (&json!({ "username": "bob" }), &json!(1)));
    assert_eq!(entered["terms"]["token_policies"], json!(["a"]));
    for (name, password) in [("bob", "P"), ("bob", "p "), ("nobody", "p"), ("b ob", "p"), ("bob", "p\0")] {
        assert_eq!(log_in(&harness, name, password).await, wrong(), "{name} {password:?}");
    }
    assert_eq!(harness.write("login/bob", json!({})).await, refused("missing password"));
    assert_eq!(harness.write("users/bob/password", json!({ "password": "q" })).await, json!({}));
    assert_eq!(log_in(&harness, "bob", "p").await, wrong());
    assert!(log_in(&harness, "bob", "q").await["login"].is_object());
}

#[tokio::test]
async fn a_hash_from_elsewhere_is_as_good_as_a_password() {
    let harness = with_bob(json!({ "password_hash": GIVEN })).await;
    assert!(log_in(&harness, "bob", "secret").await["login"].is_object());
    assert_eq!(log_in(&harness, "bob", GIVEN).await, wrong());
    for (hash, text) in [
        ("secret", "password_hash is no bcrypt hash"),
        ("$2b$04$ü", "password_hash is no bcrypt hash"),
        (&GIVEN.replace("$04$", "$15$"), "password_hash has the cost 15, which must be 4 to 14"),
        (&GIVEN.replace("$04$", "$03$"), "password_hash has the cost 3, which must be 4 to 14"),
    ] {
        assert_eq!(harness.write("users/bob", json!({ "password_hash": hash })).await, refused(text), "{hash}");
    }
    let both = json!({ "password": "p", "password_hash": GIVEN });
    assert_eq!(harness.write("users/bob", both).await, refused("only one of password and password_hash can be given"));
}

#[tokio::test]
async fn a_hash_from_elsewhere_takes_as_long_as_all_others_from_the_first_login_on() {
    let harness = Harness::new(with(Hashing::new(CHEAP + 1)).expect("a sound table")).await;
    let stored = async || {
        let stored = harness.view().get("user/bob").await.ok().flatten().expect("a user");
        stored.json::<entry::UserEntry>().expect("it decodes").hash
    };
    assert_eq!(harness.write("users/bob", json!({ "password_hash": GIVEN, "token_policies": "a" })).await, json!({}));
    assert_eq!(log_in(&harness, "bob", "wrong").await, wrong());
    assert_eq!(stored().await, GIVEN, "only who knows the password can tell what to hash");
    assert_eq!(log_in(&harness, "bob", "secret").await["login"]["terms"]["token_policies"], json!(["a"]));
    let renewed = stored().await;
    assert!(renewed.starts_with("$2a$05$"), "{renewed}");
    for _ in 0..2 {
        assert!(log_in(&harness, "bob", "secret").await["login"].is_object());
        assert_eq!(log_in(&harness, "bob", "wrong").await, wrong());
    }
    assert_eq!(stored().await, renewed, "once is enough");
    // Of a longer password the first 72 bytes count, before and afterwards.
    let longest = "p".repeat(72);
    let cheap = Hashing::new(CHEAP).hash(&harness.context("").env, secret::Secret::new(longest.clone())).await;
    harness.write("users/bob", json!({ "password_hash": cheap.expect("room") })).await;
    let longer = [&longest, "more"].concat();
    for password in [&longer, &longest, &longer] {
        assert!(log_in(&harness, "bob", password).await["login"].is_object());
    }
    assert!(stored().await.starts_with("$2a$05$"));
}

#[tokio::test]
async fn a_password_is_set_within_72_bytes_and_counts_up_to_the_72nd() {
    let longest = "p".repeat(72);
    let harness = with_bob(json!({ "password": longest })).await;
    assert!(log_in(&harness, "bob", &longest).await["login"].is_object());
    assert!(log_in(&harness, "bob", &[&longest, "more"].concat()).await["login"].is_object());
    assert_eq!(log_in(&harness, "bob", &longest[..71]).await, wrong());
    let long = json!({ "password": "p".repeat(73) });
    let text = "the password has 73 bytes, the most is 72";
    assert_eq!(harness.write("users/bob", long).await, refused(text));
    for password in ["\0", "p\0q", "\0p"] {
        assert_eq!(harness.write("users/bob", json!({ "password": password })).await, json!({}));
        assert!(log_in(&harness, "bob", password).await["login"].is_object(), "{password:?}");
        assert_eq!(log_in(&harness, "bob", &format!("{password}x")).await, wrong(), "{password:?}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let harness = with_bob(json!({ "password": "p" })).await;
    for (path, data, text) in [
        ("users/ann", json!({}), "missing password"),
        ("users/ann", json!({ "password": "" }), "missing password"),
        ("users/ann/password", json!({ "password": "p" }), "username does not exist"),
        ("users/ann/policies", json!({ "policies": "p" }), "username does not exist"),
        ("users/bob/password", json!({}), "missing password"),
        ("users/bob/policies", json!({}), "missing token_policies"),
        (
            "users/a b",
            json!({ "password": "p" }),
            "a username must not hold white space, control characters or slashes",
        ),
        ("users/bob", json!({ "ttl": "2h", "max_ttl": "1h" }), "'token_ttl' cannot be greater than 'token_max_ttl'"),
    ] {
        assert_eq!(harness.write(path, data.clone()).await, refused(text), "{path} {data}");
    }
}

#[tokio::test]
async fn a_renewal_looks_at_the_user_again() {
    let harness = with_bob(json!({ "password": "p", "token_policies": "a", "token_period": "1h" })).await;
    let renew = async || {
        let note = serde_json::value::to_raw_value(&json!({ "username": "bob" })).expect("JSON is JSON");
        let renewing = Renewing::new(note, vec!["a".to_owned(), "default".to_owned()]);
        let renewed = harness.engine().renew_login(&harness.context(""), renewing).await;
        renewed.map(|renewed| renewed.terms.period_secs).map_err(|error| error.to_string())
    };
    assert_eq!(renew().await, Ok(3600));
    harness.write("users/bob", json!({ "token_period": "2h", "password": "other" })).await;
    assert_eq!(renew().await, Ok(7200));
    harness.write("users/bob", json!({ "token_policies": "a,b" })).await;
    assert_eq!(renew().await, Err("policies have changed, not renewing".to_owned()));
    harness.delete("users/bob").await;
    assert_eq!(renew().await, Err("the user is gone, not renewing".to_owned()));
}

#[tokio::test]
async fn more_than_can_wait_are_told_to_come_again() {
    let harness = Arc::new(with_bob(json!({ "password": "p" })).await);
    let logins = (0..100).map(|_| {
        let harness = Arc::clone(&harness);
        tokio::spawn(async move { log_in(&harness, "bob", "p").await })
    });
    let (mut entered, mut busy) = (0, 0);
    for login in logins.collect::<Vec<_>>() {
        match login.await.expect("no login panics") {
            reply if reply["login"].is_object() => entered += 1,
            reply => {
                assert_eq!(reply, json!({ "error": "too many logins at once: try again" }));
                busy += 1;
            }
        }
    }
    // They all ask before the first hash is done, or a few have made room for others.
    assert!(entered >= 64 && busy > 0, "{entered} entered, {busy} were refused");
    assert!(log_in(&harness, "bob", "p").await["login"].is_object(), "afterwards there is room");
}

#[tokio::test]
async fn nobody_costs_as_much_as_somebody_and_never_gets_in() {
    let hashing = Hashing::new(COST);
    assert_eq!(hashing.fits(secret::Secret::new("p".to_owned()), None).await.ok(), Some(false));
    let harness = Harness::new(with(hashing).expect("a sound table")).await;
    harness.write("users/bob", json!({ "password": "p" })).await;
    let stored = harness.view().get("user/bob").await.ok().flatten().expect("a user");
    assert!(stored.text().is_ok_and(|text| text.contains("\"hash\":\"$2a$10$")), "the cost of a login for nobody");
}

#[tokio::test]
async fn a_wrong_password_and_a_name_that_nobody_has_do_the_same_work() {
    let hashing = Hashing::new(CHEAP);
    let hashed = Arc::clone(&hashing.count);
    let (harness, counting) = Harness::counted(with(hashing).expect("a sound table")).await;
    harness.write("users/bob", json!({ "password": "p" })).await;
    let mut costs = Vec::new();
    for name in ["bob", "nobody", "BOB", "bob*", "+", "nobody"] {
        harness.make_cold(&[&format!("user/{}", name.to_lowercase())]).await;
        counting.take();
        let before = hashed.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(log_in(&harness, name, "other").await, wrong(), "{name}");
        let tally = counting.take();
        let hashes = hashed.load(std::sync::atomic::Ordering::SeqCst) - before;
        costs.push((hashes, tally.reads, tally.scans, tally.commits));
    }
    assert_eq!(costs, [(1, 1, 0, 0); 6], "a hash and a read each");
}

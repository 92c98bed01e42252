//! Second factors through the API: how they are made and demanded, and everything that must not get anybody in.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use framework::view::from_stored;
use framework::{HeaderSource, Operation};
use serde_json::{Value, json};

use super::entry::TotpSettings;
use super::totp::{self, Algorithm};
use crate::testing::{Bench, Client, invalid, refused};

mod demands;
mod ends;
mod nodes;

/// What a client sent as `X-Vault-MFA`.
struct Sent(Vec<String>);

impl HeaderSource for Sent {
    fn values(&self, name: &str) -> Vec<String> {
        if name.eq_ignore_ascii_case("x-vault-mfa") { self.0.clone() } else { Vec::new() }
    }
}

fn text(reply: &Value, field: &str) -> String {
    reply["data"][field].as_str().unwrap_or_else(|| panic!("no {field}: {reply}")).to_owned()
}

async fn made(client: &Client<'_>, path: &str, about: Value) {
    assert_eq!(client.write(path, about).await, json!({}), "{path}");
}

/// Somebody's authenticator program.
#[derive(Clone)]
struct Phone {
    method: String,
    entity: String,
    key: Vec<u8>,
}

impl Phone {
    /// The code of now, or of so many periods later.
    fn code(&self, bench: &Bench, later: i64) -> String {
        let settings = TotpSettings { algorithm: Algorithm::Sha1, digits: 6, period_secs: 30, skew: 1 };
        let now = from_stored(bench.core.seals.tokens.now_nanos()).unix_secs();
        totp::code(&self.key, settings.algorithm, settings.digits, totp::period(settings, now + 30 * later))
    }

    fn wrong(&self, bench: &Bench) -> String {
        let right: Vec<_> = (-1..=1).map(|later| self.code(bench, later)).collect();
        let wrong = (0..).map(|number| format!("{number:06}")).find(|code| !right.contains(code));
        wrong.expect("most codes are wrong")
    }
}

/// A bench on which everybody gets in at a door, and a method.
async fn bench() -> (Bench, String) {
    let bench = Bench::new().await;
    let method = furnish(&bench.root()).await;
    (bench, method)
}

async fn furnish(root: &Client<'_>) -> String {
    made(root, "sys/auth/door", json!({ "type": "door" })).await;
    let about = json!({ "issuer": "strongroom", "method_name": "phone" });
    text(&root.write("identity/mfa/method/totp", about).await, "method_id")
}

/// The entity of whoever comes to the door by a name.
async fn entity(root: &Client<'_>, nobody: &Client<'_>, name: &str) -> String {
    let token = knock(nobody, name, json!({})).await;
    let token = token["auth"]["client_token"].as_str().unwrap_or_else(|| panic!("no token: {token}")).to_owned();
    let about = root.write("auth/token/lookup", json!({ "token": token })).await;
    text(&about, "entity_id")
}

async fn enroll(root: &Client<'_>, method: &str, entity: &str) -> Phone {
    let about = json!({ "method_id": method, "entity_id": entity });
    let reply = root.write("identity/mfa/method/totp/admin-generate", about).await;
    let url = text(&reply, "url");
    let (_, key) = url.split_once("secret=").expect("it holds the secret");
    let key = BASE32_NOPAD.decode(key.as_bytes()).expect("base32");
    Phone { method: method.to_owned(), entity: entity.to_owned(), key }
}

/// Demands a second factor of whoever comes to the door.
async fn demand(root: &Client<'_>, name: &str, method: &str) {
    let accessor = text(&root.read("sys/auth/door").await, "accessor");
    let about = json!({ "mfa_method_ids": [method], "auth_method_accessors": [accessor] });
    made(root, &format!("identity/mfa/login-enforcement/{name}"), about).await;
}

/// A bench where bob needs the second factor that he has.
async fn demanding() -> (Bench, Phone) {
    let (bench, method) = bench().await;
    let bob = entity(&bench.root(), &bench.nobody(), "bob").await;
    let phone = enroll(&bench.root(), &method, &bob).await;
    demand(&bench.root(), "staff", &method).await;
    (bench, phone)
}

async fn knock(client: &Client<'_>, name: &str, about: Value) -> Value {
    client.write(&format!("auth/door/login/{name}"), about).await
}

/// A login that brings its second factors along.
async fn knock_with(client: &Client<'_>, name: &str, proofs: &[String]) -> Value {
    let mut request = client.request(Operation::Update, &format!("auth/door/login/{name}"), json!({}));
    request.headers = Some(Arc::new(Sent(proofs.to_vec())));
    client.send(request).await
}

/// The name of a login that waits.
fn waiting(reply: &Value) -> String {
    assert!(reply.get("auth").is_none(), "a login that waits has no token: {reply}");
    reply["mfa"]["request_id"].as_str().unwrap_or_else(|| panic!("it does not wait: {reply}")).to_owned()
}

async fn prove(client: &Client<'_>, request: &str, payload: Value) -> Value {
    let mut about = json!({ "mfa_request_id": request });
    about["mfa_payload"] = payload;
    client.write("sys/mfa/validate", about).await
}

fn token(reply: &Value) -> String {
    reply["auth"]["client_token"].as_str().unwrap_or_else(|| panic!("no token: {reply}")).to_owned()
}

/// What is told of a demand that was not met.
fn unmet(name: &str, why: &str, method: &str) -> Value {
    let last = format!("login MFA validation failed for methodID: [{method}]");
    let text = if why.is_empty() {
        format!("failed to satisfy enforcement {name}. error: {last}")
    } else {
        format!("failed to satisfy enforcement {name}. error: 2 errors occurred:\n\t* {why}\n\t* {last}\n\n")
    };
    refused("DeniedBecause", &text)
}

const WRONG: &str = "failed to validate TOTP passcode";
const USED: &str = "code already used; new code is available in 30 seconds";

#[tokio::test]
async fn a_login_waits_for_its_second_factor_and_then_is_as_any_other() {
    let (bench, phone) = demanding().await;
    let nobody = bench.nobody();
    let about = json!({ "token_policies": "staff", "token_ttl": "1h", "token_period": "30m" });
    let reply = knock(&nobody, "bob", about).await;
    let request = waiting(&reply);
    let choice = json!({ "type": "totp", "id": phone.method, "uses_passcode": true, "name": "phone" });
    assert_eq!(reply["mfa"]["constraints"], json!({ "staff": [choice] }));
    assert!(reply["warnings"][0].as_str().is_some_and(|text| text.contains("subject to MFA validation")), "{reply}");
    let payload = json!({ &phone.method: [phone.code(&bench, 0)] });
    let done = prove(&nobody, &request, payload.clone()).await;
    let auth = &done["auth"];
    assert_eq!(auth["policies"], json!(["default", "staff"]));
    assert_eq!((&auth["entity_id"], &auth["lease_duration"]), (&json!(phone.entity), &json!(1800)));
    assert_eq!((&auth["metadata"], &auth["token_type"]), (&json!({ "who": "bob" }), &json!("service")));
    let looked = bench.with(&token(&done)).lookup().await;
    assert_eq!((&looked["path"], &looked["display_name"]), (&json!("auth/door/login/bob"), &json!("door-bob")));
    // A renewal asks the method with what it noted in the first step, and for no second factor.
    let renewed = bench.with(&token(&done)).write("auth/token/renew-self", json!({})).await;
    assert_eq!(renewed["auth"]["lease_duration"], 1800, "{renewed}");
    assert_eq!(prove(&nobody, &request, payload).await, invalid("invalid request ID"), "once");
    assert!(bench.keys("ns/root/mfa-login/").await.is_empty() && bench.keys("ns/root/mfa-waiting/").await.is_empty());
    assert!(bench.keys("due/").await.iter().all(|key| !key.contains("/mfa/")), "nothing is left to be done about it");
}

#[tokio::test]
async fn a_batch_token_comes_of_a_second_factor_too() {
    let (bench, phone) = demanding().await;
    let nobody = bench.nobody();
    let reply = knock(&nobody, "bob", json!({ "token_type": "batch", "token_ttl": "1h" })).await;
    assert_eq!(reply["mfa"]["token_type"], "batch");
    let request = waiting(&reply);
    let payload = json!({ "phone": [phone.code(&bench, 0)] });
    let done = prove(&nobody, &request, payload.clone()).await;
    assert!(token(&done).starts_with("hvb."), "{done}");
    assert_eq!(bench.with(&token(&done)).lookup().await["entity_id"], json!(phone.entity));
    assert_eq!(prove(&nobody, &request, payload).await, invalid("invalid request ID"), "once");
}

#[tokio::test]
async fn a_login_may_bring_its_second_factor_along() {
    let (bench, phone) = demanding().await;
    let nobody = bench.nobody();
    for (later, method) in [(0, phone.method.clone()), (1, "phone".to_owned())] {
        let reply = knock_with(&nobody, "bob", &[format!("{method}:{}", phone.code(&bench, later))]).await;
        assert_eq!(bench.with(&token(&reply)).lookup().await["entity_id"], json!(phone.entity));
    }
    let (method, wrong) = (phone.method.as_str(), phone.wrong(&bench));
    let cases = [
        (vec![format!("{method}:{wrong}")], WRONG),
        (vec![format!("{method}:{}", phone.code(&bench, 0))], USED),
        (vec![method.to_owned()], "MFA credentials not supplied"),
        (vec!["other:123456".to_owned()], ""),
        (vec!["other:1".to_owned(), format!("phone:{wrong}")], WRONG),
    ];
    for (proofs, why) in cases {
        assert_eq!(knock_with(&nobody, "bob", &proofs).await, unmet("staff", why, method), "{proofs:?}");
    }
    assert!(bench.keys("ns/root/mfa-login/").await.is_empty(), "none of them waits");
    let reply = knock_with(&nobody, "bob", &[format!("{method}:passcode={}", phone.code(&bench, -1))]).await;
    token(&reply);
}

#[tokio::test]
async fn a_code_is_good_once_and_a_wrong_one_leaves_the_login_waiting() {
    let (bench, phone) = demanding().await;
    let nobody = bench.nobody();
    let code = phone.code(&bench, 0);
    let first = waiting(&knock(&nobody, "bob", json!({})).await);
    let wrong = json!({ &phone.method: [phone.wrong(&bench)] });
    assert_eq!(prove(&nobody, &first, wrong).await, unmet("staff", WRONG, &phone.method));
    for payload in [json!({}), json!({ "nothing": ["123456"] })] {
        assert_eq!(prove(&nobody, &first, payload).await, unmet("staff", "", &phone.method));
    }
    token(&prove(&nobody, &first, json!({ &phone.method: [code] })).await);
    let second = waiting(&knock(&nobody, "bob", json!({})).await);
    for text in [code.clone(), format!(" {code} "), format!("passcode={code}")] {
        let payload = json!({ &phone.method: [text] });
        assert_eq!(prove(&nobody, &second, payload).await, unmet("staff", USED, &phone.method));
    }
    // A clock that is put back does not make a used code good again.
    bench.clock.advance(Duration::from_secs(30));
    token(&prove(&nobody, &second, json!({ &phone.method: [phone.code(&bench, 0)] })).await);
    let third = waiting(&knock(&nobody, "bob", json!({})).await);
    assert_eq!(prove(&nobody, &third, json!({ &phone.method: code })).await, unmet("staff", USED, &phone.method));
}

#[tokio::test]
async fn who_guesses_gets_few_tries_in_each_period_and_stops_nobody_else() {
    let (bench, phone) = demanding().await;
    let (root, nobody) = (bench.root(), bench.nobody());
    let about = json!({ "issuer": "strongroom", "max_validation_attempts": 3 });
    made(&root, &format!("identity/mfa/method/totp/{}", phone.method), about).await;
    let ann = entity_beside(&bench, "ann").await;
    let ann = enroll(&root, &phone.method, &ann).await;
    let request = waiting(&knock(&nobody, "bob", json!({})).await);
    let wrong = json!({ &phone.method: [phone.wrong(&bench)] });
    for _ in 0..3 {
        assert_eq!(prove(&nobody, &request, wrong.clone()).await, unmet("staff", WRONG, &phone.method));
    }
    bench.clock.advance(Duration::from_secs(10));
    let limit = "maximum TOTP validation attempts 4 exceeded the allowed attempts 3. Please try again in 20 seconds";
    let right = json!({ &phone.method: [phone.code(&bench, 0)] });
    for payload in [wrong, right.clone()] {
        assert_eq!(prove(&nobody, &request, payload).await, unmet("staff", limit, &phone.method));
    }
    let along = [format!("phone:{}", phone.code(&bench, 0))];
    assert_eq!(knock_with(&nobody, "bob", &along).await, unmet("staff", limit, &phone.method), "another way in");
    token(&knock_with(&nobody, "ann", &[format!("phone:{}", ann.code(&bench, 0))]).await);
    bench.clock.advance(Duration::from_secs(20));
    token(&prove(&nobody, &request, right).await);
}

/// The entity of whoever comes by a name while a second factor is demanded.
async fn entity_beside(bench: &Bench, name: &str) -> String {
    let root = bench.root();
    let accessor = text(&root.read("sys/auth/door").await, "accessor");
    let made = text(&root.write("identity/entity", json!({ "name": name })).await, "id");
    let about = json!({ "name": name, "mount_accessor": accessor, "canonical_id": made });
    text(&root.write("identity/entity-alias", about).await, "id");
    made
}

#[tokio::test]
async fn a_secret_is_told_once_and_hangs_on_its_entity_and_method() {
    let (bench, method) = bench().await;
    let (root, nobody) = (bench.root(), bench.nobody());
    let bob = entity(&root, &nobody, "bob").await;
    let about = json!({ "method_id": method, "entity_id": bob });
    let path = "identity/mfa/method/totp/admin-generate";
    let reply = root.write(path, about.clone()).await;
    let url = text(&reply, "url");
    let head = format!("otpauth://totp/strongroom:{bob}?algorithm=SHA1&digits=6&issuer=strongroom&period=30&secret=");
    assert_eq!(url.strip_prefix(&head).map(str::len), Some(32), "{url}");
    assert!(text(&reply, "barcode").starts_with("iVBORw0KGgo"), "a PNG");
    let again = root.write(path, about.clone()).await;
    assert_eq!(again, json!({ "warnings": ["Entity already has a secret for MFA method \"phone\""] }));
    let secret = &url[head.len()..];
    for path in [format!("identity/entity/id/{bob}"), format!("identity/mfa/method/{method}")] {
        assert!(!root.read(&path).await.to_string().contains(secret), "{path} tells the secret");
    }
    made(&root, "identity/mfa/method/totp/admin-destroy", about.clone()).await;
    assert!(bench.keys("ns/root/mfa-secret/").await.is_empty() && bench.keys("ns/root/mfa-enrolled/").await.is_empty());
    made(&root, "identity/mfa/method/totp/admin-destroy", about.clone()).await;
    assert_ne!(text(&root.write(path, about).await, "url"), url, "another secret");
    // Everybody makes their own, if they may.
    made(&root, "sys/policies/acl/own", json!({ "policy": OWN })).await;
    let own = token(&knock(&nobody, "ann", json!({ "token_policies": "own" })).await);
    let reply = bench.with(&own).write("identity/mfa/method/totp/generate", json!({ "method_id": method })).await;
    assert!(text(&reply, "url").contains("otpauth://totp/strongroom:"), "{reply}");
    let text = "missing entityID";
    assert_eq!(root.write("identity/mfa/method/totp/generate", json!({ "method_id": method })).await, invalid(text));
}

const OWN: &str = r#"path "identity/mfa/method/totp/generate" { capabilities = ["update"] }"#;

#[tokio::test]
async fn a_method_is_made_shown_changed_and_removed() {
    let (bench, phone) = demanding().await;
    let root = bench.root();
    let (method, path) = (phone.method.as_str(), format!("identity/mfa/method/totp/{}", phone.method));
    let mut expected = json!({
        "type": "totp", "id": method, "name": "phone", "namespace_id": "root", "namespace_path": "",
        "issuer": "strongroom", "period": 30, "key_size": 20, "qr_size": 200, "algorithm": "SHA1", "digits": 6,
        "skew": 1, "max_validation_attempts": 5,
    });
    assert_eq!(root.read(&path).await["data"], expected);
    assert_eq!(root.read(&format!("identity/mfa/method/{method}")).await["data"], expected);
    for list in ["identity/mfa/method", "identity/mfa/method/totp"] {
        let listed = root.list(list).await;
        assert_eq!(listed["data"], json!({ "keys": [method], "key_info": { method: expected } }), "{list}");
    }
    // One that is made under a name that is taken is that one.
    let about = json!({
        "method_name": "phone", "issuer": "a b", "period": "60s", "key_size": 10, "qr_size": 0,
        "algorithm": "SHA512", "digits": 8, "skew": 0, "max_validation_attempts": 0,
    });
    let again = root.write("identity/mfa/method/totp", about).await;
    assert_eq!(text(&again, "method_id"), method);
    for (name, value) in [("issuer", json!("a b")), ("period", json!(60)), ("key_size", json!(10))] {
        expected[name] = value;
    }
    for (name, value) in
        [("qr_size", json!(0)), ("algorithm", json!("SHA512")), ("digits", json!(8)), ("skew", json!(0))]
    {
        expected[name] = value;
    }
    assert_eq!(root.read(&path).await["data"], expected);
    // A secret that is there stays as it was made.
    token(&knock_with(&bench.nobody(), "bob", &[format!("phone:{}", phone.code(&bench, 0))]).await);
    let ann = entity_beside(&bench, "ann").await;
    let about = json!({ "method_id": method, "entity_id": ann });
    let reply = root.write("identity/mfa/method/totp/admin-generate", about).await;
    let url = text(&reply, "url");
    assert!(url.contains(":") && url.contains("/a%20b:") && url.contains("algorithm=SHA512&digits=8&issuer=a%20b"));
    assert!(reply["data"].get("barcode").is_none(), "no picture was asked for");
    made(&root, &path, json!({ "issuer": "x", "method_name": "other" })).await;
    assert_eq!(root.read(&path).await["data"]["name"], "other");
    let id = text(&root.read("identity/mfa/login-enforcement/staff").await, "id");
    let used = format!("methodID is still used by an enforcement configuration with ID: {id}");
    assert_eq!(root.delete(&path).await, invalid(&used));
    assert_eq!(root.delete("identity/mfa/login-enforcement/staff").await, json!({}));
    assert_eq!(root.delete(&path).await, json!({}));
    assert_eq!(root.read(&path).await, refused("NotFound", "not found"));
    assert_eq!(root.write(&path, json!({ "issuer": "x" })).await, refused("NotFound", "not found"));
    assert_eq!(root.delete(&path).await, json!({}));
    bench.settle().await;
    let left: Vec<_> = bench.keys("").await.into_iter().filter(|key| key.contains("mfa")).collect();
    assert_eq!(left, ["ns/root/mfa"], "what hung on it went with it");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let (bench, method) = bench().await;
    let root = bench.root();
    text(&root.write("identity/mfa/method/totp", json!({ "issuer": "x", "method_name": "second" })).await, "method_id");
    let with = |name: &str, value: Value| json!({ "issuer": "x", name: value });
    let cases = [
        (json!({}), "issuer must be set"),
        (with("issuer", json!("a\u{7}")), "issuer can have 256 bytes at most, and no control characters"),
        (with("algorithm", json!("MD5")), "unrecognized algorithm"),
        (with("digits", json!(7)), "digits can only be 6 or 8"),
        (with("period", json!(0)), "period must be greater than zero"),
        (with("period", json!("25h")), "period can be 86400 seconds at most"),
        (with("skew", json!(2)), "skew must be 0 or 1"),
        (with("key_size", json!(0)), "key_size must be greater than zero"),
        (with("key_size", json!(9)), "key_size must be from 10 to 128"),
        (with("qr_size", json!(-1)), "qr_size must be from 0 to 1024"),
        (with("max_validation_attempts", json!(-1)), "max_validation_attempts must be greater than zero"),
        (
            with("method_name", json!("a:b")),
            "the name of an MFA method has 256 bytes at most, and neither \":\" nor \"/\"",
        ),
    ];
    for (about, text) in cases {
        assert_eq!(root.write("identity/mfa/method/totp", about.clone()).await, invalid(text), "{about}");
        assert_eq!(root.write(&format!("identity/mfa/method/totp/{method}"), about.clone()).await, invalid(text));
    }
    let taken = "an MFA method with the name \"second\" exists already";
    let about = json!({ "issuer": "x", "method_name": "second" });
    assert_eq!(root.write(&format!("identity/mfa/method/totp/{method}"), about).await, invalid(taken));
    let nobody = "configuration for method ID \"x\" does not exist";
    let bob = entity(&root, &bench.nobody(), "bob").await;
    let generate = "identity/mfa/method/totp/admin-generate";
    for (about, text) in [
        (json!({ "entity_id": bob }), "missing method ID"),
        (json!({ "method_id": method }), "missing entityID"),
        (json!({ "method_id": method, "entity_id": "x" }), "invalid entity ID"),
        (json!({ "method_id": "x", "entity_id": bob }), nobody),
    ] {
        assert_eq!(root.write(generate, about.clone()).await, invalid(text), "{about}");
    }
    let about = json!({ "method_name": "small", "issuer": "x", "qr_size": 20 });
    let small = text(&root.write("identity/mfa/method/totp", about).await, "method_id");
    let reply = root.write(generate, json!({ "method_id": small, "entity_id": bob })).await;
    assert!(reply["refused"].as_str().is_some_and(|text| text.contains("qr_size is 20 pixels")), "{reply}");
    assert!(bench.keys("ns/root/mfa-secret/").await.is_empty(), "nobody has seen it");
    for (about, why) in [
        (json!({ "mfa_payload": {} }), invalid("missing required field \"mfa_request_id\"")),
        (json!({ "mfa_request_id": "x", "mfa_payload": {} }), invalid("invalid request ID")),
        (
            json!({ "mfa_request_id": "x", "mfa_payload": { "a": true } }),
            invalid("mfa_payload must have a list of passcodes for each method"),
        ),
    ] {
        assert_eq!(bench.nobody().write("sys/mfa/validate", about).await, why);
    }
}

//! A node in recovery mode: what it answers to whom, and that it does nothing else.

use std::sync::Arc;
use std::time::Duration;

use barrier::seal::{Device, InitOptions};
use barrier::{Barrier, CacheMode};
use data_encoding::{BASE64_NOPAD, HEXLOWER};
use framework::testing::object;
use framework::{Operation, Request, Service as _};
use secret::{LockedKey, Secret, SecretBytes};
use serde_json::{Value, json};
use storage::Storage;
use storage::counting::Call;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;

use super::{NOT_SERVED, Recovery, RecoveryParts};
use crate::testing::{Bench, denied, dump, invalid, patiently, refused, show};
use crate::{Node, restored};

const ATTEMPT: &str = "sys/generate-recovery-token/attempt";
const UPDATE: &str = "sys/generate-recovery-token/update";
const OPERATOR_KEY: [u8; 32] = [7; 32];
/// Of an attempt that there is not.
const NO_NONCE: &str = "";

/// A store that a server has left, and what people hold of it.
struct Left {
    storage: Arc<Memory>,
    shares: Vec<String>,
    root: String,
}

/// 3 shares, of which 2 are needed.
async fn left(device: Device) -> Left {
    let storage = Arc::new(Memory::new());
    let options = match device {
        Device::Shamir => InitOptions::shamir(3, 2),
        Device::Static(_) => InitOptions::recovery(3, 2),
    };
    let bench = Bench::fresh_with(storage.clone(), CacheMode::SoleWriter, device);
    let made = bench.core.init(&options, None).await.expect("the store is empty");
    let shares: Vec<SecretBytes> = made.shares.into_iter().chain(made.recovery_shares).collect();
    for share in &shares[..2] {
        // With a static seal it is unsealed already.
        drop(bench.core.unseal(share.clone()).await);
    }
    let root = made.root_token.expose().clone();
    bench
        .with(&root)
        .write("sys/policies/acl/shop", json!({ "policy": r#"path "a" { capabilities = ["read"] }"# }))
        .await;
    // A token that ends, and its line in the due index.
    bench.with(&root).create("create", json!({ "ttl": "1h" })).await;
    bench.core.seal().await;
    Left { storage, shares: shares.iter().map(|share| HEXLOWER.encode(share.expose())).collect(), root }
}

fn node(storage: Arc<dyn Storage>, device: Device) -> Recovery {
    let (env, _) = env::simulated::env(77);
    over(storage, device, &env)
}

fn over(storage: Arc<dyn Storage>, device: Device, env: &env::Env) -> Recovery {
    let options = barrier::Options { cache_bytes: 1024 * 1024, cache: CacheMode::SoleWriter };
    let parts = RecoveryParts {
        barrier: Barrier::new(storage, env.clone(), options),
        device,
        env: env.clone(),
        node: Node {
            api_version: "1.21.4".to_owned(),
            version: "0.0.0",
            build_date: "1970-01-01T00:00:00Z",
            storage_type: "embedded",
            api_address: String::new(),
        },
    };
    Recovery::new(parts).expect("the table is sound")
}

async fn ask(node: &Recovery, operation: Operation, path: &str, token: &str, data: Value) -> Value {
    show(node.answer(request(operation, path, token, data)).await.result)
}

fn request(operation: Operation, path: &str, token: &str, data: Value) -> Request {
    let mut request = Request::new("00000000-0000-4000-8000-000000000000".to_owned(), operation, path);
    request.token = (!token.is_empty()).then(|| Secret::new(token.to_owned()));
    request.data = object(data);
    request
}

async fn read(node: &Recovery, path: &str, token: &str) -> Value {
    ask(node, Operation::Read, path, token, json!({})).await
}

async fn write(node: &Recovery, path: &str, data: Value) -> Value {
    ask(node, Operation::Update, path, "", data).await
}

/// Nonce and password.
async fn begin(node: &Recovery) -> (String, String) {
    let begun = write(node, ATTEMPT, json!({})).await["data"].clone();
    let text = |name: &str| begun[name].as_str().unwrap_or_else(|| panic!("no {name}: {begun}")).to_owned();
    (text("nonce"), text("otp"))
}

async fn give(node: &Recovery, nonce: &str, share: &str) -> Value {
    let reply = write(node, UPDATE, json!({ "key": share, "nonce": nonce })).await;
    if reply.get("data").is_some() { reply["data"].clone() } else { reply }
}

async fn token_of(node: &Recovery, shares: &[String]) -> String {
    let (nonce, otp) = begin(node).await;
    let mut done = json!(null);
    for share in shares {
        done = give(node, &nonce, share).await;
    }
    let encoded = done["encoded_token"].as_str().unwrap_or_else(|| panic!("no token: {done}"));
    let encoded = BASE64_NOPAD.decode(encoded.as_bytes()).expect("base64 without padding");
    encoded.iter().zip(otp.bytes()).map(|(a, b)| char::from(a ^ b)).collect()
}

#[tokio::test]
async fn shares_give_a_token_that_opens_the_raw_entries() {
    let Left { storage, shares, .. } = left(Device::Shamir).await;
    let before = dump(&*storage, "").await;
    let node = node(storage.clone(), Device::Shamir);
    let idle = json!({
        "nonce": "", "started": false, "progress": 0, "required": 2, "complete": false, "encoded_token": "",
        "encoded_root_token": "", "pgp_fingerprint": "", "otp": "", "otp_length": 28,
    });
    assert_eq!(read(&node, ATTEMPT, "").await["data"], idle);
    let (nonce, otp) = begin(&node).await;
    assert_eq!(otp.len(), 28);
    assert_eq!(write(&node, ATTEMPT, json!({})).await, invalid("root generation already in progress"));
    let first = give(&node, &nonce, &shares[2]).await;
    assert_eq!((&first["progress"], &first["complete"], &first["otp"]), (&json!(1), &json!(false), &json!("")));
    assert_eq!(ask(&node, Operation::Delete, ATTEMPT, "", json!({})).await, json!({}));
    assert_eq!(read(&node, ATTEMPT, "").await["data"], idle, "it was given up");

    let token = token_of(&node, &shares[..2]).await;
    assert!(token.starts_with("hvr.") && token.len() == 28, "{token}");
    assert_eq!(read(&node, ATTEMPT, "").await["data"], idle, "it happens once");
    let policy = read(&node, "sys/raw/ns/root/policy/shop", &token).await;
    assert!(policy.to_string().contains("capabilities"), "{policy}");
    let listed = ask(&node, Operation::List, "sys/raw/ns/root/policy", &token, json!({})).await;
    assert!(listed["data"]["keys"].as_array().is_some_and(|keys| keys.contains(&json!("shop"))), "{listed}");
    assert_eq!(dump(&*storage, "").await, before, "nothing was written by itself");

    let body = json!({ "value": "mended" });
    assert_eq!(ask(&node, Operation::Update, "sys/raw/spare/a", &token, body).await, json!({}));
    assert_eq!(read(&node, "sys/raw/spare/a", &token).await["data"]["value"], "mended");
    assert_eq!(ask(&node, Operation::Delete, "sys/raw/spare/a", &token, json!({})).await, json!({}));
    assert_eq!(read(&node, "sys/raw/core/keyring", &token).await, invalid("cannot read 'core/keyring'"));
    assert_eq!(dump(&*storage, "").await, before);
}

#[tokio::test]
async fn only_the_token_of_now_opens_anything() {
    let Left { storage, shares, root } = left(Device::Shamir).await;
    let node = node(storage.clone(), Device::Shamir);
    let entry = "sys/raw/ns/root/policy/shop";
    for token in ["", "hvr.", &root] {
        assert_eq!(read(&node, entry, token).await, denied(), "before there is one");
    }
    let first = token_of(&node, &shares[..2]).await;
    for token in ["", "hvr.", &root, &first[..27], &first.to_uppercase(), &format!("{first}x")] {
        assert_eq!(read(&node, entry, token).await, denied(), "{token}");
        assert_eq!(ask(&node, Operation::List, "sys/raw/", token, json!({})).await, denied());
        assert_eq!(ask(&node, Operation::Update, entry, token, json!({ "value": "" })).await, denied());
        assert_eq!(ask(&node, Operation::Delete, entry, token, json!({})).await, denied());
    }
    let second = token_of(&node, &shares[1..]).await;
    assert_eq!(read(&node, entry, &first).await, denied(), "the second is in its place");
    assert!(read(&node, entry, &second).await["data"]["value"].is_string());
    node.close().await;
    assert_eq!(read(&node, entry, &second).await, denied());
    let next = self::node(storage, Device::Shamir);
    assert_eq!(read(&next, entry, &second).await, denied(), "it dies with the process");
}

#[tokio::test]
async fn wrong_shares_open_nothing_and_the_attempt_goes_on() {
    let Left { storage, shares, .. } = left(Device::Shamir).await;
    let node = node(storage, Device::Shamir);
    assert_eq!(give(&node, NO_NONCE, &shares[0]).await, invalid("no root generation in progress"));
    let (nonce, _) = begin(&node).await;
    let told = format!("incorrect nonce supplied; nonce for this root generation operation is \"{nonce}\"");
    assert_eq!(give(&node, "other", &shares[0]).await, invalid(&told));
    assert!(give(&node, &nonce, "no share").await.to_string().contains("Invalid"));
    give(&node, &nonce, &shares[0]).await;
    let twice = give(&node, &nonce, &shares[0]).await;
    assert_eq!(twice, invalid("given key has already been provided during this generation operation"));
    let wrong = give(&node, &nonce, &HEXLOWER.encode(&[9; 33])).await;
    let told = "root generation failed: the keys do not belong together or to this server; progress was reset";
    assert_eq!(wrong, invalid(told));
    assert_eq!(read(&node, ATTEMPT, "").await["data"]["progress"], 0);
    let status = read(&node, "sys/seal-status", "").await;
    assert_eq!(status["data"]["sealed"], true);
    give(&node, &nonce, &shares[0]).await;
    assert_eq!(give(&node, &nonce, &shares[1]).await["complete"], true);
}

#[tokio::test]
async fn a_node_in_recovery_mode_serves_nobody_and_says_so() {
    let Left { storage, shares, root } = left(Device::Shamir).await;
    let node = node(storage, Device::Shamir);
    let not_served = refused("Busy", NOT_SERVED);
    for token in [root.clone(), token_of(&node, &shares[..2]).await] {
        for path in [
            "secret/data/a",
            "sys/mounts",
            "sys/policies/acl/shop",
            "sys/generate-root/attempt",
            "sys/generate-recovery-token",
            "sys/init",
            "sys/metrics",
            "auth/token/lookup-self",
            "team/sys/raw/core",
            "sys",
            "",
        ] {
            assert_eq!(read(&node, path, &token).await, not_served, "{path}");
        }
        for path in ["sys/unseal", "sys/seal", "sys/rekey/init", "sys/internal/ui/mounts"] {
            assert_eq!(ask(&node, Operation::Update, path, &token, json!({})).await, not_served, "{path}");
        }
        let health = read(&node, "sys/health", &token).await;
        assert_eq!((&health["status"], &health["data"]["recovery_mode"]), (&json!("Code(503)"), &json!(true)));
        let status = read(&node, "sys/seal-status", &token).await["data"].clone();
        assert_eq!(
            (&status["sealed"], &status["initialized"], &status["n"], &status["t"], &status["type"]),
            (&json!(false), &json!(true), &json!(3), &json!(2), &json!("shamir"))
        );
    }
    let asked = ask(&node, Operation::Read, "sys/health", "", json!({ "sealedcode": 200 })).await;
    assert_eq!(asked["status"], "Code(200)", "whoever asks for another status gets it");
}

#[tokio::test]
async fn what_the_token_cannot_be_used_for_is_refused() {
    let Left { storage, shares, .. } = left(Device::Shamir).await;
    let node = node(storage, Device::Shamir);
    let token = token_of(&node, &shares[..2]).await;
    let path = "sys/raw/ns/root/policy/shop";
    let mut wrapped = request(Operation::Read, path, &token, json!({}));
    wrapped.wrap_ttl = Some(Duration::from_secs(60));
    let wrapped = show(node.answer(wrapped).await.result);
    assert_eq!(wrapped, invalid("no reply can be wrapped in recovery mode"), "and is not shown in clear");
    for (namespace, is_refused) in [("team", true), ("root", false), ("/", false), ("", false)] {
        let mut request = request(Operation::Read, path, &token, json!({}));
        request.namespace = namespace.to_owned();
        let reply = show(node.answer(request).await.result);
        assert_eq!(reply == invalid("operation unavailable in namespaces"), is_refused, "{namespace}: {reply}");
    }
}

#[tokio::test]
async fn with_a_static_seal_recovery_keys_give_the_token() {
    let device = || Device::Static(LockedKey::copy_of(&OPERATOR_KEY));
    let Left { storage, shares, .. } = left(device()).await;
    let before = dump(&*storage, "").await;
    let node = node(storage.clone(), device());
    let (nonce, _) = begin(&node).await;
    give(&node, &nonce, &shares[0]).await;
    assert!(give(&node, &nonce, &HEXLOWER.encode(&[9; 33])).await.to_string().contains("progress was reset"));
    assert_eq!(
        read(&node, "sys/seal-status", "").await["data"]["sealed"],
        true,
        "the operator's key alone is not enough"
    );
    ask(&node, Operation::Delete, ATTEMPT, "", json!({})).await;
    let token = token_of(&node, &shares[1..]).await;
    assert!(read(&node, "sys/raw/ns/root/policy/shop", &token).await["data"]["value"].is_string());
    assert_eq!(dump(&*storage, "").await, before);
}

#[tokio::test]
async fn a_key_of_the_operator_s_that_is_not_the_server_s_is_told() {
    let device = |byte| Device::Static(LockedKey::copy_of(&[byte; 32]));
    let Left { storage, shares, .. } = left(device(7)).await;
    let node = node(storage, device(8));
    let (nonce, _) = begin(&node).await;
    let failed = give(&node, &nonce, &shares[0]).await.to_string();
    assert!(failed.contains("the operator's key is not the one"), "{failed}");
    assert_eq!(read(&node, ATTEMPT, "").await["data"]["progress"], 0);
}

#[tokio::test]
async fn without_a_recovery_key_there_is_no_token() {
    let device = || Device::Static(LockedKey::copy_of(&OPERATOR_KEY));
    let storage = Arc::new(Memory::new());
    let node = node(storage.clone(), device());
    assert!(!node.is_initialized().await.expect("the store answers"));
    let bench = Bench::fresh_with(storage, CacheMode::SoleWriter, device());
    bench.core.init(&InitOptions::default(), None).await.expect("the store is empty");
    assert!(node.is_initialized().await.expect("the store answers"));
    let refused = write(&node, ATTEMPT, json!({})).await;
    assert_eq!(refused, invalid("there is no recovery key: none was asked for when the server was initialized"));
}

#[tokio::test]
async fn the_token_leaves_encrypted_to_a_key_or_by_a_password_of_the_caller() {
    let Left { storage, shares, .. } = left(Device::Shamir).await;
    let node = node(storage, Device::Shamir);
    // As gpg made it; the end-to-end tests open messages.
    let key = include_str!("../../../openpgp/src/keys/curve25519.asc");
    let print = "b52c8b454bc326a87de94d356611e3575ce2d79a";
    let otp = "abcdefghijklmnopqrstuvwxyz12";
    for (about, told) in [
        (json!({ "otp": otp, "pgp_key": key }), "only one of otp and pgp_key can be given"),
        (json!({ "otp": "short" }), "OTP string is wrong length"),
        (json!({ "pgp_key": "no key!" }), "error parsing PGP key: PGP key is neither base64 nor armored"),
    ] {
        assert_eq!(write(&node, ATTEMPT, about).await, invalid(told));
        assert_eq!(read(&node, ATTEMPT, "").await["data"]["started"], false);
    }
    let begun = write(&node, ATTEMPT, json!({ "pgp_key": key })).await["data"].clone();
    assert_eq!((&begun["otp"], &begun["pgp_fingerprint"]), (&json!(""), &json!(print)));
    let nonce = begun["nonce"].as_str().expect("a nonce");
    give(&node, nonce, &shares[0]).await;
    let last = give(&node, nonce, &shares[1]).await;
    let message = last["encoded_token"].as_str().expect("a text").as_bytes();
    assert_eq!(data_encoding::BASE64.decode(message).expect("base64")[0], 0xc1, "a message to a key");
    let begun = write(&node, ATTEMPT, json!({ "otp": otp })).await["data"].clone();
    assert_eq!(begun["otp"], "", "who gave it has it");
    let nonce = begun["nonce"].as_str().expect("a nonce");
    give(&node, nonce, &shares[0]).await;
    let last = give(&node, nonce, &shares[2]).await;
    let encoded = BASE64_NOPAD.decode(last["encoded_token"].as_str().expect("a text").as_bytes()).expect("base64");
    let token: String = encoded.iter().zip(otp.bytes()).map(|(a, b)| char::from(a ^ b)).collect();
    assert!(read(&node, "sys/raw/ns/root/policy/shop", &token).await["data"]["value"].is_string());
}

#[tokio::test]
async fn strangers_can_begin_and_guess_only_so_often() {
    let Left { storage, .. } = left(Device::Shamir).await;
    let node = node(storage, Device::Shamir);
    let is_busy = |reply: &Value| reply["refused"].as_str().is_some_and(|text| text.starts_with("TooMany"));
    let mut begun = 0;
    while !is_busy(&write(&node, ATTEMPT, json!({})).await) {
        ask(&node, Operation::Delete, ATTEMPT, "", json!({})).await;
        begun += 1;
    }
    assert_eq!(begun, 30);
    let Left { storage, .. } = left(Device::Shamir).await;
    let node = self::node(storage, Device::Shamir);
    let (nonce, _) = begin(&node).await;
    let mut guesses: u16 = 0;
    while !is_busy(&give(&node, &nonce, &HEXLOWER.encode(&[guesses.to_be_bytes().as_slice(), &[1; 31]].concat())).await)
    {
        guesses += 1;
    }
    assert_eq!(guesses, 300);
}

#[tokio::test]
async fn a_store_that_gives_no_answer_costs_one_share() {
    let Left { storage, shares, .. } = left(Device::Shamir).await;
    let (env, clock) = env::simulated::env(5);
    let faulty = Arc::new(Faulty::new(storage, env.clone()));
    let node = over(faulty.clone(), Device::Shamir, &env);
    let (nonce, _) = begin(&node).await;
    give(&node, &nonce, &shares[0]).await;
    faulty.fail_nth(Call::Read, 1, Fault::Fail);
    let failed = patiently(&clock, give(&node, &nonce, &shares[1])).await;
    assert!(failed.to_string().contains("World"), "{failed}");
    assert_eq!(give(&node, &nonce, &shares[1]).await["complete"], true);
}

#[tokio::test]
async fn a_store_that_was_just_restored_is_left_as_the_restore_left_it() {
    let Left { storage, shares, .. } = left(Device::Shamir).await;
    let batch = storage::Batch::new(storage::CommitId([9; 16])).create(restored::MARKER_KEY, "{}");
    storage.commit(&batch).await.expect("committed");
    let before = dump(&*storage, "").await;
    let node = node(storage.clone(), Device::Shamir);
    let token = token_of(&node, &shares[..2]).await;
    assert!(read(&node, "sys/raw/ns/root/policy/shop", &token).await["data"]["value"].is_string());
    assert_eq!(dump(&*storage, "").await, before);
}

#[tokio::test]
async fn the_rows_that_ask_for_no_token_are_these() {
    let node = node(Arc::new(Memory::new()), Device::Shamir);
    let rows: Vec<_> = node.engine.specs().iter().map(|row| (row.template, row.access.is_unauthenticated)).collect();
    assert_eq!(
        rows,
        [
            ("health", true),
            ("seal-status", true),
            ("generate-recovery-token/attempt", true),
            ("generate-recovery-token/update", true),
            ("raw", false),
            ("raw/{path}", false),
        ]
    );
}

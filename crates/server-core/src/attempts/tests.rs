//! Root tokens and new keys by shares: over the wire, with everything that can go wrong on the way.

use std::sync::Arc;

use barrier::CacheMode;
use barrier::seal::{Device, InitOptions};
use data_encoding::BASE64_NOPAD;
use secret::{LockedKey, SecretBytes};
use serde_json::{Value, json};
use storage::counting::Call;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;

use crate::testing::{Bench, Client, denied, invalid, patiently, sealed};

const ROOT: &str = "sys/generate-root";
const REKEY: &str = "sys/rekey";
const RECOVERY: &str = "sys/rekey-recovery-key";

/// A node with 3 shares of which 2 are needed, and the shares in hexadecimal.
async fn bench() -> (Bench, Vec<String>) {
    over(Arc::new(Memory::new()), CacheMode::SoleWriter).await
}

async fn over(storage: Arc<dyn storage::Storage>, cache: CacheMode) -> (Bench, Vec<String>) {
    let mut bench = Bench::fresh(storage, cache);
    let made = bench.core.init(&InitOptions::shamir(3, 2), None).await.expect("the store is empty");
    bench.root = made.root_token.expose().clone();
    let shares: Vec<_> = made.shares.iter().map(hex).collect();
    unseal(&bench, &shares[..2]).await;
    (bench, shares)
}

/// The process that is started after another one has ended.
fn restarted(storage: Arc<dyn storage::Storage>) -> Bench {
    Bench::fresh_as(storage, CacheMode::SoleWriter, Device::Shamir, 2, |_| ())
}

fn hex(share: &SecretBytes) -> String {
    data_encoding::HEXLOWER.encode(share.expose())
}

/// Whether the shares unseal.
async fn unseal(bench: &Bench, shares: &[String]) -> bool {
    let mut status = json!(null);
    for share in shares {
        status = bench.nobody().write("sys/unseal", json!({ "key": share })).await;
    }
    status["data"]["sealed"] == json!(false)
}

/// Whether the shares unseal after a seal.
async fn reopens(bench: &Bench, shares: &[String]) -> bool {
    bench.core.seal().await;
    bench.nobody().write("sys/unseal", json!({ "reset": true })).await;
    unseal(bench, shares).await
}

async fn begin(client: &Client<'_>, api: &str, about: Value) -> String {
    let path = if api.contains("generate-root") { format!("{api}/attempt") } else { format!("{api}/init") };
    let status = client.write(&path, about).await;
    status["data"]["nonce"].as_str().unwrap_or_else(|| panic!("did not begin: {status}")).to_owned()
}

async fn give(client: &Client<'_>, api: &str, nonce: &str, share: &str) -> Value {
    let reply = client.write(&format!("{api}/update"), json!({ "key": share, "nonce": nonce })).await;
    if reply["data"].is_object() { reply["data"].clone() } else { reply }
}

fn shares_of(reply: &Value) -> Vec<String> {
    let keys = reply["keys"].as_array().unwrap_or_else(|| panic!("no keys: {reply}"));
    keys.iter().map(|key| key.as_str().expect("hexadecimal").to_owned()).collect()
}

fn decoded(encoded: &Value, otp: &str) -> String {
    let encoded = BASE64_NOPAD.decode(encoded.as_str().expect("a text").as_bytes()).expect("base64 without padding");
    encoded.iter().zip(otp.bytes()).map(|(a, b)| char::from(a ^ b)).collect()
}

#[tokio::test]
async fn shares_make_a_root_token() {
    let (bench, shares) = bench().await;
    let nobody = bench.nobody();
    let idle = json!({
        "nonce": "", "started": false, "progress": 0, "required": 2, "complete": false, "encoded_token": "",
        "encoded_root_token": "", "pgp_fingerprint": "", "otp": "", "otp_length": 28,
    });
    for path in ["sys/generate-root/attempt", "sys/generate-root"] {
        assert_eq!(nobody.read(path).await["data"], idle, "{path}");
    }
    let begun = nobody.write("sys/generate-root/attempt", json!({})).await["data"].clone();
    let (nonce, otp) = (begun["nonce"].as_str().expect("a nonce"), begun["otp"].as_str().expect("a password"));
    assert_eq!((begun["started"].clone(), otp.len()), (json!(true), 28));
    assert_eq!(nobody.read("sys/generate-root/attempt").await["data"]["otp"], "", "it is shown once");
    let again = nobody.write("sys/generate-root/attempt", json!({})).await;
    assert_eq!(again, invalid("root generation already in progress"));

    let first = give(&nobody, ROOT, nonce, &shares[2]).await;
    assert_eq!((first["progress"].clone(), first["complete"].clone()), (json!(1), json!(false)));
    let last = give(&nobody, ROOT, nonce, &shares[0]).await;
    assert_eq!((last["progress"].clone(), last["complete"].clone()), (json!(2), json!(true)));
    let token = decoded(&last["encoded_token"], otp);
    assert_eq!(last["encoded_root_token"], last["encoded_token"]);
    let about = bench.with(&token).lookup().await;
    assert_eq!((about["policies"].clone(), about["ttl"].clone()), (json!(["root"]), json!(0)));
    assert_eq!(nobody.read("sys/generate-root/attempt").await["data"], idle, "it happens once");
    let gone = give(&nobody, ROOT, nonce, &shares[1]).await;
    assert_eq!(gone, invalid("no root generation in progress"));
    assert!(bench.keys("core/attempt/").await.is_empty());
}

#[tokio::test]
async fn a_password_of_the_caller_has_the_length_of_a_token() {
    let (bench, shares) = bench().await;
    let nobody = bench.nobody();
    for otp in ["short", &"x".repeat(29)] {
        let refused = nobody.write("sys/generate-root/attempt", json!({ "otp": otp })).await;
        assert_eq!(refused, invalid("OTP string is wrong length"));
    }
    let otp = "abcdefghijklmnopqrstuvwxyz12";
    let nonce = begin(&nobody, ROOT, json!({ "otp": otp })).await;
    give(&nobody, ROOT, &nonce, &shares[0]).await;
    let last = give(&nobody, ROOT, &nonce, &shares[1]).await;
    assert_eq!(bench.with(&decoded(&last["encoded_token"], otp)).lookup().await["path"], "auth/token/root");
}

#[tokio::test]
async fn wrong_nonces_and_shares_are_refused() {
    let (bench, shares) = bench().await;
    let nobody = bench.nobody();
    let foreign = over(Arc::new(Memory::new()), CacheMode::SoleWriter).await.1;
    let foreign: String = foreign[0].chars().rev().collect();
    for (api, twice, wrong, what) in [
        (
            ROOT,
            "given key has already been provided during this generation operation",
            "root generation failed: the keys do not belong together or to this server; progress was reset",
            "root generation",
        ),
        (
            REKEY,
            "given key has already been provided during this rekey operation",
            "rekey failed: the keys do not belong together or to this server; progress was reset",
            "rekey",
        ),
    ] {
        let nonce = begin(&nobody, api, json!({ "secret_shares": 3, "secret_threshold": 2 })).await;
        let other = give(&nobody, api, "other", &shares[0]).await;
        let text = format!("incorrect nonce supplied; nonce for this {what} operation is \"{nonce}\"");
        assert_eq!(other, invalid(&text));
        let status = if api == ROOT { "sys/generate-root/attempt" } else { "sys/rekey/init" };
        for (key, text) in [
            ("", "'key' must be specified in request body as JSON"),
            ("no share!", "'key' must be a valid hex or base64 string"),
            ("YWJj", "key is shorter than minimum 16 bytes"),
            (&"YWJj".repeat(20), "key is longer than maximum 33 bytes"),
        ] {
            assert_eq!(give(&nobody, api, &nonce, key).await, invalid(text), "{key}");
        }
        assert_eq!(nobody.read(status).await["data"]["progress"], 0);
        assert_eq!(give(&nobody, api, &nonce, &shares[0]).await["progress"], 1);
        assert_eq!(give(&nobody, api, &nonce, &shares[0]).await, invalid(twice));
        assert_eq!(give(&nobody, api, &nonce, &foreign).await, invalid(wrong));
        let after = &nobody.read(status).await["data"];
        assert_eq!((&after["progress"], &after["nonce"]), (&json!(0), &json!(nonce)), "the attempt goes on");
        give(&nobody, api, &nonce, &shares[1]).await;
        assert_eq!(give(&nobody, api, &nonce, &shares[2]).await["complete"], true);
    }
}

#[tokio::test]
async fn what_was_canceled_is_over() {
    let (bench, shares) = bench().await;
    let nobody = bench.nobody();
    assert_eq!(nobody.delete("sys/generate-root/attempt").await, json!({}), "with nothing to cancel, too");
    let nonce = begin(&nobody, ROOT, json!({})).await;
    give(&nobody, ROOT, &nonce, &shares[0]).await;
    assert_eq!(nobody.delete("sys/generate-root/attempt").await, json!({}));
    assert_eq!(give(&nobody, ROOT, &nonce, &shares[1]).await, invalid("no root generation in progress"));
    let next = begin(&nobody, ROOT, json!({})).await;
    assert_eq!(give(&nobody, ROOT, &next, &shares[1]).await["progress"], 1, "no share is left from before");
}

#[tokio::test]
async fn a_rekey_is_canceled_by_its_nonce_for_ten_minutes() {
    let (bench, _) = bench().await;
    let nobody = bench.nobody();
    let settings = json!({ "secret_shares": 1, "secret_threshold": 1 });
    let nonce = begin(&nobody, REKEY, settings.clone()).await;
    let refused = invalid("invalid nonce: for ten minutes an attempt is canceled only by its nonce");
    assert_eq!(nobody.delete("sys/rekey/init").await, refused);
    let cancel =
        |nonce: &str| nobody.request(framework::Operation::Delete, "sys/rekey/init", json!({ "nonce": nonce }));
    assert_eq!(nobody.send(cancel("other")).await, refused);
    assert_eq!(nobody.send(cancel(&nonce)).await, json!({}));
    begin(&nobody, REKEY, settings).await;
    bench.clock.advance(std::time::Duration::from_secs(600));
    assert_eq!(nobody.delete("sys/rekey/init").await, json!({}));
    assert_eq!(nobody.read("sys/rekey/init").await["data"]["started"], false);
}

#[tokio::test]
async fn clients_of_earlier_levels_cancel_a_rekey_without_its_nonce() {
    let (storage, seed) = (Arc::new(Memory::new()), 1);
    let mut bench = Bench::fresh_as(storage, CacheMode::SoleWriter, Device::Shamir, seed, |parts| {
        parts.node.api_version = "1.15.6".to_owned();
    });
    bench.init().await;
    let nobody = bench.nobody();
    begin(&nobody, REKEY, json!({ "secret_shares": 1, "secret_threshold": 1 })).await;
    assert_eq!(nobody.delete("sys/rekey/init").await, json!({}));
    assert_eq!(nobody.read("sys/rekey/init").await["data"]["started"], false);
}

#[tokio::test]
async fn new_unseal_keys_take_the_place_of_the_old_ones() {
    let (bench, old) = bench().await;
    let nobody = bench.nobody();
    let idle = json!({
        "nonce": "", "started": false, "t": 0, "n": 0, "progress": 0, "required": 2, "pgp_fingerprints": null,
        "backup": false, "verification_required": false,
    });
    assert_eq!(nobody.read("sys/rekey/init").await["data"], idle);
    let nonce = begin(&nobody, REKEY, json!({ "secret_shares": 5, "secret_threshold": 3 })).await;
    let status = nobody.read("sys/rekey/init").await["data"].clone();
    assert_eq!((&status["n"], &status["t"], &status["required"]), (&json!(5), &json!(3), &json!(2)));
    let again = nobody.write("sys/rekey/init", json!({ "secret_shares": 1, "secret_threshold": 1 })).await;
    assert_eq!(again, invalid("rekey already in progress"));
    give(&nobody, REKEY, &nonce, &old[0]).await;
    let done = give(&nobody, REKEY, &nonce, &old[1]).await;
    assert_eq!((&done["complete"], &done["nonce"]), (&json!(true), &json!(nonce)));
    let new = shares_of(&done);
    assert_eq!((new.len(), done["keys_base64"].as_array().map(Vec::len)), (5, Some(5)));
    assert_eq!(nobody.read("sys/rekey/init").await["data"]["required"], 3);
    assert!(!reopens(&bench, &old[..2]).await, "the old ones are worth nothing");
    assert!(reopens(&bench, &new[1..4]).await);
    assert_eq!(bench.root().lookup().await["display_name"], "root", "tokens stay");
    assert_eq!(bench.root().write("sys/rotate", json!({})).await, json!({}));
}

#[tokio::test]
async fn numbers_that_make_no_sense_are_refused() {
    let (bench, _) = bench().await;
    for (shares, threshold, text) in [
        (0, 0, "shares must be at least one"),
        (3, 0, "threshold must be at least one"),
        (3, 1, "threshold must be greater than one for multiple shares"),
        (2, 3, "threshold cannot be larger than shares"),
        (256, 3, "shares must be less than 256"),
    ] {
        let about = json!({ "secret_shares": shares, "secret_threshold": threshold });
        let refused = bench.nobody().write("sys/rekey/init", about).await;
        assert_eq!(refused, invalid(&format!("invalid rekey seal configuration: {text}")));
    }
    for path in ["sys/rekey-recovery-key/init", "sys/rekey-recovery-key/verify"] {
        assert_eq!(bench.nobody().read(path).await, invalid("recovery rekeying not supported"), "{path}");
    }
    assert_eq!(bench.nobody().read("sys/rekey/verify").await, invalid("no rekey configuration found"));
}

#[tokio::test]
async fn verified_keys_count_only_once_they_were_given_back() {
    let (bench, old) = bench().await;
    let nobody = bench.nobody();
    let about = json!({ "secret_shares": 3, "secret_threshold": 2, "require_verification": true });
    let nonce = begin(&nobody, REKEY, about.clone()).await;
    give(&nobody, REKEY, &nonce, &old[0]).await;
    let made = give(&nobody, REKEY, &nonce, &old[1]).await;
    let (new, verification) = (shares_of(&made), made["verification_nonce"].as_str().expect("a nonce").to_owned());
    assert_eq!(made["verification_required"], true);
    let more = give(&nobody, REKEY, &nonce, &old[2]).await["refused"].as_str().unwrap_or_default().to_owned();
    assert!(more.contains("verification must be performed") && more.contains(&verification), "{more}");
    let status = nobody.read("sys/rekey/init").await["data"].clone();
    assert_eq!((&status["started"], &status["verification_nonce"]), (&json!(true), &json!(verification)));

    let verify = |nonce: String, key: String| {
        let nobody = nobody.clone();
        async move { nobody.write("sys/rekey/verify", json!({ "key": key, "nonce": nonce })).await }
    };
    let text = format!("incorrect nonce supplied; nonce for this verify operation is \"{verification}\"");
    assert_eq!(verify(nonce.clone(), new[0].clone()).await, invalid(&text));
    let first = verify(verification.clone(), new[0].clone()).await;
    assert_eq!((&first["data"]["progress"], &first["data"]["t"]), (&json!(1), &json!(2)));
    let twice = invalid("given key has already been provided during this verify operation");
    assert_eq!(verify(verification.clone(), new[0].clone()).await, twice);
    let wrong = invalid("rekey verification failed; incorrect key shares supplied");
    assert_eq!(verify(verification.clone(), old[0].clone()).await, wrong);
    let again = nobody.delete("sys/rekey/verify").await["data"].clone();
    let restarted = again["nonce"].as_str().expect("a nonce").to_owned();
    assert_ne!(restarted, verification);
    assert_eq!(verify(restarted.clone(), new[2].clone()).await["data"]["progress"], 1);
    let done = verify(restarted.clone(), new[0].clone()).await;
    assert_eq!(done["data"], json!({ "nonce": restarted, "complete": true }));
    assert!(!reopens(&bench, &old[..2]).await);
    assert!(reopens(&bench, &new[..2]).await);

    // Lost in between: the keys stay as they are.
    let nonce = begin(&nobody, REKEY, about).await;
    give(&nobody, REKEY, &nonce, &new[0]).await;
    let lost = shares_of(&give(&nobody, REKEY, &nonce, &new[1]).await);
    assert!(!reopens(&bench, &lost[..2]).await);
    assert!(reopens(&bench, &new[..2]).await);
}

#[tokio::test]
async fn a_seal_or_a_restart_loses_the_attempt_and_says_so() {
    let (bench, shares) = bench().await;
    let (root, rekey) =
        (begin(&bench.nobody(), ROOT, json!({})).await, json!({ "secret_shares": 1, "secret_threshold": 1 }));
    let nonce = begin(&bench.nobody(), REKEY, rekey.clone()).await;
    give(&bench.nobody(), REKEY, &nonce, &shares[0]).await;
    bench.core.seal().await;
    assert_eq!(bench.nobody().read("sys/rekey/init").await, sealed());
    assert_eq!(bench.nobody().write("sys/rekey/update", json!({ "key": shares[0], "nonce": nonce })).await, sealed());
    unseal(&bench, &shares[..2]).await;
    let storage = Arc::clone(&bench.storage);
    let restarted = restarted(storage);
    unseal(&restarted, &shares[..2]).await;
    for bench in [&bench, &restarted] {
        let nobody = bench.nobody();
        let status = nobody.read("sys/rekey/init").await["data"].clone();
        assert_eq!((&status["started"], &status["progress"]), (&json!(false), &json!(0)));
        let refused = give(&nobody, REKEY, &nonce, &shares[1]).await.to_string();
        assert!(refused.contains("was lost when its node was sealed or restarted"), "{refused}");
        let refused = give(&nobody, ROOT, &root, &shares[1]).await.to_string();
        assert!(refused.contains("was lost when its node was sealed or restarted"), "{refused}");
        begin(&nobody, REKEY, rekey.clone()).await;
    }
}

#[tokio::test]
async fn another_node_tells_where_the_attempt_is_and_may_cancel_it() {
    let (one, shares) = over(Arc::new(Memory::new()), CacheMode::ReadThrough).await;
    let two = Bench::fresh_as(Arc::clone(&one.storage), CacheMode::ReadThrough, Device::Shamir, 2, |parts| {
        "http://two:8200/".clone_into(&mut parts.node.api_address);
    });
    unseal(&two, &shares[..2]).await;
    let nonce = begin(&one.nobody(), ROOT, json!({})).await;
    give(&one.nobody(), ROOT, &nonce, &shares[0]).await;
    let there = json!({
        "headers": ["Location: http://127.0.0.1:8200/v1/sys/generate-root/update"], "status": "Code(307)",
    });
    assert_eq!(give(&two.nobody(), ROOT, &nonce, &shares[1]).await, there);
    let begun = two.nobody().write("sys/generate-root/attempt", json!({})).await;
    assert_eq!(begun["status"], "Code(307)");
    assert_eq!(two.nobody().delete("sys/generate-root/attempt").await, json!({}));
    let gone = give(&one.nobody(), ROOT, &nonce, &shares[1]).await;
    assert_eq!(gone, invalid("no root generation in progress"));
    let nonce = begin(&two.nobody(), ROOT, json!({})).await;
    give(&two.nobody(), ROOT, &nonce, &shares[0]).await;
    assert_eq!(give(&two.nobody(), ROOT, &nonce, &shares[1]).await["complete"], true);
}

#[tokio::test]
async fn nobody_begins_attempts_without_end() {
    let (bench, _) = bench().await;
    let nobody = bench.nobody();
    for round in 0..31 {
        let begun = nobody.write("sys/generate-root/attempt", json!({})).await;
        let is_refused = begun["refused"].as_str().is_some_and(|text| text.starts_with("TooMany"));
        assert_eq!(is_refused, round == 30, "{round}: {begun}");
        nobody.delete("sys/generate-root/attempt").await;
    }
    bench.clock.advance(std::time::Duration::from_secs(1));
    begin(&nobody, ROOT, json!({})).await;
}

#[tokio::test]
async fn of_two_who_begin_or_finish_at_once_one_does() {
    let (bench, shares) = bench().await;
    let nobody = bench.nobody();
    let attempt = || nobody.write("sys/generate-root/attempt", json!({}));
    let (a, b) = tokio::join!(attempt(), attempt());
    let refused = invalid("root generation already in progress");
    assert!((a == refused) != (b == refused), "{a} {b}");
    let nonce = nobody.read("sys/generate-root/attempt").await["data"]["nonce"].as_str().expect("a nonce").to_owned();
    give(&nobody, ROOT, &nonce, &shares[0]).await;
    let (a, b) = tokio::join!(give(&nobody, ROOT, &nonce, &shares[1]), give(&nobody, ROOT, &nonce, &shares[2]));
    let complete = [&a, &b].into_iter().filter(|reply| reply["complete"] == true).count();
    assert_eq!(complete, 1, "{a} {b}");
}

#[tokio::test]
async fn a_commit_that_fails_or_is_lost_leaves_keys_that_work() {
    for fault in [Fault::Fail, Fault::LoseCall, Fault::LoseAnswer, Fault::CutBefore, Fault::CutAfter] {
        for needs_verification in [false, true] {
            let (env, clock) = env::simulated::env(9);
            let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env));
            let (bench, old) = over(Arc::clone(&faulty) as _, CacheMode::SoleWriter).await;
            let nobody = bench.nobody();
            let about =
                json!({ "secret_shares": 3, "secret_threshold": 2, "require_verification": needs_verification });
            let nonce = begin(&nobody, REKEY, about).await;
            give(&nobody, REKEY, &nonce, &old[0]).await;
            let mut known = Vec::new();
            let fail = || faulty.fail_nth(Call::Commit, 1, fault);
            if needs_verification {
                let made = give(&nobody, REKEY, &nonce, &old[1]).await;
                known = shares_of(&made);
                let verification = made["verification_nonce"].clone();
                let back = |key: &String| json!({ "key": key, "nonce": verification });
                nobody.write("sys/rekey/verify", back(&known[0])).await;
                fail();
                patiently(&clock, async {
                    patiently(&bench.clock, nobody.write("sys/rekey/verify", back(&known[1]))).await
                })
                .await;
            } else {
                fail();
                let made =
                    patiently(&clock, async { patiently(&bench.clock, give(&nobody, REKEY, &nonce, &old[1])).await })
                        .await;
                if made["complete"] == true {
                    known = shares_of(&made);
                }
            }
            faulty.calm();
            faulty.mend();
            let restarted = restarted(Arc::clone(&bench.storage));
            let by_old = unseal(&restarted, &old[..2]).await;
            let by_new = !by_old && {
                restarted.nobody().write("sys/unseal", json!({ "reset": true })).await;
                !known.is_empty() && unseal(&restarted, &known[..2]).await
            };
            assert!(by_old || by_new, "{fault:?} {needs_verification}");
            assert!(reopens(&restarted, if by_old { &old[..2] } else { &known[..2] }).await);
        }
    }
}

#[tokio::test]
async fn recovery_keys_authorize_where_the_operator_holds_the_key() {
    let device = || Device::Static(LockedKey::filled(|bytes| bytes.fill(7)));
    let bench = Bench::fresh_with(Arc::new(Memory::new()), CacheMode::SoleWriter, device());
    let made = bench.core.init(&InitOptions::recovery(3, 2), None).await.expect("the store is empty");
    let old: Vec<_> = made.recovery_shares.iter().map(hex).collect();
    let nobody = bench.nobody();
    let nonce = begin(&nobody, ROOT, json!({ "otp": "abcdefghijklmnopqrstuvwxyz12" })).await;
    give(&nobody, ROOT, &nonce, &old[0]).await;
    let last = give(&nobody, ROOT, &nonce, &old[1]).await;
    let token = decoded(&last["encoded_token"], "abcdefghijklmnopqrstuvwxyz12");
    assert_eq!(bench.with(&token).lookup().await["policies"], json!(["root"]));

    // The root key under the operator's: nobody gets anything new.
    let nonce = begin(&nobody, REKEY, json!({ "secret_shares": 5, "secret_threshold": 3 })).await;
    give(&nobody, REKEY, &nonce, &old[0]).await;
    let done = give(&nobody, REKEY, &nonce, &old[1]).await;
    assert_eq!((&done["complete"], &done["keys"]), (&json!(true), &json!([])));

    let nonce = begin(&nobody, RECOVERY, json!({ "secret_shares": 5, "secret_threshold": 3 })).await;
    give(&nobody, RECOVERY, &nonce, &old[0]).await;
    let new = shares_of(&give(&nobody, RECOVERY, &nonce, &old[2]).await);
    assert_eq!(new.len(), 5);
    assert_eq!(bench.nobody().read("sys/seal-status").await["data"]["n"], 5);
    let nonce = begin(&nobody, ROOT, json!({})).await;
    for share in &old[..2] {
        assert_eq!(give(&nobody, ROOT, &nonce, share).await["complete"], false);
    }
    assert!(give(&nobody, ROOT, &nonce, &old[2]).await["refused"].is_string(), "the old ones authorize nothing");
    for (count, share) in new[..3].iter().enumerate() {
        assert_eq!(give(&nobody, ROOT, &nonce, share).await["complete"], count == 2);
    }
    let restarted = Bench::fresh_as(Arc::clone(&bench.storage), CacheMode::SoleWriter, device(), 2, |_| ());
    assert!(!restarted.core.unseal_unattended().await.expect("the key is right").sealed);
}

#[tokio::test]
async fn without_a_recovery_key_nothing_is_authorized() {
    let device = Device::Static(LockedKey::filled(|bytes| bytes.fill(7)));
    let bench = Bench::fresh_with(Arc::new(Memory::new()), CacheMode::SoleWriter, device);
    bench.core.init(&InitOptions::default(), None).await.expect("the store is empty");
    let none = invalid("there is no recovery key: none was asked for when the server was initialized");
    let about = json!({ "secret_shares": 1, "secret_threshold": 1 });
    for path in ["sys/generate-root/attempt", "sys/rekey/init", "sys/rekey-recovery-key/init"] {
        assert_eq!(bench.nobody().write(path, about.clone()).await, none, "{path}");
    }
}

#[tokio::test]
async fn the_forms_for_those_with_a_token_ask_for_sudo() {
    let (bench, shares) = bench().await;
    let weak = bench.token_for("weak", "path \"sys/*\" { capabilities = [\"read\", \"update\", \"delete\"] }").await;
    let about = json!({ "secret_shares": 1, "secret_threshold": 1 });
    for path in ["sys/generate-root-token/attempt", "sys/rotate/root/init"] {
        assert_eq!(bench.nobody().write(path, about.clone()).await, denied(), "{path}");
        assert_eq!(bench.with(&weak).write(path, about.clone()).await, denied(), "{path}");
    }
    let root = bench.root();
    let nonce = begin(&root, "sys/rotate/root", about).await;
    assert_eq!(bench.nobody().read("sys/rekey/init").await["data"]["nonce"], json!(nonce), "one attempt, two doors");
    give(&root, "sys/rotate/root", &nonce, &shares[0]).await;
    let new = shares_of(&give(&root, "sys/rotate/root", &nonce, &shares[1]).await);
    assert!(reopens(&bench, &new).await);
}

#[tokio::test]
async fn an_operator_may_ask_for_a_token_beside_the_shares() {
    let (bench, shares) = bench().await;
    let closed = Bench::fresh_as(Arc::clone(&bench.storage), CacheMode::SoleWriter, Device::Shamir, 2, |parts| {
        parts.enable_unauthenticated_access = false;
    });
    unseal(&closed, &shares[..2]).await;
    let rows = [("sys/generate-root/attempt", "sys/generate-root/update"), ("sys/rekey/init", "sys/rekey/update")];
    for (status, update) in rows {
        assert_eq!(closed.nobody().read(status).await, denied());
        assert_eq!(closed.nobody().write(update, json!({ "key": shares[0], "nonce": "n" })).await, denied());
        assert_eq!(closed.with(&bench.root).read(status).await["data"]["started"], false);
    }
}

/// Keys as gpg made them; the tests of `openpgp` and the end-to-end tests open messages.
const KEYS: [(&str, &str); 2] = [
    (include_str!("../../../openpgp/src/keys/curve25519.asc"), "b52c8b454bc326a87de94d356611e3575ce2d79a"),
    (include_str!("../../../openpgp/src/keys/rsa.asc"), "a758205bed832b316698285164f25b159116d9fe"),
];

#[tokio::test]
async fn new_keys_leave_encrypted_and_a_copy_stays_until_it_is_deleted() {
    let (bench, old) = bench().await;
    let nobody = bench.nobody();
    let pgp_keys = KEYS.map(|(key, _)| key);
    for (about, text) in [
        (
            json!({ "secret_shares": 2, "secret_threshold": 2, "backup": true }),
            "cannot request a backup of the new keys without providing PGP keys for encryption",
        ),
        (
            json!({ "secret_shares": 3, "secret_threshold": 2, "pgp_keys": pgp_keys }),
            "count mismatch between number of provided PGP keys and number of shares",
        ),
        (
            json!({ "secret_shares": 1, "secret_threshold": 1, "pgp_keys": ["keybase:somebody"] }),
            "error parsing PGP key: PGP keys are not fetched from Keybase: give the key itself",
        ),
    ] {
        assert_eq!(nobody.write("sys/rekey/init", about).await, invalid(text));
    }
    let none = invalid("no backed-up keys found");
    assert_eq!(bench.root().read("sys/rekey/backup").await, none);
    let about = |needs_verification: bool| {
        json!({
            "secret_shares": 2, "secret_threshold": 2, "pgp_keys": pgp_keys, "backup": true,
            "require_verification": needs_verification,
        })
    };
    let nonce = begin(&nobody, REKEY, about(true)).await;
    give(&nobody, REKEY, &nonce, &old[0]).await;
    assert_eq!(give(&nobody, REKEY, &nonce, &old[1]).await["complete"], true);
    assert_eq!(bench.root().read("sys/rekey/backup").await, none, "they do not count yet");
    let cancel = nobody.request(framework::Operation::Delete, "sys/rekey/init", json!({ "nonce": nonce }));
    assert_eq!(nobody.send(cancel).await, json!({}));

    let nonce = begin(&nobody, REKEY, about(false)).await;
    let prints = json!(KEYS.map(|(_, print)| print));
    let status = nobody.read("sys/rekey/init").await["data"].clone();
    assert_eq!((&status["pgp_fingerprints"], &status["backup"]), (&prints, &json!(true)));
    give(&nobody, REKEY, &nonce, &old[0]).await;
    let made = give(&nobody, REKEY, &nonce, &old[1]).await;
    assert_eq!((&made["pgp_fingerprints"], &made["backup"]), (&prints, &json!(true)));
    for (hex, base64) in shares_of(&made).iter().zip(made["keys_base64"].as_array().expect("a list")) {
        let message = data_encoding::HEXLOWER.decode(hex.as_bytes()).expect("hexadecimal");
        assert_eq!(json!(data_encoding::BASE64.encode(&message)), *base64);
        // A packet with a session key, then protected data.
        assert!(message[0] == 0xc1 && message.len() > 150, "{hex}");
    }
    let kept = bench.root().read("sys/rekey/backup").await["data"].clone();
    assert_eq!((&kept["nonce"], &kept["keys"][KEYS[0].1][0]), (&json!(nonce), &made["keys"][0]));
    assert_eq!(kept["keys_base64"][KEYS[1].1][0], made["keys_base64"][1]);
    assert_eq!(nobody.read("sys/rekey/backup").await, denied());
    assert_eq!(bench.root().delete("sys/rekey/backup").await, json!({}));
    assert_eq!(bench.root().delete("sys/rekey/backup").await, json!({}), "twice is fine");
    assert_eq!(bench.root().read("sys/rekey/backup").await, none);
}

#[tokio::test]
async fn a_root_token_leaves_encrypted_to_a_key() {
    let (bench, shares) = bench().await;
    let nobody = bench.nobody();
    let both = json!({ "otp": "abcdefghijklmnopqrstuvwxyz12", "pgp_key": KEYS[0].0 });
    let refused = nobody.write("sys/generate-root/attempt", both).await;
    assert_eq!(refused, invalid("only one of otp and pgp_key can be given"));
    let begun = nobody.write("sys/generate-root/attempt", json!({ "pgp_key": KEYS[0].0 })).await["data"].clone();
    assert_eq!((&begun["otp"], &begun["pgp_fingerprint"]), (&json!(""), &json!(KEYS[0].1)));
    let nonce = begun["nonce"].as_str().expect("a nonce");
    give(&nobody, ROOT, nonce, &shares[0]).await;
    let last = give(&nobody, ROOT, nonce, &shares[1]).await;
    assert_eq!((&last["complete"], &last["pgp_fingerprint"]), (&json!(true), &json!(KEYS[0].1)));
    let message = last["encoded_token"].as_str().expect("a text").as_bytes();
    assert_eq!(data_encoding::BASE64.decode(message).expect("base64")[0], 0xc1);
}

#[tokio::test]
async fn the_first_keys_leave_encrypted_and_a_wrong_key_initializes_nothing() {
    let bench = Bench::fresh(Arc::new(Memory::new()), CacheMode::SoleWriter);
    let nobody = bench.nobody();
    let about = |keys: Value, root: &str| json!({ "secret_shares": 2, "secret_threshold": 2, "pgp_keys": keys, "root_token_pgp_key": root });
    let keys = KEYS.map(|(key, _)| key);
    for (about, text) in [
        (about(json!([keys[0]]), ""), "count mismatch between number of provided PGP keys and number of shares"),
        (about(json!([keys[0], "no key!"]), ""), "error parsing PGP key: PGP key is neither base64 nor armored"),
        (
            about(json!(keys), "keybase:a"),
            "error parsing PGP key: PGP keys are not fetched from Keybase: give the key itself",
        ),
    ] {
        assert_eq!(nobody.write("sys/init", about).await, invalid(text));
        assert_eq!(nobody.read("sys/init").await["data"]["initialized"], false);
    }
    let made = nobody.write("sys/init", about(json!(keys), keys[0])).await["data"].clone();
    for text in [&made["keys_base64"][0], &made["keys_base64"][1], &made["root_token"]] {
        let message = data_encoding::BASE64.decode(text.as_str().expect("a text").as_bytes()).expect("base64");
        assert!(message[0] == 0xc1 && message.len() > 150, "{text}");
    }
}

#[tokio::test]
async fn no_share_lies_in_the_store() {
    let (bench, shares) = bench().await;
    let nonce = begin(&bench.nobody(), ROOT, json!({})).await;
    give(&bench.nobody(), ROOT, &nonce, &shares[0]).await;
    let share = data_encoding::HEXLOWER.decode(shares[0].as_bytes()).expect("hexadecimal");
    for (key, value) in crate::testing::dump(&*bench.storage, "").await {
        let holds = |needle: &[u8]| value.windows(needle.len()).any(|window| window == needle);
        assert!(!holds(&share) && !holds(shares[0].as_bytes()) && !key.contains(&nonce), "{key}");
    }
}

#[tokio::test]
async fn keys_of_strangers_are_read_only_where_they_may_be_needed_and_not_without_end() {
    let (bench, _) = bench().await;
    let nobody = bench.nobody();
    let about = json!({ "secret_shares": 1, "secret_threshold": 1, "pgp_keys": ["no key!"] });
    assert_eq!(nobody.write("sys/init", about.clone()).await, invalid("Vault is already initialized"));
    begin(&nobody, ROOT, json!({})).await;
    begin(&nobody, REKEY, json!({ "secret_shares": 1, "secret_threshold": 1 })).await;
    let attempt = json!({ "pgp_key": "no key!" });
    let begun = nobody.write("sys/generate-root/attempt", attempt.clone()).await;
    assert_eq!(begun, invalid("root generation already in progress"));
    assert_eq!(nobody.write("sys/rekey/init", about).await, invalid("rekey already in progress"));
    nobody.delete("sys/generate-root/attempt").await;
    let wrong = invalid("error parsing PGP key: PGP key is neither base64 nor armored");
    let tries = async || {
        let mut tries = 0;
        while nobody.write("sys/generate-root/attempt", attempt.clone()).await == wrong {
            tries += 1;
            assert!(tries <= 600, "nobody minds");
        }
        tries
    };
    assert_eq!(tries().await, 600);
    let refused = nobody.write("sys/generate-root/attempt", attempt.clone()).await;
    assert!(refused["refused"].as_str().is_some_and(|text| text.starts_with("TooMany")), "{refused}");
    bench.clock.advance(std::time::Duration::from_secs(2));
    assert_eq!(tries().await, 2);
    begin(&nobody, ROOT, json!({})).await;
}

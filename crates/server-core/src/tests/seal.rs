//! Init, unseal and seal, with everything that opens and closes with them.

use std::sync::Arc;

use barrier::CacheMode;
use barrier::seal::{Device, InitOptions};
use secret::LockedKey;
use serde_json::json;
use storage::counting::{Call, Counting};
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;

use crate::testing::{Bench, Yielding, denied, dump, invalid, late, sealed};

#[tokio::test]
async fn init_is_one_commit() {
    let counting = Arc::new(Counting::new(Arc::new(Memory::new())));
    let bench = Bench::fresh(Arc::clone(&counting) as _, CacheMode::SoleWriter);
    bench.core.init(&InitOptions::shamir(5, 3), None).await.expect("the store is empty");
    assert_eq!(counting.tally().commits, 1);
}

#[tokio::test]
async fn a_second_init_is_refused_and_changes_nothing() {
    let bench = Bench::new().await;
    let before = bench.keys("").await;
    let again = bench.nobody().write("sys/init", json!({ "secret_shares": 1, "secret_threshold": 1 })).await;
    assert_eq!(again, invalid("Vault is already initialized"));
    assert_eq!(bench.keys("").await, before);
    assert_eq!(bench.root().lookup().await["display_name"], "root");
}

#[tokio::test]
async fn of_two_nodes_that_initialize_at_once_one_wins() {
    let storage: Arc<dyn storage::Storage> = Arc::new(Memory::new());
    let one = Bench::fresh(Arc::clone(&storage), CacheMode::ReadThrough);
    let two = Bench::fresh(storage, CacheMode::ReadThrough);
    let options = InitOptions::shamir(1, 1);
    let (one, two) = tokio::join!(one.core.init(&options, None), two.core.init(&options, None));
    assert!(one.is_ok() != two.is_ok(), "exactly one of them");
    let refusal = one.err().or(two.err()).map(|error| error.to_string());
    assert_eq!(refusal.as_deref(), Some("Vault is already initialized"));
}

#[tokio::test]
async fn init_over_the_wire_hands_out_shares_that_unseal_and_a_root_token_that_works() {
    let bench = Bench::fresh(Arc::new(Memory::new()), CacheMode::SoleWriter);
    assert_eq!(bench.nobody().read("sys/init").await, json!({ "data": { "initialized": false } }));
    let made = bench.nobody().write("sys/init", json!({ "secret_shares": 3, "secret_threshold": 2 })).await;
    let made = &made["data"];
    assert_eq!(made["keys"].as_array().map(Vec::len), Some(3));
    assert_eq!(bench.nobody().read("sys/init").await, json!({ "data": { "initialized": true } }));
    let first = bench.nobody().write("sys/unseal", json!({ "key": made["keys"][0] })).await;
    assert_eq!((&first["data"]["sealed"], &first["data"]["progress"]), (&json!(true), &json!(1)));
    assert_ne!(first["data"]["nonce"], "");
    let second = bench.nobody().write("sys/unseal", json!({ "key": made["keys_base64"][2] })).await;
    assert_eq!((&second["data"]["sealed"], &second["data"]["progress"]), (&json!(false), &json!(0)));
    let root = made["root_token"].as_str().expect("a token").to_owned();
    assert!(root.starts_with("hvs.") && root.len() == 28, "{root}");
    assert_eq!(bench.with(&root).lookup().await["policies"], json!(["root"]));
}

#[tokio::test]
async fn a_node_that_was_killed_comes_back_with_everything() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    bench.root().write("secret/a", json!({ "x": 1 })).await;
    let token = bench.token_for("reader", "path \"secret/*\" { capabilities = [\"read\"] }").await;
    let storage = Arc::clone(&bench.storage);
    let bench = bench.crashed(storage).await;
    assert_eq!(bench.with(&token).read("secret/a").await, json!({ "data": { "x": 1 } }));
    assert_eq!(bench.with(&token).write("secret/a", json!({ "x": 2 })).await, denied());
    assert_eq!(bench.root().lookup().await["path"], "auth/token/root");
}

#[tokio::test]
async fn before_init_and_while_sealed_only_the_rows_for_it_answer() {
    let bench = Bench::fresh(Arc::new(Memory::new()), CacheMode::SoleWriter);
    check_closed(&bench, 501).await;
    let bench = Bench::new().await;
    bench.core.seal().await;
    check_closed(&bench, 503).await;
}

async fn check_closed(bench: &Bench, health: u16) {
    for token in [bench.root(), bench.nobody(), bench.with("anything")] {
        for path in ["auth/token/lookup-self", "sys/mounts", "secret/a", "nothing/here", "sys/internal/ui/mounts"] {
            assert_eq!(token.read(path).await, sealed(), "{path}");
        }
        assert_eq!(token.write("sys/seal", json!({})).await, sealed());
        assert_eq!(token.delete("sys/init").await, sealed());
        assert_eq!(token.read("sys/health").await["status"], format!("Code({health})"));
        assert_eq!(token.read("sys/seal-status").await["data"]["sealed"], true);
        assert_eq!(token.read("sys/seal-status").await["data"]["cluster_id"], json!(null));
        assert_eq!(token.read("sys/leader").await["data"]["is_self"], true);
    }
}

#[tokio::test]
async fn seal_drops_what_was_loaded_and_unseal_brings_it_back() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    bench.root().write("secret/a", json!({ "x": 1 })).await;
    let token = bench.token(json!({})).await;
    assert_eq!(bench.root().write("sys/seal", json!({})).await, json!({}));
    assert_eq!(bench.with(&token).lookup().await, json!(null));
    assert_eq!(bench.with(&token).read("auth/token/lookup-self").await, sealed());
    assert!(bench.core.seals.identity.cluster().is_err(), "the keys of the keyed hashes are gone");
    bench.unseal().await;
    assert_eq!(bench.with(&token).lookup().await["display_name"], "token");
    assert_eq!(bench.root().read("secret/a").await, json!({ "data": { "x": 1 } }));
}

#[tokio::test]
async fn seal_does_not_wait_for_a_store_that_hangs_to_lock_the_keys_away() {
    let (env, _) = env::simulated::env(9);
    let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env));
    let bench = Bench::over(Arc::clone(&faulty) as _).await;
    bench.token(json!({ "ttl": "1m" })).await;
    faulty.fail_nth(Call::Scan, 1, Fault::Hang);
    bench.clock.advance(std::time::Duration::from_secs(120));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    // The worker hangs in its scan, so the seal as a whole does not come to its end.
    assert!(crate::testing::unless_hung(bench.core.seal()).await.is_none());
    assert!(bench.core.seals.store.barrier().is_sealed());
    assert_eq!(bench.root().read("auth/token/lookup-self").await, sealed());
}

#[tokio::test]
async fn an_unseal_that_cannot_be_finished_leaves_the_node_sealed() {
    let (env, _) = env::simulated::env(9);
    let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env));
    let bench = Bench::over(Arc::clone(&faulty) as _).await;
    bench.core.seal().await;
    // The seal entry, the keyring, and then the cluster entry, which is missing out.
    faulty.fail_nth(Call::Read, 3, Fault::Fail);
    let error = bench.core.unseal(bench.share.clone()).await.expect_err("the cluster entry cannot be read");
    assert!(matches!(error, framework::Error::World { .. }), "{error:?}");
    assert_eq!(bench.root().read("auth/token/lookup-self").await, sealed());
    bench.unseal().await;
    assert_eq!(bench.root().lookup().await["display_name"], "root");
}

#[tokio::test]
async fn seal_and_unseal_at_once_leave_one_of_the_two_states() {
    for round in 0..20 {
        let bench = Bench::new().await;
        bench.core.seal().await;
        let (_, ()) = tokio::join!(bench.core.unseal(bench.share.clone()), async {
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            bench.core.seal().await;
        });
        let is_sealed = bench.core.seals.store.barrier().is_sealed();
        assert_eq!(bench.core.seals.identity.cluster().is_err(), is_sealed, "round {round}");
        let seen = bench.root().read("auth/token/lookup-self").await;
        assert_eq!(seen == sealed(), is_sealed, "round {round}: {seen}");
    }
}

#[tokio::test]
async fn nothing_secret_is_readable_in_the_store() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    bench.root().write("secret/a", json!({ "value": "the-secret-value-itself" })).await;
    let made = bench.root().write("auth/token/create", json!({ "num_uses": 3, "ttl": "1h" })).await;
    let made = &made["auth"];
    let child = bench.token(json!({ "id": "chosen-by-the-caller", "meta": { "a": "meta-value" } })).await;
    bench.with(&child).write("cubbyhole/b", json!({ "value": "the-private-value-itself" })).await;
    let accessor = bench.with(&child).lookup().await["accessor"].clone();
    let texts = [
        made["client_token"].as_str().expect("a token"),
        made["accessor"].as_str().expect("an accessor"),
        accessor.as_str().expect("an accessor"),
        &child,
        &bench.root,
        "the-secret-value-itself",
        "the-private-value-itself",
        "meta-value",
    ];
    let entries = dump(&*bench.storage, "").await;
    assert!(entries.len() > 20);
    for text in texts {
        // Behind the prefix the characters are random: they alone must not be found either.
        let text = text.trim_start_matches("hvs.").as_bytes();
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        for (key, value) in &entries {
            assert!(!holds(key.as_bytes()) && !holds(value), "{key} holds {}", String::from_utf8_lossy(text));
        }
    }
}

#[tokio::test]
async fn a_rotated_keyring_keeps_every_token() {
    let bench = Bench::new().await;
    let token = bench.token(json!({ "policies": "default" })).await;
    assert_eq!(bench.root().read("sys/key-status").await["data"]["term"], 1);
    assert_eq!(bench.root().write("sys/rotate", json!({})).await, json!({}));
    assert_eq!(bench.root().read("sys/key-status").await["data"]["term"], 2);
    assert_eq!(bench.with(&token).lookup().await["display_name"], "token");
    assert_eq!(bench.with(&token).write("sys/rotate", json!({})).await, denied());
}

#[tokio::test]
async fn a_client_that_goes_away_during_an_unseal_leaves_no_half_open_node() {
    for turns in 0..30 {
        let bench = Bench::over(Arc::new(Yielding(Memory::new()))).await;
        bench.core.seal().await;
        tokio::select! {
            biased;
            _ = bench.core.unseal(bench.share.clone()) => {}
            () = late(turns, async {}) => {}
        }
        let is_open = async { bench.root().lookup().await != serde_json::json!(null) };
        assert!(late(500, is_open).await, "{turns}");
    }
}

#[tokio::test]
async fn a_node_with_its_own_key_opens_at_init_and_hands_out_the_token_even_if_it_cannot() {
    for fails in [false, true] {
        let (env, _) = env::simulated::env(9);
        let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env));
        let key = Device::Static(LockedKey::filled(|bytes| bytes.fill(7)));
        let bench = Bench::fresh_with(Arc::clone(&faulty) as _, CacheMode::SoleWriter, key);
        if fails {
            // The first read is init's own question, the second is the unseal's.
            faulty.fail_nth(Call::Read, 2, Fault::Fail);
        }
        let made = bench.core.init(&InitOptions::recovery(1, 1), None).await.expect("the store is empty");
        assert_eq!((made.shares.len(), made.recovery_shares.len()), (0, 1));
        assert_eq!(bench.core.seals.store.barrier().is_sealed(), fails);
        let status = bench.core.unseal_unattended().await.expect("the key is right");
        assert!(!status.sealed);
        assert_eq!(bench.with(made.root_token.expose()).lookup().await["display_name"], "root");
    }
}

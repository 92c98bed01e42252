use std::sync::Arc;
use std::time::Duration;

use backup::{Header, Lineage, Proof, Summary, Trailer};
use barrier::{CacheMode, Purpose};
use bytes::Bytes;
use framework::Operation;
use serde_json::{Value, json};
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;
use storage::{Batch, CommitId, Expectation, Outcome, Storage, Write};

use super::{EpochEntry, MARKER_KEY, ends_tokens, marker};
use crate::testing::{Bench, denied, patiently};

const SUM: [u8; 32] = [5; 32];

/// What a restore knows of its backup.
fn summary(proof: Option<Proof>) -> Summary {
    let header = Header {
        v: 1,
        made: String::new(),
        made_by: String::new(),
        lineage: Lineage([0; 16]),
        cluster_id: None,
        position: 1,
        feature_level: 1,
    };
    Summary { header, trailer: Trailer { entries: 9, sections: 1, proof }, sum: SUM, bytes: 1 }
}

/// Does to a sealed node's store what a restore does.
async fn mark(bench: &Bench, proof: Option<Proof>, keeps_tokens: bool) {
    let value = marker(&bench.env, &summary(proof), keeps_tokens).expect("it is short");
    let batch = Batch {
        id: CommitId(bench.env.random()),
        expectations: vec![Expectation::Absent(MARKER_KEY)],
        writes: vec![Write::Put(MARKER_KEY, Bytes::from(value))],
    };
    assert!(matches!(bench.storage.commit(&batch).await, Ok(Outcome::Committed(_))));
}

fn proof(bench: &Bench) -> Proof {
    let key = bench.core.seals.store.barrier().subkey(Purpose::Backups).expect("unsealed");
    Proof { term: key.term, mac: backup::mac(key.key.expose(), &SUM, 9) }
}

/// A token of each kind that the root token can make.
async fn tokens(bench: &Bench) -> Vec<String> {
    let batch = json!({ "type": "batch", "policies": ["default"], "ttl": "10h", "no_parent": true });
    let chosen = json!({ "id": "chosen-by-hand", "policies": ["default"] });
    let mut request = bench.root().request(Operation::Read, "auth/token/lookup-self", json!({}));
    request.wrap_ttl = Some(Duration::from_secs(36_000));
    let wrapped = bench.root().answer(request).await.expect("wrapped").wrap_info.expect("a token");
    vec![
        bench.root.clone(),
        bench.token(json!({ "policies": ["default"] })).await,
        bench.token(batch).await,
        bench.token(chosen).await,
        wrapped.token.expose().clone(),
    ]
}

/// Whether a token opens something.
async fn is_valid(bench: &Bench, token: &str) -> bool {
    if bench.with(token).read("auth/token/lookup-self").await != denied() {
        return true;
    }
    bench.with(token).write("sys/wrapping/unwrap", json!({})).await["data"].is_object()
}

async fn reseal(bench: &Bench) {
    bench.core.seal().await;
    bench.unseal().await;
}

#[tokio::test]
async fn everything_that_was_handed_out_before_a_restore_is_refused() {
    let bench = Bench::new().await;
    let (tokens, proof) = (tokens(&bench).await, proof(&bench));
    for token in &tokens[..4] {
        assert!(is_valid(&bench, token).await, "{token}");
    }
    bench.core.seal().await;
    mark(&bench, Some(proof), false).await;
    bench.unseal().await;
    for token in &tokens {
        assert!(!is_valid(&bench, token).await, "{token}");
    }
    assert_eq!(bench.keys("core/restored").await, Vec::<String>::new(), "the marker is used up");
    // It stays so, and is no end of all tokens to come.
    reseal(&bench).await;
    assert!(!is_valid(&bench, &bench.root).await);
}

#[tokio::test]
async fn tokens_stay_when_that_is_asked_for() {
    let bench = Bench::new().await;
    let (tokens, proof) = (tokens(&bench).await, proof(&bench));
    bench.core.seal().await;
    mark(&bench, Some(proof), true).await;
    bench.unseal().await;
    for token in &tokens {
        assert!(is_valid(&bench, token).await, "{token}");
    }
    assert_eq!(bench.keys("core/restored").await, Vec::<String>::new());
    assert_eq!(bench.keys("core/token-epoch").await, Vec::<String>::new());
}

/// A token of the present epoch with every right, as somebody who can make one would.
async fn fresh_root(bench: &Bench) -> String {
    let cluster = bench.core.seals.identity.cluster().expect("unsealed");
    let parts = crate::tokens::create::root(&bench.env, &cluster, None).expect("a token");
    let mut changes = barrier::Changes::new();
    for (key, value) in parts.entries {
        changes.create(key, value);
    }
    bench.core.seals.store.commit(changes).await.map(drop).unwrap_or_else(|_| panic!("committed"));
    parts.created.token.expose().clone()
}

#[tokio::test]
async fn tokens_of_another_epoch_are_unknown_by_their_accessors_too_and_are_tidied_away() {
    let bench = Bench::new().await;
    let dead = bench.token(json!({ "policies": ["default"] })).await;
    let accessor = bench.with(&dead).lookup().await["accessor"].clone();
    bench.core.seal().await;
    mark(&bench, None, false).await;
    bench.unseal().await;
    let root = fresh_root(&bench).await;
    for path in ["auth/token/lookup-accessor", "auth/token/renew-accessor", "auth/token/revoke-accessor"] {
        let told = bench.with(&root).write(path, json!({ "accessor": accessor })).await;
        assert!(told.to_string().contains("invalid accessor"), "{path}: {told}");
    }
    let stored = async || bench.keys("ns/root/token/").await.len();
    assert_eq!(stored().await, 3);
    bench.core.seals.tokens.tidy("root").await.expect("a pass");
    assert_eq!(stored().await, 1, "the present root token is left");
    assert_eq!(bench.with(&root).lookup().await["path"], json!("auth/token/root"));
    // A text that was taken before is free again.
    bench.with(&root).create("create", json!({ "id": "again", "policies": ["default"] })).await;
}

#[tokio::test]
async fn one_backup_that_is_restored_twice_brings_back_nothing_from_in_between() {
    let bench = Bench::new().await;
    let mut epochs = Vec::new();
    for _ in 0..2 {
        bench.core.seal().await;
        mark(&bench, None, false).await;
        bench.unseal().await;
        epochs.push(bench.core.seals.identity.cluster().expect("unsealed").token_epoch.clone());
    }
    assert_ne!(epochs[0], epochs[1]);
}

#[tokio::test]
async fn what_was_changed_since_the_cluster_made_it_is_not_unsealed() {
    let bench = Bench::new().await;
    let proof = proof(&bench);
    for wrong in [Proof { mac: [0; 32], ..proof }, Proof { term: 9, ..proof }] {
        bench.core.seal().await;
        mark(&bench, Some(wrong), true).await;
        let refused = bench.core.unseal(bench.share.clone()).await.expect_err("it is refused").to_string();
        assert!(refused.contains("was changed after it had been made"), "{refused}");
        assert!(bench.core.seals.control.barrier().is_sealed());
        assert_eq!(bench.keys("core/restored").await.len(), 1, "the next try finds it again");
        let found = bench.storage.read(&[MARKER_KEY]).await.expect("an answer").entries.remove(0).expect("a marker");
        let batch = Batch {
            id: CommitId(bench.env.random()),
            expectations: vec![Expectation::At(MARKER_KEY, found.revision)],
            writes: vec![Write::Delete(MARKER_KEY)],
        };
        bench.storage.commit(&batch).await.expect("committed");
    }
    bench.unseal().await;
}

#[tokio::test]
async fn a_marker_that_cannot_be_read_keeps_the_node_sealed() {
    let bench = Bench::new().await;
    bench.core.seal().await;
    let batch = Batch {
        id: CommitId([1; 16]),
        expectations: vec![Expectation::Absent(MARKER_KEY)],
        writes: vec![Write::Put(MARKER_KEY, Bytes::from_static(b"{}"))],
    };
    bench.storage.commit(&batch).await.expect("committed");
    assert!(bench.core.unseal(bench.share.clone()).await.is_err());
    assert!(bench.core.seals.control.barrier().is_sealed());
    assert!(ends_tokens(b"{}"), "and a second restore does not forget that tokens were to end");
}

#[tokio::test]
async fn two_nodes_that_unseal_at_once_agree_on_one_epoch() {
    let storage: Arc<dyn Storage> = Arc::new(Memory::new());
    let mut bench = Bench::fresh(storage, CacheMode::ReadThrough);
    bench.init().await;
    let beside = bench.beside().await;
    bench.core.seal().await;
    beside.core.seal().await;
    mark(&bench, None, false).await;
    let (one, other) = tokio::join!(bench.core.unseal(bench.share.clone()), beside.core.unseal(bench.share.clone()));
    assert!(!one.expect("unsealed").sealed && !other.expect("unsealed").sealed);
    let epoch = |bench: &Bench| bench.core.seals.identity.cluster().expect("unsealed").token_epoch.clone();
    assert_eq!(epoch(&bench), epoch(&beside));
    assert!(!epoch(&bench).is_empty());
}

#[tokio::test]
async fn an_unseal_that_is_cut_anywhere_ends_the_tokens_with_the_next() {
    for fault in [Fault::CutBefore, Fault::CutAfter] {
        for nth in 1..8 {
            let memory: Arc<dyn Storage> = Arc::new(Memory::new());
            let faulty = Arc::new(Faulty::new(Arc::clone(&memory), env::simulated::env(1).0));
            let bench = Bench::over(Arc::clone(&faulty) as _).await;
            bench.core.seal().await;
            mark(&bench, None, false).await;
            faulty.fail_nth_call(nth, fault);
            // Whether it goes through or not is not what this is about.
            drop(patiently(&bench.clock, bench.core.unseal(bench.share.clone())).await);
            let bench = bench.crashed(memory).await;
            assert!(!is_valid(&bench, &bench.root).await, "{fault:?} at call {nth}");
            assert_eq!(bench.keys("core/restored").await, Vec::<String>::new());
        }
    }
}

/// Written once by this release, and never again.
#[tokio::test]
async fn what_the_first_release_stored_is_still_understood() {
    let bench = Bench::new().await;
    let stored = include_bytes!("../golden/stored/restored-1.json");
    let mut made = marker(&bench.env, &summary(Some(Proof { term: 1, mac: [2; 32] })), false).expect("it is short");
    let told: Value = serde_json::from_slice(stored).expect("JSON");
    let mut made: Value = serde_json::from_slice(&std::mem::take(&mut made)).expect("JSON");
    made["restored"] = told["restored"].clone();
    assert_eq!(made, told);
    assert!(ends_tokens(stored));
    let epoch: EpochEntry =
        serde_json::from_slice(include_bytes!("../golden/stored/token-epoch-1.json")).expect("JSON");
    assert_eq!(epoch.open().expect("known"), "AbCdEfGhIjKlMnOpQrStUvWx");
}

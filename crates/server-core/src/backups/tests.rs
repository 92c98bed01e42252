use std::sync::Arc;

use backup::{Reader, Summary, inspect};
use barrier::CacheMode;
use framework::{Error, Operation, Reply};
use serde_json::{Value, json};
use storage::memory::Memory;

use crate::keys;
use crate::testing::{Bench, denied, dump, invalid};

/// Everything that a backup's reader gets, or how it broke off.
async fn drain(reply: Reply) -> Result<Vec<u8>, Error> {
    let mut chunks = reply.stream.expect("a stream").chunks;
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await? {
        assert!(!chunk.is_empty());
        bytes.extend(chunk);
    }
    Ok(bytes)
}

async fn begin(bench: &Bench) -> Result<Reply, Error> {
    let root = bench.root();
    root.answer(root.request(Operation::Read, "sys/storage/backup", json!({}))).await
}

async fn save(bench: &Bench) -> Vec<u8> {
    drain(begin(bench).await.expect("begun")).await.expect("whole")
}

/// The entries as [`dump`] tells them.
fn entries(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut reader = Reader::open(bytes).expect("a backup");
    let mut entries = Vec::new();
    while let Some(section) = reader.next().expect("whole") {
        entries.extend(section.records().map(|it| (String::from_utf8_lossy(it.key).into_owned(), it.value.to_vec())));
    }
    entries
}

fn claim(summary: &Summary) -> Value {
    let proof = summary.trailer.proof.expect("a proof");
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    json!({
        "lineage": summary.header.lineage.to_string(), "sum": hex(&summary.sum), "entries": summary.trailer.entries,
        "term": proof.term, "mac": hex(&proof.mac),
    })
}

#[tokio::test]
async fn a_backup_is_of_the_moment_when_it_was_begun() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    for number in 0..30 {
        bench.root().write(&format!("secret/{number}"), json!({ "value": "v".repeat(20_000) })).await;
    }
    let before = dump(&*bench.storage, "").await;
    let position = bench.storage.now().await.expect("an answer");
    let reply = begin(&bench).await.expect("begun");
    bench.root().write("secret/another", json!({ "value": "later" })).await;
    bench.root().delete("secret/3").await;
    let bytes = drain(reply).await.expect("whole");
    let summary = inspect(bytes.as_slice()).expect("a backup");
    assert_eq!(entries(&bytes), before);
    assert_eq!((summary.header.position, summary.trailer.entries), (position.0, before.len() as u64));
    let cluster = bench.core.seals.identity.cluster().expect("unsealed");
    assert_eq!(summary.header.cluster_id.as_deref(), Some(cluster.id.as_str()));
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("vvvvvvvv"), "values are encrypted");
}

#[tokio::test]
async fn a_backup_is_known_to_the_cluster_that_made_it_and_to_no_other() {
    let bench = Bench::new().await;
    let mut other = Bench::fresh(Arc::new(Memory::new()), CacheMode::SoleWriter);
    // Nodes of these tests draw the same random bytes, and are one cluster if they draw as many.
    drop(other.env.uuid());
    other.init().await;
    let summary = inspect(save(&bench).await.as_slice()).expect("a backup");
    let verify =
        async |bench: &Bench, claim: &Value| bench.root().write("sys/storage/backup-verify", claim.clone()).await;
    let told = |genuine: bool, same: bool| json!({ "data": { "genuine": genuine, "same_cluster": same } });
    let claim = claim(&summary);
    assert_eq!(verify(&bench, &claim).await["data"], told(true, true)["data"]);
    bench.root().write("sys/rotate", json!({})).await;
    assert_eq!(verify(&bench, &claim).await["data"], told(true, true)["data"], "older terms stay");
    assert_eq!(verify(&other, &claim).await["data"], told(false, false)["data"]);
    for (name, value) in
        [("sum", json!("0".repeat(64))), ("entries", json!(1)), ("term", json!(77)), ("mac", json!("0".repeat(64)))]
    {
        let mut changed = claim.clone();
        changed[name] = value;
        assert_eq!(verify(&bench, &changed).await["data"], told(false, true)["data"], "{name}");
    }
    let mut changed = claim;
    changed["mac"] = json!("zz");
    assert_eq!(verify(&bench, &changed).await, invalid("mac must have 64 hexadecimal digits"));
}

#[tokio::test]
async fn only_so_many_copies_are_made_at_once() {
    let bench = Bench::new().await;
    let (one, other) = (begin(&bench).await.expect("begun"), begin(&bench).await.expect("begun"));
    assert!(matches!(begin(&bench).await, Err(Error::Busy(_))));
    drop(one);
    let third = begin(&bench).await.expect("a place is free again");
    let (second, third) = (drain(other).await.expect("whole"), drain(third).await.expect("whole"));
    assert_eq!(entries(&second), entries(&third));
}

#[tokio::test]
async fn a_seal_breaks_a_copy_off() {
    let bench = Bench::new().await;
    let reply = begin(&bench).await.expect("begun");
    bench.core.seal().await;
    assert!(matches!(drain(reply).await, Err(Error::Sealed)));
}

#[tokio::test]
async fn whoever_may_not_gets_no_copy() {
    let bench = Bench::new().await;
    let reads = r#"path "sys/storage/*" { capabilities = ["read", "update"] }"#;
    let token = bench.token_for("reads", reads).await;
    assert_eq!(bench.with(&token).read("sys/storage/backup").await, denied());
    assert_eq!(bench.with(&token).write("sys/storage/backup-verify", json!({})).await, denied());
    assert_eq!(bench.nobody().read("sys/storage/backup").await, denied());
    bench.root().write("sys/namespaces/team", json!({})).await;
    let within = bench.root().within("team").read("sys/storage/backup").await;
    assert_eq!(within, invalid("operation unavailable in namespaces"));
}

#[tokio::test]
async fn a_copy_is_not_wrapped_and_a_raft_snapshot_is_somebody_elses() {
    let bench = Bench::new().await;
    let root = bench.root();
    let mut request = root.request(Operation::Read, "sys/storage/backup", json!({}));
    request.wrap_ttl = Some(std::time::Duration::from_secs(60));
    assert_eq!(root.send(request).await, invalid("what is made while it is sent cannot be wrapped"));
    for path in ["sys/storage/raft/snapshot", "sys/storage/raft/snapshot-force"] {
        let told = bench.root().write(path, json!({})).await.to_string();
        assert!(told.contains("operator backup save"), "{path}: {told}");
    }
    assert!(bench.root().read("sys/storage/raft/snapshot").await.to_string().contains("operator backup save"));
}

#[tokio::test]
async fn the_commit_that_names_the_cluster_stays() {
    let bench = Bench::new().await;
    let of = async || inspect(save(&bench).await.as_slice()).expect("a backup").header.lineage;
    let first = of().await;
    bench.root().write("sys/rotate", json!({})).await;
    bench.core.seal().await;
    bench.unseal().await;
    assert_eq!(of().await, first);
    let found = bench.storage.read(&[keys::CLUSTER]).await.expect("an answer");
    assert_eq!(found.entries[0].as_ref().map(super::lineage_of), Some(first));
}

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use barrier::CacheMode;
use env::Clock as _;
use framework::{Operation, Service as _};
use proptest::prelude::*;
use serde_json::{Value, json};
use storage::counting::Counting;
use storage::memory::Memory;
use storage::{Batch, Export, Key, Outcome, Page, Scan, Snapshot, Storage, Watch};

use super::*;
use crate::testing::{Bench, patiently, refused};

/// A store whose answers claim to be no newer than a position: how a node sees it that lags behind.
struct Lagging(Arc<dyn Storage>, AtomicU64);

impl Lagging {
    fn cap(&self, position: Position) -> Position {
        Position(position.0.min(self.1.load(Ordering::SeqCst)))
    }
}

#[async_trait]
impl Storage for Lagging {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, storage::Error> {
        let snapshot = self.0.read(keys).await?;
        Ok(Snapshot { position: self.cap(snapshot.position), ..snapshot })
    }

    async fn scan(&self, scan: &Scan) -> Result<Page, storage::Error> {
        let page = self.0.scan(scan).await?;
        Ok(Page { position: self.cap(page.position), ..page })
    }

    async fn commit(&self, batch: &Batch) -> Result<Outcome, storage::Error> {
        self.0.commit(batch).await
    }

    async fn now(&self) -> Result<Position, storage::Error> {
        self.0.now().await.map(|position| self.cap(position))
    }

    async fn watch(&self, from: Position) -> Result<Box<dyn Watch>, storage::Error> {
        self.0.watch(from).await
    }

    async fn export(&self) -> Result<Box<dyn Export>, storage::Error> {
        self.0.export().await
    }
}

/// What a request of this kind is told.
async fn index_of(bench: &Bench, operation: Operation, path: &str, data: Value) -> Option<String> {
    let request = bench.root().request(operation, path, data);
    bench.core.answer(request).await.index
}

/// The index of a fresh write.
async fn written(bench: &Bench) -> String {
    let policy = json!({ "policy": "path \"a\" { capabilities = [\"read\"] }" });
    index_of(bench, Operation::Update, "sys/policies/acl/a", policy).await.expect("a change is told")
}

async fn read_with(bench: &Bench, indexes: &[&str]) -> Value {
    let mut request = bench.root().request(Operation::Read, "sys/policies/acl/a", json!({}));
    request.indexes = indexes.iter().map(|index| (*index).to_owned()).collect();
    bench.root().send(request).await
}

fn fields(index: &str) -> Vec<String> {
    let text = String::from_utf8(BASE64.decode(index.as_bytes()).expect("base64")).expect("UTF-8");
    text.split(':').map(str::to_owned).collect()
}

#[tokio::test]
async fn changes_are_told_in_the_form_that_clients_merge() {
    let bench = Bench::new().await;
    let first = fields(&written(&bench).await);
    let cluster = bench.core.seals.identity.cluster().expect("it is unsealed");
    assert_eq!((first.len(), first[0].as_str(), &first[1], first[3].as_str()), (5, "v1", &cluster.id, "0"));
    assert_eq!(HEXLOWER.decode(first[4].as_bytes()).expect("hex").len(), 32);
    let position = |fields: &[String]| fields[2].parse::<u64>().expect("a number");
    let second = fields(&written(&bench).await);
    assert!(position(&second) > position(&first), "{second:?}");
    let deleted = index_of(&bench, Operation::Delete, "sys/policies/acl/a", json!({})).await.expect("a change");
    assert!(position(&fields(&deleted)) > position(&second));
    assert_eq!(index_of(&bench, Operation::Read, "sys/policies/acl/default", json!({})).await, None);
    assert_eq!(index_of(&bench, Operation::List, "sys/policies/acl", json!({})).await, None);
    assert_eq!(index_of(&bench, Operation::Update, "sys/policies/acl/root", json!({})).await, None, "a refusal");
    let decoded = json!({ "encoded_token": "AAAA", "otp": "abc" });
    let stranger = bench.nobody().request(Operation::Update, "sys/decode-token", decoded);
    let answer = bench.core.answer(stranger).await;
    assert!(answer.result.is_ok() && answer.index.is_none(), "strangers are told nothing: {answer:?}");
}

#[tokio::test]
async fn a_node_that_has_come_as_far_asks_nobody() {
    let counting = Arc::new(Counting::new(Arc::new(Memory::new())));
    let bench = Bench::over(Arc::clone(&counting) as _).await;
    let index = written(&bench).await;
    read_with(&bench, &[]).await;
    counting.take();
    assert_eq!(read_with(&bench, &[&index, &index]).await["data"]["name"], "a");
    assert_eq!(counting.take(), storage::counting::Tally::default());
}

#[tokio::test]
async fn what_this_cluster_did_not_make_is_ignored() {
    let bench = Bench::new().await;
    let other = Bench::new().await;
    let index = written(&bench).await;
    let mut ahead = fields(&index);
    ahead[2] = "18446744073709551615".to_owned();
    let foreign = BASE64.encode(b"v1:other:18446744073709551615:0:00");
    let forged = BASE64.encode(ahead.join(":").as_bytes());
    let long = "A".repeat(2000);
    for text in [foreign.as_str(), &forged, &long, "", "%%%", "djE6", &written(&other).await] {
        let before = bench.clock.monotonic();
        assert_eq!(read_with(&bench, &[text]).await["data"]["name"], "a", "{text:?}");
        assert_eq!(bench.clock.monotonic(), before, "{text:?} makes nobody wait");
    }
}

#[tokio::test]
async fn a_node_that_lags_waits_half_a_second_and_then_says_so() {
    let memory: Arc<dyn Storage> = Arc::new(Memory::new());
    let mut one = Bench::fresh(Arc::clone(&memory), CacheMode::ReadThrough);
    one.init().await;
    written(&one).await;
    let lagging = Arc::new(Lagging(memory, AtomicU64::new(1)));
    let two = one.beside_over(Arc::clone(&lagging) as _).await;
    let index = written(&one).await;
    let before = two.clock.monotonic();
    let behind = refused("NotYetSeen", "required index state not present");
    assert_eq!(patiently(&two.clock, read_with(&two, &[&index])).await, behind);
    let waited = two.clock.monotonic().saturating_sub(before);
    assert!(waited >= PATIENCE && waited < PATIENCE * 2, "{waited:?}");
    assert_eq!(read_with(&two, &[]).await["data"]["name"], "a", "without the index nobody waits");
    let mut probe = two.nobody().request(Operation::Read, "sys/health", json!({}));
    probe.indexes = vec![index.clone()];
    assert!(two.nobody().send(probe).await["data"].is_object(), "a probe is about the node");
    let catching_up = async {
        let sent = [index.as_str()];
        let reading = read_with(&two, &sent);
        let moving = async {
            two.env.sleep(Duration::from_millis(100)).await;
            lagging.1.store(u64::MAX, Ordering::SeqCst);
        };
        tokio::join!(reading, moving).0
    };
    assert_eq!(patiently(&two.clock, catching_up).await["data"]["name"], "a");
}

#[tokio::test]
async fn a_sealed_node_tells_nothing_and_waits_for_nothing() {
    let bench = Bench::new().await;
    let index = written(&bench).await;
    bench.core.seal().await;
    assert_eq!(bench.core.pipeline.index.current(), None);
    assert_eq!(read_with(&bench, &[&index]).await, crate::testing::sealed());
    bench.unseal().await;
    assert_eq!(read_with(&bench, &[&index]).await["data"]["name"], "a");
}

proptest! {
    #[test]
    fn no_text_is_misread(text in "[A-Za-z0-9+/=:]{0,80}", state in "v1:[a-z0-9-]{0,12}:[0-9]{0,22}:0:[0-9a-f]{0,64}") {
        let env = env::simulated::env(1).0;
        let cluster = crate::cluster::ClusterEntry::generate(&env, None).open(String::new()).expect("it is ours");
        prop_assert_eq!(decode(&cluster, &text), None);
        prop_assert_eq!(decode(&cluster, &BASE64.encode(state.as_bytes())), None);
    }

    #[test]
    fn every_position_comes_back(position: u64) {
        let env = env::simulated::env(1).0;
        let cluster = crate::cluster::ClusterEntry::generate(&env, None).open(String::new()).expect("it is ours");
        let text = encode(&cluster, Position(position)).expect("it has a key");
        prop_assert_eq!(decode(&cluster, &text), Some(Position(position)));
    }
}

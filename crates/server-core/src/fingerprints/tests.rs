use serde_json::json;
use storage::counting::{Counting, Tally};
use storage::memory::Memory;

use super::*;
use crate::testing::{Bench, denied, refused};

const VALUE: &str = "correct horse battery staple";
const OTHER: &str = "another value of some length";
/// May ask, and may read one of the two places.
const READER: &str = "path \"sys/fingerprints/lookup\" { capabilities = [\"update\"] }
                      path \"secret/open/*\" { capabilities = [\"read\"] }
                      path \"secret/listed/*\" { capabilities = [\"list\", \"update\", \"delete\"] }";

/// A node on which a value is held where the reader may read, where it may not, and in a mount that it knows nothing of.
async fn furnished() -> (Bench, Arc<Counting>, String) {
    let counting = Arc::new(Counting::new(Arc::new(Memory::new())));
    let bench = Bench::over(Arc::clone(&counting) as _).await;
    for mount in ["secret", "far"] {
        bench.mount(mount).await;
    }
    let reader = bench.token_for("reader", READER).await;
    (bench, counting, reader)
}

async fn look_up(bench: &Bench, token: &str, values: &[&str]) -> serde_json::Value {
    bench.with(token).write("sys/fingerprints/lookup", json!({ "values": values })).await
}

fn held(value: usize, paths: &[&str]) -> serde_json::Value {
    json!({ "data": { "held": [{ "value": value, "paths": paths }] } })
}

fn nothing() -> serde_json::Value {
    json!({ "data": { "held": [] } })
}

#[tokio::test]
async fn a_value_is_told_at_the_paths_that_the_caller_may_read() {
    let (bench, _, reader) = furnished().await;
    for path in ["secret/open/a", "secret/listed/b", "far/c"] {
        bench.root().write(path, json!({ "password": VALUE })).await;
    }
    assert_eq!(look_up(&bench, &reader, &[OTHER, VALUE]).await, held(1, &["secret/open/a"]));
    let everywhere = ["far/c", "secret/listed/b", "secret/open/a"];
    assert_eq!(look_up(&bench, &bench.root, &[VALUE]).await, held(0, &everywhere));
}

#[tokio::test]
async fn whoever_may_not_read_learns_nothing_neither_from_the_answer_nor_from_the_calls_to_the_store() {
    let (bench, counting, reader) = furnished().await;
    bench.root().write("secret/listed/b", json!({ "password": VALUE })).await;
    bench.root().write("far/c", json!({ "password": VALUE })).await;
    let mut costs = Vec::new();
    for value in [OTHER, VALUE] {
        // What is asked for the first time may have to be read; then everything is as it always is.
        assert_eq!(look_up(&bench, &reader, &[value]).await, nothing());
        counting.take();
        assert_eq!(look_up(&bench, &reader, &[value]).await, nothing());
        costs.push(counting.take());
    }
    assert_eq!(costs, [Tally { scans: 1, ..Tally::default() }; 2]);
    // Cold, too: neither is a mount that nobody has used since the start given away by being loaded.
    for (value, costs) in [OTHER, VALUE].into_iter().zip(&mut costs) {
        bench.core.seal().await;
        bench.unseal().await;
        bench.with(&reader).read("sys/key-status").await;
        bench.core.seals.worker.stop().await;
        counting.take();
        look_up(&bench, &reader, &[value]).await;
        *costs = counting.take();
    }
    assert_eq!(costs[0], costs[1]);
}

#[tokio::test]
async fn asking_needs_a_right_of_its_own() {
    let (bench, _, _) = furnished().await;
    let token = bench.token_for("other", "path \"secret/*\" { capabilities = [\"read\"] }").await;
    assert_eq!(look_up(&bench, &token, &[VALUE]).await, denied());
}

#[tokio::test]
async fn questions_are_bounded_in_number_and_take_whole_values_only() {
    let (bench, _, reader) = furnished().await;
    bench.root().write("secret/open/a", json!({ "password": VALUE })).await;
    let text = "each value must have at least 16 characters";
    assert_eq!(look_up(&bench, &reader, &["correct horse b"]).await, refused("Invalid", text));
    assert_eq!(look_up(&bench, &reader, &["correct horse battery"]).await, nothing());
    assert_eq!(look_up(&bench, &reader, &[]).await, refused("Invalid", "missing values"));
    let many = vec![OTHER; 101];
    assert_eq!(
        look_up(&bench, &reader, &many).await,
        refused("Invalid", "too many values: at most 100 in one request")
    );
    let full = vec![OTHER; 100];
    let answers = (0..501).map(|_| look_up(&bench, &reader, &full));
    let mut refusals = 0;
    for answer in answers {
        refusals += usize::from(answer.await != nothing());
    }
    assert!(refusals > 0, "a node that is asked without end says so");
}

#[tokio::test]
async fn namespaces_have_nothing_in_common() {
    let (bench, _, _) = furnished().await;
    bench.root().write("sys/namespaces/team", json!({})).await;
    let root = bench.root().within("team");
    root.write("sys/mounts/secret", json!({ "type": "kv" })).await;
    root.write("secret/a", json!({ "password": VALUE })).await;
    bench.root().write("secret/open/a", json!({ "password": VALUE })).await;
    let ask = json!({ "values": [VALUE] });
    assert_eq!(root.write("sys/fingerprints/lookup", ask).await, held(0, &["secret/a"]));
    assert_eq!(look_up(&bench, &bench.root, &[VALUE]).await, held(0, &["secret/open/a"]));
    let hash = |key: &String| key.split('/').nth(3).map(str::to_owned);
    let hashes: BTreeSet<_> =
        bench.keys("ns/").await.iter().filter(|key| key.contains("/fingerprint/")).map(hash).collect();
    assert_eq!(hashes.len(), 2, "the same value of two namespaces looks different in the store");
}

#[tokio::test]
async fn a_mount_takes_its_fingerprints_along_wherever_it_goes() {
    let (bench, _, _) = furnished().await;
    for (path, value) in [("secret/a", VALUE), ("secret/b", OTHER), ("far/c", VALUE)] {
        bench.root().write(path, json!({ "password": value })).await;
    }
    bench.root().write("sys/remount", json!({ "from": "secret", "to": "moved" })).await;
    assert_eq!(look_up(&bench, &bench.root, &[OTHER]).await, held(0, &["moved/b"]));
    bench.root().delete("sys/mounts/moved").await;
    assert_eq!(look_up(&bench, &bench.root, &[OTHER]).await, nothing(), "at once, before anything is swept");
    bench.settle().await;
    let left = bench.keys("ns/root/fingerprint/").await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(look_up(&bench, &bench.root, &[VALUE]).await, held(0, &["far/c"]));
}

#[tokio::test]
async fn a_sweep_that_was_stopped_goes_on_where_it_was() {
    let (bench, _, _) = furnished().await;
    let store = Store::new(bench.core.seals.store.barrier().clone());
    for number in 0..250 {
        let mut changes = Changes::new();
        for uuid in ["going", "staying"] {
            let key = keys::fingerprint("root", &format!("{number:04}"), uuid, "x").unwrap();
            changes.create(key, Vec::new());
        }
        store.commit(changes).await.unwrap();
    }
    let from = keys::fingerprints("root", "0100").unwrap();
    assert_eq!(forget_mount(&store, "root", "going", Some(from)).await.unwrap(), None);
    assert_eq!(bench.keys("ns/root/fingerprint/").await.len(), 250 + 100);
    assert_eq!(forget_mount(&store, "root", "going", None).await.unwrap(), None);
    let left = bench.keys("ns/root/fingerprint/").await;
    assert!(left.len() == 250 && left.iter().all(|key| key.ends_with("/staying/x")));
}

#[tokio::test]
async fn a_mount_can_go_without_fingerprints() {
    let (bench, _, _) = furnished().await;
    bench.root().write("sys/mounts/quiet", json!({ "type": "kv", "options": { "fingerprints": "false" } })).await;
    bench.root().write("quiet/a", json!({ "password": VALUE })).await;
    assert_eq!(bench.keys("ns/root/fingerprint/").await, [""; 0]);
    bench.root().write("secret/open/a", json!({ "password": OTHER })).await;
    assert_eq!(look_up(&bench, &bench.root, &[OTHER]).await, held(0, &["secret/open/a"]));
    bench.root().write("sys/mounts/secret/tune", json!({ "options": { "fingerprints": "false" } })).await;
    assert_eq!(look_up(&bench, &bench.root, &[OTHER]).await, nothing(), "what was made before is not told");
}

#[tokio::test]
async fn a_deleted_namespace_leaves_no_fingerprint() {
    let (bench, _, _) = furnished().await;
    bench.root().write("sys/namespaces/team", json!({})).await;
    let root = bench.root().within("team");
    root.write("sys/mounts/secret", json!({ "type": "kv" })).await;
    root.write("secret/a", json!({ "password": VALUE })).await;
    bench.root().delete("sys/namespaces/team").await;
    bench.settle().await;
    let left: Vec<_> = bench.keys("ns/").await.into_iter().filter(|key| key.contains("/fingerprint/")).collect();
    assert_eq!(left, [""; 0]);
}

/// Else whoever writes a guess to that many places would see from the number of those told whether others hold it.
#[tokio::test]
async fn what_a_caller_may_not_read_takes_no_place_of_what_he_may() {
    let (bench, _, reader) = furnished().await;
    for number in 0..LINES_MAX {
        bench.root().write(&format!("secret/open/{number:04}"), json!({ "password": VALUE })).await;
    }
    let alone = look_up(&bench, &reader, &[VALUE]).await;
    assert_eq!(alone["data"]["held"][0]["paths"].as_array().map(Vec::len), Some(LINES_MAX));
    for path in ["secret/listed/b", "secret/listed/c", "far/c"] {
        bench.root().write(path, json!({ "password": VALUE })).await;
    }
    assert_eq!(look_up(&bench, &reader, &[VALUE, OTHER]).await, alone);
}

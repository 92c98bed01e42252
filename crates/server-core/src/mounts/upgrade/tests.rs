use barrier::CacheMode;
use serde_json::json;
use storage::counting::Call;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;

use super::*;
use crate::testing::{Bench, denied, invalid};

const COUNT: u64 = 5;

/// Fills a mount of version 1.
async fn fill(bench: &Bench) {
    bench.mount("secret").await;
    for number in 0..COUNT {
        bench.root().write(&format!("secret/{number}"), json!({ "n": number })).await;
    }
}

async fn begin(bench: &Bench) -> Value {
    bench.root().write("sys/mounts/secret/tune", json!({ "options": { "version": "2" } })).await
}

/// Whether the test engine has taken everything over: it then marks each object.
async fn check_upgraded(bench: &Bench) {
    for number in 0..COUNT {
        let reply = bench.root().read(&format!("secret/{number}")).await;
        assert_eq!(reply, json!({ "data": { "n": number, "form": 2 } }));
    }
    assert!(!is_under_way(bench).await);
}

async fn is_under_way(bench: &Bench) -> bool {
    bench.keys("due/").await.iter().any(|key| key.contains("/upgrade/"))
}

#[tokio::test]
async fn a_mount_is_unavailable_until_everything_is_taken_over() {
    let bench = Bench::new().await;
    fill(&bench).await;
    let warnings = begin(&bench).await["warnings"].clone();
    assert!(warnings[0].as_str().is_some_and(|text| text.contains("to version 2")), "{warnings}");
    assert_eq!(bench.root().read("secret/0").await, invalid(UNAVAILABLE));
    assert_eq!(bench.root().list("secret").await, invalid(UNAVAILABLE));
    assert_eq!(bench.root().write("secret/new", json!({ "x": 1 })).await, invalid(UNAVAILABLE));
    assert_eq!(bench.root().read("sys/mounts/secret").await["data"]["options"], json!({ "version": "2" }));
    assert_eq!(begin(&bench).await, json!({}), "twice is no mistake");
    let nothing = bench.token_for("nothing", "path \"elsewhere\" { capabilities = [\"read\"] }").await;
    assert_eq!(bench.with(&nothing).read("secret/0").await, denied(), "it is told to nobody else");
    assert_eq!(bench.with(&nothing).write("secret/0", json!({ "x": 1 })).await, denied());
    bench.settle().await;
    check_upgraded(&bench).await;
    assert_eq!(begin(&bench).await, json!({}), "it is of that version");
}

#[tokio::test]
async fn a_version_does_not_go_back_or_elsewhere() {
    let bench = Bench::new().await;
    fill(&bench).await;
    let tune = async |version: &str| {
        bench.root().write("sys/mounts/secret/tune", json!({ "options": { "version": version } })).await
    };
    assert_eq!(tune("3").await, invalid("no version \"3\" of kv"));
    assert_eq!(tune("1").await, json!({}));
    begin(&bench).await;
    bench.settle().await;
    assert_eq!(tune("1").await, invalid("cannot downgrade mount from version 2"));
    check_upgraded(&bench).await;
}

#[tokio::test]
async fn a_write_that_was_under_way_does_not_slip_in() {
    let bench = Bench::new().await;
    fill(&bench).await;
    let mounts = &bench.core.seals.mounts;
    let (mount, _) = mounts.find(keys::ROOT_NAMESPACE, "secret/late").await.unwrap().expect("it is mounted");
    let context = mounts.work_context(keys::ROOT_NAMESPACE, &mount).await.unwrap();
    begin(&bench).await;
    let late = context.view.changes().create("late", b"{}".to_vec()).commit().await;
    assert!(late.is_err(), "the mount's liveness has changed");
    bench.settle().await;
    assert_eq!(bench.root().list("secret").await["data"]["keys"].as_array().map(Vec::len), Some(5));
}

#[tokio::test]
async fn an_upgrade_goes_on_after_a_crash_at_any_commit() {
    for nth in 1.. {
        let (env, _) = env::simulated::env(nth);
        let memory = Arc::new(Memory::new());
        let faulty = Arc::new(Faulty::new(Arc::clone(&memory) as _, env));
        let bench = Bench::over(Arc::clone(&faulty) as _).await;
        fill(&bench).await;
        faulty.fail_nth(Call::Commit, nth, Fault::Fail);
        let is_begun = begin(&bench).await["warnings"].is_array();
        bench.settle().await;
        let is_done = !is_under_way(&bench).await;
        faulty.calm();
        let bench = bench.crashed(memory).await;
        assert_eq!(begin(&bench).await.get("refused"), None);
        bench.settle().await;
        check_upgraded(&bench).await;
        if is_begun && is_done {
            assert!(nth > COUNT, "{nth} commits are fewer than this test is about");
            break;
        }
    }
}

#[tokio::test]
async fn two_nodes_upgrade_one_mount() {
    let mut one = Bench::fresh(Arc::new(Memory::new()), CacheMode::ReadThrough);
    one.init().await;
    fill(&one).await;
    let two = one.beside().await;
    begin(&one).await;
    assert_eq!(two.root().read("secret/0").await, invalid(UNAVAILABLE), "each node knows at once");
    tokio::join!(one.settle(), two.settle());
    one.settle().await;
    check_upgraded(&two).await;
}

#[tokio::test]
async fn a_mount_can_be_disabled_in_the_middle() {
    let bench = Bench::new().await;
    let before = bench.keys("ns/").await;
    fill(&bench).await;
    begin(&bench).await;
    bench.root().delete("sys/mounts/secret").await;
    bench.settle().await;
    assert_eq!(bench.keys("ns/").await, before);
    assert_eq!(bench.keys("due/").await, Vec::<String>::new());
}

#[tokio::test]
async fn other_settings_can_be_tuned_in_the_middle() {
    let bench = Bench::new().await;
    fill(&bench).await;
    begin(&bench).await;
    let tuned = bench.root().write("sys/mounts/secret/tune", json!({ "description": "ours" })).await;
    assert_eq!(tuned, json!({}));
    bench.settle().await;
    check_upgraded(&bench).await;
    assert_eq!(bench.root().read("sys/mounts/secret").await["data"]["description"], "ours");
}

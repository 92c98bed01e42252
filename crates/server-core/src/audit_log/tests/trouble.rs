//! Nodes that change the devices at once, and a disk that is full.

use std::os::unix::fs::symlink;
use std::path::Path;

use storage::rival::Rival;

use super::*;
use crate::testing::{Yielding, unless_hung};

#[tokio::test]
async fn two_nodes_that_enable_or_disable_the_same_device_at_once_leave_one_or_none() {
    let log = Log::new();
    let mut one = Bench::fresh(Arc::new(Yielding(Memory::new())), CacheMode::ReadThrough);
    one.init().await;
    let two = one.beside().await;
    for round in 0..5 {
        let options = |node: &str| log.options(&format!("{node}-{round}"));
        let (root_one, root_two) = (one.root(), two.root());
        let both = async {
            tokio::join!(
                root_one.write("sys/audit/file", options("one")),
                root_two.write("sys/audit/file", options("two"))
            )
        };
        let both: [Value; 2] = unless_hung(both).await.expect("nobody waits for ever").into();
        let mut made: Vec<_> = both.iter().filter(|reply| **reply == json!({})).collect();
        assert_eq!(made.pop(), Some(&json!({})), "one of them is enabled: {both:?}");
        assert!(made.is_empty() && both.contains(&invalid("path already in use")), "{both:?}");
        let shown = one.root().read("sys/audit").await["data"].clone();
        assert_eq!(
            (shown.as_object().map(serde_json::Map::len), &shown),
            (Some(1), &two.root().read("sys/audit").await["data"])
        );
        let name =
            shown["file/"]["options"]["file_path"].as_str().and_then(|path| path.rsplit('/').next()).expect("a file");
        // Four from each of the nodes, two of a read; and none of the one that lost.
        let nodes: std::collections::BTreeSet<_> =
            log.records(name).iter().map(|it| it["chain"]["boot"].to_string()).collect();
        assert!(nodes.len() >= 2, "both nodes write to it");
        let both = async { tokio::join!(root_one.delete("sys/audit/file"), root_two.delete("sys/audit/file")) };
        let both = unless_hung(both).await.expect("nobody waits for ever");
        assert_eq!(both, (json!({}), json!({})));
        assert_eq!(one.root().read("sys/audit").await["data"], json!({}));
    }
}

#[tokio::test]
async fn changes_of_the_devices_go_through_beside_a_rival() {
    let log = Log::new();
    let memory = Arc::new(Memory::new());
    let mut bench = Bench::fresh(Arc::clone(&memory) as _, CacheMode::ReadThrough);
    bench.init().await;
    let rival = Arc::new(Rival::new(memory, 7, 60));
    let bench = bench.crashed(Arc::clone(&rival) as _).await;
    let work = async {
        assert_eq!(bench.root().write("sys/audit/first", log.options("first")).await, json!({}));
        for number in 0..20 {
            let (path, name) = (format!("sys/audit/{number}"), format!("log-{number}"));
            assert_eq!(bench.root().write(&path, log.options(&name)).await, json!({}));
            let header = format!("sys/config/auditing/request-headers/x-{number}");
            assert_eq!(bench.root().write(&header, json!({})).await, json!({}));
            assert_eq!(bench.root().delete(&path).await, json!({}));
        }
        // An answer waits for one device, which may have been the other one.
        while bench.core.pipeline.audit.backlogs().iter().any(|(_, backlog)| backlog.records > 0) {
            tokio::task::yield_now().await;
        }
    };
    unless_hung(work).await.expect("nobody waits for ever");
    assert!(rival.strikes() > 20, "{} strikes", rival.strikes());
    let records = log.records("first");
    for number in 0..20 {
        let response = format!("response update sys/config/auditing/request-headers/x-{number}");
        assert!(records.iter().any(|record| short(record) == response), "{response}");
    }
    let seqs: Vec<_> = records.iter().filter_map(|record| record["chain"]["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "one chain, whatever happened to the table");
}

#[tokio::test]
async fn a_full_disk_refuses_requests_changes_nothing_and_is_forgotten_once_there_is_room() {
    let log = Log::new();
    let bench = Bench::new().await;
    bench.mount("secret").await;
    let point = |at: &Path| {
        let _old = fs::remove_file(log.path("log"));
        symlink(at, log.path("log")).expect("a link");
    };
    point(&log.path("disk"));
    assert_eq!(bench.root().write("sys/audit/file", log.options("log")).await, json!({}));
    assert_eq!(bench.root().write("secret/app", json!({ "a": "before" })).await, json!({}));
    let count = log.records("disk").len();
    point(Path::new("/dev/full"));
    bench.core.reopen_audit_devices().await;
    let shown = "internal error: no audit device could record the request: No space left on device (os error 28)";
    let (keys, full) = (bench.keys("").await, refused("WorldShown", shown));
    for _ in 0..3 {
        assert_eq!(bench.root().write("secret/app", json!({ "a": "after" })).await, full);
        assert_eq!(bench.root().write("secret/other", json!({ "a": "after" })).await, full);
        assert_eq!(bench.root().write("auth/token/create", json!({})).await, full);
        assert_eq!(bench.root().delete("sys/audit/file").await, full);
        assert_eq!(bench.root().read("secret/app").await, full);
    }
    assert_eq!(bench.keys("").await, keys, "nothing was made");
    assert!(bench.nobody().read("sys/health").await.get("refused").is_none(), "probes are answered");
    point(&log.path("disk"));
    bench.core.reopen_audit_devices().await;
    assert_eq!(bench.root().read("secret/app").await["data"]["a"], "before");
    let records = log.records("disk").split_off(count);
    assert_eq!(records.len(), 2);
    assert!(records[0]["chain"]["lost"].as_u64().is_some_and(|lost| lost >= 15), "{}", records[0]);
    assert!(records[1]["chain"]["lost"].is_null(), "told once");
}

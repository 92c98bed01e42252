//! The end of a node whose devices are behind, and devices that a node cannot open.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::*;
use crate::AuditDevice;

/// A web server that answers one record each time it is let, and how many it has seen.
fn collector() -> (String, mpsc::Sender<()>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let uri = format!("http://{}/", listener.local_addr().expect("bound"));
    let (let_it, may) = mpsc::channel();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("it connects");
        let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
        while may.recv().is_ok() {
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
                length = line.strip_prefix("content-length: ").and_then(|it| it.trim().parse().ok()).unwrap_or(length);
                line.clear();
            }
            let is_whole = reader.read_exact(&mut vec![0; length]).is_ok();
            count.fetch_add(usize::from(is_whole && length > 0), Ordering::SeqCst);
            let _sent = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    });
    (uri, let_it, seen)
}

#[tokio::test]
async fn a_node_that_ends_waits_for_what_its_devices_have_taken() {
    const REQUESTS: usize = 20;
    let log = Log::new();
    let bench = log.bench().await;
    let (uri, let_it, seen) = collector();
    let web = json!({ "type": "http", "options": { "uri": uri, "write_timeout": "60s" } });
    let_it.send(()).expect("it listens");
    assert_eq!(bench.root().write("sys/audit/web", web).await, json!({}));
    for _ in 0..REQUESTS {
        bench.root().read("sys/audit").await;
    }
    let all = 1 + 2 * REQUESTS;
    assert_eq!(seen.load(Ordering::SeqCst), 1, "it is behind");
    let answer = async { (1..all).for_each(|_| let_it.send(()).expect("it listens")) };
    tokio::join!(bench.core.seal(), answer);
    assert_eq!(seen.load(Ordering::SeqCst), all);
    bench.unseal().await;
    let heads = bench.root().read("sys/audit-verify").await["data"]["heads"].clone();
    let seqs: Vec<_> = heads.as_array().into_iter().flatten().map(|head| &head["seq"]).collect();
    assert!(seqs.contains(&&json!(all)), "the chain is noted to its end: {heads}");
}

#[tokio::test]
async fn a_device_that_stands_still_holds_up_the_end_only_so_long() {
    let log = Log::new();
    let bench = log.bench().await;
    let (uri, let_it, seen) = collector();
    let web = json!({ "type": "http", "options": { "uri": uri, "write_timeout": "60s" } });
    let_it.send(()).expect("it listens");
    assert_eq!(bench.root().write("sys/audit/web", web).await, json!({}));
    bench.root().read("sys/audit").await;
    crate::testing::patiently(&bench.clock, bench.core.seal()).await;
    assert!(bench.core.seals.store.barrier().is_sealed());
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

/// The table with another type in the place of that of the first device.
async fn table_with_kind(bench: &Bench, kind: &str) -> String {
    let stored = bench.root().read("sys/raw/core/audit").await["data"]["value"].clone();
    let mut table: Value = serde_json::from_str(stored.as_str().expect("a text")).expect("JSON");
    table["devices"][0]["kind"] = json!(kind);
    table["devices"][0]["uuid"] = json!("another");
    table.to_string()
}

#[tokio::test]
async fn a_device_that_cannot_be_opened_is_shown_and_leaves_the_others_alone() {
    let log = Log::new();
    let bench = log.bench().await;
    bench.root().write("sys/audit/second", log.options("second")).await;
    let audit = &bench.core.pipeline.audit;
    bench.root().read("sys/audit").await;
    assert_eq!(audit.unopened(), Vec::<String>::new());
    let table = table_with_kind(&bench, "tape").await;
    assert_eq!(bench.root().write("sys/raw/core/audit", json!({ "value": table })).await, json!({}));
    bench.root().read("sys/audit").await;
    let [request, response] = log.last("second");
    assert_eq!([short(&request), short(&response)], ["request", "response"].map(|it| format!("{it} read sys/audit")));
    assert_eq!(audit.unopened(), ["file/"]);
    let request = bench.root().request(Operation::Read, "sys/metrics", json!({ "format": "prometheus" }));
    let body =
        bench.root().answer(request).await.expect("it is allowed").body.expect("metrics are a body of their own");
    let page = String::from_utf8(body.bytes).expect("metrics are text");
    assert!(page.lines().any(|line| line.starts_with("vault_audit_unopened{device=\"file/\"")), "{page}");
}

#[tokio::test]
async fn a_table_that_nobody_could_go_on_with_is_not_written() {
    let log = Log::new();
    let bench = log.bench().await;
    let root = bench.root();
    let stored = root.read("sys/raw/core/audit").await["data"]["value"].clone();
    let text = stored.as_str().expect("a text");
    let unreadable = invalid("cannot write 'core/audit': this is no table of audit devices that this release can read");
    for wrong in ["", "x", "{}", &text.replacen("\"v\":1", "\"v\":2", 1)] {
        assert_eq!(root.write("sys/raw/core/audit", json!({ "value": wrong })).await, unreadable, "{wrong}");
    }
    let unsound = invalid("cannot write 'core/audit': a device has no path that ends in /, or no salt");
    for wrong in [text.replacen("\"file/\"", "\"file\"", 1), text.replacen("\"salt\":\"", "\"salt\":\"!", 1)] {
        assert_eq!(root.write("sys/raw/core/audit", json!({ "value": wrong })).await, unsound, "{wrong}");
    }
    let path = log.path("log").display().to_string();
    bench.core.declare_audit_devices(vec![AuditDevice {
        path: "file".to_owned(),
        kind: "file".to_owned(),
        description: String::new(),
        options: [("file_path".to_owned(), path)].into(),
        is_local: false,
    }]);
    let declared = invalid("the audit device file/ is declared in the server's configuration: change it there");
    let none = json!({ "value": r#"{"v":1,"devices":[]}"# });
    assert_eq!(root.write("sys/raw/core/audit", none.clone()).await, declared);
    assert_eq!(root.delete("sys/raw/core/audit").await, declared);
    assert_eq!(root.write("sys/raw/core/audit", json!({ "value": text })).await, json!({}), "nothing changes");
    let (count, last) = (log.records("log").len(), log.last::<1>("log"));
    assert!(short(&last[0]).starts_with("response update sys/raw/core/audit"), "{last:?}");
    bench.core.declare_audit_devices(Vec::new());
    assert_eq!(root.write("sys/raw/core/audit", none).await, json!({}), "it is declared no more");
    root.read("sys/audit").await;
    assert_eq!(log.records("log").len(), count + 2);
}

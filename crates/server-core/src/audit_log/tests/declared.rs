//! Devices that the configuration of a node declares.

use super::*;
use crate::AuditDevice;

fn device(log: &Log, path: &str, name: &str) -> AuditDevice {
    let options = [("file_path".to_owned(), log.path(name).display().to_string())];
    AuditDevice {
        path: path.to_owned(),
        kind: "file".to_owned(),
        description: String::new(),
        options: options.into(),
        is_local: false,
    }
}

fn is_declared() -> Value {
    invalid("the audit device main/ is declared in the server's configuration: change it there")
}

#[tokio::test]
async fn what_is_declared_is_enabled_as_declared_and_can_neither_be_disabled_nor_replaced() {
    let log = Log::new();
    let bench = Bench::new().await;
    bench.core.declare_audit_devices(vec![device(&log, "main", "one")]);
    assert_eq!(bench.root().write("sys/audit/main", log.options("other")).await, is_declared());
    assert_eq!(bench.root().read("sys/audit").await["data"], json!({}));
    for _ in 0..2 {
        assert_eq!(bench.root().write("sys/audit/main", log.options("one")).await, json!({}), "again is as good");
    }
    assert_eq!(bench.root().delete("sys/audit/main/").await, is_declared());
    assert_eq!(bench.root().write("sys/audit/main", log.options("other")).await, is_declared());
    assert_eq!(bench.root().write("sys/audit/own", log.options("own")).await, json!({}), "others are anybody's");
    assert_eq!(bench.root().delete("sys/audit/own").await, json!({}));
    bench.core.declare_audit_devices(Vec::new());
    assert_eq!(bench.root().delete("sys/audit/main").await, json!({}), "it is declared no more");
    assert_eq!(bench.root().read("sys/audit").await["data"], json!({}));
}

#[tokio::test]
async fn a_changed_declaration_takes_the_place_of_the_device_under_the_same_salt() {
    let log = Log::new();
    let bench = Bench::new().await;
    // Somebody has enabled it by hand.
    bench.root().write("sys/audit/main", log.options("one")).await;
    bench.root().read("sys/audit").await;
    let [before] = log.last("one");
    bench.core.declare_audit_devices(vec![device(&log, "main/", "two")]);
    assert_eq!(bench.root().write("sys/audit/main", log.options("two")).await, json!({}));
    let [replaced] = log.last("one");
    assert_eq!(short(&replaced), "response update sys/audit/main", "the old one has the whole request");
    bench.root().read("sys/audit").await;
    let [request, after] = log.last("two");
    assert_eq!(short(&request), "request read sys/audit");
    assert_eq!(before["request"]["client_token"], after["request"]["client_token"]);
    assert_ne!(before["chain"]["device"], after["chain"]["device"], "the chain is another");
    let shown = bench.root().read("sys/audit").await["data"].clone();
    assert_eq!(shown["main/"]["options"]["file_path"], log.path("two").display().to_string());
    assert_eq!(shown.as_object().map(serde_json::Map::len), Some(1));
}

#[tokio::test]
async fn a_declared_device_that_takes_nothing_leaves_the_old_one_in_place() {
    let log = Log::new();
    let bench = Bench::new().await;
    bench.root().write("sys/audit/main", log.options("one")).await;
    bench.core.declare_audit_devices(vec![device(&log, "main", "none/two")]);
    let why = "sanity check failed; the device takes no record: No such file or directory (os error 2)";
    assert_eq!(bench.root().write("sys/audit/main", log.options("none/two")).await, invalid(why));
    let [response] = log.last("one");
    assert!(short(&response).starts_with("response update sys/audit/main sanity check failed"), "{response}");
}

fn waits() -> Value {
    refused("Busy", "the audit devices that the server's configuration declares are not in force yet")
}

#[tokio::test]
async fn nothing_passes_unrecorded_between_an_unseal_and_the_first_declared_device() {
    let log = Log::new();
    let mut bench = Bench::fresh(Arc::new(Memory::new()), CacheMode::SoleWriter);
    bench.core.expect_audit_devices(true);
    bench.init().await;
    let root = bench.root();
    for path in ["sys/mounts", "auth/token/lookup-self", "cubbyhole/a"] {
        assert_eq!(root.read(path).await, waits(), "{path}");
    }
    assert_eq!(root.write("sys/audit/main", log.options("one")).await, waits(), "the node itself does it");
    assert_eq!(root.write("cubbyhole/a", json!({ "b": "c" })).await, waits());
    assert_eq!(bench.with("hvs.unknown").read("sys/mounts").await, denied(), "a refusal stays what it is");
    assert_eq!(bench.nobody().read("sys/seal-status").await["data"]["sealed"], false);
    bench.core.declare_audit_devices(vec![device(&log, "main", "one")]);
    let own = bench.core.bootstrap_token().await.expect("it is unsealed");
    assert_eq!(bench.with(own.expose()).write("sys/audit/main", log.options("one")).await, json!({}));
    assert!(root.read("sys/mounts").await["data"].is_object());
    let [recorded] = log.last("one");
    assert_eq!(short(&recorded), "response read sys/mounts");
    assert!(root.read("cubbyhole/a").await.to_string().contains("NotFound"), "what was refused was not done");

    bench.core.seal().await;
    bench.unseal().await;
    assert!(root.read("sys/mounts").await["data"].is_object(), "the table names it: nobody waits");
    bench.core.declare_audit_devices(Vec::new());
    bench.core.expect_audit_devices(false);
    assert_eq!(root.delete("sys/audit/main").await, json!({}));
    assert!(root.read("sys/mounts").await["data"].is_object(), "nothing is declared any more");
}

#[tokio::test]
async fn a_node_that_serves_unrecorded_goes_on_when_devices_are_declared_until_it_is_sealed() {
    let bench = Bench::new().await;
    bench.core.expect_audit_devices(true);
    assert!(bench.root().read("sys/mounts").await["data"].is_object());
    bench.core.seal().await;
    bench.unseal().await;
    assert_eq!(bench.root().read("sys/mounts").await, waits());
    bench.core.expect_audit_devices(false);
    assert!(bench.root().read("sys/mounts").await["data"].is_object(), "it was taken back");
}

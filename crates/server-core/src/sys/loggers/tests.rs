use serde_json::json;

use crate::testing::{Bench, invalid};

#[tokio::test]
async fn levels_are_changed_for_all_or_for_one_and_go_back() {
    let bench = Bench::new().await;
    let root = bench.root();
    let all = async || bench.root().read("sys/loggers").await["data"].take();
    assert_eq!(all().await, json!({ "one": "info", "two": "info" }));
    assert_eq!(root.write("sys/loggers", json!({ "level": "DEBUG" })).await, json!({}));
    assert_eq!(root.write("sys/loggers/two", json!({ "level": "err" })).await, json!({}));
    assert_eq!(all().await, json!({ "one": "debug", "two": "error" }));
    assert_eq!(root.read("sys/loggers/two").await, json!({ "data": { "two": "error" } }));
    assert_eq!(root.delete("sys/loggers/one").await, json!({}));
    assert_eq!(all().await, json!({ "one": "info", "two": "error" }));
    assert_eq!(root.delete("sys/loggers").await, json!({}));
    assert_eq!(all().await, json!({ "one": "info", "two": "info" }));
}

#[tokio::test]
async fn unknown_loggers_and_levels_are_refused() {
    let bench = Bench::new().await;
    let root = bench.root();
    let unknown = invalid("logger \"none\" not found");
    assert_eq!(root.read("sys/loggers/none").await, unknown);
    assert_eq!(root.write("sys/loggers/none", json!({ "level": "info" })).await, unknown);
    assert_eq!(root.delete("sys/loggers/none").await, unknown);
    for path in ["sys/loggers", "sys/loggers/one"] {
        assert_eq!(root.write(path, json!({})).await, invalid("level is required"));
        assert_eq!(root.write(path, json!({ "level": "" })).await, invalid("level is empty"));
        assert_eq!(root.write(path, json!({ "level": "loud" })).await, invalid("invalid level provided: \"loud\""));
    }
}

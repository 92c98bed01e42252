use std::sync::Arc;

use barrier::CacheMode;
use framework::{Operation, Service as _};
use serde_json::{Value, json};
use storage::counting::{Counting, Tally};
use storage::memory::Memory;
use storage::rival::Rival;

use crate::testing::{Bench, denied, invalid, refused};

const CORS: &str = "sys/config/cors";
const HEADERS: &str = "sys/config/ui/headers";

async fn set(bench: &Bench, data: Value) -> Value {
    bench.root().write(CORS, data).await
}

/// The origins that are let in; none while nobody is checked.
async fn origins(bench: &Bench) -> Option<Vec<String>> {
    bench
        .core
        .browser_settings()
        .await
        .expect("the settings can be read")
        .cors
        .as_ref()
        .map(|cors| cors.origins.clone())
}

async fn ui_headers(bench: &Bench) -> Vec<String> {
    let settings = bench.core.browser_settings().await.expect("the settings can be read");
    settings.ui_headers.iter().map(|(name, value)| format!("{name}: {value}")).collect()
}

#[tokio::test]
async fn origins_are_allowed_shown_and_forgotten() {
    let bench = Bench::new().await;
    assert_eq!(bench.root().read(CORS).await["data"], json!({ "enabled": false }));
    assert_eq!(origins(&bench).await, None);
    let data = json!({ "allowed_origins": "https://a.example.com, https://b.example.com", "allowed_headers": ["X-Own", "content-type"] });
    assert_eq!(set(&bench, data).await, json!({}));
    let shown = bench.root().read(CORS).await["data"].take();
    assert_eq!(
        (&shown["enabled"], &shown["allowed_origins"]),
        (&json!(true), &json!(["https://a.example.com", "https://b.example.com"]))
    );
    let headers: Vec<_> =
        shown["allowed_headers"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!((headers.len(), headers.last()), (13, Some(&"X-Own")));
    assert!(headers.contains(&"X-Vault-Token") && headers.contains(&"Authorization"), "{headers:?}");
    assert_eq!(origins(&bench).await.map(|origins| origins.len()), Some(2));
    assert_eq!(set(&bench, json!({ "allowed_origins": ["*"] })).await, json!({}));
    assert_eq!(origins(&bench).await, Some(vec!["*".to_owned()]));
    assert_eq!(bench.root().delete(CORS).await, json!({}));
    assert_eq!(origins(&bench).await, None);
    assert_eq!(bench.root().delete(CORS).await, json!({}));
    set(&bench, json!({ "allowed_origins": "*" })).await;
    assert_eq!(set(&bench, json!({ "enable": false })).await, json!({}));
    assert_eq!(bench.root().read(CORS).await["data"], json!({ "enabled": false }));
}

#[tokio::test]
async fn origins_that_make_no_sense_change_nothing() {
    let bench = Bench::new().await;
    set(&bench, json!({ "allowed_origins": "https://a.example.com" })).await;
    let none = "at least one origin or the wildcard must be provided";
    let wildcard = "to allow all origins the '*' must be the only value for allowed_origins";
    let visible = "an origin is 1 to 4096 visible ASCII characters";
    let name = "a header name is missing or has characters that a header's name cannot have";
    let many: Vec<_> = (0..300).map(|number| format!("https://{number}")).collect();
    let long = vec!["x".repeat(4000); 5];
    for (data, text) in [
        (json!({}), none),
        (json!({ "allowed_origins": " , " }), none),
        (json!({ "allowed_origins": ["*", "https://b"] }), wildcard),
        (json!({ "allowed_origins": ["https://b\r\nX-A: b"] }), visible),
        (json!({ "allowed_origins": ["x".repeat(4097)] }), visible),
        (json!({ "allowed_origins": "*", "allowed_headers": ["two words"] }), name),
        (json!({ "allowed_origins": many }), "more than 256 origins or headers"),
        (json!({ "allowed_origins": long }), "all together is longer than 16384 bytes"),
    ] {
        assert_eq!(set(&bench, data.clone()).await, invalid(text), "{data}");
    }
    assert_eq!(origins(&bench).await, Some(vec!["https://a.example.com".to_owned()]));
}

#[tokio::test]
async fn headers_of_the_interface_are_set_listed_and_taken_away() {
    let bench = Bench::new().await;
    let root = bench.root();
    assert_eq!(root.list(HEADERS).await, json!({ "data": { "keys": [] } }));
    let at = |name: &str| format!("{HEADERS}/{name}");
    assert_eq!(root.read(&at("x-custom")).await, refused("NotFound", "not found"));
    assert_eq!(root.write(&at("x-CUSTOM"), json!({ "values": ["one", "two, three"] })).await, json!({}));
    let warned = root.write(&at("Content-Security-Policy"), json!({ "values": ["default-src 'self'"] })).await;
    assert!(warned["warnings"][0].as_str().is_some_and(|text| text.contains("Content-Security-Policy")), "{warned}");
    assert_eq!(root.list(HEADERS).await["data"]["keys"], json!(["Content-Security-Policy", "X-Custom"]));
    assert_eq!(root.read(&at("x-custom")).await["data"], json!({ "value": "one" }));
    let all = root.call(Operation::Read, &at("X-Custom"), json!({ "multivalue": "true" })).await;
    assert_eq!(all["data"], json!({ "values": ["one", "two, three"] }));
    let expected = ["Content-Security-Policy: default-src 'self'", "X-Custom: one", "X-Custom: two, three"];
    assert_eq!(ui_headers(&bench).await, expected);
    for _ in 0..2 {
        assert_eq!(root.delete(&at("X-Custom")).await, json!({}));
    }
    assert_eq!(root.list(HEADERS).await["data"]["keys"], json!(["Content-Security-Policy"]));
    root.delete(&at("content-security-policy")).await;
    assert!(bench.keys("core/ui-headers").await.is_empty(), "nothing is left of it");
}

#[tokio::test]
async fn headers_that_cannot_be_sent_are_refused() {
    let bench = Bench::new().await;
    let name = "a header name is missing or has characters that a header's name cannot have";
    let value = "a value is 1 to 4096 visible ASCII characters";
    for (header, values, text) in [
        ("X-A", json!([]), "header and values must be specified"),
        ("x-vault-token", json!(["a"]), "X-Vault headers cannot be set"),
        ("Content-Length", json!(["1"]), "headers that say how the page is read cannot be set"),
        ("two words", json!(["a"]), name),
        ("X-A", json!(["a\nb"]), value),
        ("X-A", json!(vec!["a"; 17]), "a header has at most 16 values"),
        ("X-A", json!(vec!["a".repeat(4000); 5]), "all together is longer than 16384 bytes"),
    ] {
        let answer = bench.root().write(&format!("{HEADERS}/{header}"), json!({ "values": values })).await;
        assert_eq!(answer, invalid(text), "{header}");
    }
    for number in 0..64 {
        bench.root().write(&format!("{HEADERS}/X-{number}"), json!({ "values": ["a"] })).await;
    }
    let answer = bench.root().write(&format!("{HEADERS}/X-64"), json!({ "values": ["a"] })).await;
    assert_eq!(answer, invalid("there are at most 64 headers"));
    assert_eq!(ui_headers(&bench).await.len(), 64);
}

#[tokio::test]
async fn the_settings_are_for_those_with_sudo() {
    let bench = Bench::new().await;
    let all = "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\"] }";
    let token = bench.token_for("all", all).await;
    let client = bench.with(&token);
    assert_eq!(client.read(CORS).await, denied());
    assert_eq!(client.write(CORS, json!({ "allowed_origins": "*" })).await, denied());
    assert_eq!(client.delete(CORS).await, denied());
    assert_eq!(client.list(HEADERS).await, denied());
    assert_eq!(client.write(&format!("{HEADERS}/X-A"), json!({ "values": "a" })).await, denied());
    assert_eq!(origins(&bench).await, None);
}

#[tokio::test]
async fn known_settings_cost_no_call_to_the_store() {
    let counting = Arc::new(Counting::new(Arc::new(Memory::new())));
    let bench = Bench::over(Arc::clone(&counting) as _).await;
    bench.root().read(CORS).await;
    counting.take();
    for _ in 0..3 {
        origins(&bench).await;
    }
    set(&bench, json!({ "allowed_origins": "*" })).await;
    for _ in 0..3 {
        assert_eq!(origins(&bench).await, Some(vec!["*".to_owned()]));
    }
    assert_eq!(counting.take(), Tally { commits: 1, ..Tally::default() });
}

#[tokio::test]
async fn a_sealed_node_knows_no_settings_and_has_them_again_afterwards() {
    let bench = Bench::new().await;
    set(&bench, json!({ "allowed_origins": "*" })).await;
    bench.core.seal().await;
    assert_eq!(origins(&bench).await, None);
    bench.unseal().await;
    assert_eq!(origins(&bench).await, Some(vec!["*".to_owned()]));
}

#[tokio::test]
async fn another_node_sees_a_change_at_once() {
    let mut one = Bench::fresh(Arc::new(Memory::new()), CacheMode::ReadThrough);
    one.init().await;
    let two = one.beside().await;
    set(&one, json!({ "allowed_origins": "https://one" })).await;
    assert_eq!(origins(&two).await, Some(vec!["https://one".to_owned()]));
    set(&two, json!({ "allowed_origins": "https://two" })).await;
    assert_eq!(origins(&one).await, Some(vec!["https://two".to_owned()]));
    two.root().delete(CORS).await;
    assert_eq!(origins(&one).await, None);
}

#[tokio::test]
async fn two_writers_of_different_headers_lose_neither() {
    let rival = Arc::new(Rival::new(Arc::new(Memory::new()), 3, 50));
    let mut bench = Bench::fresh(Arc::clone(&rival) as _, CacheMode::ReadThrough);
    bench.init().await;
    for number in 0..20 {
        let answer = bench.root().write(&format!("{HEADERS}/X-{number}"), json!({ "values": ["a"] })).await;
        assert_eq!(answer, json!({}));
    }
    assert!(rival.strikes() > 0, "nobody got in the way");
    assert_eq!(ui_headers(&bench).await.len(), 20);
}

#[test]
fn names_are_written_as_go_writes_them() {
    for (name, expected) in [("x-custom-name", "X-Custom-Name"), ("X-RAY", "X-Ray"), ("etag", "Etag"), ("a--b", "A--B")]
    {
        assert_eq!(super::canonical(name), expected);
    }
}

//! Headers go to an engine and come from it as its mount's tuning says.

use std::sync::Arc;

use framework::{HeaderSource, Operation};
use serde_json::{Value, json};

use crate::testing::Bench;

/// What a client sent.
struct Sent(Vec<(&'static str, String)>);

impl HeaderSource for Sent {
    fn values(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone()).collect()
    }
}

async fn gate(tuning: Value) -> Bench {
    let bench = Bench::new().await;
    bench.root().write("sys/auth/gate", json!({ "type": "gate" })).await;
    assert_eq!(bench.root().write("sys/auth/gate/tune", tuning).await, json!({}));
    bench
}

async fn ask(bench: &Bench, operation: Operation) -> Value {
    let mut request = bench.root().request(operation, "auth/gate/echo", json!({}));
    let sent = vec![
        ("X-Vault-Token", bench.root.clone()),
        ("Authorization", format!("Bearer {}", bench.root)),
        ("Authorization", "AWS4-HMAC-SHA256 x".to_owned()),
        ("Authorization", "Bearer of.the.engine".to_owned()),
        ("X-Amz-Date", "today".to_owned()),
        ("X-Other", "o".to_owned()),
    ];
    request.headers = Some(Arc::new(Sent(sent)));
    bench.root().send(request).await
}

#[tokio::test]
async fn without_tuning_nothing_goes_in_and_nothing_comes_out() {
    let bench = gate(json!({ "description": "plain" })).await;
    let answer = ask(&bench, Operation::Read).await;
    let expected = json!({ "X-Vault-Token": [], "authorization": [], "x-amz-date": [], "X-Other": [] });
    assert_eq!(answer, json!({ "data": expected }));
}

#[tokio::test]
async fn named_request_headers_go_in_and_the_token_never_does() {
    let names = ["x-AMZ-date", "Authorization", "X-Vault-Token", "X-None"];
    let bench = gate(json!({ "passthrough_request_headers": names })).await;
    let seen = ask(&bench, Operation::Read).await["data"].take();
    assert_eq!(seen["x-amz-date"], json!(["today"]));
    assert_eq!(seen["authorization"], json!(["AWS4-HMAC-SHA256 x", "Bearer of.the.engine"]));
    assert_eq!((&seen["X-Vault-Token"], &seen["X-Other"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn named_response_headers_come_out() {
    let bench = gate(json!({ "allowed_response_headers": "location,x-none" })).await;
    assert_eq!(ask(&bench, Operation::Read).await["headers"], json!(["Location: /there"]));
}

#[tokio::test]
async fn how_long_a_page_is_good_comes_with_the_page() {
    let bench = gate(json!({ "description": "plain" })).await;
    assert_eq!(ask(&bench, Operation::Update).await["headers"], json!(["Cache-Control: max-age=9"]));
}

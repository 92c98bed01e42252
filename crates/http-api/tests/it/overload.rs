//! More requests than a node takes on: some work, some wait, the rest is told to come back, and probes are answered.

use std::time::Duration;

use framework::Reply;
use http_api::AdmissionLimits;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::rig::{Answered, Rig, config, read};

const OVERLOADED: &str = "overloaded, try again later";
const TOKEN: &str = "X-Vault-Token: t";

async fn rig(in_work: usize, queued: usize) -> Rig {
    let bounds = AdmissionLimits { in_work, queued, wait: Duration::from_secs(10) };
    Rig::bounded(config(), bounds, |_| Ok(Reply::data(json!({})))).await
}

/// Sends a request and does not wait for its answer.
async fn send(rig: &Rig, target: &str, headers: &str) -> TcpStream {
    let mut stream = rig.connect().await;
    let text = format!("GET /v1/{target} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Waits until so many are in work and so many wait.
async fn until(rig: &Rig, in_work: u64, queued: u64) {
    while (rig.load.in_work.value(), rig.load.queued.value()) != (in_work, queued) {
        tokio::task::yield_now().await;
    }
}

fn assert_refused(answered: &Answered) {
    answered.assert_errors(503, &[OVERLOADED]);
    let secs: u64 = answered.header("retry-after").expect("it says when to come back").parse().expect("whole seconds");
    assert!((1..=3).contains(&secs), "{secs}");
}

#[tokio::test]
async fn past_the_bounds_requests_are_refused_until_there_is_room() {
    let rig = rig(5, 5).await;
    let mut streams = Vec::new();
    for number in 0..8 {
        streams.push(send(&rig, &format!("stuck/{number}"), "").await);
        until(&rig, (number + 1).min(4), number.saturating_sub(3)).await;
    }
    assert_eq!(rig.count(), 4, "one tenant works on four fifths");
    assert_refused(&rig.get("/v1/stuck/more").await);
    assert_refused(&rig.ask("GET", "/v1/other", &["X-Vault-Namespace: stuck"], "").await);
    let same = ["X-Vault-Namespace: stuck"];
    assert_eq!(rig.ask("GET", "/v1/urgent", &same, "").await.status, 200);
    assert_eq!(rig.ask("POST", "/v1/urgent", &same, r#"{"key":"k"}"#).await.status, 200);
    assert_eq!(rig.load.refused.count(), 2);
    rig.open_gate();
    for stream in streams {
        assert_eq!(read(stream).await.status, 200);
    }
    assert_eq!(rig.get("/v1/stuck/more").await.status, 200);
    until(&rig, 0, 0).await;
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_the_body() {
    let rig = rig(1, 0).await;
    let _first = rig.send_stuck("GET /v1/stuck/a HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = format!("POST /v1/stuck/b HTTP/1.1\r\nConnection: close\r\n{TOKEN}\r\nContent-Length: 1000000\r\n\r\n");
    assert_refused(&rig.say(&head).await);
}

#[tokio::test]
async fn a_body_that_does_not_come_takes_no_place() {
    let rig = rig(1, 0).await;
    let mut slow = rig.connect().await;
    slow.write_all(b"POST /v1/a HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{").await.unwrap();
    for _ in 0..10 {
        assert_eq!(rig.get("/v1/a").await.status, 200);
    }
    slow.write_all(b"}").await.unwrap();
    assert_eq!(read(slow).await.status, 200);
}

#[tokio::test]
async fn an_answer_that_is_not_read_takes_no_place() {
    let long = "x".repeat(16 << 20);
    let bounds = AdmissionLimits { in_work: 1, queued: 0, ..AdmissionLimits::default() };
    let rig = Rig::bounded(config(), bounds, move |request| match request.path.as_str() {
        "long" => Ok(Reply::data(json!({ "long": long }))),
        _ => Ok(Reply::data(json!({}))),
    })
    .await;
    let unread = send(&rig, "long", "").await;
    rig.reached(1).await;
    until(&rig, 0, 0).await;
    assert_eq!(rig.get("/v1/a").await.status, 200);
    assert_eq!(read(unread).await.status, 200);
}

#[tokio::test]
async fn those_who_wait_are_answered_tenant_by_tenant() {
    let rig = rig(1, 100).await;
    let _first = send(&rig, "stuck/0", "").await;
    until(&rig, 1, 0).await;
    let waiting = [
        ("stuck/1", ""),
        ("stuck/2", ""),
        ("stuck/3", ""),
        ("stuck/a", "X-Vault-Namespace: one/two\r\n"),
        ("stuck/b", "X-Vault-Namespace: one\r\n"),
        ("stuck/x", "X-Vault-Namespace: other\r\n"),
    ];
    let mut streams = Vec::new();
    for (number, (target, headers)) in (1..).zip(waiting) {
        streams.push(send(&rig, target, headers).await);
        until(&rig, 1, number).await;
    }
    for count in 2..=7 {
        rig.let_go(1);
        rig.reached(count).await;
    }
    assert_eq!(rig.paths(), ["stuck/0", "stuck/1", "stuck/a", "stuck/x", "stuck/2", "stuck/b", "stuck/3"]);
}

#[tokio::test]
async fn a_tenant_that_floods_leaves_places_for_others() {
    let rig = rig(5, 5).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(send(&rig, "stuck/a", "X-Vault-Namespace: flood\r\n").await);
    }
    while rig.load.refused.count() < 12 {
        tokio::task::yield_now().await;
    }
    for _ in 0..10 {
        assert_eq!(rig.ask("GET", "/v1/a", &["X-Vault-Namespace: other"], "").await.status, 200);
    }
}

#[tokio::test]
async fn a_client_that_leaves_gives_up_its_place_in_the_queue() {
    let rig = rig(1, 1).await;
    let _first = send(&rig, "stuck/0", "").await;
    until(&rig, 1, 0).await;
    let second = send(&rig, "stuck/1", "").await;
    until(&rig, 1, 1).await;
    drop(second);
    until(&rig, 1, 0).await;
    let third = send(&rig, "stuck/2", "").await;
    until(&rig, 1, 1).await;
    rig.open_gate();
    assert_eq!(read(third).await.status, 200);
    assert_eq!(rig.paths(), ["stuck/0", "stuck/2"]);
}

#[tokio::test]
async fn who_waits_too_long_is_told_that_nothing_was_done() {
    let rig = rig(1, 1).await;
    let _first = send(&rig, "stuck/0", "").await;
    until(&rig, 1, 0).await;
    let second = send(&rig, "stuck/1", "").await;
    until(&rig, 1, 1).await;
    assert_refused(&rig.turn_until(read(second)).await);
    let secs = rig.clock_secs();
    assert!((10..90).contains(&secs), "{secs}");
    assert_eq!(rig.count(), 1);
}

//! What one client may take, in bytes and in time.

use std::time::Duration;

use framework::{Reply, Service};
use http_api::{Error, Limits, Listener};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::rig::{Rig, config, read};

const KIB: usize = 1024;
/// Above what counts as small.
const LARGE: usize = 100 * KIB;
const TOKEN: &str = "X-Vault-Token: t";
const FULL: &str = "too many bytes of request bodies are in work at the moment, try again";

/// An object of exactly this many bytes.
fn text_of(length: usize) -> String {
    let text = format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
    assert_eq!(text.len(), length);
    text
}

/// A request that stays in work, with a token and a body that tells its length.
fn announced(body: &str) -> String {
    let head = format!("POST /v1/stuck/a HTTP/1.1\r\nConnection: close\r\n{TOKEN}\r\n");
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A request with a token and a body that tells no length.
fn chunked(target: &str, body: &str) -> String {
    let head = format!("POST {target} HTTP/1.1\r\nConnection: close\r\n{TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n");
    format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

async fn rig(limits: Limits) -> Rig {
    let mut config = config();
    config.limits = limits;
    Rig::with(config, |_| Ok(Reply::data(json!({})))).await
}

#[tokio::test]
async fn a_body_that_is_announced_too_long_is_not_read() {
    let rig = rig(Limits { body_bytes: 1000, ..Limits::default() }).await;
    let answered = rig.say("POST /v1/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n").await;
    answered.assert_errors(413, &["request body is longer than 1000 bytes"]);
    let just = format!("{{\"a\":\"{}\"}}", "x".repeat(992));
    assert_eq!(just.len(), 1000);
    assert_eq!(rig.ask("POST", "/v1/a", &[], &just).await.status, 200);
}

#[tokio::test]
async fn a_body_that_turns_out_too_long_is_cut() {
    let rig = rig(Limits { body_bytes: 1000, ..Limits::default() }).await;
    let chunk = format!("190\r\n{}\r\n", "x".repeat(0x190)).repeat(3);
    let answered = rig
        .say(&format!("POST /v1/a HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"))
        .await;
    answered.assert_errors(413, &["request body is longer than 1000 bytes"]);
    assert_eq!(rig.count(), 0);
}

#[tokio::test]
async fn a_chunked_body_is_put_together() {
    let rig = rig(Limits::default()).await;
    let text = "POST /v1/a HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answered = rig.say(&format!("{text}3\r\n{{\"a\r\n5\r\n\":12}}\r\n0\r\n\r\n")).await;
    assert_eq!(answered.status, 200);
    assert_eq!(rig.last().data["a"], json!(12));
}

#[tokio::test]
async fn large_bodies_in_work_leave_room_for_small_ones() {
    let rig = rig(Limits { body_bytes: LARGE, bodies_bytes: LARGE, ..Limits::default() }).await;
    let large = text_of(90 * KIB);
    let first = rig.send_stuck(&announced(&large)).await;
    rig.ask("POST", "/v1/a", &[TOKEN], &large).await.assert_errors(503, &[FULL]);
    rig.say(&chunked("/v1/a", &large)).await.assert_errors(503, &[FULL]);
    assert_eq!(rig.ask("PUT", "/v1/sys/unseal", &[], r#"{"key":"k"}"#).await.status, 200);
    assert_eq!(rig.ask("POST", "/v1/a", &[TOKEN], &text_of(64 * KIB)).await.status, 200);
    rig.open_gate();
    assert_eq!(read(first).await.status, 200);
    assert_eq!(rig.ask("POST", "/v1/a", &[TOKEN], &large).await.status, 200);
}

#[tokio::test]
async fn small_bodies_together_have_a_bound_of_their_own() {
    let rig = rig(Limits { small_bodies_bytes: 64 * KIB, ..Limits::default() }).await;
    let small = text_of(60 * KIB);
    let first = rig.send_stuck(&announced(&small)).await;
    rig.ask("POST", "/v1/a", &[TOKEN], &small).await.assert_errors(503, &[FULL]);
    assert_eq!(rig.ask("POST", "/v1/a", &[TOKEN], &text_of(90 * KIB)).await.status, 200);
    rig.open_gate();
    assert_eq!(read(first).await.status, 200);
    assert_eq!(rig.ask("POST", "/v1/a", &[TOKEN], &small).await.status, 200);
}

#[tokio::test]
async fn a_chunked_body_that_grows_large_gives_the_reserve_back() {
    let limits = Limits { body_bytes: LARGE, bodies_bytes: LARGE, small_bodies_bytes: 64 * KIB, ..Limits::default() };
    let rig = rig(limits).await;
    let first = rig.send_stuck(&chunked("/v1/stuck/a", &text_of(90 * KIB))).await;
    assert_eq!(rig.ask("POST", "/v1/a", &[TOKEN], &text_of(64 * KIB)).await.status, 200);
    rig.ask("POST", "/v1/a", &[TOKEN], &text_of(90 * KIB)).await.assert_errors(503, &[FULL]);
    rig.open_gate();
    assert_eq!(read(first).await.status, 200);
}

#[tokio::test]
async fn one_client_cannot_take_all_the_room() {
    let mut config = config();
    config.limits = Limits { body_bytes: LARGE, bodies_bytes: 4 * LARGE, ..Limits::default() };
    config.forwarded_for = Some(http_api::ForwardedFor::new(vec!["127.0.0.0/8".parse().unwrap()]));
    let rig = Rig::with(config, |_| Ok(Reply::data(json!({})))).await;
    let (greedy, other) = ("X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2");
    let large = text_of(90 * KIB);
    let first = rig.send_stuck(&announced(&large).replacen("\r\n", &format!("\r\n{greedy}\r\n"), 1)).await;
    rig.ask("POST", "/v1/a", &[TOKEN, greedy], &large).await.assert_errors(503, &[FULL]);
    assert_eq!(rig.ask("POST", "/v1/a", &[TOKEN, other], &large).await.status, 200);
    rig.open_gate();
    assert_eq!(read(first).await.status, 200);
}

#[tokio::test]
async fn without_a_token_a_body_must_be_short() {
    let rig = rig(Limits { anonymous_body_bytes: 1000, ..Limits::default() }).await;
    let text = "request body is longer than 1000 bytes, which is the most for a request without a token";
    let silent = "POST /v1/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n";
    let refused = rig.turn_until(rig.say(silent)).await;
    refused.assert_errors(413, &[text]);
    let long = text_of(1001);
    rig.say(&chunked("/v1/a", &long).replacen(TOKEN, "X-A: b", 1)).await.assert_errors(413, &[text]);
    rig.ask("POST", "/v1/a", &["X-Vault-Token:"], &long).await.assert_errors(413, &[text]);
    assert_eq!(rig.count(), 0);
    assert_eq!(rig.ask("POST", "/v1/a", &[], &text_of(1000)).await.status, 200);
    for header in [TOKEN, "Authorization: Bearer t"] {
        assert_eq!(rig.ask("POST", "/v1/a", &[header], &long).await.status, 200, "{header}");
    }
}

#[tokio::test]
async fn without_a_token_64_kib_is_the_most_by_default() {
    let rig = rig(Limits::default()).await;
    assert_eq!(rig.ask("POST", "/v1/a", &[], &text_of(64 * KIB)).await.status, 200);
    let announced = format!("POST /v1/a HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 64 * KIB + 1);
    assert_eq!(rig.turn_until(rig.say(&announced)).await.status, 413);
}

#[tokio::test]
async fn long_targets_headers_and_tokens_are_refused() {
    let rig = rig(Limits { uri_bytes: 100, header_bytes: 16 * 1024, ..Limits::default() }).await;
    let target = format!("/v1/{}", "a".repeat(97));
    rig.get(&target).await.assert_errors(414, &["path and query are longer than 100 bytes"]);
    assert_eq!(rig.get(&target[..100]).await.status, 200);
    let token = format!("X-Vault-Token: {}", "t".repeat(8193));
    rig.ask("GET", "/v1/a", &[&token], "").await.assert_errors(431, &["the token is longer than 8192 bytes"]);
    let header = format!("X-A: {}", "a".repeat(16 * 1024));
    assert_eq!(rig.ask("GET", "/v1/a", &[&header], "").await.status, 431);
    let headers = vec!["X-A: b"; 200];
    assert_eq!(rig.ask("GET", "/v1/a", &headers, "").await.status, 431);
}

#[tokio::test]
async fn a_silent_client_is_closed_after_the_head_timeout() {
    let rig = rig(Limits::default()).await;
    let stream = rig.connect().await;
    assert_eq!(rig.turn_until(read(stream)).await.status, 0);
    assert!(rig.clock_secs() >= 10, "{}", rig.clock_secs());
    assert_eq!(rig.load.cut.count(), 1);
}

#[tokio::test]
async fn a_client_that_trickles_its_headers_is_closed() {
    let rig = rig(Limits::default()).await;
    let mut stream = rig.connect().await;
    stream.write_all(b"GET /v1/a HTTP/1.1\r\nX-A: ").await.unwrap();
    let (reader, mut writer) = stream.into_split();
    let trickle = async {
        // Ends in an error once the other side has closed.
        while writer.write_all(b"a").await.is_ok() {
            tokio::task::yield_now().await;
        }
        std::future::pending::<()>().await;
    };
    let answered = tokio::select! {
        answered = rig.turn_until(read(reader)) => answered,
        () = trickle => unreachable!("trickles for ever"),
    };
    assert!([0, 431].contains(&answered.status), "{answered:?}");
    assert_eq!(rig.count(), 0);
}

#[tokio::test]
async fn an_idle_connection_is_closed_later_than_a_slow_one() {
    let rig = rig(Limits::default()).await;
    let mut stream = rig.connect().await;
    stream.write_all(b"GET /v1/a HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    let answered = rig.turn_until(read(stream)).await;
    assert_eq!(answered.status, 200);
    assert!(rig.clock_secs() >= 300, "{}", rig.clock_secs());
}

#[tokio::test]
async fn a_body_that_stalls_is_408() {
    let rig = rig(Limits::default()).await;
    let mut stream = rig.connect().await;
    stream.write_all(b"POST /v1/a HTTP/1.1\r\nContent-Length: 10\r\n\r\n{").await.unwrap();
    let answered = rig.turn_until(read(stream)).await;
    answered.assert_errors(408, &["request body was not complete in time"]);
    let secs = rig.clock_secs();
    assert!((20..30).contains(&secs), "{secs}");
}

/// A client that sends a byte of its body, again and again, and one that sends as fast as it can; how long it was let.
async fn trickle(read_timeout: u64, bytes: &[u8]) -> u64 {
    let mut config = config();
    config.timeouts.read = Duration::from_secs(read_timeout);
    config.timeouts.request = Duration::from_secs(10_000);
    let rig = Rig::with(config, |_| Ok(Reply::data(json!({})))).await;
    let mut stream = rig.connect().await;
    let head = format!("POST /v1/a HTTP/1.1\r\n{TOKEN}\r\nContent-Length: 30000000\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let (reader, mut writer) = stream.into_split();
    let mut sent_at = None;
    let trickle = async {
        // Ends in an error once the other side has closed.
        loop {
            if sent_at != Some(rig.clock_secs()) {
                sent_at = Some(rig.clock_secs());
                if writer.write_all(bytes).await.is_err() {
                    break;
                }
            }
            tokio::task::yield_now().await;
        }
        std::future::pending::<()>().await;
    };
    let answered = tokio::select! {
        answered = rig.turn_until(read(reader)) => answered,
        () = trickle => unreachable!("trickles for ever"),
    };
    assert_eq!((answered.status, rig.count()), (408, 0));
    rig.clock_secs()
}

#[tokio::test]
async fn a_body_must_keep_a_pace_however_long_it_may_take() {
    let secs = trickle(3_600, &[b' '; 50]).await;
    // 50 bytes a second are behind 500 a second by the grace of 20 s after 22.
    assert!((20..30).contains(&secs), "{secs}");
}

#[tokio::test]
async fn a_body_that_keeps_its_pace_has_the_read_timeout() {
    let secs = trickle(100, &[b' '; 600]).await;
    assert!((100..110).contains(&secs), "{secs}");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_cut() {
    // More than the buffers of two sockets hold.
    let mut config = config();
    config.timeouts.write = Duration::from_secs(40);
    let text = "x".repeat(32 * 1024 * KIB);
    let rig = Rig::with(config, move |_| Ok(Reply::data(json!({ "text": text })))).await;
    let mut stream = rig.connect().await;
    stream.write_all(b"GET /v1/a HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    rig.turn_until(async {
        while rig.load.cut.count() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let secs = rig.clock_secs();
    assert!((40..60).contains(&secs), "{secs}");
    let mut bytes = Vec::new();
    // What the kernel had taken is there, or the reset has thrown it away; the rest never comes.
    drop(stream.read_to_end(&mut bytes).await);
    assert!(bytes.len() < 32 * 1024 * KIB, "{}", bytes.len());
}

#[tokio::test]
async fn a_request_without_an_answer_is_503() {
    let rig = rig(Limits::default()).await;
    let answered = rig.turn_until(rig.get("/v1/stuck/a")).await;
    answered.assert_errors(503, &["request was not answered in time; whether it took effect is not known"]);
    assert!(rig.clock_secs() >= 90, "{}", rig.clock_secs());
}

#[tokio::test]
async fn connections_past_the_bound_wait() {
    let rig = rig(Limits { connections: 1, ..Limits::default() }).await;
    let mut first = rig.connect().await;
    first.write_all(b"GET /v1/stuck/a HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
    rig.reached(1).await;
    let mut second = rig.connect().await;
    second.write_all(b"GET /v1/a HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.count(), 1, "the second connection was not accepted");
    rig.open_gate();
    assert_eq!(read(first).await.status, 200);
    assert_eq!(read(second).await.status, 200);
}

#[tokio::test]
async fn a_stop_lets_running_requests_finish() {
    let mut rig = rig(Limits::default()).await;
    let mut stream = rig.connect().await;
    let mut idle = rig.connect().await;
    stream.write_all(b"GET /v1/stuck/a HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    rig.reached(1).await;
    rig.stop();
    // The idle one is closed at once, though nobody turns the clock.
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert!(tokio::net::TcpStream::connect(rig.address).await.is_err(), "no new connections");
    rig.open_gate();
    let answered = read(stream).await;
    assert_eq!((answered.status, answered.header("connection")), (200, Some("close")));
    rig.ended().await;
}

#[tokio::test]
async fn a_stop_cuts_off_what_runs_past_the_drain() {
    let mut rig = rig(Limits::default()).await;
    let mut stream = rig.connect().await;
    stream.write_all(b"GET /v1/stuck/a HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    rig.reached(1).await;
    rig.stop();
    assert_eq!(rig.turn_until(read(stream)).await.status, 0);
    let secs = rig.clock_secs();
    assert!((30..90).contains(&secs), "{secs}");
    rig.ended().await;
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_request_along() {
    // There is one place only: the next client gets it once the first request is gone.
    let rig = rig(Limits { connections: 1, ..Limits::default() }).await;
    let mut stream = rig.connect().await;
    stream.write_all(b"GET /v1/stuck/a HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    rig.reached(1).await;
    drop(stream);
    assert_eq!(rig.get("/v1/a").await.status, 200);
}

#[tokio::test]
async fn bounds_that_let_nothing_through_are_refused() {
    struct Nobody;
    #[async_trait::async_trait]
    impl Service for Nobody {
        async fn answer(&self, request: framework::Request) -> framework::Answer {
            framework::Answer {
                request_id: request.id,
                mount_type: String::new(),
                result: Ok(Reply::empty()),
                index: None,
                headers: Vec::new(),
            }
        }
    }
    let mut config = config();
    config.limits.connections = 0;
    let env = env::simulated::env(1).0;
    let bound = {
        let admission = http_api::Admission::new(http_api::AdmissionLimits::default(), &env, std::sync::Arc::default());
        Listener::bind(&config, std::sync::Arc::new(Nobody), admission, env).await
    };
    assert!(matches!(bound, Err(Error::Limit { name: "connections", least: 1 })));
}

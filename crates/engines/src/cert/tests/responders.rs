use serde_json::{Value, json};

use super::lists::serve;
use super::{AUTHORITY, CLIENT, VERSION_1, der, harness, role_of};
use framework::testing::Harness;

const GOOD: &[u8] = include_bytes!("../../../../x509/vectors/answer-good.der");
const REVOKED: &[u8] = include_bytes!("../../../../x509/vectors/answer-revoked.der");
const UNKNOWN: &[u8] = include_bytes!("../../../../x509/vectors/answer-unknown.der");
const STRANGER: &[u8] = include_bytes!("../../../../x509/vectors/answer-stranger.der");
const NOT_FITTING: &str = "no chain matching all constraints could be found for this login certificate";

/// A mount whose one role asks responders that answer with these, each once, and then no more.
async fn asking(answers: &[&[u8]], more: Value) -> Harness {
    let harness = harness().await;
    let mut urls = Vec::new();
    for answer in answers {
        urls.push(serve(vec![answer.to_vec()]).await);
    }
    let role =
        json!({ "certificate": AUTHORITY, "ocsp_enabled": true, "ocsp_servers_override": urls, "ocsp_max_retries": 0 });
    assert_eq!(harness.write("certs/web", role).await, json!({}));
    assert_eq!(harness.write("certs/web", more).await, json!({}));
    harness
}

#[tokio::test]
async fn a_responder_decides_and_what_it_said_is_kept() {
    let client = der(CLIENT);
    let good = asking(&[GOOD], json!({})).await;
    for _ in 0..3 {
        assert_eq!(role_of(&good, &[&client]).await, "web", "the responder answers once");
    }
    let revoked = asking(&[REVOKED], json!({ "ocsp_fail_open": true })).await;
    for _ in 0..3 {
        assert_eq!(role_of(&revoked, &[&client]).await, NOT_FITTING);
    }
    let off = asking(&[REVOKED], json!({ "ocsp_enabled": false })).await;
    assert_eq!(role_of(&off, &[&client]).await, "web");
}

#[tokio::test]
async fn what_nobody_can_tell_is_for_the_role_to_decide() {
    let client = der(CLIENT);
    for (answer, why) in [
        (UNKNOWN, "the OCSP responder does not know, or its answer is too old"),
        (STRANGER, "the answer is not signed by the authority or a responder of its"),
        (b"<html>", "the answer is malformed"),
        (&[0x30, 3, 0x0a, 1, 6], "the responder refuses to answer, status 6"),
    ] {
        let strict = asking(&[answer], json!({})).await;
        let expected = format!("{NOT_FITTING}; additionally got errors during verification: {why}");
        assert_eq!(role_of(&strict, &[&client]).await, expected);
        let lax = asking(&[answer], json!({ "ocsp_fail_open": true })).await;
        assert_eq!(role_of(&lax, &[&client]).await, "web");
    }
    let old = asking(&[GOOD], json!({ "ocsp_this_update_max_age": 60 })).await;
    assert!(role_of(&old, &[&client]).await.contains("too old"));
    let gone = asking(&[], json!({ "ocsp_servers_override": "http://127.0.0.1:1/" })).await;
    assert!(role_of(&gone, &[&client]).await.contains("no connection to the server"));
    let of_certificate = asking(&[], json!({})).await;
    assert!(role_of(&of_certificate, &[&client]).await.contains("no connection"), "the certificate names a responder");
    assert!(role_of(&of_certificate, &[&der(VERSION_1)]).await.contains("names no OCSP responder"));
}

#[tokio::test]
async fn the_next_responder_is_asked_and_all_must_agree_if_they_have_to() {
    let client = der(CLIENT);
    let second = asking(&[b"nonsense", GOOD], json!({})).await;
    assert_eq!(role_of(&second, &[&client]).await, "web");
    let first = asking(&[GOOD, REVOKED], json!({})).await;
    assert_eq!(role_of(&first, &[&client]).await, "web");
    let all = json!({ "ocsp_query_all_servers": true });
    assert_eq!(role_of(&asking(&[GOOD, REVOKED], all.clone()).await, &[&client]).await, NOT_FITTING);
    assert_eq!(role_of(&asking(&[GOOD, GOOD], all.clone()).await, &[&client]).await, "web");
    let untold = role_of(&asking(&[GOOD, b"nonsense"], all.clone()).await, &[&client]).await;
    assert!(untold.contains("malformed"), "{untold}");
    let lax = json!({ "ocsp_query_all_servers": true, "ocsp_fail_open": true });
    assert_eq!(role_of(&asking(&[b"nonsense", REVOKED], lax).await, &[&client]).await, NOT_FITTING);
}

#[tokio::test]
async fn a_pinned_certificate_is_asked_about_when_the_role_knows_who_made_it() {
    let client = der(CLIENT);
    let harness = asking(&[GOOD], json!({ "certificate": format!("{CLIENT}{AUTHORITY}") })).await;
    assert_eq!(role_of(&harness, &[&client]).await, "web");
    let alone = asking(&[GOOD], json!({ "certificate": CLIENT })).await;
    assert!(role_of(&alone, &[&client]).await.ends_with("it is not known who made the certificate"));
}

#[tokio::test]
async fn what_is_kept_is_bounded() {
    let outside = super::Outside::default();
    let verdict = x509::ocsp::Verdict { status: x509::ocsp::Status::Good, this_update: 0, next_update: Some(100) };
    let question = |mount: &str, number: u8| super::outside::Question {
        mount: mount.to_owned(),
        certificate: [number; 32],
        issuer: [0; 32],
        whom: Vec::new(),
    };
    for number in 0..5 {
        let next_update = Some(100 - i64::from(number));
        outside.keep(question("a", number), x509::ocsp::Verdict { next_update, ..verdict }, 2);
    }
    outside.keep(question("b", 9), x509::ocsp::Verdict { next_update: None, ..verdict }, 2);
    let known: Vec<_> = (0..5).filter(|number| outside.known(&question("a", *number), 50).is_some()).collect();
    assert_eq!(known, [0, 4], "what ends first makes room");
    assert_eq!(outside.known(&question("a", 0), 101), None, "what has ended is not known");
    assert_eq!(outside.known(&question("b", 9), 50), None, "what does not say how long it holds is not kept");
}

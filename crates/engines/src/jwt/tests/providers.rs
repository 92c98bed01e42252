//! Providers that change their keys, lie, hang, redirect and send too much; and how often they are asked.

use std::sync::Arc;
use std::time::Duration;

use framework::testing::Harness;
use jose::Pair;
use serde_json::{Value, json};

use super::{engine, log_in, pair, refused, signed, stub, text};

async fn configured(config: Value) -> Harness {
    let harness = Harness::new(engine()).await;
    assert_eq!(harness.write("config", config).await, json!({}));
    let role = json!({ "role_type": "jwt", "user_claim": "sub", "bound_subject": "s" });
    assert_eq!(harness.write("role/app", role).await, json!({}));
    harness
}

async fn with_keys_of(provider: &stub::Provider) -> Harness {
    configured(json!({ "jwks_url": format!("{}/keys", provider.url) })).await
}

async fn gets_in(harness: &Harness, pair: &Pair) -> bool {
    log_in(harness, "app", &signed(harness, pair, json!({ "sub": "s" }))).await["login"].is_object()
}

const NO_KEY: &str =
    "error validating token: error verifying token signature: no known key successfully validated the token signature";

#[tokio::test]
async fn a_key_that_is_new_is_fetched_and_one_that_is_gone_proves_nothing_then() {
    let (old, new) = (pair("old"), pair("new"));
    let provider = stub::Provider::start(&[&old]);
    let harness = with_keys_of(&provider).await;
    assert!(gets_in(&harness, &old).await);
    provider.publish(&[&new]);
    assert!(gets_in(&harness, &old).await, "nothing is asked for without a reason");
    assert!(!gets_in(&harness, &new).await, "it is too early to ask again");
    harness.clock().advance(Duration::from_secs(10));
    assert!(gets_in(&harness, &new).await);
    assert!(!gets_in(&harness, &old).await);
}

#[tokio::test]
async fn a_key_of_the_same_name_that_is_another_is_fetched_as_well() {
    let (old, new) = (pair("k"), pair("k"));
    let provider = stub::Provider::start(&[&old]);
    let harness = with_keys_of(&provider).await;
    assert!(gets_in(&harness, &old).await);
    provider.publish(&[&new]);
    harness.clock().advance(Duration::from_secs(10));
    assert!(gets_in(&harness, &new).await && !gets_in(&harness, &old).await);
}

#[tokio::test]
async fn a_key_that_the_provider_has_taken_back_is_of_no_use_after_ten_minutes() {
    let (own, other) = (pair("own"), pair("other"));
    let provider = stub::Provider::start(&[&own]);
    let harness = with_keys_of(&provider).await;
    assert!(gets_in(&harness, &own).await);
    provider.publish(&[&other]);
    harness.clock().advance(Duration::from_secs(599));
    assert!(gets_in(&harness, &own).await);
    harness.clock().advance(Duration::from_secs(1));
    assert!(!gets_in(&harness, &own).await);
}

#[tokio::test]
async fn a_provider_that_is_away_locks_nobody_out_whose_key_is_known() {
    let own = pair("own");
    let provider = stub::Provider::start(&[&own]);
    let harness = with_keys_of(&provider).await;
    assert!(gets_in(&harness, &own).await);
    provider.behave(|manner| manner.bytes = Some(b"HTTP/1.1 503 Down\r\ncontent-length: 0\r\n\r\n".to_vec()));
    harness.clock().advance(Duration::from_secs(3_600));
    assert!(gets_in(&harness, &own).await);
    assert_eq!(text(&log_in(&harness, "app", &signed(&harness, &pair("x"), json!({ "sub": "s" }))).await), NO_KEY);
    // After a restart nothing is known.
    let harness = harness.with_engine(engine());
    let why = "error validating token: error verifying token signature: the keys could not be fetched";
    let token = signed(&harness, &own, json!({ "sub": "s" }));
    assert_eq!(log_in(&harness, "app", &token).await, refused(why));
    provider.behave(|manner| manner.bytes = None);
    harness.clock().advance(Duration::from_secs(10));
    assert!(gets_in(&harness, &own).await);
}

#[tokio::test]
async fn a_thousand_unknown_keys_cause_one_fetch_in_ten_seconds() {
    let own = pair("own");
    let provider = stub::Provider::start(&[&own]);
    let harness = with_keys_of(&provider).await;
    let before = provider.asked();
    let strangers: Vec<_> =
        (0..1_000).map(|index| signed(&harness, &pair(&format!("k{index}")), json!({ "sub": "s" }))).collect();
    for token in &strangers {
        assert_eq!(text(&log_in(&harness, "app", token).await), NO_KEY);
    }
    assert_eq!(provider.asked() - before, 1, "all within the same moment");
    let before = provider.asked();
    for token in &strangers {
        harness.clock().advance(Duration::from_millis(100));
        assert_eq!(text(&log_in(&harness, "app", token).await), NO_KEY);
    }
    assert_eq!(provider.asked() - before, 10, "a hundred seconds have passed");
    assert!(gets_in(&harness, &own).await);
}

#[tokio::test]
async fn logins_that_come_together_share_one_fetch() {
    let own = pair("own");
    let provider = stub::Provider::start(&[&own]);
    let harness = Arc::new(with_keys_of(&provider).await);
    let before = provider.asked();
    let logins: Vec<_> = (0..50)
        .map(|_| {
            let (harness, token) = (Arc::clone(&harness), signed(&harness, &own, json!({ "sub": "s" })));
            tokio::spawn(async move { log_in(&harness, "app", &token).await["login"].is_object() })
        })
        .collect();
    for login in logins {
        assert!(login.await.expect("it does not panic"));
    }
    assert_eq!(provider.asked() - before, 1);
}

#[tokio::test]
async fn a_provider_that_hangs_keeps_a_bounded_number_of_logins_waiting() {
    let own = pair("own");
    let provider = stub::Provider::start(&[&own]);
    let harness = Arc::new(with_keys_of(&provider).await);
    provider.behave(|manner| manner.hangs = true);
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    let logins: Vec<_> = (0..100)
        .map(|_| {
            let (harness, sender) = (Arc::clone(&harness), sender.clone());
            let token = signed(&harness, &own, json!({ "sub": "s" }));
            tokio::spawn(async move { sender.send(log_in(&harness, "app", &token).await) })
        })
        .collect();
    // 64 wait; the others are told so at once.
    for _ in 0..36 {
        let seen = told.recv().await.expect("they are told");
        assert_eq!(seen, json!({ "error": "too many logins wait for the provider: try again" }));
    }
    assert!(told.try_recv().is_err());
    for login in &logins {
        login.abort();
    }
    for login in logins {
        drop(login.await);
    }
    // What they have waited for goes on without them.
    provider.behave(|manner| manner.hangs = false);
    assert!(gets_in(&harness, &own).await);
}

/// Begins a login that waits for a provider which hangs, until it has been asked.
async fn begun(harness: &Arc<Harness>, provider: &stub::Provider, pair: &Pair) -> tokio::task::JoinHandle<bool> {
    let (before, token) = (provider.asked(), signed(harness, pair, json!({ "sub": "s" })));
    let harness = Arc::clone(harness);
    let login = tokio::spawn(async move { log_in(&harness, "app", &token).await["login"].is_object() });
    provider.asked_more_than(before).await;
    login
}

#[tokio::test]
async fn one_who_hangs_up_keeps_nobody_from_the_keys() {
    let own = pair("own");
    let provider = stub::Provider::start(&[&own]);
    let harness = Arc::new(with_keys_of(&provider).await);
    provider.behave(|manner| manner.hangs = true);
    let before = provider.asked();
    begun(&harness, &provider, &pair("x")).await.abort();
    provider.behave(|manner| manner.hangs = false);
    assert!(gets_in(&harness, &own).await);
    assert_eq!(provider.asked() - before, 1);
}

#[tokio::test]
async fn one_who_hangs_up_keeps_no_key_alive_that_was_taken_back() {
    let (own, other) = (pair("own"), pair("other"));
    let provider = stub::Provider::start(&[&own]);
    let harness = Arc::new(with_keys_of(&provider).await);
    assert!(gets_in(&harness, &own).await);
    provider.publish(&[&other]);
    harness.clock().advance(Duration::from_secs(600));
    provider.behave(|manner| manner.hangs = true);
    begun(&harness, &provider, &pair("x")).await.abort();
    provider.behave(|manner| manner.hangs = false);
    assert!(!gets_in(&harness, &own).await);
}

#[tokio::test]
async fn nobody_goes_on_with_old_keys_while_another_looks_for_new_ones() {
    let (own, other) = (pair("own"), pair("other"));
    let provider = stub::Provider::start(&[&own]);
    let harness = Arc::new(with_keys_of(&provider).await);
    assert!(gets_in(&harness, &own).await);
    provider.publish(&[&other]);
    harness.clock().advance(Duration::from_hours(24));
    provider.behave(|manner| manner.hangs = true);
    let first = begun(&harness, &provider, &pair("x")).await;
    let token = signed(&harness, &own, json!({ "sub": "s" }));
    let mut second = std::pin::pin!(log_in(&harness, "app", &token));
    for _ in 0..100 {
        tokio::select! {
            biased;
            seen = &mut second => panic!("it did not wait: {seen}"),
            () = tokio::task::yield_now() => {}
        }
    }
    provider.behave(|manner| manner.hangs = false);
    assert_eq!(second.await, refused(NO_KEY));
    assert!(!first.await.expect("it does not panic"));
}

#[tokio::test]
async fn a_mount_that_is_in_use_never_waits_for_new_keys() {
    let (own, other) = (pair("own"), pair("other"));
    let provider = stub::Provider::start(&[&own]);
    let harness = Arc::new(with_keys_of(&provider).await);
    assert!(gets_in(&harness, &own).await);
    harness.clock().advance(Duration::from_secs(300));
    provider.behave(|manner| manner.hangs = true);
    let before = provider.asked();
    assert!(gets_in(&harness, &own).await, "while somebody is asked");
    provider.asked_more_than(before).await;
    provider.publish(&[&other]);
    provider.behave(|manner| manner.hangs = false);
    // What was asked for then is known soon, without anybody who asks again.
    while gets_in(&harness, &own).await {
        tokio::task::yield_now().await;
    }
    assert_eq!(provider.asked() - before, 1);
}

#[tokio::test]
async fn one_provider_that_hangs_holds_up_nobody_who_is_known_to_another() {
    let (own, other) = (pair("own"), pair("other"));
    let (first, second) = (stub::Provider::start(&[&other]), stub::Provider::start(&[&own]));
    let pairs: Vec<_> = [&first, &second].iter().map(|it| json!({ "jwks_url": format!("{}/keys", it.url) })).collect();
    let harness = configured(json!({ "jwks_pairs": pairs })).await;
    assert!(gets_in(&harness, &own).await && gets_in(&harness, &other).await);
    harness.clock().advance(Duration::from_hours(1));
    first.behave(|manner| manner.hangs = true);
    let began = (first.asked(), second.asked());
    assert!(gets_in(&harness, &own).await);
    // A new key of the second is found while the first is still silent.
    let new = pair("new");
    second.publish(&[&new]);
    harness.clock().advance(Duration::from_secs(10));
    let mut login = std::pin::pin!(gets_in(&harness, &new));
    tokio::select! {
        is_in = &mut login => assert!(is_in),
        () = first.asked_more_than(began.0 + 1) => panic!("one place is asked twice at once"),
    }
    assert_eq!((first.asked() - began.0, second.asked() - began.1), (1, 2));
}

#[tokio::test]
async fn nothing_is_stored_of_a_provider_that_is_not_as_it_should_be() {
    let own = pair("own");
    let provider = stub::Provider::start(&[&own]);
    let head = "HTTP/1.1 200 OK\r\ncontent-length: ";
    let many = json!({ "keys": vec![&own.public; 5_000] }).to_string();
    for (bytes, why) in [
        ("HTTP/1.1 302 There\r\nlocation: /keys\r\ncontent-length: 0\r\n\r\n".to_owned(), "redirect"),
        ("HTTP/1.1 404 Not\r\ncontent-length: 0\r\n\r\n".to_owned(), "status 404"),
        (format!("{head}104857600\r\n\r\n"), "longer than 1048576 bytes"),
        (format!("{head}6\r\n\r\n<html>"), "not JSON"),
        (format!("{head}2\r\n\r\n{{}}"), "no list named \"keys\""),
        (format!("{head}{}\r\n\r\n{many}", many.len()), "the key set"),
        (String::new(), "broke off"),
    ] {
        provider.behave(|manner| manner.bytes = Some(bytes.into_bytes()));
        let url = format!("{}/keys", provider.url);
        let harness = Harness::new(engine()).await;
        for config in [json!({ "jwks_url": url }), json!({ "jwks_pairs": [{ "jwks_url": url }] })] {
            let seen = text(&harness.write("config", config).await);
            assert!(
                seen.starts_with(&format!("error checking jwks URL {url}: ")) && seen.contains(why),
                "{why}: {seen}"
            );
        }
        assert_eq!(harness.read("config").await, json!({ "error": "not found" }));
    }
}

#[tokio::test]
async fn an_openid_provider_is_believed_only_as_itself() {
    let own = pair("own");
    let provider = stub::Provider::start(&[&own]);
    let harness = configured(json!({ "oidc_discovery_url": provider.url })).await;
    assert!(gets_in(&harness, &own).await);
    let keys = format!("{}/keys", provider.url);
    for (document, why) in [
        (json!({ "issuer": format!("{}/", provider.url), "jwks_uri": keys }), "another issuer"),
        (json!({ "issuer": "https://other.test", "jwks_uri": keys }), "another issuer"),
        (json!({ "jwks_uri": keys }), "another issuer"),
        (json!({ "issuer": provider.url }), "not JSON with the fields"),
        (json!({ "issuer": provider.url, "jwks_uri": "file:///etc/passwd" }), "not JSON with the fields"),
        (json!([]), "another issuer"),
    ] {
        provider.behave(|manner| manner.discovery = Some(document.clone()));
        let seen = text(&harness.write("config", json!({ "oidc_discovery_url": provider.url })).await);
        assert!(seen.starts_with("error checking oidc discovery URL: ") && seen.contains(why), "{document}: {seen}");
        // One that turns false later is asked in vain, and what was known goes on.
        harness.clock().advance(Duration::from_secs(3_600));
        assert!(gets_in(&harness, &own).await);
    }
    // The slash at the end belongs to the name, and not to the place.
    let slashed = format!("{}/", provider.url);
    provider.behave(|manner| manner.discovery = Some(json!({ "issuer": slashed, "jwks_uri": keys })));
    assert_eq!(harness.write("config", json!({ "oidc_discovery_url": slashed })).await, json!({}));
    assert!(gets_in(&harness, &own).await);
}

#[tokio::test]
async fn several_providers_count_side_by_side() {
    let (a, b) = (pair("a"), pair("b"));
    let (first, second) = (stub::Provider::start(&[&a]), stub::Provider::start(&[&b]));
    let pairs: Vec<_> = [&first, &second].iter().map(|it| json!({ "jwks_url": format!("{}/keys", it.url) })).collect();
    let harness = configured(json!({ "jwks_pairs": pairs })).await;
    assert!(gets_in(&harness, &a).await && gets_in(&harness, &b).await);
    let shown = harness.read("config").await["data"]["jwks_pairs"].take();
    assert_eq!(shown[1], json!({ "jwks_url": format!("{}/keys", second.url), "jwks_ca_pem": "" }));
    first.behave(|manner| manner.bytes = Some(Vec::new()));
    harness.clock().advance(Duration::from_secs(3_600));
    let new = pair("new");
    second.publish(&[&new]);
    assert!(gets_in(&harness, &a).await && gets_in(&harness, &new).await && !gets_in(&harness, &b).await);
}

#[tokio::test]
async fn a_token_for_one_of_several_providers_names_its_key() {
    let own = pair("");
    let (first, second) = (stub::Provider::start(&[&pair("a")]), stub::Provider::start(&[&own]));
    let url = |provider: &stub::Provider| json!({ "jwks_url": format!("{}/keys", provider.url) });
    let harness = configured(json!({ "jwks_pairs": [url(&second)] })).await;
    assert!(gets_in(&harness, &own).await, "there is one only");
    harness.write("config", json!({ "jwks_pairs": [url(&first), url(&second)] })).await;
    let token = signed(&harness, &own, json!({ "sub": "s" }));
    let seen = text(&log_in(&harness, "app", &token).await);
    assert!(seen.ends_with("the token does not name its key (kid), which it has to with several jwks_pairs"), "{seen}");
}

#[tokio::test]
async fn a_new_configuration_counts_at_once() {
    let (a, b) = (pair("a"), pair("b"));
    let (first, second) = (stub::Provider::start(&[&a]), stub::Provider::start(&[&b]));
    let harness = with_keys_of(&first).await;
    assert!(gets_in(&harness, &a).await && !gets_in(&harness, &b).await);
    let asked = first.asked();
    harness.write("config", json!({ "jwks_url": format!("{}/keys", second.url) })).await;
    assert!(gets_in(&harness, &b).await && !gets_in(&harness, &a).await);
    assert_eq!(first.asked(), asked);
}

#[tokio::test]
async fn what_a_token_says_of_keys_makes_nobody_ask_there() {
    use data_encoding::BASE64URL_NOPAD;
    let (own, evil) = (pair("own"), pair("own"));
    let (provider, other) = (stub::Provider::start(&[&own]), stub::Provider::start(&[&evil]));
    let harness = with_keys_of(&provider).await;
    let url = format!("{}/keys", other.url);
    let header = json!({ "alg": "EdDSA", "kid": url, "jku": url, "x5u": url, "jwk": evil.public });
    let now = harness.context("").now().unix_secs();
    let claims =
        json!({ "sub": "s", "iss": other.url, "exp": now + 60, "_claim_sources": { "s": { "endpoint": url } } });
    let text = [header, claims].map(|part| BASE64URL_NOPAD.encode(part.to_string().as_bytes())).join(".");
    let signature = evil.sign(text.as_bytes()).expect("the key is sound");
    let token = format!("{text}.{}", BASE64URL_NOPAD.encode(&signature));
    assert_eq!(log_in(&harness, "app", &token).await, refused(NO_KEY));
    assert_eq!(other.asked(), 0);
}

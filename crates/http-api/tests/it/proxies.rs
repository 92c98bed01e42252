//! Load balancers that pass bytes on and say for whom: the PROXY protocol in front of HTTP and of TLS.

use framework::Reply;
use http_api::{ListenerConfig, ProxyBehavior, ProxyProtocol};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::rig::{Rig, config, read};

const V1: &str = "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n";
const REQUEST: &str = "GET /v1/a HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

/// A listener that every client reaches from 127.0.0.1.
fn configured(behavior: ProxyBehavior, authorized: &str) -> ListenerConfig {
    let mut config = config();
    config.proxy_protocol = Some(ProxyProtocol { behavior, authorized: vec![authorized.parse().unwrap()] });
    config
}

async fn rig(behavior: ProxyBehavior, authorized: &str) -> Rig {
    Rig::with(configured(behavior, authorized), |_| Ok(Reply::data(json!({})))).await
}

/// The status that came back, 0 for none, and the address that the service saw last.
async fn seen(rig: &Rig, text: &str) -> (u16, String) {
    let before = rig.count();
    let status = rig.say(text).await.status;
    let remote = if rig.count() > before { rig.last().connection.remote } else { None };
    (status, remote.map_or_else(String::new, |remote| remote.ip().to_string()))
}

#[tokio::test]
async fn a_believed_header_tells_who_the_client_is() {
    let named = [
        (ProxyBehavior::UseAlways, "10.0.0.0/8"),
        (ProxyBehavior::AllowAuthorized, "127.0.0.0/8"),
        (ProxyBehavior::DenyUnauthorized, "127.0.0.1"),
    ];
    for (behavior, authorized) in named {
        let rig = rig(behavior, authorized).await;
        assert_eq!(seen(&rig, &format!("{V1}{REQUEST}")).await, (200, "192.0.2.1".into()), "{behavior:?}");
        assert_eq!(rig.last().connection.remote.unwrap().port(), 56324);
        assert_eq!(seen(&rig, REQUEST).await, (200, "127.0.0.1".into()), "{behavior:?} without a header");
        let unknown = format!("PROXY UNKNOWN\r\n{REQUEST}");
        assert_eq!(seen(&rig, &unknown).await, (200, "127.0.0.1".into()), "{behavior:?} for nobody known");
    }
}

#[tokio::test]
async fn the_binary_form_says_the_same() {
    let rig = rig(ProxyBehavior::AllowAuthorized, "127.0.0.1").await;
    let mut stream = rig.connect().await;
    let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb";
    // Byte by byte, as the network may bring it.
    for byte in header.iter().chain(REQUEST.as_bytes()) {
        stream.write_all(&[*byte]).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(read(stream).await.status, 200);
    assert_eq!(rig.last().connection.remote.unwrap().to_string(), "192.0.2.1:56324");
}

#[tokio::test]
async fn who_is_not_named_is_not_believed() {
    let rig = rig(ProxyBehavior::AllowAuthorized, "10.0.0.0/8").await;
    assert_eq!(seen(&rig, &format!("{V1}{REQUEST}")).await, (200, "127.0.0.1".into()));
    assert_eq!(seen(&rig, REQUEST).await, (200, "127.0.0.1".into()));
}

#[tokio::test]
async fn who_is_not_named_can_be_kept_out() {
    let rig = rig(ProxyBehavior::DenyUnauthorized, "10.0.0.0/8").await;
    for text in [format!("{V1}{REQUEST}"), REQUEST.to_owned()] {
        assert_eq!(rig.say(&text).await.status, 0, "{text:?}");
    }
    assert_eq!(rig.count(), 0);
}

#[tokio::test]
async fn a_malformed_header_closes_the_connection() {
    for behavior in [ProxyBehavior::UseAlways, ProxyBehavior::AllowAuthorized, ProxyBehavior::DenyUnauthorized] {
        let rig = rig(behavior, "127.0.0.1").await;
        let long = format!("PROXY UNKNOWN {}", "x".repeat(200));
        for header in
            ["PROXY TCP4 me you 1 2\r\n", "PROXY TCP4 192.0.2.1\r\n", &long, "\r\n\r\n\0\r\nQUIT\n\x11\x11\0\0"]
        {
            assert_eq!(rig.say(&format!("{header}{REQUEST}")).await.status, 0, "{behavior:?} {header:?}");
        }
        assert_eq!(rig.count(), 0);
    }
}

#[tokio::test]
async fn a_header_that_does_not_end_is_waited_for_no_longer_than_a_request() {
    let rig = rig(ProxyBehavior::UseAlways, "127.0.0.1").await;
    let mut stream = rig.connect().await;
    stream.write_all(b"PROXY TCP4 192.").await.unwrap();
    let mut rest = Vec::new();
    assert_eq!(rig.turn_until(stream.read_to_end(&mut rest)).await.unwrap(), 0);
    assert_eq!(rig.clock_secs(), 10);
}

#[tokio::test]
async fn without_the_setting_a_header_is_a_bad_request() {
    let rig = Rig::new(|_| Ok(Reply::data(json!({})))).await;
    assert_eq!(rig.say(&format!("{V1}{REQUEST}")).await.status, 400);
    assert_eq!(rig.count(), 0);
}

#[tokio::test]
async fn forwarded_addresses_are_judged_by_the_address_that_the_header_tells() {
    let mut config = configured(ProxyBehavior::AllowAuthorized, "127.0.0.1");
    config.forwarded_for = Some(http_api::ForwardedFor::new(vec!["192.0.2.0/24".parse().unwrap()]));
    let rig = Rig::with(config, |_| Ok(Reply::data(json!({})))).await;
    let request = REQUEST.replace("Host:", "X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\nHost:");
    assert_eq!(seen(&rig, &format!("{V1}{request}")).await, (200, "203.0.113.9".into()));
    assert_eq!(seen(&rig, &request).await.0, 400, "the proxy itself is not named as one of HTTP");
}

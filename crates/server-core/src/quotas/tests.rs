//! Quotas through the API.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use framework::{Answer, Connection, Operation, Service};
use serde_json::{Value, json};

use crate::testing::{Bench, Client};

mod admin;
mod counts;
mod rates;

/// Somebody's request from an address whose last byte this is.
pub(super) async fn ask(bench: &Bench, client: &Client<'_>, from: u8, path: &str) -> Answer {
    ask_with(bench, client, from, Operation::Read, path, json!({})).await
}

pub(super) async fn ask_with(
    bench: &Bench,
    client: &Client<'_>,
    from: u8,
    operation: Operation,
    path: &str,
    data: Value,
) -> Answer {
    let mut request = client.request(operation, path, data);
    let remote = Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, from)), 40_000));
    request.connection = Arc::new(Connection { remote, ..Connection::default() });
    bench.core.answer(request).await
}

/// Whether a quota refused it, and no other thing.
pub(super) fn is_refused(answer: &Answer) -> bool {
    matches!(&answer.result, Err(framework::Error::TooMany(text)) if text.contains("quota exceeded"))
}

/// How many of ten requests from an address come through.
pub(super) async fn passes(bench: &Bench, client: &Client<'_>, from: u8, path: &str) -> usize {
    let mut passed = 0;
    for _ in 0..10 {
        passed += usize::from(!is_refused(&ask(bench, client, from, path).await));
    }
    passed
}

/// Makes a rate limit of so many requests an hour.
pub(super) async fn limit(bench: &Bench, name: &str, path: &str, rate: u64) {
    let about = json!({ "path": path, "rate": rate, "interval": "1h" });
    let made = bench.root().write(&format!("sys/quotas/rate-limit/{name}"), about).await;
    assert_eq!(made, json!({}), "{name} for {path}");
}

use std::sync::Arc;

use framework::{Connection, Openings, Operation, Reply};
use serde_json::{Value, json};

use super::range;
use crate::testing::outside::{Mood, Outside};
use crate::testing::{Bench, Client, denied, hours, invalid, refused, sealed};

/// What somebody reads in a format; the text of a refusal instead.
async fn read(client: &Client<'_>, format: &str) -> String {
    let request = client.request(Operation::Read, "sys/metrics", json!({ "format": format }));
    text(client.answer(request).await.unwrap_or_else(|error| panic!("metrics are refused: {error:?}")))
}

fn text(reply: Reply) -> String {
    let body = reply.body.expect("metrics are a body of their own");
    String::from_utf8(body.bytes).expect("metrics are text")
}

/// The label that all series of a cluster have.
fn cluster(bench: &Bench) -> String {
    format!("cluster=\"{}\"", bench.core.seals.identity.cluster().expect("it is unsealed").name)
}

/// The value of the line that begins like this.
#[track_caller]
fn value(text: &str, series: &str) -> f64 {
    let lines = text.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let values: Vec<_> = lines.map(|value| value.parse().expect("a value is a number")).collect();
    let [value] = values.as_slice() else { panic!("{} lines of {series} in\n{text}", values.len()) };
    *value
}

#[tokio::test]
async fn requests_are_counted_by_mount_and_operation() {
    let bench = Bench::new().await;
    bench.mount("team/kv").await;
    let root = bench.root();
    root.write("team/kv/a", json!({ "x": 1 })).await;
    for _ in 0..3 {
        root.read("team/kv/a").await;
    }
    root.read("team/kv/none").await;
    root.list("team/kv/").await;
    bench.nobody().read("team/kv/a").await;
    let text = read(&root, "prometheus").await;
    assert_eq!(value(&text, "vault_route_read_team_kv__count"), 4.0, "what was not found counts, what was denied not");
    assert_eq!(value(&text, "vault_route_create_team_kv__count"), 1.0);
    assert_eq!(value(&text, "vault_route_list_team_kv__count"), 1.0);
    assert_eq!(value(&text, &format!("vault_core_unsealed{{{}}}", cluster(&bench))), 1.0);
    assert_eq!(value(&text, "vault_core_in_flight_requests"), 1.0, "the one that asks");
    // Of the mount and those above, the one that asks not yet among them.
    assert_eq!(value(&text, "vault_core_handle_request_count"), 8.0);
    assert_eq!(value(&text, "process_resident_memory_bytes"), 1024.0);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').expect("a line is a series and a value");
        assert!(value.parse::<f64>().is_ok(), "{series} is {value}");
    }
}

#[tokio::test]
async fn what_was_made_is_counted_by_mount_and_ttl() {
    let bench = Bench::new().await;
    bench.root().write("sys/namespaces/team", json!({})).await;
    let token = bench.token(json!({ "ttl": "90m" })).await;
    bench.with(&token).write("auth/token/renew-self", json!({})).await;
    bench
        .root()
        .within("team")
        .create("create", json!({ "type": "batch", "ttl": "5m", "policies": ["default"] }))
        .await;
    let text = read(&bench.root(), "prometheus").await;
    let cluster = cluster(&bench);
    let made = |namespace: &str, ttl: &str, kind: &str| {
        let labels = format!(
            "{cluster},namespace=\"{namespace}\",auth_method=\"token\",mount_point=\"auth/token/\",\
             creation_ttl=\"{ttl}\",token_type=\"{kind}\""
        );
        value(&text, &format!("vault_token_creation{{{labels}}}"))
    };
    assert_eq!(made("root", "2h", "service"), 1.0, "a renewal makes no token");
    assert_eq!(made("team/", "10m", "batch"), 1.0);
    assert_eq!(value(&text, "vault_route_update_auth_token__count{namespace=\"team/\"}"), 1.0);
}

#[tokio::test]
async fn the_json_has_the_same_numbers() {
    let bench = Bench::new().await;
    bench.mount("kv").await;
    bench.root().list("kv/").await;
    let shown: Value = serde_json::from_str(&read(&bench.root(), "").await).expect("it is JSON");
    let sample = shown["Samples"].as_array().expect("a list").iter();
    let counts: Vec<_> = sample.filter(|it| it["Name"] == "vault.route.list.kv-").map(|it| &it["Count"]).collect();
    assert_eq!(counts, [&json!(1)]);
    assert!(shown["Timestamp"].as_str().is_some_and(|text| text.ends_with(" +0000 UTC")), "{}", shown["Timestamp"]);
    let text = bench.root().call(Operation::Read, "sys/metrics", json!({ "format": "xml" })).await;
    assert_eq!(text, invalid("no metrics in the format \"xml\": there are \"prometheus\" and, without one, JSON"));
}

#[tokio::test]
async fn nothing_of_what_clients_choose_is_shown() {
    let bench = Bench::new().await;
    bench.mount("kv").await;
    let canary = "canary-5d1f";
    let token = bench.token(json!({ "display_name": canary, "meta": { "name": canary } })).await;
    for client in [bench.root(), bench.with(&token), bench.with(canary)] {
        client.write(&format!("kv/{canary}"), json!({ canary: canary })).await;
        client.read(&format!("kv/{canary}")).await;
        client.read(&format!("{canary}/{canary}")).await;
        client.within(canary).read("kv/a").await;
    }
    for format in ["", "prometheus"] {
        let text = read(&bench.root(), format).await;
        assert!(text.contains("kv"), "the mount is shown: {text}");
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn metrics_need_a_token_but_over_a_listener_that_is_opened_for_them() {
    let bench = Bench::new().await;
    bench.root().write("sys/namespaces/team", json!({})).await;
    assert_eq!(bench.nobody().read("sys/metrics").await, denied());
    let weak = bench.token_for("weak", "path \"elsewhere\" { capabilities = [\"read\"] }").await;
    assert_eq!(bench.with(&weak).read("sys/metrics").await, denied());
    let reader = bench.token_for("reader", "path \"sys/metrics\" { capabilities = [\"read\"] }").await;
    read(&bench.with(&reader), "prometheus").await;
    let within = bench.root().within("team").read("sys/metrics").await;
    assert_eq!(within, invalid("operation unavailable in namespaces"));

    let opened = |path: &str, openings| {
        let mut request = bench.nobody().request(Operation::Read, path, json!({ "format": "prometheus" }));
        request.connection = Arc::new(Connection { openings, ..Connection::default() });
        request
    };
    let metrics = Openings { metrics: true, ..Openings::default() };
    let in_flight = Openings { in_flight_requests: true, ..Openings::default() };
    let show = async |path, openings| bench.nobody().answer(opened(path, openings)).await;
    text(show("sys/metrics", metrics).await.expect("the listener is opened"));
    assert!(show("sys/in-flight-req", in_flight).await.is_ok());
    for (path, openings) in [("sys/metrics", in_flight), ("sys/in-flight-req", metrics), ("sys/mounts", metrics)] {
        assert_eq!(bench.nobody().send(opened(path, openings)).await, denied(), "{path}");
    }
    let cluster = cluster(&bench);
    bench.core.seal().await;
    assert_eq!(bench.root().read("sys/metrics").await, sealed());
    let text = text(show("sys/metrics", metrics).await.expect("it answers while sealed"));
    assert_eq!(value(&text, &format!("vault_core_unsealed{{{cluster}}}")), 0.0);
}

#[tokio::test]
async fn quantiles_are_of_the_clock_that_is_asked() {
    let bench = Bench::new().await;
    let metrics = &bench.core.metrics;
    let began = metrics.now();
    bench.clock.advance(std::time::Duration::from_millis(250));
    metrics.took(&metrics.lease_revoke, began);
    let text = read(&bench.root(), "prometheus").await;
    let median = value(&text, "vault_expire_revoke{quantile=\"0.5\"}");
    assert!((median / 250.0 - 1.0).abs() < 0.07, "{median}");
    assert_eq!(value(&text, "vault_expire_revoke_sum"), 250.0);
    assert!(value(&text, "vault_expire_renew{quantile=\"0.5\"}").is_nan());
}

#[tokio::test]
async fn what_quotas_refuse_and_what_cannot_be_taken_back_is_counted() {
    let bench = Bench::new().await;
    let root = bench.root();
    let outside = Outside::named("counted by metrics");
    let about = json!({ "type": "lender", "options": { "outside": "counted by metrics" } });
    assert_eq!(root.write("sys/mounts/db", about).await, json!({}));
    root.write("sys/quotas/lease-count/one", json!({ "path": "db", "max_leases": 1 })).await;
    for _ in 0..3 {
        root.call(Operation::Read, "db/lend/app", json!({ "ttl": "60s" })).await;
    }
    outside.when_removing(Mood::Refuses);
    bench.clock.advance(std::time::Duration::from_secs(61));
    bench.settle().await;
    root.write("sys/quotas/rate-limit/one", json!({ "path": "db", "rate": 1, "interval": "1h" })).await;
    for _ in 0..3 {
        root.call(Operation::Read, "db/lend/app", json!({})).await;
    }
    let text = read(&root, "prometheus").await;
    let expected = [
        ("vault_quota_lease_count_violation", 3.0),
        ("vault_quota_rate_limit_violation", 2.0),
        ("vault_expire_lease_expiration", 1.0),
        ("vault_expire_lease_expiration_error", 1.0),
        ("vault_expire_given_up", 0.0),
    ];
    for (name, count) in expected {
        assert_eq!(value(&text, name), count, "{name}");
    }
}

#[tokio::test]
async fn an_operator_can_turn_the_text_off() {
    let bench = Bench::with_telemetry(super::Telemetry { retention: None, ..super::Telemetry::default() }).await;
    let text = "prometheus is not enabled: prometheus_retention_time is 0";
    let answer = bench.root().call(Operation::Read, "sys/metrics", json!({ "format": "prometheus" })).await;
    assert_eq!(answer, refused("Invalid", text));
    assert!(read(&bench.root(), "").await.starts_with('{'));
}

#[test]
fn ttls_fall_into_the_ranges_that_vault_documents() {
    let secs = std::time::Duration::from_secs;
    for (ttl, expected) in [
        (secs(1), "1m"),
        (secs(61), "10m"),
        (hours(1), "1h"),
        (hours(24), "1d"),
        (hours(721), "+Inf"),
        (secs(0), "+Inf"),
    ] {
        assert_eq!(range(ttl), expected, "{ttl:?}");
    }
}

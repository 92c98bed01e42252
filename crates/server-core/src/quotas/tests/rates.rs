//! What rate limits let through.

use std::time::Duration;

use barrier::CacheMode;
use framework::{Error, Operation};
use serde_json::json;
use storage::memory::Memory;

use super::{ask, ask_with, is_refused, limit, passes};
use crate::testing::Bench;

#[tokio::test]
async fn a_client_gets_so_many_requests_in_an_interval_and_no_other_pays_for_it() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    limit(&bench, "all", "secret", 3).await;
    let (root, nobody) = (bench.root(), bench.nobody());
    assert_eq!(passes(&bench, &root, 1, "secret/a").await, 3);
    assert_eq!(passes(&bench, &nobody, 1, "secret/a").await, 0, "the address counts, not the token");
    assert_eq!(passes(&bench, &nobody, 2, "secret/a").await, 3);
    assert_eq!(passes(&bench, &root, 1, "sys/mounts").await, 10, "elsewhere nothing is limited");
    let refused = ask(&bench, &root, 1, "secret/a").await;
    let text = refused.result.expect_err("it is over the limit").to_string();
    assert_eq!(text, "request path \"secret/a\": rate limit quota exceeded");
    assert!(refused.headers.is_empty(), "nothing is told unless an operator wants it");
    bench.clock.advance(Duration::from_secs(3600));
    assert_eq!(passes(&bench, &root, 1, "secret/a").await, 3);
}

#[tokio::test]
async fn the_most_specific_limit_holds() {
    let bench = Bench::new().await;
    let root = bench.root();
    root.write("sys/namespaces/a", json!({})).await;
    root.clone().within("a").write("sys/namespaces/b", json!({})).await;
    for namespace in ["", "a", "a/b"] {
        root.clone().within(namespace).write("sys/mounts/secret", json!({ "type": "kv" })).await;
    }
    limit(&bench, "all", "", 9).await;
    limit(&bench, "mount", "secret", 8).await;
    limit(&bench, "glob", "secret/team/*", 7).await;
    limit(&bench, "path", "secret/team/x", 6).await;
    limit(&bench, "tenant", "a/", 5).await;
    let cases = [
        (1, "sys/mounts", 9),
        (2, "none/x", 9),
        (3, "secret/x", 8),
        (4, "secret/team/y", 7),
        (5, "secret/team/x", 6),
        (6, "a/secret/team/x", 5),
        (7, "a/b/secret/team/x", 9),
    ];
    for (from, path, expected) in cases {
        assert_eq!(passes(&bench, &root, from, path).await, expected, "{path}");
    }
    let handed_down = json!({ "path": "a", "rate": 4, "interval": "1h", "inheritable": true });
    root.write("sys/quotas/rate-limit/tenant", handed_down).await;
    assert_eq!(passes(&bench, &root, 8, "a/b/secret/x").await, 4);
    assert_eq!(passes(&bench, &root.clone().within("a/b"), 9, "secret/x").await, 4);
    limit(&bench, "mount below", "a/b/secret", 2).await;
    assert_eq!(passes(&bench, &root.clone().within("a/b"), 9, "secret/x").await, 2);
}

#[tokio::test]
async fn namespaces_that_do_not_exist_are_under_the_limit_for_everything() {
    let bench = Bench::new().await;
    let root = bench.root();
    root.write("sys/namespaces/a", json!({})).await;
    let handed_down = json!({ "path": "a", "rate": 2, "interval": "1h", "inheritable": true });
    root.write("sys/quotas/rate-limit/tenant", handed_down).await;
    assert_eq!(passes(&bench, &root, 1, "none/secret/x").await, 10);
    limit(&bench, "all", "", 4).await;
    for (from, namespace) in [(2, "none"), (3, "a/none"), (4, "none/none")] {
        assert_eq!(passes(&bench, &root.clone().within(namespace), from, "secret/x").await, 4, "{namespace}");
    }
}

#[tokio::test]
async fn a_role_has_its_limit_however_the_path_is_spelled() {
    let bench = Bench::new().await;
    bench.root().write("sys/auth/club", json!({ "type": "club" })).await;
    let about = json!({ "path": "auth/club", "role": "boss", "rate": 2, "interval": "1h" });
    assert_eq!(bench.root().write("sys/quotas/rate-limit/bosses", about).await, json!({}));
    limit(&bench, "clubs", "auth/club", 4).await;
    limit(&bench, "one", "auth/club/login/jim", 1).await;
    let nobody = bench.nobody();
    let mut passed = [0; 3];
    for _ in 0..10 {
        for (number, data) in
            [json!({ "role": "boss" }), json!({}), json!({ "role": ["no", "text"] })].into_iter().enumerate()
        {
            let from = u8::try_from(number).unwrap();
            let answer = ask_with(&bench, &nobody, from, Operation::Update, "auth/club/login", data).await;
            passed[number] += usize::from(!is_refused(&answer));
        }
    }
    assert_eq!(passed, [2, 4, 4], "what does not say its role is under the mount's limit");
    for (path, expected) in
        [("auth/club/login/Jim", true), ("auth/club/login/JIM", false), ("auth/club/login/jim", false)]
    {
        let answer = ask_with(&bench, &nobody, 9, Operation::Update, path, json!({})).await;
        assert_eq!(!is_refused(&answer), expected, "{path}");
    }
}

#[tokio::test]
async fn headers_tell_the_rest_where_an_operator_wants_it() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    bench.root().write("sys/quotas/config", json!({ "enable_rate_limit_response_headers": true })).await;
    let about = json!({ "path": "secret", "rate": 2, "interval": 10, "block_interval": "1m" });
    bench.root().write("sys/quotas/rate-limit/few", about).await;
    let told = async |from| {
        let answer = ask(&bench, &bench.root(), from, "secret/a").await;
        let told: Vec<_> = answer.headers.iter().map(|it| format!("{}: {}", it.name, it.value)).collect();
        (is_refused(&answer), told.join(", "))
    };
    let expected = |is_refused, text: &str| (is_refused, text.to_owned());
    let first = "X-Ratelimit-Limit: 2, X-Ratelimit-Remaining: 1, X-Ratelimit-Reset: 10";
    assert_eq!(told(1).await, expected(false, first), "an answer that is an error has them too");
    bench.clock.advance(Duration::from_millis(2_500));
    assert_eq!(told(1).await, expected(false, "X-Ratelimit-Limit: 2, X-Ratelimit-Remaining: 0, X-Ratelimit-Reset: 8"));
    let refused = "X-Ratelimit-Limit: 2, X-Ratelimit-Remaining: 0, X-Ratelimit-Reset: 8, Retry-After: 60";
    assert_eq!(told(1).await, expected(true, refused));
    bench.clock.advance(Duration::from_secs(30));
    assert_eq!(told(1).await, expected(true, "Retry-After: 30"));
    bench.clock.jump_wall(-1_000_000_000_000);
    assert_eq!(told(1).await, expected(true, "Retry-After: 30"), "the wall clock does not matter");
    bench.clock.advance(Duration::from_secs(30));
    assert!(!told(1).await.0);
}

#[tokio::test]
async fn exempt_paths_are_left_alone() {
    let bench = Bench::new().await;
    let root = bench.root();
    root.write("sys/namespaces/a", json!({})).await;
    limit(&bench, "all", "", 1).await;
    for path in ["sys/health", "sys/seal-status"] {
        assert_eq!(passes(&bench, &bench.nobody(), 1, path).await, 10, "{path}");
    }
    assert_eq!(passes(&bench, &bench.nobody(), 1, "sys/leader").await, 1);
    let config = json!({
        "rate_limit_exempt_paths": "sys/policies/*", "absolute_rate_limit_exempt_paths": ["a/sys/mounts"],
    });
    root.write("sys/quotas/config", config).await;
    let cases = [
        (2, "sys/health", 1),
        (3, "sys/policies/acl/x", 10),
        (4, "a/sys/policies/acl/x", 10),
        (5, "a/sys/mounts", 10),
        (6, "sys/mounts", 1),
    ];
    for (from, path, expected) in cases {
        assert_eq!(passes(&bench, &root, from, path).await, expected, "{path}");
    }
    assert_eq!(passes(&bench, &root.clone().within("a"), 7, "sys/mounts").await, 10);
}

#[tokio::test]
async fn a_sealed_node_is_not_limited() {
    let bench = Bench::new().await;
    limit(&bench, "all", "", 1).await;
    assert_eq!(passes(&bench, &bench.root(), 1, "sys/leader").await, 1);
    bench.core.seal().await;
    assert_eq!(passes(&bench, &bench.nobody(), 1, "sys/leader").await, 10);
    bench.unseal().await;
    assert_eq!(passes(&bench, &bench.root(), 1, "sys/leader").await, 0);
}

#[tokio::test]
async fn changes_count_at_once_and_other_nodes_follow() {
    let mut bench = Bench::fresh(std::sync::Arc::new(Memory::new()), CacheMode::ReadThrough);
    bench.init().await;
    let other = bench.beside().await;
    bench.mount("secret").await;
    assert_eq!(passes(&other, &other.root(), 1, "secret/a").await, 10);
    limit(&bench, "few", "secret", 2).await;
    assert_eq!(passes(&other, &other.root(), 1, "secret/a").await, 2, "each node counts for itself");
    assert_eq!(passes(&bench, &bench.root(), 1, "secret/a").await, 2);
    limit(&other, "few", "secret", 5).await;
    assert_eq!(passes(&bench, &bench.root(), 1, "secret/a").await, 5, "under the new terms counting begins anew");
    other.root().delete("sys/quotas/rate-limit/few").await;
    assert_eq!(passes(&bench, &bench.root(), 1, "secret/a").await, 10);
}

#[tokio::test]
async fn what_is_refused_is_recorded_where_an_operator_wants_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = Bench::new().await;
    let file = folder.path().join("audit.log");
    let device = json!({ "type": "file", "options": { "file_path": file.to_str(), "log_raw": "true" } });
    assert_eq!(bench.root().write("sys/audit/file", device).await, json!({}));
    bench.mount("secret").await;
    limit(&bench, "few", "secret", 1).await;
    let records = || std::fs::read_to_string(&file).expect("the log").matches("quota exceeded").count();
    assert_eq!(passes(&bench, &bench.root(), 1, "secret/a").await, 1);
    assert_eq!(records(), 0);
    bench.root().write("sys/quotas/config", json!({ "enable_rate_limit_audit_logging": true })).await;
    let refused = ask(&bench, &bench.root(), 1, "secret/a").await;
    assert!(matches!(refused.result, Err(Error::TooMany(_))));
    assert_eq!(records(), 2, "the request and its answer");
}

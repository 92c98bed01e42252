//! How quotas are made, shown, moved and deleted.

use barrier::CacheMode;
use serde_json::json;
use storage::memory::Memory;

use super::{limit, passes};
use crate::testing::{Bench, denied, hours, invalid, refused};

#[tokio::test]
async fn a_quota_is_shown_as_it_was_made() {
    let bench = Bench::new().await;
    let root = bench.root();
    bench.mount("secret").await;
    root.write("sys/auth/club", json!({ "type": "club" })).await;
    assert_eq!(root.list("sys/quotas/rate-limit").await, json!({ "data": { "keys": [] } }));
    let made = [
        ("all", json!({ "rate": 5e3 }), ("", "", json!(5000), 1, 0, true)),
        (
            "part",
            json!({ "rate": "0.5", "interval": "90s", "path": "/secret/x/", "type": "rate-limit" }),
            ("secret/x", "", json!(0.5), 90, 0, false),
        ),
        (
            "mount",
            json!({ "rate": 1e3, "interval": 0, "block_interval": 7, "path": "secret/" }),
            ("secret/", "", json!(1000), 1, 7, false),
        ),
        (
            "role",
            json!({ "rate": 2, "path": "auth/club", "role": "boss", "inheritable": false }),
            ("auth/club/", "boss", json!(2), 1, 0, false),
        ),
    ];
    for (name, about, (path, role, rate, interval, block, inheritable)) in made {
        let at = format!("sys/quotas/rate-limit/{name}");
        assert_eq!(root.write(&at, about).await, json!({}), "{name}");
        let expected = json!({
            "type": "rate-limit", "name": name, "path": path, "role": role, "rate": rate, "interval": interval,
            "block_interval": block, "inheritable": inheritable,
        });
        assert_eq!(root.read(&at).await["data"], expected);
    }
    assert_eq!(root.list("sys/quotas/rate-limit").await["data"]["keys"], json!(["all", "mount", "part", "role"]));
    assert_eq!(root.delete("sys/quotas/rate-limit/part").await, json!({}));
    assert_eq!(root.delete("sys/quotas/rate-limit/part").await, json!({}));
    assert_eq!(root.read("sys/quotas/rate-limit/part").await, refused("NotFound", "not found"));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let bench = Bench::new().await;
    let root = bench.root();
    bench.mount("secret").await;
    root.write("sys/auth/gate", json!({ "type": "gate" })).await;
    root.write("sys/auth/club", json!({ "type": "club" })).await;
    limit(&bench, "first", "secret", 1).await;
    let cases = [
        (json!({}), "missing required field \"rate\""),
        (json!({ "rate": 0 }), "'rate' is invalid: it is above 0 and at most 1000000000"),
        (json!({ "rate": -1 }), "'rate' is invalid: it is above 0 and at most 1000000000"),
        (json!({ "rate": "NaN" }), "error converting input for field \"rate\": expected a number"),
        (json!({ "rate": "inf" }), "error converting input for field \"rate\": expected a number"),
        (json!({ "rate": 1, "interval": "9000h" }), "'interval' and 'block_interval' are a year at most"),
        (json!({ "rate": 1, "path": "none/x" }), "invalid mount path \"none/x\""),
        (json!({ "rate": 1, "path": "secret" }), "a quota for the same thing has the name \"first\""),
        (json!({ "rate": 1, "inheritable": false }), "a quota for everything is always inheritable"),
        (
            json!({ "rate": 1, "path": "secret/x", "inheritable": true }),
            "only the quota of a namespace can be inheritable",
        ),
        (
            json!({ "rate": 1, "path": "auth/gate", "role": "r" }),
            "mount path \"auth/gate/\" has no roles that a quota could be for",
        ),
        (
            json!({ "rate": 1, "path": "secret", "role": "r" }),
            "mount path \"secret/\" has no roles: it is no auth method",
        ),
        (
            json!({ "rate": 1, "path": "auth/club/login", "role": "r" }),
            "a quota has a role or a path in a mount, not both: with a role, \"path\" is where an auth method is mounted",
        ),
        (
            json!({ "rate": 1, "role": "r" }),
            "a quota with a role is for an auth method: \"path\" has to be where one is mounted",
        ),
    ];
    for (about, expected) in cases {
        assert_eq!(root.write("sys/quotas/rate-limit/second", about.clone()).await, invalid(expected), "{about}");
    }
    assert_eq!(root.list("sys/quotas/rate-limit").await["data"]["keys"], json!(["first"]));
    root.write("sys/namespaces/a", json!({})).await;
    let elsewhere = root.clone().within("a").list("sys/quotas/rate-limit").await;
    assert_eq!(elsewhere, invalid("operation unavailable in namespaces"));
    assert_eq!(bench.nobody().list("sys/quotas/rate-limit").await, denied());
}

#[tokio::test]
async fn the_configuration_is_replaced_as_a_whole() {
    let bench = Bench::new().await;
    let root = bench.root();
    let exempt = [
        "sys/generate-recovery-token/attempt",
        "sys/generate-recovery-token/update",
        "sys/generate-root/attempt",
        "sys/generate-root/update",
        "sys/health",
        "sys/seal-status",
        "sys/unseal",
    ];
    let first = json!({
        "enable_rate_limit_audit_logging": false, "enable_rate_limit_response_headers": false,
        "rate_limit_exempt_paths": exempt, "absolute_rate_limit_exempt_paths": [],
    });
    assert_eq!(root.read("sys/quotas/config").await["data"], first);
    limit(&bench, "one", "", 1_000).await;
    assert_eq!(root.read("sys/quotas/config").await["data"], first);
    root.write("sys/quotas/config", json!({ "rate_limit_exempt_paths": "/a, b/*" })).await;
    assert_eq!(root.read("sys/quotas/config").await["data"]["rate_limit_exempt_paths"], json!(["a", "b/"]));
    let wanted = json!({ "enable_rate_limit_response_headers": true, "absolute_rate_limit_exempt_paths": ["ns/x"] });
    root.write("sys/quotas/config", wanted).await;
    let expected = json!({
        "enable_rate_limit_audit_logging": false, "enable_rate_limit_response_headers": true,
        "rate_limit_exempt_paths": [], "absolute_rate_limit_exempt_paths": ["ns/x"],
    });
    assert_eq!(root.read("sys/quotas/config").await["data"], expected);
    assert_eq!(root.list("sys/quotas/rate-limit").await["data"]["keys"], json!(["one"]), "quotas stay");
}

#[tokio::test]
async fn a_quota_moves_with_its_mount_and_goes_with_it() {
    let bench = Bench::new().await;
    let root = bench.root();
    bench.mount("secret").await;
    limit(&bench, "whole", "secret", 3).await;
    limit(&bench, "part", "secret/x", 2).await;
    root.write("sys/remount", json!({ "from": "secret", "to": "moved" })).await;
    assert_eq!(root.read("sys/quotas/rate-limit/part").await["data"]["path"], json!("moved/x"));
    assert_eq!(passes(&bench, &root, 1, "moved/x").await, 2);
    bench.mount("secret").await;
    assert_eq!(passes(&bench, &root, 1, "secret/x").await, 10, "another mount at the old path has no quota");
    root.delete("sys/mounts/moved").await;
    assert_eq!(root.read("sys/quotas/rate-limit/part").await, refused("NotFound", "not found"));
    // The name is free again even before the sweep, and the sweep leaves the new one alone.
    limit(&bench, "part", "secret/x", 4).await;
    bench.settle().await;
    assert_eq!(root.list("sys/quotas/rate-limit").await["data"]["keys"], json!(["part"]));
    assert_eq!(passes(&bench, &root, 2, "secret/x").await, 4);
    root.delete("sys/quotas/rate-limit/part").await;
    assert!(bench.core.seals.quotas.state(crate::quotas::Kind::RateLimit).await.unwrap().is_none(), "none is left");
}

#[tokio::test]
async fn quotas_go_with_their_namespace() {
    let bench = Bench::new().await;
    let root = bench.root();
    root.write("sys/namespaces/a", json!({})).await;
    root.clone().within("a").write("sys/mounts/secret", json!({ "type": "kv" })).await;
    limit(&bench, "tenant", "a", 5).await;
    limit(&bench, "in it", "a/secret/x*", 5).await;
    limit(&bench, "all", "", 1_000).await;
    assert_eq!(root.read("sys/quotas/rate-limit/in it").await["data"]["path"], json!("a/secret/x*"));
    root.delete("sys/namespaces/a").await;
    assert_eq!(root.read("sys/quotas/rate-limit/tenant").await, refused("NotFound", "not found"));
    for _ in 0..2 {
        bench.settle().await;
        bench.clock.advance(hours(1));
    }
    assert_eq!(root.list("sys/quotas/rate-limit").await["data"]["keys"], json!(["all"]));
    root.delete("sys/quotas/rate-limit/all").await;
    assert!(bench.core.seals.quotas.state(crate::quotas::Kind::RateLimit).await.unwrap().is_none(), "none is left");
    let names = bench.keys("").await.into_iter().filter(|key| key.contains("quota/"));
    assert_eq!(names.collect::<Vec<_>>(), Vec::<String>::new());
}

#[tokio::test]
async fn two_nodes_cannot_make_two_quotas_for_one_thing() {
    let mut bench = Bench::fresh(std::sync::Arc::new(crate::testing::Yielding(Memory::new())), CacheMode::ReadThrough);
    bench.init().await;
    let other = bench.beside().await;
    bench.mount("secret").await;
    for turns in 0..20 {
        let about = json!({ "path": "secret", "rate": 1 });
        let (root, beside) = (bench.root(), other.root());
        let one = root.write("sys/quotas/rate-limit/one", about.clone());
        let two = crate::testing::late(turns, beside.write("sys/quotas/rate-limit/two", about));
        let (one, two) = tokio::join!(one, two);
        let lost = |name| invalid(&format!("a quota for the same thing has the name \"{name}\""));
        assert!(
            (one == json!({}) && two == lost("one")) || (two == json!({}) && one == lost("two")),
            "{turns}: {one} {two}"
        );
        assert_eq!(bench.core.seals.quotas.config().await.unwrap().rate_limits, 1);
        for name in ["one", "two"] {
            bench.root().delete(&format!("sys/quotas/rate-limit/{name}")).await;
        }
        assert_eq!(bench.core.seals.quotas.config().await.unwrap().rate_limits, 0);
    }
}

use serde_json::{Value, json};

use crate::testing::{Bench, invalid};

async fn tune(bench: &Bench, path: &str, about: Value) -> Value {
    bench.root().write(&format!("sys/{path}/tune"), about).await
}

async fn tuned(bench: &Bench, path: &str) -> Value {
    bench.root().read(&format!("sys/{path}/tune")).await["data"].take()
}

async fn bench() -> Bench {
    let bench = Bench::new().await;
    bench.mount("kv").await;
    bench.root().write("sys/auth/users", json!({ "type": "userpass" })).await;
    bench.root().write("sys/auth/gate", json!({ "type": "gate" })).await;
    bench
}

#[tokio::test]
async fn ttls_are_reset_by_a_word_or_a_negative_number_and_kept_by_an_empty_text() {
    let bench = bench().await;
    for reset in [json!("system"), json!(-1), json!("-1"), json!("-1s"), json!(0)] {
        assert_eq!(
            tune(&bench, "mounts/kv", json!({ "default_lease_ttl": "1h", "max_lease_ttl": "2h" })).await,
            json!({})
        );
        assert_eq!(tune(&bench, "mounts/kv", json!({ "default_lease_ttl": "", "max_lease_ttl": "" })).await, json!({}));
        assert_eq!(tuned(&bench, "mounts/kv").await["max_lease_ttl"], 7200);
        assert_eq!(
            tune(&bench, "mounts/kv", json!({ "default_lease_ttl": reset, "max_lease_ttl": reset })).await,
            json!({})
        );
        let config = bench.root().read("sys/mounts/kv").await["data"]["config"].take();
        assert_eq!((&config["default_lease_ttl"], &config["max_lease_ttl"]), (&json!(0), &json!(0)), "{reset}");
        assert_eq!(tuned(&bench, "mounts/kv").await["default_lease_ttl"], 768 * 3600);
    }
}

#[tokio::test]
async fn lockout_of_users_is_kept_and_shown_in_both_forms() {
    let bench = bench().await;
    assert!(tuned(&bench, "auth/users").await.get("user_lockout_disable").is_none());
    let config = json!({ "lockout_threshold": "7", "lockout_duration": "10m", "lockout_counter_reset_duration": 90 });
    assert_eq!(tune(&bench, "auth/users", json!({ "user_lockout_config": config })).await, json!({}));
    let config = json!({ "lockout_duration": "system", "lockout_disable": true });
    assert_eq!(tune(&bench, "mounts/auth/users", json!({ "user_lockout_config": config })).await, json!({}));
    let expected = json!({
        "user_lockout_threshold": 7, "user_lockout_duration": 0, "user_lockout_counter_reset_duration": 90,
        "user_lockout_disable": true,
    });
    let shown = tuned(&bench, "auth/users").await;
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&shown[name], value, "{name}");
    }
    let mount = bench.root().read("sys/auth/users").await["data"].take();
    assert_eq!(mount["config"]["user_lockout_config"], expected);
}

#[tokio::test]
async fn what_cannot_be_set_is_refused_with_the_reason_and_changes_nothing() {
    let bench = bench().await;
    let lockout = |name: &str| format!("tuning of user lockout configuration for auth type \"{name}\" not allowed");
    let threshold = json!({ "user_lockout_config": { "lockout_threshold": 3 } });
    let (kv, gate) = (lockout("kv"), lockout("gate"));
    let long = "too many or too long items in passthrough_request_headers: at most 256 of 256 bytes";
    let options = "too many or too long options: at most 64, names and values of 512 bytes";
    let cases = [
        ("mounts/kv", json!({ "token_type": "batch" }), "'token_type' can only be modified on auth mounts"),
        (
            "auth/token",
            json!({ "token_type": "batch" }),
            "'token_type' cannot be set for 'token' or 'ns_token' auth mounts",
        ),
        (
            "auth/users",
            json!({ "token_type": "paper" }),
            "invalid token_type: must be \"default-service\", \"default-batch\", \"service\" or \"batch\"",
        ),
        ("mounts/kv", threshold.clone(), &kv),
        ("auth/gate", threshold, &gate),
        ("mounts/kv", json!({ "plugin_version": "v1.0.0" }), super::ONE_VERSION),
        (
            "mounts/kv",
            json!({ "allowed_managed_keys": "a" }),
            "there are no managed keys here: leave allowed_managed_keys out",
        ),
        (
            "mounts/kv",
            json!({ "delegated_auth_accessors": ["auth_gate_1"] }),
            "no engine here logs others in: leave delegated_auth_accessors out",
        ),
        (
            "mounts/kv",
            json!({ "identity_token_key": "default" }),
            "the server issues no identity tokens in this release: leave identity_token_key out",
        ),
        (
            "mounts/kv",
            json!({ "trim_request_trailing_slashes": true }),
            "a slash at the end makes another path here: leave trim_request_trailing_slashes out",
        ),
        ("mounts/kv", json!({ "passthrough_request_headers": "x".repeat(257) }), long),
        ("mounts/kv", json!({ "options": { "x": "y".repeat(513) } }), options),
        ("mounts/sys", json!({ "default_lease_ttl": "1h" }), "cannot tune parameter default_lease_ttl of sys/"),
        ("mounts/cubbyhole", json!({ "description": "x" }), "cannot tune parameter description of cubbyhole/"),
        (
            "mounts/kv",
            json!({ "listing_visibility": "all" }),
            "invalid listing_visibility: must be \"unauth\", \"hidden\" or empty",
        ),
    ];
    let before = crate::testing::dump(&*bench.storage, "ns/root/mount/").await;
    for (path, mut about, text) in cases {
        assert_eq!(tune(&bench, path, about.clone()).await, invalid(text), "{path}: {about}");
        about["max_lease_ttl"] = json!("5h");
        assert!(tune(&bench, path, about).await["refused"].is_string());
    }
    assert_eq!(crate::testing::dump(&*bench.storage, "ns/root/mount/").await, before);
}

#[tokio::test]
async fn what_asks_for_what_is_so_anyway_is_taken() {
    let bench = bench().await;
    let about = json!({
        "plugin_version": "", "allowed_managed_keys": [], "delegated_auth_accessors": "", "identity_token_key": "",
        "trim_request_trailing_slashes": false, "user_lockout_config": {},
    });
    assert_eq!(tune(&bench, "mounts/kv", about).await, json!({}));
    let lists = json!({ "audit_non_hmac_request_keys": "a,b", "audit_non_hmac_response_keys": ["c"] });
    assert_eq!(tune(&bench, "mounts/sys", lists).await, json!({}));
    assert_eq!(tuned(&bench, "mounts/sys").await["audit_non_hmac_request_keys"], json!(["a", "b"]));
}

#[tokio::test]
async fn headers_lists_and_options_are_kept_until_they_are_emptied() {
    let bench = bench().await;
    let about = json!({
        "passthrough_request_headers": ["X-A", "X-B"], "allowed_response_headers": "X-C",
        "options": { "color": "red", "version": "1" },
    });
    assert_eq!(tune(&bench, "mounts/kv", about).await, json!({}));
    assert_eq!(tune(&bench, "mounts/kv", json!({ "description": "d" })).await, json!({}));
    let shown = tuned(&bench, "mounts/kv").await;
    assert_eq!(shown["passthrough_request_headers"], json!(["X-A", "X-B"]));
    assert_eq!((&shown["allowed_response_headers"], &shown["description"]), (&json!(["X-C"]), &json!("d")));
    assert_eq!(shown["options"], json!({ "color": "red", "version": "1" }));
    let about = json!({ "passthrough_request_headers": [], "options": { "color": "" } });
    assert_eq!(tune(&bench, "mounts/kv", about).await, json!({}));
    let shown = tuned(&bench, "mounts/kv").await;
    assert_eq!((shown.get("passthrough_request_headers"), &shown["options"]), (None, &json!({ "version": "1" })));
}

#[tokio::test]
async fn a_mount_is_made_with_every_parameter_that_clients_send() {
    let bench = bench().await;
    let about = json!({
        "type": "plugin", "plugin_name": "cubbyhole", "external_entropy_access": true, "local": true,
        "config": {
            "plugin_name": "kv", "max_lease_ttl": "1h", "passthrough_request_headers": "X-A,X-B", "token_type": null,
            "user_lockout_config": null,
        },
    });
    assert_eq!(bench.root().write("sys/mounts/all", about).await, json!({}));
    let shown = bench.root().read("sys/mounts/all").await["data"].take();
    assert_eq!(
        (&shown["type"], &shown["external_entropy_access"], &shown["local"]),
        (&json!("kv"), &json!(true), &json!(true))
    );
    assert_eq!(shown["config"]["passthrough_request_headers"], json!(["X-A", "X-B"]));
    assert_eq!(tuned(&bench, "mounts/all").await["external_entropy_access"], true);
    let about = json!({ "type": "userpass", "config": { "token_type": "default-batch" } });
    assert_eq!(bench.root().write("sys/auth/batch", about).await, json!({}));
    assert_eq!(bench.root().read("sys/auth/batch").await["data"]["config"]["token_type"], "default-batch");
    let cases = [
        (json!({ "type": "plugin" }), "plugin_name must be provided for plugin backend"),
        (
            json!({ "type": "kv", "config": { "token_type": "batch" } }),
            "'token_type' can only be modified on auth mounts",
        ),
        (json!({ "type": "kv", "config": { "plugin_version": "v1" } }), super::ONE_VERSION),
        (
            json!({ "type": "pki", "options": { "version": "2" } }),
            "secrets engine \"pki\" does not allow setting a version",
        ),
    ];
    for (about, text) in cases {
        assert_eq!(bench.root().write("sys/mounts/x", about.clone()).await, invalid(text), "{about}");
    }
}

use std::sync::Arc;

use env::simulated::START_SECS;
use framework::conformance::{self, Step};
use framework::testing::Harness;
use framework::{Mounted, Renewing};
use serde_json::{Value, json};
use simulators::Fault;
use simulators::kubernetes::{Account, ApiServer};

use super::*;
use crate::golden;

mod logins;
mod stored;

/// The public half of a key that was thrown away.
const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEev0iUlOD5TjIfToVpCT+RO7lVxMo\nYkUupsE3T5GhsFvnJV7Wvhf+sqY5ocAdiW+B/sDNwWk84rNKVmb2WtQI8w==\n-----END PUBLIC KEY-----";

fn engine() -> Arc<dyn Mounted> {
    within("/nowhere".into(), None).expect("a sound table")
}

/// A cluster whose clock is the harness's, and a mount that asks it with a reviewer's token.
struct World {
    cluster: ApiServer,
    harness: Harness,
}

impl World {
    async fn new(role: Value) -> Self {
        Self::with(engine(), role).await
    }

    async fn with(engine: Arc<dyn Mounted>, role: Value) -> Self {
        let now = i64::try_from(START_SECS).expect("a time of today");
        let cluster = ApiServer::start(0, Some(now)).await.expect("it listens");
        let harness = Harness::new(engine).await;
        cluster.make_account(
            "kube-system",
            "reviewer",
            Account { may_review: true, may_read: true, ..Account::default() },
        );
        cluster.make_account("shop", "web", Account::default());
        let world = Self { cluster, harness };
        world.configure(json!({ "token_reviewer_jwt": world.token("kube-system", "reviewer") })).await;
        assert_eq!(world.harness.write("role/web", role).await, json!({}));
        world
    }

    /// Writes the configuration of this cluster, with this changed.
    async fn configure(&self, changes: Value) {
        let mut config = json!({ "kubernetes_host": self.cluster.url(), "kubernetes_ca_cert": self.cluster.authority });
        for (key, value) in framework::testing::object(changes) {
            config[key] = value;
        }
        assert_eq!(self.harness.write("config", config).await, json!({}));
    }

    fn token(&self, namespace: &str, name: &str) -> String {
        self.cluster.token(namespace, name, &[]).expect("there is such an account")
    }

    async fn log_in(&self, token: &str) -> Value {
        self.harness.write("login", json!({ "role": "web", "jwt": token })).await
    }
}

fn role() -> Value {
    json!({ "bound_service_account_names": "web", "bound_service_account_namespaces": "shop", "token_policies": "p" })
}

fn refused(text: &str) -> Value {
    json!({ "error": "invalid", "text": text })
}

fn denied(text: &str) -> Value {
    json!({ "error": text })
}

#[tokio::test]
async fn keeps_what_every_engine_must_keep() {
    let session = [
        Step::write("config", json!({ "kubernetes_host": "https://127.0.0.1:1", "token_reviewer_jwt": "t" })),
        Step::read("config"),
        Step::write("role/web", role()),
        Step::write(
            "role/other",
            json!({ "bound_service_account_names": "*", "bound_service_account_namespaces": "*" }),
        ),
        Step::read("role/Web"),
        Step::write("role/web", json!({ "token_ttl": "1h", "policies": "q" })),
        Step::list("role/"),
        Step::write("login", json!({ "role": "web", "jwt": "nonsense" })),
        Step::write("login", json!({ "role": "nobody", "jwt": "nonsense" })),
        Step::delete("role/other"),
        Step::read("role/other"),
    ];
    conformance::check(engine, &session).await;
}

#[test]
fn describes_itself() {
    golden::check(&engine(), "kubernetes", "kubernetes");
}

#[tokio::test]
async fn the_cluster_is_set_and_shown_without_the_reviewers_token() {
    let harness = Harness::new(engine()).await;
    assert_eq!(harness.read("config").await, denied("not found"));
    let whole = json!({ "kubernetes_host": "cluster.example:6443/", "token_reviewer_jwt": "marker", "pem_keys": [KEY],
        "issuer": "i", "disable_iss_validation": false, "disable_local_ca_jwt": true, "use_annotations_as_alias_metadata": true });
    assert_eq!(harness.write("config", whole).await, json!({}));
    let shown = json!({ "data": {
        "disable_iss_validation": false, "disable_local_ca_jwt": true, "issuer": "i", "kubernetes_ca_cert": "",
        "kubernetes_host": "https://cluster.example:6443", "pem_keys": [KEY], "token_reviewer_jwt_set": true,
        "use_annotations_as_alias_metadata": true,
    } });
    assert_eq!(harness.read("config").await, shown);
    assert_eq!(harness.write("config", json!({ "kubernetes_host": "http://127.0.0.1:8080" })).await, json!({}));
    let shown = harness.read("config").await["data"].take();
    assert_eq!(
        (&shown["token_reviewer_jwt_set"], &shown["pem_keys"]),
        (&json!(false), &json!([])),
        "it is written whole"
    );
    assert_eq!(shown["disable_iss_validation"], true);
    for (data, text) in [
        (json!({}), "no host provided"),
        (json!({ "kubernetes_host": " / " }), "no host provided"),
        (json!({ "kubernetes_host": "ftp://a" }), "kubernetes_host must be a URL, or a host with or without a port"),
        (json!({ "kubernetes_host": "a b" }), "kubernetes_host must be a URL, or a host with or without a port"),
        (json!({ "kubernetes_host": "a", "kubernetes_ca_cert": "none" }), "failed to parse 'kubernetes_ca_cert'"),
        (
            json!({ "kubernetes_host": "a", "pem_keys": "none" }),
            "data does not contain any valid RSA or ECDSA public keys",
        ),
        (
            json!({ "kubernetes_host": "a", "token_reviewer_jwt": "t".repeat(20_000) }),
            "the issuer or the reviewer's token is too long",
        ),
    ] {
        assert_eq!(harness.write("config", data).await, refused(text));
    }
}

#[tokio::test]
async fn a_role_is_made_shown_changed_and_removed() {
    let harness = Harness::new(engine()).await;
    let whole = json!({ "bound_service_account_names": "web,api-*", "bound_service_account_namespaces": ["shop"],
        "bound_service_account_namespace_selector": "{\"matchLabels\":{\"a\":\"b\"}}", "audience": "us",
        "alias_name_source": "serviceaccount_name", "policies": "B,a", "num_uses": 3, "ttl": "1h" });
    assert_eq!(harness.write("role/Web", whole).await, json!({}));
    let shown = json!({ "data": {
        "alias_name_source": "serviceaccount_name", "audience": "us", "bound_service_account_names": ["web", "api-*"],
        "bound_service_account_namespace_selector": "{\"matchLabels\":{\"a\":\"b\"}}",
        "bound_service_account_namespaces": ["shop"], "num_uses": 3, "policies": ["a", "b"], "token_bound_cidrs": [],
        "token_explicit_max_ttl": 0, "token_max_ttl": 0, "token_no_default_policy": false, "token_num_uses": 3,
        "token_period": 0, "token_policies": ["a", "b"], "token_ttl": 3600, "token_type": "default", "ttl": 3600,
    } });
    assert_eq!(harness.read("role/WEB").await, shown);
    let changed = json!({ "bound_service_account_names": "*", "token_policies": "c", "alias_name_source": "" });
    assert_eq!(harness.write("role/web", changed).await, json!({}));
    let seen = harness.read("role/web").await["data"].take();
    assert_eq!((&seen["bound_service_account_names"], &seen["audience"]), (&json!(["*"]), &json!("us")));
    assert_eq!((&seen["policies"], &seen["alias_name_source"]), (&Value::Null, &json!("serviceaccount_uid")));
    assert_eq!(harness.list("role/").await, json!({ "data": { "keys": ["web"] } }));
    assert_eq!(harness.delete("role/WEB").await, json!({}));
    assert_eq!(harness.read("role/web").await, denied("not found"));
    let selector = "'bound_service_account_namespace_selector' must be a JSON object, a LabelSelector";
    let with = |more: Value| {
        let mut role = role();
        for (key, value) in framework::testing::object(more) {
            role[key] = value;
        }
        role
    };
    for (data, text) in [
        (json!({}), "\"bound_service_account_names\" can not be empty"),
        (
            json!({ "bound_service_account_names": "a" }),
            "\"bound_service_account_namespaces\" can not be empty if \"bound_service_account_namespace_selector\" is not set",
        ),
        (with(json!({ "bound_service_account_names": "*,a" })), "can not mix \"*\" with values"),
        (with(json!({ "bound_service_account_namespaces": "a,*" })), "can not mix \"*\" with values"),
        (
            with(json!({ "alias_name_source": "x" })),
            "invalid alias_name_source: serviceaccount_uid or serviceaccount_name",
        ),
        (with(json!({ "bound_service_account_namespace_selector": "a: b" })), selector),
        (with(json!({ "bound_service_account_namespace_selector": "{\"labels\":{}}" })), selector),
        (
            with(json!({ "bound_service_account_namespace_selector":
                "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[]}]}" })),
            selector,
        ),
        (with(json!({ "token_ttl": 2, "token_max_ttl": 1 })), "'token_ttl' cannot be greater than 'token_max_ttl'"),
    ] {
        assert_eq!(harness.write("role/a", data.clone()).await, refused(text), "{data}");
    }
}

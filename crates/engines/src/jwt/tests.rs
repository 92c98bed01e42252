//! Behavior through the harness: configurations and roles here, logins and providers in files of their own.

use std::sync::Arc;

use framework::Mounted;
use framework::conformance::{self, Step};
use framework::testing::Harness;
use jose::{Algorithm, Pair, jws};
use serde_json::{Value, json};

use super::*;
use crate::golden;

mod browser;
mod logins;
mod providers;
mod stored;
mod stub;

const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
    -----END PUBLIC KEY-----";

fn engine() -> Arc<dyn Mounted> {
    make_jwt(&Options::new()).expect("a sound table")
}

fn pair(kid: &str) -> Pair {
    Pair::generate(Algorithm::EdDsa, kid.to_owned()).expect("the library makes keys")
}

/// A token of these claims, which is valid for a while.
fn signed(harness: &Harness, pair: &Pair, mut claims: Value) -> String {
    let now = harness.context("").now().unix_secs();
    for (name, value) in [("iat", now), ("exp", now + 300)] {
        if claims.get(name).is_none() {
            claims[name] = json!(value);
        }
    }
    jws::sign(pair, claims.as_object().expect("an object")).expect("the key is sound")
}

async fn log_in(harness: &Harness, role: &str, token: &str) -> Value {
    harness.write("login", json!({ "role": role, "jwt": token })).await
}

fn refused(text: &str) -> Value {
    json!({ "error": "invalid", "text": text })
}

fn text(value: &Value) -> String {
    value["text"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn keeps_what_every_engine_must_keep() {
    let role = json!({ "role_type": "jwt", "user_claim": "sub", "bound_subject": "s", "policies": "a" });
    let session = [
        Step::write("config", json!({ "jwt_validation_pubkeys": [PUBLIC], "default_role": "App" })),
        Step::read("config"),
        Step::write("role/app", role.clone()),
        Step::write("role/other", role),
        Step::read("role/App"),
        Step::list("role/"),
        Step::write("login", json!({ "jwt": "a.b.c" })),
        Step::write("login", json!({ "role": "none", "jwt": "a.b.c" })),
        Step::delete("role/other"),
        Step::read("role/app"),
    ];
    conformance::check(engine, &session).await;
}

#[test]
fn describes_itself() {
    golden::check(&engine(), "jwt", "jwt");
    let oidc = make_oidc(&Options::new()).expect("a sound table");
    assert_eq!((oidc.type_name(), oidc.specs().len()), ("oidc", engine().specs().len()));
}

#[tokio::test]
async fn a_configuration_is_replaced_as_a_whole_and_shown_without_its_secret() {
    let harness = Harness::new(engine()).await;
    assert_eq!(harness.read("config").await, json!({ "error": "not found" }));
    let issuer = "https://a.test/";
    let written = json!({ "jwt_validation_pubkeys": PUBLIC, "bound_issuer": issuer, "default_role": " App ",
        "jwt_supported_algs": "EdDSA,ES256,EdDSA", "namespace_in_state": false });
    assert_eq!(harness.write("config", written).await, json!({}));
    let mut shown = json!({ "bound_issuer": issuer, "default_role": "app", "jwks_ca_pem": "", "jwks_pairs": [],
        "jwks_url": "", "jwt_supported_algs": ["EdDSA", "ES256"], "jwt_validation_pubkeys": [PUBLIC],
        "namespace_in_state": false, "oidc_client_id": "", "oidc_discovery_ca_pem": "", "oidc_discovery_url": "",
        "oidc_response_mode": "", "oidc_response_types": [], "provider_config": {},
        "unsupported_critical_cert_extensions": [] });
    assert_eq!(harness.read("config").await, json!({ "data": shown }));
    let provider = stub::Provider::start(&[&pair("a")]);
    let written = json!({ "oidc_discovery_url": provider.url, "oidc_client_id": "i", "oidc_client_secret": "CANARY" });
    assert_eq!(harness.write("config", written).await, json!({}));
    for (name, value) in [
        ("bound_issuer", json!("")),
        ("default_role", json!("")),
        ("jwt_supported_algs", json!([])),
        ("jwt_validation_pubkeys", json!([])),
        ("namespace_in_state", json!(true)),
        ("oidc_client_id", json!("i")),
        ("oidc_discovery_url", json!(provider.url)),
    ] {
        shown[name] = value;
    }
    assert_eq!(harness.read("config").await, json!({ "data": shown }));
}

#[tokio::test]
async fn configurations_that_make_no_sense_are_refused() {
    let harness = Harness::new(engine()).await;
    let one = "exactly one of 'jwt_validation_pubkeys', 'jwks_url', 'jwks_pairs' or 'oidc_discovery_url' must be set";
    let both = "both 'oidc_client_id' and 'oidc_client_secret' must be set for OIDC";
    let pairs = json!([{ "jwks_url": "https://a.test/", "jwks_ca_pem": "" }]);
    for (data, text) in [
        (json!({}), one),
        (json!({ "jwks_url": "https://a.test/", "jwt_validation_pubkeys": PUBLIC }), one),
        (json!({ "jwks_pairs": pairs, "oidc_discovery_url": "https://a.test/" }), one),
        (json!({ "oidc_discovery_url": "https://a.test/", "oidc_client_id": "i" }), both),
        (json!({ "oidc_discovery_url": "https://a.test/", "oidc_client_secret": "s" }), both),
        (
            json!({ "jwt_validation_pubkeys": PUBLIC, "oidc_client_id": "i", "oidc_client_secret": "s" }),
            "'oidc_discovery_url' must be set for OIDC",
        ),
        (
            json!({ "jwks_pairs": pairs, "bound_issuer": "x" }),
            "Bound issuer is not supported for use with 'jwks_pairs'",
        ),
        (
            json!({ "jwks_pairs": pairs, "jwks_ca_pem": "x" }),
            "CA PEMs must be provided as part of the 'jwks_pairs' when using multiple JWKS URLs",
        ),
        (
            json!({ "jwt_validation_pubkeys": PUBLIC, "jwt_supported_algs": ["RS256", "none"] }),
            "invalid jwt_supported_algs: unsupported signing algorithm \"none\"",
        ),
        (
            json!({ "jwt_validation_pubkeys": PUBLIC, "jwt_supported_algs": "HS256" }),
            "invalid jwt_supported_algs: unsupported signing algorithm \"HS256\"",
        ),
        (
            json!({ "jwt_validation_pubkeys": [PUBLIC, "x"] }),
            "error parsing public key: no RSA, EC or Ed25519 public key or certificate in the PEM text",
        ),
        (
            json!({ "jwt_validation_pubkeys": PUBLIC, "oidc_response_types": "id_token" }),
            "query response_mode may not be used with an id_token response_type",
        ),
        (
            json!({ "jwt_validation_pubkeys": PUBLIC, "oidc_response_types": "token" }),
            "invalid response_types: 'code' and 'id_token' are the allowed values",
        ),
        (json!({ "jwt_validation_pubkeys": PUBLIC, "oidc_response_mode": "x" }), "invalid response_mode: \"x\""),
        (
            json!({ "jwks_url": "https://a.test/", "jwks_ca_pem": "x" }),
            "error checking jwks_ca_pem: no usable certificate in the PEM text of the authorities",
        ),
    ] {
        assert_eq!(harness.write("config", data.clone()).await, refused(text), "{data}");
    }
    for (data, start) in [
        (json!({ "jwks_url": "file:///etc/passwd" }), "error checking jwks URL: the URL cannot be asked"),
        (json!({ "oidc_discovery_url": "ldap://a" }), "error checking oidc discovery URL: "),
        (json!({ "jwks_pairs": "x" }), "error converting input for field \"jwks_pairs\": "),
        (json!({ "jwks_pairs": [{ "jwks_ca_pem": "x" }] }), "error converting input for field \"jwks_pairs\": "),
        (json!({ "jwks_pairs": vec![pairs[0].clone(); 17] }), "at most 16 'jwks_pairs'"),
        (
            json!({ "jwt_validation_pubkeys": PUBLIC, "provider_config": { "provider": "azure" } }),
            "invalid provider_config: no provider's own interface is asked (azure): leave it empty, and have the \
             provider put groups into the token or userinfo",
        ),
    ] {
        let seen = text(&harness.write("config", data.clone()).await);
        assert!(seen.starts_with(start), "{data}: {seen}");
    }
    assert_eq!(harness.read("config").await, json!({ "error": "not found" }));
}

#[tokio::test]
async fn a_role_is_made_shown_changed_and_removed() {
    let harness = Harness::new(engine()).await;
    let written = json!({ "role_type": "jwt", "user_claim": "sub", "bound_audiences": "https://idp.test/api/v2/",
        "bound_subject": "kong@clients", "token_type": "batch", "token_policies": "default", "policies": "ignored" });
    assert_eq!(harness.write("role/Demo", written).await, json!({}));
    let shown = json!({ "role_type": "jwt", "user_claim": "sub", "user_claim_json_pointer": false,
        "bound_audiences": ["https://idp.test/api/v2/"], "bound_subject": "kong@clients", "bound_claims_type": "string",
        "bound_claims": null, "claim_mappings": null, "groups_claim": "", "allowed_redirect_uris": null,
        "oidc_scopes": null, "verbose_oidc_logging": false, "max_age": 0, "expiration_leeway": 0,
        "not_before_leeway": 0, "clock_skew_leeway": 0, "token_bound_cidrs": [], "token_explicit_max_ttl": 0,
        "token_max_ttl": 0, "token_no_default_policy": false, "token_num_uses": 0, "token_period": 0,
        "token_policies": ["default"], "token_ttl": 0, "token_type": "batch" });
    assert_eq!(harness.read("role/demo").await, json!({ "data": shown }));
    let changed = json!({ "role_type": "jwt", "bound_claims": { "team": ["a", "b"], "n": 7 }, "bound_claims_type": "glob",
        "claim_mappings": { "team": "t" }, "expiration_leeway": "-1", "not_before_leeway": 30, "clock_skew_leeway": "2m",
        "ttl": "1h", "bound_cidrs": "10.0.0.0/8", "groups_claim": "/g/x", "max_age": "1m",
        "user_claim_json_pointer": true });
    assert_eq!(harness.write("role/demo", changed).await, json!({}));
    let seen = harness.read("role/demo").await["data"].take();
    for (name, value) in [
        ("bound_claims", json!({ "n": 7, "team": ["a", "b"] })),
        ("bound_claims_type", json!("glob")),
        ("claim_mappings", json!({ "team": "t" })),
        ("expiration_leeway", json!(-1)),
        ("not_before_leeway", json!(30)),
        ("clock_skew_leeway", json!(120)),
        ("ttl", json!(3600)),
        ("token_ttl", json!(3600)),
        ("bound_cidrs", json!(["10.0.0.0/8"])),
        ("max_age", json!(60)),
        ("bound_subject", json!("kong@clients")),
        ("token_type", json!("batch")),
        ("policies", Value::Null),
    ] {
        assert_eq!(seen[name], value, "{name}");
    }
    // Less than a second is not nothing, which would stand for the usual.
    let changed = json!({ "role_type": "jwt", "clock_skew_leeway": "500ms", "expiration_leeway": "1500ms" });
    assert_eq!(harness.write("role/demo", changed).await, json!({}));
    let seen = harness.read("role/demo").await["data"].take();
    assert_eq!((&seen["clock_skew_leeway"], &seen["expiration_leeway"]), (&json!(1), &json!(2)));
    // What kind of role it is and how claims are compared has to be said each time.
    assert_eq!(harness.write("role/demo", json!({ "role_type": "jwt" })).await, json!({}));
    assert_eq!(harness.read("role/demo").await["data"]["bound_claims_type"], "string");
    let no_uris = "'allowed_redirect_uris' must be set if 'role_type' is 'oidc' or unspecified.";
    assert_eq!(harness.write("role/demo", json!({ "token_ttl": 60 })).await, refused(no_uris));
    assert_eq!(harness.list("role/").await, json!({ "data": { "keys": ["demo"] } }));
    assert_eq!(harness.delete("role/DEMO").await, json!({}));
    assert_eq!(harness.read("role/demo").await, json!({ "error": "not found" }));
    assert_eq!(harness.delete("role/demo").await, json!({}), "twice is fine");
}

#[tokio::test]
async fn roles_that_make_no_sense_are_refused() {
    let harness = Harness::new(engine()).await;
    let jwt = |more: Value| {
        let mut role = json!({ "role_type": "jwt", "user_claim": "sub", "bound_subject": "s" });
        role.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
        role
    };
    let many: serde_json::Map<_, _> = (0..65).map(|index| (format!("c{index}"), json!("x"))).collect();
    for (role, text) in [
        (json!({ "role_type": "saml", "user_claim": "sub" }), "invalid 'role_type': saml"),
        (json!({ "role_type": "jwt", "bound_subject": "s" }), "a user claim must be defined on the role"),
        (
            json!({ "role_type": "jwt", "user_claim": "sub" }),
            "must have at least one bound constraint when creating/updating a role",
        ),
        (
            json!({ "user_claim": "sub" }),
            "'allowed_redirect_uris' must be set if 'role_type' is 'oidc' or unspecified.",
        ),
        (jwt(json!({ "bound_claims_type": "regex" })), "invalid 'bound_claims_type': regex"),
        (jwt(json!({ "bound_claims_type": "a/b" })), "invalid 'bound_claims_type': no plain word"),
        (
            jwt(json!({ "claim_mappings": { "a": "role" } })),
            "metadata key \"role\" is reserved and may not be a mapping destination",
        ),
        (jwt(json!({ "claim_mappings": { "a": "x", "b": "x" } })), "multiple keys are mapped to metadata key \"x\""),
        (
            jwt(json!({ "token_ttl": "2h", "token_max_ttl": "1h" })),
            "'token_ttl' cannot be greater than 'token_max_ttl'",
        ),
        (
            jwt(json!({ "token_type": "batch", "token_period": 60 })),
            "'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens",
        ),
        (
            jwt(json!({ "token_type": "batch", "num_uses": 1 })),
            "'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use count",
        ),
    ] {
        assert_eq!(harness.write("role/demo", role.clone()).await, refused(text), "{role}");
    }
    for (role, start) in [
        (jwt(json!({ "bound_claims": { "a": { "b": 1 } } })), "each of 'bound_claims' has"),
        (jwt(json!({ "bound_claims": { "a": [[]] } })), "each of 'bound_claims' has"),
        (jwt(json!({ "bound_claims": "x" })), "error converting input for field \"bound_claims\""),
        (jwt(json!({ "bound_claims": many })), "'bound_claims' has at most 64 claims"),
        (jwt(json!({ "bound_audiences": vec!["a"; 257] })), "'bound_audiences' has at most 256 items"),
        (jwt(json!({ "user_claim": "x".repeat(2_049) })), "'user_claim' has at most 2048 bytes"),
        (jwt(json!({ "claim_mappings": { "a": "" } })), "a metadata key of 'claim_mappings' has"),
    ] {
        let seen = text(&harness.write("role/demo", role.clone()).await);
        assert!(seen.starts_with(start), "{role}: {seen}");
    }
    for name in ["a*", "+", "a b", "-a", "é"] {
        let seen = text(&harness.write(&format!("role/{name}"), jwt(json!({}))).await);
        assert!(seen.starts_with("the name of a role has"), "{name}: {seen}");
    }
    let oidc =
        json!({ "user_claim": "sub", "allowed_redirect_uris": ["urn:x", "http://localhost:8250/oidc/callback"] });
    assert_eq!(harness.write("role/demo", oidc).await["warnings"].as_array().map(Vec::len), Some(1));
    assert!(harness.write("role/demo", jwt(json!({ "token_max_ttl": "9000h" }))).await["warnings"].is_array());
}

//! Logging in: who gets in, who does not, what they are told, and what a token gets.

use framework::testing::{Harness, show};
use framework::{Connection, Operation, Renewing};
use jose::{Algorithm, Pair};
use serde_json::{Value, json};

use super::{engine, log_in, pair, refused, signed, stub, text};

/// A mount with the keys of a provider and one role.
async fn with_role(provider: &stub::Provider, role: Value) -> Harness {
    let harness = Harness::new(engine()).await;
    assert_eq!(harness.write("config", json!({ "jwks_url": format!("{}/keys", provider.url) })).await, json!({}));
    assert_eq!(harness.write("role/app", role).await, json!({}));
    harness
}

fn role() -> Value {
    json!({ "role_type": "jwt", "user_claim": "sub", "bound_subject": "kong@clients", "bound_audiences": ["x", "y"],
        "token_policies": "a", "token_ttl": "1h" })
}

fn claims() -> Value {
    json!({ "iss": "https://idp.test/", "sub": "kong@clients", "aud": "x" })
}

/// The role with some fields changed.
fn changed(mut role: Value, more: Value) -> Value {
    let (Value::Object(fields), Value::Object(more)) = (&mut role, more) else { unreachable!("both are objects") };
    fields.extend(more);
    role
}

#[tokio::test]
async fn the_token_is_the_roles_and_says_who_it_is() {
    let own = pair("own");
    let provider = stub::Provider::start(&[&own]);
    let about = json!({ "claim_mappings": { "team": "t", "/o/x": "x" }, "token_type": "batch" });
    let harness = with_role(&provider, changed(role(), about)).await;
    let token = signed(&harness, &own, changed(claims(), json!({ "team": "north", "o": { "x": "y" } })));
    let login = log_in(&harness, "APP", &format!(" {token}\n")).await["login"].take();
    assert_eq!((&login["alias"], &login["display_name"]), (&json!("kong@clients"), &json!("kong@clients")));
    assert_eq!(login["metadata"], json!({ "role": "app", "t": "north", "x": "y" }));
    assert_eq!((&login["terms"]["token_policies"], &login["terms"]["token_ttl"]), (&json!(["a"]), &json!(3600)));
    assert_eq!((&login["terms"]["token_type"], &login["note"]), (&json!("batch"), &json!({ "role": "app" })));
    assert_eq!(login["groups"], json!([]), "none, and that is told");
    assert_eq!(login["expected"], 2, "the role and the configuration, as they were read");
}

#[tokio::test]
async fn what_is_missing_is_told_in_the_order_in_which_it_is_looked_for() {
    let own = pair("own");
    let provider = stub::Provider::start(&[&own]);
    let harness = Harness::new(engine()).await;
    assert_eq!(log_in(&harness, "app", "x").await, refused("could not load configuration"));
    let url = format!("{}/keys", provider.url);
    harness.write("config", json!({ "jwks_url": url })).await;
    assert_eq!(log_in(&harness, "", "x").await, refused("missing role"));
    assert_eq!(log_in(&harness, "app", "x").await, refused("role \"app\" could not be found"));
    assert_eq!(log_in(&harness, "../a*", "x").await, refused("role \"../a*\" could not be found"));
    // What is no name of a role came to the wrong place, and may be a secret.
    for wrong in [signed(&harness, &pair("x"), claims()), "a".repeat(1_000_000), "a b".to_owned(), "\u{9b}".to_owned()]
    {
        assert_eq!(log_in(&harness, &wrong, "x").await, refused("role could not be found"));
    }
    harness.write("role/app", role()).await;
    let web = json!({ "user_claim": "sub", "allowed_redirect_uris": "https://a.test/" });
    harness.write("role/web", web).await;
    assert_eq!(log_in(&harness, "web", "x").await, refused("role with oidc role_type is not allowed"));
    assert_eq!(log_in(&harness, "app", "").await, refused("missing token"));
    let malformed = refused("error validating token: error verifying token signature: the token is malformed");
    assert_eq!(log_in(&harness, "app", "x").await, malformed);
    harness.write("config", json!({ "jwks_url": url, "default_role": "App" })).await;
    assert_eq!(harness.write("login", json!({ "jwt": "x" })).await, malformed);
    assert!(harness.write("login", json!({ "jwt": signed(&harness, &own, claims()) })).await["login"].is_object());
}

#[tokio::test]
async fn tokens_that_are_not_the_roles_are_refused_and_say_why() {
    let own = pair("own");
    let provider = stub::Provider::start(&[&own]);
    let harness =
        with_role(&provider, changed(role(), json!({ "bound_claims": { "gty": "client-credentials" } }))).await;
    let now = harness.context("").now().unix_secs();
    let ours = changed(claims(), json!({ "gty": "client-credentials" }));
    let unknown = "error verifying token signature: no known key successfully validated the token signature";
    for (more, why) in [
        (json!({ "sub": "other" }), "error validating token: invalid subject (sub) claim"),
        (
            json!({ "aud": "z" }),
            "error validating token: invalid audience (aud) claim: audience claim does not match any expected audience",
        ),
        (json!({ "exp": now - 90 }), "error validating token: invalid expiration time (exp) claim: token is expired"),
        (
            json!({ "iat": now + 90, "nbf": now }),
            "error validating token: invalid issued at (iat) claim: token issued in the future",
        ),
        (json!({ "nbf": now + 90 }), "error validating token: invalid not before (nbf) claim: token not yet valid"),
        (
            json!({ "gty": "password" }),
            "error validating claims: claim \"gty\" does not match any associated bound claim values",
        ),
        (json!({ "gty": null }), "error validating claims: claim \"gty\" is missing"),
        (
            json!({ "SUB": "x" }),
            "error validating token: claim name \"SUB\" differs from the registered one in upper and lower case alone",
        ),
    ] {
        let token = signed(&harness, &own, changed(ours.clone(), more.clone()));
        assert_eq!(log_in(&harness, "app", &token).await, refused(why), "{more}");
    }
    assert!(log_in(&harness, "app", &signed(&harness, &own, changed(ours.clone(), json!({ "exp": now - 30 })))).await["login"].is_object());
    let stranger = signed(&harness, &pair("own"), ours.clone());
    assert_eq!(log_in(&harness, "app", &stranger).await, refused(&format!("error validating token: {unknown}")));
    // The claims of one token with the signature of another.
    let (a, b) = (signed(&harness, &own, ours.clone()), signed(&harness, &own, changed(ours, json!({ "aud": "y" }))));
    let (claims, _) = a.rsplit_once('.').expect("three parts");
    let (_, signature) = b.rsplit_once('.').expect("three parts");
    assert_eq!(
        log_in(&harness, "app", &format!("{claims}.{signature}")).await,
        refused(&format!("error validating token: {unknown}"))
    );
}

#[tokio::test]
async fn no_signature_at_all_and_one_with_the_public_key_as_a_secret_prove_nothing() {
    use data_encoding::BASE64URL_NOPAD;
    let own = Pair::generate(Algorithm::Rs256, "own".to_owned()).expect("a key");
    let provider = stub::Provider::start(&[&own]);
    let harness = with_role(&provider, role()).await;
    let good = signed(&harness, &own, claims());
    assert!(log_in(&harness, "app", &good).await["login"].is_object());
    let payload = good.split('.').nth(1).expect("three parts");
    let why = refused(
        "error validating token: error verifying token signature: no known key successfully validated the token signature",
    );
    let asked = provider.asked();
    for alg in ["none", "None", "HS256", "HS512"] {
        let header = BASE64URL_NOPAD.encode(json!({ "alg": alg, "kid": "own", "typ": "JWT" }).to_string().as_bytes());
        let key = json!(own.public).to_string();
        let mac = secret::hmac_sha256(key.as_bytes(), &[header.as_bytes(), b".", payload.as_bytes()]);
        for signature in [String::new(), BASE64URL_NOPAD.encode(&mac)] {
            assert_eq!(log_in(&harness, "app", &format!("{header}.{payload}.{signature}")).await, why, "{alg}");
        }
    }
    assert_eq!(provider.asked(), asked, "nobody is asked because of them");
}

#[tokio::test]
async fn a_role_without_audiences_takes_no_token_that_is_for_somebody() {
    let own = pair("own");
    let provider = stub::Provider::start(&[&own]);
    let harness = with_role(&provider, json!({ "role_type": "jwt", "user_claim": "sub", "bound_subject": "s" })).await;
    let why = refused("audience claim found in JWT but no audiences bound to the role");
    for (audience, is_refused) in
        [(json!("x"), true), (json!(["x"]), true), (json!([]), false), (json!(""), false), (Value::Null, false)]
    {
        let seen = log_in(&harness, "app", &signed(&harness, &own, json!({ "sub": "s", "aud": audience }))).await;
        assert_eq!(seen == why, is_refused, "{audience}: {seen}");
        assert_eq!(seen["login"].is_object(), !is_refused, "{audience}: {seen}");
    }
}

#[tokio::test]
async fn issuer_and_algorithms_are_the_configurations_word() {
    let (own, other) = (pair("own"), Pair::generate(Algorithm::Es256, "es".to_owned()).expect("a key"));
    let provider = stub::Provider::start(&[&own, &other]);
    let harness = with_role(&provider, role()).await;
    let config = json!({ "jwks_url": format!("{}/keys", provider.url), "bound_issuer": "https://idp.test/",
        "jwt_supported_algs": ["ES256"] });
    assert_eq!(harness.write("config", config).await, json!({}));
    assert!(log_in(&harness, "app", &signed(&harness, &other, claims())).await["login"].is_object());
    let algorithm =
        "error validating token: invalid algorithm (alg) header parameter: token signed with unexpected algorithm";
    assert_eq!(log_in(&harness, "app", &signed(&harness, &own, claims())).await, refused(algorithm));
    let elsewhere = signed(&harness, &other, changed(claims(), json!({ "iss": "https://idp.test" })));
    assert_eq!(
        log_in(&harness, "app", &elsewhere).await,
        refused("error validating token: invalid issuer (iss) claim")
    );
}

#[tokio::test]
async fn groups_of_a_claim_are_told() {
    let own = pair("own");
    let provider = stub::Provider::start(&[&own]);
    let harness = with_role(&provider, changed(role(), json!({ "groups_claim": "/o/groups" }))).await;
    for (more, expected) in [
        (json!({ "o": { "groups": ["a", "", "b"] } }), Ok(json!(["a", "b"]))),
        (json!({ "o": { "groups": "a" } }), Ok(json!(["a"]))),
        (json!({}), Err("failed to fetch groups: \"/o/groups\" claim not found in token")),
    ] {
        let seen = log_in(&harness, "app", &signed(&harness, &own, changed(claims(), more.clone()))).await;
        match expected {
            Ok(groups) => assert_eq!(seen["login"]["groups"], groups, "{more}"),
            Err(why) => assert_eq!(seen, refused(why), "{more}"),
        }
    }
}

#[tokio::test]
async fn networks_are_kept_to_before_anything_is_looked_at() {
    let own = pair("own");
    let provider = stub::Provider::start(&[&own]);
    let harness = with_role(&provider, changed(role(), json!({ "token_bound_cidrs": "10.1.0.0/16" }))).await;
    let asked = provider.asked();
    for (from, token, expected) in [
        ("10.2.0.1", signed(&harness, &own, claims()), json!({ "error": "permission denied" })),
        ("10.2.0.1", "x".to_owned(), json!({ "error": "permission denied" })),
        ("10.1.2.3", signed(&harness, &own, claims()), Value::Null),
    ] {
        let mut context = harness.context("login");
        let remote = format!("{from}:1234").parse().ok();
        context.connection = std::sync::Arc::new(Connection { remote, ..Connection::default() });
        let route = harness.engine().route(Operation::Update, "login").expect("a row");
        let data = framework::testing::object(json!({ "role": "app", "jwt": token }));
        let seen = show(harness.engine().handle(&context, route, Operation::Update, data).await);
        if expected.is_null() {
            assert!(seen["login"].is_object(), "{seen}");
        } else {
            assert_eq!((seen, provider.asked()), (expected, asked));
        }
    }
}

#[tokio::test]
async fn a_renewal_asks_the_role_as_it_is_now() {
    let own = pair("own");
    let provider = stub::Provider::start(&[&own]);
    let harness = with_role(&provider, role()).await;
    let login = log_in(&harness, "app", &signed(&harness, &own, claims())).await["login"].take();
    let renew = || {
        let note = serde_json::value::to_raw_value(&login["note"]).expect("JSON");
        let context = harness.context("");
        let engine = std::sync::Arc::clone(harness.engine());
        async move { engine.renew_login(&context, Renewing::new(note, vec!["a".to_owned()])).await }
    };
    harness.write("role/app", json!({ "role_type": "jwt", "token_ttl": 120 })).await;
    assert!(format!("{:?}", renew().await.expect("it is there")).contains("ttl_secs: 120"));
    harness.delete("role/app").await;
    let why = renew().await.expect_err("it is gone").to_string();
    assert_eq!(why, "role app does not exist during renewal");
}

#[tokio::test]
async fn tokens_that_are_too_large_or_too_deep_cost_no_more_than_a_look() {
    let own = pair("own");
    let provider = stub::Provider::start(&[&own]);
    let harness = with_role(&provider, role()).await;
    assert!(log_in(&harness, "app", &signed(&harness, &own, claims())).await["login"].is_object());
    let nested = (0..100).fold(json!(1), |inner, _| json!([inner]));
    for more in [json!({ "x": nested }), json!({ "x": "y".repeat(300_000) })] {
        let seen = text(&log_in(&harness, "app", &signed(&harness, &own, changed(claims(), more))).await);
        assert!(seen.starts_with("error validating token: error verifying token signature: "), "{seen}");
    }
    let seen = text(&log_in(&harness, "app", &".".repeat(100_000)).await);
    assert_eq!(seen, "error validating token: error verifying token signature: the token is malformed");
}

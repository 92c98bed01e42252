//! Identity tokens through the API: what they say, who may have them, when their keys turn, and what is refused.

use std::sync::Arc;
use std::time::Duration;

use barrier::CacheMode;
use data_encoding::BASE64URL_NOPAD;
use framework::Operation;
use jose::{Jwk, Unproven};
use serde_json::{Map, Value, json};
use storage::memory::Memory;
use storage::rival::Rival;

use crate::testing::{Bench, Client, Yielding, denied, invalid};

mod turns;

/// Somebody with an entity.
pub(super) struct Somebody {
    pub(super) id: String,
    pub(super) token: String,
}

fn text(reply: &Value, field: &str) -> String {
    reply["data"][field].as_str().unwrap_or_else(|| panic!("no {field}: {reply}")).to_owned()
}

/// Makes an entity with some metadata, and a token of its own.
pub(super) async fn somebody(bench: &Bench, name: &str, metadata: Value) -> Somebody {
    let root = bench.root();
    let made = root.write("identity/entity", json!({ "name": name, "metadata": metadata })).await;
    let (id, accessor) = (text(&made, "id"), accessor(bench).await);
    let about = json!({ "name": name, "mount_accessor": accessor, "canonical_id": id });
    text(&root.write("identity/entity-alias", about).await, "id");
    let role = json!({ "allowed_entity_aliases": ["*"], "orphan": true, "allowed_policies": ["tokens", "default"] });
    assert_eq!(root.write("auth/token/roles/person", role).await, json!({}));
    let policy = r#"path "identity/oidc/token/*" { capabilities = ["read"] }"#;
    assert_eq!(root.write("sys/policies/acl/tokens", json!({ "policy": policy })).await, json!({}));
    let about = json!({ "entity_alias": name, "policies": ["tokens", "default"] });
    Somebody { id, token: root.create("create/person", about).await }
}

/// The accessor of the mount of tokens, at which token roles know aliases.
pub(super) async fn accessor(bench: &Bench) -> String {
    let mounts = bench.root().read("sys/auth").await;
    mounts["data"]["token/"]["accessor"].as_str().expect("every mount has one").to_owned()
}

pub(super) async fn made(client: &Client<'_>, path: &str, about: Value) {
    assert_eq!(client.write(path, about).await, json!({}), "{path}");
}

/// A document that everybody may read, and what it says to caches.
pub(super) async fn document(client: &Client<'_>, path: &str) -> (Value, String) {
    let request = client.request(Operation::Read, path, json!({}));
    let reply = client.answer(request).await.unwrap_or_else(|error| panic!("{path}: {error}"));
    let body = reply.body.unwrap_or_else(|| panic!("{path} has an envelope"));
    assert_eq!(body.content_type, "application/json");
    let cache = reply.headers.into_iter().map(|it| format!("{}: {}", it.name, it.value)).collect();
    (serde_json::from_slice(&body.bytes).expect("JSON"), cache)
}

/// The published keys.
pub(super) async fn published(client: &Client<'_>, path: &str) -> Vec<Jwk> {
    let (mut set, _) = document(client, path).await;
    serde_json::from_value(set["keys"].take()).expect("keys")
}

/// The claims of a token that one of these keys has signed.
pub(super) fn claims(token: &str, keys: &[Jwk]) -> Option<Map<String, Value>> {
    let unproven = Unproven::parse(token)?;
    keys.iter().find_map(|key| unproven.prove(&key.key()?))
}

const KEYS: &str = "identity/oidc/.well-known/keys";

/// The token of a role.
async fn issued(client: &Client<'_>, role: &str) -> String {
    text(&client.read(&format!("identity/oidc/token/{role}")).await, "token")
}

async fn is_active(client: &Client<'_>, token: &str) -> Value {
    client.write("identity/oidc/introspect", json!({ "token": token })).await["data"].take()
}

#[tokio::test]
async fn a_token_says_who_asks_and_verifies_with_the_published_keys() {
    let bench = Bench::new().await;
    let (root, bob) = (bench.root(), somebody(&bench, "bob", json!({ "team": "a" })).await);
    let about = json!({ "name": "devs", "member_entity_ids": [bob.id] });
    let devs = text(&root.write("identity/group", about).await, "id");
    let about = json!({ "name": "all", "member_group_ids": [devs] });
    text(&root.write("identity/group", about).await, "id");
    let template = r#"{"team": {{identity.entity.metadata.team}}, "groups": {{identity.entity.groups.names}},
        "known": {"as": {{identity.entity.name}}, "by": {{identity.entity.aliases.nobody.metadata}}, "no": {{identity.entity.metadata.no}}}}"#;
    for (algorithm, key) in [("RS256", "default"), ("ES256", "es"), ("EdDSA", "ed")] {
        if key != "default" {
            let about = json!({ "algorithm": algorithm, "allowed_client_ids": "*" });
            made(&root, &format!("identity/oidc/key/{key}"), about).await;
        }
        let about = json!({ "key": key, "template": template, "client_id": "app", "ttl": "1h" });
        made(&root, &format!("identity/oidc/role/{key}"), about).await;
        let reply = bench.with(&bob.token).read(&format!("identity/oidc/token/{key}")).await;
        assert_eq!((&reply["data"]["client_id"], &reply["data"]["ttl"]), (&json!("app"), &json!(3600)));
        let keys = published(&bench.nobody(), KEYS).await;
        let token = text(&reply, "token");
        let claims = claims(&token, &keys).unwrap_or_else(|| panic!("{algorithm} is not verified"));
        let now = claims["iat"].as_i64().expect("a time");
        let expected = json!({
            "iss": "http://127.0.0.1:8200/v1/identity/oidc", "sub": bob.id, "aud": "app", "iat": now, "exp": now + 3600,
            "namespace": "root", "team": "a", "groups": ["all", "devs"], "known": { "as": "bob", "by": {}, "no": "" },
        });
        assert_eq!(Value::Object(claims), expected);
        let (header, _) = token.split_once('.').expect("three parts");
        let header: Value =
            serde_json::from_slice(&BASE64URL_NOPAD.decode(header.as_bytes()).expect("base64url")).expect("JSON");
        assert_eq!(header["alg"], algorithm);
        assert_eq!(is_active(&root, &token).await, json!({ "active": true }));
    }
    let (discovery, cache) = document(&bench.nobody(), "identity/oidc/.well-known/openid-configuration").await;
    assert_eq!(discovery["issuer"], "http://127.0.0.1:8200/v1/identity/oidc");
    assert_eq!(discovery["jwks_uri"], "http://127.0.0.1:8200/v1/identity/oidc/.well-known/keys");
    assert_eq!(cache, "Cache-Control: max-age=3600");
}

#[tokio::test]
async fn a_name_or_metadata_of_any_text_stays_a_value() {
    let bench = Bench::new().await;
    let (root, evil) = (bench.root(), r#"x", "sub": "root", "a": "{{identity.entity.id}}"#);
    let bob = somebody(&bench, "bob", json!({ "evil": evil })).await;
    made(&root, "identity/oidc/key/k", json!({ "algorithm": "ES256", "allowed_client_ids": "*" })).await;
    let template = r#"{"evil": {{identity.entity.metadata.evil}}, "all": {{identity.entity.metadata}}}"#;
    made(&root, "identity/oidc/role/r", json!({ "key": "k", "template": template })).await;
    let token = issued(&bench.with(&bob.token), "r").await;
    let claims = claims(&token, &published(&bench.nobody(), KEYS).await).expect("it is signed");
    assert_eq!((&claims["sub"], &claims["evil"]), (&json!(bob.id), &json!(evil)));
    assert_eq!(claims["all"], json!({ "evil": evil }));
    assert!(!claims.contains_key("a"), "{claims:?}");
}

#[tokio::test]
async fn claims_that_grow_without_measure_are_refused() {
    let bench = Bench::new().await;
    let (root, metadata) = (bench.root(), json!({ "long": "x".repeat(500) }));
    let bob = somebody(&bench, "bob", metadata).await;
    made(&root, "identity/oidc/key/k", json!({ "algorithm": "ES256", "allowed_client_ids": "*" })).await;
    let many = vec!["{{identity.entity.metadata}}"; 200].join(",");
    let template = format!("{{\"many\": [{many}]}}");
    made(&root, "identity/oidc/role/r", json!({ "key": "k", "template": template })).await;
    let refused = bench.with(&bob.token).read("identity/oidc/token/r").await;
    assert_eq!(refused, invalid("the claims of the token would be longer than 65536 bytes"));
}

#[tokio::test]
async fn a_key_is_published_before_it_signs_and_until_what_it_signed_has_expired() {
    let bench = Bench::new().await;
    let (root, bob) = (bench.root(), somebody(&bench, "bob", json!({})).await);
    let about =
        json!({ "algorithm": "ES256", "rotation_period": "1h", "verification_ttl": "2h", "allowed_client_ids": "*" });
    made(&root, "identity/oidc/key/k", about).await;
    made(&root, "identity/oidc/role/r", json!({ "key": "k", "ttl": "2h" })).await;
    let bob = bench.with(&bob.token);
    let (_, cache) = document(&bench.nobody(), KEYS).await;
    assert_eq!(cache, "Cache-Control: max-age=3600");
    let kid = |token: &str| Unproven::parse(token).expect("a token").kid;
    let mut before = published(&bench.nobody(), KEYS).await;
    let mut tokens = vec![issued(&bob, "r").await];
    assert_eq!(before.len(), 2, "the one that signs, and the next one");
    for turn in 1..=4 {
        bench.clock.advance(Duration::from_secs(3590));
        bench.settle().await;
        assert_eq!(kid(&issued(&bob, "r").await), kid(tokens.last().expect("one")), "it is not due yet");
        let (_, cache) = document(&bench.nobody(), KEYS).await;
        assert_eq!(cache, "Cache-Control: max-age=10");
        bench.clock.advance(Duration::from_secs(10));
        bench.settle().await;
        let token = issued(&bob, "r").await;
        assert!(tokens.iter().all(|earlier| kid(earlier) != kid(&token)), "another key signs");
        assert!(claims(&token, &before).is_some(), "whoever has kept the keys of before knows it");
        tokens.push(token);
        before = published(&bench.nobody(), KEYS).await;
        assert_eq!(before.len(), 2 + turn.min(2), "each is published for two hours more");
        for (age, token) in tokens.iter().rev().enumerate() {
            assert_eq!(claims(token, &before).is_some(), age <= 2, "a token of {age} hours ago");
            let is_valid = age < 2;
            assert_eq!(is_active(&root, token).await["active"], json!(is_valid), "a token of {age} hours ago");
        }
    }
    let due: Vec<_> = bench.keys("due/").await.into_iter().filter(|key| key.ends_with("/oidc/key/k")).collect();
    assert_eq!(due.len(), 1, "{due:?}");
    assert_eq!(root.write("identity/oidc/key/k/rotate", json!({ "verification_ttl": 0 })).await, json!({}));
    assert!(claims(tokens.last().expect("one"), &published(&bench.nobody(), KEYS).await).is_none());
    assert_eq!(root.delete("identity/oidc/role/r").await, json!({}));
    assert_eq!(root.delete("identity/oidc/key/k").await, json!({}));
    for prefix in ["due/", "ns/root/oidc/", "ns/root/oidc-use/", "ns/root/oidc-ttl/"] {
        let left: Vec<_> = bench.keys(prefix).await.into_iter().filter(|key| key.contains("oidc")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn of_nodes_that_rotate_a_key_at_once_one_does() {
    let mut one = Bench::fresh(Arc::new(Yielding(Memory::new())), CacheMode::ReadThrough);
    one.init().await;
    let two = one.beside().await;
    for bench in [&one, &two] {
        bench.core.seals.worker.stop().await;
    }
    let about =
        json!({ "algorithm": "ES256", "rotation_period": "1h", "verification_ttl": "1h", "allowed_client_ids": "*" });
    made(&one.root(), "identity/oidc/key/k", about).await;
    made(&one.root(), "identity/oidc/role/r", json!({ "key": "k", "ttl": "1h" })).await;
    let before = published(&one.nobody(), KEYS).await;
    one.clock.advance(Duration::from_secs(3600));
    tokio::join!(one.settle(), two.settle());
    let after = published(&two.nobody(), KEYS).await;
    assert_eq!(after.len(), 3, "one has gone, one has come");
    assert_eq!(after[0], before[1], "the next one signs");
    assert_eq!(after[2], before[0]);
    let due: Vec<_> = one.keys("due/").await.into_iter().filter(|key| key.contains("/oidc/")).collect();
    assert_eq!(due.len(), 1, "{due:?}");
}

#[tokio::test]
async fn a_writer_who_is_faster_loses_nothing() {
    let rival = Arc::new(Rival::new(Arc::new(Memory::new()), 7, 30));
    let mut bench = Bench::fresh(Arc::clone(&rival) as _, CacheMode::ReadThrough);
    bench.init().await;
    let root = bench.root();
    let about = json!({ "algorithm": "ES256", "verification_ttl": "2h", "allowed_client_ids": "*" });
    made(&root, "identity/oidc/key/k", about).await;
    for turn in 0..10 {
        made(&root, &format!("identity/oidc/role/r{turn}"), json!({ "key": "k", "ttl": "1h" })).await;
        made(&root, "identity/oidc/key/k", json!({ "rotation_period": 7200 + turn })).await;
        made(&root, "identity/oidc/key/k/rotate", json!({})).await;
    }
    assert!(rival.strikes() > 0, "nobody was in the way");
    assert_eq!(published(&bench.nobody(), KEYS).await.len(), 12, "none was rotated twice");
    let due: Vec<_> = bench.keys("due/").await.into_iter().filter(|key| key.contains("/oidc/")).collect();
    assert_eq!(due.len(), 1, "{due:?}");
}

#[tokio::test]
async fn what_is_in_use_is_not_removed_and_what_makes_no_sense_is_refused() {
    let bench = Bench::new().await;
    let root = bench.root();
    made(&root, "identity/oidc/key/k", json!({ "algorithm": "ES256" })).await;
    made(&root, "identity/oidc/role/r", json!({ "key": "k", "client_id": "app" })).await;
    let cases = [
        ("key/k", json!({ "algorithm": "HS256" }), "unknown signing algorithm \"HS256\""),
        ("key/k", json!({ "rotation_period": 59 }), "rotation_period must be at least one minute"),
        ("key/k", json!({ "verification_ttl": "241h" }), "verification_ttl cannot be longer than 10x rotation_period"),
        (
            "key/k",
            json!({ "verification_ttl": "1h" }),
            "unable to update key \"k\" because it is currently referenced by one or more roles with a token ttl greater than 3600 seconds",
        ),
        ("key/none/rotate", json!({}), "no key named \"none\""),
        (
            "key/k/rotate",
            json!({ "verification_ttl": "500h" }),
            "verification_ttl cannot be longer than 10x rotation_period",
        ),
        ("role/x", json!({}), "the key parameter is required"),
        ("role/x", json!({ "key": "none" }), "cannot find key \"none\""),
        (
            "role/x",
            json!({ "key": "k", "ttl": "25h" }),
            "a role's token ttl cannot be longer than the verification_ttl of the key it references",
        ),
        (
            "role/-x",
            json!({ "key": "k" }),
            "the name of a role has letters, digits and \"_\", between them \"-\" and \".\", and 256 bytes at most",
        ),
        (
            "config",
            json!({ "issuer": "https://a@b" }),
            "invalid issuer, which must include only a scheme, host, optional port, and path (e.g. https://example.com:8200/vault)",
        ),
    ];
    for (path, about, reason) in cases {
        assert_eq!(root.write(&format!("identity/oidc/{path}"), about).await, invalid(reason), "{path}");
    }
    let in_use = "unable to delete key \"k\" because it is currently referenced by these roles: r";
    assert_eq!(root.delete("identity/oidc/key/k").await, invalid(in_use));
    assert_eq!(root.delete("identity/oidc/key/default").await, invalid("deletion of key \"default\" not allowed"));
    made(&root, "identity/oidc/key/other", json!({ "algorithm": "EdDSA" })).await;
    made(&root, "identity/oidc/role/r", json!({ "key": "other" })).await;
    assert_eq!(root.delete("identity/oidc/key/k").await, json!({}), "the role has left it");
}

#[tokio::test]
async fn who_has_no_entity_or_no_leave_gets_no_token() {
    let bench = Bench::new().await;
    let (root, bob) = (bench.root(), somebody(&bench, "bob", json!({})).await);
    made(&root, "identity/oidc/key/k", json!({ "algorithm": "ES256" })).await;
    made(&root, "identity/oidc/role/r", json!({ "key": "k", "client_id": "app" })).await;
    let with_bob = bench.with(&bob.token);
    let unlisted = "the key \"k\" does not list the client ID of the role \"r\" as an allowed client ID";
    assert_eq!(with_bob.read("identity/oidc/token/r").await, invalid(unlisted));
    assert_eq!(with_bob.read("identity/oidc/token/none").await, invalid("role \"none\" not found"));
    made(&root, "identity/oidc/key/k", json!({ "allowed_client_ids": ["app"] })).await;
    let nobody = invalid("no entity associated with the request's token");
    assert_eq!(root.read("identity/oidc/token/r").await, nobody);
    let token = issued(&with_bob, "r").await;
    assert_eq!(bench.nobody().read("identity/oidc/token/r").await, denied());
    made(&root, &format!("identity/entity/id/{}", bob.id), json!({ "disabled": true })).await;
    assert_eq!(with_bob.read("identity/oidc/token/r").await, denied());
    assert_eq!(is_active(&root, &token).await, json!({ "active": false, "error": "entity is disabled" }));
    assert_eq!(root.delete(&format!("identity/entity/id/{}", bob.id)).await, json!({}));
    assert_eq!(is_active(&root, &token).await, json!({ "active": false, "error": "entity was not found" }));
}

#[tokio::test]
async fn introspection_believes_nothing_that_is_not_proven() {
    let bench = Bench::new().await;
    let (root, bob) = (bench.root(), somebody(&bench, "bob", json!({})).await);
    made(&root, "identity/oidc/key/k", json!({ "algorithm": "ES256", "allowed_client_ids": "*" })).await;
    made(&root, "identity/oidc/role/r", json!({ "key": "k", "client_id": "app" })).await;
    let token = issued(&bench.with(&bob.token), "r").await;
    let unsigned = "unable to validate the token signature";
    let (signed, _) = token.rsplit_once('.').expect("three parts");
    let (_, payload) = signed.split_once('.').expect("three parts");
    let kid = Unproven::parse(&token).expect("a token").kid;
    let header = |alg: &str| BASE64URL_NOPAD.encode(json!({ "alg": alg, "kid": kid }).to_string().as_bytes());
    for (text, reason) in [
        (String::new(), "the token is malformed"),
        ("a.b".to_owned(), "the token is malformed"),
        (bob.token.clone(), "the token is malformed"),
        (format!("{signed}."), unsigned),
        (format!("{}.{payload}.", header("none")), unsigned),
        (format!("{}.{payload}.{}", header("HS256"), BASE64URL_NOPAD.encode(&[0; 32])), unsigned),
    ] {
        assert_eq!(is_active(&root, &text).await, json!({ "active": false, "error": reason }), "{text}");
    }
    for (client, active) in [("app", true), ("other", false)] {
        let about = json!({ "token": token, "client_id": client });
        assert_eq!(root.write("identity/oidc/introspect", about).await["data"]["active"], json!(active));
    }
    let warned = root.write("identity/oidc/config", json!({ "issuer": "https://vault.test:8200/" })).await;
    assert!(warned["warnings"][0].is_string(), "{warned}");
    assert_eq!(root.read("identity/oidc/config").await["data"], json!({ "issuer": "https://vault.test:8200" }));
    let other = json!({ "active": false, "error": "the token is of another issuer" });
    assert_eq!(is_active(&root, &token).await, other);
    assert_eq!(root.write("identity/oidc/config", json!({ "issuer": "" })).await, json!({}));
    bench.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(is_active(&root, &token).await, json!({ "active": false, "error": "the token is expired" }));
}

#[tokio::test]
async fn another_algorithm_means_other_keys_and_the_old_ones_stay_for_a_while() {
    let bench = Bench::new().await;
    let (root, bob) = (bench.root(), somebody(&bench, "bob", json!({})).await);
    made(&root, "identity/oidc/key/k", json!({ "algorithm": "ES256", "allowed_client_ids": "*" })).await;
    made(&root, "identity/oidc/role/r", json!({ "key": "k" })).await;
    let bob = bench.with(&bob.token);
    let old = issued(&bob, "r").await;
    made(&root, "identity/oidc/key/k", json!({ "algorithm": "EdDSA" })).await;
    let (new, keys) = (issued(&bob, "r").await, published(&bench.nobody(), KEYS).await);
    let algorithms: Vec<_> = keys.iter().map(|key| key.alg.name()).collect();
    assert_eq!(algorithms, ["EdDSA", "EdDSA", "ES256"]);
    assert!(claims(&old, &keys).is_some() && claims(&new, &keys).is_some());
    let shown = root.read("identity/oidc/key/k").await["data"].take();
    let expected = json!({ "algorithm": "EdDSA", "rotation_period": 86400, "verification_ttl": 86400, "allowed_client_ids": ["*"] });
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn lists_are_paged_and_know_what_is_built_in() {
    let bench = Bench::new().await;
    let root = bench.root();
    for name in ["a", "z"] {
        made(&root, &format!("identity/oidc/key/{name}"), json!({ "algorithm": "ES256" })).await;
        made(&root, &format!("identity/oidc/role/{name}"), json!({ "key": "a" })).await;
    }
    let list = async |path: &str, about: Value| {
        let listed = root.call(Operation::List, &format!("identity/oidc/{path}"), about).await;
        listed["data"]["keys"].clone()
    };
    assert_eq!(list("key", json!({})).await, json!(["a", "default", "z"]));
    assert_eq!(list("key", json!({ "limit": 2 })).await, json!(["a", "default"]));
    assert_eq!(list("key", json!({ "limit": 1, "after": "a" })).await, json!(["default"]));
    assert_eq!(list("key", json!({ "after": "default" })).await, json!(["z"]));
    assert_eq!(list("role", json!({})).await, json!(["a", "z"]));
    let unused = root.read("identity/oidc/key/default").await["data"].take();
    assert_eq!((&unused["algorithm"], &unused["allowed_client_ids"]), (&json!("RS256"), &json!(["*"])));
    assert!(bench.keys("ns/root/oidc/key/default").await.is_empty(), "nobody has used it");
}

#[tokio::test]
async fn tokens_are_a_namespace_s_own() {
    let bench = Bench::new().await;
    let root = bench.root();
    let made_ns = root.write("sys/namespaces/team", json!({})).await;
    let (team, ns) = (bench.root().within("team"), text(&made_ns, "id"));
    for client in [&root, &team] {
        made(client, "identity/oidc/key/k", json!({ "algorithm": "ES256", "allowed_client_ids": "*" })).await;
        made(client, "identity/oidc/role/r", json!({ "key": "k", "client_id": "app" })).await;
    }
    let (discovery, _) = document(&bench.nobody(), "team/identity/oidc/.well-known/openid-configuration").await;
    assert_eq!(discovery["issuer"], "http://127.0.0.1:8200/v1/team/identity/oidc");
    let bob = somebody(&bench, "bob", json!({})).await;
    let token = issued(&bench.with(&bob.token), "r").await;
    let theirs = published(&bench.nobody(), "team/identity/oidc/.well-known/keys").await;
    assert!(claims(&token, &theirs).is_none(), "each has keys of its own");
    let unsigned = json!({ "active": false, "error": "unable to validate the token signature" });
    assert_eq!(is_active(&team, &token).await, unsigned);
    // Whoever comes from above is nobody there.
    let above = bench.with(&bench.root).within("team").read("identity/oidc/token/r").await;
    assert_eq!(above, invalid("no entity associated with the request's token"));
    assert_eq!(root.delete("sys/namespaces/team").await["refused"], Value::Null);
    bench.clock.advance(Duration::from_secs(25 * 3600));
    bench.settle().await;
    let left: Vec<_> = bench.keys("").await.into_iter().filter(|key| key.contains(&ns)).collect();
    assert!(left.is_empty(), "{left:?}");
}

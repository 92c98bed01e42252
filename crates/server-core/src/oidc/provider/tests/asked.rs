//! What may be asked for, by whom, and in whose name: scopes, assignments, credentials and issuers.

use barrier::seal::Device;
use storage::counting::Counting;

use super::*;
use crate::oidc::provider::access::Access;
use crate::oidc::provider::entry::CodeEntry;

/// The claim `name` of the ID token of a reply.
async fn name_in(bench: &Bench, reply: &Value) -> Value {
    let token = reply["data"]["id_token"].as_str().unwrap_or_else(|| panic!("no token: {reply}"));
    let keys = published(&bench.nobody(), &format!("{PROVIDER}/.well-known/keys")).await;
    claims(token, &keys).expect("it is signed")["name"].take()
}

#[tokio::test]
async fn a_scope_counts_once_however_often_it_is_asked_for() {
    let bench = Bench::new().await;
    let (bob, root) = (furnish(&bench).await, bench.root());
    let app = app(&root, "app", json!({})).await;
    for scope in ["openid profile profile".to_owned(), ["openid", &" profile".repeat(500)].concat()] {
        let code = code(&bench, &bob, with(asking(&app), json!({ "scope": scope }))).await;
        let reply = ask(&bench.nobody(), "token", exchanging(&app, &code)).await;
        assert_eq!(name_in(&bench, &reply).await, "bob");
    }
    let long = ["openid", &" x".repeat(2_046)].concat();
    let about = with(asking(&app), json!({ "scope": long }));
    let refused = ask(&bench.with(&bob.token), "authorize", about).await;
    assert_eq!(refusal(&refused), "invalid_scope", "it has more than 4096 bytes");
    // A code of an earlier release.
    let entry = json!({
        "v": 1, "provider": "default", "client_id": app.id, "redirect_uri": REDIRECT, "entity_id": bob.id,
        "scopes": vec!["profile"; 1_000], "expires": 0,
    });
    let entry: CodeEntry = serde_json::from_value(entry).expect("an entry");
    let code = bench.core.seals.oidc.put_code("root", entry).await.expect("a code");
    let reply = ask(&bench.nobody(), "token", exchanging(&app, code.expose())).await;
    assert_eq!(name_in(&bench, &reply).await, "bob");
}

#[tokio::test]
async fn a_provider_is_warned_of_what_it_has_and_not_of_what_was_written() {
    let bench = Bench::new().await;
    furnish(&bench).await;
    made(&bench.root(), PROVIDER, json!({ "scopes_supported": ["profile", "openid", "profile"] })).await;
}

#[tokio::test]
async fn all_templates_are_read_in_one_call() {
    let storage = Arc::new(Counting::new(Arc::new(Memory::new())));
    let mut bench = Bench::fresh(Arc::clone(&storage) as _, CacheMode::ReadThrough);
    bench.init().await;
    let (bob, root) = (furnish(&bench).await, bench.root());
    bench.core.seals.worker.stop().await;
    let app = app(&root, "app", json!({})).await;
    let supported = ["profile", "a", "b", "c"];
    for scope in ["a", "b", "c"] {
        let template = format!("{{\"{scope}\": {{{{identity.entity.name}}}}}}");
        made(&root, &format!("identity/oidc/scope/{scope}"), json!({ "template": template })).await;
    }
    made(&root, PROVIDER, json!({ "scopes_supported": supported })).await;
    let mut reads = Vec::new();
    for scope in ["openid profile", "openid profile", "openid profile a b c"] {
        let code = code(&bench, &bob, with(asking(&app), json!({ "scope": scope }))).await;
        storage.take();
        let reply = ask(&bench.nobody(), "token", exchanging(&app, &code)).await;
        reads.push(storage.take().reads);
        assert_eq!(name_in(&bench, &reply).await, "bob");
    }
    assert_eq!(reads[1], reads[2], "more scopes, and no more reads");
}

#[tokio::test]
async fn no_access_token_is_given_that_would_not_be_taken() {
    let bench = Bench::new().await;
    let oidc = &bench.core.seals.oidc;
    let access = |scopes: usize| -> Access {
        let about = json!({
            "v": 1, "namespace": "root", "provider": "default", "client_id": "x", "entity_id": "y",
            "scopes": vec!["s".repeat(200); scopes], "expires": 0,
        });
        serde_json::from_value(about).expect("an access token")
    };
    let good = oidc.seal_access(&access(20)).expect("it is short enough");
    assert!(oidc.open_access(good.expose()).await.expect("a look").is_some());
    let refused = oidc.seal_access(&access(30)).expect_err("it is too long").to_string();
    assert!(refused.contains("longer than 8192 bytes"), "{refused}");
}

#[tokio::test]
async fn only_the_built_in_assignment_is_for_everybody() {
    let bench = Bench::new().await;
    let (bob, root) = (furnish(&bench).await, bench.root());
    root.write("identity/group", json!({ "name": "staff", "member_entity_ids": [bob.id] })).await;
    made(&root, "identity/oidc/assignment/star", json!({ "entity_ids": "*", "group_ids": "*" })).await;
    for (assignment, is_allowed) in [("star", false), ("allow_all", true)] {
        let app = app(&root, assignment, json!({ "assignments": assignment })).await;
        let reply = ask(&bench.with(&bob.token), "authorize", asking(&app)).await;
        assert_eq!(reply["data"]["code"].is_string(), is_allowed, "{assignment}: {reply}");
    }
    let shown = root.read("identity/oidc/assignment/allow_all").await["data"].take();
    assert_eq!(shown, json!({ "entity_ids": ["*"], "group_ids": ["*"] }));
}

#[tokio::test]
async fn a_client_shows_its_secret_where_it_has_one_and_says_who_it_is() {
    let bench = Bench::new().await;
    let (bob, root) = (furnish(&bench).await, bench.root());
    let mine = app(&root, "mine", json!({})).await;
    let public = app(&root, "public", json!({ "client_type": "public" })).await;
    let proof = json!({ "code_challenge": VERIFIER });
    let send = async |about: Value, header: &str| {
        let client = bench.nobody();
        let mut request = client.request(Operation::Update, &format!("{PROVIDER}/token"), about);
        request.headers = Some(Arc::new(Authorization(header.to_owned())));
        client.send(request).await
    };
    let verifier = json!({ "code_verifier": VERIFIER });
    for app in [&mine, &public] {
        let code = code(&bench, &bob, with(asking(app), proof.clone())).await;
        let about = with(exchanging(app, &code), verifier.clone());
        let nobody = send(with(about.clone(), json!({ "client_id": "" })), "Bearer of-a-proxy").await;
        assert_eq!((refusal(&nobody).as_str(), &nobody["status"]), ("invalid_request", &json!("Code(400)")));
        // A public one that sends a secret proves nothing with it, and need not.
        let secret = if app.secret.is_empty() { "none" } else { app.secret.as_str() };
        let reply = send(with(about, json!({ "client_secret": secret })), "Bearer of-a-proxy").await;
        assert!(reply["data"]["id_token"].is_string(), "{reply}");
    }
}

#[tokio::test]
async fn nothing_is_issued_or_published_while_nobody_knows_the_issuer() {
    let storage = Arc::new(Memory::new());
    let mut bench = Bench::fresh_as(storage, CacheMode::SoleWriter, Device::Shamir, 1, |parts| {
        parts.node.api_address.clear();
    });
    bench.init().await;
    let (bob, root) = (furnish(&bench).await, bench.root());
    let app = app(&root, "app", json!({})).await;
    made(&root, "identity/oidc/role/r", json!({ "key": "k" })).await;
    let unknown = invalid(
        "no issuer is known: set api_addr in the configuration of the server, or \"issuer\" in identity/oidc/config or of the provider",
    );
    let with_bob = bench.with(&bob.token);
    let discovery = "identity/oidc/.well-known/openid-configuration";
    let provided = format!("{PROVIDER}/.well-known/openid-configuration");
    assert_eq!(with_bob.read("identity/oidc/token/r").await, unknown);
    assert_eq!(bench.nobody().read(discovery).await, unknown);
    assert_eq!(ask(&with_bob, "authorize", asking(&app)).await, unknown);
    assert_eq!(bench.nobody().read(&provided).await, unknown);
    assert_eq!(root.read(PROVIDER).await["data"]["issuer"], "");
    assert!(root.write("identity/oidc/config", json!({ "issuer": "https://a.test" })).await["warnings"].is_array());
    made(&root, PROVIDER, json!({ "issuer": "https://b.test" })).await;
    assert!(with_bob.read("identity/oidc/token/r").await["data"]["token"].is_string());
    let code = code(&bench, &bob, asking(&app)).await;
    assert!(ask(&bench.nobody(), "token", exchanging(&app, &code)).await["data"]["id_token"].is_string());
    for (path, issuer) in [(discovery, "https://a.test"), (&provided, "https://b.test")] {
        let (shown, _) = document(&bench.nobody(), path).await;
        assert!(shown["issuer"].as_str().is_some_and(|it| it.starts_with(issuer)), "{shown}");
    }
}

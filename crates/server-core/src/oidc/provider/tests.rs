//! Logins through the provider, and all that does not get in: by the API, with two nodes, and with the clock.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use barrier::CacheMode;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use framework::{HeaderSource, Operation};
use serde_json::{Value, json};
use storage::memory::Memory;

use crate::oidc::tests::{Somebody, claims, document, made, published, somebody};
use crate::testing::{Bench, Client, Yielding, denied, hours, invalid};

mod asked;
mod lists;

const PROVIDER: &str = "identity/oidc/provider/default";
const REDIRECT: &str = "https://app.test/back";
const VERIFIER: &str = "verifier-of-at-least-forty-three-characters";

/// A request's header `Authorization`.
struct Authorization(String);

impl HeaderSource for Authorization {
    fn values(&self, name: &str) -> Vec<String> {
        if name.eq_ignore_ascii_case("authorization") { vec![self.0.clone()] } else { Vec::new() }
    }
}

/// An application.
struct App {
    id: String,
    secret: String,
}

async fn app(client: &Client<'_>, name: &str, about: Value) -> App {
    let mut all = json!({ "redirect_uris": REDIRECT, "assignments": "allow_all", "key": "k" });
    let (fields, more) = (all.as_object_mut().expect("an object"), about.as_object().expect("an object"));
    fields.extend(more.clone());
    made(client, &format!("identity/oidc/client/{name}"), all).await;
    let shown = client.read(&format!("identity/oidc/client/{name}")).await;
    let text = |field: &str| shown["data"][field].as_str().unwrap_or_default().to_owned();
    App { id: text("client_id"), secret: text("client_secret") }
}

/// A key, a scope, and a person.
async fn furnish(bench: &Bench) -> Somebody {
    let root = bench.root();
    made(&root, "identity/oidc/key/k", json!({ "algorithm": "ES256", "allowed_client_ids": "*" })).await;
    let template = r#"{"name": {{identity.entity.name}}}"#;
    made(&root, "identity/oidc/scope/profile", json!({ "template": template })).await;
    made(&root, PROVIDER, json!({ "scopes_supported": "profile" })).await;
    somebody(bench, "bob", json!({})).await
}

fn asking(app: &App) -> Value {
    json!({
        "client_id": app.id, "redirect_uri": REDIRECT, "response_type": "code", "scope": "openid profile other",
        "state": "state", "nonce": "nonce",
    })
}

fn with(mut base: Value, more: Value) -> Value {
    if let (Some(base), Value::Object(more)) = (base.as_object_mut(), more) {
        base.extend(more);
    }
    base
}

/// An answer without an envelope: its body, with its status and headers, if they are not the usual ones.
async fn ask(client: &Client<'_>, path: &str, about: Value) -> Value {
    client.write(&format!("{PROVIDER}/{path}"), about).await
}

async fn code(bench: &Bench, who: &Somebody, about: Value) -> String {
    let reply = ask(&bench.with(&who.token), "authorize", about).await;
    reply["data"]["code"].as_str().unwrap_or_else(|| panic!("no code: {reply}")).to_owned()
}

fn exchanging(app: &App, code: &str) -> Value {
    json!({
        "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "client_id": app.id,
        "client_secret": app.secret,
    })
}

/// The code of a refusal.
fn refusal(reply: &Value) -> String {
    reply["data"]["error"].as_str().unwrap_or_else(|| panic!("not refused: {reply}")).to_owned()
}

async fn told(bench: &Bench, path: &str, token: &str) -> Value {
    let client = bench.nobody();
    let mut request = client.request(Operation::Read, &format!("{path}/userinfo"), json!({}));
    request.headers = Some(Arc::new(Authorization(format!("Bearer {token}"))));
    client.send(request).await
}

async fn access(bench: &Bench, who: &Somebody, app: &App) -> String {
    let code = code(bench, who, asking(app)).await;
    let reply = ask(&bench.nobody(), "token", exchanging(app, &code)).await;
    reply["data"]["access_token"].as_str().unwrap_or_else(|| panic!("no token: {reply}")).to_owned()
}

#[tokio::test]
async fn a_person_logs_in_to_an_application() {
    let bench = Bench::new().await;
    let bob = furnish(&bench).await;
    let app = app(&bench.root(), "app", json!({ "id_token_ttl": "1h", "access_token_ttl": "2h" })).await;
    assert!(app.secret.starts_with("hvo_secret_"), "{}", app.secret);
    let reply = ask(&bench.with(&bob.token), "authorize", with(asking(&app), json!({ "max_age": 60 }))).await;
    assert_eq!(reply["data"]["state"], "state");
    let code = reply["data"]["code"].as_str().expect("a code").to_owned();
    let reply = ask(&bench.nobody(), "token", exchanging(&app, &code)).await;
    let (body, headers) = (&reply["data"], &reply["headers"]);
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(7200)));
    assert_eq!(headers, &json!(["Pragma: no-cache"]));
    let (access, id_token) = (body["access_token"].as_str().expect("text"), body["id_token"].as_str().expect("text"));
    let keys = published(&bench.nobody(), &format!("{PROVIDER}/.well-known/keys")).await;
    let mut said = claims(id_token, &keys).expect("it is signed");
    let now = said["iat"].as_i64().expect("a time");
    let half = |text: &str| BASE64URL_NOPAD.encode(&digest(&SHA256, text.as_bytes()).as_ref()[..16]);
    let auth_time = said.remove("auth_time").and_then(|it| it.as_i64()).expect("it was asked for");
    assert!((now - 60..=now).contains(&auth_time), "{auth_time}");
    let expected = json!({
        "iss": format!("http://127.0.0.1:8200/v1/{PROVIDER}"), "sub": bob.id, "aud": app.id, "iat": now, "exp": now + 3600,
        "namespace": "root", "nonce": "nonce", "at_hash": half(access), "c_hash": half(&code), "name": "bob",
    });
    assert_eq!(Value::Object(said), expected);
    assert_eq!(told(&bench, PROVIDER, access).await["data"], json!({ "sub": bob.id, "name": "bob" }));
    let (discovery, _) = document(&bench.nobody(), &format!("{PROVIDER}/.well-known/openid-configuration")).await;
    for (name, expected) in [
        ("issuer", json!(format!("http://127.0.0.1:8200/v1/{PROVIDER}"))),
        ("authorization_endpoint", json!(format!("http://127.0.0.1:8200/ui/vault/{PROVIDER}/authorize"))),
        ("token_endpoint", json!(format!("http://127.0.0.1:8200/v1/{PROVIDER}/token"))),
        ("scopes_supported", json!(["profile", "openid"])),
    ] {
        assert_eq!(discovery[name], expected, "{name}");
    }
}

#[tokio::test]
async fn what_an_application_gets_opens_nothing_else() {
    let bench = Bench::new().await;
    let bob = furnish(&bench).await;
    let app = app(&bench.root(), "app", json!({})).await;
    let access = access(&bench, &bob, &app).await;
    for path in ["auth/token/lookup-self", "identity/oidc/token/r", "sys/mounts"] {
        assert_eq!(bench.with(&access).read(path).await, denied(), "{path}");
    }
    assert_eq!(ask(&bench.with(&access), "authorize", asking(&app)).await, denied());
    for odd in ["", "hvo.", "hvo.AAAA", bob.token.as_str(), bench.root.as_str(), &format!("{access}A")] {
        let reply = told(&bench, PROVIDER, odd).await;
        assert_eq!((refusal(&reply).as_str(), &reply["status"]), ("invalid_token", &json!("Code(401)")), "{odd}");
        let header = reply["headers"][0].as_str().expect("a challenge");
        assert!(
            header.starts_with("WWW-Authenticate: Bearer error=\"invalid_token\",error_description=\""),
            "{header}"
        );
    }
}

#[tokio::test]
async fn requests_that_make_no_sense_get_no_code_and_say_why() {
    let bench = Bench::new().await;
    let (bob, root) = (furnish(&bench).await, bench.root());
    let confidential = app(&root, "app", json!({})).await;
    let public = app(&root, "public", json!({ "client_type": "public" })).await;
    let closed = app(&root, "closed", json!({ "assignments": "" })).await;
    let ask_as = async |app: &App, more: Value| {
        let reply = ask(&bench.with(&bob.token), "authorize", with(asking(app), more)).await;
        assert_eq!(reply["status"], "Code(400)", "{reply}");
        refusal(&reply)
    };
    for (more, expected) in [
        (json!({ "client_id": "" }), "invalid_request"),
        (json!({ "client_id": "nobody" }), "invalid_client_id"),
        (json!({ "client_id": "x".repeat(32) }), "invalid_client_id"),
        (json!({ "redirect_uri": "" }), "invalid_request"),
        (json!({ "redirect_uri": format!("{REDIRECT}/") }), "invalid_redirect_uri"),
        (json!({ "redirect_uri": "https://app.test/back?x" }), "invalid_redirect_uri"),
        (json!({ "redirect_uri": "https://app.test.evil.test/back" }), "invalid_redirect_uri"),
        (json!({ "redirect_uri": "HTTPS://app.test/back" }), "invalid_redirect_uri"),
        (json!({ "scope": "profile" }), "invalid_scope"),
        (json!({ "response_type": "" }), "invalid_request"),
        (json!({ "response_type": "token" }), "unsupported_response_type"),
        (json!({ "response_type": ["code", "code"] }), "invalid_request"),
        (json!({ "request": "e30" }), "request_not_supported"),
        (json!({ "request_uri": "https://x" }), "request_uri_not_supported"),
        (json!({ "max_age": 0 }), "invalid_request"),
        (json!({ "max_age": "soon" }), "invalid_request"),
        (json!({ "code_challenge": "short" }), "invalid_request"),
        (json!({ "code_challenge": VERIFIER, "code_challenge_method": "S512" }), "invalid_request"),
        (json!({ "code_challenge_method": "S256" }), "invalid_request"),
        (json!({ "nonce": "x".repeat(3000) }), "invalid_request"),
    ] {
        assert_eq!(ask_as(&confidential, more.clone()).await, expected, "{more}");
    }
    assert_eq!(ask_as(&public, json!({})).await, "invalid_request", "a public one needs PKCE");
    assert_eq!(ask_as(&closed, json!({})).await, "access_denied", "nobody may use it");
    let nobody = ask(&root, "authorize", asking(&confidential)).await;
    assert_eq!((refusal(&nobody).as_str(), &nobody["data"]["state"]), ("access_denied", &json!("state")));
    bench.clock.advance(Duration::from_secs(61));
    assert_eq!(ask_as(&confidential, json!({ "max_age": 60 })).await, "max_age_violation");
    made(&root, PROVIDER, json!({ "allowed_client_ids": public.id })).await;
    assert_eq!(ask_as(&confidential, json!({})).await, "unauthorized_client");
    let none = bench.with(&bench.root).write("identity/oidc/provider/none/authorize", asking(&public)).await;
    assert_eq!(refusal(&none), "invalid_request");
    assert!(bench.keys("ns/root/oidc/code/").await.is_empty(), "no code was made");
}

#[tokio::test]
async fn a_native_application_has_any_port_on_loopback_and_no_other_host() {
    let bench = Bench::new().await;
    let (bob, root) = (furnish(&bench).await, bench.root());
    let app =
        app(&root, "app", json!({ "redirect_uris": ["http://127.0.0.1/cb", "http://[::1]:1/cb", "http://localhost:8250/oidc/callback", REDIRECT] })).await;
    for (uri, is_allowed) in [
        ("http://127.0.0.1:50505/cb", true),
        ("http://[::1]:2/cb", true),
        ("http://127.0.0.1:50505/other", false),
        ("http://127.0.0.1:505050/cb", false),
        ("http://127.0.0.1@evil.test/cb", false),
        ("http://127.0.0.1.evil.test/cb", false),
        ("http://127.0.0.1:+5050/cb", false),
        ("http://localhost:50505/oidc/callback", true),
        ("http://localhost/oidc/callback", true),
        ("http://localhost:50505/cb", false),
        ("http://localhost.evil.test/oidc/callback", false),
        ("https://localhost:50505/oidc/callback", false),
        ("https://127.0.0.1:50505/cb", false),
        ("https://app.test:8443/back", false),
    ] {
        let reply = ask(&bench.with(&bob.token), "authorize", with(asking(&app), json!({ "redirect_uri": uri }))).await;
        assert_eq!(reply["data"]["code"].is_string(), is_allowed, "{uri}: {reply}");
    }
}

#[tokio::test]
async fn a_code_is_good_once_for_its_client_with_its_proof_and_for_five_minutes() {
    let bench = Bench::new().await;
    let (bob, root) = (furnish(&bench).await, bench.root());
    let mine = app(&root, "mine", json!({})).await;
    let other = app(&root, "other", json!({})).await;
    made(&root, "identity/oidc/provider/second", json!({ "allowed_client_ids": "*" })).await;
    let hashed = BASE64URL_NOPAD.encode(digest(&SHA256, VERIFIER.as_bytes()).as_ref());
    let plain = json!({ "code_challenge": VERIFIER });
    let s256 = json!({ "code_challenge": hashed, "code_challenge_method": "S256" });
    let wrong = "another-verifier-of-forty-three-characters-";
    for (asked, exchanged, is_good) in [
        (json!({}), json!({}), true),
        (json!({}), json!({ "redirect_uri": "https://app.test/other" }), false),
        (json!({}), json!({ "code_verifier": VERIFIER }), false),
        (json!({}), json!({ "client_id": other.id, "client_secret": other.secret }), false),
        (plain.clone(), json!({ "code_verifier": VERIFIER }), true),
        (plain.clone(), json!({ "code_verifier": wrong }), false),
        (plain, json!({}), false),
        (s256.clone(), json!({ "code_verifier": VERIFIER }), true),
        (s256.clone(), json!({ "code_verifier": hashed }), false),
        (s256, json!({ "code_verifier": "" }), false),
    ] {
        let code = code(&bench, &bob, with(asking(&mine), asked.clone())).await;
        let about = with(exchanging(&mine, &code), exchanged.clone());
        let reply = ask(&bench.nobody(), "token", about.clone()).await;
        assert_eq!(reply["data"]["id_token"].is_string(), is_good, "{asked} {exchanged}: {reply}");
        // Whatever came of it, it is used.
        let right = with(exchanging(&mine, &code), json!({ "code_verifier": VERIFIER }));
        for about in [about, right] {
            let reply = ask(&bench.nobody(), "token", about).await;
            assert_eq!(reply["data"]["error_description"], "authorization grant is invalid or expired");
        }
    }
    let left = code(&bench, &bob, asking(&mine)).await;
    let second = bench.nobody().write("identity/oidc/provider/second/token", exchanging(&mine, &left)).await;
    assert_eq!(second["data"]["error_description"], "authorization code was not issued by the provider");
    for (secs, is_good) in [(299, true), (300, false)] {
        let code = code(&bench, &bob, asking(&mine)).await;
        bench.clock.advance(Duration::from_secs(secs));
        let reply = ask(&bench.nobody(), "token", exchanging(&mine, &code)).await;
        assert_eq!(reply["data"]["id_token"].is_string(), is_good, "after {secs} s: {reply}");
    }
    code(&bench, &bob, asking(&mine)).await;
    // Those that came twice are known for as long as what they gave would live.
    bench.clock.advance(hours(24) + Duration::from_secs(300));
    bench.settle().await;
    assert!(bench.keys("ns/root/oidc/code/").await.is_empty());
    assert!(bench.keys("due/").await.iter().all(|key| !key.contains("/oidc/code/")), "nobody looks for it again");
}

#[tokio::test]
async fn of_two_who_bring_one_code_at_once_one_gets_tokens() {
    let mut one = Bench::fresh(Arc::new(Yielding(Memory::new())), CacheMode::ReadThrough);
    one.init().await;
    let two = one.beside().await;
    let bob = furnish(&one).await;
    let app = app(&one.root(), "app", json!({})).await;
    for turns in 0..10 {
        let code = code(&one, &bob, asking(&app)).await;
        let (here, there) = (one.nobody(), two.nobody());
        let (first, second) = tokio::join!(
            ask(&here, "token", exchanging(&app, &code)),
            crate::testing::late(turns, ask(&there, "token", exchanging(&app, &code))),
        );
        let good = [&first, &second].iter().filter(|reply| reply["data"]["id_token"].is_string()).count();
        assert_eq!(good, 1, "turn {turns}: {first} {second}");
    }
}

#[tokio::test]
async fn a_code_that_comes_twice_takes_back_what_it_gave() {
    let bench = Bench::new().await;
    let (bob, root) = (furnish(&bench).await, bench.root());
    let mine = app(&root, "mine", json!({ "access_token_ttl": "2h" })).await;
    let brief = app(&root, "brief", json!({ "access_token_ttl": "1m" })).await;
    let other = app(&root, "other", json!({})).await;
    let is_good = async |access: &str| told(&bench, PROVIDER, access).await["data"]["sub"] == json!(bob.id);
    let untouched = access(&bench, &bob, &mine).await;
    for (app, by) in [(&mine, &mine), (&mine, &other), (&brief, &brief)] {
        let code = code(&bench, &bob, asking(app)).await;
        let reply = ask(&bench.nobody(), "token", exchanging(app, &code)).await;
        let access = reply["data"]["access_token"].as_str().unwrap_or_else(|| panic!("no token: {reply}")).to_owned();
        assert!(is_good(&access).await);
        let stranger = with(exchanging(by, &code), json!({ "client_secret": "wrong" }));
        assert_eq!(refusal(&ask(&bench.nobody(), "token", stranger).await), "invalid_client");
        assert!(is_good(&access).await, "who is not believed takes nothing back");
        for _ in 0..2 {
            assert_eq!(refusal(&ask(&bench.nobody(), "token", exchanging(by, &code)).await), "invalid_grant");
            assert_eq!(refusal(&told(&bench, PROVIDER, &access).await), "invalid_token");
        }
        bench.core.seal().await;
        bench.unseal().await;
        assert!(!is_good(&access).await, "it is stored");
        bench.clock.advance(Duration::from_secs(301));
        bench.settle().await;
        assert!(!is_good(&access).await, "it is so when the code is forgotten");
    }
    assert!(is_good(&untouched).await, "another login is not touched");
    assert_eq!(bench.keys("ns/root/oidc/code/").await.len(), 2, "those whose tokens could still live");
    bench.clock.advance(hours(2));
    bench.settle().await;
    assert!(bench.keys("ns/root/oidc/code/").await.is_empty());
}

#[tokio::test]
async fn nothing_that_is_refused_leaves_the_default_key_behind() {
    let bench = Bench::new().await;
    let root = bench.root();
    for (path, about) in [
        ("client/x", json!({ "assignments": "none" })),
        ("client/x", json!({ "id_token_ttl": "25h" })),
        ("client/x", json!({ "redirect_uris": "/relative" })),
        ("role/x", json!({ "key": "default", "ttl": "25h" })),
        ("key/default/rotate", json!({ "verification_ttl": "1000h" })),
        ("key/default", json!({ "rotation_period": "1s" })),
    ] {
        let refused = root.write(&format!("identity/oidc/{path}"), about.clone()).await;
        assert!(refused["refused"].is_string(), "{path} {about}: {refused}");
    }
    let kept: Vec<_> = bench.keys("").await.into_iter().filter(|key| key.contains("/oidc")).collect();
    assert!(kept.is_empty(), "{kept:?}");
    made(&root, "identity/oidc/client/x", json!({})).await;
    assert_eq!(bench.keys("ns/root/oidc/key/").await, ["ns/root/oidc/key/default"]);
    assert_eq!(bench.keys("due/").await.iter().filter(|key| key.contains("/oidc/key/")).count(), 1, "it rotates");
}

#[tokio::test]
async fn a_client_that_is_not_believed_gets_401_and_burns_nothing() {
    let bench = Bench::new().await;
    let (bob, root) = (furnish(&bench).await, bench.root());
    let mine = app(&root, "mine", json!({})).await;
    let code = code(&bench, &bob, asking(&mine)).await;
    for (more, status) in [
        (json!({ "client_secret": "wrong" }), "Code(401)"),
        (json!({ "client_secret": "" }), "Code(401)"),
        (json!({ "client_id": "nobody" }), "Code(401)"),
        (json!({ "client_id": "" }), "Code(400)"),
        (json!({ "client_id": ["a", "b"] }), "Code(400)"),
        (json!({ "grant_type": "password" }), "Code(400)"),
        (json!({ "grant_type": "" }), "Code(400)"),
        (json!({ "code": "" }), "Code(400)"),
        (json!({ "redirect_uri": "" }), "Code(400)"),
    ] {
        let reply = ask(&bench.nobody(), "token", with(exchanging(&mine, &code), more.clone())).await;
        assert_eq!(reply["status"], status, "{more}: {reply}");
        if status == "Code(401)" {
            assert_eq!(refusal(&reply), "invalid_client");
            assert_eq!(reply["headers"], json!(["Pragma: no-cache", "WWW-Authenticate: Basic"]));
        }
    }
    // In the header both are encoded as in a form, as some clients do with every sign.
    let secret = mine.secret.replace('_', "%5F");
    let header = |id: &str, secret: &str| format!("Basic {}", BASE64.encode(format!("{id}:{secret}").as_bytes()));
    let bare = json!({ "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT });
    for (header, about, is_good) in [
        (header(&mine.id, "wrong"), bare.clone(), false),
        ("Basic ???".to_owned(), bare.clone(), false),
        (format!("Bearer {}", mine.secret), bare.clone(), false),
        (header(&mine.id, &mine.secret), exchanging(&mine, &code), false),
        (header(&mine.id, &secret), bare, true),
    ] {
        let client = bench.nobody();
        let mut request = client.request(Operation::Update, &format!("{PROVIDER}/token"), about);
        request.headers = Some(Arc::new(Authorization(header.clone())));
        let reply = client.send(request).await;
        assert_eq!(reply["data"]["id_token"].is_string(), is_good, "{header}: {reply}");
    }
}

#[tokio::test]
async fn what_has_changed_since_the_code_counts() {
    let bench = Bench::new().await;
    let (bob, root) = (furnish(&bench).await, bench.root());
    let group = root.write("identity/group", json!({ "name": "staff", "member_entity_ids": [bob.id] })).await;
    let staff = group["data"]["id"].as_str().expect("an id").to_owned();
    made(&root, "identity/oidc/assignment/staff", json!({ "group_ids": staff })).await;
    let app = app(&root, "app", json!({ "assignments": "staff" })).await;
    let entity = format!("identity/entity/id/{}", bob.id);
    let id = format!("identity/group/id/{staff}");
    let turns: [(&str, Value, Value); 4] = [
        (&entity, json!({ "disabled": true }), json!({ "disabled": false })),
        (&id, json!({ "member_entity_ids": [] }), json!({ "member_entity_ids": [bob.id] })),
        ("identity/oidc/client/app", json!({ "assignments": "" }), json!({ "assignments": "staff" })),
        (PROVIDER, json!({ "allowed_client_ids": "" }), json!({ "allowed_client_ids": "*" })),
    ];
    for (path, closed, open) in turns {
        let (code, access) = (code(&bench, &bob, asking(&app)).await, access(&bench, &bob, &app).await);
        assert!(told(&bench, PROVIDER, &access).await["data"]["sub"].is_string());
        made(&root, path, closed).await;
        let reply = ask(&bench.nobody(), "token", exchanging(&app, &code)).await;
        assert!(["invalid_grant", "invalid_client"].contains(&refusal(&reply).as_str()), "{path}: {reply}");
        assert_eq!(refusal(&told(&bench, PROVIDER, &access).await), "invalid_token", "{path}");
        made(&root, path, open).await;
        assert!(told(&bench, PROVIDER, &access).await["data"]["sub"].is_string(), "{path}");
    }
    let access = access(&bench, &bob, &app).await;
    made(&root, "identity/oidc/provider/second", json!({ "allowed_client_ids": "*" })).await;
    assert_eq!(refusal(&told(&bench, "identity/oidc/provider/second", &access).await), "invalid_token");
    bench.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(refusal(&told(&bench, PROVIDER, &access).await), "invalid_token", "it has expired");
}

#[tokio::test]
async fn scopes_that_contradict_each_other_are_told_and_refused() {
    let bench = Bench::new().await;
    let (bob, root) = (furnish(&bench).await, bench.root());
    made(&root, "identity/oidc/scope/also", json!({ "template": r#"{"name": "x"}"# })).await;
    let warned = root.write(PROVIDER, json!({ "scopes_supported": ["profile", "also"] })).await;
    let text = warned["warnings"][0].as_str().expect("a warning");
    assert!(text.contains("conflicting top-level keys: \"name\" in scopes \"profile\", \"also\""), "{text}");
    let app = app(&root, "app", json!({})).await;
    for (scope, is_good) in [("openid profile also", false), ("openid also", true)] {
        let code = code(&bench, &bob, with(asking(&app), json!({ "scope": scope }))).await;
        let reply = ask(&bench.nobody(), "token", exchanging(&app, &code)).await;
        assert_eq!(reply["data"]["id_token"].is_string(), is_good, "{scope}: {reply}");
    }
}

#[tokio::test]
async fn what_is_in_use_stays_and_what_makes_no_sense_is_refused() {
    let bench = Bench::new().await;
    let root = bench.root();
    furnish(&bench).await;
    made(&root, "identity/oidc/assignment/some", json!({ "entity_ids": "x" })).await;
    let app = app(&root, "app", json!({ "assignments": ["some", "allow_all"] })).await;
    for (path, about, reason) in [
        ("scope/openid", json!({}), "the \"openid\" scope name is reserved"),
        ("scope/x", json!({ "template": "{\"sub\": 1}" }), "top level key \"sub\" not allowed"),
        ("assignment/allow_all", json!({ "entity_ids": "x" }), "modification of assignment \"allow_all\" not allowed"),
        ("client/app", json!({ "key": "default" }), "key modification is not allowed"),
        ("client/app", json!({ "client_type": "public" }), "client_type modification is not allowed"),
        ("client/x", json!({ "client_type": "odd" }), "invalid client_type \"odd\""),
        ("client/x", json!({ "key": "none" }), "key \"none\" does not exist"),
        ("client/x", json!({ "assignments": "none", "key": "k" }), "assignment \"none\" does not exist"),
        ("client/x", json!({ "redirect_uris": "/relative" }), "redirect_uri \"/relative\" must be absolute"),
        ("client/x", json!({ "redirect_uris": "javascript:alert(1)" }), "must be absolute"),
        ("client/x", json!({ "redirect_uris": "https://x/#y" }), "without a fragment"),
        (
            "client/app",
            json!({ "id_token_ttl": "25h" }),
            "a client's id_token_ttl cannot be greater than the verification_ttl of the key it references",
        ),
        ("provider/x", json!({ "scopes_supported": "none" }), "scope \"none\" does not exist"),
        (
            "provider/x",
            json!({ "issuer": "https://x/path" }),
            "invalid issuer, which must include only a scheme, host, and optional port",
        ),
        (
            "key/k",
            json!({ "verification_ttl": "1h" }),
            "unable to update key \"k\" because it is currently referenced by one or more clients with an id_token_ttl greater than 3600 seconds",
        ),
    ] {
        let refused = root.write(&format!("identity/oidc/{path}"), about).await;
        let text = refused["refused"].as_str().unwrap_or_else(|| panic!("{path}: {refused}"));
        assert!(text.contains(reason), "{path}: {text}");
    }
    for (path, reason) in [
        ("key/k", "unable to delete key \"k\" because it is currently referenced by these clients: app"),
        (
            "assignment/some",
            "unable to delete assignment \"some\" because it is currently referenced by these clients: app",
        ),
        ("assignment/allow_all", "deletion of assignment \"allow_all\" not allowed"),
        (
            "scope/profile",
            "unable to delete scope \"profile\" because it is currently referenced by these providers: default",
        ),
        ("provider/default", "deletion of OIDC provider \"default\" not allowed"),
    ] {
        assert_eq!(root.delete(&format!("identity/oidc/{path}")).await, invalid(reason), "{path}");
    }
    let shown = root.list("identity/oidc/client").await["data"].take();
    assert_eq!((&shown["keys"], &shown["key_info"]["app"]["client_id"]), (&json!(["app"]), &json!(app.id)));
    assert!(!shown.to_string().contains("secret"), "a list tells no secret: {shown}");
    made(&root, "identity/oidc/provider/p", json!({ "allowed_client_ids": "x", "issuer": "https://sso.test" })).await;
    let listed = root.call(Operation::List, "identity/oidc/provider", json!({ "allowed_client_id": app.id })).await;
    assert_eq!(listed["data"]["keys"], json!(["default"]));
    let shown = root.read("identity/oidc/provider/p").await["data"].take();
    assert_eq!(shown["issuer"], "https://sso.test/v1/identity/oidc/provider/p");
    let (set, _) = document(&bench.nobody(), "identity/oidc/provider/p/.well-known/keys").await;
    assert_eq!(set["keys"], json!([]), "it serves nobody who has a key");
    assert_eq!(root.list("identity/oidc/assignment").await["data"]["keys"], json!(["allow_all", "some"]));
    assert_eq!(root.delete("identity/oidc/client/app").await, json!({}));
    for path in ["provider/p", "assignment/some", "key/k"] {
        assert_eq!(root.delete(&format!("identity/oidc/{path}")).await, json!({}), "{path}");
    }
    made(&root, PROVIDER, json!({ "scopes_supported": "" })).await;
    assert_eq!(root.delete("identity/oidc/scope/profile").await, json!({}));
    let left: Vec<_> = bench.keys("").await.into_iter().filter(|key| key.contains("/oidc")).collect();
    assert_eq!(left, ["ns/root/oidc-keys", "ns/root/oidc/provider/default"]);
}

#[tokio::test]
async fn logins_are_a_namespace_s_own() {
    let bench = Bench::new().await;
    let bob = furnish(&bench).await;
    let app = app(&bench.root(), "app", json!({})).await;
    let made_ns = bench.root().write("sys/namespaces/team", json!({})).await;
    assert!(made_ns["data"]["id"].is_string(), "{made_ns}");
    let there = format!("team/{PROVIDER}");
    let (discovery, _) = document(&bench.nobody(), &format!("{there}/.well-known/openid-configuration")).await;
    assert_eq!(discovery["issuer"], "http://127.0.0.1:8200/v1/team/identity/oidc/provider/default");
    assert_eq!(bench.with(&bob.token).write(&format!("{there}/authorize"), asking(&app)).await, denied());
    let code = code(&bench, &bob, asking(&app)).await;
    let reply = bench.nobody().write(&format!("{there}/token"), exchanging(&app, &code)).await;
    assert_eq!(refusal(&reply), "invalid_client", "nobody there knows the client");
    let access = access(&bench, &bob, &app).await;
    assert_eq!(refusal(&told(&bench, &there, &access).await), "invalid_token");
}

use std::sync::Arc;
use std::time::Duration;

use barrier::CacheMode;
use framework::{Operation, Reply, WrapFormat, WrapInfo, envelope};
use serde_json::{Value, json};
use storage::memory::Memory;
use storage::rival::Rival;

use super::*;
use crate::testing::{Bench, Client, Yielding, denied, invalid as refused, sealed};

const TEXT: &str = "wrapping token is not valid or does not exist";

fn bad() -> Value {
    refused(TEXT)
}

/// Sends a request that asks for its reply to be wrapped.
async fn wrapped(client: &Client<'_>, operation: Operation, path: &str, data: Value, ttl: Duration) -> Reply {
    let mut request = client.request(operation, path, data);
    request.wrap_ttl = Some(ttl);
    client.answer(request).await.expect("it is answered")
}

/// Wraps a few values for a minute; gives the wrapping token.
async fn wrap(client: &Client<'_>, data: Value) -> String {
    info(wrapped(client, Operation::Update, "sys/wrapping/wrap", data, MINUTE).await).token.expose().clone()
}

const MINUTE: Duration = Duration::from_secs(60);

fn info(reply: Reply) -> WrapInfo {
    reply.wrap_info.expect("it is wrapped")
}

#[tokio::test]
async fn a_wrapped_reply_opens_once_and_is_the_reply_itself() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    bench.root().write("secret/a", json!({ "x": "geheim" })).await;
    let before = bench.keys("ns/").await;
    let reply = wrapped(&bench.root(), Operation::Read, "secret/a", json!({}), MINUTE).await;
    let info = info(Reply { wrap_info: reply.wrap_info, ..Reply::default() });
    assert!(reply.data.is_none() && reply.warnings.is_empty() && reply.auth.is_none());
    assert_eq!((info.creation_path.as_str(), info.ttl, info.wrapped_accessor), ("secret/a", MINUTE, None));
    assert!(bench.keys("ns/").await.len() > before.len());
    let bearer = bench.with(info.token.expose());
    let opened = bearer.answer(bearer.request(Operation::Update, "sys/wrapping/unwrap", json!({}))).await;
    let text = envelope::encode("another id", "system", &opened.expect("it opens")).expect("JSON");
    let text = String::from_utf8(text).expect("UTF-8");
    let expected = format!(
        "{{\"request_id\":\"{ID}\",\"lease_id\":\"\",\"renewable\":false,\"lease_duration\":0,\"data\":{{\"x\":\"geheim\"}},\
         \"wrap_info\":null,\"warnings\":null,\"auth\":null,\"mount_type\":\"kv\"}}\n"
    );
    assert_eq!(text, expected);
    assert_eq!(bearer.write("sys/wrapping/unwrap", json!({})).await, bad());
    assert_eq!(bench.keys("ns/").await, before, "nothing is left of it");
}

const ID: &str = "00000000-0000-4000-8000-000000000000";

#[tokio::test]
async fn whoever_has_another_token_names_the_wrapping_token_in_the_body() {
    let bench = Bench::new().await;
    let token = wrap(&bench.root(), json!({ "x": 1 })).await;
    let caller = bench.token(json!({ "policies": ["default"] })).await;
    let nothing = bench.token_for("nothing", "path \"elsewhere\" { capabilities = [\"read\"] }").await;
    let body = json!({ "token": token });
    assert_eq!(bench.nobody().write("sys/wrapping/unwrap", body.clone()).await, denied());
    assert_eq!(bench.with("unknown").write("sys/wrapping/unwrap", body.clone()).await, denied());
    assert_eq!(bench.with(&nothing).write("sys/wrapping/unwrap", body.clone()).await, denied());
    let opened = bench.with(&caller).write("sys/wrapping/unwrap", body.clone()).await;
    assert_eq!(opened["data"]["data"], json!({ "x": 1 }));
    assert_eq!(bench.with(&caller).write("sys/wrapping/unwrap", body).await, bad());
}

#[tokio::test]
async fn anybody_may_look_a_wrapping_token_up() {
    let bench = Bench::new().await;
    let token = wrap(&bench.root(), json!({ "x": 1 })).await;
    let body = json!({ "token": token });
    let reply = wrapped(&bench.root(), Operation::Read, "sys/mounts", json!({}), MINUTE).await;
    let info = info(reply);
    let told = bench.nobody().write("sys/wrapping/lookup", json!({ "token": info.token.expose() })).await;
    assert_eq!(told["data"]["creation_time"], json!(info.creation_time), "both say the same");
    let told = bench.nobody().write("sys/wrapping/lookup", body.clone()).await["data"].take();
    assert_eq!(told["creation_path"], "sys/wrapping/wrap");
    assert_eq!(told["creation_ttl"], json!(60));
    assert!(told["creation_time"].as_str().is_some_and(|time| time.ends_with('Z')), "{told}");
    for looked_up in [
        bench.with(&token).read("sys/wrapping/lookup").await,
        bench.with(&token).write("sys/wrapping/lookup", json!({})).await,
        bench.nobody().call(Operation::Read, "sys/wrapping/lookup", body).await,
    ] {
        assert_eq!(looked_up["data"], told);
    }
    let ours = bench.token(json!({ "policies": ["default"] })).await;
    for token in ["", "hvs.unknown", "nonsense", &bench.root, &ours] {
        assert_eq!(bench.nobody().write("sys/wrapping/lookup", json!({ "token": token })).await, bad(), "{token}");
        assert_eq!(bench.with(token).read("sys/wrapping/lookup").await, bad(), "{token}");
    }
    assert_eq!(bench.with(&token).write("sys/wrapping/unwrap", json!({})).await["data"]["data"], json!({ "x": 1 }));
    assert_eq!(bench.with(&token).read("sys/wrapping/lookup").await, bad());
}

#[tokio::test]
async fn a_token_that_wraps_nothing_cannot_be_unwrapped() {
    let bench = Bench::new().await;
    let ours = bench.token(json!({ "policies": ["default"] })).await;
    for path in ["sys/wrapping/unwrap", "sys/wrapping/rewrap"] {
        assert_eq!(bench.root().write(path, json!({})).await, bad());
        assert_eq!(bench.root().write(path, json!({ "token": ours })).await, bad());
        assert_eq!(bench.root().write(path, json!({ "token": "hvs.unknown" })).await, bad());
        assert_eq!(bench.with("hvs.unknown").write(path, json!({})).await, bad());
        assert_eq!(bench.nobody().write(path, json!({})).await, denied());
    }
    assert_ne!(bench.with(&ours).lookup().await, Value::Null, "it was not used up by that");
}

#[tokio::test]
async fn a_wrapping_token_opens_nothing_else_and_is_not_spent_by_trying() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    let token = wrap(&bench.root(), json!({ "x": 1 })).await;
    let bearer = bench.with(&token);
    for path in ["secret/a", "cubbyhole/wrapped/0", "cubbyhole/response", "auth/token/lookup-self", "sys/mounts"] {
        assert_eq!(bearer.read(path).await, denied(), "{path}");
    }
    for path in ["auth/token/create", "auth/token/revoke-self", "auth/token/renew-self", "sys/wrapping/rewrap"] {
        assert_eq!(bearer.write(path, json!({})).await, denied(), "{path}");
    }
    assert_eq!(bearer.write("sys/wrapping/unwrap", json!({})).await["data"]["data"], json!({ "x": 1 }));
}

#[tokio::test]
async fn rewrapping_moves_the_reply_to_a_fresh_token() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    bench.root().write("secret/a", json!({ "x": 1 })).await;
    let before = bench.keys("ns/").await;
    let old = info(wrapped(&bench.root(), Operation::Read, "secret/a", json!({}), MINUTE).await);
    bench.clock.advance(Duration::from_secs(50));
    let request =
        bench.root().request(Operation::Update, "sys/wrapping/rewrap", json!({ "token": old.token.expose() }));
    let fresh = info(bench.root().answer(request).await.expect("it is moved"));
    assert_ne!(fresh.token.expose(), old.token.expose());
    assert_ne!(fresh.accessor, old.accessor);
    assert_eq!((fresh.creation_path.as_str(), fresh.ttl), ("secret/a", MINUTE));
    assert_eq!(bench.with(old.token.expose()).write("sys/wrapping/unwrap", json!({})).await, bad());
    bench.clock.advance(Duration::from_secs(50));
    let opened = bench.with(fresh.token.expose()).write("sys/wrapping/unwrap", json!({})).await;
    assert_eq!(opened["data"]["data"], json!({ "x": 1 }));
    bench.settle().await;
    assert_eq!(bench.keys("ns/").await, before);
}

#[tokio::test]
async fn what_says_nothing_is_not_wrapped() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    let before = bench.keys("ns/").await;
    for (operation, path, data) in [
        (Operation::Update, "secret/a", json!({ "x": 1 })),
        (Operation::Delete, "secret/a", json!({})),
        (Operation::List, "secret/", json!({})),
    ] {
        assert!(wrapped(&bench.root(), operation, path, data, MINUTE).await.wrap_info.is_none(), "{path}");
    }
    let mut request = bench.root().request(Operation::Read, "secret/none", json!({}));
    request.wrap_ttl = Some(MINUTE);
    assert!(matches!(bench.root().answer(request).await, Err(Error::NotFound)));
    assert_eq!(bench.keys("ns/").await, before);
}

#[tokio::test]
async fn wrapping_data_needs_a_time_for_it() {
    let bench = Bench::new().await;
    let text = "endpoint requires response wrapping to be used: set the header X-Vault-Wrap-TTL";
    assert_eq!(bench.root().write("sys/wrapping/wrap", json!({ "x": 1 })).await, refused(text));
    let mut request = bench.root().request(Operation::Update, "sys/wrapping/wrap", json!({}));
    request.wrap_ttl = Some(Duration::from_secs(9_000_000_001));
    let refusal = bench.root().send(request).await;
    assert_eq!(refusal, refused("the wrap TTL is longer than 9000000000 seconds"));
    let before = bench.keys("").await;
    for (path, data) in [("auth/token/create", json!({})), ("sys/wrapping/unwrap", json!({ "token": "x" }))] {
        let mut request = bench.root().request(Operation::Update, path, data);
        request.wrap_ttl = Some(Duration::from_secs(9_000_000_001));
        assert_eq!(bench.root().send(request).await, refused("the wrap TTL is longer than 9000000000 seconds"));
    }
    assert_eq!(bench.keys("").await, before, "nothing was done before it was refused");
    let short =
        wrapped(&bench.root(), Operation::Update, "sys/wrapping/wrap", json!({}), Duration::from_millis(1)).await;
    assert_eq!(info(short).ttl, Duration::from_secs(1), "a part of a second is a second");
}

#[tokio::test]
async fn an_expired_one_is_refused_and_cleared_away() {
    let bench = Bench::new().await;
    let before = bench.keys("").await;
    let token = wrap(&bench.root(), json!({ "x": "y".repeat(600_000) })).await;
    assert_eq!(bench.keys("ns/root/cubbyhole/").await.len(), 2, "it needs two entries");
    bench.clock.advance(MINUTE);
    assert_eq!(bench.with(&token).write("sys/wrapping/unwrap", json!({})).await, bad());
    assert_eq!(bench.nobody().write("sys/wrapping/lookup", json!({ "token": token })).await, bad());
    bench.settle().await;
    assert_eq!(bench.keys("").await, before);
}

#[tokio::test]
async fn a_long_reply_comes_back_whole_and_one_too_long_is_refused() {
    let bench = Bench::new().await;
    let long = json!({ "x": "y".repeat(900_000) });
    let token = wrap(&bench.root(), long.clone()).await;
    assert_eq!(bench.with(&token).write("sys/wrapping/unwrap", json!({})).await["data"]["data"], long);
    let mut request = bench.root().request(Operation::Update, "sys/wrapping/wrap", json!({ "x": "y".repeat(990_000) }));
    request.wrap_ttl = Some(MINUTE);
    let text = "the reply is too long to be wrapped: the most is 982784 bytes";
    assert_eq!(bench.root().send(request).await, refused(text));
}

#[tokio::test]
async fn a_wrapped_token_s_accessor_is_told_and_its_wrapping_can_be_revoked() {
    let bench = Bench::new().await;
    let data = json!({ "policies": ["default"] });
    let reply = wrapped(&bench.root(), Operation::Update, "auth/token/create", data, MINUTE).await;
    let info = info(reply);
    let accessor = info.wrapped_accessor.expect("there is a token inside");
    let inside = bench.root().write("auth/token/lookup-accessor", json!({ "accessor": accessor })).await;
    assert_eq!(inside["data"]["display_name"], "token");
    bench.root().write("auth/token/revoke-accessor", json!({ "accessor": info.accessor })).await;
    assert_eq!(bench.with(info.token.expose()).write("sys/wrapping/unwrap", json!({})).await, bad());
    assert_eq!(bench.keys("ns/root/cubbyhole/").await, Vec::<String>::new());
}

#[tokio::test]
async fn warnings_are_told_outside_as_well_as_inside() {
    let bench = Bench::new().await;
    let data = json!({ "policies": ["nosuch"] });
    let reply = wrapped(&bench.root(), Operation::Update, "auth/token/create", data, MINUTE).await;
    let warnings = json!(["Policy \"nosuch\" does not exist"]);
    assert_eq!(json!(reply.warnings), warnings);
    let opened = bench.with(info(reply).token.expose()).write("sys/wrapping/unwrap", json!({})).await;
    assert_eq!(opened["data"]["warnings"], warnings);
}

#[tokio::test]
async fn what_anybody_may_read_is_not_kept_for_anybody() {
    let bench = Bench::new().await;
    bench.root().write("sys/auth/gate", json!({ "type": "gate" })).await;
    let token = wrap(&bench.root(), json!({ "x": 1 })).await;
    let before = bench.keys("").await;
    for (operation, path) in [
        (Operation::Read, "sys/internal/ui/mounts"),
        (Operation::Read, "sys/internal/specs/openapi"),
        (Operation::Update, "auth/gate/login"),
    ] {
        for client in [bench.nobody(), bench.with(&token), bench.root()] {
            let reply = wrapped(&client, operation, path, json!({}), MINUTE).await;
            assert!(reply.wrap_info.is_none() && reply.data.is_some(), "{path}");
        }
    }
    assert_eq!(bench.keys("").await, before);
    assert_eq!(bench.with(&token).write("sys/wrapping/unwrap", json!({})).await["data"]["data"], json!({ "x": 1 }));
}

#[tokio::test]
async fn a_reply_that_cannot_be_read_is_not_used_up() {
    let bench = Bench::new().await;
    let token = wrap(&bench.root(), json!({ "x": 1 })).await;
    let store = &bench.core.seals.store;
    let key = keys::wrapped("root", &bench.core.seals.tokens.hash(&token).expect("it is unsealed"), 0).expect("short");
    let [found] = store.get_all([key.clone()]).await.expect("it can be read");
    let found = found.expect("it is kept");
    let text = String::from_utf8(found.value.expose().to_vec()).expect("text");
    for (from, to) in [("\"v\":1", "\"v\":2"), ("\n{", "\n}")] {
        let [now] = store.revisions_of([key.clone()]).await.expect("it can be read");
        let mut changes = Changes::new();
        changes.replace(key.clone(), now.expect("it is there"), text.replace(from, to).into_bytes());
        store.commit(changes).await.expect("nobody else writes");
        let reply = bench.with(&token).write("sys/wrapping/unwrap", json!({})).await;
        assert!(
            reply["refused"].as_str().is_some_and(|text| text.starts_with("World: open a wrapped reply")),
            "{reply}"
        );
    }
    let [now] = store.revisions_of([key.clone()]).await.expect("it can be read");
    let mut changes = Changes::new();
    changes.replace(key, now.expect("it is there"), text.into_bytes());
    store.commit(changes).await.expect("nobody else writes");
    assert_eq!(bench.with(&token).write("sys/wrapping/unwrap", json!({})).await["data"]["data"], json!({ "x": 1 }));
}

#[tokio::test]
async fn a_wrapped_batch_token_has_no_accessor_to_be_told() {
    let bench = Bench::new().await;
    let data = json!({ "type": "batch", "policies": ["default"] });
    let reply = wrapped(&bench.root(), Operation::Update, "auth/token/create", data, MINUTE).await;
    assert_eq!(info(reply).wrapped_accessor, None);
}

#[tokio::test]
async fn a_policy_can_insist_on_wrapping_and_bound_its_time() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    bench.root().write("secret/a", json!({ "x": 1 })).await;
    let text = "path \"secret/a\" { capabilities = [\"read\"] min_wrapping_ttl = \"10s\" max_wrapping_ttl = \"1m\" }";
    let token = bench.token_for("wrapped", text).await;
    let client = bench.with(&token);
    assert_eq!(client.read("secret/a").await, denied());
    for (secs, is_allowed) in [(9, false), (10, true), (60, true), (61, false)] {
        let mut request = client.request(Operation::Read, "secret/a", json!({}));
        request.wrap_ttl = Some(Duration::from_secs(secs));
        assert_eq!(client.answer(request).await.is_ok(), is_allowed, "{secs} s");
    }
}

#[tokio::test]
async fn of_many_who_open_one_token_exactly_one_gets_it() {
    let bench = Bench::over(Arc::new(Yielding(Memory::new()))).await;
    for round in 0..20 {
        let token = wrap(&bench.root(), json!({ "x": 1 })).await;
        let (bearer, root) = (bench.with(&token), bench.root());
        let other = if round % 2 == 0 { "sys/wrapping/unwrap" } else { "sys/wrapping/rewrap" };
        let (one, two, three, four) = tokio::join!(
            bearer.write("sys/wrapping/unwrap", json!({})),
            root.write(other, json!({ "token": token })),
            bearer.write("sys/wrapping/unwrap", json!({})),
            root.write("sys/wrapping/unwrap", json!({ "token": token })),
        );
        let replies = [one, two, three, four];
        assert_eq!(replies.iter().filter(|reply| **reply != bad()).count(), 1, "{replies:?}");
    }
}

#[tokio::test]
async fn a_used_one_is_refused_on_every_node() {
    let mut bench = Bench::fresh(Arc::new(Memory::new()), CacheMode::ReadThrough);
    bench.init().await;
    let other = bench.beside().await;
    let token = wrap(&bench.root(), json!({ "x": 1 })).await;
    assert_eq!(
        other.nobody().write("sys/wrapping/lookup", json!({ "token": token })).await["data"]["creation_ttl"],
        60
    );
    assert_eq!(bench.with(&token).write("sys/wrapping/unwrap", json!({})).await["data"]["data"], json!({ "x": 1 }));
    assert_eq!(other.with(&token).write("sys/wrapping/unwrap", json!({})).await, bad());
    assert_eq!(other.with(&token).read("sys/wrapping/lookup").await, bad());
}

#[tokio::test]
async fn a_rival_node_only_makes_it_try_again() {
    let memory: Arc<dyn storage::Storage> = Arc::new(Memory::new());
    let bench = Bench::over(Arc::clone(&memory)).await;
    let rival = Arc::new(Rival::new(memory, 11, 40));
    let bench = bench.crashed(Arc::clone(&rival) as _).await;
    let mut opened = 0;
    for _ in 0..60 {
        let mut request = bench.root().request(Operation::Update, "sys/wrapping/wrap", json!({ "x": 1 }));
        request.wrap_ttl = Some(MINUTE);
        let Ok(reply) = bench.root().answer(request).await else { continue };
        let token = info(reply).token.expose().clone();
        let reply = bench.with(&token).write("sys/wrapping/unwrap", json!({})).await;
        assert_eq!(reply["data"]["data"], json!({ "x": 1 }), "{reply}");
        assert_eq!(bench.with(&token).write("sys/wrapping/unwrap", json!({})).await, bad());
        opened += 1;
    }
    assert!(opened > 40 && rival.strikes() > 20, "{opened} opened, {} strikes", rival.strikes());
}

#[tokio::test]
async fn a_signed_token_opens_as_well_and_a_forged_one_does_not() {
    let bench = Bench::new().await;
    let mut request = bench.root().request(Operation::Update, "sys/wrapping/wrap", json!({ "x": 1 }));
    request.wrap_ttl = Some(MINUTE);
    request.wrap_format = WrapFormat::Jwt;
    let signed = info(bench.root().answer(request).await.expect("it is wrapped"));
    let text = signed.token.expose().clone();
    let claims = text.split('.').nth(1).expect("three parts");
    let claims = data_encoding::BASE64URL_NOPAD.decode(claims.as_bytes()).expect("base64url");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(claims["type"], "wrapping");
    assert_eq!(claims["addr"], "http://127.0.0.1:8200");
    assert_eq!(claims["accessor"], json!(signed.accessor));
    let nobody = bench.nobody();
    let lookup = |token: String| nobody.write("sys/wrapping/lookup", json!({ "token": token }));
    let mut forged = text.clone().into_bytes();
    let place = text.find('.').expect("three parts") + 5;
    forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
    assert_eq!(lookup(String::from_utf8(forged).expect("text")).await, bad());
    assert_eq!(lookup(text.rsplit_once('.').map(|(signed, _)| format!("{signed}.")).expect("parts")).await, bad());
    assert_eq!(lookup(text.clone()).await["data"]["creation_ttl"], json!(60));
    let other = Bench::new().await;
    assert_eq!(other.nobody().write("sys/wrapping/lookup", json!({ "token": text })).await, bad());
    let bearer = bench.with(&text);
    assert_eq!(bearer.read("auth/token/lookup-self").await, denied(), "it is a token nowhere else");
    assert_eq!(bearer.read("sys/wrapping/lookup").await["data"]["creation_ttl"], json!(60));
    assert_eq!(bearer.write("sys/wrapping/unwrap", json!({})).await["data"]["data"], json!({ "x": 1 }));
    assert_eq!(bearer.write("sys/wrapping/unwrap", json!({})).await, bad());
    assert_eq!(bench.keys("core/wrapping-key").await.len(), 1);
}

#[tokio::test]
async fn endpoints_of_a_sealed_node_are_not_wrapped() {
    let bench = Bench::new().await;
    let health = wrapped(&bench.root(), Operation::Read, "sys/health", json!({}), MINUTE).await;
    assert!(health.wrap_info.is_none() && health.data.is_some());
    bench.core.seal().await;
    assert_eq!(bench.root().write("sys/wrapping/unwrap", json!({})).await, sealed());
}

#[tokio::test]
async fn a_raw_body_comes_out_as_it_went_in() {
    let bench = Bench::new().await;
    bench.root().write("sys/auth/gate", json!({ "type": "gate" })).await;
    let reply = wrapped(&bench.root(), Operation::Update, "auth/gate/echo", json!({}), MINUTE).await;
    assert!(reply.body.is_none() && reply.headers.is_empty());
    let bearer = bench.with(info(reply).token.expose());
    let opened = bearer.answer(bearer.request(Operation::Update, "sys/wrapping/unwrap", json!({}))).await;
    let body = opened.expect("it opens").body.expect("it is raw");
    assert_eq!((body.content_type.as_ref(), body.bytes.as_slice()), ("text/plain", b"page".as_slice()));
}

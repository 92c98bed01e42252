use std::time::Duration;

use data_encoding::BASE64;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

/// What came back: status, the text of all headers, the body.
struct Reply {
    status: u16,
    head: String,
    body: Value,
}

async fn ask(cloud: &Genesys, method: &str, path: &str, authorization: &str, body: &str) -> Option<Reply> {
    let mut stream = TcpStream::connect(cloud.server.address).await.expect("it listens");
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.expect("it reads");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("it answers");
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = if body.is_empty() { Value::Null } else { serde_json::from_str(body).ok()? };
    Some(Reply { status, head: head.to_owned(), body })
}

async fn token(cloud: &Genesys, of: &Credentials) -> Reply {
    let basic = format!("Basic {}", BASE64.encode(format!("{}:{}", of.id, of.secret).as_bytes()));
    ask(cloud, "POST", "/oauth/token", &basic, "grant_type=client_credentials").await.expect("an answer")
}

async fn bearer(cloud: &Genesys, of: &Credentials) -> String {
    let reply = token(cloud, of).await;
    assert_eq!((reply.status, &reply.body["token_type"]), (200, &json!("bearer")), "{}", reply.body);
    format!("Bearer {}", reply.body["access_token"].as_str().expect("a text"))
}

fn wanted(name: &str) -> Value {
    json!({ "name": name, "authorizedGrantType": "CLIENT-CREDENTIALS", "accessTokenValiditySeconds": 3600,
        "roleDivisions": [{ "roleId": ROLE, "divisionId": "*" }] })
}

const CLIENTS: &str = "/api/v2/oauth/clients";

async fn call(cloud: &Genesys, bearer: &str, method: &str, path: &str, body: &Value) -> Reply {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    ask(cloud, method, path, bearer, &body).await.expect("an answer")
}

#[tokio::test]
async fn a_client_is_made_shows_its_secret_once_and_goes_only_when_inactive() {
    let cloud = Genesys::start(0, Some(1_000_000)).await.expect("it listens");
    let root = cloud.make_client("root", &[ADMIN_ROLE]);
    let root = bearer(&cloud, &root).await;
    let made = call(&cloud, &root, "POST", CLIENTS, &wanted("a")).await;
    assert_eq!((made.status, &made.body["state"]), (200, &json!("active")), "{}", made.body);
    assert!(made.head.contains("inin-ratelimit-allowed: 300"), "{}", made.head);
    let id = made.body["id"].as_str().expect("an id").to_owned();
    let first = Credentials { id: id.clone(), secret: made.body["secret"].as_str().expect("once").to_owned() };
    let path = format!("{CLIENTS}/{id}");
    for (method, body) in [("GET", Value::Null), ("PUT", wanted("a"))] {
        let shown = call(&cloud, &root, method, &path, &body).await;
        assert_eq!((shown.status, &shown.body["secret"]), (200, &Value::Null));
    }
    let renewed = call(&cloud, &root, "POST", &format!("{path}/secret"), &Value::Null).await;
    let second = Credentials { id, secret: renewed.body["secret"].as_str().expect("a new one").to_owned() };
    assert_eq!((token(&cloud, &first).await.status, token(&cloud, &second).await.status), (401, 200));
    assert_eq!(call(&cloud, &root, "DELETE", &path, &Value::Null).await.status, 400, "it is active");
    let mut inactive = wanted("a");
    inactive["state"] = json!("inactive");
    assert_eq!(call(&cloud, &root, "PUT", &path, &inactive).await.status, 200);
    assert_eq!(token(&cloud, &second).await.body["error"], "unauthorized_client");
    assert_eq!(cloud.orphans(&[]).len(), 1);
    assert_eq!(call(&cloud, &root, "DELETE", &path, &Value::Null).await.status, 204);
    assert_eq!(call(&cloud, &root, "GET", &path, &Value::Null).await.status, 404);
    assert!(cloud.orphans(&[]).is_empty());
}

#[tokio::test]
async fn errors_look_as_the_vendor_s() {
    let cloud = Genesys::start(0, Some(1_000_000)).await.expect("it listens");
    let root = bearer(&cloud, &cloud.make_client("root", &[ADMIN_ROLE])).await;
    let plain = bearer(&cloud, &cloud.make_client("plain", &[ROLE])).await;
    let mut foreign = wanted("a");
    foreign["roleDivisions"][0]["roleId"] = json!(FOREIGN_ROLE);
    let mut nowhere = wanted("a");
    nowhere["roleDivisions"] = json!([]);
    for (bearer, body, status, code) in [
        ("Bearer none", wanted("a"), 401, "bad.credentials"),
        ("Basic x", wanted("a"), 401, "authentication.required"),
        (plain.as_str(), wanted("a"), 403, "missing.permissions"),
        (root.as_str(), foreign, 403, "not.authorized"),
        (root.as_str(), nowhere, 400, "bad.request"),
        (root.as_str(), wanted(""), 400, "bad.request"),
    ] {
        let reply = call(&cloud, bearer, "POST", CLIENTS, &body).await;
        assert_eq!((reply.status, &reply.body["code"]), (status, &json!(code)), "{}", reply.body);
        assert_eq!(reply.body["status"], json!(status));
    }
    cloud.advance(86_400_000);
    let late = call(&cloud, &root, "GET", CLIENTS, &Value::Null).await;
    assert_eq!((late.status, &late.body["code"]), (401, &json!("credentials.expired")));
    cloud.switch(|switches| (switches.wrong_client_status, switches.tokens_per_minute) = (400, Some(2)));
    let nobody = Credentials { id: "nobody".to_owned(), secret: "x".to_owned() };
    for error in ["invalid_client", "invalid_client", "invalid_request"] {
        let reply = token(&cloud, &nobody).await;
        assert_eq!((reply.status, &reply.body["error"]), (400, &json!(error)));
    }
}

#[tokio::test]
async fn it_agrees_with_itself_late_and_limits_calls() {
    let cloud = Genesys::start(0, Some(1_000_020)).await.expect("it listens");
    let root = bearer(&cloud, &cloud.make_client("root", &[ADMIN_ROLE])).await;
    cloud.switch(|switches| {
        (switches.visibility_millis, switches.secret_millis, switches.page) = (5_000, 3_000, Some(1));
    });
    let made = call(&cloud, &root, "POST", CLIENTS, &wanted("a")).await.body;
    let path = format!("{CLIENTS}/{}", made["id"].as_str().expect("an id"));
    assert_eq!(call(&cloud, &root, "GET", &path, &Value::Null).await.status, 404);
    cloud.advance(5_000);
    assert_eq!(call(&cloud, &root, "GET", &path, &Value::Null).await.status, 200);
    let page = call(&cloud, &root, "GET", CLIENTS, &Value::Null).await.body;
    assert_eq!(
        (page["entities"].as_array().map(Vec::len), &page["nextUri"]),
        (Some(1), &json!("/api/v2/oauth/clients?pageNumber=2"))
    );
    let renewed = call(&cloud, &root, "POST", &format!("{path}/secret"), &Value::Null).await.body;
    let text = |name: &str| renewed[name].as_str().expect("a text").to_owned();
    let fresh = Credentials { id: text("id"), secret: text("secret") };
    assert_eq!(token(&cloud, &fresh).await.status, 401, "not yet");
    cloud.advance(3_000);
    assert_eq!(token(&cloud, &fresh).await.status, 200);
    cloud.switch(|switches| switches.calls_per_minute = Some(1));
    let over = call(&cloud, &root, "GET", &path, &Value::Null).await;
    assert_eq!((over.status, &over.body["code"]), (429, &json!("too.many.requests")));
    assert!(over.head.contains("Retry-After: "), "{}", over.head);
}

#[tokio::test]
async fn what_is_cut_is_done_and_what_fails_is_not() {
    let cloud = Genesys::start(0, Some(1_000_000)).await.expect("it listens");
    let root = bearer(&cloud, &cloud.make_client("root", &[ADMIN_ROLE])).await;
    cloud.fail(Rule::once("POST", "clients", Fault::Status(503)));
    assert_eq!(call(&cloud, &root, "POST", CLIENTS, &wanted("a")).await.status, 503);
    assert!(cloud.orphans(&[]).is_empty());
    cloud.fail(Rule::once("POST", "clients", Fault::Cut));
    assert!(ask(&cloud, "POST", CLIENTS, &root, &wanted("a").to_string()).await.is_none());
    assert_eq!(cloud.orphans(&[]).len(), 1);
    cloud.fail(Rule::once("GET", "clients", Fault::Slow(Duration::ZERO)));
    assert_eq!(call(&cloud, &root, "GET", CLIENTS, &Value::Null).await.status, 200);
    let control = call(&cloud, "", "GET", "/simulator/orphans?known=", &Value::Null).await.body;
    assert_eq!(control["count"], json!(1));
}

//! What clients of the Vault API rely on, one test for each behavior.

use std::time::Duration;

use framework::{Error, Lease, Operation, Reply, Status};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::rig::{Rig, config};

fn raw(text: &str) -> Reply {
    Reply::raw(RawValue::from_string(text.to_owned()).unwrap())
}

async fn empty() -> Rig {
    Rig::new(|_| Ok(Reply::empty())).await
}

#[tokio::test]
async fn content_type_is_exactly_application_json() {
    let rig = Rig::new(|request| match request.path.as_str() {
        "ok" => Ok(Reply::data(json!({"a": 1}))),
        _ => Err(Error::Denied),
    })
    .await;
    for target in ["/v1/ok", "/v1/denied", "/elsewhere", "/v1//"] {
        assert_eq!(rig.get(target).await.header("content-type"), Some("application/json"), "{target}");
    }
}

#[tokio::test]
async fn numbers_pass_through_with_their_text() {
    let text = r#"{"whole":60,"huge":123456789012345678901234567890,"fraction":1.10}"#;
    let rig = Rig::new(move |_| Ok(raw(text))).await;
    assert!(rig.get("/v1/a").await.body.contains(text));
    rig.ask("POST", "/v1/a", &[], text).await;
    let data = rig.last().data;
    assert_eq!(data["huge"].to_string(), "123456789012345678901234567890");
    assert_eq!(data["fraction"].to_string(), "1.10");
}

#[tokio::test]
async fn every_envelope_key_is_there() {
    let rig = Rig::new(|_| Ok(Reply::data(json!({"a": "<b>"})))).await;
    let answered = rig.get("/v1/a").await;
    let envelope = answered.json();
    for key in ["lease_id", "renewable", "lease_duration", "data", "wrap_info", "warnings", "auth", "mount_type"] {
        assert!(envelope.as_object().unwrap().contains_key(key), "{key}");
    }
    assert_eq!(envelope["request_id"], Value::String(rig.last().id));
    assert_eq!(envelope["mount_type"], "kv");
    assert!(answered.body.contains(r#""a":"\u003cb\u003e""#), "{}", answered.body);
    assert!(answered.body.ends_with("}\n"));
}

#[tokio::test]
async fn reading_nothing_is_404_and_changing_without_words_is_204() {
    let rig = empty().await;
    let nothing = rig.get("/v1/a").await;
    nothing.assert_errors(404, &[]);
    assert_eq!(nothing.body, "{\"errors\":[]}\n");
    for method in ["POST", "PUT", "DELETE"] {
        let answered = rig.ask(method, "/v1/a", &[], "").await;
        assert_eq!((answered.status, answered.body.as_str()), (204, ""), "{method}");
        assert_eq!((answered.header("content-type"), answered.header("content-length")), (None, None));
    }
}

#[tokio::test]
async fn an_empty_list_is_404() {
    let rig = Rig::new(|_| Ok(Reply::list(Vec::new()))).await;
    rig.get("/v1/a?list=true").await.assert_errors(404, &[]);
    rig.ask("LIST", "/v1/a", &[], "").await.assert_errors(404, &[]);
}

#[tokio::test]
async fn what_is_gone_is_404_with_its_metadata() {
    let rig = Rig::new(|_| {
        let data = json!({"data": null, "metadata": {"destroyed": true}});
        Ok(Reply::data(data).with_status(Status::Gone))
    })
    .await;
    let answered = rig.get("/v1/secret/data/a").await;
    assert_eq!(answered.status, 404);
    assert_eq!(answered.json()["data"]["metadata"]["destroyed"], true);
    assert_eq!(answered.json().get("errors"), None);
}

#[tokio::test]
async fn json_that_is_called_a_form_is_json() {
    let rig = empty().await;
    let form = ["Content-Type: application/x-www-form-urlencoded"];
    rig.ask("POST", "/v1/a", &form, r#"{"a":{"b":1}}"#).await;
    assert_eq!(Value::Object(rig.last().data), json!({"a": {"b": 1}}));
    rig.ask("POST", "/v1/a", &form, "a=1&b=x%20y").await;
    assert_eq!(Value::Object(rig.last().data), json!({"a": "1", "b": "x y"}));
}

#[tokio::test]
async fn put_is_post() {
    let rig = empty().await;
    for method in ["POST", "PUT"] {
        rig.ask(method, "/v1/a", &[], r#"{"a":1}"#).await;
        assert_eq!(rig.last().operation, Operation::Update);
    }
}

#[tokio::test]
async fn the_list_verb_and_the_list_query_are_the_same() {
    let rig = Rig::new(|_| Ok(Reply::list(vec!["a".into()]))).await;
    for (method, target) in
        [("LIST", "/v1/a"), ("LIST", "/v1/a/"), ("GET", "/v1/a?list=true"), ("GET", "/v1/a/?list=1")]
    {
        let answered = rig.ask(method, target, &[], "").await;
        assert_eq!(answered.json()["data"], json!({"keys": ["a"]}));
        let request = rig.last();
        assert_eq!((request.operation, request.path.as_str()), (Operation::List, "a/"));
        assert!(request.data.is_empty());
    }
}

#[tokio::test]
async fn the_scan_verb_and_the_scan_query_are_the_same() {
    let rig = empty().await;
    for (method, target) in [("SCAN", "/v1/a"), ("GET", "/v1/a?scan=t&limit=5")] {
        rig.ask(method, target, &[], "").await;
        assert_eq!((rig.last().operation, rig.last().path.as_str()), (Operation::Scan, "a/"));
    }
    assert_eq!(Value::Object(rig.last().data), json!({"limit": "5"}));
    rig.get("/v1/a?scan=true&list=true").await.assert_errors(400, &[]);
    rig.get("/v1/a?list=maybe").await.assert_errors(400, &[]);
}

#[tokio::test]
async fn unknown_methods_are_405() {
    let rig = empty().await;
    for method in ["RECOVER", "OPTIONS", "TRACE", "BREW"] {
        rig.ask(method, "/v1/a", &[], "").await.assert_errors(405, &[]);
    }
    assert_eq!(rig.count(), 0);
}

#[tokio::test]
async fn a_refused_token_reads_differently_from_none() {
    let rig = Rig::new(|_| Err(Error::Denied)).await;
    rig.get("/v1/a").await.assert_errors(403, &["permission denied"]);
    let formatted = "1 error occurred:\n\t* permission denied\n\n";
    rig.ask("GET", "/v1/a", &["X-Vault-Token: t"], "").await.assert_errors(403, &[formatted]);
    rig.ask("GET", "/v1/a", &["Authorization: Bearer t"], "").await.assert_errors(403, &[formatted]);
}

#[tokio::test]
async fn the_namespace_is_echoed() {
    let rig = empty().await;
    let answered = rig.ask("GET", "/v1/a", &["X-Vault-Namespace: ns1/"], "").await;
    assert_eq!((answered.status, answered.header("x-vault-namespace")), (404, Some("ns1/")));
    assert_eq!(rig.last().namespace, "ns1/");
    assert_eq!(rig.get("/v1/a").await.header("x-vault-namespace"), None);
}

#[tokio::test]
async fn replies_are_not_stored_and_transport_is_strict() {
    let rig = empty().await;
    for target in ["/v1/a", "/ui/", "/elsewhere"] {
        let answered = rig.get(target).await;
        assert_eq!(answered.header("cache-control"), Some("no-store"));
        assert_eq!(answered.header("strict-transport-security"), Some("max-age=31536000; includeSubDomains"));
    }
}

#[tokio::test]
async fn wrapping_is_asked_for_by_header() {
    let rig = empty().await;
    rig.ask("GET", "/v1/a", &["X-Vault-Wrap-TTL: 5m"], "").await;
    assert_eq!(rig.last().wrap_ttl, Some(Duration::from_secs(300)));
    let answered = rig.ask("GET", "/v1/a", &["X-Vault-Wrap-TTL: -1"], "").await;
    answered.assert_errors(400, &["error parsing X-Vault-Wrap-TTL header: duration is negative"]);
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let rig = Rig::new(|request| match request.path.as_str() {
        "sys/health" => Ok(Reply::data(json!({"sealed": false})).bare().with_status(Status::Code(429))),
        _ => Ok(Reply::empty()),
    })
    .await;
    let answered = rig.ask("HEAD", "/v1/sys/health?standbycode=429", &[], "").await;
    assert_eq!((answered.status, answered.body.as_str()), (429, ""));
    assert_eq!(answered.header("content-length"), Some("17"));
    let request = rig.last();
    assert_eq!((request.operation, &request.data["standbycode"]), (Operation::Read, &json!("429")));
    assert_eq!(rig.ask("HEAD", "/v1/a", &[], "").await.status, 404);
}

#[tokio::test]
async fn a_health_code_of_299_comes_with_its_body() {
    let rig = Rig::new(|_| Ok(Reply::data(json!({"sealed": true})).bare().with_status(Status::Code(299)))).await;
    let answered = rig.get("/v1/sys/health").await;
    assert_eq!((answered.status, answered.body.as_str()), (299, "{\"sealed\":true}\n"));
}

#[tokio::test]
async fn patch_without_its_media_type_is_415() {
    let rig = empty().await;
    let text = "PATCH requires Content-Type of application/merge-patch+json";
    rig.ask("PATCH", "/v1/a", &["Content-Type: application/json"], "{}").await.assert_errors(415, &[text]);
    rig.ask("PATCH", "/v1/a", &["Content-Type: application/merge-patch+json"], r#"{"a":null}"#).await;
    assert_eq!((rig.last().operation, Value::Object(rig.last().data)), (Operation::Patch, json!({"a": null})));
}

#[tokio::test]
async fn writing_to_a_folder_is_refused() {
    let rig = empty().await;
    rig.ask("PUT", "/v1/a/", &[], "{}").await.assert_errors(400, &["cannot write to a path ending in '/'"]);
}

#[tokio::test]
async fn queries_are_data_and_a_deletes_body_is_ignored() {
    let rig = empty().await;
    rig.ask("DELETE", "/v1/a?x=1&y=2&y=3", &[], "{\"not\": json").await;
    assert_eq!(Value::Object(rig.last().data), json!({"x": "1", "y": ["2", "3"]}));
}

#[tokio::test]
async fn a_deletes_body_is_read_where_the_path_says_so() {
    let rig = empty().await;
    rig.ask("DELETE", "/v1/attempt?x=1&nonce=a", &[], "{\"nonce\": \"b\"}").await;
    assert_eq!(Value::Object(rig.last().data), json!({"x": "1", "nonce": "b"}));
    rig.ask("DELETE", "/v1/attempt?x=1", &[], "").await;
    assert_eq!(Value::Object(rig.last().data), json!({"x": "1"}));
    assert_eq!(rig.ask("DELETE", "/v1/attempt", &[], "{\"nonce\": ").await.status, 400);
}

#[tokio::test]
async fn help_has_no_envelope() {
    let rig = Rig::new(|_| Ok(Reply::data(json!({"help": "text"})).bare())).await;
    for (method, target) in [("GET", "/v1/a?help=1"), ("HELP", "/v1/a")] {
        let answered = rig.ask(method, target, &[], "").await;
        assert_eq!(answered.body, "{\"help\":\"text\"}\n");
        assert_eq!(rig.last().operation, Operation::Help);
    }
}

#[tokio::test]
async fn ambiguous_paths_never_reach_the_service() {
    let rig = empty().await;
    let empty_segment = "the path has an empty segment: two slashes in a row";
    let dots = "the path has a segment that is only dots, . or ..";
    for (target, text) in [
        ("/v1//a", empty_segment),
        ("/v1/a%2f%2fb", empty_segment),
        ("/v1/../sys", dots),
        ("/v1/%2e%2E/sys", dots),
        ("/ui/../v1/a", dots),
        ("/v1/a%00b", "the path has characters that cannot be printed"),
        ("/v1/%ff", "the path is not UTF-8"),
        ("/v1/%4", "the path has a percent sign that is not followed by two hexadecimal digits"),
    ] {
        rig.get(target).await.assert_errors(400, &[text]);
    }
    assert_eq!(rig.count(), 0);
    rig.get("/v1/a%20b%2Fc").await;
    assert_eq!(rig.last().path, "a b/c");
}

#[tokio::test]
async fn only_what_is_ours_is_routed() {
    let rig = empty().await;
    for target in ["/v2/a", "/v1", "/v1x/a", "/uix", "/favicon.ico", "/.well-known/a"] {
        rig.get(target).await.assert_errors(404, &[]);
    }
    assert_eq!(rig.count(), 0);
    let robots = rig.get("/robots.txt").await;
    assert_eq!((robots.status, robots.body.as_str()), (200, "User-agent: *\nDisallow: /\n"));
    for target in ["/", "/ui", "/ui/", "/ui/vault/auth"] {
        let page = rig.get(target).await;
        assert_eq!((page.status, page.header("x-content-type-options")), (200, Some("nosniff")));
        assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        assert!(page.body.contains("has no web UI"));
    }
    rig.ask("POST", "/ui/", &[], "").await.assert_errors(405, &[]);
}

#[tokio::test]
async fn leases_and_mirrored_data_stand_in_the_envelope() {
    let rig = Rig::new(|_| {
        let lease = Lease { id: "a/b".into(), renewable: true, duration: Duration::from_secs(60) };
        Ok(Reply::data(json!({"keys": ["root"]})).mirrored().with_lease(lease))
    })
    .await;
    let envelope = rig.get("/v1/sys/policy").await.json();
    assert_eq!((&envelope["lease_id"], &envelope["lease_duration"]), (&json!("a/b"), &json!(60)));
    assert_eq!((&envelope["keys"], &envelope["data"]["keys"]), (&json!(["root"]), &json!(["root"])));
}

#[tokio::test]
async fn a_failure_of_the_world_tells_the_id_and_nothing_else() {
    let rig = Rig::new(|_| Err(Error::world("reading secret/place", "disk on fire"))).await;
    let answered = rig.get("/v1/a").await;
    assert_eq!(answered.status, 500);
    assert!(answered.body.contains(&rig.last().id), "{}", answered.body);
    assert!(!answered.body.contains("place") && !answered.body.contains("fire"), "{}", answered.body);
}

#[tokio::test]
async fn a_panic_is_one_clients_500() {
    let rig = Rig::new(|request| {
        assert!(request.path != "panic", "on purpose");
        Ok(Reply::data(json!({})))
    })
    .await;
    let answered = rig.get("/v1/panic").await;
    assert_eq!(answered.status, 500);
    assert!(answered.body.contains(&rig.last().id), "{}", answered.body);
    assert_eq!(rig.get("/v1/fine").await.status, 200);
}

#[tokio::test]
async fn bad_json_is_told_by_its_place_and_not_repeated() {
    let rig = empty().await;
    let answered = rig.ask("POST", "/v1/a", &[], r#"{"password": hunter2}"#).await;
    assert_eq!(answered.status, 400);
    assert!(answered.body.contains("error parsing JSON at line 1, byte 13"), "{}", answered.body);
    assert!(!answered.body.contains("hunter2"));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(500), "]".repeat(500));
    let answered = rig.ask("POST", "/v1/a", &[], &deep).await;
    assert_eq!(answered.status, 400);
    let twice = rig.ask("POST", "/v1/a", &[], r#"{"a":1,"a":2}"#).await;
    assert_eq!(twice.status, 400);
    assert_eq!(rig.count(), 0);
}

#[tokio::test]
async fn a_named_proxy_tells_who_the_client_is() {
    let mut config = config();
    config.forwarded_for = Some(http_api::ForwardedFor::new(vec!["127.0.0.0/8".parse().unwrap()]));
    let rig = Rig::with(config, |_| Ok(Reply::empty())).await;
    rig.ask("GET", "/v1/a", &["X-Forwarded-For: 6.6.6.6, 1.2.3.4"], "").await;
    assert_eq!(rig.last().connection.remote.unwrap().ip().to_string(), "1.2.3.4");
    assert_eq!(rig.get("/v1/a").await.status, 400);
    assert_eq!(rig.count(), 1);
}

#[tokio::test]
async fn custom_headers_are_sent() {
    let mut config = config();
    config.headers.push(http_api::CustomHeader {
        statuses: http_api::Statuses::Class(4),
        name: "X-Contact".into(),
        value: "platform team".into(),
    });
    let rig = Rig::with(config, |_| Ok(Reply::empty())).await;
    assert_eq!(rig.get("/v1/a").await.header("x-contact"), Some("platform team"));
    assert_eq!(rig.ask("DELETE", "/v1/a", &[], "").await.header("x-contact"), None);
}

#[tokio::test]
async fn raw_bodies_have_their_own_type_and_no_envelope() {
    let rig = Rig::new(|request| {
        let reply = Reply::body("application/pkix-cert", "not json");
        Ok(if request.path == "made" { reply.with_status(Status::Code(201)) } else { reply })
    })
    .await;
    let answered = rig.get("/v1/a").await;
    assert_eq!((answered.status, answered.body.as_str()), (200, "not json"));
    assert_eq!(answered.header("content-type"), Some("application/pkix-cert"));
    assert_eq!((answered.header("content-length"), answered.header("cache-control")), (Some("8"), Some("no-store")));
    let head = rig.ask("HEAD", "/v1/a", &[], "").await;
    assert_eq!((head.status, head.body.as_str(), head.header("content-length")), (200, "", Some("8")));
    assert_eq!(head.header("content-type"), Some("application/pkix-cert"));
    assert_eq!(rig.ask("POST", "/v1/made", &[], "{}").await.status, 201);
}

#[tokio::test]
async fn a_reply_brings_its_own_headers_along() {
    let rig = Rig::new(|request| {
        let reply = if request.path == "nothing" { Reply::empty() } else { Reply::data(json!({"a": 1})) };
        Ok(reply
            .with_header("Cache-Control", "max-age=60")
            .with_header("Link", "<a>")
            .with_header("link", "<b>")
            .with_header("Location", "/v1/b"))
    })
    .await;
    for (method, target, status) in [("GET", "/v1/a", 200), ("POST", "/v1/nothing", 204), ("GET", "/v1/nothing", 404)] {
        let answered = rig.ask(method, target, &[], "").await;
        assert_eq!((answered.status, answered.header("location")), (status, Some("/v1/b")), "{method} {target}");
        assert_eq!(answered.header("cache-control"), Some("max-age=60"));
        let links: Vec<_> = answered.headers.iter().filter(|line| line.to_lowercase().starts_with("link: ")).collect();
        assert_eq!(links.len(), 2, "{links:?}");
    }
}

#[tokio::test]
async fn headers_that_cannot_be_sent_are_our_mistake_and_no_panic() {
    let rig = Rig::new(|request| {
        Ok(match request.path.as_str() {
            "name" => Reply::empty().with_header("two words", "x"),
            "value" => Reply::empty().with_header("Location", "line\r\nX-Vault-Token: y"),
            "length" => Reply::data(json!({})).with_header("Content-Length", "3"),
            "type" => Reply::data(json!({})).with_header("content-type", "text/html"),
            _ => Reply::body("text/\u{1}plain", "x"),
        })
    })
    .await;
    for target in ["/v1/name", "/v1/value", "/v1/length", "/v1/type", "/v1/body"] {
        let answered = rig.get(target).await;
        assert_eq!(answered.status, 500, "{target}");
        assert!(answered.body.contains(&rig.last().id), "{}", answered.body);
        assert_eq!(answered.header("x-vault-token"), None);
    }
}

#[tokio::test]
async fn the_service_can_look_at_every_header() {
    let rig = empty().await;
    rig.ask("GET", "/v1/a", &["X-One: 1", "x-one: 2", "X-Vault-Token: t", "X-Odd: \u{e9}"], "").await;
    let headers = rig.last().headers.expect("headers came along");
    assert_eq!(headers.values("x-ONE"), ["1", "2"]);
    assert_eq!(headers.values("X-Odd"), ["\u{e9}"]);
    assert_eq!(headers.values("x-none"), [""; 0]);
    assert_eq!(headers.values("not a name"), [""; 0]);
}

#[tokio::test]
async fn indexes_come_and_go_in_their_header() {
    let rig =
        Rig::new(|request| if request.path == "behind" { Err(Error::NotYetSeen) } else { Ok(Reply::empty()) }).await;
    let answered = rig.ask("POST", "/v1/a", &["X-Vault-Index: one", "x-vault-index: two, three,"], "{}").await;
    assert_eq!((answered.status, answered.header("x-vault-index")), (204, Some("aW5kZXg=")));
    assert_eq!(rig.last().indexes, ["one", "two", "three"]);
    assert_eq!(rig.get("/v1/a").await.header("x-vault-index"), None);
    assert!(rig.last().indexes.is_empty());
    rig.get("/v1/behind").await.assert_errors(412, &["required index state not present"]);
    let many = format!("X-Vault-Index: {}", "x,".repeat(100));
    rig.ask("GET", "/v1/a", &[&many], "").await;
    assert_eq!(rig.last().indexes.len(), 16);
}

#[tokio::test]
async fn a_second_factor_that_makes_no_sense_is_refused() {
    let rig = empty().await;
    for value in ["", "duo", "totp:123456", "totp:1:2"] {
        assert_eq!(rig.ask("DELETE", "/v1/a", &[&format!("X-Vault-MFA: {value}")], "").await.status, 204, "{value:?}");
    }
    for (value, why) in [(":123456", "the method is missing"), ("totp:", "the passcode behind the colon is missing")] {
        let answered = rig.ask("DELETE", "/v1/a", &["X-Vault-MFA: duo", &format!("X-Vault-MFA: {value}")], "").await;
        answered.assert_errors(400, &[&format!("error parsing X-Vault-MFA header: {why}")]);
    }
    assert_eq!(rig.count(), 4);
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let rig = Rig::new(|_| Ok(Reply::data(json!({})))).await;
    let mut stream = rig.connect().await;
    for _ in 0..3 {
        stream.write_all(b"GET /v1/a HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
        let mut seen = String::new();
        while !seen.ends_with("}\n") {
            let mut buffer = [0; 1024];
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "closed after {seen:?}");
            seen.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
        assert!(seen.starts_with("HTTP/1.1 200 "), "{seen}");
    }
    assert_eq!(rig.count(), 3);
    assert!(rig.last().connection.remote.is_some() && !rig.last().connection.is_tls);
}

#[tokio::test]
async fn headers_of_an_answer_come_with_a_reply_and_with_a_refusal() {
    let rig = Rig::new(|request| match request.path.as_str() {
        "counted/well" => Ok(Reply::data(json!({}))),
        "counted/silent" => Ok(Reply::empty()),
        _ => Err(Error::TooMany("rate limit quota exceeded".into())),
    })
    .await;
    for (path, status) in [("counted/well", 200), ("counted/none", 429), ("else", 429)] {
        let answered = rig.get(&format!("/v1/{path}")).await;
        let expected = path.starts_with("counted/").then_some("5");
        assert_eq!((answered.status, answered.header("x-ratelimit-limit")), (status, expected), "{path}");
    }
    let answered = rig.ask("POST", "/v1/counted/silent", &[], "{}").await;
    assert_eq!((answered.status, answered.header("x-ratelimit-limit")), (204, Some("5")));
}

//! What browsers are told: requests from pages of other origins, and the headers of the web interface.

use framework::{BrowserSettings, Cors, Error, Reply};
use serde_json::json;

use super::rig::{Answered, Rig};

const PAGE: &str = "Origin: https://ui.example.com";

fn cors(origins: &[&str]) -> BrowserSettings {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let cors = Cors { origins: texts(origins), headers: texts(&["Content-Type", "X-Vault-Token"]) };
    BrowserSettings { cors: Some(cors), ..BrowserSettings::default() }
}

async fn rig(settings: BrowserSettings) -> Rig {
    let rig = Rig::new(|request| match request.path.as_str() {
        "denied" => Err(Error::Denied),
        _ => Ok(Reply::data(json!({"a": 1}))),
    })
    .await;
    rig.set_browser_settings(Ok(settings));
    rig
}

fn access_headers(answered: &Answered) -> Vec<&String> {
    answered.headers.iter().filter(|line| line.to_lowercase().starts_with("access-control-")).collect()
}

#[tokio::test]
async fn while_cors_is_off_origins_change_nothing() {
    let rig = rig(BrowserSettings::default()).await;
    let answered = rig.ask("GET", "/v1/a", &[PAGE], "").await;
    assert_eq!((answered.status, access_headers(&answered).len(), answered.header("vary")), (200, 0, None));
    rig.ask("OPTIONS", "/v1/a", &[PAGE, "Access-Control-Request-Method: GET"], "").await.assert_errors(405, &[]);
}

#[tokio::test]
async fn a_request_without_an_origin_is_not_looked_at() {
    let rig = rig(cors(&["https://other.example.com"])).await;
    let answered = rig.get("/v1/a").await;
    assert_eq!((answered.status, access_headers(&answered).len(), rig.settings_asked()), (200, 0, 0));
    rig.ask("OPTIONS", "/v1/a", &["Access-Control-Request-Method: GET"], "").await.assert_errors(405, &[]);
}

#[tokio::test]
async fn an_allowed_origin_may_read_answers_and_refusals() {
    for origins in [&["https://a.example.com", "https://ui.example.com"][..], &["*"]] {
        let rig = rig(cors(origins)).await;
        for (target, status) in [("/v1/a", 200), ("/v1/denied", 403), ("/elsewhere", 404), ("/ui/", 200)] {
            let answered = rig.ask("GET", target, &[PAGE], "").await;
            assert_eq!(answered.status, status, "{target}");
            assert_eq!(answered.header("access-control-allow-origin"), Some("https://ui.example.com"));
            assert_eq!(answered.header("vary"), Some("Origin"));
            assert_eq!(access_headers(&answered).len(), 1, "{:?}", answered.headers);
        }
    }
}

#[tokio::test]
async fn another_origin_is_refused_before_anything_is_done() {
    let rig = rig(cors(&["https://other.example.com"])).await;
    let origins =
        [PAGE, "Origin: null", "Origin: https://other.example.com.evil.org", "Origin: http://other.example.com"];
    for origin in origins {
        for method in ["GET", "POST", "OPTIONS"] {
            let answered = rig.ask(method, "/v1/a", &[origin, "Access-Control-Request-Method: GET"], "").await;
            answered.assert_errors(403, &["origin not allowed"]);
            assert!(access_headers(&answered).is_empty(), "{:?}", answered.headers);
        }
    }
    assert_eq!(rig.count(), 0);
}

#[tokio::test]
async fn a_preflight_tells_what_pages_may_do() {
    let rig = rig(cors(&["*"])).await;
    for method in ["DELETE", "GET", "LIST", "OPTIONS", "PATCH", "POST", "PUT", "SCAN"] {
        let asked = format!("Access-Control-Request-Method: {method}");
        let answered = rig.ask("OPTIONS", "/v1/a", &[PAGE, &asked], "").await;
        assert_eq!((answered.status, answered.body.as_str()), (200, ""), "{method}");
        assert_eq!(answered.header("access-control-allow-origin"), Some("https://ui.example.com"));
        let methods = "DELETE,GET,LIST,OPTIONS,PATCH,POST,PUT,SCAN";
        assert_eq!(answered.header("access-control-allow-methods"), Some(methods));
        assert_eq!(answered.header("access-control-allow-headers"), Some("Content-Type,X-Vault-Token"));
        assert_eq!(answered.header("access-control-max-age"), Some("300"));
        assert_eq!(answered.header("vary"), Some("Origin"));
        assert_eq!(answered.header("access-control-allow-credentials"), None);
    }
    for asked in ["Access-Control-Request-Method: TRACE", "Access-Control-Request-Method: get", "X-Other: GET"] {
        rig.ask("OPTIONS", "/v1/a", &[PAGE, asked], "").await.assert_errors(405, &[]);
    }
    assert_eq!(rig.count(), 0);
}

#[tokio::test]
async fn settings_that_cannot_be_read_let_nobody_pass_and_say_nothing() {
    let rig = rig(BrowserSettings::default()).await;
    rig.set_browser_settings(Err("disk on fire"));
    for target in ["/v1/a", "/ui/"] {
        let answered = rig.ask("GET", target, &[PAGE], "").await;
        assert_eq!(answered.status, 500, "{target}");
        assert!(!answered.body.contains("fire") && !answered.body.contains("cors"), "{}", answered.body);
    }
    assert_eq!(rig.get("/v1/a").await.status, 200);
}

#[tokio::test]
async fn the_web_interface_has_its_headers_and_the_operators_instead() {
    let rig = rig(BrowserSettings::default()).await;
    let plain = rig.get("/ui/").await;
    assert!(plain.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    assert_eq!(plain.header("service-worker-allowed"), Some("/"));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let ui_headers = vec![
        pair("Content-Security-Policy", "default-src 'self'"),
        pair("X-Custom", "one"),
        pair("X-Custom", "two"),
        pair("not a name", "x"),
        pair("Content-Length", "1"),
        pair("Transfer-Encoding", "chunked"),
    ];
    rig.set_browser_settings(Ok(BrowserSettings { ui_headers, cors: None }));
    let custom = rig.get("/ui/").await;
    assert_eq!((custom.status, custom.header("content-security-policy")), (200, Some("default-src 'self'")));
    assert_eq!(custom.body, plain.body, "the operator's headers do not change how the page is read");
    assert_eq!(custom.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(custom.headers.iter().filter(|line| line.to_lowercase().starts_with("x-custom: ")).count(), 2);
    for target in ["/v1/a", "/robots.txt"] {
        assert_eq!(rig.get(target).await.header("x-custom"), None, "{target}");
    }
}

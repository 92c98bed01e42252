//! What goes over the wire, against a server on a free loopback port.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Client, Request};
use crate::testing::{Answer, Server};
use crate::{Config, Error, Method};

fn config(server: &Server) -> Config {
    Config { address: server.address.clone(), retry_wait: Duration::ZERO, ..Config::default() }
}

fn client(server: &Server) -> Client {
    Client::new(&config(server)).expect("a valid configuration")
}

fn ok() -> Answer {
    Answer::new(200, r#"{"request_id":"r","lease_duration":0,"data":{"a":1}}"#)
}

#[tokio::test]
async fn every_request_says_who_calls() {
    let server = Server::start(|_| ok());
    let config = Config {
        token: Some("hvs.t".into()),
        namespace: Some("team/".to_owned()),
        wrap_ttl: Some("60".to_owned()),
        headers: vec![("X-Extra".to_owned(), "1".into())],
        ..config(&server)
    };
    let client = Client::new(&config).expect("valid");
    client.read("secret/a", &[("version".to_owned(), "2".to_owned())]).await.expect("an answer");
    client.list("secret", &[("after".to_owned(), "a".to_owned())]).await.expect("an answer");
    client.write("secret/a", &json!({"k": "v"})).await.expect("an answer");
    client.patch("secret/a", &json!({"k": null})).await.expect("an answer");
    client.delete("secret/a", &[]).await.expect("an answer");
    let anonymous = client.with_token(None).expect("valid");
    anonymous.read("x", &[]).await.expect("an answer");

    let received = server.received();
    let lines: Vec<_> = received.iter().map(crate::testing::Received::line).collect();
    assert_eq!(
        lines,
        [
            "GET /v1/secret/a?version=2",
            "GET /v1/secret?list=true&after=a",
            "PUT /v1/secret/a",
            "PATCH /v1/secret/a",
            "DELETE /v1/secret/a",
            "GET /v1/x"
        ]
    );
    for (name, value) in [
        ("x-vault-token", "hvs.t"),
        ("x-vault-request", "true"),
        ("x-vault-namespace", "team/"),
        ("x-vault-wrap-ttl", "60"),
        ("x-extra", "1"),
    ] {
        assert_eq!(received[0].header(name), Some(value));
    }
    assert_eq!(received[2].body, r#"{"k":"v"}"#);
    assert_eq!(received[2].header("content-type"), Some("application/json"));
    assert_eq!(received[3].header("content-type"), Some("application/merge-patch+json"));
    assert_eq!(received[5].header("x-vault-token"), None);
}

#[tokio::test]
async fn a_404_is_nothing_unless_it_brings_data_or_warnings() {
    for (body, is_something) in [
        (r#"{"errors":[]}"#, false),
        ("<html>", false),
        ("", false),
        (r#"{"data":null,"warnings":null}"#, false),
        (r#"{"data":{"data":null,"metadata":{"version":1}}}"#, true),
        (r#"{"warnings":["Invalid path"]}"#, true),
    ] {
        let server = Server::script(vec![Answer::new(404, body)]);
        let found = client(&server).read("secret/data/a", &[]).await.expect("an answer");
        assert_eq!(found.is_some(), is_something, "{body}");
    }
}

#[tokio::test]
async fn a_404_to_a_change_is_a_refusal() {
    for body in [r#"{"errors":["no handler for route"]}"#, r#"{"errors":[]}"#, r#"{"data":{"a":1},"warnings":["w"]}"#] {
        let server = Server::start(move |_| Answer::new(404, body));
        let client = client(&server);
        for outcome in
            [client.write("x", &json!({})).await, client.patch("x", &json!({})).await, client.delete("x", &[]).await]
        {
            assert_eq!(outcome.err().expect("nothing was changed").status(), Some(404), "{body}");
        }
    }
}

#[tokio::test]
async fn a_reply_without_an_envelope_is_data() {
    for (body, data) in [
        (r#"{"initialized":true,"sealed":false}"#, Some(json!({"initialized": true, "sealed": false}))),
        (r#"{"request_id":"r","data":null,"initialized":true}"#, None),
        (r#"{"errors":["no"]}"#, None),
        ("{}", None),
    ] {
        let server = Server::start(move |_| Answer::new(200, body));
        let client = client(&server);
        for outcome in [client.read("x", &[]).await, client.write("x", &json!({})).await] {
            assert_eq!(outcome.expect("an answer").and_then(|reply| reply.data), data, "{body}");
        }
    }
}

#[tokio::test]
async fn an_empty_success_is_nothing() {
    let server = Server::script(vec![Answer::new(204, "")]);
    assert!(client(&server).write("x", &json!({})).await.expect("an answer").is_none());
}

#[tokio::test]
async fn what_may_get_better_is_repeated() {
    for status in [412, 429, 500, 502, 503] {
        let refusal = Answer::new(status, r#"{"errors":["later"]}"#);
        let server = Server::script(vec![refusal.clone(), refusal, ok()]);
        assert!(client(&server).read("x", &[]).await.expect("the third attempt").is_some());
        assert_eq!(server.received().len(), 3, "{status}");
    }
}

#[tokio::test]
async fn repeats_end_with_the_last_refusal() {
    let server = Server::start(|_| Answer::new(503, r#"{"errors":["Vault is sealed"]}"#));
    let error = client(&server).read("x", &[]).await.err().expect("a refusal");
    assert_eq!(error.status(), Some(503));
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn what_cannot_get_better_is_not_repeated() {
    for status in [400, 403, 405, 501] {
        let server = Server::start(move |_| Answer::new(status, r#"{"errors":["no"]}"#));
        assert_eq!(client(&server).read("x", &[]).await.err().expect("a refusal").status(), Some(status));
        assert_eq!(server.received().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn refusals_print_like_the_usual_command_line() {
    let server =
        Server::start(|_| Answer::new(403, r#"{"errors":["1 error occurred:\n\t* permission denied\n\n","b"]}"#));
    let config = Config { namespace: Some("team/".to_owned()), ..config(&server) };
    let error = Client::new(&config).expect("valid").read("sys/mounts", &[]).await.err().expect("a refusal");
    let expected = format!(
        "Error making API request.\n\nNamespace: team/\nURL: GET {}/v1/sys/mounts\nCode: 403. Errors:\n\n\
         * 1 error occurred:\n\t* permission denied\n\n\n* b",
        server.address
    );
    assert_eq!(error.to_string(), expected);

    let server = Server::start(|_| Answer::new(400, "<html>"));
    let error = client(&server).read("x", &[]).await.err().expect("a refusal");
    let expected = "Error making API request.\n\nURL: GET {}/v1/x\nCode: 400. Raw Message:\n\n<html>";
    assert_eq!(error.to_string(), expected.replace("{}", &server.address));
}

#[tokio::test]
async fn one_redirect_is_followed_with_the_token() {
    let target = Server::script(vec![ok()]);
    let location = format!("{}/v1/other", target.address);
    let server = Server::script(vec![Answer::new(307, "").header("Location", &location)]);
    let config = Config { token: Some("hvs.t".into()), ..config(&server) };
    let client = Client::new(&config).expect("valid");
    assert!(client.write("x", &json!({"k": 1})).await.expect("an answer").is_some());
    let received = target.received();
    assert_eq!(received[0].line(), "PUT /v1/other");
    assert_eq!(received[0].header("x-vault-token"), Some("hvs.t"));
    assert_eq!(received[0].body, r#"{"k":1}"#);
}

#[tokio::test]
async fn a_second_redirect_is_not_followed() {
    let server = Server::start(|_| Answer::new(307, "").header("Location", "/v1/again"));
    let reply = client(&server).send(Request::new(Method::GET, "x")).await.expect("the redirect itself");
    assert_eq!((reply.status, server.received().len()), (307, 2));
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_refused() {
    for location in [None, Some("ftp://host/")] {
        let mut answer = Answer::new(307, "");
        if let Some(location) = location {
            answer = answer.header("Location", location);
        }
        let server = Server::script(vec![answer]);
        let error = client(&server).read("x", &[]).await.err().expect("refused");
        assert!(matches!(error, Error::Redirect { .. }), "{error}");
    }
    let (https, http) = ("https://a".parse().expect("a URL"), "http://a".parse().expect("a URL"));
    assert!(!super::may_follow(&https, &http));
    assert!(super::may_follow(&http, &https));
}

#[tokio::test]
async fn nobody_there_is_repeated_and_named() {
    let address = {
        let server = Server::start(|_| ok());
        server.address.clone()
    };
    let config = Config { address: address.clone(), retry_wait: Duration::ZERO, ..Config::default() };
    let error = Client::new(&config).expect("valid").read("x", &[]).await.err().expect("nobody there");
    assert!(matches!(error, Error::Send { .. }));
    assert_eq!(error.to_string(), format!("GET \"{address}/v1/x\""));
}

#[tokio::test]
async fn deep_and_large_values_survive() {
    let deep = format!("{}1{}", "[".repeat(490), "]".repeat(490));
    let body = format!(r#"{{"data":{{"deep":{deep},"n":123456789012345678901234567890}}}}"#);
    let server = Server::script(vec![Answer::new(200, &body)]);
    let data = client(&server).read("x", &[]).await.expect("an answer").expect("something").data.expect("data");
    assert_eq!(data["n"].to_string(), "123456789012345678901234567890");
    let mut inner = &data["deep"];
    let mut depth = 0;
    while let Value::Array(elements) = inner {
        (inner, depth) = (&elements[0], depth + 1);
    }
    assert_eq!(depth, 490);
}

#[tokio::test]
async fn a_reply_in_another_language_is_not_repeated_to_the_user() {
    let server = Server::start(|_| Answer::new(200, "hunter2"));
    let error = client(&server).read("x", &[]).await.err().expect("not JSON");
    assert!(matches!(error, Error::Decode { .. }));
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn bad_settings_are_refused() {
    let server = Server::start(|_| ok());
    for config in [
        Config { address: "nowhere".to_owned(), ..Config::default() },
        Config { token: Some("a\nb".into()), ..config(&server) },
        Config { headers: vec![("a b".to_owned(), "".into())], ..config(&server) },
        Config { proxy: Some("::".to_owned()), ..config(&server) },
    ] {
        assert!(matches!(Client::new(&config).err(), Some(Error::Config(_))));
    }
    assert!(matches!(client(&server).read("a/../b", &[]).await, Err(Error::DotSegment)));
}

#[tokio::test]
async fn what_was_seen_is_told_with_later_calls() {
    let state = data_encoding::BASE64.encode(b"v1:c:7:0:aa");
    let told = state.clone();
    let server = Server::start(move |_| ok().header("X-Vault-Index", &told));
    let client = client(&server);
    client.write("x", &json!({})).await.expect("an answer");
    // A clone is the same caller: it must not be answered with less.
    client.clone().read("x", &[]).await.expect("an answer");
    let received = server.received();
    assert_eq!(received[0].header("x-vault-index"), None);
    assert_eq!(received[1].header("x-vault-index"), Some(state.as_str()));
}

#[tokio::test]
async fn a_node_that_is_behind_is_asked_again_even_without_repeats() {
    let state = data_encoding::BASE64.encode(b"v1:c:7:0:aa");
    let behind = || Answer::new(412, r#"{"errors":["not there yet"]}"#);
    let server = Server::script(vec![ok().header("X-Vault-Index", &state), behind(), behind(), ok(), behind()]);
    let client = Client::new(&Config { retries: 0, ..config(&server) }).expect("valid");
    client.write("x", &json!({})).await.expect("an answer");
    assert!(client.read("x", &[]).await.expect("the third attempt").is_some());
    assert_eq!(server.received().len(), 4);

    // Whoever told no state is refused for another reason.
    let server = Server::start(move |_| behind());
    let client = Client::new(&Config { retries: 0, ..config(&server) }).expect("valid");
    assert_eq!(client.read("x", &[]).await.err().expect("a refusal").status(), Some(412));
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn redirects_can_be_switched_off() {
    let server = Server::start(|_| Answer::new(307, "").header("Location", "/v1/again"));
    let config = Config { follow_redirects: false, ..config(&server) };
    let error = Client::new(&config).expect("valid").write("x", &json!({})).await.err().expect("refused");
    assert!(matches!(error, Error::RedirectOff { .. }), "{error}");
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn questions_are_sent_unwrapped() {
    let server = Server::start(|_| ok());
    let config =
        Config { wrap_ttl: Some("60".to_owned()), describe: Some(crate::Description::Policy), ..config(&server) };
    let client = Client::new(&config).expect("valid");
    assert!(matches!(client.read("x", &[]).await, Err(Error::Described(_))));
    client.asking().read("x", &[]).await.expect("an answer");
    assert_eq!(server.received().len(), 1);
    assert_eq!(server.received()[0].header("x-vault-wrap-ttl"), None);
}

#[tokio::test]
async fn a_socket_is_called_like_any_server() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("vault.sock");
    let listener = tokio::net::UnixListener::bind(&path).expect("a socket");
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a call");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("more of the head"));
        }
        let body = r#"{"data":{"a":1}}"#;
        let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        stream.write_all(reply.as_bytes()).await.expect("a listener");
        String::from_utf8(head).expect("text")
    });
    let config = Config { address: format!("unix://{}", path.display()), ..Config::default() };
    let client = Client::new(&config).expect("valid");
    assert!(client.read("secret/a", &[]).await.expect("an answer").is_some());
    let head = server.await.expect("no panic");
    assert!(head.starts_with("GET /v1/secret/a HTTP/1.1\r\n"), "{head}");
}

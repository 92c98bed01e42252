use reqwest::Method;
use serde_json::json;

use crate::testing::{Answer, Server};
use crate::{Client, Config, Description, Error, Request};

fn describing(server: &Server) -> Client {
    let config = Config {
        address: server.address.clone(),
        token: Some("hvs.secret".into()),
        namespace: Some("team/".to_owned()),
        describe: Some(Description::Curl("$(vault print token)".to_owned())),
        ..Config::default()
    };
    Client::new(&config).expect("a valid configuration")
}

fn described(outcome: Result<impl Sized, Error>) -> String {
    match outcome {
        Err(Error::Described(line)) => line.into(),
        _ => panic!("the call was not described"),
    }
}

#[tokio::test]
async fn calls_are_described_and_not_sent() {
    let server = Server::start(|_| Answer::new(204, ""));
    let client = describing(&server);
    let heads = r#"-H 'x-vault-request: true' -H "x-vault-token: $(vault print token)" -H 'x-vault-namespace: team/'"#;
    let at = |path: &str| format!("{}/v1/{path}", server.address);

    let read = described(client.read("a b", &[]).await);
    assert_eq!(read, format!("curl {heads} {}", at("a%20b")));
    let listed = described(client.list("a", &[]).await);
    assert_eq!(listed, format!("curl {heads} '{}?list=true'", at("a")));
    let written = described(client.write("a", &json!({"k": "it's $HOME"})).await);
    let body = r#"-H 'content-type: application/json' -d '{"k":"it'\''s $HOME"}'"#;
    assert_eq!(written, format!("curl -X PUT {heads} {body} {}", at("a")));
    let sealed = described(client.send(Request::new(Method::PUT, "sys/seal")).await);
    assert_eq!(sealed, format!("curl -X PUT {heads} {}", at("sys/seal")));

    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_socket_is_named_to_curl() {
    let config = Config {
        address: "unix:///run/my vault.sock".to_owned(),
        describe: Some(Description::Curl("$TOKEN".to_owned())),
        ..Config::default()
    };
    let line = described(Client::new(&config).expect("a valid configuration").read("a", &[]).await);
    assert_eq!(line, "curl --unix-socket '/run/my vault.sock' -H 'x-vault-request: true' http://localhost/v1/a");
}

#[tokio::test]
async fn a_describing_client_can_be_made_to_send() {
    let server = Server::start(|_| Answer::new(204, ""));
    describing(&server).asking().read("a", &[]).await.expect("an answer");
    assert_eq!(server.received().len(), 1);
}

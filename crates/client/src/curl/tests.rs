use reqwest::Method;
use serde_json::json;

use crate::testing::{Answer, Server};
use crate::{Client, Config, Description, Error, Request, Tls};

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
    let heads = r#"-H "X-Vault-Token: $(vault print token)" -H "X-Vault-Request: true" -H "X-Vault-Namespace: team/""#;
    let at = |path: &str| format!("{}/v1/{path}", server.address);

    let read = described(client.read("a b", &[]).await);
    assert_eq!(read, format!("curl {heads} {}", at("a%20b")));
    let listed = described(client.list("a", &[]).await);
    assert_eq!(listed, format!("curl {heads} '{}?list=true'", at("a")));
    let written = described(client.write("a", &json!({"k": "it's $HOME"})).await);
    let body = r#"-H "Content-Type: application/json" -d '{"k":"it'\''s $HOME"}'"#;
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
    assert_eq!(line, r#"curl --unix-socket '/run/my vault.sock' -H "X-Vault-Request: true" http://localhost/v1/a"#);
}

#[tokio::test]
async fn tls_settings_and_odd_headers_survive_a_shell() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let key = rcgen::generate_simple_self_signed(vec!["vault.test".to_owned()]).expect("a certificate");
    std::fs::create_dir(path("all of them")).expect("writable");
    for name in ["ca.pem", "all of them/ca.pem"] {
        std::fs::write(path(name), key.cert.pem()).expect("writable");
    }
    std::fs::write(path("key.pem"), key.signing_key.serialize_pem()).expect("writable");
    let described_with = async |tls: Tls, headers: Vec<(String, secret::SecretString)>| {
        let describe = Some(Description::Curl("$TOKEN".to_owned()));
        let config = Config { address: "https://a:8200".to_owned(), describe, tls, headers, ..Config::default() };
        let line = described(Client::new(&config).expect("a valid configuration").read("a", &[]).await);
        line.replace(&folder.path().display().to_string(), "F")
    };
    let files = Tls {
        ca_cert: Some(path("ca.pem")),
        ca_path: Some(path("nowhere")),
        client_cert: Some(path("ca.pem")),
        client_key: Some(path("key.pem")),
        ..Tls::default()
    };
    let end = r#"-H "X-Vault-Request: true" https://a:8200/v1/a"#;
    let line = described_with(files, Vec::new()).await;
    assert_eq!(line, format!("curl --cacert F/ca.pem --cert F/ca.pem --key F/key.pem {end}"));
    let folder_only = Tls { ca_path: Some(path("all of them")), ..Tls::default() };
    assert_eq!(described_with(folder_only, Vec::new()).await, format!("curl --capath 'F/all of them' {end}"));
    let anybody = Tls { skip_verify: true, ..Tls::default() };
    assert_eq!(described_with(anybody.clone(), Vec::new()).await, format!("curl --insecure {end}"));
    for (value, word) in [
        ("a b", r#""X-Odd: a b""#),
        ("$(id)", "'X-Odd: $(id)'"),
        ("`id`", "'X-Odd: `id`'"),
        ("a\"'b", r#"'X-Odd: a"'\''b'"#),
        ("a!b\\", r"'X-Odd: a!b\'"),
    ] {
        let line = described_with(anybody.clone(), vec![("x-odd".to_owned(), value.into())]).await;
        assert!(line.contains(&format!("-H {word} https://")), "{line}");
    }
}

#[tokio::test]
async fn a_describing_client_can_be_made_to_send() {
    let server = Server::start(|_| Answer::new(204, ""));
    describing(&server).asking().read("a", &[]).await.expect("an answer");
    assert_eq!(server.received().len(), 1);
}

//! What curl users rely on: the form content type of `-d`, the LIST verb, exact headers, the shapes of errors, HTTP/2.

use std::path::Path;

use anyhow::{Context as _, Result};
use e2e::curl::curl;
use e2e::operator::{self, Keys};
use e2e::server::{Home, Server, Tls};
use e2e::{binary, skip};
use serde_json::json;

/// One more byte than a request body may have (32 MiB, the documented default of Vault's listeners).
const BODY_BYTES_TOO_MANY: usize = 32 * 1024 * 1024 + 1;

/// A fresh, unsealed server; `None` when there is no curl.
fn unsealed() -> Result<Option<(Home, Server, Keys)>> {
    if binary::on_path("curl").is_none() {
        skip("curl", "curl is not installed");
        return Ok(None);
    }
    let home = Home::new(Tls::Off)?;
    let server = home.start()?;
    let keys = operator::initialize(&mut server.client())?;
    operator::unseal(&mut server.client(), &keys)?;
    let mut root = server.client().with_token(&keys.root_token);
    root.expect(204, "POST", "/v1/sys/mounts/kv", Some(&json!({"type": "kv", "options": {"version": "1"}})))?;
    Ok(Some((home, server, keys)))
}

fn token(keys: &Keys) -> String {
    format!("X-Vault-Token: {}", keys.root_token)
}

#[test]
fn a_body_from_minus_d_is_taken_as_json() -> Result<()> {
    let Some((_home, server, keys)) = unsealed()? else { return Ok(()) };
    let (token, url) = (token(&keys), format!("{}/v1/kv/app", server.url()));
    // curl says application/x-www-form-urlencoded here.
    let written = curl(&["-H", &token, "-d", r#"{"user": "ann", "uses": 12345678901234567890}"#, &url])?;
    assert_eq!((written.status, written.body.as_str()), (204, ""));
    let read = curl(&["-H", &token, &url])?;
    assert_eq!(read.status, 200);
    assert!(read.body.contains("12345678901234567890"), "a large number changed: {}", read.body);
    assert_eq!(read.json()?["data"]["user"], json!("ann"));
    Ok(())
}

#[test]
fn a_form_is_taken_as_fields() -> Result<()> {
    let Some((_home, server, keys)) = unsealed()? else { return Ok(()) };
    let (token, url) = (token(&keys), format!("{}/v1/kv/form", server.url()));
    assert_eq!(curl(&["-H", &token, "-d", "user=ann&word=a%20b", &url])?.status, 204);
    let read = curl(&["-H", &token, &url])?.json()?;
    assert_eq!(read["data"], json!({"user": "ann", "word": "a b"}));
    Ok(())
}

#[test]
fn the_list_verb_and_the_list_parameter_are_the_same() -> Result<()> {
    let Some((_home, server, keys)) = unsealed()? else { return Ok(()) };
    let (token, url) = (token(&keys), server.url());
    for name in ["b", "a/x", "a/y"] {
        assert_eq!(curl(&["-H", &token, "-d", r#"{"n": 1}"#, &format!("{url}/v1/kv/{name}")])?.status, 204);
    }
    let verb = curl(&["-H", &token, "-X", "LIST", &format!("{url}/v1/kv")])?;
    let parameter = curl(&["-H", &token, &format!("{url}/v1/kv?list=true")])?;
    assert_eq!((verb.status, parameter.status), (200, 200));
    assert_eq!(verb.json()?["data"], json!({"keys": ["a/", "b"]}));
    assert_eq!(parameter.json()?["data"], verb.json()?["data"]);
    let empty = curl(&["-H", &token, "-X", "LIST", &format!("{url}/v1/kv/nothing")])?;
    assert_eq!((empty.status, empty.json()?), (404, json!({"errors": []})));
    Ok(())
}

#[test]
fn headers_are_exact() -> Result<()> {
    let Some((_home, server, keys)) = unsealed()? else { return Ok(()) };
    let url = server.url();
    let answer = curl(&["-H", &token(&keys), &format!("{url}/v1/auth/token/lookup-self")])?;
    // A charset behind it would make hvac lose the error list.
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000; includeSubDomains"));
    let refused = curl(&[&format!("{url}/v1/kv/app")])?;
    assert_eq!(refused.header("content-type"), Some("application/json"));
    let bearer = format!("Authorization: Bearer {}", keys.root_token);
    assert_eq!(curl(&["-H", &bearer, &format!("{url}/v1/auth/token/lookup-self")])?.status, 200);
    Ok(())
}

#[test]
fn refusals_have_their_published_shapes() -> Result<()> {
    let Some((_home, server, keys)) = unsealed()? else { return Ok(()) };
    let (token, url) = (token(&keys), server.url());
    let missing = curl(&["-H", &token, &format!("{url}/v1/kv/missing")])?;
    assert_eq!((missing.status, missing.json()?), (404, json!({"errors": []})));
    let unrouted = curl(&["-H", &token, &format!("{url}/v1/nowhere/x")])?;
    assert_eq!(unrouted.status, 404);
    assert!(unrouted.body.contains("no handler for route"), "{}", unrouted.body);
    let anonymous = curl(&[&format!("{url}/v1/kv/app")])?;
    assert_eq!((anonymous.status, anonymous.json()?), (403, json!({"errors": ["permission denied"]})));
    let folder = curl(&["-H", &token, "-d", r#"{"n": 1}"#, &format!("{url}/v1/kv/folder/")])?;
    assert_eq!(folder.status, 400);
    assert!(folder.body.contains("cannot write to a path ending in '/'"), "{}", folder.body);
    let garbage = curl(&["-H", &token, "-d", "{not json", &format!("{url}/v1/kv/app")])?;
    assert_eq!(garbage.status, 400);
    Ok(())
}

#[test]
fn a_body_that_is_too_large_is_refused() -> Result<()> {
    let Some((home, server, keys)) = unsealed()? else { return Ok(()) };
    let body = home.path().join("large");
    std::fs::write(&body, format!("{{\"value\": \"{}\"}}", "x".repeat(BODY_BYTES_TOO_MANY)))?;
    let data = format!("@{}", body.display());
    let url = format!("{}/v1/kv/large", server.url());
    let answer = curl(&["-H", &token(&keys), "-H", "Expect:", "--data-binary", &data, &url])?;
    assert_eq!(answer.status, 413);
    Ok(())
}

#[test]
fn a_sealed_server_says_so() -> Result<()> {
    let Some((_home, server, keys)) = unsealed()? else { return Ok(()) };
    let url = server.url();
    assert_eq!(curl(&["-H", &token(&keys), "-X", "PUT", &format!("{url}/v1/sys/seal")])?.status, 204);
    let read = curl(&["-H", &token(&keys), &format!("{url}/v1/kv/app")])?;
    assert_eq!(read.status, 503);
    assert!(read.body.contains("Vault is sealed"), "{}", read.body);
    assert_eq!(curl(&[&format!("{url}/v1/sys/health")])?.status, 503);
    assert_eq!(curl(&[&format!("{url}/v1/sys/health?sealedcode=299")])?.status, 299);
    // The next reply on the same connection would begin with the body, if there were one.
    let mut client = server.client();
    assert_eq!(client.request("HEAD", "/v1/sys/health", None)?.status, 503);
    assert_eq!(client.request("GET", "/v1/sys/seal-status", None)?.json()?["sealed"], json!(true));
    Ok(())
}

#[test]
fn http_2_works_without_tls() -> Result<()> {
    let Some((_home, server, _)) = unsealed()? else { return Ok(()) };
    let answer = curl(&["--http2-prior-knowledge", &format!("{}/v1/sys/seal-status", server.url())])?;
    assert_eq!((answer.status, answer.version.as_str()), (200, "2"));
    assert_eq!(answer.json()?["sealed"], json!(false));
    Ok(())
}

#[test]
fn tls_serves_both_versions_and_refuses_plain_http() -> Result<()> {
    if binary::on_path("curl").is_none() {
        skip("curl over TLS", "curl is not installed");
        return Ok(());
    }
    let home = Home::new(Tls::On)?;
    let server = home.start()?;
    let authority = home.authority();
    let url = format!("{}/v1/sys/seal-status", server.url());
    for (flag, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let answer = curl(&["--cacert", text(&authority)?, flag, &url])?;
        assert_eq!((answer.status, answer.version.as_str()), (200, version));
        assert_eq!(answer.json()?["initialized"], json!(false));
    }
    let plain = curl(&[&url.replace("https://", "http://")])?;
    assert_eq!(plain.status, 400);
    assert_eq!(plain.body.trim_end(), "Client sent an HTTP request to an HTTPS server.");
    Ok(())
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a temporary path is text")
}

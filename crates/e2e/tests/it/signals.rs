//! Signals: a hang-up swaps certificates under running connections, a termination lets running requests finish.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{ChildStderr, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::curl::curl;
use e2e::http::read_reply;
use e2e::operator::{self, Keys};
use e2e::server::{Home, Server, Tls, without_settings};
use e2e::{binary, skip};
use serde_json::json;

/// How long a signal may take to show.
const EFFECT_MAX: Duration = Duration::from_secs(60);
/// The body of the request that is under way while the signal comes.
const BODY: &str = r#"{"pass": "under way"}"#;

fn unsealed(home: &Home) -> Result<(Server, Keys)> {
    let server = home.start()?;
    let keys = operator::initialize(&mut server.client())?;
    operator::unseal(&mut server.client(), &keys)?;
    let mut root = server.client().with_token(&keys.root_token);
    root.expect(204, "POST", "/v1/sys/mounts/kv", Some(&json!({"type": "kv", "options": {"version": "1"}})))?;
    Ok((server, keys))
}

#[test]
fn a_termination_answers_the_request_under_way_and_ends_well() -> Result<()> {
    let home = Home::new(Tls::Off)?;
    let (mut server, keys) = unsealed(&home)?;
    let mut idle = server.client().with_token(&keys.root_token);
    idle.expect(404, "GET", "/v1/kv/app", None)?;
    let mut connection = BufReader::new(TcpStream::connect(server.address)?);
    connection.get_ref().set_read_timeout(Some(EFFECT_MAX))?;
    let head = format!(
        "PUT /v1/kv/app HTTP/1.1\r\nHost: test\r\nX-Vault-Token: {}\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        keys.root_token,
        BODY.len()
    );
    connection.get_mut().write_all(head.as_bytes())?;
    // Said once the server waits for the body: from here on the request is under way.
    assert_eq!(read_reply(&mut connection, "PUT")?.status, 100);

    server.process.signal("TERM")?;
    let address = server.address;
    server.process.wait_until("refusal", EFFECT_MAX, |_| TcpStream::connect(address).is_err().then_some(()))?;
    ensure!(idle.request("GET", "/v1/kv/app", None).is_err(), "a connection that was idle still serves");
    assert_eq!(server.process.wait_for_exit(Duration::ZERO)?, None, "it ended before the request did");
    connection.get_mut().write_all(BODY.as_bytes())?;
    assert_eq!(read_reply(&mut connection, "PUT")?.status, 204);
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).context("the server closes the connection")?;
    ensure!(rest.is_empty(), "{rest:?} behind the reply");
    let status = server.process.wait_for_exit(EFFECT_MAX)?;
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{}", server.process.output());

    let server = home.start()?;
    let mut root = server.client().with_token(&keys.root_token);
    operator::unseal(&mut root, &keys)?;
    assert_eq!(root.expect(200, "GET", "/v1/kv/app", None)?.json()?["data"], json!({"pass": "under way"}));
    Ok(())
}

#[test]
fn an_interrupt_ends_an_idle_server_well() -> Result<()> {
    let home = Home::new(Tls::Off)?;
    let pid_file = home.path().join("pid");
    let mut home = home;
    home.configure(&format!("pid_file = \"{}\"\n", pid_file.display()));
    let (mut server, _) = unsealed(&home)?;
    assert_eq!(std::fs::read_to_string(&pid_file)?.trim(), server.process.id().to_string());
    server.process.signal("INT")?;
    let status = server.process.wait_for_exit(EFFECT_MAX)?;
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{}", server.process.output());
    ensure!(!pid_file.exists(), "the file with the process id stayed behind");
    Ok(())
}

/// Whether a new connection shows a certificate under this authority, which the server has none other for.
fn is_trusted(authority: &str, url: &str) -> bool {
    curl(&["--cacert", authority, url]).is_ok_and(|answer| answer.status == 200)
}

#[test]
fn a_hang_up_swaps_the_certificate_and_a_bad_one_changes_nothing() -> Result<()> {
    if binary::on_path("curl").is_none() {
        skip("the swap of certificates", "curl is not installed");
        return Ok(());
    }
    let home = Home::new(Tls::On)?;
    let mut server = home.start()?;
    let url = format!("{}/v1/sys/seal-status", server.url());
    let authority = |name: &str| home.path().join(name).display().to_string();
    let (first, current) = (authority("first.pem"), authority("ca.pem"));
    std::fs::copy(&current, &first)?;
    ensure!(is_trusted(&first, &url), "the first certificate is served");

    // An upload over TLS, begun under the first certificate and finished under the second.
    let mut upload = without_settings(&mut Command::new("curl"))
        .args(["--silent", "--verbose", "--max-time", "60", "--http1.1", "--cacert", &first, "--request", "PUT"])
        .args(["--header", "Expect: 100-continue", "--expect100-timeout", "60", "--upload-file", "-"])
        .arg(format!("{}/v1/sys/init", server.url()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting curl")?;
    let mut errors = BufReader::new(upload.stderr.take().context("no standard error")?);
    wait_for_line(&mut errors, "100 Continue")?;

    home.write_certificates()?;
    server.process.signal("HUP")?;
    server.process.wait_until("second certificate", EFFECT_MAX, |_| is_trusted(&current, &url).then_some(()))?;
    ensure!(!is_trusted(&first, &url), "the first certificate is still served");
    let mut body = upload.stdin.take().context("no standard input")?;
    body.write_all(br#"{"secret_shares": 1, "secret_threshold": 1}"#)?;
    drop(body);
    // Read to its end, so that curl never waits for a reader.
    let mut said = String::new();
    errors.read_to_string(&mut said)?;
    let output = upload.wait_with_output()?;
    ensure!(output.status.success() && said.contains("HTTP/1.1 200"), "{}: {said}", output.status);

    // A certificate without its key, a file without a certificate, no file: the second stays in every case.
    let leaf = home.path().join("cert.pem");
    let good = std::fs::read(&leaf)?;
    for (number, bad) in [Some(std::fs::read(&first)?), Some(b"no certificate".to_vec()), None].into_iter().enumerate()
    {
        match bad {
            Some(bad) => std::fs::write(&leaf, bad)?,
            None => std::fs::remove_file(&leaf)?,
        }
        server.process.signal("HUP")?;
        server.process.wait_until("complaint", EFFECT_MAX, |output| {
            (output.matches("certificates could not be reloaded").count() > number).then_some(())
        })?;
        ensure!(is_trusted(&current, &url), "the certificate that was good is gone");
    }
    std::fs::write(&leaf, good)?;
    ensure!(!server.process.output().contains("PRIVATE KEY"), "{}", server.process.output());
    Ok(())
}

fn wait_for_line(errors: &mut BufReader<ChildStderr>, text: &str) -> Result<()> {
    let mut seen = String::new();
    while errors.read_line(&mut seen)? > 0 {
        if seen.contains(text) {
            return Ok(());
        }
    }
    anyhow::bail!("curl ended without {text:?}:\n{seen}")
}

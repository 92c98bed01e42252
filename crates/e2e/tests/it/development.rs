//! The flags of a development server, each seen from outside: TLS with an authority of its own, the address, the token.

use std::net::TcpListener;
use std::process::Output;

use anyhow::{Result, ensure};
use e2e::curl::curl;
use e2e::development::Development;
use e2e::{binary, skip};
use serde_json::json;

fn stdout(output: &Output) -> Result<String> {
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{}: {printed}{errors}", output.status);
    Ok(printed.into_owned())
}

#[test]
fn a_development_server_with_tls_serves_the_command_line_that_trusts_its_authority() -> Result<()> {
    let server = Development::start(&["-dev-tls"])?;
    ensure!(server.address.starts_with("https://127.0.0.1:"), "{}", server.address);
    let authority = server.authority.clone().unwrap_or_default();
    stdout(&server.run("strongroom", &["kv", "put", "-mount=secret", "shop", "pass=over TLS"])?)?;
    assert_eq!(
        stdout(&server.run("vault", &["kv", "get", "-mount=secret", "-field=pass", "shop"])?)?.trim_end(),
        "over TLS"
    );
    // Without the authority there must be no answer, and no secret on its way.
    let mut stranger = e2e::development::command(&server.bin().join("strongroom"), &server.home());
    let refused = stranger.env("VAULT_ADDR", &server.address).args(["kv", "get", "secret/shop"]).output()?;
    assert_eq!(refused.status.code(), Some(2));
    ensure!(String::from_utf8_lossy(&refused.stderr).to_lowercase().contains("certificate"), "{refused:?}");

    if binary::on_path("curl").is_none() {
        skip("HTTP/2 over TLS of a development server", "curl is not installed");
        return Ok(());
    }
    let token = format!("X-Vault-Token: {}", server.root_token);
    let url = format!("{}/v1/secret/data/shop", server.address);
    let answer = curl(&["--cacert", &authority, "--http2", "-H", &token, &url])?;
    assert_eq!((answer.status, answer.version.as_str()), (200, "2"));
    assert_eq!(answer.json()?["data"]["data"], json!({"pass": "over TLS"}));
    ensure!(curl(&["--http2", &url]).is_err(), "curl trusted an authority that it does not know");
    Ok(())
}

#[test]
fn the_folder_for_certificates_is_the_one_that_was_named() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir()?;
    let server = Development::start(&["-dev-tls", &format!("-dev-tls-cert-dir={}", folder.path().display())])?;
    assert_eq!(server.authority.as_deref(), folder.path().join("vault-ca.pem").to_str());
    let mode = std::fs::metadata(folder.path().join("vault-key.pem"))?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the private key is for its owner alone");
    Ok(())
}

#[test]
fn a_development_server_logs_its_user_in_unless_told_not_to() -> Result<()> {
    let server = Development::start(&["-dev-root-token-id=chosen"])?;
    assert_eq!(server.root_token, "chosen");
    assert_eq!(std::fs::read_to_string(server.home().join(".vault-token"))?, "chosen");
    let own = stdout(&server.run("strongroom", &["token", "lookup", "-format=json"])?)?;
    ensure!(own.contains("\"chosen\""), "{own}");

    let server = Development::start(&["-dev-no-store-token"])?;
    assert_eq!(std::fs::read_dir(server.home())?.count(), 0, "nothing is left at home");
    let refused = server.run("strongroom", &["token", "lookup"])?;
    assert_eq!(refused.status.code(), Some(2));
    Ok(())
}

#[test]
fn the_listen_address_is_the_one_that_was_named() -> Result<()> {
    // The last one counts. Taken here, so that the server must say that it is not free: proof that it tried this one.
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let refused = Development::start(&[&format!("-dev-listen-address={address}")]);
    let error = format!("{:#}", refused.err().ok_or_else(|| anyhow::anyhow!("it started on a port that is taken"))?);
    ensure!(error.contains(&address) && error.contains("in use"), "{error}");
    let server = Development::start(&[])?;
    ensure!(server.process.output().contains("tcp (addr: \"127.0.0.1:"), "{}", server.process.output());
    ensure!(!server.address.ends_with(":0") && !server.address.ends_with(":8200"), "{}", server.address);
    Ok(())
}

#[test]
fn what_a_development_server_held_is_gone_with_it() -> Result<()> {
    let mut server = Development::start(&["-dev-root-token-id=chosen"])?;
    stdout(&server.run("strongroom", &["kv", "put", "-mount=secret", "shop", "pass=gone"])?)?;
    server.process.kill()?;
    assert_eq!(server.run("strongroom", &["kv", "get", "-mount=secret", "shop"])?.status.code(), Some(2));
    let next = Development::start(&["-dev-root-token-id=chosen"])?;
    let missing = next.run("strongroom", &["kv", "get", "-mount=secret", "shop"])?;
    assert_eq!(missing.status.code(), Some(2));
    ensure!(String::from_utf8_lossy(&missing.stderr).contains("No value found"), "{missing:?}");
    Ok(())
}

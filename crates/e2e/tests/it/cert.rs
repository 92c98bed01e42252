//! Logins with certificates that OpenSSL has made: the page about them as it is written, hvac, and proxies.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use e2e::curl::curl;
use e2e::development::{self, Development};
use e2e::server::without_settings;
use e2e::suite::{Access, go_logs_in};
use e2e::{binary, skip};

/// Runs one of the tools of this machine, which must succeed.
fn tool(program: &str, folder: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program);
    let output = without_settings(command.args(arguments)).current_dir(folder).output();
    let output = output.with_context(|| format!("starting {program}"))?;
    ensure!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// An authority and two clients of it, in files: `ca`, `web` and, of version 1, `old`.
fn make_certificates(folder: &Path) -> Result<()> {
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let ca = ["-x509", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Example Authority"];
    tool("openssl", folder, &[&["req"][..], &key, &ca].concat())?;
    std::fs::write(folder.join("web.ext"), "extendedKeyUsage=clientAuth\nsubjectAltName=DNS:web.example.com\n")?;
    for name in ["web", "old"] {
        let (key_file, csr, pem) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
        let subject = format!("/CN={name}");
        tool(
            "openssl",
            folder,
            &[&["req"][..], &key, &["-keyout", &key_file, "-out", &csr, "-subj", &subject]].concat(),
        )?;
        let sign = ["x509", "-req", "-in", &csr, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", &pem];
        let extensions: &[&str] = if name == "web" { &["-extfile", "web.ext"] } else { &[] };
        tool("openssl", folder, &[&sign[..], extensions].concat())?;
    }
    Ok(())
}

fn has_openssl(what: &str) -> bool {
    let has = binary::on_path("openssl").is_some();
    if !has {
        skip(what, "openssl is not installed");
    }
    has
}

/// Runs one command, which must succeed; gives what it printed.
fn printed(server: &Development, arguments: &[&str]) -> Result<String> {
    let output = server.run("vault", arguments)?;
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{arguments:?}: {printed}{errors}");
    Ok(printed.trim_end().to_owned())
}

#[test]
fn the_page_on_certificates_works_as_it_is_written() -> Result<()> {
    let bash = binary::on_path("bash").filter(|_| has_openssl("the page on certificates"));
    let Some(bash) = bash else { return Ok(()) };
    let text = std::fs::read_to_string(binary::workspace().join("docs/cert.md"))?;
    let commands: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    ensure!(commands.len() >= 20, "docs/cert.md has {} commands", commands.len());
    let server = Development::start(&["-dev-tls"])?;
    let mut shell = development::command(&bash, &server.home());
    let path = std::env::join_paths([server.bin(), "/usr/bin".into(), "/bin".into()])?;
    shell.env("VAULT_ADDR", &server.address).env("PATH", path);
    shell.env("VAULT_CACERT", server.authority.as_ref().context("there is no authority")?);
    let output = shell.args(["-euxo", "pipefail", "-c", &commands.join("\n")]).output()?;
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "docs/cert.md ends with {}:\n{printed}{errors}", output.status);
    Ok(())
}

#[test]
fn hvac_and_curl_log_in_with_certificates_and_renew_with_the_same_alone() -> Result<()> {
    if !has_openssl("logins with certificates") {
        return Ok(());
    }
    let server = Development::start(&["-dev-tls"])?;
    let home = server.home();
    make_certificates(&home)?;
    printed(&server, &["auth", "enable", "cert"])?;
    printed(&server, &["write", "auth/cert/certs/all", "certificate=@ca.pem", "token_policies=default"])?;
    let authority = server.authority.as_ref().context("there is no authority")?;
    let at = |name: &str| home.join(name).display().to_string();
    let ask = |shown: Option<&str>, path: &str, more: &[&str]| {
        let url = format!("{}/v1/{path}", server.address);
        let shown = shown.map(|name| [at(&format!("{name}.pem")), at(&format!("{name}.key"))]);
        let mut arguments = vec!["--cacert", authority, "--request", "POST"];
        if let Some([pem, key]) = &shown {
            arguments.extend(["--cert", pem, "--key", key]);
        }
        arguments.extend(more);
        arguments.push(&url);
        curl(&arguments)
    };
    // Version 1, an authority and both versions of TLS: what the library for TLS would not take by itself.
    for (name, version) in
        [("web", "1.3"), ("web", "1.2"), ("old", "1.3"), ("old", "1.2"), ("ca", "1.3"), ("ca", "1.2")]
    {
        let answer = ask(Some(name), "auth/cert/login", &["--tls-max", version])?;
        ensure!(answer.status == 200, "{name} over {version}: {}", answer.body);
        ensure!(answer.json()?["auth"]["metadata"]["cert_name"] == "all", "{}", answer.body);
    }
    let none = ask(None, "auth/cert/login", &[])?;
    ensure!(none.status == 400 && none.body.contains("client certificate must be supplied"), "{}", none.body);
    let login = ask(Some("web"), "auth/cert/login", &["--data", "{\"name\":\"all\"}"])?.json()?;
    let token = login["auth"]["client_token"].as_str().context("there is no token")?;
    let header = format!("X-Vault-Token: {token}");
    let renew = |shown| ask(shown, "auth/token/renew-self", &["--header", &header]);
    ensure!(renew(Some("web"))?.status == 200, "the same certificate renews");
    ensure!(renew(Some("old"))?.body.contains("client identity during renewal"), "another one does not");
    ensure!(renew(None)?.body.contains("client certificate must be supplied"), "nor does none");

    let python = match binary::python() {
        Ok(python) => python,
        Err(why) => {
            skip("hvac with certificates", &why.to_string());
            return Ok(());
        }
    };
    let script = binary::workspace().join("crates/e2e/python/cert.py");
    let mut command = Command::new(python);
    command.arg(script).args([&server.address, authority, &server.root_token]).arg(&home);
    let output = without_settings(&mut command).env("HOME", &home).output().context("starting Python")?;
    let shown = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&shown));
    Ok(())
}

#[test]
fn the_go_client_logs_in_with_a_certificate() -> Result<()> {
    if !has_openssl("logins with certificates through Go") {
        return Ok(());
    }
    let server = Development::start(&["-dev-tls"])?;
    make_certificates(&server.home())?;
    let access = Access {
        root_token: server.root_token.clone(),
        authorities: server.authority.clone().map(Into::into),
        folder: Some(server.home()),
        ..Access::default()
    };
    go_logs_in("login_cert", &server.address, &access).with_context(|| server.process.output())
}

//! Logins from the command line: the pages about them, run as they are written, and the wrapped secret id as Kong uses it.

use std::collections::HashSet;

use anyhow::{Context as _, Result, ensure};
use e2e::development::{self, Development};
use e2e::{binary, skip};
use serde_json::Value;

/// Runs one command, which must succeed; gives what it printed.
fn printed(server: &Development, arguments: &[&str]) -> Result<String> {
    let output = server.run("vault", arguments)?;
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{arguments:?}: {printed}{errors}");
    Ok(printed.trim_end().to_owned())
}

/// The commands of the pages are the lines that are indented by four spaces, from top to bottom.
#[test]
fn the_pages_on_logins_work_as_they_are_written() -> Result<()> {
    let Some(bash) = binary::on_path("bash") else {
        skip("the pages on logins", "bash is not installed");
        return Ok(());
    };
    for (page, commands_min) in [("userpass", 7), ("identity", 15), ("approle", 15)] {
        let text = std::fs::read_to_string(binary::workspace().join(format!("docs/{page}.md")))?;
        let commands: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    ")).collect();
        ensure!(commands.len() >= commands_min, "docs/{page}.md has {} commands", commands.len());
        let server = Development::start(&[])?;
        let mut shell = development::command(&bash, &server.home());
        let path = std::env::join_paths([server.bin(), "/usr/bin".into(), "/bin".into()])?;
        shell.env("VAULT_ADDR", &server.address).env("PATH", path);
        let output = shell.args(["-euxo", "pipefail", "-c", &commands.join("\n")]).output()?;
        let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "docs/{page}.md ends with {}:\n{printed}{errors}", output.status);
    }
    Ok(())
}

#[test]
fn a_wrapped_secret_id_opens_once_and_the_second_time_is_recorded() -> Result<()> {
    let server = Development::start(&[])?;
    let log = server.home().join("audit.log");
    let to = format!("file_path={}", log.display());
    printed(&server, &["audit", "enable", "file", &to])?;
    printed(&server, &["auth", "enable", "approle"])?;
    printed(&server, &["write", "auth/approle/role/kong", "token_policies=default", "secret_id_num_uses=1"])?;
    let role_id = printed(&server, &["read", "-field=role_id", "auth/approle/role/kong/role-id"])?;
    let path = "auth/approle/role/kong/secret-id";
    let wrapped = printed(&server, &["write", "-force", "-wrap-ttl=60m", "-field=wrapping_token", path])?;
    // Whoever starts the program hands it the wrapping token; the program has no other.
    let unwrap = |token: &str| {
        let mut unwrap = development::command(&server.bin().join("vault"), &server.home());
        unwrap.env("VAULT_ADDR", &server.address).env("VAULT_TOKEN", token);
        unwrap.args(["unwrap", "-field=secret_id"]).output()
    };
    let opened = unwrap(&wrapped)?;
    ensure!(opened.status.success(), "{opened:?}");
    let secret_id = String::from_utf8(opened.stdout)?.trim_end().to_owned();
    let (role_id, secret_id) = (format!("role_id={role_id}"), format!("secret_id={secret_id}"));
    let login = ["login", "-method=approle", "-token-only", &role_id, &secret_id];
    ensure!(printed(&server, &login)?.starts_with("hvs."), "no token");
    let again = server.run("vault", &login)?;
    ensure!(String::from_utf8_lossy(&again.stderr).contains("invalid role or secret ID"), "{again:?}");
    let second = unwrap(&wrapped)?;
    let refusal = "wrapping token is not valid or does not exist";
    ensure!(String::from_utf8_lossy(&second.stderr).contains(refusal), "{second:?}");

    let text = std::fs::read_to_string(&log).context("reading the audit log")?;
    let records = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let refused: Vec<&Value> =
        records.iter().filter(|it| it["error"].as_str().is_some_and(|it| it.contains(refusal))).collect();
    ensure!(refused.iter().any(|it| it["request"]["path"] == "sys/wrapping/unwrap"), "not recorded:\n{text}");
    for secret in [&wrapped, secret_id.trim_start_matches("secret_id=")] {
        ensure!(!text.contains(secret), "a secret stands in the audit log");
    }
    let paths: HashSet<&str> = records.iter().filter_map(|it| it["request"]["path"].as_str()).collect();
    ensure!(paths.contains(path) && paths.contains("auth/approle/login"), "{paths:?}");
    Ok(())
}

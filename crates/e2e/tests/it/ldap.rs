//! People of a directory log in: a real `slapd`, asked by hvac and the command line, and changed in between.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use e2e::development::{self, Development};
use e2e::directory::Directory;
use e2e::server::without_settings;
use e2e::suite::{Access, go_logs_in, node_script};
use e2e::{binary, skip};
use serde_json::Value;

/// Runs a command line; gives what it printed, if it succeeded.
fn run(server: &Development, arguments: &[&str]) -> Result<std::result::Result<String, String>> {
    let output = server.run("vault", arguments)?;
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok(if output.status.success() { Ok(printed.trim_end().to_owned()) } else { Err([printed, errors].concat()) })
}

fn printed(server: &Development, arguments: &[&str]) -> Result<String> {
    run(server, arguments)?.map_err(|text| anyhow::anyhow!("{arguments:?}: {text}"))
}

/// A server that asks the directory, and the tokens of nobody yet.
fn configured(server: &Development, directory: &Directory) -> Result<()> {
    printed(server, &["auth", "enable", "ldap"])?;
    let (url, authority) =
        (format!("url={}", directory.tls_url()), format!("certificate=@{}", directory.authority().display()));
    let account = ["binddn=cn=reader,dc=example,dc=org", "bindpass=reads"];
    let people = ["userdn=ou=people,dc=example,dc=org", "userattr=uid", "groupdn=ou=groups,dc=example,dc=org"];
    let about = [&["write", "auth/ldap/config", &url, &authority][..], &account, &people].concat();
    printed(server, &about)?;
    printed(server, &["write", "auth/ldap/groups/dev", "policies=write"]).map(drop)
}

#[test]
fn hvac_logs_people_of_a_directory_in() -> Result<()> {
    let python = match (Directory::missing(), binary::python()) {
        (None, Ok(python)) => python,
        (missing, python) => {
            let why = missing.or_else(|| python.err().map(|why| why.to_string())).unwrap_or_default();
            skip("LDAP through hvac", &why);
            return Ok(());
        }
    };
    let directory = Directory::start()?;
    let server = Development::start(&[])?;
    let mut command = Command::new(python);
    command.arg(binary::workspace().join("crates/e2e/python/ldap.py"));
    command
        .args([&server.address, &server.root_token, &directory.url(), &directory.tls_url()])
        .arg(directory.authority());
    let output = without_settings(&mut command).env("HOME", server.home()).output().context("starting Python")?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    ensure!(output.status.success() && said.contains("all of it"), "{said}\nserver:\n{}", server.process.output());
    for secret in ["wonder", "reads"] {
        ensure!(!server.process.output().contains(&format!("{secret}\"")), "a password stands in the log");
    }
    Ok(())
}

#[test]
fn node_vault_logs_people_of_a_directory_in() -> Result<()> {
    let (node, script) = match (Directory::missing(), node_script("ldap.mjs")) {
        (None, Ok(found)) => found,
        (missing, found) => {
            let why = missing.or_else(|| found.err().map(|why| format!("{why:#}"))).unwrap_or_default();
            skip("LDAP through node-vault", &why);
            return Ok(());
        }
    };
    let directory = Directory::start()?;
    let server = Development::start(&[])?;
    let mut command = Command::new(node);
    without_settings(command.arg(script)).env("VAULT_ADDR", &server.address).env("VAULT_TOKEN", &server.root_token);
    command.env("LDAP_URL", directory.tls_url()).env("LDAP_CA", directory.authority());
    let output = command.output().context("starting Node.js")?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    ensure!(output.status.success() && said.contains("all is well"), "{said}\nserver:\n{}", server.process.output());
    Ok(())
}

#[test]
fn the_go_client_logs_people_of_a_directory_in() -> Result<()> {
    if let Some(why) = Directory::missing() {
        skip("LDAP through Go", &why);
        return Ok(());
    }
    let directory = Directory::start()?;
    let server = Development::start(&[])?;
    let access = Access {
        root_token: server.root_token.clone(),
        peer: Some(directory.tls_url()),
        folder: directory.authority().parent().map(Into::into),
        ..Access::default()
    };
    go_logs_in("login_ldap", &server.address, &access).with_context(|| server.process.output())
}

#[test]
fn the_page_on_directories_works_as_it_is_written() -> Result<()> {
    let Some(bash) = binary::on_path("bash").filter(|_| Directory::missing().is_none()) else {
        skip("the page on LDAP", &Directory::missing().unwrap_or_else(|| "bash is not installed".to_owned()));
        return Ok(());
    };
    let text = std::fs::read_to_string(binary::workspace().join("docs/ldap.md"))?;
    let commands: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    ensure!(commands.len() >= 10, "docs/ldap.md has {} commands", commands.len());
    let directory = Directory::start()?;
    let server = Development::start(&[])?;
    let mut shell = development::command(&bash, &server.home());
    let path = std::env::join_paths([server.bin(), "/usr/bin".into(), "/bin".into()])?;
    shell.env("VAULT_ADDR", &server.address).env("PATH", path);
    std::fs::copy(directory.authority(), server.home().join("ca.pem"))?;
    shell.env("LDAP_URL", directory.tls_url());
    let output = shell.args(["-euxo", "pipefail", "-c", &commands.join("\n")]).output()?;
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "docs/ldap.md ends with {}:\n{printed}{errors}", output.status);
    Ok(())
}

#[test]
fn a_renewal_follows_the_directory_and_a_directory_that_is_gone_keeps_nobody_waiting() -> Result<()> {
    if let Some(why) = Directory::missing() {
        skip("renewals by LDAP", &why);
        return Ok(());
    }
    let mut directory = Directory::start()?;
    let server = Development::start(&[])?;
    configured(&server, &directory)?;
    let login = ["login", "-method=ldap", "-token-only", "username=bob", "password=wonder"];
    let token = printed(&server, &login)?;
    let renew = || run(&server, &["token", "renew", "-format=json", &token]);
    let renewed: Value = serde_json::from_str(&renew()?.map_err(anyhow::Error::msg)?)?;
    ensure!(renewed["auth"]["token_policies"] == serde_json::json!(["default", "write"]), "{renewed}");
    let dn = "uid=bob,ou=people,dc=example,dc=org";
    directory.change(&format!("dn: cn=Dev,ou=groups,dc=example,dc=org\nchangetype: modify\nadd: member\nmember: uid=ann,ou=people,dc=example,dc=org\n-\ndelete: member\nmember: {dn}\n"))?;
    let refused = renew()?.err().context("the policies have changed")?;
    ensure!(refused.contains("policies have changed, not renewing"), "{refused}");
    directory.change(&format!("dn: {dn}\nchangetype: delete\n"))?;
    let refused = renew()?.err().context("the user is gone")?;
    ensure!(refused.contains("the directory does not tell of the user any more, not renewing"), "{refused}");
    let refused = run(&server, &login)?.err().context("the user is gone")?;
    ensure!(refused.contains("ldap operation failed: failed to bind as user"), "{refused}");
    directory.stop()?;
    let refused = run(&server, &["login", "-method=ldap", "-token-only", "username=ann", "password=secret"])?;
    let refused = refused.err().context("the directory is gone")?;
    ensure!(refused.contains("the LDAP directory could not be asked about the user"), "{refused}");
    Ok(())
}

#[test]
fn who_guesses_passwords_of_a_directory_is_locked_out() -> Result<()> {
    if let Some(why) = Directory::missing() {
        skip("the lockout by LDAP", &why);
        return Ok(());
    }
    let directory = Directory::start()?;
    let server = Development::start(&[])?;
    configured(&server, &directory)?;
    let log_in = |name: &str, password: &str| {
        run(
            &server,
            &["login", "-method=ldap", "-token-only", &format!("username={name}"), &format!("password={password}")],
        )
    };
    for name in ["bob", "BOB", " bob", "Bob", "bOb"] {
        let refused = log_in(name, "guess")?.err().context("a wrong password")?;
        ensure!(refused.contains("failed to bind as user"), "{refused}");
    }
    let refused = log_in("bob", "wonder")?.err().context("bob is locked out")?;
    ensure!(refused.contains("permission denied"), "{refused}");
    ensure!(log_in("ann", "secret")?.is_ok(), "nobody else is");
    Ok(())
}

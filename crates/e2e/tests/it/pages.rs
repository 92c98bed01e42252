//! The pages for operators whose commands need keys, run as they are written: the lines that are indented by four spaces,
//! from top to bottom.

use anyhow::{Context as _, Result, ensure};
use e2e::operator::text;
use e2e::server::{Home, Server, Tls, free_address};
use e2e::{binary, development, skip};
use serde_json::json;

use crate::root_and_rekey::Gpg;

/// What the commands of a page find: files with the unseal keys, of which two are needed, the configuration, and a server.
struct Desk {
    home: Home,
    server: Server,
    root: String,
}

impl Desk {
    /// Runs on nothing else than what it is given: the folder is also the home of whoever types.
    fn new() -> Result<Self> {
        let home = Home::new(Tls::Off)?;
        let bin = home.path().join("bin");
        std::fs::create_dir(&bin)?;
        binary::link_into(&bin)?;
        let server = home.start()?;
        let wanted = json!({"secret_shares": 3, "secret_threshold": 2});
        let made = server.client().expect(200, "PUT", "/v1/sys/init", Some(&wanted))?.json()?;
        for number in 1..=3 {
            let key = text(&made, &format!("/keys/{}", number - 1))?;
            std::fs::write(home.path().join(format!("key-{number}")), format!("{key}\n"))?;
            server.client().expect(200, "PUT", "/v1/sys/unseal", Some(&json!({ "key": key })))?;
        }
        let root = text(&made, "/root_token")?;
        Ok(Self { home, server, root })
    }

    /// Runs the commands of a page; gives what they printed, both streams. `None`, said aloud, without a program that
    /// they need.
    fn follow(
        &self,
        page: &str,
        commands_min: usize,
        needs: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Option<String>> {
        for program in [&["bash"], needs].concat() {
            if binary::on_path(program).is_none() {
                skip(&format!("docs/{page}.md"), &format!("{program} is not installed"));
                return Ok(None);
            }
        }
        let text = std::fs::read_to_string(binary::workspace().join(format!("docs/{page}.md")))?;
        let commands: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    ")).collect();
        ensure!(commands.len() >= commands_min, "docs/{page}.md has {} commands", commands.len());
        let bash = binary::on_path("bash").context("it was there")?;
        let mut shell = development::command(&bash, self.home.path());
        let path = std::env::join_paths([self.home.path().join("bin"), "/usr/bin".into(), "/bin".into()])?;
        shell.env("PATH", path).envs(variables.iter().copied());
        let output = shell.args(["-euxo", "pipefail", "-c", &commands.join("\n")]).output()?;
        let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "docs/{page}.md ends with {}:\n{printed}{errors}", output.status);
        Ok(Some(format!("{printed}{errors}")))
    }
}

#[test]
fn the_page_on_root_tokens_and_keys_works_as_it_is_written() -> Result<()> {
    let desk = Desk::new()?;
    let Some(gpg) = Gpg::new(desk.home.path())? else { return Ok(()) };
    for (name, algorithms) in [("ann", ("ed25519", "cv25519")), ("bob", ("rsa2048", "rsa2048"))] {
        let (file, _) = gpg.key(name, algorithms, true)?;
        std::fs::copy(file, desk.home.path().join(format!("{name}.asc")))?;
    }
    let (address, folder) = (desk.server.url(), gpg.home.display().to_string());
    let variables = [("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", &desk.root), ("GNUPGHOME", &folder)];
    let Some(printed) = desk.follow("root-and-rekey", 35, &["gpg", "base64", "sed"], &variables)? else {
        return Ok(());
    };
    ensure!(printed.contains("hvs."), "the last command decrypts a root token: {printed}");
    let mut client = desk.server.client().with_token(&desk.root);
    client.expect(204, "PUT", "/v1/sys/seal", None)?;
    let mut is_sealed = json!(true);
    for number in 1..=2 {
        let key = std::fs::read_to_string(desk.home.path().join(format!("key-{number}")))?;
        let reply = client.expect(200, "PUT", "/v1/sys/unseal", Some(&json!({ "key": key.trim() })))?.json()?;
        is_sealed = reply["sealed"].clone();
    }
    assert_eq!(is_sealed, json!(false), "the keys that the page ends with are those of the server");
    Ok(())
}

#[test]
fn the_page_on_recovery_works_as_it_is_written() -> Result<()> {
    let mut desk = Desk::new()?;
    let mut root = desk.server.client().with_token(&desk.root);
    for name in ["shop", "stays"] {
        let policy = json!({"policy": "path \"a\" { capabilities = [\"read\"] }"});
        root.expect(204, "PUT", &format!("/v1/sys/policies/acl/{name}"), Some(&policy))?;
    }
    desk.server.process.kill()?;
    let address = free_address()?;
    desk.home.write_configuration(address)?;
    let variables = [("VAULT_ADDR", format!("http://{address}"))];
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let Some(printed) = desk.follow("recovery", 12, &[], &variables)? else { return Ok(()) };
    ensure!(printed.contains("ns/") && printed.contains("hvr."), "{printed}");
    let log = std::fs::read_to_string(desk.home.path().join("recovery.log"))?;
    ensure!(log.contains("Recovery Mode: true") && log.contains("stopped"), "{log}");
    let server = desk.home.start()?;
    for number in 1..=2 {
        let key = std::fs::read_to_string(desk.home.path().join(format!("key-{number}")))?;
        server.client().expect(200, "PUT", "/v1/sys/unseal", Some(&json!({ "key": key.trim() })))?;
    }
    let mut root = server.client().with_token(&desk.root);
    root.expect(404, "GET", "/v1/sys/policies/acl/shop", None)?;
    root.expect(200, "GET", "/v1/sys/policies/acl/stays", None)?;
    Ok(())
}

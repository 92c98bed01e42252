//! The engine for Genesys Cloud, against its stand-in: the page about it as it is written, and what is left outside.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use e2e::development::{self, Development};
use e2e::server::without_settings;
use e2e::{binary, skip};
use simulators::genesys::{ADMIN_ROLE, Alone, ROLE};

#[test]
fn the_page_on_genesys_cloud_works_as_it_is_written() -> Result<()> {
    let Some(bash) = binary::on_path("bash") else {
        skip("the page on Genesys Cloud", "bash is not installed");
        return Ok(());
    };
    let text = std::fs::read_to_string(binary::workspace().join("docs/genesyscloud.md"))?;
    let commands: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    ensure!(commands.len() >= 24, "docs/genesyscloud.md has {} commands", commands.len());
    let server = Development::start(&[])?;
    let alone = Alone::start()?;
    let cloud = &alone.server;
    let root = cloud.make_client("strongroom", &[ADMIN_ROLE]);
    let mut shell = development::command(&bash, &server.home());
    let path = std::env::join_paths([server.bin(), "/usr/bin".into(), "/bin".into()])?;
    shell.env("VAULT_ADDR", &server.address).env("PATH", path).env("GENESYS_URL", cloud.url());
    shell.env("GENESYS_CLIENT_ID", &root.id).env("GENESYS_CLIENT_SECRET", &root.secret).env("GENESYS_ROLE", ROLE);
    let output = shell.args(["-euo", "pipefail", "-c", &commands.join("\n")]).output()?;
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "docs/genesyscloud.md ends with {}:\n{printed}{errors}", output.status);
    ensure!(!cloud.takes(&root.id, &root.secret), "the secret that was typed is dead");
    ensure!(cloud.orphans(&[]).is_empty(), "what the page has made is gone: {:?}", cloud.orphans(&[]));
    ensure!(cloud.live_tokens() == 0, "no access token of theirs is left");
    let log = server.process.output();
    let shown = cloud.issued().into_iter().find(|secret| log.contains(secret));
    ensure!(shown.is_none(), "the server's log shows a secret of Genesys Cloud");
    Ok(())
}

#[test]
fn hvac_uses_clients_of_genesys_cloud() -> Result<()> {
    let python = match binary::python() {
        Ok(python) => python,
        Err(why) => {
            skip("hvac and Genesys Cloud", &why.to_string());
            return Ok(());
        }
    };
    let server = Development::start(&[])?;
    let alone = Alone::start()?;
    let cloud = &alone.server;
    let root = cloud.make_client("strongroom", &[ADMIN_ROLE]);
    let script = binary::workspace().join("crates/e2e/python/genesyscloud.py");
    let mut command = Command::new(python);
    command.arg(script).args([&server.address, &server.root_token, &cloud.url(), &root.id, &root.secret]).arg(ROLE);
    let output = without_settings(&mut command).env("HOME", server.home()).output().context("starting Python")?;
    let shown = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&shown));
    ensure!(cloud.orphans(&[]).is_empty(), "what it has made is gone: {:?}", cloud.orphans(&[]));
    Ok(())
}

//! hvac, the Python client that many programs embed: a tour over the API, with TLS and without, across a restart.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use e2e::server::{Home, Server, Tls, without_settings};
use e2e::{binary, skip};

#[test]
fn hvac_tours_the_api_over_plain_http() -> Result<()> {
    tour(Tls::Off)
}

#[test]
fn hvac_tours_the_api_over_tls() -> Result<()> {
    tour(Tls::On)
}

fn tour(tls: Tls) -> Result<()> {
    let python = match binary::python() {
        Ok(python) => python,
        Err(why) => {
            skip("hvac", &why.to_string());
            return Ok(());
        }
    };
    let home = Home::new(tls)?;
    let run = |server: &Server, part: &str| -> Result<()> {
        let script = binary::workspace().join("crates/e2e/python/tour.py");
        let mut command = Command::new(&python);
        command.arg(script).args([part, &server.url()]).arg(home.path().join("tour.json"));
        if tls == Tls::On {
            command.arg(home.authority());
        }
        let output = without_settings(&mut command).env("HOME", home.path()).output().context("starting Python")?;
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed);
        ensure!(output.status.success(), "{part}:\n{printed}\nserver:\n{}", server.process.output());
        Ok(())
    };
    let server = home.start()?;
    run(&server, "first")?;
    drop(server);
    let server = home.start()?;
    run(&server, "restarted")
}

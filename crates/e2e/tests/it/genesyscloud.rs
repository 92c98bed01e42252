//! The engine for Genesys Cloud, against its stand-in: the page about it as it is written, hvac, and kills at every step.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use e2e::development::{self, Development};
use e2e::http::Client;
use e2e::operator::text;
use e2e::server::without_settings;
use e2e::{binary, skip};
use serde_json::json;
use simulators::genesys::{ADMIN_ROLE, Alone, Genesys, ROLE};

use crate::crashes::{Call, Step, Victim, crashes};

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

#[test]
fn no_kill_leaves_a_client_that_nobody_knows() -> Result<()> {
    let Some(mut victim) = Victim::start()? else {
        skip("kills at every step", "there is no C compiler");
        return Ok(());
    };
    let alone = Alone::start()?;
    let cloud = &alone.server;
    cloud.switch(|switches| (switches.calls_per_minute, switches.tokens_per_minute) = (None, None));
    let stop_at = |stage, method: &str, path: &str| cloud.stop_at(stage, method, path);
    let crashes = crashes()?;
    mount(&mut victim.client(), "genesys", cloud)?;
    let role = json!({ "role_divisions": ROLE, "ttl": "10h" });
    victim.client().expect(204, "POST", "/v1/genesys/role/billing", Some(&role))?;
    let mut stored = 0;
    // Leases first: what is swept of earlier kills writes as well, and nobody must die of that before the lease is stored.
    for step in Step::ALL.into_iter().rev() {
        for _ in 0..crashes {
            let outside = ("POST", "/oauth/clients");
            victim.die_at(
                step,
                &Call { method: "GET", path: "genesys/creds/billing", body: None, outside },
                &stop_at,
            )?;
            stored += usize::from(step == Step::BehindCommit);
        }
    }
    end_leases(&mut victim, cloud, crashes)?;
    let kept = rotate_secrets(&mut victim, cloud, crashes.div_ceil(5))?;
    println!("{} clients live before the sweep, {stored} of them with a lease", cloud.orphans(&kept).len());

    victim.restart_later()?;
    let are_equal = || Ok(victim.leases("genesys/creds/billing/")? == stored && cloud.orphans(&kept).len() == stored);
    victim.wait_until("the end of the sweep", are_equal)?;
    let is_rotated = || {
        let failing = victim.client().expect(200, "GET", "/v1/sys/rotations/failing", None)?.json()?;
        ensure!(failing["data"]["rotation_count"] == json!(0), "{failing}");
        for number in 0..kept.len() {
            let path = format!("/v1/genesys/static-creds/kept-{number}");
            let shown = victim.client().expect(200, "GET", &path, None)?.json()?;
            if !cloud.takes(&text(&shown, "/data/client_id")?, &text(&shown, "/data/client_secret")?) {
                return Ok(false);
            }
        }
        Ok(true)
    };
    victim.wait_until("the end of the rotations", is_rotated)?;
    let client = &mut victim.client();
    client.expect(204, "POST", "/v1/sys/leases/revoke-prefix/genesys/creds", None)?;
    for number in 0..kept.len() {
        client.expect(204, "DELETE", &format!("/v1/genesys/static-role/kept-{number}"), None)?;
    }
    ensure!(cloud.orphans(&[]).is_empty(), "{:?}", cloud.orphans(&[]));
    let stuck = client.expect(200, "GET", "/v1/sys/leases/count?type=irrevocable", None)?.json()?;
    assert_eq!(stuck["data"]["lease_count"], json!(0));
    for step in Step::ALL {
        let path = format!("/v1/{}/rotate-root", root_mount(step));
        victim.wait_until("a root secret that is known", || {
            Ok(victim.client().request("POST", &path, None)?.status == 204)
        })?;
    }
    Ok(())
}

fn mount(client: &mut Client, path: &str, cloud: &Genesys) -> Result<()> {
    client.expect(204, "POST", &format!("/v1/sys/mounts/{path}"), Some(&json!({ "type": "genesyscloud" })))?;
    let root = cloud.make_client(path, &[ADMIN_ROLE]);
    let config = json!({ "api_url": cloud.url(), "login_url": cloud.url(), "client_id": root.id,
        "client_secret": root.secret });
    client.expect(204, "POST", &format!("/v1/{path}/config"), Some(&config))?;
    Ok(())
}

fn root_mount(step: Step) -> String {
    format!("root-{step:?}").to_lowercase()
}

/// Makes leases and kills the server at each step of revoking them; in the end each is revoked.
fn end_leases(victim: &mut Victim, cloud: &Genesys, crashes: usize) -> Result<()> {
    let stop_at = |stage, method: &str, path: &str| cloud.stop_at(stage, method, path);
    for step in Step::ALL {
        for _ in 0..crashes {
            let made = victim.client().expect(200, "GET", "/v1/genesys/creds/billing", None)?.json()?;
            let (id, secret) = (text(&made, "/data/client_id")?, text(&made, "/data/client_secret")?);
            let body = Some(json!({ "lease_id": text(&made, "/lease_id")? }));
            let outside = ("DELETE", id.as_str());
            victim.die_at(step, &Call { method: "PUT", path: "sys/leases/revoke", body, outside }, &stop_at)?;
            victim.wait_until("the end of a client", || Ok(!cloud.takes(&id, &secret)))?;
        }
    }
    Ok(())
}

/// Kills the server at each step of rotating the secrets of clients that are kept, each of another, and of its own client at
/// another mount; gives the ids of those that are kept.
fn rotate_secrets(victim: &mut Victim, cloud: &Genesys, crashes: usize) -> Result<Vec<String>> {
    let stop_at = |stage, method: &str, path: &str| cloud.stop_at(stage, method, path);
    let mut kept = Vec::new();
    for step in Step::ALL {
        for _ in 0..crashes {
            let path = format!("/v1/genesys/static-role/kept-{}", kept.len());
            let role = json!({ "role_divisions": ROLE, "rotation_period": "100h" });
            victim.client().expect(204, "POST", &path, Some(&role))?;
            let shown = victim.client().expect(200, "GET", &path, None)?.json()?;
            let rotate = format!("genesys/rotate-role/kept-{}", kept.len());
            let outside = ("POST", "/secret");
            victim.die_at(step, &Call { method: "POST", path: &rotate, body: None, outside }, &stop_at)?;
            kept.push(text(&shown, "/data/oauth_client_id")?);
        }
        mount(&mut victim.client(), &root_mount(step), cloud)?;
        let rotate = format!("{}/rotate-root", root_mount(step));
        let outside = ("POST", "/secret");
        victim.die_at(step, &Call { method: "POST", path: &rotate, body: None, outside }, &stop_at)?;
    }
    Ok(kept)
}

//! Tokens of Terraform Cloud, against its stand-in: the page about them as it is written, the calls of the Terraform
//! provider, and kills at every step.

use anyhow::{Context as _, Result, ensure};
use e2e::development::{self, Development};
use e2e::operator::text;
use e2e::server::{Home, Tls};
use e2e::{binary, operator, skip};
use serde_json::{Value, json};
use simulators::terraform_cloud::{Alone, ORGANIZATION, Root, TEAM, USER};

use crate::crashes::{Call, Step, Victim, crashes};

/// The token that the documents about the engine write.
const WRITTEN_TOKEN: &str = "Vhz7652ba4c-0f6e-8e75-5724-5e083d72cfe4";

#[test]
fn the_page_on_terraform_cloud_works_as_it_is_written() -> Result<()> {
    let Some(bash) = binary::on_path("bash") else {
        skip("the page on Terraform Cloud", "bash is not installed");
        return Ok(());
    };
    let page = std::fs::read_to_string(binary::workspace().join("docs/terraform-cloud.md"))?;
    let commands: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    ensure!(commands.len() >= 17, "docs/terraform-cloud.md has {} commands", commands.len());
    let server = Development::start(&[])?;
    let alone = Alone::start()?;
    let cloud = &alone.server;
    ensure!(cloud.root_called(Root::User, WRITTEN_TOKEN) == WRITTEN_TOKEN);
    let run = |script: &str| -> Result<String> {
        let mut shell = development::command(&bash, &server.home());
        let path = std::env::join_paths([server.bin(), "/usr/bin".into(), "/bin".into()])?;
        shell.env("VAULT_ADDR", &server.address).env("PATH", path).env("TFC_ADDRESS", cloud.url());
        shell.env("TF_ORGANIZATION", ORGANIZATION).env("TF_USER_ID", USER).env("TF_TEAM_ID", TEAM);
        let output = shell.args(["-euo", "pipefail", "-c", script]).output()?;
        let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{script} ends with {}:\n{printed}{errors}", output.status);
        Ok(printed.into_owned())
    };
    for command in commands {
        let printed = run(command)?;
        let shown: Vec<&str> = printed.lines().filter_map(|line| line.split_whitespace().next()).skip(2).collect();
        let expected: &[&str] = match command {
            "vault secrets enable terraform" => {
                ensure!(printed.trim() == "Success! Enabled the terraform secrets engine at: terraform/", "{printed}");
                continue;
            }
            "vault read terraform/creds/my-role" => {
                ensure!(printed.contains("terraform/creds/my-role/"), "{printed}");
                &["lease_id", "lease_duration", "lease_renewable", "token", "token_id"]
            }
            "vault read terraform/creds/testing" => &["organization", "role", "team_id", "token", "token_id"],
            "vault read terraform/config" => {
                ensure!(!printed.contains("Vhz7652"), "the token is never shown");
                continue;
            }
            _ if command.contains(" write ") && !command.contains("rotate-root") => {
                let path = command.split_whitespace().find(|word| word.starts_with("terraform/")).context("a path")?;
                ensure!(printed.trim() == format!("Success! Data written to: {path}"), "{command}:\n{printed}");
                continue;
            }
            _ => continue,
        };
        ensure!(shown == expected, "{command}:\n{printed}");
    }
    ensure!(cloud.live().iter().filter(|token| token.kind == "organization").count() == 1, "it has one token");
    Ok(())
}

/// What `vault_terraform_cloud_*` and the ephemeral `vault_terraform_token` send, in their order.
#[test]
fn the_calls_of_the_terraform_provider_are_answered() -> Result<()> {
    let home = Home::new(Tls::Off)?;
    let server = home.start()?;
    let keys = operator::initialize(&mut server.client())?;
    operator::unseal(&mut server.client(), &keys)?;
    let alone = Alone::start()?;
    let cloud = &alone.server;
    let client = &mut server.client().with_token(&keys.root_token);

    // vault_terraform_cloud_secret_backend
    let mount = json!({ "type": "terraform", "description": "", "config": { "default_lease_ttl": "60s" } });
    client.expect(204, "POST", "/v1/sys/mounts/tfc", Some(&mount))?;
    let config = json!({ "address": cloud.url(), "base_path": "/api/v2/", "token": cloud.root(Root::User) });
    client.expect(204, "PUT", "/v1/tfc/config", Some(&config))?;
    let read = client.expect(200, "GET", "/v1/tfc/config", None)?.json()?;
    assert_eq!(read["data"], json!({ "address": cloud.url(), "base_path": "/api/v2/" }));
    ensure!(client.expect(200, "GET", "/v1/sys/mounts/tfc", None)?.text().contains("\"terraform\""));
    // A changed token_wo_version sends the token alone.
    client.expect(204, "PUT", "/v1/tfc/config", Some(&json!({ "token": cloud.root(Root::User) })))?;
    let read = client.expect(200, "GET", "/v1/tfc/config", None)?.json()?;
    assert_eq!(read["data"]["address"], json!(cloud.url()), "it goes to the same server");
    client.expect(204, "POST", "/v1/sys/mounts/tfc/tune", Some(&json!({ "max_lease_ttl": "3600s" })))?;

    // vault_terraform_cloud_secret_role: always ttl and max_ttl.
    let role = json!({ "user_id": USER, "ttl": 0, "max_ttl": 0, "credential_type": "user" });
    client.expect(204, "PUT", "/v1/tfc/role/me", Some(&role))?;
    let read = client.expect(200, "GET", "/v1/tfc/role/me", None)?.json()?;
    assert_eq!((&read["data"]["ttl"], &read["data"]["user_id"]), (&json!(0), &json!(USER)));
    let organization = json!({ "organization": ORGANIZATION, "ttl": 0, "max_ttl": 0 });
    client.expect(204, "PUT", "/v1/tfc/role/org", Some(&organization))?;

    // vault_terraform_cloud_secret_creds: made, looked up, revoked; a gone one says so in words that are searched for.
    let made = client.expect(200, "GET", "/v1/tfc/creds/me", None)?.json()?;
    let lease = text(&made, "/lease_id")?;
    ensure!(cloud.knows(&text(&made, "/data/token")?) && made["lease_duration"] == json!(60), "{made}");
    let id = json!({ "lease_id": lease });
    let found = client.expect(200, "PUT", "/v1/sys/leases/lookup", Some(&id))?.json()?;
    assert_eq!(found["data"]["id"], json!(lease));
    client.expect(204, "PUT", "/v1/sys/leases/revoke", Some(&id))?;
    ensure!(!cloud.knows(&text(&made, "/data/token")?), "it has ended");
    let gone = client.expect(400, "PUT", "/v1/sys/leases/lookup", Some(&id))?;
    ensure!(gone.text().contains("invalid lease"), "{}", gone.text());

    // The ephemeral vault_terraform_token: opened and closed; an organization's has no lease to close.
    let opened = client.expect(200, "GET", "/v1/tfc/creds/me", None)?.json()?;
    client.expect(204, "PUT", "/v1/sys/leases/revoke", Some(&json!({ "lease_id": text(&opened, "/lease_id")? })))?;
    let kept = client.expect(200, "GET", "/v1/tfc/creds/org", None)?.json()?;
    assert_eq!(
        (&kept["lease_id"], &kept["renewable"], &kept["lease_duration"]),
        (&json!(""), &json!(false), &json!(0))
    );

    // No one's token is in what was read of the others.
    client.expect(204, "DELETE", "/v1/tfc/role/me", None)?;
    client.expect(404, "GET", "/v1/tfc/role/me", None)?;
    client.expect(204, "DELETE", "/v1/sys/mounts/tfc", None)?;
    Ok(())
}

#[test]
fn no_kill_leaves_a_token_that_nobody_knows() -> Result<()> {
    let Some(mut victim) = Victim::start()? else {
        skip("kills at every step", "there is no C compiler");
        return Ok(());
    };
    let alone = Alone::start()?;
    let cloud = &alone.server;
    cloud.limit(None);
    let stop_at = |stage, method: &str, path: &str| cloud.stop_at(stage, method, path);
    let crashes = crashes()?;
    let client = &mut victim.client();
    client.expect(204, "POST", "/v1/sys/mounts/terraform", Some(&json!({ "type": "terraform" })))?;
    let config = json!({ "address": cloud.url(), "token": cloud.root(Root::User) });
    client.expect(204, "POST", "/v1/terraform/config", Some(&config))?;
    client.expect(204, "POST", "/v1/terraform/role/user", Some(&json!({ "user_id": USER })))?;
    let team = json!({ "team_id": TEAM, "credential_type": "team" });
    client.expect(204, "POST", "/v1/terraform/role/team", Some(&team))?;
    client.expect(204, "POST", "/v1/terraform/role/org", Some(&json!({ "organization": ORGANIZATION })))?;

    let mut stored = 0;
    for step in Step::ALL {
        for number in 0..crashes {
            let (path, outside) = if number.is_multiple_of(2) {
                ("terraform/creds/user", format!("users/{USER}/authentication-tokens"))
            } else {
                ("terraform/creds/team", format!("teams/{TEAM}/authentication-tokens"))
            };
            let call = Call { method: "GET", path, body: None, outside: ("POST", &outside) };
            victim.die_at(step, &call, &stop_at)?;
            stored += usize::from(step == Step::BehindCommit);
        }
    }
    end_leases(&mut victim, cloud, crashes)?;
    let call = Call {
        method: "POST",
        path: "terraform/rotate-role/org",
        body: None,
        outside: ("POST", "organizations/example-org/authentication-token"),
    };
    for step in Step::ALL {
        for _ in 0..crashes.div_ceil(5) {
            victim.die_at(step, &call, &stop_at)?;
        }
    }
    println!("{} tokens live before the sweep, {stored} of them with a lease", cloud.orphans(&[]).len());

    victim.restart_later()?;
    victim.wait_until("the end of the sweep", || {
        let leases = victim.leases("terraform/creds/user/")? + victim.leases("terraform/creds/team/")?;
        // The organization's token has no lease.
        let is_swept = leases == stored && cloud.orphans(&[]).len() == stored + 1;
        Ok(is_swept && victim.leases("terraform/rotate-role/")? == 0)
    })?;
    let client = &mut victim.client();
    let kept = client.expect(200, "GET", "/v1/terraform/creds/org", None)?.json()?;
    ensure!(cloud.knows(&text(&kept, "/data/token")?), "the organization's token works");
    client.expect(204, "POST", "/v1/sys/leases/revoke-prefix/terraform/creds", None)?;
    let left = cloud.orphans(&[]);
    ensure!(left.len() == 1 && left.iter().all(|token| token.kind == "organization"), "{left:?}");
    let stuck = client.expect(200, "GET", "/v1/sys/leases/count?type=irrevocable", None)?.json()?;
    assert_eq!(stuck["data"]["lease_count"], json!(0));
    Ok(())
}

/// Makes leases and kills the server at each step of revoking them; in the end each is revoked.
fn end_leases(victim: &mut Victim, cloud: &simulators::terraform_cloud::TerraformCloud, crashes: usize) -> Result<()> {
    let stop_at = |stage, method: &str, path: &str| cloud.stop_at(stage, method, path);
    for step in Step::ALL {
        for _ in 0..crashes {
            let before = victim.leases("terraform/creds/user/")?;
            let made = victim.client().expect(200, "GET", "/v1/terraform/creds/user", None)?.json()?;
            let id = text(&made, "/data/token_id")?;
            let outside = format!("authentication-tokens/{id}");
            let body: Option<Value> = Some(json!({ "lease_id": text(&made, "/lease_id")? }));
            let call = Call { method: "PUT", path: "sys/leases/revoke", body, outside: ("DELETE", &outside) };
            victim.die_at(step, &call, &stop_at)?;
            let token = text(&made, "/data/token")?;
            victim.wait_until("the end of a token and its lease", || {
                Ok(!cloud.knows(&token) && victim.leases("terraform/creds/user/")? <= before)
            })?;
        }
    }
    Ok(())
}

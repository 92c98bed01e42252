//! Declarations in the configuration: in force after the unseal and after a hang-up signal, wrong ones refused, and no
//! value in any log.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::operator;
use e2e::server::{Home, Server, Tls};
use serde_json::{Value, json};

/// How long declarations may take to be in force.
const EFFECT_MAX: Duration = Duration::from_secs(60);
/// In every value that is declared.
const CANARY: &str = "canary-77aa";

fn state(server: &Server) -> Option<Value> {
    let health = server.client().request("GET", "/v1/sys/health", None).ok()?.json().ok()?;
    health.get("bootstrap").cloned()
}

fn stanza(folder: &std::path::Path, period: &str) -> String {
    format!(
        "bootstrap {{
          namespace \"team\" {{}}
          secrets \"kv\" {{ namespace = \"team\" type = \"kv\" options = {{ version = \"2\" }} }}
          policy \"shop\" {{ namespace = \"team\" file = \"{}/shop.hcl\" }}
          request \"auth/token/roles/app\" {{ data {{ token_period = \"{period}\" allowed_policies = [\"shop\"] }} }}
          request \"kv/data/app\" {{
            namespace = \"team\"
            data {{ data = {{ pass = {{ from_file = \"{}/pass\" }} note = \"{CANARY}\" }} }}
          }}
        }}\n",
        folder.display(),
        folder.display()
    )
}

#[test]
fn declarations_are_in_force_after_the_unseal_and_after_a_hang_up() -> Result<()> {
    let mut home = Home::new(Tls::Off)?;
    let folder = home.path().to_owned();
    std::fs::write(folder.join("shop.hcl"), "path \"kv/*\" { capabilities = [\"read\"] }\n")?;
    std::fs::write(folder.join("pass"), format!("{CANARY}-1\n"))?;
    home.configure(&stanza(&folder, "1h"));
    let mut server = home.start()?;
    assert_eq!(state(&server), Some(json!("pending")));
    let keys = operator::initialize(&mut server.client())?;
    let mut root = server.client().with_token(&keys.root_token);
    operator::unseal(&mut root, &keys)?;
    let applied = json!("applied");
    let address = server.address;
    let health = move || {
        let health = e2e::http::Client::new(address).request("GET", "/v1/sys/health", None).ok()?.json().ok()?;
        health.get("bootstrap").cloned()
    };
    server.process.wait_until("declarations", EFFECT_MAX, |_| (health()? == applied).then_some(()))?;
    let secret = |root: &mut e2e::http::Client| -> Result<Value> {
        let read = root.expect(200, "GET", "/v1/team/kv/data/app", None)?.json()?;
        Ok(read["data"].clone())
    };
    let first = secret(&mut root)?;
    assert_eq!(first["data"], json!({"pass": format!("{CANARY}-1"), "note": CANARY}));
    assert_eq!(first["metadata"]["version"], json!(1));

    // A sound change, then one that is not.
    std::fs::write(folder.join("pass"), format!("{CANARY}-2"))?;
    let path = folder.join("strongroom.hcl");
    let text = std::fs::read_to_string(&path)?;
    std::fs::write(&path, text.replace("\"1h\"", "\"2h\""))?;
    server.process.signal("HUP")?;
    server.process.wait_until("second round", EFFECT_MAX, |output| {
        output.contains("bootstrap: change request team/kv/data/app (data)").then_some(())?;
        output.contains("changed=2").then_some(())
    })?;
    assert_eq!(secret(&mut root)?["metadata"]["version"], json!(2));
    let role = root.expect(200, "GET", "/v1/auth/token/roles/app", None)?.json()?;
    assert_eq!(role["data"]["token_period"], json!(7200));
    std::fs::write(&path, text.replace("secrets \"kv\"", "secrets \"sys\""))?;
    server.process.signal("HUP")?;
    server.process.wait_until("complaint", EFFECT_MAX, |output| {
        output.contains("bootstrap could not be reloaded, what was there before stays").then_some(())
    })?;
    assert_eq!(health(), Some(json!("applied")));

    // The same again after a restart: nothing is written.
    std::fs::write(&path, &text)?;
    server.process.kill()?;
    home.configure(&stanza(&folder, "2h"));
    let mut again = home.start()?;
    let mut root = again.client().with_token(&keys.root_token);
    operator::unseal(&mut root, &keys)?;
    again.process.wait_until("unchanged", EFFECT_MAX, |output| output.contains("unchanged=5").then_some(()))?;
    assert_eq!(secret(&mut root)?["metadata"]["version"], json!(2));
    for output in [server.process.output(), again.process.output()] {
        ensure!(!output.contains(CANARY), "a value in the log:\n{output}");
    }
    Ok(())
}

#[test]
fn a_failing_declaration_is_told_of_and_stops_nothing_else() -> Result<()> {
    let mut home = Home::new(Tls::Off)?;
    home.configure(
        "bootstrap {\n  secrets \"kv\" { type = \"kv\" }\n  request \"nowhere/x\" { data { a = \"canary-77aa\" } }\n}\n",
    );
    let mut server = home.start()?;
    let keys = operator::initialize(&mut server.client())?;
    let mut root = server.client().with_token(&keys.root_token);
    operator::unseal(&mut root, &keys)?;
    let told = server.process.wait_until("complaint", EFFECT_MAX, |output| {
        let line = output.lines().find(|line| line.contains("not everything is in force"))?;
        Some(line.to_owned())
    })?;
    ensure!(told.contains("request nowhere/x (") && told.contains("line 13"), "{told}");
    assert_eq!(state(&server), Some(json!("failing")));
    root.expect(204, "PUT", "/v1/kv/app", Some(&json!({"what came before": "is in force"})))?;
    // It is put in force by a later try, once it can be.
    root.expect(204, "POST", "/v1/sys/mounts/nowhere", Some(&json!({"type": "kv"})))?;
    let address = server.address;
    server.process.wait_until("later try", EFFECT_MAX, |_| {
        let health = e2e::http::Client::new(address).request("GET", "/v1/sys/health", None).ok()?.json().ok()?;
        (health.get("bootstrap") == Some(&json!("applied"))).then_some(())
    })?;
    ensure!(!server.process.output().contains(CANARY), "{}", server.process.output());
    Ok(())
}

#[test]
fn a_plan_is_shown_without_a_server_and_wrong_declarations_end_the_start() -> Result<()> {
    let mut home = Home::new(Tls::Off)?;
    let folder = home.path().to_owned();
    home.configure(&stanza(&folder, "1h"));
    let mut refused = home.spawn()?;
    let status = refused.process.wait_for_exit(EFFECT_MAX)?.context("it does not end")?;
    let log = refused.process.whole_output()?;
    ensure!(status.code() == Some(1) && log.contains("shop.hcl") && log.contains("strongroom.hcl, line "), "{log}");
    std::fs::write(folder.join("shop.hcl"), "")?;
    std::fs::write(folder.join("pass"), CANARY)?;
    let output = std::process::Command::new(e2e::binary::find()?)
        .args(["server", "-plan"])
        .arg(format!("-config={}", folder.join("strongroom.hcl").display()))
        .output()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success() && printed.starts_with("5 declared, in this order"), "{output:?}");
    ensure!(printed.contains("  secrets team/kv {") && !printed.contains(CANARY), "{printed}");
    ensure!(!home.data().exists(), "a store was made");
    Ok(())
}

//! Foreign applications log people in through this server and verify its identity tokens, knowing nothing of it but
//! OpenID Connect: openid-client, which is certified for that, and jose.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use e2e::development::Development;
use e2e::process::Process;
use e2e::server::without_settings;
use e2e::suite::node_script;

/// How long the script may take, on a busy machine.
const RUN_MAX: Duration = Duration::from_secs(120);

#[test]
fn foreign_applications_log_people_in_and_verify_identity_tokens() -> Result<()> {
    let (node, script) = match node_script("oidc.mjs") {
        Ok(found) => found,
        Err(why) => {
            e2e::skip("openid-client and jose", &format!("{why:#}"));
            return Ok(());
        }
    };
    let server = Development::start(&[])?;
    let mut command = Command::new(node);
    without_settings(command.arg(script)).env("VAULT_ADDR", &server.address).env("VAULT_TOKEN", &server.root_token);
    let mut process = Process::start(&mut command)?;
    let Some(status) = process.wait_for_exit(RUN_MAX)? else {
        bail!("still running after {RUN_MAX:?}:\n{}", process.output());
    };
    let printed = process.whole_output()?;
    ensure!(status.success(), "{printed}");
    printed.contains("all is well").then_some(()).context("the script has not come to its end")
}

//! The first minute: the commands that the README shows and the ones that others' tutorials show, as they stand there.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use e2e::{binary, isolation, skip};

/// Stands before the block of `README.md` that is run here.
const README_MARKER: &str = "<!-- tested: first-secret -->";

/// Waits for the development server that the script has just started in the background, and fails when it ends.
const UNTIL_READY: &str = r#"
server=$!
curl --silent --retry 60 --retry-delay 1 --retry-connrefused --output /dev/null http://127.0.0.1:8200/v1/sys/health
kill -0 "$server"
"#;

fn run(name: &str, script: &str) -> Result<Option<String>> {
    if let Some(why) = isolation::missing() {
        skip(name, &why);
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let (home, bin) = (folder.path().join("home"), folder.path().join("bin"));
    fs::create_dir(&home)?;
    fs::create_dir(&bin)?;
    binary::link_into(&bin)?;
    isolation::run(script, &home, &bin).map(Some)
}

#[test]
fn the_readme_shows_a_first_secret_that_works() -> Result<()> {
    let block = marked_block(&binary::workspace().join("README.md"), README_MARKER)?;
    let script = format!("strongroom server -dev &\n{UNTIL_READY}\n{block}\n");
    let Some(printed) = run("the README's first secret", &script)? else { return Ok(()) };
    // Once from the command line, once from curl.
    ensure!(printed.matches("correct-horse").count() >= 2, "the secret did not come back:\n{printed}");
    Ok(())
}

/// Kong's "Configure HashiCorp Vault as a vault backend with OAuth2", without its JWT lines: that auth method is not
/// there yet.
#[test]
fn the_vault_commands_of_a_kong_tutorial_work_as_typed() -> Result<()> {
    let script = format!(
        r#"
vault server -dev -dev-root-token-id root > "$HOME/server.log" 2>&1 &
{UNTIL_READY}
eval "$(grep -o "export VAULT_ADDR=.*" "$HOME/server.log" | head -n 1)"
echo "address: $VAULT_ADDR"
vault status
vault kv put -mount="secret" "password" pass=mypassword
vault kv get -mount="secret" "password"
echo "alone: $(vault kv get -mount="secret" -field=pass "password")"
curl --silent --fail --header "X-Vault-Token: root" "$VAULT_ADDR/v1/secret/data/password"
"#
    );
    let Some(printed) = run("the Kong tutorial", &script)? else { return Ok(()) };
    for expected in [
        "address: http://127.0.0.1:8200",
        "Sealed",
        "false",
        "version",
        "alone: mypassword\n",
        "\"pass\":\"mypassword\"",
    ] {
        ensure!(printed.contains(expected), "{expected:?} is missing:\n{printed}");
    }
    Ok(())
}

/// The fenced block that follows the marker.
fn marked_block(document: &Path, marker: &str) -> Result<String> {
    let text = fs::read_to_string(document).with_context(|| format!("reading {}", document.display()))?;
    let (_, after) = text.split_once(marker).with_context(|| format!("no {marker} in {}", document.display()))?;
    let fenced = after.trim_start().strip_prefix("```sh\n").context("no ```sh block behind the marker")?;
    let (block, _) = fenced.split_once("\n```").context("the block has no end")?;
    ensure!(!block.trim().is_empty(), "the block is empty");
    Ok(block.to_owned())
}

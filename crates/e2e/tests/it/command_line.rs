//! What an installation promises to scripts: one binary under three names, and the exit codes of `status`.

use std::process::Output;

use anyhow::{Result, ensure};
use e2e::development::{self, Development};
use e2e::operator;
use e2e::server::{self, Home, Tls};
use e2e::{binary, isolation};

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_links_answer_to_the_name_that_they_were_called_by() -> Result<()> {
    let folder = tempfile::tempdir()?;
    binary::link_into(folder.path())?;
    for name in ["strongroom", "vault", "bao"] {
        let run = |arguments: &[&str]| {
            development::command(&folder.path().join(name), folder.path()).args(arguments).output()
        };
        let version = run(&["version"])?;
        ensure!(version.status.success(), "{version:?}");
        // Tools look for a semantic version behind this word.
        ensure!(printed(&version).starts_with("Vault v1."), "{version:?}");
        ensure!(printed(&version).contains("Strongroom"), "{version:?}");
        let flag = run(&["-v"])?;
        assert_eq!(printed(&flag), printed(&version));
        let help = run(&["-h"])?;
        assert_eq!(help.status.code(), Some(0));
        ensure!(printed(&help).contains(&format!("Usage: {name} <command>")), "{help:?}");
        let deeper = run(&["kv", "get", "-h"])?;
        ensure!(printed(&deeper).contains(&format!("{name} kv get")), "{deeper:?}");
        assert_eq!(run(&["no-such-command"])?.status.code(), Some(127));
    }
    Ok(())
}

#[test]
fn status_tells_unsealed_sealed_and_unreachable_by_its_exit_code() -> Result<()> {
    let development = Development::start(&[])?;
    let unsealed = development.run("vault", &["status"])?;
    assert_eq!(unsealed.status.code(), Some(0), "{unsealed:?}");
    assert_eq!(development.run("vault", &["operator", "seal"])?.status.code(), Some(0));
    let sealed = development.run("vault", &["status"])?;
    assert_eq!(sealed.status.code(), Some(2), "{sealed:?}");
    let sealed = development.run("vault", &["status", "-format=json"])?;
    assert_eq!(sealed.status.code(), Some(2), "the form of the output changes nothing");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&printed(&sealed))?["sealed"], true);
    let mut nowhere = development::command(&development.bin().join("vault"), &development.home());
    let nowhere = nowhere.env("VAULT_ADDR", format!("http://{}", server::free_address()?)).arg("status").output()?;
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");

    let home = Home::new(Tls::Off)?;
    let server = home.start()?;
    let status = || {
        let mut status = development::command(&development.bin().join("vault"), home.path());
        status.env("VAULT_ADDR", server.url()).arg("status").output()
    };
    assert_eq!(status()?.status.code(), Some(2), "not initialized is sealed, too");
    let keys = operator::initialize(&mut server.client())?;
    assert_eq!(status()?.status.code(), Some(2));
    operator::unseal(&mut server.client(), &keys)?;
    assert_eq!(status()?.status.code(), Some(0));
    Ok(())
}

/// The blocks of `docs/operating.md` that an operator types, from `operator init` to the revoked root token.
#[test]
fn the_operators_first_hour_works_as_documented() -> Result<()> {
    if let Some(why) = isolation::missing() {
        e2e::skip("the operator's first hour", &why);
        return Ok(());
    }
    let document = std::fs::read_to_string(binary::workspace().join("docs/operating.md"))?;
    let block = |start: &str| -> Result<String> {
        let found = document.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("\n```"));
        let found = found.map(|(block, _)| block).find(|block| block.contains(start));
        found.map(str::to_owned).ok_or_else(|| anyhow::anyhow!("no block with {start:?} in docs/operating.md"))
    };
    let init = block("operator init")?;
    let init = init.lines().find(|line| line.contains("operator init")).unwrap_or_default();
    let tokens = block("policy write")?;
    let folder = tempfile::tempdir()?;
    let (home, bin) = (folder.path().join("home"), folder.path().join("bin"));
    std::fs::create_dir(&home)?;
    std::fs::create_dir(&bin)?;
    binary::link_into(&bin)?;
    let script = format!(
        r#"
export VAULT_ADDR=http://127.0.0.1:8200
mkdir -m 700 "$HOME/data"
cat > "$HOME/strongroom.hcl" <<END
storage "embedded" {{ path = "$HOME/data" }}
listener "tcp" {{
  address     = "127.0.0.1:8200"
  tls_disable = true
}}
END
strongroom server -config="$HOME/strongroom.hcl" > "$HOME/log" 2>&1 &
server=$!
curl --silent --retry 60 --retry-delay 1 --retry-connrefused --output /dev/null "$VAULT_ADDR/v1/sys/health"
{init} > "$HOME/keys"
grep -c "Unseal Key" "$HOME/keys"
for number in 1 3 5; do
  strongroom operator unseal "$(sed -n "s/Unseal Key $number: //p" "$HOME/keys")" > /dev/null
done
strongroom status
export VAULT_TOKEN="$(sed -n 's/Initial Root Token: //p' "$HOME/keys")"
{{
{tokens}
}} | tee "$HOME/tokens"
strongroom token lookup && exit 1
for token in $(grep -o 'hvs\.[A-Za-z0-9]*' "$HOME/tokens"); do
  VAULT_TOKEN="$token" strongroom token lookup | sed -n 's/^display_name/alive/p'
done
strongroom operator unseal -reset > /dev/null
kill -TERM "$server"
wait "$server"
cat "$HOME/log"
echo "ended well"
"#
    );
    let printed = isolation::run(&script, &home, &bin)?;
    for expected in ["5\n", "Success! Uploaded policy: shop", "token_duration", "24h", "ended well"] {
        ensure!(printed.contains(expected), "{expected:?} is missing:\n{printed}");
    }
    // The operator's and the program's token outlive the root token that made them.
    ensure!(printed.matches("alive").count() == 2, "{printed}");
    ensure!(!printed.contains("WARN") && !printed.contains("ERROR"), "the log of a quiet server:\n{printed}");
    Ok(())
}

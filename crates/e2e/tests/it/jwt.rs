//! Logins with tokens that others have signed, against an OpenID provider that is certified for being one: the walk that
//! Kong takes with Auth0, the page about it as it is written, foreign clients, and a browser that the command line sends.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use e2e::development::{self, Development};
use e2e::process::Process;
use e2e::server::without_settings;
use e2e::suite::node_script;
use e2e::{binary, skip};

/// How long the provider may take to start, and a script to come to its end, on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);
const RUN_MAX: Duration = Duration::from_secs(180);

/// The provider, as long as it is held.
struct Provider {
    url: String,
    process: Process,
}

impl Provider {
    /// `None` where Node.js or the provider is not installed, which is then said.
    fn start(test: &str) -> Result<Option<Self>> {
        let (node, script) = match node_script("provider.mjs") {
            Ok(found) => found,
            Err(why) => {
                skip(test, &format!("{why:#}"));
                return Ok(None);
            }
        };
        let mut process = Process::start(Command::new(node).arg(script))?;
        let find = |text: &str| text.lines().find_map(|line| line.strip_prefix("provider: ")).map(str::to_owned);
        let url = process.wait_until("address of the provider", START_MAX, find)?;
        Ok(Some(Self { url, process }))
    }
}

/// Runs a script to its end, which it has to say.
fn all_is_well(mut command: Command) -> Result<()> {
    let mut process = Process::start(&mut command)?;
    let Some(status) = process.wait_for_exit(RUN_MAX)? else {
        bail!("still running after {RUN_MAX:?}:\n{}", process.output());
    };
    let printed = process.whole_output()?;
    ensure!(status.success(), "{printed}");
    printed.contains("all is well").then_some(()).context("the script has not come to its end")
}

/// Runs bash in the surroundings of a user of the server and of the provider's machine client.
fn bash(server: &Development, provider: &Provider, arguments: &[&str]) -> Result<Option<Output>> {
    let (Some(bash), Some(_)) = (binary::on_path("bash"), binary::on_path("curl")) else {
        skip("logins by scripts", "bash or curl is not installed");
        return Ok(None);
    };
    let path = std::env::join_paths([server.bin(), "/usr/bin".into(), "/bin".into()])?;
    let mut shell = development::command(&bash, &server.home());
    shell.env("VAULT_ADDR", &server.address).env("VAULT_TOKEN", &server.root_token).env("PATH", path);
    shell.env("DECK_DOMAIN", "idp.test").env("DECK_ISSUER", &provider.url).env("ISSUER", &provider.url);
    shell.env("DECK_CLIENT_ID", "kong").env("DECK_CLIENT_SECRET", "kong-secret");
    shell.args(arguments);
    Ok(Some(shell.output()?))
}

fn printed(output: &Output) -> Result<String> {
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{}:\n{printed}{errors}", output.status);
    Ok(printed.into_owned())
}

#[test]
fn the_walk_from_credentials_at_auth0_to_a_secret_works_as_it_is_written() -> Result<()> {
    let Some(provider) = Provider::start("the walk with Auth0")? else { return Ok(()) };
    let server = Development::start(&[])?;
    let script = binary::workspace().join("docs/jwt/auth0.sh");
    let Some(output) = bash(&server, &provider, &[&script.to_string_lossy()])? else { return Ok(()) };
    let printed = printed(&output)?;
    ensure!(printed.contains(r#""pass":"mypassword""#), "{printed}");
    Ok(())
}

#[test]
fn the_page_on_jwt_works_as_it_is_written() -> Result<()> {
    let Some(provider) = Provider::start("docs/jwt.md")? else { return Ok(()) };
    let text = std::fs::read_to_string(binary::workspace().join("docs/jwt.md"))?;
    let commands: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    ensure!(commands.len() >= 12, "docs/jwt.md has {} commands", commands.len());
    let server = Development::start(&[])?;
    let commands = commands.join("\n");
    let Some(output) = bash(&server, &provider, &["-euxo", "pipefail", "-c", &commands])? else { return Ok(()) };
    printed(&output).map(drop).context("docs/jwt.md")
}

#[test]
fn machines_log_in_through_node_vault_and_what_is_no_token_does_not() -> Result<()> {
    let Some(provider) = Provider::start("node-vault with a provider")? else { return Ok(()) };
    let (node, script) = node_script("jwt.mjs")?;
    let server = Development::start(&[])?;
    let mut command = Command::new(node);
    without_settings(command.arg(script)).env("VAULT_ADDR", &server.address).env("VAULT_TOKEN", &server.root_token);
    command.env("PROVIDER", &provider.url);
    all_is_well(command).with_context(|| provider.process.output())
}

#[test]
fn machines_and_people_log_in_through_hvac() -> Result<()> {
    let python = match binary::python() {
        Ok(python) => python,
        Err(why) => {
            skip("hvac with a provider", &why.to_string());
            return Ok(());
        }
    };
    let Some(provider) = Provider::start("hvac with a provider")? else { return Ok(()) };
    let server = Development::start(&[])?;
    let mut command = Command::new(python);
    without_settings(command.arg(binary::workspace().join("crates/e2e/python/jwt.py")));
    command.args([&server.address, &provider.url]).env("SUITE_ROOT_TOKEN", &server.root_token);
    all_is_well(command).with_context(|| provider.process.output())
}

#[test]
fn the_command_line_sends_a_browser_and_gets_a_token() -> Result<()> {
    let Some(curl) = binary::on_path("curl") else {
        skip("login -method=oidc", "curl is not installed");
        return Ok(());
    };
    let Some(provider) = Provider::start("login -method=oidc")? else { return Ok(()) };
    let server = Development::start(&[])?;
    let run = |arguments: &[&str]| printed(&server.run("vault", arguments)?);
    let discovery = format!("oidc_discovery_url={}", provider.url);
    run(&["auth", "enable", "oidc"])?;
    let secret = "oidc_client_secret=a secret: with + and %";
    run(&["write", "auth/oidc/config", &discovery, "oidc_client_id=strongroom", secret, "default_role=staff"])?;
    let back = "allowed_redirect_uris=http://localhost:8250/oidc/callback";
    run(&["write", "auth/oidc/role/staff", "user_claim=sub", back, "token_policies=default", "oidc_scopes=email"])?;

    // Any port will do on one's own machine: the test must not wait for one that is fixed.
    let mut login = development::command(&server.bin().join("vault"), &server.home());
    login.env("VAULT_ADDR", &server.address).args(["login", "-method=oidc", "-token-only", "port=0"]);
    let mut login = Process::start(login.stdin(Stdio::null()))?;
    let find = |text: &str| text.lines().find_map(|line| line.trim().strip_prefix(&provider.url)).map(str::to_owned);
    let path = login.wait_until("URL for a browser", START_MAX, find)?;
    let jar = server.home().join("cookies");
    let mut browser = Command::new(curl);
    browser.args(["-sSL", "--max-time", "60", "-c"]).arg(&jar).arg("-b").arg(&jar);
    let page = printed(&browser.arg(format!("{}{path}", provider.url)).output()?)?;
    ensure!(page.contains("You are signed in"), "{page}");
    let Some(status) = login.wait_for_exit(RUN_MAX)? else { bail!("the command waits on:\n{}", login.output()) };
    let said = login.whole_output()?;
    ensure!(status.success(), "{said}");
    let token = said.lines().find(|line| line.starts_with("hvs.")).context("no token")?;
    let mut lookup = development::command(&server.bin().join("vault"), &server.home());
    lookup.env("VAULT_ADDR", &server.address).env("VAULT_TOKEN", token);
    let shown = printed(&lookup.args(["token", "lookup", "-format=json"]).output()?)?;
    ensure!(shown.contains("\"display_name\": \"oidc-ann\""), "{shown}");
    Ok(())
}

/// What stands in a hidden field of a page.
fn hidden<'p>(page: &'p str, name: &str) -> Result<&'p str> {
    let (_, rest) =
        page.split_once(&format!("name=\"{name}\" value=\"")).with_context(|| format!("no {name} in {page}"))?;
    rest.split_once('"').map(|(value, _)| value).context("the field does not end")
}

#[test]
fn a_command_on_another_machine_gets_its_token_when_the_browser_has_agreed_at_the_server() -> Result<()> {
    let Some(curl) = binary::on_path("curl") else {
        skip("login -method=oidc callbackmode=direct", "curl is not installed");
        return Ok(());
    };
    let Some(provider) = Provider::start("login -method=oidc callbackmode=direct")? else { return Ok(()) };
    let server = Development::start(&[])?;
    let run = |arguments: &[&str]| printed(&server.run("vault", arguments)?);
    let discovery = format!("oidc_discovery_url={}", provider.url);
    run(&["auth", "enable", "oidc"])?;
    let secret = "oidc_client_secret=a secret: with + and %";
    run(&["write", "auth/oidc/config", &discovery, "oidc_client_id=strongroom", secret, "default_role=remote"])?;
    let callback = format!("{}/v1/auth/oidc/oidc/callback", server.address);
    let back = format!("allowed_redirect_uris={callback}");
    let direct = ["user_claim=sub", "callback_mode=direct", "poll_interval=1", "token_policies=default", &back];
    run(&[&["write", "auth/oidc/role/remote"][..], &direct].concat())?;

    let mut login = development::command(&server.bin().join("vault"), &server.home());
    login.env("VAULT_ADDR", &server.address).args(["login", "-method=oidc", "-token-only", "callbackmode=direct"]);
    let mut login = Process::start(login.stdin(Stdio::null()))?;
    let find = |text: &str| text.lines().find_map(|line| line.trim().strip_prefix(&provider.url)).map(str::to_owned);
    let path = login.wait_until("URL for a browser", START_MAX, find)?;
    let jar = server.home().join("cookies");
    let browse = |arguments: &[&str]| {
        let mut browser = Command::new(&curl);
        browser.args(["-sSL", "--max-time", "60", "-c"]).arg(&jar).arg("-b").arg(&jar);
        printed(&browser.args(arguments).output()?)
    };
    let page = browse(&[&format!("{}{path}", provider.url)])?;
    ensure!(page.contains("A program at 127.0.0.1 asks") && page.contains("for the role remote"), "{page}");
    let (state, code) = (hidden(&page, "state")?, hidden(&page, "code")?);
    let [state, code] = [format!("state={state}"), format!("code={code}")];
    let agreed = ["-G", &callback, "--data-urlencode", &state, "--data-urlencode", &code, "-d", "confirmation=true"];
    let page = browse(&agreed)?;
    ensure!(page.contains("You are signed in"), "{page}");
    let Some(status) = login.wait_for_exit(RUN_MAX)? else { bail!("the command waits on:\n{}", login.output()) };
    let said = login.whole_output()?;
    ensure!(status.success() && said.lines().any(|line| line.starts_with("hvs.")), "{said}");
    ensure!(browse(&agreed)?.contains("Expired or missing OAuth state"), "the state is good for one login");
    Ok(())
}

//! Terraform with its provider for Vault: what works, and where secrets are left behind, counted.
//!
//! The program is the machine's own. The provider is the real one where `make terraform-programs` could build it, else
//! the stand-in of `terraform/provider`: what Terraform keeps and prints of the values is the same program's doing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use e2e::deadline::Deadline;
use e2e::development::{self, Development};
use e2e::{binary, skip};
use simulators::genesys::{self, ADMIN_ROLE, ROLE};
use simulators::terraform_cloud::{self, Root, USER};

/// Where the table of the page begins and ends.
const TABLE: [&str; 2] = ["<!-- the table is written by the test -->\n", "<!-- end of the table -->"];
/// The exit code of `terraform scan` when the server holds something that was found.
const HELD: i32 = 3;

/// A provider that can be run.
struct Provider {
    folder: PathBuf,
    is_stand_in: bool,
}

impl Provider {
    /// The real one if it was built, else the stand-in.
    fn find() -> Option<Self> {
        const PROGRAM: &str = "terraform-provider-vault";
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
        let built = std::fs::read_dir(cache.join("strongroom/terraform")).into_iter().flatten().flatten();
        let real = built.map(|entry| entry.path()).find(|folder| folder.join(PROGRAM).is_file());
        let stand_in = binary::workspace().join(".cache/terraform-provider");
        let stand_in = stand_in.join(PROGRAM).is_file().then_some(stand_in);
        let real = real.map(|folder| Self { folder, is_stand_in: false });
        real.or_else(|| Some(Self { folder: stand_in?, is_stand_in: true }))
    }
}

/// A folder with a configuration, and everything that is called in it.
struct Workspace<'s> {
    server: &'s Development,
    terraform: PathBuf,
    folder: PathBuf,
    /// What plan, apply and destroy have printed so far, on both streams.
    printed: String,
    /// Variables of the configuration beside the secret, by name.
    variables: Vec<(&'static str, String)>,
}

impl<'s> Workspace<'s> {
    fn new(server: &'s Development, terraform: &Path, provider: &Provider, name: &str) -> Result<Self> {
        let folder = server.home().join(name);
        std::fs::create_dir(&folder)?;
        let source = binary::workspace().join("crates/e2e/terraform").join(name).join("main.tf");
        std::fs::copy(&source, folder.join("main.tf"))?;
        let overrides = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"hashicorp/vault\" = \"{}\"\n  }}\n  direct {{}}\n}}\n",
            provider.folder.display()
        );
        std::fs::write(server.home().join("terraform.tfrc"), overrides)?;
        Ok(Self { server, terraform: terraform.to_owned(), folder, printed: String::new(), variables: Vec::new() })
    }

    fn command(&self, program: &Path) -> Result<Command> {
        let mut command = development::command(program, &self.server.home());
        let path = std::env::join_paths([self.server.bin(), "/usr/bin".into(), "/bin".into()])?;
        command.current_dir(&self.folder).env("PATH", path);
        command.env("VAULT_ADDR", &self.server.address).env("VAULT_TOKEN", &self.server.root_token);
        command.env("TF_CLI_CONFIG_FILE", self.server.home().join("terraform.tfrc"));
        command.env("CHECKPOINT_DISABLE", "1").env("TF_INPUT", "0").env("TF_IN_AUTOMATION", "1");
        command.env("TF_LOG", "TRACE").env("TF_LOG_PATH", self.folder.join("trace.log"));
        Ok(command)
    }

    fn try_run(&mut self, arguments: &[&str], secret: &str) -> Result<Output> {
        let mut command = self.command(&self.terraform.clone())?;
        command
            .env("TF_VAR_client_id", "8f7a0c5e")
            .env("TF_VAR_client_secret", secret)
            .env("TF_VAR_root_token", secret);
        command.envs(self.variables.iter().map(|(name, value)| (format!("TF_VAR_{name}"), value)));
        let output = command.args(arguments).output()?;
        if arguments.first().is_some_and(|first| ["plan", "apply", "destroy"].contains(first)) {
            self.printed.push_str(&String::from_utf8_lossy(&output.stdout));
            self.printed.push_str(&String::from_utf8_lossy(&output.stderr));
        }
        Ok(output)
    }

    /// Runs Terraform, which must succeed; gives what it prints.
    fn run(&mut self, arguments: &[&str], secret: &str) -> Result<String> {
        let output = self.try_run(arguments, secret)?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("terraform {} ends with {}:\n{}{errors}", arguments.join(" "), output.status, self.printed);
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs the command line of ours.
    fn strongroom(&self, arguments: &[&str]) -> Result<(i32, String)> {
        let output = self.command(&self.server.bin().join("strongroom"))?.args(arguments).output()?;
        let printed = [output.stdout, output.stderr].concat();
        Ok((output.status.code().context("it was killed")?, String::from_utf8_lossy(&printed).into_owned()))
    }

    /// The content of a file; empty when there is none.
    fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(name)).unwrap_or_default()
    }

    /// Everything in a saved plan, unpacked.
    fn plan(&self) -> Result<Vec<u8>> {
        let output = Command::new("unzip").args(["-p", "plan.tfplan"]).current_dir(&self.folder).output()?;
        ensure!(output.status.success(), "unzip fails: {}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout)
    }
}

/// What a run leaves behind or shows: the name of each place, and the bytes there.
type Traces = Vec<(&'static str, Vec<u8>)>;
/// How often secrets stand in each place.
type Leaks = Vec<(&'static str, usize)>;

fn count(traces: &Traces, secrets: &[impl AsRef<str>]) -> Leaks {
    let hits = |bytes: &[u8], secret: &[u8]| bytes.windows(secret.len()).filter(|window| *window == secret).count();
    let all = |bytes: &[u8]| secrets.iter().map(|secret| hits(bytes, secret.as_ref().as_bytes())).sum();
    traces.iter().map(|(place, bytes)| (*place, all(bytes))).collect()
}

/// Creates with the first secret, plans the change to the second, applies that plan, and gathers everything.
fn perform(workspace: &mut Workspace<'_>, secrets: [&str; 2], change: &[&str]) -> Result<Traces> {
    let [first, second] = secrets;
    workspace.run(&["apply", "-auto-approve"], first)?;
    workspace.run(&[&["plan", "-out=plan.tfplan"], change].concat(), second)?;
    let (packed, shown_plan) = (workspace.plan()?, workspace.run(&["show", "-json", "plan.tfplan"], second)?);
    workspace.run(&["apply", "plan.tfplan"], second)?;
    let shown_state = workspace.run(&["show", "-json"], second)?;
    let pulled = workspace.run(&["state", "pull"], second)?;
    let outputs = workspace.run(&["output", "-json"], second)?;
    Ok(vec![
        ("`terraform.tfstate`", workspace.file("terraform.tfstate")),
        ("`terraform.tfstate.backup`", workspace.file("terraform.tfstate.backup")),
        ("saved plan, unpacked", packed),
        ("`terraform show -json` of the plan", shown_plan.into_bytes()),
        ("`terraform show -json` of the state", shown_state.into_bytes()),
        ("`terraform state pull`", pulled.into_bytes()),
        ("`terraform output -json`", outputs.into_bytes()),
        ("what plan and apply print", workspace.printed.clone().into_bytes()),
        ("process list while `local-exec` runs", workspace.file("process-list.txt")),
        ("log of `TF_LOG=TRACE`", workspace.file("trace.log")),
    ])
}

/// A server with the namespace and the mount of the tutorial.
fn server() -> Result<Development> {
    let server = Development::start(&[])?;
    for arguments in [
        &["namespace", "create", "engineering"][..],
        &["secrets", "enable", "-namespace=engineering", "-path=secret", "-version=2", "kv"],
    ] {
        let mut command = development::command(&server.bin().join("strongroom"), &server.home());
        command.env("VAULT_ADDR", &server.address).env("VAULT_TOKEN", &server.root_token);
        let output = command.args(arguments).output()?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(server)
}

/// What the tests need, or what is missing.
fn programs() -> Result<(PathBuf, Provider), &'static str> {
    if binary::on_path("unzip").is_none() {
        return Err("unzip is not installed");
    }
    let terraform = binary::on_path("terraform").or_else(|| binary::on_path("tofu"));
    let terraform = terraform.ok_or("neither terraform nor tofu is installed")?;
    Provider::find().map(|provider| (terraform, provider)).ok_or("no provider was built: make test-terraform")
}

/// The secret that the server has at the place of the tutorial.
fn stored(workspace: &Workspace<'_>) -> Result<String> {
    let path = "genesys/oauth/terraform-client";
    let arguments = ["kv", "get", "-namespace=engineering", "-mount=secret", "-field=client_secret", path];
    Ok(workspace.strongroom(&arguments)?.1.trim().to_owned())
}

#[test]
fn the_tutorial_works_as_it_stands_and_leaves_its_secret_behind_and_a_write_only_argument_does_not() -> Result<()> {
    let (terraform, provider) = match programs() {
        Ok(programs) => programs,
        Err(why) => {
            skip("secrets that Terraform leaves behind", why);
            return Ok(());
        }
    };
    let name = if provider.is_stand_in { "the stand-in of crates/e2e/terraform/provider" } else { "hashicorp/vault" };
    println!("terraform: {}, provider: {name}", terraform.display());
    let server = server()?;

    let secrets = ["kT4wFirstSecretOfTheTutorial00000000000001", "kT4wSecondSecretOfTheTutorial0000000000002"];
    let mut seed = Workspace::new(&server, &terraform, &provider, "seed")?;
    let seeds = count(&perform(&mut seed, secrets, &[])?, &secrets);
    ensure!(stored(&seed)? == secrets[1], "the update did not reach the server");
    let (code, found) = seed.strongroom(&["terraform", "scan", "-namespace=engineering", "."])?;
    ensure!(code == HELD, "the scan of the tutorial ends with {code}:\n{found}");
    for place in ["vault_kv_secret_v2.genesys_oauth_secret.data_json", "plan.tfplan", "terraform.tfstate.backup"] {
        ensure!(found.contains(place), "the scan does not find {place}:\n{found}");
    }
    ensure!(secrets.iter().all(|secret| !found.contains(secret)), "the scan shows a secret:\n{found}");
    learns_nothing_without_read(&seed)?;
    seed.run(&["destroy", "-auto-approve"], secrets[1])?;
    ensure!(stored(&seed)?.starts_with("No data found"), "the secret was not deleted");

    let secrets = ["kT4wFirstSecretThatIsWriteOnly000000000003", "kT4wSecondSecretThatIsWriteOnly00000000004"];
    let mut write_only = Workspace::new(&server, &terraform, &provider, "write-only")?;
    let write_onlys = count(&perform(&mut write_only, secrets, &["-var=secret_version=2"])?, &secrets);
    ensure!(stored(&write_only)? == secrets[1], "the update did not reach the server");
    ensure!(write_onlys.iter().all(|(_, count)| *count == 0), "a write-only argument is left behind: {write_onlys:?}");
    let (code, found) = write_only.strongroom(&["terraform", "scan", "-namespace=engineering", "."])?;
    ensure!(code == 0, "the scan ends with {code}:\n{found}");
    write_only.run(&["destroy", "-auto-approve"], secrets[1])?;

    let genesys = with_genesys(&server, &terraform, &provider)?;
    let cloud = with_terraform_cloud(&server, &terraform, &provider)?;
    let is_leaky = |place: &str| seeds.iter().any(|(name, count)| *name == place && *count > 0);
    ensure!(is_leaky("`terraform.tfstate`") && is_leaky("saved plan, unpacked"), "nothing is left behind: {seeds:?}");
    if provider.is_stand_in { page_has(&table([&seeds, &write_onlys, &genesys, &cloud])) } else { Ok(()) }
}

#[test]
fn the_page_on_terraform_works_as_it_is_written() -> Result<()> {
    let Some(bash) = binary::on_path("bash") else {
        skip("the page on Terraform", "bash is not installed");
        return Ok(());
    };
    let text = std::fs::read_to_string(binary::workspace().join("docs/terraform.md"))?;
    // What is indented between fences is Terraform's.
    let outside = text.split("```").step_by(2).flat_map(str::lines);
    let commands: Vec<&str> = outside.filter_map(|line| line.strip_prefix("    ")).collect();
    ensure!(commands.len() >= 8, "docs/terraform.md has {} commands", commands.len());
    let server = Development::start(&[])?;
    let mut shell = development::command(&bash, &server.home());
    let path = std::env::join_paths([server.bin(), "/usr/bin".into(), "/bin".into()])?;
    shell.env("VAULT_ADDR", &server.address).env("VAULT_TOKEN", &server.root_token).env("PATH", path);
    let output = shell.args(["-euxo", "pipefail", "-c", &commands.join("\n")]).output()?;
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "docs/terraform.md ends with {}:\n{printed}{errors}", output.status);
    let found = printed.matches("scanned/data/app").count();
    ensure!(found == 4, "the write, two scans and the question name the path, not {found}:\n{printed}");
    Ok(())
}

/// Somebody who may ask but not read is told the same as if nothing was held.
fn learns_nothing_without_read(workspace: &Workspace<'_>) -> Result<()> {
    let policy = workspace.folder.join("asker.hcl");
    std::fs::write(&policy, "path \"sys/fingerprints/lookup\" { capabilities = [\"update\"] }")?;
    let file = policy.to_string_lossy();
    workspace.strongroom(&["policy", "write", "-namespace=engineering", "asker", &file])?;
    let create = ["token", "create", "-namespace=engineering", "-policy=asker", "-no-default-policy", "-field=token"];
    let (_, token) = workspace.strongroom(&create)?;
    let mut command = workspace.command(&workspace.server.bin().join("strongroom"))?;
    command.env("VAULT_TOKEN", token.trim()).args(["terraform", "scan", "-namespace=engineering", "."]);
    let output = command.output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.code() == Some(0) && printed.starts_with("None of "),
        "{}: {printed}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn table(columns: [&Leaks; 4]) -> String {
    let names = ["the tutorial", "write-only", "`genesyscloud`", "`terraform`"];
    let mut table = format!("| where secrets are | {} |\n|{}\n", names.join(" | "), " --- |".repeat(1 + names.len()));
    for (row, (place, _)) in columns[0].iter().enumerate() {
        let counts = columns.map(|leaks| leaks.get(row).map_or_else(String::new, |(_, count)| count.to_string()));
        // Writing to a string does not fail.
        writeln!(table, "| {place} | {} |", counts.join(" | ")).ok();
    }
    table
}

/// What a run left in the home folder of the one who asked for secrets: one a line.
fn handed_out(server: &Development, name: &str) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(server.home().join(name)).with_context(|| format!("nobody wrote {name}"))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// No secret that the other side has ever issued is in what a run left behind, and those who asked have theirs.
fn only_with_those_who_asked(traces: &Traces, issued: &[String], handed_out: &[String]) -> Result<Leaks> {
    ensure!(handed_out.len() == 2, "two runs, two secrets: {}", handed_out.len());
    ensure!(handed_out.iter().all(|secret| issued.contains(secret)), "what was handed out is no secret of theirs");
    let leaks = count(traces, issued);
    ensure!(leaks.iter().all(|(_, count)| *count == 0), "secrets are left behind: {leaks:?}");
    Ok(leaks)
}

/// The engine for Genesys Cloud, configured and used through Terraform.
fn with_genesys(server: &Development, terraform: &Path, provider: &Provider) -> Result<Leaks> {
    let alone = genesys::Alone::start()?;
    let cloud = &alone.server;
    let root = cloud.make_client("strongroom", &[ADMIN_ROLE]);
    let mut workspace = Workspace::new(server, terraform, provider, "genesys")?;
    workspace.variables = vec![("url", cloud.url()), ("client_id", root.id.clone()), ("role", ROLE.to_owned())];
    let traces = perform(&mut workspace, [&root.secret, &root.secret], &[])?;
    let leaks = only_with_those_who_asked(&traces, &cloud.issued(), &handed_out(server, "genesys-secrets")?)?;
    workspace.run(&["destroy", "-auto-approve"], &root.secret)?;
    wait_until(&workspace, "clients live on", || cloud.orphans(&[]).is_empty())?;
    Ok(leaks)
}

/// The mount of an engine has gone; its leases follow, each with a call to the other side.
fn wait_until(workspace: &Workspace<'_>, what: &str, is_so: impl Fn() -> bool) -> Result<()> {
    let deadline = Deadline::after(Duration::from_secs(60));
    while !is_so() {
        ensure!(!deadline.has_passed(), "the engine has gone, and its {what}");
        workspace.strongroom(&["status"])?;
    }
    Ok(())
}

/// The engine for HCP Terraform: its root token goes in as a write-only argument.
fn with_terraform_cloud(server: &Development, terraform: &Path, provider: &Provider) -> Result<Leaks> {
    let alone = terraform_cloud::Alone::start()?;
    let cloud = &alone.server;
    let roots = [cloud.root(Root::User), cloud.root(Root::User)];
    let mut workspace = Workspace::new(server, terraform, provider, "terraform-cloud")?;
    workspace.variables = vec![("address", cloud.url()), ("user_id", USER.to_owned())];
    let traces = perform(&mut workspace, [&roots[0], &roots[1]], &["-var=root_token_version=2"])?;
    let leaks = only_with_those_who_asked(&traces, &cloud.issued(), &handed_out(server, "terraform-cloud-secrets")?)?;
    workspace.run(&["destroy", "-auto-approve"], &roots[1])?;
    wait_until(&workspace, "tokens live on", || cloud.live().iter().all(|token| token.is_root))?;
    Ok(leaks)
}

/// The page has these figures; with `UPDATE_GOLDEN=1` they are written there.
fn page_has(table: &str) -> Result<()> {
    let path = binary::workspace().join("docs/terraform.md");
    let page = std::fs::read_to_string(&path)?;
    let (before, rest) = page.split_once(TABLE[0]).context("docs/terraform.md has no place for the table")?;
    let (written, after) = rest.split_once(TABLE[1]).context("the table of docs/terraform.md does not end")?;
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, [before, TABLE[0], table, TABLE[1], after].concat())?;
        return Ok(());
    }
    ensure!(written == table, "docs/terraform.md differs; UPDATE_GOLDEN=1 writes it anew. Now:\n{table}");
    Ok(())
}

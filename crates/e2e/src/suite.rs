//! The suites of foreign clients: programs that run the behaviors of `docs/clients.md` through one client each.
//!
//! They all speak alike: `list` prints their behaviors; `NAME=URL …` runs each against the server at its URL and prints
//! `ok NAME` or `FAILED NAME: why`. A suite that says less than it was asked has failed, whatever its exit code.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::binary;
use crate::process::Process;
use crate::server::without_settings;
use crate::skip;

/// How long one whole suite may take, on a busy machine.
const RUN_MAX: Duration = Duration::from_mins(5);

/// A foreign client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Client {
    /// `github.com/hashicorp/vault/api`.
    Go,
    /// Python.
    Hvac,
    /// JavaScript.
    NodeVault,
    /// Rust.
    Vaultrs,
}

/// Every client that has a suite.
pub const CLIENTS: [Client; 4] = [Client::Hvac, Client::NodeVault, Client::Vaultrs, Client::Go];

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Go => "Go",
            Self::Hvac => "hvac",
            Self::NodeVault => "node-vault",
            Self::Vaultrs => "vaultrs",
        })
    }
}

/// One behavior to try, and the server to try it on.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The behavior's name.
    pub behavior: String,
    /// The server's address as clients write it.
    pub url: String,
}

/// What a suite is told about the servers.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The root token of the servers that are in operation.
    pub root_token: String,
    /// A file with the authorities of the servers that speak TLS.
    pub authorities: Option<PathBuf>,
    /// Where whoever else takes part in a login is: a cluster, a directory.
    pub peer: Option<String>,
    /// A folder with what a login needs: certificates, tokens.
    pub folder: Option<PathBuf>,
}

/// What became of a trial.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The behavior's name.
    pub behavior: String,
    /// Why it is not there; `None` when it is.
    pub why: Option<String>,
}

/// A suite that can be run here.
#[derive(Clone, Debug)]
pub struct Suite {
    program: PathBuf,
    arguments: Vec<PathBuf>,
}

impl Suite {
    /// The suite of this client. That of vaultrs is the program at `vaultrs`, which only its tests can know.
    ///
    /// # Errors
    /// When the client is not installed; the message says what to do.
    pub fn find(client: Client, vaultrs: &str) -> Result<Self> {
        let here = binary::workspace().join("crates/e2e");
        match client {
            Client::Vaultrs => Ok(Self { program: vaultrs.into(), arguments: Vec::new() }),
            Client::Hvac => Ok(Self { program: binary::python()?, arguments: vec![here.join("python/suite")] }),
            Client::NodeVault => {
                let (node, script) = node_script("main.mjs")?;
                Ok(Self { program: node, arguments: vec![script] })
            }
            Client::Go => Ok(Self { program: built_go_suite(&here.join("go"))?, arguments: Vec::new() }),
        }
    }

    /// The names of its behaviors.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn behaviors(&self) -> Result<Vec<String>> {
        let printed = self.output(&Access::default(), vec!["list".to_owned()])?;
        Ok(printed.lines().map(str::to_owned).collect())
    }

    /// Runs these trials one after the other; the outcomes are in their order.
    ///
    /// # Errors
    /// When it cannot be run, or does not report on each trial.
    pub fn run(&self, trials: &[Trial], access: &Access) -> Result<Vec<Outcome>> {
        let arguments = trials.iter().map(|trial| format!("{}={}", trial.behavior, trial.url)).collect();
        let printed = self.output(access, arguments)?;
        let outcomes: Vec<Outcome> = printed.lines().filter_map(outcome).collect();
        let reported = outcomes.iter().map(|outcome| &outcome.behavior);
        ensure!(reported.eq(trials.iter().map(|trial| &trial.behavior)), "not every trial was reported:\n{printed}");
        Ok(outcomes)
    }

    fn output(&self, access: &Access, arguments: Vec<String>) -> Result<String> {
        let home = tempfile::Builder::new().prefix("strongroom-suite-").tempdir()?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args(arguments);
        // The clients look for settings and tokens in the environment and at home.
        without_settings(&mut command).env("HOME", home.path()).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("SUITE_ROOT_TOKEN", &access.root_token).env_remove("SUITE_AUTHORITY");
        if let Some(authorities) = &access.authorities {
            command.env("SUITE_AUTHORITY", authorities);
        }
        if let Some(peer) = &access.peer {
            command.env("SUITE_PEER", peer);
        }
        if let Some(folder) = &access.folder {
            command.env("SUITE_FOLDER", folder);
        }
        let mut process = Process::start(&mut command)?;
        let Some(status) = process.wait_for_exit(RUN_MAX)? else {
            bail!("still running after {RUN_MAX:?}:\n{}", process.output());
        };
        let printed = process.whole_output()?;
        ensure!(status.success(), "{} ended with {status}:\n{printed}", self.program.display());
        Ok(printed)
    }
}

/// Prints each outcome, and their sum in the words of a test runner: the gate adds it to its own.
#[expect(clippy::print_stdout, reason = "the gate reads it from the test's output")]
pub fn report(client: Client, outcomes: &[Outcome]) {
    for Outcome { behavior, why } in outcomes {
        let verdict = why.as_ref().map_or_else(|| "ok".to_owned(), |why| format!("FAILED: {why}"));
        println!("{client}::{behavior} ... {verdict}");
    }
    let failed = outcomes.iter().filter(|outcome| outcome.why.is_some()).count();
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {verdict}. {} passed; {failed} failed; 0 ignored; {client}", outcomes.len() - failed);
}

/// What one line reports; most that a client itself prints report nothing.
fn outcome(line: &str) -> Option<Outcome> {
    if let Some(behavior) = line.strip_prefix("ok ") {
        return Some(Outcome { behavior: behavior.to_owned(), why: None });
    }
    let (behavior, why) = line.strip_prefix("FAILED ")?.split_once(": ")?;
    Some(Outcome { behavior: behavior.to_owned(), why: Some(why.to_owned()) })
}

/// Has the Go client log in by one of the methods of `crates/e2e/go/logins.go`, with whoever else takes part. Without the
/// client nothing happens, and a line for the gate says so.
///
/// # Errors
/// When it does not find what it should.
pub fn go_logs_in(behavior: &str, url: &str, access: &Access) -> Result<()> {
    let suite = match Suite::find(Client::Go, "") {
        Ok(suite) => suite,
        Err(why) => {
            skip(&format!("{behavior} through Go"), &format!("{why:#}"));
            return Ok(());
        }
    };
    let outcomes = suite.run(&[Trial { behavior: behavior.to_owned(), url: url.to_owned() }], access)?;
    let failures: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.why.is_some()).collect();
    ensure!(failures.is_empty(), "{failures:#?}");
    Ok(())
}

/// The Go suite where `make test` puts it.
fn built_go_suite(sources: &Path) -> Result<PathBuf> {
    let suite = binary::workspace().join(".cache/go-suite");
    let entries = std::fs::read_dir(sources).context("listing the Go suite's sources")?;
    let sources: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    ensure_newer(&suite, sources)?;
    Ok(suite)
}

/// The runtime of Node.js, and a script of its suite with all that it needs installed.
///
/// # Errors
/// When either is missing; the message says what to do.
pub fn node_script(name: &str) -> Result<(PathBuf, PathBuf)> {
    let node = binary::on_path("node").context("there is no node on the PATH (`make test` installs it)")?;
    let folder = binary::workspace().join("crates/e2e/node");
    ensure_newer(&folder.join("node_modules/installed"), [folder.join("package-lock.json")])?;
    Ok((node, folder.join("suite").join(name)))
}

/// Wants something that was made from these files as they are: a test of an older state would say nothing.
fn ensure_newer(made: &Path, from: impl IntoIterator<Item = PathBuf>) -> Result<()> {
    let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    let Ok(since) = changed(made) else { bail!("{} is not there (`make test` makes it)", made.display()) };
    for path in from {
        let source = changed(&path).with_context(|| format!("looking at {}", path.display()))?;
        ensure!(source <= since, "{} is older than {} (`make test` renews it)", made.display(), path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests;

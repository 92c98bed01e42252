//! One subject in a process of its own: whatever becomes of it (an error, a panic, a hang, an interrupt), the figures that
//! it has told are kept, and its servers, load generators and folders go with it.
//!
//! The worker and all that it starts are one process group, with one temporary folder below which all others are made.

use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::budgets::{SUBJECTS, Subject};
use crate::cores::Cores;
use crate::findings::{Finding, Findings, Told};
use crate::plan::Plan;

/// The longest that one subject may take.
const SUBJECT_MAX: Duration = Duration::from_secs(3_000);
/// How many files a worker may have open: one a connection.
const FILES_MAX: u32 = 16_384;

/// What came of a subject.
pub struct Outcome {
    /// What it told, to the end or to its failure.
    pub findings: Vec<Finding>,
    /// Why it did not come to its end.
    pub failure: Option<String>,
}

/// Somebody has asked for the end of the whole run.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Runs a subject in a process of its own: this program with `arguments`.
///
/// # Errors
/// [`Interrupted`], or when no process can be made. What goes wrong inside is in the outcome.
pub async fn run(subject: &Subject, arguments: &[&str]) -> Result<Outcome> {
    let folder = tempfile::Builder::new().prefix("strongroom-bench-").tempdir()?;
    let mut command = Command::new("prlimit");
    command.arg(format!("--nofile={FILES_MAX}")).args(["taskset", "-c", Cores::Load.list()]);
    command.arg(std::env::current_exe()?).args(["--worker", subject.name]).args(arguments);
    command.env("TMPDIR", folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
    let mut child = command.spawn().context("starting a worker")?;
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).context("the worker has no id")?;
    let mut outcome = Outcome { findings: Vec::new(), failure: None };
    let result = follow(&mut child, &mut outcome.findings).await;
    // Also after a good end: nothing that it started may outlive it.
    kill(group);
    child.wait().await.context("waiting for a worker")?;
    drop(folder);
    match result {
        Err(error) if error.is::<Interrupted>() => return Err(error),
        Err(error) => outcome.failure = Some(format!("{error:#}")),
        Ok(()) => {}
    }
    Ok(outcome)
}

/// Takes what the worker tells until its end.
async fn follow(child: &mut Child, findings: &mut Vec<Finding>) -> Result<()> {
    let mut lines = BufReader::new(child.stdout.take().context("the worker has no output")?).lines();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        taken = timeout(SUBJECT_MAX, take(&mut lines, findings)) => taken.context("it takes too long")??,
        _ = interrupt.recv() => bail!(Interrupted),
        _ = terminate.recv() => bail!(Interrupted),
    }
    let status = child.wait().await.context("waiting for a worker")?;
    ensure!(status.success(), "the worker failed, see above ({status})");
    Ok(())
}

async fn take(lines: &mut Lines<BufReader<ChildStdout>>, findings: &mut Vec<Finding>) -> Result<()> {
    while let Some(line) = lines.next_line().await? {
        match serde_json::from_str(&line).with_context(|| format!("no figure: {line:?}"))? {
            Told::Figure(finding) => findings.push(finding),
            Told::Failure(failure) => bail!(failure),
        }
    }
    Ok(())
}

/// Is the worker: measures the subject of this name and tells its figures on the standard output.
///
/// # Errors
/// When nobody takes what it tells, its failure included.
pub fn work(name: &str, plan: &Plan) -> Result<()> {
    end_with_parent();
    let subject = SUBJECTS.iter().find(|subject| subject.name == name).context("no subject has this name")?;
    let mut out = std::io::stdout();
    let mut findings = Findings::new(subject.rows, &mut out);
    let measured = (subject.measure)(plan, &mut findings);
    measured.or_else(|error| findings.fail(format!("{error:#}")))
}

/// Ends the group when whoever started it is gone, even by `kill -9`: its end of our input closes then.
fn end_with_parent() {
    std::thread::spawn(|| {
        // However it ends, it has ended.
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        drop(std::fs::remove_dir_all(std::env::temp_dir()));
        kill(rustix::process::getpgrp());
    });
}

fn kill(group: Pid) {
    // An empty group is what we want.
    let (Ok(()) | Err(_)) = kill_process_group(group, Signal::KILL);
}

/// A word to whoever waits.
pub fn say(text: &str) {
    // On the terminal, if there is one: the standard output is for figures.
    drop(writeln!(std::io::stderr(), "{text}"));
}

//! The gate: every check that a change must pass, in order of how soon it can fail.
//!
//! A failed step does not stop the following ones, except where they could only repeat it. What the steps print is
//! streamed. The last line is `N passed, N failed, N skipped`, in tests; a step that fails without a failed test counts
//! as one. It must never change a file: a golden that a test rewrote is a failure.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use cargo_metadata::Metadata;

use crate::{api_coverage, tidy};

mod count;
mod touched;

use count::Count;
use touched::Touched;

/// How much of the gate to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everything.
    Whole,
    /// What takes under three minutes: no documentation, no end-to-end tests, touched crates only.
    Quick,
}

/// What became of one step.
struct Outcome {
    name: &'static str,
    took: Duration,
    passed: bool,
    count: Count,
}

/// Runs the gate and prints its sums; fails when a step failed.
pub(crate) fn run(workspace: &Metadata, extent: Extent) -> Result<ExitCode> {
    let mut gate = Gate { workspace, outcomes: Vec::new() };
    gate.step("format", || gate_format(workspace))?;
    gate.step("tidy", || Ok((tidy::run(workspace)? == ExitCode::SUCCESS, Count::default())))?;
    gate.step("api coverage", || gate_coverage(workspace))?;
    match extent {
        Extent::Quick => gate.quick()?,
        Extent::Whole => gate.whole()?,
    }
    Ok(gate.finish())
}

struct Gate<'a> {
    workspace: &'a Metadata,
    outcomes: Vec<Outcome>,
}

impl Gate<'_> {
    fn quick(&mut self) -> Result<()> {
        let root = self.workspace.workspace_root.as_std_path();
        let touched = touched::find(root, self.workspace)?;
        let packages = match &touched {
            Touched::Nothing => return Ok(()),
            Touched::Everything => vec!["--workspace".to_owned(), "--exclude=e2e".to_owned()],
            Touched::Crates(names) => names.iter().map(|name| format!("--package={name}")).collect(),
        };
        self.clippy(&packages)?;
        self.tests(&packages)
    }

    fn whole(&mut self) -> Result<()> {
        self.clippy(&["--workspace".to_owned()])?;
        let before = goldens(self.workspace)?;
        self.tests(&["--workspace".to_owned(), "--exclude=e2e".to_owned()])?;
        let workspace = self.workspace;
        self.step("goldens", || Ok((report_changed(&before, &goldens(workspace)?), Count::default())))?;
        self.step("docs", || {
            let mut doc = cargo(workspace, &["doc", "--workspace", "--no-deps", "--quiet"]);
            stream(doc.env("RUSTDOCFLAGS", "-D warnings"))
        })?;
        // Built before the tests start, so that none of them waits for a compiler.
        // The release, because that is what is shipped: what an optimizer may leave in memory shows in it alone.
        self.step("release", || stream(&mut cargo(workspace, &["build", "--release", "--package=strongroom"])))?;
        if self.outcomes.last().is_some_and(|release| release.passed) {
            self.step("end to end", || {
                let mut tests = cargo(workspace, &["test", "--package=e2e", "--", "--show-output"]);
                stream(tests.env("STRONGROOM_BIN", workspace.target_directory.join("release/strongroom")))
            })?;
        }
        Ok(())
    }

    fn clippy(&mut self, packages: &[String]) -> Result<()> {
        let workspace = self.workspace;
        self.step("clippy", || {
            let mut clippy = cargo(workspace, &["clippy", "--all-targets"]);
            stream(clippy.args(packages).args(["--", "-D", "warnings"]))
        })
    }

    /// nextest is faster where it is present, but knows no documentation tests; the gate does not need it.
    fn tests(&mut self, packages: &[String]) -> Result<()> {
        let workspace = self.workspace;
        if has_nextest() {
            self.step("tests", || stream(cargo(workspace, &["nextest", "run", "--no-fail-fast"]).args(packages)))?;
            return self.step("examples in docs", || stream(cargo(workspace, &["test", "--doc"]).args(packages)));
        }
        self.step("tests", || stream(cargo(workspace, &["test", "--no-fail-fast"]).args(packages)))
    }

    fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<(bool, Count)>) -> Result<()> {
        println!("\n== {name}");
        #[expect(
            clippy::disallowed_methods,
            reason = "how long a step took is for people to read; nothing depends on it"
        )]
        let start = Instant::now();
        let (passed, count) = work().with_context(|| format!("running the step {name:?}"))?;
        let took = start.elapsed();
        println!("== {name}: {} after {}", verdict(passed), minutes(took));
        self.outcomes.push(Outcome { name, took, passed, count });
        Ok(())
    }

    fn finish(&self) -> ExitCode {
        println!();
        let mut sum = Count::default();
        for outcome in &self.outcomes {
            let tests = outcome.count.passed + outcome.count.failed;
            let tests = if tests > 0 { format!("{tests} tests") } else { String::new() };
            println!("{:<18} {:<7} {:>9}  {tests}", outcome.name, verdict(outcome.passed), minutes(outcome.took));
            sum += outcome.count.of_step(outcome.passed);
        }
        println!("{sum}");
        if self.outcomes.iter().all(|outcome| outcome.passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn gate_format(workspace: &Metadata) -> Result<(bool, Count)> {
    let ours = stream(&mut cargo(workspace, &["fmt", "--all", "--check"]))?;
    // fuzz/ is a workspace of its own, whose dependencies need not be there to format it.
    let fuzz = tidy::files(&workspace.workspace_root.join("fuzz").into_std_path_buf())?;
    let sources = fuzz.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.current_dir(&workspace.workspace_root).args(["--check", "--edition", "2024"]).args(sources);
    let theirs = stream(&mut rustfmt)?;
    Ok((ours.0 && theirs.0, Count::default()))
}

/// Without the published API there is nothing to compare with; the sums say that this was skipped.
fn gate_coverage(workspace: &Metadata) -> Result<(bool, Count)> {
    let is_current = api_coverage::check(workspace)?;
    let skipped = u64::from(is_current.is_none());
    Ok((is_current.unwrap_or(true), Count { skipped, ..Count::default() }))
}

fn cargo(workspace: &Metadata, arguments: &[&str]) -> Command {
    let mut command = Command::new(tidy::cargo());
    // A golden is compared, never rewritten, whatever the caller's shell has set.
    command.current_dir(&workspace.workspace_root).args(arguments).env_remove("UPDATE_GOLDEN");
    command
}

fn has_nextest() -> bool {
    let version = Command::new(tidy::cargo()).args(["nextest", "--version"]).stderr(Stdio::null()).output();
    version.is_ok_and(|output| output.status.success())
}

/// Runs the command, passes on what it prints as it comes, and counts the tests that it reports.
fn stream(command: &mut Command) -> Result<(bool, Count)> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {program}"))?;
    let (lines, received) = mpsc::sync_channel(LINES_WAITING_MAX);
    let readers = [
        child.stdout.take().map(|pipe| forward(pipe, lines.clone())),
        child.stderr.take().map(|pipe| forward(pipe, lines.clone())),
    ];
    drop(lines);
    let mut count = Count::default();
    for line in received {
        println!("{line}");
        count.read_line(&line);
    }
    for reader in readers.into_iter().flatten() {
        reader.join().ok().context("a thread that only reads lines ended badly")?;
    }
    let status = child.wait().with_context(|| format!("waiting for {program}"))?;
    Ok((status.success(), count))
}

/// How many lines may wait to be printed before the command has to.
const LINES_WAITING_MAX: usize = 1024;

fn forward(pipe: impl Read + Send + 'static, lines: mpsc::SyncSender<String>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n') {
            let Ok(line) = line else { break };
            if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    })
}

/// A fingerprint of every file in a folder named `golden`. Compared within one run, so the hash needs no stability.
fn goldens(workspace: &Metadata) -> Result<BTreeMap<PathBuf, u64>> {
    let files = tidy::files(workspace.workspace_root.as_std_path())?;
    let is_golden = |path: &Path| path.components().any(|part| part.as_os_str() == "golden");
    let goldens = files.into_iter().filter(|path| is_golden(path));
    goldens
        .map(|path| {
            let mut hasher = DefaultHasher::new();
            std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?.hash(&mut hasher);
            Ok((path, hasher.finish()))
        })
        .collect()
}

/// Whether both are the same; prints what is not.
fn report_changed(before: &BTreeMap<PathBuf, u64>, after: &BTreeMap<PathBuf, u64>) -> bool {
    let mut same = true;
    for path in before.keys().chain(after.keys()) {
        if before.get(path) != after.get(path) {
            println!("{}: the tests changed this golden", path.display());
            same = false;
        }
    }
    println!("{} goldens", after.len());
    same
}

fn verdict(passed: bool) -> &'static str {
    if passed { "passed" } else { "FAILED" }
}

fn minutes(took: Duration) -> String {
    format!("{}:{:02} min", took.as_secs() / 60, took.as_secs() % 60)
}

#[cfg(test)]
mod tests;

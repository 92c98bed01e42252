//! `cargo xtask api-coverage`: which operations of the published API are answered here, which are not, and why not.
//!
//! Ours come from the OpenAPI goldens, which the tests keep equal to the tables that route requests. Asking a running
//! server was the alternative: it needs a build, a port and an HTTP client to learn the same, and shows only what is
//! mounted. Depending on the crates would keep this from running when they do not compile. What is not answered stands
//! in a list with its reason, and an entry of it that says nothing true is an error, so that the list cannot rot.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use cargo_metadata::Metadata;

use crate::tidy;

mod absent;
mod operations;
mod report;

use absent::Absent;
use operations::Operations;
use report::Report;

/// Where the published API lies when nothing else is said, from the workspace's root. It is not part of the workspace.
const REFERENCE: &str = "../shared/reference/vault-openapi.json";
/// What is not answered, and why.
const ABSENT: &str = "xtask/src/api_coverage/absent.txt";
/// The page that shows the result, between the two markers.
const PAGE: &str = "docs/api-coverage.md";
const BEGIN: &str = "<!-- begin: written by cargo xtask api-coverage --write -->";
const END: &str = "<!-- end -->";

/// The crate whose golden shows an engine that no server mounts.
const SAMPLES: &str = "crates/framework";

/// What the command was asked for.
#[derive(Default)]
struct Options {
    reference: Option<PathBuf>,
    writes: bool,
}

/// Prints the comparison, or writes it into the page; fails when the list is rotten.
pub(crate) fn run(workspace: &Metadata, words: &[&str]) -> Result<ExitCode> {
    let options = Options::parse(words)?;
    let root = workspace.workspace_root.as_std_path();
    let reference = options.reference.unwrap_or_else(|| root.join(REFERENCE));
    let report = compare(root, &reference)?;
    if print_rotten(&report) {
        return Ok(ExitCode::FAILURE);
    }
    let table = report.markdown();
    if !options.writes {
        print!("{table}");
        return Ok(ExitCode::SUCCESS);
    }
    let path = root.join(PAGE);
    std::fs::write(&path, replace(&read(&path)?, &table)?).with_context(|| format!("writing {PAGE}"))?;
    println!("{PAGE}: {}", report.sum());
    Ok(ExitCode::SUCCESS)
}

/// What the gate asks: is the page what the command would write? `None` when there is no reference to ask with.
pub(crate) fn check(workspace: &Metadata) -> Result<Option<bool>> {
    let root = workspace.workspace_root.as_std_path();
    let reference = root.join(REFERENCE);
    if !reference.is_file() {
        println!("{REFERENCE} is not there");
        return Ok(None);
    }
    let report = compare(root, &reference)?;
    if print_rotten(&report) {
        return Ok(Some(false));
    }
    println!("{}", report.sum());
    let page = read(&root.join(PAGE))?;
    let is_current = replace(&page, &report.markdown())? == page;
    if !is_current {
        println!("{PAGE} is not what cargo xtask api-coverage --write makes");
    }
    Ok(Some(is_current))
}

fn print_rotten(report: &Report) -> bool {
    for finding in &report.rotten {
        println!("{ABSENT}:{finding}");
    }
    !report.rotten.is_empty()
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--write" => options.writes = true,
                "--reference" => options.reference = Some(words.next().context("--reference takes a file")?.into()),
                other => bail!("api-coverage does not know {other:?}"),
            }
        }
        Ok(options)
    }
}

fn compare(root: &Path, reference: &Path) -> Result<Report> {
    let published = Operations::parse(&read(reference)?).with_context(|| format!("in {}", reference.display()))?;
    let absent = Absent::parse(&read(&root.join(ABSENT))?).with_context(|| format!("in {ABSENT}"))?;
    Ok(Report::new(&published, &ours(root)?, &absent))
}

/// What the OpenAPI goldens of all crates describe.
fn ours(root: &Path) -> Result<Operations> {
    let mut ours = Operations::default();
    for path in tidy::files(&root.join("crates"))? {
        let is_golden = path.parent().is_some_and(|folder| folder.ends_with("golden"));
        let is_document = path.to_string_lossy().ends_with("openapi.json");
        if is_golden && is_document && !path.starts_with(root.join(SAMPLES)) {
            let document = Operations::parse(&read(&path)?).with_context(|| format!("in {}", path.display()))?;
            ours.extend(document);
        }
    }
    Ok(ours)
}

/// The page with `table` between its markers.
fn replace(page: &str, table: &str) -> Result<String> {
    let (before, rest) = page.split_once(BEGIN).with_context(|| format!("{PAGE} has no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{PAGE} has no line {END}"))?;
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests;

//! Automation of the workspace: `cargo xtask ci [--quick]` is the gate, `cargo xtask tidy` its own rules alone.
//!
//! It reads the sources and asks cargo; it must never depend on a crate of ours, so that it still runs when they do
//! not compile, and never change a file but the page of `api-coverage --write`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what the commands print is what they are for")]

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use cargo_metadata::{Metadata, MetadataCommand};

mod api_coverage;
mod ci;
mod tidy;

const USAGE: &str = "\
cargo xtask ci           everything that a change must pass
cargo xtask ci --quick   format, tidy, and clippy and tests of the crates that differ from the last commit
cargo xtask tidy         the house rules that a machine can check
cargo xtask dependencies every dependency with its license
cargo xtask api-coverage [--reference FILE] [--write]
                         which operations of the published API are answered; --write puts it into docs/";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let workspace = workspace()?;
    Ok(match words.as_slice() {
        ["ci"] => ci::run(&workspace, ci::Extent::Whole)?,
        ["ci", "--quick"] => ci::run(&workspace, ci::Extent::Quick)?,
        ["tidy"] => tidy::run(&workspace)?,
        ["api-coverage", rest @ ..] => api_coverage::run(&workspace, rest)?,
        ["dependencies"] => tidy::print_dependencies(&workspace)?,
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    })
}

/// The members of the workspace and what they declare, without resolving their dependencies.
fn workspace() -> Result<Metadata> {
    let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.parent().context("xtask lies directly in the workspace")?;
    MetadataCommand::new().current_dir(root).no_deps().exec().context("reading the workspace's metadata")
}

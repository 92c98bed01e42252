//! Which crates differ from the last commit.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::Metadata;

/// What a change touches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Touched {
    /// No crate.
    Nothing,
    /// These.
    Crates(BTreeSet<String>),
    /// Something that every crate is built from.
    Everything,
}

/// Asks git; everything when there is no commit to compare with.
pub(crate) fn find(root: &Path, workspace: &Metadata) -> Result<Touched> {
    let head = git(root, &["rev-parse", "--verify", "--quiet", "HEAD"])?;
    if !head.status.success() {
        return Ok(Touched::Everything);
    }
    let status = git(root, &["status", "--porcelain", "--untracked-files=all", "--no-renames"])?;
    ensure!(status.status.success(), "git status: {}", String::from_utf8_lossy(&status.stderr));
    let status = String::from_utf8_lossy(&status.stdout);
    // Two letters and a blank stand before each path.
    let paths = status.lines().filter_map(|line| line.get(3..));
    let members: Vec<String> = workspace.packages.iter().map(|package| package.name.to_string()).collect();
    Ok(of_paths(paths, &members))
}

fn git(root: &Path, arguments: &[&str]) -> Result<std::process::Output> {
    Command::new("git").current_dir(root).args(arguments).output().context("starting git")
}

/// `e2e` needs the built binary and is left to the whole gate.
pub(super) fn of_paths<'a>(paths: impl Iterator<Item = &'a str>, members: &[String]) -> Touched {
    let mut names = BTreeSet::new();
    for path in paths {
        let path = path.trim_matches('"');
        let folder = path.strip_prefix("crates/").unwrap_or(path);
        let name = folder.split('/').next().unwrap_or_default();
        if matches!(path, "Cargo.toml" | "Cargo.lock" | "clippy.toml" | "rust-toolchain.toml") {
            return Touched::Everything;
        }
        if name != "e2e" && members.iter().any(|member| member == name) {
            names.insert(name.to_owned());
        }
    }
    if names.is_empty() { Touched::Nothing } else { Touched::Crates(names) }
}

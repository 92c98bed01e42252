//! The house rules that a machine can check, each a pure function from text to findings.
//!
//! The functions take what they judge as arguments, so that the tests can show each of them a bad sample: a rule that
//! cannot fail is worthless. Only this file touches the disk.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::Metadata;

mod dependencies;
mod layers;
mod licenses;
mod links;
mod manifests;
mod sources;
mod tested;
mod words;

use dependencies::Tree;

/// One broken rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    /// The file, or the crate, that breaks it; with `:line` where one is known.
    place: String,
    /// What is wrong, and what to do instead.
    what: String,
}

impl Finding {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

/// The folders that hold nothing of ours.
const FOLDERS_SKIPPED: [&str; 7] = ["target", ".git", ".venv", ".cache", "corpus", "artifacts", "node_modules"];

/// Prints every finding; fails when there is one.
pub(crate) fn run(workspace: &Metadata) -> Result<ExitCode> {
    let findings = check(workspace)?;
    for finding in &findings {
        println!("{}: {}", finding.place, finding.what);
    }
    println!("tidy: {} findings", findings.len());
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints every dependency with its license.
pub(crate) fn print_dependencies(workspace: &Metadata) -> Result<ExitCode> {
    for dependency in dependencies::parse(&tree(workspace, Tree::Whole)?)? {
        println!("{} {}: {}", dependency.name, dependency.version, dependency.license);
    }
    Ok(ExitCode::SUCCESS)
}

fn check(workspace: &Metadata) -> Result<Vec<Finding>> {
    let root = workspace.workspace_root.as_std_path();
    let mut findings = Vec::new();
    findings.extend(layers::check(&layers::edges(workspace)));
    for part in [Tree::Shipped, Tree::Whole] {
        let found = dependencies::check(part, &dependencies::parse(&tree(workspace, part)?)?);
        let new: Vec<Finding> = found.into_iter().filter(|finding| !findings.contains(finding)).collect();
        findings.extend(new);
    }
    for package in &workspace.packages {
        let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
        let manifest = read(package.manifest_path.as_std_path())?;
        findings.extend(manifests::check(&package.name, folder.file_name().unwrap_or_default(), &manifest));
        findings.extend(manifests::check_tests(&package.name, &names_in(&folder.join("tests").into_std_path_buf())?));
    }
    for path in files(root)? {
        let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if extension == "rs" {
            findings.extend(sources::check(&name, &read(&path)?));
        }
        if extension == "md" && !name.contains("/golden/") {
            findings.extend(links::check(&name, &read(&path)?, |target| root.join(target).exists()));
        }
        if name == tested::DOCUMENT {
            findings.extend(tested::check(&read(&path)?, |file| read(&root.join(file)).ok()));
        }
        if words::applies(&name) {
            findings.extend(words::check(&name, &read(&path)?, &root.to_string_lossy()));
        }
    }
    Ok(findings)
}

/// What cargo really builds: `cargo tree` applies the resolver's feature rules, `cargo metadata` does not, and names
/// crates that no build contains.
fn tree(workspace: &Metadata, part: Tree) -> Result<String> {
    let output = Command::new(cargo())
        .current_dir(&workspace.workspace_root)
        .args(["tree", "--prefix", "none"])
        .args(part.arguments())
        .args(["--format", dependencies::TREE_FORMAT])
        .output()
        .context("starting cargo tree")?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).context("reading cargo tree's output")
}

/// The cargo that runs us, so that a chosen toolchain stays chosen.
pub(crate) fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// The names of a folder's entries; none when there is no such folder.
fn names_in(folder: &Path) -> Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Every file of ours, in a stable order. Symbolic links are not followed.
pub(crate) fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = vec![root.to_path_buf()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() && !FOLDERS_SKIPPED.iter().any(|skipped| entry.file_name() == *skipped) {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

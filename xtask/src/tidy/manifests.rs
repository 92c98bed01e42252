//! What every member's manifest and layout must say.

use super::Finding;

/// The one crate that may write `unsafe`, and so cannot inherit the lint that forbids it.
const MAY_BE_UNSAFE: &str = "secret";

/// Checks one member's manifest. `folder` is the name of the folder that it lies in.
pub(crate) fn check(name: &str, folder: &str, manifest: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut refuse = |what: &str| findings.push(Finding::new(format!("{name}/Cargo.toml"), what));
    if name != folder {
        refuse("the folder must be called like the crate");
    }
    for key in ["version", "edition", "rust-version", "license", "publish"] {
        if !manifest.lines().any(|line| line.replace(' ', "") == format!("{key}.workspace=true")) {
            refuse(&format!("must say {key}.workspace = true"));
        }
    }
    let lints = manifest.split("[lints]").nth(1).unwrap_or_default();
    let inherits = lints.lines().nth(1).is_some_and(|line| line.replace(' ', "") == "workspace=true");
    if !inherits && name != MAY_BE_UNSAFE {
        refuse("must inherit the workspace's lints");
    }
    for (number, line) in manifest.lines().enumerate() {
        let is_dependency = line.contains("version =") || line.contains("path = \"..");
        let in_lib = line.trim_start().starts_with("version");
        if is_dependency && !in_lib && line.contains('{') {
            refuse(&format!("line {}: name versions and paths in the workspace's table only", number + 1));
        }
    }
    findings
}

/// Checks the names in one member's `tests` folder: each further binary there links the world again.
pub(crate) fn check_tests(name: &str, entries: &[String]) -> Vec<Finding> {
    let strays = entries.iter().filter(|entry| entry.as_str() != "it");
    strays.map(|entry| Finding::new(format!("{name}/tests/{entry}"), "integration tests live in tests/it")).collect()
}

#[cfg(test)]
mod tests;

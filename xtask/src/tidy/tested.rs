//! The table of what is promised and which tests hold it (`docs/tested.md`) must name tests that exist.
//!
//! A row's last cell names them as `folder/file.rs::test`, each in backquotes, from `crates/` on. A row without one is a
//! promise that nothing holds.

use super::Finding;

/// The document that is read.
pub(crate) const DOCUMENT: &str = "docs/tested.md";
/// The folder that the names of tests begin in.
const HOME: &str = "crates/";

/// Checks the document. `read` gives a file of the workspace, if there is one.
pub(crate) fn check(text: &str, read: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some(cell) = last_cell(line) else { continue };
        let mut refuse = |what: String| findings.push(Finding::new(format!("{DOCUMENT}:{}", index + 1), what));
        let tests: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        if tests.is_empty() {
            refuse("names no test: a promise that nothing holds".to_owned());
        }
        for test in tests {
            let Some((file, name)) = test.split_once("::") else {
                refuse(format!("{test} is not written as file.rs::test"));
                continue;
            };
            match read(&format!("{HOME}{file}")) {
                None => refuse(format!("{HOME}{file} does not exist")),
                Some(source) if !has_test(&source, name) => refuse(format!("{file} has no test {name}")),
                Some(_) => {}
            }
        }
    }
    findings
}

/// The last cell of a row of a table; none for other lines and for what heads a table.
fn last_cell(line: &str) -> Option<&str> {
    let cells = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let cell = cells.rsplit('|').next()?.trim();
    let is_head = cell == "tests" || cell.chars().all(|letter| matches!(letter, '-' | ':'));
    (!is_head).then_some(cell)
}

/// Whether a function of this name stands right below what makes it a test.
fn has_test(source: &str, name: &str) -> bool {
    let mut is_marked = false;
    for line in source.lines().map(str::trim) {
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        if let Some(function) = function {
            if is_marked && function.strip_prefix(name).is_some_and(|rest| rest.starts_with(['(', '<'])) {
                return true;
            }
            is_marked = false;
        } else if line.starts_with("#[") {
            is_marked |= ["#[test]", "#[tokio::test"].iter().any(|mark| line.starts_with(mark));
        }
    }
    false
}

#[cfg(test)]
mod tests;

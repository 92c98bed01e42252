//! Rules for one Rust file, read line by line as rustfmt leaves it.
//!
//! The patterns are written in two parts so that this file does not find itself.

use super::Finding;

/// A file longer than this says at its top why it stays whole.
const LINES_MAX: usize = 800;
/// How far from the top that reason may stand, in lines.
const HEAD_LINES: usize = 15;
/// The longest attribute that is searched for its reason, in lines.
const ATTRIBUTE_LINES_MAX: usize = 12;

/// Text that must not stand in a Rust file, and what to do instead.
const REFUSED: &[(&str, &str)] = &[
    (concat!("#[ig", "nore"), "a test runs, or it goes"),
    (concat!("#[al", "low("), "use expect with a reason: it tells when it is no longer needed"),
    (concat!("#![al", "low("), "use expect with a reason: it tells when it is no longer needed"),
    (concat!("tod", "o!("), "finish it, or leave it out"),
    (concat!("unimple", "mented!("), "finish it, or leave it out"),
    (concat!("assert!(", "true"), "this cannot fail"),
];

/// Words that mark unfinished work.
const MARKERS: &[&str] = &[concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X")];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["common", "helper", "helpers", "manager", "misc", "util", "utils"];

/// How `unsafe` code begins.
const UNSAFE: &[&str] =
    &[concat!("uns", "afe {"), concat!("uns", "afe fn"), concat!("uns", "afe impl"), concat!("uns", "afe extern")];

/// The one folder where it may.
const UNSAFE_HOME: &str = "crates/secret/";

/// Checks one file. `path` is relative to the workspace, with slashes.
pub(crate) fn check(path: &str, text: &str) -> Vec<Finding> {
    let lines: Vec<&str> = text.lines().collect();
    let mut findings = check_whole(path, &lines);
    for (index, line) in lines.iter().enumerate() {
        let mut refuse = |what: String| findings.push(Finding::new(format!("{path}:{}", index + 1), what));
        for (pattern, instead) in REFUSED.iter().filter(|(pattern, _)| line.contains(pattern)) {
            refuse(format!("{pattern}: {instead}"));
        }
        for marker in MARKERS.iter().filter(|marker| has_word(line, marker)) {
            refuse(format!("{marker}: finish it, or file it"));
        }
        let is_comment = line.trim_start().starts_with("//");
        if !is_comment && !path.starts_with(UNSAFE_HOME) && UNSAFE.iter().any(|start| line.contains(start)) {
            refuse(format!("{} belongs in {UNSAFE_HOME} alone", concat!("uns", "afe")));
        }
        if line.contains(concat!("#[exp", "ect(")) || line.contains(concat!("#![exp", "ect(")) {
            let end = lines.len().min(index + ATTRIBUTE_LINES_MAX);
            let attribute = lines.get(index..end).unwrap_or_default().iter();
            let mut attribute = attribute.scan(false, |closed, line| {
                (!std::mem::replace(closed, line.trim_end().ends_with(']'))).then_some(*line)
            });
            if !attribute.any(|line| line.contains("reason =")) {
                refuse("an expectation gives its reason".to_owned());
            }
        }
    }
    findings
}

fn check_whole(path: &str, lines: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let first = lines.iter().find(|line| !line.trim().is_empty());
    if !is_test(path) && !first.is_some_and(|line| line.starts_with("//!")) {
        findings.push(Finding::new(path, "begins without //!: what this is, why, what it must never do"));
    }
    let has_reason = lines.iter().take(HEAD_LINES).any(|line| line.starts_with("//!") && line.contains("whole"));
    if lines.len() > LINES_MAX && !has_reason {
        let what = format!("{} lines: look for the second idea, or say at the top why it stays whole", lines.len());
        findings.push(Finding::new(path, what));
    }
    let stem = path.rsplit('/').next().and_then(|name| name.strip_suffix(".rs")).unwrap_or_default();
    if EMPTY_NAMES.contains(&stem) {
        findings.push(Finding::new(path, "is called after nothing: name the noun that it holds"));
    }
    findings
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Whether the word stands in the line with no letter, digit or underscore beside it.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    let is_part = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(start, _)| {
        let before = line.get(..start).unwrap_or_default().chars().next_back();
        let after = line.get(start + word.len()..).unwrap_or_default().chars().next();
        !is_part(before) && !is_part(after)
    })
}

#[cfg(test)]
mod tests;

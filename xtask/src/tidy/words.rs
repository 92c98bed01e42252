//! Words that must not stand in code or documentation: the wrong word for a thing, British spelling, places that
//! exist on one machine only.

use super::Finding;

/// What not to say, in lower case and in two parts so that this file does not find itself, and what to say.
const WORDS: &[(&str, &str)] = &[
    (concat!("master", " key"), "root key"),
    (concat!("white", "list"), "allow list"),
    (concat!("black", "list"), "deny list"),
    (concat!("for ", "now,"), "what holds, or nothing"),
    (concat!("for ", "now)"), "what holds, or nothing"),
    (concat!("for ", "now."), "what holds, or nothing"),
    (concat!("behav", "iour"), "behavior"),
    (concat!("authoris", "e"), "authorize"),
    (concat!("authoris", "ation"), "authorization"),
    (concat!("serialis", "e"), "serialize"),
    (concat!("initialis", "e"), "initialize"),
    (concat!("recognis", "e"), "recognize"),
    (concat!("normalis", "e"), "normalize"),
    (concat!("canonicalis", "e"), "canonicalize"),
    (concat!("licen", "ce"), "license"),
    (concat!("favou", "r"), "favor"),
    (concat!("honou", "r"), "honor"),
    (concat!("colou", "r"), "color"),
];

/// Files that are judged: sources, documentation, scripts. Samples that others wrote are not.
pub(crate) fn applies(path: &str) -> bool {
    let is_sample = path.contains("/golden/") || path.contains("/vectors/");
    let is_text =
        [".rs", ".md", ".py", ".go", ".mjs", ".sh", ".toml", ".hcl"].iter().any(|extension| path.ends_with(extension));
    !is_sample && (is_text || path == "Makefile" || path == ".ci/run")
}

/// Checks one file. `root` is where the workspace lies on this machine.
pub(crate) fn check(path: &str, text: &str, root: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut refuse = |what: String| findings.push(Finding::new(format!("{path}:{}", index + 1), what));
        let lower = line.to_ascii_lowercase();
        for (word, better) in WORDS.iter().filter(|(word, _)| lower.contains(word)) {
            refuse(format!("{word:?}: say {better}"));
        }
        // A workspace directly under / would make every absolute path look like ours.
        if root.matches('/').count() > 1 && line.contains(root) {
            refuse(format!("names {root}, which exists on this machine only"));
        }
    }
    findings
}

#[cfg(test)]
mod tests;

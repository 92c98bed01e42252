//! Links between the documents of the checkout must lead somewhere; rustdoc checks only its own.

use super::Finding;

/// Checks one document. `exists` answers for a path relative to the workspace; links out of it are not judged.
pub(crate) fn check(path: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            if !exists(&resolve(folder, file)) {
                findings.push(Finding::new(format!("{path}:{}", index + 1), format!("{target} leads nowhere")));
            }
        }
    }
    findings
}

/// The path that `file` means in a document of `folder`.
fn resolve(folder: &str, file: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests;

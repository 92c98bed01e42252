//! What others' code the build contains: licenses, banned crates, and crates present in two versions.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use super::{Finding, licenses};

/// The `--format` that [`parse`] reads.
pub(crate) const TREE_FORMAT: &str = "{p}|{l}|";

/// One crate of others that the build contains.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The SPDX expression of its manifest; empty when there is none.
    pub(crate) license: String,
}

/// Which of the two trees is judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tree {
    /// What the binary contains, and what builds it.
    Shipped,
    /// The tests and tools as well.
    Whole,
}

impl Tree {
    /// What `cargo tree` is asked.
    pub(crate) fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Shipped => &["--package", "strongroom", "--edges", "normal,build"],
            Self::Whole => &["--workspace", "--edges", "normal,build,dev"],
        }
    }
}

/// Crates that must not come in, and why.
const BANNED: &[(&str, &str)] = &[
    ("chrono", "jiff is the one time library"),
    ("josekit", "it links OpenSSL"),
    ("jsonwebtoken", "it panics when two providers are present, and lacks ES512"),
    ("native-tls", "TLS is rustls with aws-lc"),
    ("openssl", "TLS is rustls with aws-lc"),
    ("openssl-sys", "TLS is rustls with aws-lc"),
    ("ring", "a second crypto provider makes rustls panic at run time; aws-lc-rs is the one"),
    ("rustls-pemfile", "unmaintained; rustls-pki-types reads PEM"),
    ("serde_yaml", "unmaintained"),
];

/// Crates that may be present in several versions, how many, and why.
const DUPLICATES_ALLOWED: &[(&str, usize, &str)] = &[
    ("base64", 2, PGP),
    ("blowfish", 2, PGP),
    ("cipher", 2, PGP),
    ("crypto-common", 2, PGP),
    ("getrandom", 2, PGP),
    ("inout", 2, PGP),
    ("serdect", 2, PGP),
    ("syn", 2, "build time only: derive macros are between two releases"),
];

/// Why there are two of what it uses.
const PGP: &str = "pgp stands on the RustCrypto release before the one of bcrypt and the rest";

/// The same for the whole tree, instead of the list above: nothing of it is shipped.
const DUPLICATES_IN_DEVELOPMENT: &[(&str, usize, &str)] = &[
    ("base64", 2, PGP),
    ("blowfish", 2, PGP),
    ("cipher", 2, PGP),
    ("cpufeatures", 2, PGP),
    ("crypto-common", 2, PGP),
    ("getrandom", 2, PGP),
    ("inout", 2, PGP),
    ("rand", 2, PGP),
    ("rand_core", 2, PGP),
    ("serdect", 2, PGP),
    ("syn", 3, "vaultrs, a client that is tested, derives with the oldest release"),
    ("synstructure", 2, "vaultrs: the same"),
    ("thiserror", 2, "vaultrs: its HTTP layer has the old release"),
    ("thiserror-impl", 2, "vaultrs: the same"),
];

/// Reads `cargo tree`'s lines; ours, which carry a path, are left out.
///
/// # Errors
/// When a line does not have the form of [`TREE_FORMAT`].
pub(crate) fn parse(tree: &str) -> Result<Vec<Dependency>> {
    let mut found = Vec::new();
    for line in tree.lines().filter(|line| !line.trim().is_empty()) {
        let mut fields = line.split('|');
        let (package, license) = (fields.next().unwrap_or_default(), fields.next());
        let license = license.with_context(|| format!("no license field in {line:?}"))?;
        let mut words = package.split_whitespace();
        let (name, version) = (words.next().unwrap_or_default(), words.next());
        let version = version.with_context(|| format!("no version in {line:?}"))?;
        let is_ours = words.any(|word| word.starts_with("(/"));
        if !is_ours {
            found.push(Dependency {
                name: name.to_owned(),
                version: version.trim_start_matches('v').to_owned(),
                license: license.trim().to_owned(),
            });
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Every dependency that the rules do not allow in this tree.
pub(crate) fn check(tree: Tree, dependencies: &[Dependency]) -> Vec<Finding> {
    let duplicates = match tree {
        Tree::Shipped => DUPLICATES_ALLOWED,
        Tree::Whole => DUPLICATES_IN_DEVELOPMENT,
    };
    let mut findings = Vec::new();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for dependency in dependencies {
        let Dependency { name, version, license } = dependency;
        versions.entry(name).or_default().push(version);
        if !licenses::is_allowed(license) {
            findings.push(Finding::new(name, format!("license {license:?} is not on the list")));
        }
        if let Some((_, why)) = BANNED.iter().find(|(banned, _)| banned == name) {
            findings.push(Finding::new(name, format!("is banned: {why}")));
        }
    }
    for (name, versions) in versions {
        let allowed = duplicates.iter().find(|(known, _, _)| *known == name).map_or(1, |(_, count, _)| *count);
        if versions.len() > allowed {
            findings.push(Finding::new(name, format!("is present as {}: agree on one", versions.join(" and "))));
        }
    }
    findings
}

#[cfg(test)]
mod tests;

//! Which crate may use which: the layers of `ARCHITECTURE.md` as a table.
//!
//! A crate may use crates of lower layers only, and within its layer only where an arrow says so. Some lower crates are
//! still out of bounds for some: those are the trust boundaries, and each names what it protects.

use cargo_metadata::{DependencyKind, Metadata};

use super::Finding;

/// One dependency between two crates of ours, or of ours on another's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Edge {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) is_ours: bool,
    pub(crate) is_dev: bool,
}

/// Lowest first. A new crate gets its line here before it compiles anywhere.
const LAYERS: &[(&str, u8)] = &[
    ("api", 0),
    ("env", 0),
    ("hcl", 0),
    ("secret", 0),
    ("telemetry", 0),
    ("backup", 1),
    ("client", 1),
    ("jose", 1),
    ("ldap", 1),
    ("openpgp", 1),
    ("outbound", 1),
    ("password", 1),
    ("policy", 1),
    ("storage", 1),
    ("storage-embedded", 1),
    ("x509", 1),
    ("barrier", 2),
    ("cli", 2),
    ("framework", 2),
    ("audit", 3),
    ("engines", 3),
    ("server-core", 4),
    ("http-api", 5),
    ("strongroom", 6),
];

/// The allowed edges inside one layer, and among the crates for development.
const ARROWS: &[(&str, &str)] = &[
    ("client", "outbound"),
    ("storage-embedded", "storage"),
    ("framework", "barrier"),
    ("bench", "e2e"),
    ("e2e", "simulators"),
    ("engines", "simulators"),
];

/// Crates that nothing may depend on, and that may use whatever they test.
const DEVELOPMENT_ONLY: &[&str] = &["bench", "e2e", "simulators", "xtask"];

/// Lower crates that are out of bounds all the same.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("api", "hcl", "the wire types know no configuration"),
    ("audit", "barrier", "what is recorded is handed in, and so are the keys"),
    ("audit", "policy", "a record tells what was decided, and decides nothing"),
    ("audit", "storage", "the table of devices is the core's"),
    ("audit", "storage-embedded", "the table of devices is the core's"),
    ("barrier", "policy", "the barrier knows no callers"),
    ("barrier", "storage-embedded", "the barrier takes any store"),
    ("cli", "barrier", "the command line reaches the server over HTTP only"),
    ("cli", "policy", "the command line reaches the server over HTTP only"),
    ("cli", "storage", "the command line reaches the server over HTTP only"),
    ("cli", "storage-embedded", "the command line reaches the server over HTTP only"),
    ("client", "hcl", "the client has no configuration file"),
    ("engines", "barrier", "an engine sees its own storage view, which framework hands it"),
    ("engines", "policy", "an engine does not decide who may call it"),
    ("engines", "storage", "an engine sees its own storage view, which framework hands it"),
    ("engines", "storage-embedded", "an engine takes any store"),
    ("framework", "policy", "the framework does not decide who may call it"),
    ("framework", "storage-embedded", "the framework takes any store"),
    ("http-api", "barrier", "the front door goes through the core"),
    ("http-api", "engines", "the front door knows no concrete engine"),
    ("http-api", "policy", "the front door decides nothing"),
    ("http-api", "storage", "the front door goes through the core"),
    ("http-api", "storage-embedded", "the front door goes through the core"),
    ("server-core", "client", "the core calls nobody"),
    ("server-core", "engines", "the core knows no concrete engine"),
    ("server-core", "storage-embedded", "the core takes any store"),
];

/// Crates of others that are worth a wall, and the only crates that may name them.
const HOMES: &[(&str, &[&str])] = &[
    ("aws-lc-rs", &["barrier", "jose", "secret", "server-core", "x509"]),
    ("clap", &["cli", "strongroom"]),
    ("hyper", &["http-api"]),
    ("pgp", &["openpgp"]),
    ("rand_core", &["openpgp"]),
    ("redb", &["storage-embedded"]),
    ("reqwest", &["audit", "client", "outbound"]),
    ("rpassword", &["cli"]),
    ("rustls", &["client", "http-api", "ldap", "outbound", "strongroom"]),
    ("rustls-webpki", &["x509"]),
    ("anyhow", &["bench", "e2e", "xtask"]),
    ("cargo_metadata", &["xtask"]),
];

/// What the members of the workspace declare, for every kind of dependency.
pub(crate) fn edges(workspace: &Metadata) -> Vec<Edge> {
    let mut edges = Vec::new();
    for package in &workspace.packages {
        for dependency in &package.dependencies {
            edges.push(Edge {
                from: package.name.to_string(),
                to: dependency.name.clone(),
                is_ours: dependency.path.is_some(),
                is_dev: dependency.kind == DependencyKind::Development,
            });
        }
        // A crate without dependencies must be in the table, too.
        edges.push(Edge { from: package.name.to_string(), to: package.name.to_string(), is_ours: true, is_dev: false });
    }
    edges
}

/// Every edge that the tables do not allow.
pub(crate) fn check(edges: &[Edge]) -> Vec<Finding> {
    edges.iter().filter_map(|edge| refuse(edge).map(|why| Finding::new(&edge.from, why))).collect()
}

fn refuse(edge: &Edge) -> Option<String> {
    let Edge { from, to, is_ours, is_dev } = edge;
    if !is_ours {
        return refuse_foreign(from, to, *is_dev);
    }
    let is_arrow = ARROWS.iter().any(|(a, b)| a == from && b == to);
    if DEVELOPMENT_ONLY.contains(&to.as_str()) && from != to {
        // What the tests of a crate stand on goes into no program.
        let is_allowed = is_arrow && (*is_dev || DEVELOPMENT_ONLY.contains(&from.as_str()));
        return (!is_allowed).then(|| format!("must not depend on {to}, which exists for development only"));
    }
    if DEVELOPMENT_ONLY.contains(&from.as_str()) {
        return None;
    }
    let (Some(above), Some(below)) = (layer(from), layer(to)) else {
        return Some(format!("{from} or {to} has no line in the table of layers (xtask/src/tidy/layers.rs)"));
    };
    if from == to {
        return None;
    }
    if let Some((_, _, why)) = FORBIDDEN.iter().find(|(a, b, _)| a == from && b == to) {
        return Some(format!("must not depend on {to}: {why}"));
    }
    (below >= above && !is_arrow).then(|| format!("is in layer {above} and must not depend on {to} of layer {below}"))
}

fn refuse_foreign(from: &str, to: &str, is_dev: bool) -> Option<String> {
    let (_, homes) = HOMES.iter().find(|(name, _)| *name == to)?;
    (!homes.contains(&from) && !is_dev && !DEVELOPMENT_ONLY.contains(&from))
        .then(|| format!("must not depend on {to}, which only {} may name", homes.join(", ")))
}

fn layer(name: &str) -> Option<u8> {
    LAYERS.iter().find(|(known, _)| *known == name).map(|(_, layer)| *layer)
}

#[cfg(test)]
mod tests;

//! The table: every subject with its rows and what each must reach. The figures come from `subject/`, one file each.
//!
//! A ratio says how much of the limit is reached; what is divided by what stands in the row's own text, and the
//! measurements behind it are told with the figure.

use anyhow::Result;

use crate::findings::Findings;
use crate::plan::Plan;
use crate::report::Goal::{self, AtLeast, AtMost};
use crate::subject::{audit, build, cores, leases, logins, overload, read, size, tenants, tls, write};

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What the subject calls it; unique.
    pub name: &'static str,
    /// What is measured, with its unit. `{few}`, `{loaded}`, `{secrets}` and `{idle}` stand for sizes of the run.
    pub what: &'static str,
    /// What to reach.
    pub goal: Goal,
}

/// Rows that are measured together, over the same servers.
pub struct Subject {
    /// What `ROWS=` calls it.
    pub name: &'static str,
    /// Whether it is measured only when `ROWS=` names it, because it takes minutes by itself.
    pub is_long: bool,
    /// Measures all rows.
    pub measure: fn(&Plan, &mut Findings<'_>) -> Result<()>,
    /// In the order in which they are shown.
    pub rows: &'static [Row],
}

const fn row(name: &'static str, what: &'static str, goal: Goal) -> Row {
    Row { name, what, goal }
}

/// All of them, in the order in which they are measured and shown.
pub const SUBJECTS: &[Subject] = &[
    Subject {
        name: "read",
        is_long: false,
        measure: read::measure,
        rows: &[
            row("read", "KV v2 read, warm, 10-rule policy ÷ bare hyper", AtLeast(0.5, 0.7)),
            row("lookup-self", "lookup-self ÷ bare hyper", AtLeast(0.5, 0.7)),
            row("idle memory", "resident, unsealed, idle, MiB", AtMost(22.0, 15.0)),
        ],
    },
    Subject {
        name: "audit",
        is_long: false,
        measure: audit::measure,
        rows: &[row("audited read", "the same read with a file audit device ÷ bare hyper", AtLeast(0.35, 0.55))],
    },
    Subject {
        name: "cores",
        is_long: false,
        measure: cores::measure,
        rows: &[row("two cores", "reads: two cores ÷ one core", AtLeast(1.7, 1.9))],
    },
    Subject {
        name: "overload",
        is_long: false,
        measure: overload::measure,
        rows: &[
            row("overload", "goodput at twice the rate that saturates ÷ peak", AtLeast(0.8, 0.95)),
            row("crowd", "goodput of 1,000 connections ÷ of 32", AtLeast(0.8, 0.95)),
        ],
    },
    Subject {
        name: "write",
        is_long: false,
        measure: write::measure,
        rows: &[
            row("write, one", "durable write, 1 connection ÷ store rate", AtLeast(0.6, 0.8)),
            row("write, many", "durable write, 32 connections ÷ group-commit ceiling", AtLeast(0.6, 0.85)),
            row("write, disk", "durable write, 1 connection ÷ append + fdatasync", AtLeast(0.2, 0.45)),
            row("read beside writes", "p99 ÷ p50 of reads while 32 connections write", AtMost(5.0, 3.0)),
        ],
    },
    Subject {
        name: "logins",
        is_long: false,
        measure: logins::measure,
        rows: &[
            row("AppRole login", "AppRole login, 32 connections ÷ group-commit ceiling of logins", AtLeast(0.5, 0.75)),
            row("batch login", "AppRole login for a batch token, µs CPU", Goal::None),
            row("JWT login", "JWT login (RS256, keys written down), 32 connections, a second", Goal::None),
            row("JWT batch login", "JWT login for a batch token, µs CPU", Goal::None),
            row("password", "userpass login, ms CPU", Goal::None),
            row("wrong password", "a wrong password ÷ a right one, CPU", Goal::None),
        ],
    },
    Subject {
        name: "tls",
        is_long: false,
        measure: tls::measure,
        rows: &[
            row("TLS read", "TLS read ÷ own plain read", AtLeast(0.75, 0.85)),
            row("handshakes", "TLS handshakes ÷ bare rustls, for each second of CPU", AtLeast(0.7, 0.9)),
            row("idle connections", "resident with {idle} idle TLS connections, MiB", AtMost(400.0, 200.0)),
        ],
    },
    Subject {
        name: "size",
        is_long: false,
        measure: size::measure,
        rows: &[
            row("loaded memory", "resident after {loaded} secrets were written and read, MiB", AtMost(64.0, 40.0)),
            row("page", "a page of 1,000 names of {secrets} ÷ of 1,000, time", AtMost(1.2, 1.0)),
            row("answer", "start to first answer after `kill -9` with {secrets} secrets, ms", AtMost(40.0, 15.0)),
            row("unsealed", "start to unsealed after `kill -9` with {secrets} secrets, ms", AtMost(60.0, 30.0)),
            row("start growth", "start to unsealed: growth from {few} to {secrets} secrets, %", AtMost(10.0, 0.0)),
            row("memory growth", "resident after start: growth from {few} to {secrets} secrets, %", AtMost(10.0, 0.0)),
            row("cold read", "KV v2 read of a secret that is in no cache, µs CPU", Goal::None),
            row("cold ÷ warm", "the same ÷ of one that is, CPU", Goal::None),
            row(
                "hit rate",
                "entries that the cache had when {secrets} secrets were read, few of them often, %",
                Goal::None,
            ),
        ],
    },
    Subject {
        name: "leases",
        is_long: true,
        measure: leases::measure,
        rows: &[
            row(
                "lease memory",
                "resident after start with {secrets} leases and as many tokens, MiB",
                AtMost(96.0, 48.0),
            ),
            row(
                "lease start",
                "start to unsealed after `kill -9` with {secrets} leases and as many tokens, ms",
                AtMost(60.0, 30.0),
            ),
            row(
                "lease start growth",
                "start to unsealed: growth from {few} to {secrets} leases and tokens, %",
                AtMost(10.0, 0.0),
            ),
            row(
                "lease memory growth",
                "resident after start: growth from {few} to {secrets} leases and tokens, %",
                AtMost(10.0, 0.0),
            ),
            row("one lease", "one more lease: with {secrets} leases and tokens ÷ with {few}, CPU", AtMost(1.2, 1.0)),
            row("revoke prefix", "a prefix of {loaded} of {secrets} leases, revoked and gone, s", Goal::None),
            row("expiry", "{loaded} leases due at once: keys removed ÷ what the store removes", AtLeast(0.4, 0.6)),
            row("reads beside expiry", "reads while {loaded} leases are due ÷ reads alone", AtLeast(0.7, 0.9)),
        ],
    },
    Subject {
        name: "tenants",
        is_long: false,
        measure: tenants::measure,
        rows: &[
            row(
                "tenant start",
                "start to unsealed after `kill -9` with {few} namespaces of 5 mounts, ms",
                AtMost(60.0, 30.0),
            ),
            row(
                "tenant start growth",
                "start to unsealed: growth from 100 to {few} namespaces of 5 mounts, %",
                AtMost(10.0, 0.0),
            ),
            row(
                "tenant memory growth",
                "resident after start: growth from 100 to {few} namespaces of 5 mounts, %",
                AtMost(10.0, 0.0),
            ),
            row("tenant read", "a read in one of {few} namespaces ÷ in one of 100, CPU", AtMost(1.1, 1.0)),
        ],
    },
    Subject {
        name: "build",
        is_long: false,
        measure: build::measure,
        rows: &[
            row("binary", "binary, stripped, MB", AtMost(25.0, 18.0)),
            row("build", "clean release build, s of CPU", AtMost(700.0, 500.0)),
        ],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_and_subject_has_a_name_of_its_own() {
        let rows: Vec<_> = SUBJECTS.iter().flat_map(|subject| subject.rows).collect();
        for names in [
            SUBJECTS.iter().map(|subject| subject.name).collect::<Vec<_>>(),
            rows.iter().map(|row| row.name).collect(),
            rows.iter().map(|row| row.what).collect(),
        ] {
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        }
        assert!(rows.iter().all(|row| !row.what.contains('|')), "a bar would end the column");
    }
}

//! The comparison itself, by area, and how it is shown. Pure: documents in, a report out.

use std::collections::BTreeMap;

use super::absent::{Absent, Entry, Plan};
use super::operations::{Operations, Shape};

/// The areas below `sys/`, by what the path begins with. The first that fits wins; the rest of `sys/` is one area.
const SYSTEM: &[(&str, &str)] = &[
    ("/sys/audit", "sys: audit"),
    ("/sys/config/auditing", "sys: audit"),
    ("/sys/auth", "sys: auth methods"),
    ("/sys/capabilities", "sys: capabilities"),
    ("/sys/config", "sys: configuration"),
    ("/sys/decode-token", "sys: root and recovery"),
    ("/sys/generate-root", "sys: root and recovery"),
    ("/sys/rekey", "sys: root and recovery"),
    ("/sys/internal", "sys: internal"),
    ("/sys/leases", "sys: leases"),
    ("/sys/renew", "sys: leases"),
    ("/sys/revoke", "sys: leases"),
    ("/sys/init", "sys: seal"),
    ("/sys/key-status", "sys: seal"),
    ("/sys/rotate", "sys: seal"),
    ("/sys/seal", "sys: seal"),
    ("/sys/unseal", "sys: seal"),
    ("/sys/mfa", "sys: login MFA"),
    ("/sys/mounts", "sys: mounts"),
    ("/sys/remount", "sys: mounts"),
    ("/sys/namespaces", "sys: namespaces"),
    ("/sys/plugins", "sys: plugins"),
    ("/sys/polic", "sys: policies"),
    ("/sys/pprof", "sys: profiles"),
    ("/sys/quotas", "sys: quotas"),
    ("/sys/replication", "sys: replication"),
    ("/sys/tools", "sys: tools"),
    ("/sys/wrapping", "sys: wrapping"),
    ("/sys/health", "sys: the node"),
    ("/sys/leader", "sys: the node"),
    ("/sys/step-down", "sys: the node"),
    ("/sys/ha-status", "sys: the node"),
    ("/sys/host-info", "sys: the node"),
    ("/sys/in-flight-req", "sys: the node"),
    ("/sys/loggers", "sys: the node"),
    ("/sys/metrics", "sys: the node"),
    ("/sys/monitor", "sys: the node"),
    ("/sys/version-history", "sys: the node"),
];

/// What became of the published operations of one area.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Tally {
    answered: usize,
    missing: usize,
    planned: usize,
    unscheduled: usize,
    never: usize,
    /// Answered here, and not published.
    own: usize,
}

/// What is answered and what is not.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    areas: BTreeMap<String, Tally>,
    /// Not answered, and in no list: method and path.
    missing: Vec<String>,
    /// For each section of the list: its plan, its reason, and its entries.
    sections: Vec<(Plan, String, Vec<String>)>,
    /// What is wrong with the list: `line: what`.
    pub(crate) rotten: Vec<String>,
}

impl Report {
    pub(crate) fn new(published: &Operations, ours: &Operations, absent: &Absent) -> Self {
        let mut areas = BTreeMap::<String, Tally>::new();
        let mut missing = Vec::new();
        for (operation, spelled) in published.iter() {
            let tally = areas.entry(area(&operation.path)).or_default();
            let entry = absent.entries.iter().find(|entry| entry.covers(operation));
            let plan = entry.and_then(|entry| absent.section(entry)).map(|section| section.plan);
            match plan {
                _ if ours.contains(operation) => tally.answered += 1,
                Some(Plan::Planned) => tally.planned += 1,
                Some(Plan::Unscheduled) => tally.unscheduled += 1,
                Some(Plan::Never) => tally.never += 1,
                None => {
                    tally.missing += 1;
                    missing.push(format!("{} {spelled}", operation.method));
                }
            }
        }
        for (operation, _) in ours.iter().filter(|(operation, _)| !published.contains(operation)) {
            areas.entry(area(&operation.path)).or_default().own += 1;
        }
        let rotten = absent.entries.iter().flat_map(|entry| rot(entry, published, ours, absent)).collect();
        Self { areas, missing, sections: sections(absent), rotten }
    }

    /// One line.
    pub(crate) fn sum(&self) -> String {
        let sum = self.total();
        format!(
            "{} published operations: {} answered, {} missing, {} planned, {} not scheduled, {} deliberately absent",
            sum.published(),
            sum.answered,
            sum.missing,
            sum.planned,
            sum.unscheduled,
            sum.never
        )
    }

    fn total(&self) -> Tally {
        self.areas.values().fold(Tally::default(), |sum, tally| Tally {
            answered: sum.answered + tally.answered,
            missing: sum.missing + tally.missing,
            planned: sum.planned + tally.planned,
            unscheduled: sum.unscheduled + tally.unscheduled,
            never: sum.never + tally.never,
            own: sum.own + tally.own,
        })
    }

    /// The report as it stands on the page.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("{}.\n\n", self.sum());
        text.push_str("| area | published | answered | missing | planned | not scheduled | never | only here |\n");
        text.push_str("|---|--:|--:|--:|--:|--:|--:|--:|\n");
        let total = self.total();
        let rows = self.areas.iter().map(|(area, tally)| (area.as_str(), tally));
        for (area, tally) in rows.chain([("**all**", &total)]) {
            let figures =
                [tally.answered, tally.missing, tally.planned, tally.unscheduled, tally.never, tally.own].map(figure);
            push_line(&mut text, format_args!("| {area} | {} | {} |", tally.published(), figures.join(" | ")));
        }
        if !self.missing.is_empty() {
            text.push_str("\n### Missing\n\n");
            for operation in &self.missing {
                push_line(&mut text, format_args!("* `{operation}`"));
            }
        }
        let headings =
            [(Plan::Planned, "Planned"), (Plan::Unscheduled, "Not scheduled"), (Plan::Never, "Deliberately absent")];
        for (plan, heading) in headings {
            let sections: Vec<_> = self.sections.iter().filter(|(of, ..)| *of == plan).collect();
            if sections.is_empty() {
                continue;
            }
            push_line(&mut text, format_args!("\n### {heading}\n\n| operations | reason |\n|---|---|"));
            for (_, reason, entries) in sections {
                let entries: Vec<_> = entries.iter().map(|entry| format!("`{entry}`")).collect();
                push_line(&mut text, format_args!("| {} | {reason} |", entries.join(", ")));
            }
        }
        text
    }
}

impl Tally {
    fn published(&self) -> usize {
        self.answered + self.missing + self.planned + self.unscheduled + self.never
    }
}

fn figure(count: usize) -> String {
    if count == 0 { "–".to_owned() } else { count.to_string() }
}

fn push_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.push_str(&line.to_string());
    text.push('\n');
}

fn sections(absent: &Absent) -> Vec<(Plan, String, Vec<String>)> {
    let sections = absent.sections.iter().enumerate().map(|(index, section)| {
        let entries = absent.entries.iter().filter(|entry| entry.section == index);
        (section.plan, section.reason.clone(), entries.map(|entry| entry.text.clone()).collect())
    });
    sections.collect()
}

/// What is wrong with an entry: it speaks of nothing that is published, of something that another one speaks of, or of
/// something that is answered. One that plans a whole subtree stays good until nothing in it is left to do.
fn rot(entry: &Entry, published: &Operations, ours: &Operations, absent: &Absent) -> Vec<String> {
    let covered: Vec<&Shape> = published.iter().map(|(shape, _)| shape).filter(|shape| entry.covers(shape)).collect();
    let say = |what: String| format!("{}: {}: {what}", entry.line, entry.text);
    if covered.is_empty() {
        return vec![say("no published operation is meant".to_owned())];
    }
    let mut findings = Vec::new();
    let is_never = absent.section(entry).is_some_and(|section| section.plan == Plan::Never);
    let (answered, open): (Vec<&Shape>, Vec<&Shape>) = covered.into_iter().partition(|shape| ours.contains(shape));
    if let Some(first) = answered.first().filter(|_| is_never || open.is_empty()) {
        findings.push(say(format!("{} {} is answered", first.method, first.path)));
    }
    let earlier = absent.entries.iter().take_while(|other| other.line != entry.line);
    if let Some(other) = earlier.into_iter().find(|other| open.iter().any(|shape| other.covers(shape))) {
        findings.push(say(format!("line {} speaks of the same", other.line)));
    }
    findings
}

/// The area that a path belongs to.
fn area(path: &str) -> String {
    let mut segments = path.trim_start_matches('/').split('/');
    match (segments.next().unwrap_or_default(), segments.next().unwrap_or_default()) {
        ("sys", _) => {
            let known = SYSTEM.iter().find(|(prefix, _)| path.starts_with(prefix));
            known.map_or("sys: all else", |(_, area)| *area).to_owned()
        }
        ("auth", "token") => "tokens".to_owned(),
        ("auth", method) => format!("auth: {method}"),
        ("identity", part @ ("oidc" | "mfa")) => format!("identity: {part}"),
        ("identity", _) => "identity".to_owned(),
        (engine, _) => format!("secrets: {engine}"),
    }
}

#[cfg(test)]
mod tests;

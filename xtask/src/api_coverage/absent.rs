//! The list of operations that are not answered: sections of a plan and a reason, with the operations below it.
//!
//! ```text
//! never: there is nothing to replicate
//!     *    /sys/replication/**
//! planned: with leases
//!     POST /sys/leases/renew
//! ```
//!
//! `*` is every method, `/**` at the end is the path and everything below. Lines that begin with `#` are comments.

use anyhow::{Context as _, Result, bail, ensure};

use super::operations::{Shape, shape};

/// What is meant to become of an operation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Plan {
    /// It is part of work that is laid out.
    Planned,
    /// Nobody has laid it out, and nothing speaks against it.
    Unscheduled,
    /// It will not be there.
    Never,
}

impl Plan {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Planned, "planned"), (Self::Unscheduled, "unscheduled"), (Self::Never, "never")];

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == word).map(|(plan, _)| *plan)
    }
}

/// One line of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    /// Where it stands in the file, from 1.
    pub(crate) line: usize,
    /// As it is written: method and path.
    pub(crate) text: String,
    /// Which section it is in, as an index.
    pub(crate) section: usize,
    /// `None` for every method.
    method: Option<String>,
    path: String,
    is_subtree: bool,
}

/// What some entries have in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Section {
    pub(crate) plan: Plan,
    pub(crate) reason: String,
}

/// The whole list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Absent {
    pub(crate) sections: Vec<Section>,
    pub(crate) entries: Vec<Entry>,
}

impl Absent {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut absent = Self::default();
        for (index, line) in text.lines().enumerate() {
            absent.read_line(index + 1, line).with_context(|| format!("line {}", index + 1))?;
        }
        Ok(absent)
    }

    fn read_line(&mut self, number: usize, line: &str) -> Result<()> {
        if line.trim().is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if !line.starts_with(' ') {
            let (plan, reason) = line.split_once(": ").context("a section is `plan: reason`")?;
            let plan = Plan::parse(plan).with_context(|| format!("{plan:?} is no plan"))?;
            self.sections.push(Section { plan, reason: reason.trim().to_owned() });
            return Ok(());
        }
        let section = self.sections.len().checked_sub(1).context("an entry stands in a section")?;
        let mut words = line.split_whitespace();
        let (Some(method), Some(path), None) = (words.next(), words.next(), words.next()) else {
            bail!("an entry is a method and a path");
        };
        ensure!(path.starts_with('/'), "a path begins with a slash");
        let (above, is_subtree) = path.strip_suffix("/**").map_or((path, false), |above| (above, true));
        self.entries.push(Entry {
            line: number,
            text: format!("{method} {path}"),
            section,
            method: (method != "*").then(|| method.to_owned()),
            path: shape(above),
            is_subtree,
        });
        Ok(())
    }

    /// The section of an entry.
    pub(crate) fn section(&self, entry: &Entry) -> Option<&Section> {
        self.sections.get(entry.section)
    }
}

impl Entry {
    /// Whether the entry speaks of this operation.
    pub(crate) fn covers(&self, operation: &Shape) -> bool {
        let below = operation.path.strip_prefix(&self.path);
        let is_path = match below {
            Some("") => true,
            Some(rest) => self.is_subtree && rest.starts_with('/'),
            None => false,
        };
        is_path && self.method.as_ref().is_none_or(|method| *method == operation.method)
    }
}

#[cfg(test)]
mod tests;

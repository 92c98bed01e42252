//! Which fingerprints a secret has: for each value that one of its versions holds, the versions that hold it.
//!
//! The account is part of the history, so that a write knows without a read which lines come and which go; reads carry
//! it along as one text that they do not look into. It names no version that is not there: a line goes in the commit
//! that takes the last version with its value away. It may leave out some: it is bounded.

use std::borrow::Cow;
use std::fmt::Write as _;

use framework::Error;
use framework::view::{Revision, View, ViewChanges};
use serde::{Deserialize, Serialize, Serializer};

use super::entry::History;
use crate::secrets::SecretPath;

/// The most lines of one secret: beyond it, those of the oldest versions go.
pub(super) const LINES_MAX: usize = 48;
/// The most ranges of versions that are remembered of one value; beyond it, the oldest is left out.
const RUNS_MAX: usize = 8;

/// The account as it is stored. A read carries it along as the text that it is, at the price of one block of the heap.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(from = "String")]
pub(super) struct Account {
    text: String,
    /// The revision of the history that it was read from: that of lines which were made in the same commit.
    read_at: Option<u64>,
}

impl Account {
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Says which revision the history has that it was read from: whoever writes it again writes another.
    pub(super) fn was_read_at(&mut self, revision: Revision) {
        self.read_at = Some(revision.0);
    }

    /// The text with the revisions of lines that were made in the commit that wrote it.
    fn filled(&self) -> Cow<'_, str> {
        const FRESH: &str = "::";
        match self.read_at {
            Some(revision) if self.text.contains(FRESH) => self.text.replace(FRESH, &format!(":{revision}:")).into(),
            _ => self.text.as_str().into(),
        }
    }
}

impl From<String> for Account {
    fn from(text: String) -> Self {
        Self { text, read_at: None }
    }
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.filled())
    }
}

/// A value that some versions hold.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Mark {
    hash: String,
    /// Of its line; none for one that is made in this commit.
    revision: Option<u64>,
    /// First and last of the versions that hold it, in ascending order.
    runs: Vec<(u64, u64)>,
}

/// The account of a secret: `hash:revision:first-last,first-last` for each value, with `;` between them. Without a
/// revision the line is of the commit that wrote the history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Marks(Vec<Mark>);

impl Marks {
    /// # Errors
    /// [`Error::World`] when the text is damaged, or of a later release.
    fn parse(text: &str) -> Result<Self, Error> {
        let marks = text.split(';').filter(|text| !text.is_empty()).map(parse_mark).collect::<Option<_>>();
        marks.map(Self).ok_or_else(|| Error::world("read which fingerprints a secret has", "they do not decode"))
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (index, mark) in self.0.iter().enumerate() {
            text.push_str(if index == 0 { "" } else { ";" });
            let revision = mark.revision.map_or_else(String::new, |revision| revision.to_string());
            // Writing to a string does not fail.
            write!(text, "{}:{revision}:", mark.hash).ok();
            for (index, (first, last)) in mark.runs.iter().enumerate() {
                write!(text, "{}{first}-{last}", if index == 0 { "" } else { "," }).ok();
            }
        }
        text
    }

    /// Says that a new version holds the values with these hashes.
    pub(super) fn add(&mut self, hashes: &[String], number: u64) {
        for hash in hashes {
            match self.0.iter_mut().find(|mark| mark.hash == *hash) {
                Some(mark) => mark.add(number),
                None => self.0.push(Mark { hash: hash.clone(), revision: None, runs: vec![(number, number)] }),
            }
        }
        let mut held: Vec<_> = self.0.iter_mut().filter(|mark| !mark.runs.is_empty()).collect();
        held.sort_by_key(|mark| std::cmp::Reverse(mark.newest()));
        for oldest in held.into_iter().skip(LINES_MAX) {
            oldest.runs.clear();
        }
    }

    /// Says that the versions before `oldest` have gone.
    pub(super) fn keep_from(&mut self, oldest: u64) {
        for mark in &mut self.0 {
            mark.runs.retain(|(_, last)| *last >= oldest);
            if let Some((first, _)) = mark.runs.first_mut() {
                *first = oldest.max(*first);
            }
        }
    }

    /// Says that these versions have gone.
    pub(super) fn remove(&mut self, numbers: &[u64]) {
        for mark in &mut self.0 {
            for number in numbers {
                mark.remove(*number);
            }
        }
    }

    /// Says that all have gone.
    pub(super) fn clear(&mut self) {
        for mark in &mut self.0 {
            mark.runs.clear();
        }
    }
}

impl Mark {
    fn newest(&self) -> u64 {
        self.runs.last().map_or(0, |(_, last)| *last)
    }

    /// `number` is that of the newest version.
    fn add(&mut self, number: u64) {
        match self.runs.last_mut() {
            Some((_, last)) if *last + 1 >= number => *last = number,
            _ => self.runs.push((number, number)),
        }
        if self.runs.len() > RUNS_MAX {
            self.runs.remove(0);
        }
    }

    fn remove(&mut self, number: u64) {
        let Some(index) = self.runs.iter().position(|(first, last)| (*first..=*last).contains(&number)) else { return };
        let (first, last) = self.runs.remove(index);
        let rest = [(first, number.saturating_sub(1)), (number + 1, last)];
        let rest = rest.into_iter().filter(|(first, last)| first <= last);
        self.runs.splice(index..index, rest);
    }
}

fn parse_mark(text: &str) -> Option<Mark> {
    let mut parts = text.split(':');
    let (hash, revision, runs) = (parts.next()?, parts.next()?, parts.next()?);
    let revision = if revision.is_empty() { None } else { Some(revision.parse().ok()?) };
    let run = |run: &str| {
        let (first, last) = run.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    let runs = runs.split(',').map(run).collect::<Option<Vec<_>>>()?;
    Some(Mark { hash: hash.to_owned(), revision, runs })
}

/// Where a secret can be read behind the mount path: what a line says.
pub(super) fn shown_path(path: &SecretPath) -> String {
    ["data/", path.as_str()].concat()
}

/// Changes the account of a secret, and adds the lines that come and go with it. `attempt` counts the tries of the
/// commit: the first believes the account, later ones ask the store, because one that was restored from a copy has
/// other revisions.
///
/// # Errors
/// When the account does not decode or the storage fails.
pub(super) async fn change<'v>(
    mut changes: ViewChanges<'v>,
    view: &View,
    path: &SecretPath,
    history: &mut History,
    attempt: usize,
    change: impl FnOnce(&mut Marks),
) -> Result<ViewChanges<'v>, Error> {
    let mut marks = Marks::parse(&history.marks.filled())?;
    change(&mut marks);
    let Marks(all) = marks;
    let (kept, gone): (Vec<_>, Vec<_>) = all.into_iter().partition(|mark| !mark.runs.is_empty());
    let is_changed = |mark: &&Mark| mark.revision.is_none() || mark.runs.is_empty();
    let touched: Vec<&Mark> = kept.iter().chain(&gone).filter(is_changed).collect();
    let mut known: Vec<_> = touched.iter().map(|mark| mark.revision.map(Revision)).collect();
    let path = shown_path(path);
    if attempt > 0 && !touched.is_empty() {
        let hashes: Vec<_> = touched.iter().map(|mark| mark.hash.clone()).collect();
        known = view.stored_fingerprints(&hashes, &path).await?;
    }
    for (mark, known) in touched.into_iter().zip(known) {
        changes = match known {
            known if !mark.runs.is_empty() => changes.note_fingerprint(&mark.hash, &path, known),
            Some(known) => changes.forget_fingerprint(&mark.hash, &path, known),
            None => changes,
        };
    }
    history.marks = Marks(kept).text().into();
    Ok(changes)
}

#[cfg(test)]
mod tests;

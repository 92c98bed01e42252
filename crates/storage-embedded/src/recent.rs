//! What one log holds that the database lacks: in memory for readers, in the log for a crash.
//!
//! Every write is kept with its position until the database has taken all of it over, so that a view goes on seeing what
//! stood at its own position. The log bounds how much there is. It must never hold less than the log behind the
//! database's position: readers would see a commit undone.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use storage::{CommitId, Entry, Key, Position, Revision, Write};

/// One write of a key.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) position: Position,
    pub(crate) commit: CommitId,
    /// `None` for a removal.
    pub(crate) value: Option<Bytes>,
}

impl Version {
    /// What readers find; `None` after a removal.
    pub(crate) fn entry(&self, key: Key) -> Option<Entry> {
        let value = self.value.clone()?;
        Some(Entry { key, value, revision: self.revision(), commit: self.commit })
    }

    /// The revision is the position of the commit.
    pub(crate) fn revision(&self) -> Revision {
        Revision(self.position.0)
    }
}

/// The writes by key, each key's in ascending order of positions.
type Lines = BTreeMap<Key, Vec<Version>>;

/// See the module. One thread writes; readers hold the lock for one step in the tree.
#[derive(Debug, Default)]
pub(crate) struct Recent(RwLock<Lines>);

impl Recent {
    /// Adds the writes of the commit at `position`, which lies behind all others: views of before do not see them.
    pub(crate) fn add(&self, commit: CommitId, writes: &[Write], position: Position) {
        let mut lines = self.change();
        for write in writes {
            let version = Version { position, commit, value: write.value().cloned() };
            match lines.get_mut(write.key()) {
                Some(versions) => versions.push(version),
                None => drop(lines.insert(write.key().clone(), vec![version])),
            }
        }
    }

    /// Drops what lies behind `position`, which nobody was told of.
    pub(crate) fn forget_behind(&self, position: Position) {
        self.change().retain(|_, versions| {
            versions.retain(|version| version.position <= position);
            !versions.is_empty()
        });
    }

    /// The next keys behind one, in order, each with its last write: what a database that has none of it lacks.
    pub(crate) fn lines(&self, behind: Option<&Key>, count: usize) -> Vec<(Key, Version)> {
        let start = behind.map_or(Bound::Unbounded, Bound::Excluded);
        let lines = self.look();
        let last = |(key, versions): (&Key, &Vec<Version>)| Some((key.clone(), versions.last()?.clone()));
        lines.range::<Key, _>((start, Bound::Unbounded)).filter_map(last).take(count).collect()
    }

    /// The last write of a key as of a position; `None` when only the database knows.
    pub(crate) fn version(&self, key: &Key, as_of: Position) -> Option<Version> {
        visible(self.look().get(key)?, as_of).cloned()
    }

    /// The first key between two bounds that was written, and its last write as of a position.
    pub(crate) fn first(&self, start: Bound<&Key>, end: Option<&Key>, as_of: Position) -> Option<(Key, Version)> {
        // The tree panics at a range that ends before it starts.
        if let (Bound::Included(from) | Bound::Excluded(from), Some(end)) = (start, end)
            && end <= from
        {
            return None;
        }
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        let lines = self.look();
        let mut seen = lines.range::<Key, _>((start, end)).filter_map(|(key, it)| Some((key, visible(it, as_of)?)));
        seen.next().map(|(key, version)| (key.clone(), version.clone()))
    }

    // No code under the lock can panic halfway through a change, so a poisoned lock still guards a whole tree.
    fn look(&self) -> RwLockReadGuard<'_, Lines> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Lines> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last version that is not behind a position.
fn visible(versions: &[Version], as_of: Position) -> Option<&Version> {
    versions.iter().rev().find(|version| version.position <= as_of)
}

#[cfg(test)]
mod tests;

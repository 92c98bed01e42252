//! The store as of one position: reads, pages and copies that no writer blocks and no later commit changes.
//!
//! Three layers: the database as it was last made durable; in front of it, what it is about to take over of a full log;
//! and in front of both, what was committed since. A key in front hides the ones behind it.

use std::ops::Bound;
use std::sync::Arc;

use redb::{AccessGuard, Database, Range, ReadOnlyTable, ReadableDatabase, ReadableTable};
use storage::page::{Filling, Step};
use storage::{Entry, Key, KeyRange, Page, Position, Revision, SCAN_BYTES_MAX, SCAN_LIMIT_MAX, Scan, Snapshot};

use crate::error::Trouble;
use crate::format::{ENTRIES, Record, decode_key};
use crate::recent::{Recent, Version};

/// The database as one of its commits left it, and everything that was committed since. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Layers {
    /// Its pages are kept as long as this lives.
    settled: Arc<ReadOnlyTable<&'static [u8], &'static [u8]>>,
    /// What a full log holds, until the database has it.
    pub(crate) older: Option<Arc<Recent>>,
    pub(crate) recent: Arc<Recent>,
}

/// The entries as one commit left them.
pub(crate) struct View {
    layers: Layers,
    position: Position,
    /// How often the database had been opened when this was made.
    opening: u64,
}

impl View {
    pub(crate) fn new(layers: Layers, position: Position, opening: u64) -> Self {
        Self { layers, position, opening }
    }

    pub(crate) fn position(&self) -> Position {
        self.position
    }

    pub(crate) fn opening(&self) -> u64 {
        self.opening
    }

    pub(crate) fn read(&self, keys: &[Key]) -> Result<Snapshot, Trouble> {
        let entries = keys.iter().map(|key| self.entry(key)).collect::<Result<_, _>>()?;
        Ok(Snapshot { entries, position: self.position })
    }

    fn entry(&self, key: &Key) -> Result<Option<Entry>, Trouble> {
        if let Some(version) = self.layers.version(key, self.position) {
            return Ok(version.entry(key.clone()));
        }
        let Some(stored) = ReadableTable::get(&*self.layers.settled, key.as_bytes())? else { return Ok(None) };
        Ok(Some(Record::decode(stored.value())?.to_entry(key.clone())))
    }

    pub(crate) fn page(&self, scan: &Scan) -> Result<Page, Trouble> {
        let mut filling = Filling::new(scan);
        let mut start = scan.range.start.clone();
        loop {
            match self.fill(&mut filling, &start, scan.range.end.as_ref())? {
                Filled::End => return Ok(filling.finish(None, self.position)),
                Filled::Full(next) => return Ok(filling.finish(Some(next), self.position)),
                Filled::Behind(behind) => start = behind,
            }
        }
    }

    /// Offers the range's entries until one says that its neighbors need not be looked at.
    fn fill(&self, filling: &mut Filling, start: &Key, end: Option<&Key>) -> Result<Filled, Trouble> {
        let mut lines = self.layers.lines(Bound::Included(start), end, self.position)?;
        while let Some((key, line)) = lines.next()? {
            match filling.offer(&key, line.revision()?, || line.to_entry(key.clone()))? {
                Step::Next => {}
                Step::Full => return Ok(Filled::Full(key)),
                Step::Skip(None) => return Ok(Filled::End),
                Step::Skip(Some(behind)) => return Ok(Filled::Behind(behind)),
            }
        }
        Ok(Filled::End)
    }

    /// The next entries of a copy that has come to `from`.
    pub(crate) fn copy(&self, from: &Bound<Key>) -> Result<Vec<Entry>, Trouble> {
        let mut entries = Vec::new();
        let mut bytes = 0;
        let mut lines = self.layers.lines(from.as_ref(), None, self.position)?;
        while let Some((key, line)) = lines.next()? {
            let entry = line.to_entry(key)?;
            bytes += entry.key.as_bytes().len() + entry.value.len();
            entries.push(entry);
            if entries.len() == SCAN_LIMIT_MAX || bytes >= SCAN_BYTES_MAX {
                break;
            }
        }
        Ok(entries)
    }
}

enum Filled {
    End,
    Full(Key),
    Behind(Key),
}

/// What a reader of everything that was ever committed sees, as the writer is one.
const LATEST: Position = Position(u64::MAX);

impl Layers {
    /// What the database holds, with nothing committed since.
    pub(crate) fn new(database: &Database) -> Result<Self, Trouble> {
        let settled = Arc::new(database.begin_read()?.open_table(ENTRIES)?);
        Ok(Self { settled, older: None, recent: Arc::default() })
    }

    /// What the database holds now that it has taken the older layer over, with the newer one in front of it.
    pub(crate) fn over(&self, database: &Database) -> Result<Self, Trouble> {
        Ok(Self { recent: self.recent.clone(), ..Self::new(database)? })
    }

    /// The same with everything in memory as the older layer, behind a new one.
    pub(crate) fn aged(&self) -> Self {
        Self { settled: self.settled.clone(), older: Some(self.recent.clone()), recent: Arc::default() }
    }

    /// The last write of a key as of a position; `None` when only the database knows.
    fn version(&self, key: &Key, as_of: Position) -> Option<Version> {
        self.recent.version(key, as_of).or_else(|| self.older.as_ref()?.version(key, as_of))
    }

    /// The first key between two bounds that is in memory, and its last write as of a position.
    fn front(&self, start: Bound<&Key>, end: Option<&Key>, as_of: Position) -> Option<(Key, Version)> {
        let newer = self.recent.first(start, end, as_of);
        let older = self.older.as_ref().and_then(|older| older.first(start, end, as_of));
        match (newer, older) {
            (Some(newer), Some(older)) => Some(if older.0 < newer.0 { older } else { newer }),
            (newer, older) => newer.or(older),
        }
    }

    /// Which write of a key is the latest; `None` when it is not there.
    pub(crate) fn revision(&self, key: &Key) -> Result<Option<Revision>, Trouble> {
        if let Some(version) = self.version(key, LATEST) {
            return Ok(version.value.is_some().then(|| version.revision()));
        }
        let Some(stored) = ReadableTable::get(&*self.settled, key.as_bytes())? else { return Ok(None) };
        Ok(Some(Record::decode(stored.value())?.revision))
    }

    /// The first key that there is in a range.
    pub(crate) fn first(&self, range: &KeyRange) -> Result<Option<Key>, Trouble> {
        let mut lines = self.lines(Bound::Included(&range.start), range.end.as_ref(), LATEST)?;
        Ok(lines.next()?.map(|(key, _)| key))
    }

    /// What there is between two bounds as of a position, in the order of keys.
    fn lines<'a>(&'a self, start: Bound<&Key>, end: Option<&'a Key>, as_of: Position) -> Result<Lines<'a>, Trouble> {
        let is_empty =
            matches!((start, end), (Bound::Included(start) | Bound::Excluded(start), Some(end)) if end <= start);
        let mut lines = Lines { layers: self, end, as_of, settled: None, behind: None, front: None };
        if is_empty {
            return Ok(lines);
        }
        let bounds = (start.map(Key::as_bytes), end.map_or(Bound::Unbounded, |end| Bound::Excluded(end.as_bytes())));
        lines.settled = Some(ReadableTable::range::<&[u8]>(&*self.settled, bounds)?);
        lines.front = self.front(start, end, as_of);
        lines.advance()?;
        Ok(lines)
    }
}

/// All layers, one key after the other.
struct Lines<'a> {
    layers: &'a Layers,
    end: Option<&'a Key>,
    as_of: Position,
    /// `None` when there is nothing between the bounds.
    settled: Option<Range<'a, &'static [u8], &'static [u8]>>,
    /// The next key of the database.
    behind: Option<(Key, Stored<'a>)>,
    /// The next key that is in memory.
    front: Option<(Key, Version)>,
}

type Stored<'a> = AccessGuard<'a, &'static [u8]>;

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<Option<(Key, Line<'a>)>, Trouble> {
        loop {
            let is_behind = match (&self.front, &self.behind) {
                (None, None) => return Ok(None),
                (Some((front, _)), Some((behind, _))) => behind < front,
                (front, _) => front.is_none(),
            };
            if is_behind {
                let Some((key, stored)) = self.behind.take() else { return Ok(None) };
                self.advance()?;
                return Ok(Some((key, Line::Settled(stored))));
            }
            let Some((key, version)) = self.front.take() else { return Ok(None) };
            if self.behind.as_ref().is_some_and(|(behind, _)| *behind == key) {
                self.advance()?;
            }
            self.front = self.layers.front(Bound::Excluded(&key), self.end, self.as_of);
            if let Some(entry) = version.entry(key.clone()) {
                return Ok(Some((key, Line::Recent(entry))));
            }
        }
    }

    /// Takes the next key of the database up.
    fn advance(&mut self) -> Result<(), Trouble> {
        self.behind = match self.settled.as_mut().and_then(Iterator::next).transpose()? {
            Some((key, stored)) => Some((decode_key(key.value())?, stored)),
            None => None,
        };
        Ok(())
    }
}

/// One entry, not yet copied.
enum Line<'a> {
    Settled(Stored<'a>),
    Recent(Entry),
}

impl Line<'_> {
    fn revision(&self) -> Result<Revision, Trouble> {
        match self {
            Self::Settled(stored) => Ok(Record::decode(stored.value())?.revision),
            Self::Recent(entry) => Ok(entry.revision),
        }
    }

    fn to_entry(&self, key: Key) -> Result<Entry, Trouble> {
        match self {
            Self::Settled(stored) => Ok(Record::decode(stored.value())?.to_entry(key)),
            Self::Recent(entry) => Ok(entry.clone()),
        }
    }
}

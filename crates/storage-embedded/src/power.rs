//! A disk that tests cut the power of: it knows which writes a sync has covered, and chooses what becomes of the rest.
//!
//! It is at most as kind as real ones: of what was written since the last sync anything may survive, in any order and
//! in parts, and a failed sync leaves pages that can be read but are not on the disk.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use env::simulated::SeededRandom;
use redb::{Database, StorageBackend};

use crate::medium::{File, Medium};
use crate::{format, log};

/// The length of a log, in bytes, that begins anew every few commits.
pub(crate) const SHORT_LOG_BYTES: usize = 16 * 1024;
/// What a disk writes whole or not at all, in bytes.
const SECTOR_BYTES: usize = 512;

/// What a power cut does to the writes since the last sync.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cut {
    /// None survives.
    DropAll,
    /// The first ones survive, and of the one that was under way some sectors.
    Tear,
    /// Any sectors survive, whatever their order was.
    Scatter,
    /// All survive.
    KeepAll,
}

/// What syncs do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Honesty {
    /// They make everything durable before they return.
    Honest,
    /// They return at once and do nothing.
    Lying,
}

/// A disk under one store. Clones are the same disk.
#[derive(Clone, Debug)]
pub(crate) struct Disk(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    /// What reads see.
    cached: Images,
    /// What a power cut leaves for certain.
    durable: Images,
    /// Since the last sync of their file, in order.
    pending: Vec<(File, Change)>,
    honesty: Honesty,
    /// Writes, growths and syncs so far.
    steps: u64,
    /// The step at which the power goes, what it does, and the seed of its choices.
    cut: Option<(u64, Cut, u64)>,
    /// The step from which on the next sync fails and loses what it was to write.
    lost_sync: Option<u64>,
    is_dark: bool,
    /// The most bytes that the disk has room for in the database's file; the logs have their room from the start.
    room: u64,
    /// Reads and writes fail.
    is_broken: bool,
    /// The step at which they begin to.
    breaks_at: Option<u64>,
    is_unsynced: bool,
}

/// The bytes of all files.
#[derive(Clone, Default, Debug)]
struct Images {
    database: Vec<u8>,
    logs: [Vec<u8>; 2],
}

impl Images {
    fn of(&self, file: File) -> &Vec<u8> {
        match file {
            File::Database => &self.database,
            File::Log => &self.logs[0],
            File::SecondLog => &self.logs[1],
        }
    }

    fn of_mut(&mut self, file: File) -> &mut Vec<u8> {
        match file {
            File::Database => &mut self.database,
            File::Log => &mut self.logs[0],
            File::SecondLog => &mut self.logs[1],
        }
    }
}

/// One file on the disk.
#[derive(Debug)]
struct OnDisk {
    disk: Disk,
    file: File,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Disk {
    /// A disk with an empty store on it, all of it durable, behind short logs.
    pub(crate) fn formatted() -> Self {
        Self::with_log(SHORT_LOG_BYTES)
    }

    /// The same behind two logs of `log_bytes` each.
    pub(crate) fn with_log(log_bytes: usize) -> Self {
        let inner = Inner {
            cached: Images::default(),
            durable: Images::default(),
            pending: Vec::new(),
            honesty: Honesty::Honest,
            steps: 0,
            cut: None,
            lost_sync: None,
            is_dark: false,
            room: u64::MAX,
            is_broken: false,
            breaks_at: None,
            is_unsynced: false,
        };
        let disk = Self(Arc::new(Mutex::new(inner)));
        for (file, salt) in File::LOGS.into_iter().zip([[1; 16], [2; 16]]) {
            log::create(&disk.file(file), &salt, log_bytes).unwrap();
        }
        let database = Database::builder().create_with_backend(disk.file(File::Database)).unwrap();
        format::create(&database).unwrap();
        database.close().unwrap();
        disk
    }

    fn file(&self, file: File) -> OnDisk {
        OnDisk { disk: self.clone(), file }
    }

    /// Another disk with the same bytes on it.
    pub(crate) fn copy(&self, honesty: Honesty) -> Self {
        let from = self.inner();
        let (cached, durable) = (from.cached.clone(), from.durable.clone());
        let inner = Inner { cached, durable, pending: Vec::new(), honesty, steps: 0, cut: None, ..*from };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// Cuts the power `steps` from here.
    pub(crate) fn cut_after(&self, steps: u64, cut: Cut, seed: u64) {
        let mut inner = self.inner();
        inner.cut = Some((inner.steps + steps, cut, seed));
    }

    /// Cuts it now.
    pub(crate) fn cut_now(&self, cut: Cut, seed: u64) {
        self.inner().go_dark(cut, seed);
    }

    /// Power is back; what survived is what there is.
    pub(crate) fn restart(&self) {
        let mut inner = self.inner();
        assert!(inner.is_dark, "the power was not cut");
        inner.cached = inner.durable.clone();
        (inner.is_dark, inner.cut, inner.is_unsynced) = (false, None, false);
    }

    /// Whether the power is out.
    pub(crate) fn is_dark(&self) -> bool {
        self.inner().is_dark
    }

    /// The first sync `steps` from here or later fails, and what it was to write never gets to the disk.
    pub(crate) fn lose_sync_after(&self, steps: u64) {
        let mut inner = self.inner();
        inner.lost_sync = Some(inner.steps + steps);
    }

    /// Forgets that a sync has failed, as nothing here must ever do.
    pub(crate) fn forget_unsynced(&self) {
        self.inner().is_unsynced = false;
    }

    /// Leaves room for so many bytes more than the store takes now.
    pub(crate) fn leave_room(&self, bytes: u64) {
        let mut inner = self.inner();
        inner.room = (inner.cached.database.len() as u64).saturating_add(bytes);
    }

    /// Every read and write fails, or none does.
    pub(crate) fn set_broken(&self, is_broken: bool) {
        self.inner().is_broken = is_broken;
    }

    /// Kills the process `steps` from here: it gets nothing more done, and what it has written stays to be read.
    pub(crate) fn kill_after(&self, steps: u64) {
        let mut inner = self.inner();
        inner.breaks_at = Some(inner.steps + steps);
    }

    /// The next process may begin. The killed one had no time to note anything.
    pub(crate) fn revive(&self) {
        let mut inner = self.inner();
        assert!(inner.is_broken, "the process was not killed");
        (inner.is_broken, inner.breaks_at, inner.is_unsynced) = (false, None, false);
    }

    /// Writes, growths and syncs so far.
    pub(crate) fn steps(&self) -> u64 {
        self.inner().steps
    }

    /// Overwrites bytes of the database behind everybody's back.
    pub(crate) fn damage(&self, offset: usize, bytes: &[u8]) {
        let mut inner = self.inner();
        let inner = &mut *inner;
        for image in [&mut inner.cached.database, &mut inner.durable.database] {
            image[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
    }

    /// The same with the first log.
    pub(crate) fn damage_log(&self, offset: usize, bytes: &[u8]) {
        let mut inner = self.inner();
        let inner = &mut *inner;
        for image in [&mut inner.cached.logs[0], &mut inner.durable.logs[0]] {
            image[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
    }

    /// How long the database's file is, in bytes.
    pub(crate) fn length(&self) -> usize {
        self.inner().cached.database.len()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Counts a step that changes something; fails when the power is or goes out.
    fn step(&mut self) -> io::Result<()> {
        self.live()?;
        self.steps += 1;
        if let Some((step, cut, seed)) = self.cut
            && self.steps >= step
        {
            self.go_dark(cut, seed);
        }
        self.is_broken |= self.breaks_at.is_some_and(|step| self.steps >= step);
        self.live()
    }

    fn live(&self) -> io::Result<()> {
        match (self.is_dark, self.is_broken) {
            (true, _) => Err(io::Error::other("the power is out")),
            (_, true) => Err(io::Error::other("the disk is broken")),
            _ => Ok(()),
        }
    }

    fn go_dark(&mut self, cut: Cut, seed: u64) {
        let random = SeededRandom::new(seed);
        let pending = std::mem::take(&mut self.pending);
        let whole = match cut {
            Cut::DropAll | Cut::Scatter => 0,
            Cut::Tear => usize::try_from(random.below(pending.len() as u64 + 1)).unwrap(),
            Cut::KeepAll => pending.len(),
        };
        for (index, (file, change)) in pending.iter().enumerate() {
            let image = self.durable.of_mut(*file);
            let keeps_parts = cut == Cut::Scatter || cut == Cut::Tear && index == whole;
            if index < whole {
                apply(image, change);
            } else if keeps_parts {
                apply_parts(image, change, &random);
            }
        }
        self.is_dark = true;
    }

    fn change(&mut self, file: File, change: Change) {
        apply(self.cached.of_mut(file), &change);
        self.pending.push((file, change));
    }

    /// Makes the changes of one file durable; those of the others stay pending.
    fn sync(&mut self, file: File) -> io::Result<()> {
        let is_lost = self.lost_sync.is_some_and(|step| self.steps >= step);
        if is_lost {
            self.lost_sync = None;
        } else if self.honesty == Honesty::Lying {
            return Ok(());
        }
        let (changes, others) = std::mem::take(&mut self.pending).into_iter().partition(|(of, _)| *of == file);
        self.pending = others;
        if is_lost {
            return Err(io::Error::other("the sync failed"));
        }
        let changes: Vec<(File, Change)> = changes;
        for (_, change) in &changes {
            apply(self.durable.of_mut(file), change);
        }
        Ok(())
    }
}

fn apply(image: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(length) => image.resize(*length, 0),
        Change::Write(offset, data) => {
            let end = offset + data.len();
            if image.len() < end {
                image.resize(end, 0);
            }
            image[*offset..end].copy_from_slice(data);
        }
    }
}

/// Some of a change's sectors, each by chance.
fn apply_parts(image: &mut Vec<u8>, change: &Change, random: &SeededRandom) {
    match change {
        Change::Length(_) if random.below(2) == 0 => {}
        Change::Length(_) => apply(image, change),
        Change::Write(offset, data) => {
            let mut start = 0;
            while start < data.len() {
                let to_edge = SECTOR_BYTES - (offset + start) % SECTOR_BYTES;
                let end = (start + to_edge).min(data.len());
                if random.below(2) == 0 {
                    apply(image, &Change::Write(offset + start, data[start..end].to_vec()));
                }
                start = end;
            }
        }
    }
}

impl StorageBackend for OnDisk {
    fn len(&self) -> io::Result<u64> {
        let inner = self.disk.inner();
        inner.live()?;
        Ok(inner.cached.of(self.file).len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let inner = self.disk.inner();
        inner.live()?;
        let start = usize::try_from(offset).unwrap();
        let found = inner.cached.of(self.file).get(start..start + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut inner = self.disk.inner();
        inner.step()?;
        // A file system gives a length without room for it; the writes are what fails.
        inner.change(self.file, Change::Length(usize::try_from(len).unwrap()));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.disk.inner();
        inner.step()?;
        inner.sync(self.file)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut inner = self.disk.inner();
        inner.step()?;
        if self.file == File::Database && offset + data.len() as u64 > inner.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        inner.change(self.file, Change::Write(usize::try_from(offset).unwrap(), data.to_vec()));
        Ok(())
    }
}

impl Medium for Disk {
    fn open(&self, file: File) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(self.file(file)))
    }

    fn set_unsynced(&self, is_unsynced: bool) {
        self.inner().is_unsynced = is_unsynced;
    }

    fn is_unsynced(&self) -> bool {
        self.inner().is_unsynced
    }
}

//! Where the file lives: a folder on disk, behind a seam at which tests cut the power.
//!
//! The folder holds `store.log`, `store-2.log` and `store.redb`, the latter made under another name and renamed when all
//! are whole, so that a store that is there is a store; `store.redb.restoring` and `store.redb.restored`, what a restore
//! makes, half made and whole; `lock`, held while the store is open; and `unsynced`, there while a failed sync has not
//! been mended.

use std::fmt::Debug;
use std::fs::{DirBuilder, File as Handle, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::ops::Bound;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use env::Env;
use redb::backends::FileBackend;
use redb::{BackendError, Database, StorageBackend};

use crate::error::{Error, Trouble};
use crate::{format, log};

const DATABASE: &str = "store.redb";
const LOGS: [&str; 2] = ["store.log", "store-2.log"];
const DATABASE_IN_MAKING: &str = "store.redb.new";
const RESTORING: &str = "store.redb.restoring";
const RESTORED: &str = "store.redb.restored";
const LOG_IN_MAKING: &str = "store.log.new";
const LOCK: &str = "lock";
const UNSYNCED: &str = "unsynced";
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// How much of a file is written again at once, in bytes.
const MEND_BYTES: usize = 1024 * 1024;
/// The first page, which says where everything else is, in bytes. It is written again last.
const HEAD_BYTES: u64 = 4096;

/// Which file of a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum File {
    /// The redb database.
    Database,
    /// The first of the logs in front of it.
    Log,
    /// The second.
    SecondLog,
}

impl File {
    /// Those in front of the database.
    pub(crate) const LOGS: [Self; 2] = [Self::Log, Self::SecondLog];

    fn name(self) -> &'static str {
        let [first, second] = LOGS;
        match self {
            Self::Database => DATABASE,
            Self::Log => first,
            Self::SecondLog => second,
        }
    }
}

/// A place that holds one store and can be opened again after a failure.
pub(crate) trait Medium: Debug + Send + Sync + 'static {
    /// One of the files, opened anew.
    fn open(&self, file: File) -> io::Result<Box<dyn StorageBackend>>;

    /// Remembers, also for the next process, whether a sync has failed since the last one that covered everything.
    fn set_unsynced(&self, is_unsynced: bool);

    /// What was last remembered.
    fn is_unsynced(&self) -> bool;
}

/// A folder of the file system, locked against other processes as long as this lives.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    is_unsynced: AtomicBool,
    _lock: Handle,
}

impl Folder {
    /// The folder, made and filled with an empty store if there is none. Of a restore that was not finished nothing is
    /// left, unless it is all that there is.
    pub(crate) fn prepare(path: &Path, env: &Env) -> Result<Self, Error> {
        let folder = Self::occupy(path, env)?;
        if folder.has(DATABASE)? {
            folder.forget_restore();
        } else if folder.has(RESTORING)? {
            return Err(Error::Unfinished(folder.path));
        } else {
            folder.check_nothing_lost()?;
            folder.create(env)?;
        }
        folder.complete(env)?;
        folder.is_unsynced.store(folder.has(UNSYNCED)?, Ordering::SeqCst);
        Ok(folder)
    }

    /// The folder, made if it is not there, and locked. A restore that counts already is finished.
    pub(crate) fn occupy(path: &Path, env: &Env) -> Result<Self, Error> {
        let fault = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Folder { path, source }
        };
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path).map_err(fault(path))?;
        let mode = path.metadata().map_err(fault(path))?.permissions().mode();
        if mode & 0o077 != 0 {
            tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "others may look into the storage folder");
        }
        let lock = lock(path)?;
        let folder = Self { path: path.to_owned(), is_unsynced: AtomicBool::new(false), _lock: lock };
        if folder.has(RESTORED)? {
            folder.take_over_restored(env)?;
        }
        Ok(folder)
    }

    fn has(&self, name: &str) -> Result<bool, Error> {
        let path = self.path.join(name);
        path.try_exists().map_err(|source| Error::Folder { path, source })
    }

    /// There is no store, nor what is left of one.
    pub(crate) fn check_is_empty(&self) -> Result<(), Error> {
        if self.has(DATABASE)? {
            return Err(Error::Exists(self.path.clone()));
        }
        self.check_nothing_lost()
    }

    /// An empty database that does not count yet.
    pub(crate) fn begin_restore(&self) -> Result<Database, Error> {
        let path = self.path.join(RESTORING);
        let backend = make(&path).map_err(|source| Error::Folder { path, source })?;
        Ok(Database::builder().create_with_backend(backend).map_err(Trouble::from)?)
    }

    /// What was made for a restore counts from here on.
    pub(crate) fn finish_restore(&self, env: &Env) -> Result<(), Error> {
        let path = self.path.join(RESTORING);
        let fault = |source| Error::Folder { path: path.clone(), source };
        Handle::open(&path).and_then(|file| file.sync_all()).map_err(fault)?;
        std::fs::rename(&path, self.path.join(RESTORED)).map_err(fault)?;
        self.sync().map_err(fault)?;
        self.take_over_restored(env)
    }

    /// Puts the restored store in the place of whatever is there. The old logs go first, and each in one step: with the
    /// new database they would be another store's. Until the last rename, all of this is done again after a crash.
    fn take_over_restored(&self, env: &Env) -> Result<(), Error> {
        let path = self.path.join(RESTORED);
        let fault = |source| Error::Folder { path: path.clone(), source };
        for name in LOGS {
            self.create_log(LOG_IN_MAKING, env)?;
            std::fs::rename(self.path.join(LOG_IN_MAKING), self.path.join(name)).map_err(fault)?;
        }
        self.sync().map_err(fault)?;
        std::fs::rename(&path, self.path.join(DATABASE)).map_err(fault)?;
        self.sync().map_err(fault)
    }

    /// Takes away what a restore has left that does not count.
    pub(crate) fn forget_restore(&self) {
        let path = self.path.join(RESTORING);
        match std::fs::remove_file(&path) {
            Ok(()) => tracing::warn!(path = %path.display(), "a restore was not finished: what it had made is removed"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(path = %path.display(), %error, "what a restore had made cannot be removed"),
        }
    }

    /// A store that was cut off while it was made has blank logs, if any; one that is used has commits in them, and only
    /// a loss can have taken its database away.
    fn check_nothing_lost(&self) -> Result<(), Error> {
        for name in LOGS {
            let path = self.path.join(name);
            let fault = |source| Error::Folder { path: path.clone(), source };
            let file = match Handle::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(fault(error)),
            };
            let mut bytes = Vec::new();
            file.take(log::LOG_BYTES_MAX as u64).read_to_end(&mut bytes).map_err(fault)?;
            if !log::is_blank(&bytes) {
                return Err(Error::Corrupt(format!("{DATABASE} is missing, but its log holds commits")));
            }
        }
        Ok(())
    }

    /// Makes an empty store, which gets its own name once it is whole and durable.
    fn create(&self, env: &Env) -> Result<(), Error> {
        for name in LOGS {
            self.create_log(name, env)?;
        }
        let path = self.path.join(DATABASE_IN_MAKING);
        let fault = |source| Error::Folder { path: path.clone(), source };
        let backend = make(&path).map_err(fault)?;
        let database = Database::builder().create_with_backend(backend).map_err(Trouble::from)?;
        format::create(&database)?;
        database.close().map_err(Trouble::from)?;
        Handle::open(&path).and_then(|file| file.sync_all()).map_err(fault)?;
        std::fs::rename(&path, self.path.join(DATABASE)).map_err(fault)?;
        self.sync().map_err(fault)
    }

    fn create_log(&self, name: &str, env: &Env) -> Result<(), Error> {
        let path = self.path.join(name);
        let made = make(&path).and_then(|file| log::create(&file, &env.random(), log::LOG_BYTES));
        made.map_err(|source| Error::Folder { path, source })
    }

    /// Gives a store of the time when there was one log its second one. The first says only then that there are two,
    /// so that a second one that is missing later is a loss.
    fn complete(&self, env: &Env) -> Result<(), Error> {
        let [first, second] = LOGS;
        let path = self.path.join(first);
        let fault = |source| Error::Folder { path: path.clone(), source };
        let file = match self.open(File::Log) {
            Ok(file) => file,
            // Whoever opens it says so, once it is known whether this is a store of ours at all.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(fault(error)),
        };
        // A file that is too short has no head; what that means is said where it is opened.
        if log::is_alone(&*file).unwrap_or(false) {
            self.create_log(second, env)?;
            self.sync().map_err(fault)?;
            log::pair(&*file).map_err(fault)?;
        }
        let is_whole = self.path.join(second).try_exists().map_err(fault)?;
        if is_whole { Ok(()) } else { Err(Error::Corrupt(format!("{second} is missing"))) }
    }

    /// A file is there after a power cut only once the folder that names it is synced, and that folder's too.
    fn sync(&self) -> io::Result<()> {
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        [&self.path, parent].into_iter().try_for_each(|folder| Handle::open(folder)?.sync_all())
    }
}

/// Whether there is a store in a folder, also one that only has to be given its name.
pub(crate) fn is_there(folder: &Path) -> Result<bool, Error> {
    for name in [DATABASE, RESTORED] {
        let path = folder.join(name);
        if path.try_exists().map_err(|source| Error::Folder { path, source })? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An empty file in place of whatever was there.
fn make(path: &Path) -> io::Result<FileBackend> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(true).mode(FILE_MODE).open(path)?;
    FileBackend::new(file).map_err(io::Error::other)
}

impl Medium for Folder {
    fn open(&self, file: File) -> io::Result<Box<dyn StorageBackend>> {
        let file = OpenOptions::new().read(true).write(true).open(self.path.join(file.name()))?;
        FileBackend::new(file).map(|backend| Box::new(backend) as _).map_err(io::Error::other)
    }

    fn set_unsynced(&self, is_unsynced: bool) {
        self.is_unsynced.store(is_unsynced, Ordering::SeqCst);
        let path = self.path.join(UNSYNCED);
        // The mark is for a process that finds pages in the kernel's cache which the disk never got. It need not
        // survive a power cut, which empties that cache, so it is not synced.
        let marked = if is_unsynced { Handle::create(&path).map(drop) } else { std::fs::remove_file(&path) };
        if let Err(error) = marked
            && (is_unsynced || error.kind() != io::ErrorKind::NotFound)
        {
            tracing::error!(path = %path.display(), %error, "cannot mark the store as unsynced");
        }
    }

    fn is_unsynced(&self) -> bool {
        self.is_unsynced.load(Ordering::SeqCst)
    }
}

fn lock(folder: &Path) -> Result<Handle, Error> {
    let path = folder.join(LOCK);
    let fault = |source| Error::Folder { path: path.clone(), source };
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(FILE_MODE).open(&path).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(fault(source)),
    }
}

/// Writes the whole file again as it reads, and syncs it.
///
/// After a failed sync the kernel counts the pages as written although the disk may not have them: what is read is no
/// longer what a power cut would leave. Written again they are either durable or the sync fails again. The head goes
/// last, so that at no moment it names pages which the disk may lack.
///
/// # Errors
/// When a page cannot be read, written or synced; nothing is certain then, and it must be tried again.
pub(crate) fn mend(file: &dyn StorageBackend) -> io::Result<()> {
    let length = file.len()?;
    let head = length.min(HEAD_BYTES);
    // The length first, as the sync that failed may have been that of a growth.
    file.set_len(length)?;
    file.sync_data()?;
    rewrite(file, head, length)?;
    file.sync_data()?;
    rewrite(file, 0, head)?;
    file.sync_data()
}

fn rewrite(file: &dyn StorageBackend, start: u64, end: u64) -> io::Result<()> {
    let mut buffer = vec![0; MEND_BYTES];
    let mut offset = start;
    while offset < end {
        let left = usize::try_from(end - offset).unwrap_or(MEND_BYTES).min(MEND_BYTES);
        let chunk = &mut buffer[..left];
        file.read(offset, chunk)?;
        file.write(offset, chunk)?;
        offset += left as u64;
    }
    Ok(())
}

/// After so many writes in a row the thread lets others run: some 50 µs. The database writes hundreds of pages at once,
/// and requests may be waiting for this very core.
const WRITES_AT_ONCE: usize = 8;

/// Passes everything on to a file, and notes when a sync fails.
#[derive(Debug)]
pub(crate) struct Observed {
    file: Box<dyn StorageBackend>,
    medium: Arc<dyn Medium>,
    writes: AtomicUsize,
}

impl Observed {
    pub(crate) fn new(file: Box<dyn StorageBackend>, medium: Arc<dyn Medium>) -> Self {
        Self { file, medium, writes: AtomicUsize::new(0) }
    }
}

type Edge = Bound<u64>;

impl StorageBackend for Observed {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data().inspect_err(|_| self.medium.set_unsynced(true))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)?;
        if self.writes.fetch_add(1, Ordering::Relaxed) % WRITES_AT_ONCE == WRITES_AT_ONCE - 1 {
            std::thread::yield_now();
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

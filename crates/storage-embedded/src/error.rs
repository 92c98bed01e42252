//! What can go wrong, twice: opening the store, and every call on it afterwards.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder could not be made or read, or a file in it.
    #[error("cannot use the storage folder {}", path.display())]
    Folder {
        /// Which folder or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process has the store open, or this one has it open already.
    #[error("the storage folder {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// A new store was to be made where one is.
    #[error("there is a store in {} already", .0.display())]
    Exists(PathBuf),
    /// A restore into the folder has ended half way, and no other store is there.
    #[error("a restore into {} was not finished: restore again, or empty the folder to begin anew", .0.display())]
    Unfinished(PathBuf),
    /// The store was written by a later version of the program.
    #[error("the store has format {found}, this version reads up to {known}")]
    TooNew {
        /// What the store says of itself.
        found: u64,
        /// The latest that is known here.
        known: u64,
    },
    /// What the file holds is not a whole store.
    #[error("the store is corrupt: {0}")]
    Corrupt(String),
    /// The file could not be read, written or repaired.
    #[error("cannot open the store")]
    Open(#[source] redb::Error),
    /// The file's last writes could not be made safe after a failed sync.
    #[error("cannot write the store's pages again after a failed sync")]
    Mend(#[source] std::io::Error),
    /// The system gives no thread.
    #[error("cannot start the store's writer")]
    Thread(#[source] std::io::Error),
}

/// What went wrong inside a call on an open database.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The database said so.
    Database(redb::Error),
    /// An entry does not have the form that this crate writes.
    Damaged(String),
    /// The database panicked, or the thread under a blocking call did.
    Panicked,
}

/// [`Trouble::Panicked`] as a cause.
#[derive(Debug, thiserror::Error)]
#[error("the database panicked")]
struct Panicked;

impl<E: Into<redb::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Database(error.into())
    }
}

impl Trouble {
    /// Whether the database gives no more answers until it is opened again: it refuses everything after its first
    /// failed read, write or sync.
    pub(crate) fn ends_database(&self) -> bool {
        match self {
            Self::Database(error) => matches!(
                error,
                redb::Error::Io(_)
                    | redb::Error::Backend(_)
                    | redb::Error::PreviousIo
                    | redb::Error::DatabaseClosed
                    | redb::Error::LockPoisoned(_)
            ),
            Self::Damaged(_) => false,
            Self::Panicked => true,
        }
    }

    /// The same for who called the store.
    pub(crate) fn into_storage(self, action: &'static str) -> storage::Error {
        match self {
            Self::Database(redb::Error::Io(error)) if is_full(&error) => storage::Error::Full,
            Self::Database(redb::Error::Corrupted(what)) | Self::Damaged(what) => storage::Error::Corrupt(what),
            Self::Database(error) => storage::Error::Unavailable { action, source: Arc::new(error) },
            Self::Panicked => storage::Error::Unavailable { action, source: Arc::new(Panicked) },
        }
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Database(redb::Error::Corrupted(what)) | Trouble::Damaged(what) => Self::Corrupt(what),
            Trouble::Database(error) => Self::Open(error),
            Trouble::Panicked => Self::Corrupt("the database panicked on it".to_owned()),
        }
    }
}

impl Error {
    /// The same for who calls a store that could not be opened again.
    pub(crate) fn into_storage(self, action: &'static str) -> storage::Error {
        match self {
            Self::Corrupt(what) => storage::Error::Corrupt(what),
            Self::Open(redb::Error::Io(error)) | Self::Mend(error) if is_full(&error) => storage::Error::Full,
            error => storage::Error::Unavailable { action, source: Arc::new(error) },
        }
    }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

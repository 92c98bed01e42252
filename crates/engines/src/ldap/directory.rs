//! Connections to the directory of a mount: a few are kept for the next login, and only so many are used at once. Each
//! mount has its own, so that a directory that hangs holds nobody else up.
//!
//! Nobody relies on who was bound on a kept connection: whoever takes it binds first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use env::Env;
use framework::Error;
use ldap::{ClientConfig, Connection};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::settings::Settings;

/// How many logins and renewals ask the directory at once; whoever comes then is told to come again.
const PLACES: usize = 64;
/// How many do so of all mounts together.
const PLACES_OF_ALL: usize = 1_024;
/// Of how many mounts something is kept at once.
const MOUNTS_MAX: usize = 1_000;
/// How many connections are kept.
const KEPT_MAX: usize = 8;
/// How long a connection is kept that nobody uses. Directories hang up after some minutes.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// What the settings of a mount are told apart by.
pub(super) type Fingerprint = [u8; 32];

/// The directories of all mounts.
pub(super) struct Directories {
    places: Semaphore,
    /// By the mount's id.
    by_mount: Mutex<BTreeMap<String, Arc<Directory>>>,
}

/// The connections of one mount.
pub(super) struct Directory {
    places: Semaphore,
    kept: Mutex<Kept>,
}

/// What was made with settings, which nobody uses with others.
#[derive(Default)]
struct Kept {
    of: Fingerprint,
    tls: Option<Arc<ClientConfig>>,
    idle: Vec<Idle>,
}

struct Idle {
    connection: Connection,
    /// When it was last used, on the monotonic clock.
    since: Duration,
}

/// A connection that somebody may use.
pub(super) struct Taken {
    pub(super) connection: Connection,
    /// Whether it was kept, so that the directory may have hung up since.
    pub(super) was_kept: bool,
}

impl Directories {
    pub(super) fn new() -> Self {
        Self { places: Semaphore::new(PLACES_OF_ALL), by_mount: Mutex::default() }
    }

    /// That of a mount. Those that nobody asks now make room for others: what they keep can be opened again.
    pub(super) fn of(&self, mount: &str) -> Arc<Directory> {
        let mut by_mount = self.by_mount.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = by_mount.get(mount) {
            return Arc::clone(known);
        }
        if by_mount.len() >= MOUNTS_MAX {
            by_mount.retain(|_, directory| Arc::strong_count(directory) > 1);
        }
        let directory = Arc::new(Directory { places: Semaphore::new(PLACES), kept: Mutex::default() });
        by_mount.insert(mount.to_owned(), Arc::clone(&directory));
        directory
    }

    /// A place among those that ask at once, of all mounts.
    ///
    /// # Errors
    /// [`Error::Busy`] when there is none.
    pub(super) fn place(&self) -> Result<SemaphorePermit<'_>, Error> {
        self.places.try_acquire().map_err(|_| busy())
    }
}

fn busy() -> Error {
    Error::Busy("too many logins at once: try again".into())
}

impl Directory {
    /// A place among those that ask at once.
    ///
    /// # Errors
    /// [`Error::Busy`] when there is none.
    pub(super) fn place(&self) -> Result<SemaphorePermit<'_>, Error> {
        self.places.try_acquire().map_err(|_| busy())
    }

    /// A kept connection, or a new one.
    pub(super) async fn take(&self, env: &Env, settings: &Settings, of: Fingerprint) -> Result<Taken, ldap::Error> {
        let idle = self.kept(env, of).idle.pop();
        match idle {
            Some(Idle { connection, .. }) => Ok(Taken { connection, was_kept: true }),
            None => self.open(env, settings, of).await,
        }
    }

    /// A new connection, to the first address that answers.
    pub(super) async fn open(&self, env: &Env, settings: &Settings, of: Fingerprint) -> Result<Taken, ldap::Error> {
        let tls = self.tls(env, settings, of)?;
        let mut failed = None;
        for url in &settings.urls {
            let opened = Connection::open(env, url, &tls, settings.entry.starts_tls, settings.limits).await;
            match opened {
                Ok(connection) => return Ok(Taken { connection, was_kept: false }),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or(ldap::Error::Closed))
    }

    /// Keeps a connection for the next one, if it is good for anything.
    pub(super) fn give_back(&self, env: &Env, of: Fingerprint, taken: Taken) {
        let mut kept = self.kept(env, of);
        if taken.connection.is_whole() && kept.idle.len() < KEPT_MAX {
            kept.idle.push(Idle { connection: taken.connection, since: env.monotonic() });
        }
    }

    fn tls(&self, env: &Env, settings: &Settings, of: Fingerprint) -> Result<Arc<ClientConfig>, ldap::Error> {
        if let Some(tls) = &self.kept(env, of).tls {
            return Ok(Arc::clone(tls));
        }
        let made = settings.tls().map_err(ldap::Error::UseTls)?;
        self.kept(env, of).tls = Some(Arc::clone(&made));
        Ok(made)
    }

    /// What is kept under these settings, and not for too long.
    fn kept(&self, env: &Env, of: Fingerprint) -> MutexGuard<'_, Kept> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.of != of {
            *kept = Kept { of, ..Kept::default() };
        }
        let now = env.monotonic();
        kept.idle.retain(|idle| now.saturating_sub(idle.since) < KEPT_FOR);
        kept
    }
}

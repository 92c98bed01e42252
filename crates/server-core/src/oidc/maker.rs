//! Makes keys on a thread beside those that answer requests: an RSA key takes a good part of a second. One at a time, with
//! a bounded queue, so that nobody keeps the processors busy with keys.

use std::sync::Arc;

use framework::Error;
use jose::{Algorithm, Pair};
use tokio::sync::Semaphore;

/// How many keys may be in the making or waited for; whoever comes then is told to come again.
const PLACES: usize = 16;

/// The thread that makes keys.
pub(super) struct Maker {
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Default for Maker {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(PLACES)), running: Arc::new(Semaphore::new(1)) }
    }
}

impl Maker {
    /// Keeps all keys in the making from being made until what is returned is dropped.
    #[cfg(test)]
    pub(super) async fn hold(&self) -> tokio::sync::OwnedSemaphorePermit {
        Arc::clone(&self.running).acquire_owned().await.expect("it is never closed")
    }

    /// Lets nobody wait for a key until what is returned is dropped.
    #[cfg(test)]
    pub(super) async fn fill(&self) -> tokio::sync::OwnedSemaphorePermit {
        let all = u32::try_from(PLACES).expect("a few");
        Arc::clone(&self.places).acquire_many_owned(all).await.expect("it is never closed")
    }

    /// A fresh key. What has begun is brought to an end, even when nobody waits for it any more.
    ///
    /// # Errors
    /// When too many wait, or the library makes none.
    pub(super) async fn make(&self, algorithm: Algorithm, kid: String) -> Result<Pair, Error> {
        let busy = || Error::Busy("too many signing keys are being made: try again".into());
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(|_| busy())?;
        let made = tokio::task::spawn_blocking(move || {
            let made = Pair::generate(algorithm, kid);
            drop((turn, place));
            made
        });
        let made = made.await.map_err(|source| Error::world("make a signing key", source))?;
        made.map_err(|source| Error::world("make a signing key", source))
    }
}

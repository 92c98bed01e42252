//! bcrypt on a few blocking threads, with a bounded queue.
//!
//! A password counts up to its 72nd byte when it is checked, as everywhere; one that is longer is refused when it is
//! set, so that nobody believes in characters that do not count. NUL bytes count like all others.

use std::str::FromStr;
use std::sync::Arc;

use env::Env;
use framework::Error;
use secret::Secret;
use tokio::sync::Semaphore;

/// The cost of new hashes: 2^10 rounds, some fifty milliseconds (what Vault uses).
pub(super) const COST: u32 = 10;
/// The highest cost of a hash that is given in place of a password: above it one login takes a second of a processor.
const GIVEN_COST_MAX: u32 = 14;
/// The longest password that can be set, in bytes: bcrypt reads no more.
const PASSWORD_BYTES_MAX: usize = 72;
/// How many hashes may be made or waited for at once; whoever comes then is told to come again.
const PLACES: usize = 64;
/// What a login for nobody is compared with, at [`COST`]. No password is known to fit.
const NOBODY: &str = "$2a$10$7EqJtq98hPqEX7fNZaFWoOhi5BuXqkTiHbzgLNtlpDD9v0GqJyOQe";

/// The threads that hash.
pub(super) struct Hashing {
    cost: u32,
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
    /// How often it has hashed: logins of somebody and of nobody are to cost the same.
    #[cfg(test)]
    pub(super) count: Arc<std::sync::atomic::AtomicUsize>,
}

impl Hashing {
    /// Hashes with this cost.
    pub(super) fn new(cost: u32) -> Self {
        // Half of the processors, so that there is always one for everybody else where there are two.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let running = Arc::new(Semaphore::new(processors.div_ceil(2)));
        Self {
            cost,
            places: Arc::new(Semaphore::new(PLACES)),
            running,
            #[cfg(test)]
            count: Arc::default(),
        }
    }

    /// The hash of a new password.
    ///
    /// # Errors
    /// When it is empty or too long, and when too many wait.
    pub(super) async fn hash(&self, env: &Env, password: Secret<String>) -> Result<String, Error> {
        let length = password.expose().len();
        if length == 0 {
            return Err(Error::invalid("missing password"));
        }
        if length > PASSWORD_BYTES_MAX {
            let text = format!("the password has {length} bytes, the most is {PASSWORD_BYTES_MAX}");
            return Err(Error::Invalid(text.into()));
        }
        self.make(env, password).await
    }

    /// A hash at the cost of all others in place of one that was made elsewhere, of a password that has just been found
    /// to fit it: as long as logins of some users take another time than those of nobody, it can be told that there are
    /// these users. `None` when there is nothing to replace, or too many wait: the next login sees to it then.
    ///
    /// # Errors
    /// When the password cannot be hashed.
    pub(super) async fn renewed(
        &self,
        env: &Env,
        password: Secret<String>,
        hash: &str,
    ) -> Result<Option<String>, Error> {
        let cost = bcrypt::HashParts::from_str(hash).map(|parts| parts.get_cost());
        if cost.is_ok_and(|cost| cost == self.cost) {
            return Ok(None);
        }
        match self.make(env, password).await {
            Ok(hash) => Ok(Some(hash)),
            Err(Error::Busy(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Only the first [`PASSWORD_BYTES_MAX`] bytes count.
    async fn make(&self, env: &Env, password: Secret<String>) -> Result<String, Error> {
        let (cost, salt) = (self.cost, env.random());
        let made = self.run(move || bcrypt::hash_with_salt(password.expose(), cost, salt)).await?;
        let made = made.map_err(|source| Error::world("hash a password", source))?;
        Ok(made.format_for_version(bcrypt::Version::TwoA))
    }

    /// Whether a password fits a hash; without one it takes as long and does not.
    ///
    /// # Errors
    /// When too many wait, or the hash is damaged.
    pub(super) async fn fits(&self, password: Secret<String>, hash: Option<&str>) -> Result<bool, Error> {
        let is_somebody = hash.is_some();
        let hash = hash.unwrap_or(NOBODY).to_owned();
        let fits = self.run(move || bcrypt::verify(password.expose(), &hash)).await?;
        let fits = fits.map_err(|source| Error::world("compare a password", source))?;
        Ok(fits && is_somebody)
    }

    /// Runs on a blocking thread, when it is its turn. What has begun is brought to an end, even when nobody waits for it
    /// any more, and keeps its place until then.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let busy = || Error::Busy("too many logins at once: try again".into());
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(|_| busy())?;
        #[cfg(test)]
        self.count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((turn, place));
            done
        });
        done.await.map_err(|source| Error::world("hash a password", source))
    }
}

/// A hash that is given in place of a password, if it is one.
///
/// # Errors
/// [`Error::Invalid`] when it is none, or would cost too much with each login.
pub(super) fn given(hash: &Secret<String>) -> Result<String, Error> {
    let parts =
        bcrypt::HashParts::from_str(hash.expose()).map_err(|_| Error::invalid("password_hash is no bcrypt hash"))?;
    let cost = parts.get_cost();
    if !(4..=GIVEN_COST_MAX).contains(&cost) {
        let text = format!("password_hash has the cost {cost}, which must be 4 to {GIVEN_COST_MAX}");
        return Err(Error::Invalid(text.into()));
    }
    Ok(hash.expose().clone())
}

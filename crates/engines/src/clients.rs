//! Connections to the outside that engines keep: one client for each set of authorities, since to make one reads and parses
//! them. Bounded; another node makes its own.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outbound::{Client, Error, Proxies, Settings, Trust};

/// How long one question may take, from the connection to the last byte of the answer.
const QUESTION_TIME_MAX: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// How many clients are kept.
const CLIENTS_MAX: usize = 16;

/// Clients by the PEM text of the authorities that they trust; empty for those of the system.
pub(crate) struct Clients {
    made: Mutex<BTreeMap<String, Client>>,
    patience: Duration,
}

impl Default for Clients {
    fn default() -> Self {
        Self::patient(QUESTION_TIME_MAX)
    }
}

impl Clients {
    /// Clients whose questions may take this long, from the connection to the last byte of the answer.
    pub(crate) const fn patient(patience: Duration) -> Self {
        Self { made: Mutex::new(BTreeMap::new()), patience }
    }

    /// The client that trusts these authorities.
    ///
    /// # Errors
    /// When they cannot be used.
    pub(crate) fn trusting(&self, authorities: &str) -> Result<Client, Error> {
        if let Some(client) = lock(&self.made).get(authorities) {
            return Ok(client.clone());
        }
        let client = Client::new(&Settings {
            trust: Trust::from_pem(authorities).map_err(Error::Tls)?,
            server_name: None,
            connect_timeout: QUESTION_TIME_MAX,
            timeout: self.patience,
            body_bytes_max: ANSWER_BYTES_MAX,
            proxies: Proxies::of_environment(),
        })?;
        let mut clients = lock(&self.made);
        if clients.len() >= CLIENTS_MAX {
            clients.pop_first();
        }
        clients.insert(authorities.to_owned(), client.clone());
        Ok(client)
    }
}

/// Nothing that is done under these locks is left half done by a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

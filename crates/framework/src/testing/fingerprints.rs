//! The fingerprints of a harness: spelled so that a test can read them.

use barrier::Changes;
use data_encoding::HEXLOWER;
use storage::{Key, Scan};

use super::Harness;
use crate::context::Mount;
use crate::error::Error;
use crate::view::fingerprints::Fingerprints;
use crate::view::{from_barrier, from_commit};

/// Where they are.
const FOLDER: &str = "fingerprint/";
/// The most of them that a test looks at.
const LINES_MAX: usize = 1_000;

/// The hash is the end of the value itself, in hexadecimal.
pub(super) struct Plain {
    is_on: bool,
}

impl Plain {
    pub(super) fn of(mount: &Mount) -> Self {
        Self { is_on: mount.options.get("fingerprints").is_none_or(|it| it != "false") }
    }
}

impl Fingerprints for Plain {
    fn hash(&self, value: &str) -> Result<String, Error> {
        let end = value.as_bytes().get(value.len().saturating_sub(8)..).unwrap_or_default();
        Ok(HEXLOWER.encode(end))
    }

    fn key(&self, hash: &str, path: &str) -> Result<Key, Error> {
        let key = [FOLDER, hash, "/", path].concat();
        Key::new(key.into_bytes()).map_err(|_| Error::invalid("long"))
    }

    fn is_on(&self) -> bool {
        self.is_on
    }
}

impl Harness {
    /// The fingerprints that are there, sorted: each value in hexadecimal, a slash, and its path.
    ///
    /// # Errors
    /// When the store fails.
    ///
    /// # Panics
    /// When a key is no text.
    pub async fn fingerprints(&self) -> Result<Vec<String>, Error> {
        let scan = Scan::prefix(&Key::constant(FOLDER), LINES_MAX).keys_only();
        let page = self.barrier.scan(&scan).await.map_err(from_barrier)?;
        let key = |item| if let barrier::Item::Key(key, _) = item { Some(key) } else { None };
        let named = page.items.into_iter().filter_map(key).map(|key| {
            let name = key.as_bytes().get(FOLDER.len()..).unwrap_or_default().to_vec();
            String::from_utf8(name).expect("the test's paths are text")
        });
        Ok(named.collect())
    }

    /// Puts every fingerprint under another revision, as restoring a copy into another store does.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn touch_fingerprints(&self) -> Result<(), Error> {
        let page = self.barrier.scan(&Scan::prefix(&Key::constant(FOLDER), LINES_MAX).keys_only()).await;
        for item in page.map_err(from_barrier)?.items {
            if let barrier::Item::Key(key, revision) = item {
                let mut changes = Changes::new();
                changes.replace(key, revision, Vec::new());
                self.barrier.commit(changes).await.map_err(from_commit)?;
            }
        }
        Ok(())
    }
}

//! Named texts below one folder of a namespace, as ACL policies and password policies are stored: read, replaced, removed
//! and listed, each write with the expectation of what it replaces and of a living namespace.

use barrier::Changes;
use framework::Error;
use framework::view::{COMMIT_TRIES, LIST_NAMES_MAX, Listing};
use serde::{Deserialize, Serialize};
use storage::{Expectation, Key, KeyRange};

use crate::keys;
use crate::store::{Lost, Store, encode};

/// How many names one storage call of a list asks for.
const LIST_PAGE: usize = 1_000;

/// A stored text.
#[derive(Serialize, Deserialize)]
pub(crate) struct TextEntry {
    pub(crate) v: u32,
    pub(crate) text: String,
}

impl TextEntry {
    pub(crate) fn new(text: &str) -> Self {
        Self { v: 1, text: text.to_owned() }
    }
}

/// The text of a key, `None` if there is none.
pub(crate) async fn read(store: &Store, key: &Key) -> Result<Option<String>, Error> {
    Ok(store.get::<TextEntry>(key).await?.map(|found| found.value.text))
}

/// Stores a text, old or new.
pub(crate) async fn write(store: &Store, ns: &str, key: &Key, text: &str) -> Result<(), Error> {
    let value = encode(&TextEntry::new(text))?;
    for _ in 0..COMMIT_TRIES {
        let live = keys::namespace_live(ns)?;
        // Revisions alone: what is there need not be readable to be replaced, or nobody could repair it.
        let [live_revision, known] = store.revisions_of([live.clone(), key.clone()]).await?;
        let mut changes = Changes::new();
        changes.expect(Expectation::At(live, live_revision.ok_or(Error::NotFound)?));
        changes.set(key.clone(), known, value.clone());
        match store.commit(changes).await {
            Ok(_) => return Ok(()),
            Err(Lost::Race(_)) => {}
            Err(Lost::Failed(error)) => return Err(error),
        }
    }
    Err(framework::view::contended())
}

/// Removes a text; no error when there is none.
pub(crate) async fn delete(store: &Store, key: &Key) -> Result<(), Error> {
    for _ in 0..COMMIT_TRIES {
        let [known] = store.revisions_of([key.clone()]).await?;
        let Some(known) = known else { return Ok(()) };
        let mut changes = Changes::new();
        changes.delete(key.clone(), known);
        match store.commit(changes).await {
            Ok(_) => return Ok(()),
            Err(Lost::Race(_)) => {}
            Err(Lost::Failed(error)) => return Err(error),
        }
    }
    Err(framework::view::contended())
}

/// The names below a folder, which ends in `/`, sorted.
pub(crate) async fn names(store: &Store, folder: &str, listing: &Listing) -> Result<Vec<String>, Error> {
    let prefix = keys::prefix(folder)?;
    let mut range = KeyRange::prefix(&prefix);
    if !listing.after.is_empty() {
        let behind = keys::prefix(&[folder, &listing.after].concat())?.successor();
        range.start = behind.filter(|behind| *behind > range.start).unwrap_or(range.start);
    }
    let limit = listing.limit.unwrap_or(LIST_NAMES_MAX + 1);
    let mut names = Vec::new();
    while names.len() < limit {
        let (page, next) = store.keys(range.clone(), LIST_PAGE.min(limit - names.len())).await?;
        let behind = page.iter().filter_map(|(key, _)| key.as_bytes().get(prefix.as_bytes().len()..));
        names.extend(behind.map(|name| String::from_utf8_lossy(name).into_owned()));
        if names.len() > LIST_NAMES_MAX {
            let text = format!("more than {LIST_NAMES_MAX} names: list them in pages with \"limit\" and \"after\"");
            return Err(Error::Invalid(text.into()));
        }
        match next {
            Some(next) => range.start = next,
            None => break,
        }
    }
    Ok(names)
}

//! Identity tokens: signed statements about the entity behind a token, for others to verify without asking this server
//! (Vault's documentation, “Identity tokens”). And the provider, by which applications let people log in here.
//!
//! Whatever is named here (a key, a role, a client) is an entry of its own in its namespace, and whoever uses another one leaves a
//! line below it, so that nothing can be removed that is in use and nobody has to look through all users. Keys never
//! leave: what is told of them is the public half.

use std::sync::Arc;

use barrier::Changes;
use env::Env;
use framework::Error;
use framework::view::{Listing, from_stored, to_stored};
use serde::de::DeserializeOwned;
use storage::{Expectation, Key, Revision};

use crate::cluster::Identity;
use crate::identity::Identities;
use crate::keys;
use crate::policies::texts;
use crate::store::{Found, Lost, Store, decode};

mod config;
mod entry;
mod issue;
mod maker;
pub(crate) mod paths;
mod provider;
mod published;
mod roles;
mod signing;
mod subject;
mod template;
mod turning;
mod uses;

use maker::Maker;
use published::Books;
use turning::Turning;

pub(crate) use turning::KeysAndCodes;

/// The word in the due index's keys.
const DUE_KIND: &str = "oidc";
/// The longest name of a key, a role and the like.
const NAME_BYTES_MAX: usize = 256;
/// The most items of one list in a key, a client and the like, and how long each may be.
const LIST_ITEMS_MAX: usize = 1_000;
const LIST_ITEM_BYTES_MAX: usize = 2_048;
/// The word in stored keys for which client has an id.
const CLIENT_ID: &str = "client-id";
/// The word in stored keys for codes.
const CODE: &str = "code";
/// Stands for all.
const ANY: &str = "*";

/// What there is of a kind, by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Key,
    Role,
    Scope,
    Assignment,
    Client,
    Provider,
}

impl Kind {
    /// The word in stored keys and messages.
    const fn word(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Role => "role",
            Self::Scope => "scope",
            Self::Assignment => "assignment",
            Self::Client => "client",
            Self::Provider => "provider",
        }
    }
}

/// Identity tokens of all namespaces.
pub(crate) struct Oidc {
    store: Store,
    env: Env,
    cluster: Arc<Identity>,
    identities: Arc<Identities>,
    /// Where clients reach this cluster; empty when unknown.
    address: String,
    maker: Maker,
    books: Books,
    turning: Turning,
}

impl Oidc {
    pub(crate) fn new(
        store: Store,
        env: Env,
        cluster: Arc<Identity>,
        identities: Arc<Identities>,
        address: String,
    ) -> Self {
        let (maker, books, turning) = (Maker::default(), Books::default(), Turning::default());
        Self { store, env, cluster, identities, address, maker, books, turning }
    }

    /// Ends what is under way and forgets what is kept in memory.
    pub(crate) fn forget(&self) {
        self.turning.stop();
        self.books.forget();
    }

    /// Waits until no key is rotated; tells whether one was.
    #[cfg(test)]
    pub(crate) async fn quiet(&self) -> bool {
        self.turning.quiet().await
    }

    fn now_nanos(&self) -> i64 {
        to_stored(self.env.now().into())
    }

    fn now_secs(&self) -> i64 {
        from_stored(self.now_nanos()).unix_secs()
    }

    /// Something by its name.
    async fn named<T: DeserializeOwned>(&self, ns: &str, kind: Kind, name: &str) -> Result<Option<Found<T>>, Error> {
        self.store.get(&keys::oidc(ns, kind.word(), name)?).await
    }

    /// Several of a kind by their names, in that order.
    async fn all_named<T: DeserializeOwned>(
        &self,
        ns: &str,
        kind: Kind,
        names: &[String],
    ) -> Result<Vec<Option<Found<T>>>, Error> {
        let keys = names.iter().map(|name| keys::oidc(ns, kind.word(), name)).collect::<Result<Vec<_>, _>>()?;
        let found = self.store.get_list(&keys).await?;
        keys.iter().zip(found).map(|(key, found)| found.map(|opened| decode(key, &opened)).transpose()).collect()
    }

    /// The names of a kind, sorted. `built_in` is there whether it is stored or not.
    async fn names(
        &self,
        ns: &str,
        kind: Kind,
        built_in: Option<&str>,
        listing: &Listing,
    ) -> Result<Vec<String>, Error> {
        let mut names = texts::names(&self.store, &keys::oidc_all(ns, kind.word()), listing).await?;
        if let Some(built_in) = built_in.filter(|name| **name > *listing.after)
            && let Err(at) = names.binary_search_by(|name| name.as_str().cmp(built_in))
        {
            names.insert(at, built_in.to_owned());
            names.truncate(listing.limit.unwrap_or(usize::MAX));
        }
        Ok(names)
    }

    /// Changes that expect the namespace to live.
    async fn changes(&self, ns: &str) -> Result<Changes, Error> {
        let live_key = keys::namespace_live(ns)?;
        let [live] = self.store.revisions_of([live_key.clone()]).await?;
        let mut changes = Changes::new();
        changes.expect(Expectation::At(live_key, live.ok_or(Error::NotFound)?));
        Ok(changes)
    }

    async fn commit(&self, changes: Changes) -> Result<Revision, Lost> {
        self.store.commit(changes).await.map(|receipt| receipt.revision)
    }

    async fn delete_if_there(&self, key: Key, changes: &mut Changes) -> Result<(), Error> {
        if let [Some(revision)] = self.store.revisions_of([key.clone()]).await? {
            changes.delete(key, revision);
        }
        Ok(())
    }
}

/// Names are as in Vault: letters, digits, `_`, and between them `-` and `.`.
fn check_name(what: Kind, name: &str) -> Result<(), Error> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_sound = name.chars().all(|c| is_word(c) || matches!(c, '-' | '.'))
        && name.starts_with(is_word)
        && name.ends_with(is_word)
        && name.len() <= NAME_BYTES_MAX;
    if is_sound {
        return Ok(());
    }
    let what = what.word();
    let text = format!(
        "the name of a {what} has letters, digits and \"_\", between them \"-\" and \".\", and {NAME_BYTES_MAX} bytes at most"
    );
    Err(Error::Invalid(text.into()))
}

/// A list without doubles, in the order in which it came.
fn checked_list(what: &str, items: &[String]) -> Result<Vec<String>, Error> {
    if items.len() > LIST_ITEMS_MAX {
        let text = format!("{what} has {} items, the most is {LIST_ITEMS_MAX}", items.len());
        return Err(Error::Invalid(text.into()));
    }
    let mut checked: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        if item.len() > LIST_ITEM_BYTES_MAX {
            let text = format!("an item of {what} has more than {LIST_ITEM_BYTES_MAX} bytes");
            return Err(Error::Invalid(text.into()));
        }
        if !checked.contains(item) {
            checked.push(item.clone());
        }
    }
    Ok(checked)
}

/// Whether a list names something, or all.
fn lists(items: &[String], wanted: &str) -> bool {
    items.iter().any(|item| item == ANY || item == wanted)
}

#[cfg(test)]
mod tests;

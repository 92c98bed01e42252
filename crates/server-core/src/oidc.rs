//! Identity tokens: signed statements about the entity behind a token, for others to verify without asking this server
//! (Vault's documentation, “Identity tokens”). And the provider, by which applications let people log in here.
//!
//! Whatever is named here (a key, a role, a client) is an entry of its own in its namespace, and whoever uses another one leaves a
//! line below it, so that nothing can be removed that is in use and nobody has to look through all users. Keys never
//! leave: what is told of them is the public half.

use std::sync::Arc;

use async_trait::async_trait;
use barrier::Changes;
use env::Env;
use framework::Error;
use framework::view::{Listing, from_stored, to_stored};
use serde::de::DeserializeOwned;
use storage::{Expectation, Key, KeyRange, Revision};

use crate::cluster::Identity;
use crate::due::{Line, Owner, drop_line};
use crate::identity::Identities;
use crate::keys;
use crate::policies::texts;
use crate::store::{Found, Lost, Store, decode, encode};

mod config;
mod entry;
mod issue;
mod maker;
pub(crate) mod paths;
mod provider;
mod roles;
mod signing;
mod subject;
mod template;

use entry::UseEntry;
use maker::Maker;

/// The word in the due index's keys.
const DUE_KIND: &str = "oidc";
/// The longest name of a key, a role and the like.
const NAME_BYTES_MAX: usize = 256;
/// How many users of something an error names.
const USERS_SHOWN: usize = 20;
/// How many lines one storage call of a scan asks for.
const SCAN_PAGE: usize = 1_000;
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
}

impl Oidc {
    pub(crate) fn new(
        store: Store,
        env: Env,
        cluster: Arc<Identity>,
        identities: Arc<Identities>,
        address: String,
    ) -> Self {
        Self { store, env, cluster, identities, address, maker: Maker::default() }
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

    /// Adds to a commit that `user`, which is a `by`, uses something, for tokens of so many seconds. The commit must
    /// expect what is used to stay as it was read.
    async fn put_use(
        &self,
        ns: &str,
        used: (Kind, &str),
        user: (Kind, &str),
        ttl_secs: u64,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let line = keys::oidc_use(ns, used.0.word(), used.1, user.0.word(), user.1)?;
        let [known] = self.store.revisions_of([line.clone()]).await?;
        changes.set(line, known, encode(&UseEntry { v: 1, ttl_secs })?);
        Ok(())
    }

    /// Adds to a commit that `user` does not use something any more.
    async fn end_use(
        &self,
        ns: &str,
        used: (Kind, &str),
        user: (Kind, &str),
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let line = keys::oidc_use(ns, used.0.word(), used.1, user.0.word(), user.1)?;
        self.delete_if_there(line, changes).await
    }

    /// Adds to a commit that `user` uses what `now` names and not what it `had`, each expected to be there. `built_in` is
    /// there without being stored.
    async fn change_uses(
        &self,
        ns: &str,
        (kind, built_in): (Kind, &str),
        user: (Kind, &str),
        had: &[String],
        now: &[String],
        changes: &mut Changes,
    ) -> Result<(), Error> {
        for name in now.iter().filter(|name| *name != built_in && !had.contains(name)) {
            let key = keys::oidc(ns, kind.word(), name)?;
            let [known] = self.store.revisions_of([key.clone()]).await?;
            let missing = || Error::Invalid(format!("{} {name:?} does not exist", kind.word()).into());
            changes.expect(Expectation::At(key, known.ok_or_else(missing)?));
            self.put_use(ns, (kind, name), user, 0, changes).await?;
        }
        for name in had.iter().filter(|name| *name != built_in && !now.contains(name)) {
            self.end_use(ns, (kind, name), user, changes).await?;
        }
        Ok(())
    }

    /// Whether any `by` uses something.
    async fn is_used(&self, ns: &str, kind: Kind, name: &str, by: Kind) -> Result<bool, Error> {
        let range = KeyRange::prefix(&keys::prefix(&keys::oidc_uses(ns, kind.word(), name, by.word()))?);
        Ok(!self.store.keys(range, 1).await?.0.is_empty())
    }

    /// Adds to a commit that nobody uses something, or says who does.
    async fn expect_unused(
        &self,
        ns: &str,
        kind: Kind,
        name: &str,
        users: &[Kind],
        changes: &mut Changes,
    ) -> Result<(), Error> {
        for by in users {
            let folder = keys::oidc_uses(ns, kind.word(), name, by.word());
            let listing = Listing { after: String::new(), limit: Some(USERS_SHOWN) };
            let names = texts::names(&self.store, &folder, &listing).await?;
            if !names.is_empty() {
                let (kind, by, names) = (kind.word(), by.word(), names.join(", "));
                let text = format!(
                    "unable to delete {kind} {name:?} because it is currently referenced by these {by}s: {names}"
                );
                return Err(Error::Invalid(text.into()));
            }
            changes.expect(Expectation::NoneIn(KeyRange::prefix(&keys::prefix(&folder)?)));
        }
        Ok(())
    }

    /// The users of something whose tokens live longer than so many seconds: whether there are any.
    async fn has_longer_use(&self, ns: &str, used: (Kind, &str), by: Kind, most_secs: u64) -> Result<bool, Error> {
        let folder = keys::oidc_uses(ns, used.0.word(), used.1, by.word());
        let mut range = KeyRange::prefix(&keys::prefix(&folder)?);
        loop {
            let (page, next) = self.store.page(range.clone(), SCAN_PAGE).await?;
            for (key, opened) in &page {
                if decode::<UseEntry>(key, opened)?.value.ttl_secs > most_secs {
                    return Ok(true);
                }
            }
            match next {
                Some(next) => range.start = next,
                None => return Ok(false),
            }
        }
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

#[async_trait]
impl Owner for Oidc {
    fn kind(&self) -> &'static str {
        DUE_KIND
    }

    /// Rotates a key, or forgets a code.
    async fn fire(&self, line: Line) -> Result<(), Error> {
        let (ns, id) = (line.namespace.clone(), line.id.clone());
        match id.split_once('/') {
            Some(("key", name)) => self.rotate_if_due(&ns, name, line).await,
            Some((CODE, hash)) => self.drop_code(&ns, hash, line).await,
            _ => drop_line(&self.store, line).await,
        }
    }
}

#[cfg(test)]
mod tests;

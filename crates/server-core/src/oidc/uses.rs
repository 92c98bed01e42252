//! Who uses what: whoever uses something leaves a line below it, so that nothing is removed that is in use, and nobody has
//! to look through all users.
//!
//! Of keys there is more to tell. A second line has in its name how long the tokens of the user live, so that a commit
//! that publishes a key for a shorter time can expect that there is none that lives longer. And whoever is the first or the
//! last user changes what is published.

use barrier::Changes;
use framework::Error;
use framework::view::Listing;
use storage::{Expectation, KeyRange};

use super::entry::UseEntry;
use super::{Kind, Oidc};
use crate::keys;
use crate::policies::texts;
use crate::store::encode;

/// How many users of something an error names.
const USERS_SHOWN: usize = 20;

impl Oidc {
    /// Adds to a commit that `user`, which is a `by`, uses something. The commit must expect what is used to stay as it was
    /// read.
    async fn put_use(
        &self,
        ns: &str,
        used: (Kind, &str),
        user: (Kind, &str),
        ttl_secs: u64,
        changes: &mut Changes,
    ) -> Result<Option<UseEntry>, Error> {
        let line = keys::oidc_use(ns, used.0.word(), used.1, user.0.word(), user.1)?;
        let found = self.store.get::<UseEntry>(&line).await?;
        changes.set(line, found.as_ref().map(|found| found.revision), encode(&UseEntry { v: 1, ttl_secs })?);
        Ok(found.map(|found| found.value))
    }

    /// Adds to a commit that `user` does not use something any more.
    async fn end_use(
        &self,
        ns: &str,
        used: (Kind, &str),
        user: (Kind, &str),
        changes: &mut Changes,
    ) -> Result<Option<UseEntry>, Error> {
        let line = keys::oidc_use(ns, used.0.word(), used.1, user.0.word(), user.1)?;
        let Some(found) = self.store.get::<UseEntry>(&line).await? else { return Ok(None) };
        changes.delete(line, found.revision);
        Ok(Some(found.value))
    }

    /// Adds to a commit that `user` uses a key, for tokens of so many seconds. The commit must expect the key to stay as it
    /// was read. Tells whether other keys are published then.
    pub(super) async fn put_key_use(
        &self,
        ns: &str,
        key: &str,
        user: (Kind, &str),
        ttl_secs: u64,
        changes: &mut Changes,
    ) -> Result<bool, Error> {
        let before = self.put_use(ns, (Kind::Key, key), user, ttl_secs, changes).await?;
        if let Some(before) = before.as_ref().filter(|before| before.ttl_secs != ttl_secs) {
            let line = keys::oidc_ttl(ns, key, user.0.word(), before.ttl_secs, user.1)?;
            self.delete_if_there(line, changes).await?;
        }
        let line = keys::oidc_ttl(ns, key, user.0.word(), ttl_secs, user.1)?;
        if let [None] = self.store.revisions_of([line.clone()]).await? {
            changes.create(line, Vec::new());
        }
        match before {
            Some(_) => Ok(false),
            None => self.is_only_user(ns, key, user, changes).await,
        }
    }

    /// Adds to a commit that `user` does not use a key any more. Tells whether other keys are published then.
    pub(super) async fn end_key_use(
        &self,
        ns: &str,
        key: &str,
        user: (Kind, &str),
        changes: &mut Changes,
    ) -> Result<bool, Error> {
        let Some(before) = self.end_use(ns, (Kind::Key, key), user, changes).await? else { return Ok(false) };
        self.delete_if_there(keys::oidc_ttl(ns, key, user.0.word(), before.ttl_secs, user.1)?, changes).await?;
        // A provider may publish for this very client.
        Ok(user.0 == Kind::Client || self.is_only_user(ns, key, user, changes).await?)
    }

    /// Whether nobody else of the same kind uses a key. Somebody else who does has to be there still at the commit: of two
    /// who leave at once, one sees that it is the last.
    async fn is_only_user(
        &self,
        ns: &str,
        key: &str,
        user: (Kind, &str),
        changes: &mut Changes,
    ) -> Result<bool, Error> {
        let own = keys::oidc_use(ns, Kind::Key.word(), key, user.0.word(), user.1)?;
        let folder = keys::oidc_uses(ns, Kind::Key.word(), key, user.0.word());
        let (lines, _) = self.store.keys(KeyRange::prefix(&keys::prefix(&folder)?), 2).await?;
        let other = lines.into_iter().find(|(line, _)| *line != own);
        let is_only = other.is_none();
        if let Some((line, revision)) = other {
            changes.expect(Expectation::At(line, revision));
        }
        Ok(is_only)
    }

    /// Adds to a commit that no `by` uses a key for tokens of more than so many seconds; false when one does.
    pub(super) async fn expect_no_longer_use(
        &self,
        ns: &str,
        key: &str,
        by: Kind,
        most_secs: u64,
        changes: &mut Changes,
    ) -> Result<bool, Error> {
        let mut range = KeyRange::prefix(&keys::prefix(&keys::oidc_ttls(ns, key, by.word()))?);
        range.start = keys::oidc_ttl(ns, key, by.word(), most_secs.saturating_add(1), "")?;
        if !self.store.keys(range.clone(), 1).await?.0.is_empty() {
            return Ok(false);
        }
        changes.expect(Expectation::NoneIn(range));
        Ok(true)
    }

    /// Adds to a commit that `user` uses what `now` names and not what it `had`, each expected to be there. `built_in` is
    /// there without being stored.
    pub(super) async fn change_uses(
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
    pub(super) async fn is_used(&self, ns: &str, kind: Kind, name: &str, by: Kind) -> Result<bool, Error> {
        let range = KeyRange::prefix(&keys::prefix(&keys::oidc_uses(ns, kind.word(), name, by.word()))?);
        Ok(!self.store.keys(range, 1).await?.0.is_empty())
    }

    /// Adds to a commit that nobody uses something, or says who does.
    pub(super) async fn expect_unused(
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
}

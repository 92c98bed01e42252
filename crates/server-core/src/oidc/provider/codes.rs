//! Codes: what a person takes from here to an application, in the address of a page. So they are good for five minutes
//! and for one exchange: the entry is marked as spent before anything is answered, and of two who bring one code one finds
//! it unspent. The other has shown that somebody has taken it on the way, and nobody can tell who of the two that was: the
//! mark becomes one that says that the access token of the code is worth nothing (RFC 6749 §4.1.2), and stays until that
//! would have expired. An ID token is verified by whoever gets it, and cannot be taken back.

use std::time::Duration;

use barrier::Changes;
use framework::Error;
use secret::Secret;
use storage::Expectation;

use super::entry::{ClientIdEntry, CodeEntry, Spent};
use crate::identity::again;
use crate::keys;
use crate::oidc::{CLIENT_ID, CODE, DUE_KIND, Oidc};
use crate::store::{Found, Lost, encode};
use crate::tokens::create::nanos;

/// How long a code is good (what Vault gives).
pub(super) const TTL: Duration = Duration::from_secs(300);
/// The length of a code: 190 bits.
const CHARACTERS: usize = 32;

/// A code that was brought for the first time.
pub(super) struct Taken {
    pub(super) code: CodeEntry,
    /// What names it in the store.
    pub(super) hash: String,
}

impl Oidc {
    /// A code that stands for this. Its client must be there still.
    pub(super) async fn put_code(&self, ns: &str, mut entry: CodeEntry) -> Result<Secret<String>, Error> {
        let code = Secret::new(self.env.base62(CHARACTERS));
        let hash = self.cluster.cluster()?.code_hash(code.expose());
        entry.expires = self.now_nanos().saturating_add(nanos(TTL));
        let client = keys::oidc(ns, CLIENT_ID, &entry.client_id)?;
        let found = self.store.get::<ClientIdEntry>(&client).await?.ok_or(Error::NotFound)?;
        let mut changes = self.changes(ns).await?;
        changes.expect(Expectation::At(client, found.revision));
        changes.create(keys::oidc(ns, CODE, &hash)?, encode(&entry)?);
        changes.create(due(ns, &hash, entry.expires)?, Vec::new());
        match self.commit(changes).await {
            Ok(_) => Ok(code),
            Err(lost) => Err(lost.into()),
        }
    }

    /// What a code stands for. From the return on it is spent, whoever brought it; `None` for one that is unknown, spent, or
    /// too old. The access token that comes of it lives for so long.
    pub(super) async fn take_code(&self, ns: &str, code: &str, access_ttl: Duration) -> Result<Option<Taken>, Error> {
        let hash = self.cluster.cluster()?.code_hash(code);
        let taken = again!(self.try_take_code(ns, &hash, access_ttl))?;
        Ok(taken.filter(|code| code.expires > self.now_nanos()).map(|code| Taken { code, hash }))
    }

    async fn try_take_code(&self, ns: &str, hash: &str, access_ttl: Duration) -> Result<Option<CodeEntry>, Lost> {
        let key = keys::oidc(ns, CODE, hash)?;
        let Some(Found { value: mut entry, revision }) = self.store.get::<CodeEntry>(&key).await? else {
            return Ok(None);
        };
        let mut changes = self.changes(ns).await?;
        let is_first = entry.spent.is_none();
        match &mut entry.spent {
            Some(spent) if spent.is_revoked => return Ok(None),
            Some(spent) => {
                spent.is_revoked = true;
                if spent.access_until > entry.expires {
                    self.delete_if_there(due(ns, hash, entry.expires)?, &mut changes).await?;
                    let line = due(ns, hash, spent.access_until)?;
                    let [known] = self.store.revisions_of([line.clone()]).await?;
                    changes.set(line, known, Vec::new());
                }
            }
            None => {
                let access_until = self.now_nanos().saturating_add(nanos(access_ttl));
                entry.spent = Some(Spent { access_until, is_revoked: false });
            }
        }
        changes.replace(key, revision, encode(&entry)?);
        self.commit(changes).await?;
        if is_first {
            return Ok(Some(entry));
        }
        tracing::warn!(client_id = entry.client_id, "an authorization code came twice: what it gave is revoked");
        Ok(None)
    }

    /// Whether the code that an access token came of was brought again.
    pub(super) async fn is_revoked(&self, ns: &str, hash: &str) -> Result<bool, Error> {
        let found = self.store.get::<CodeEntry>(&keys::oidc(ns, CODE, hash)?).await?;
        Ok(found.and_then(|found| found.value.spent).is_some_and(|spent| spent.is_revoked))
    }

    /// Removes a code whose time is over, spent or not.
    pub(in crate::oidc) async fn drop_code(&self, ns: &str, hash: &str, line: crate::due::Line) -> Result<(), Error> {
        let mut changes = Changes::new();
        self.delete_if_there(keys::oidc(ns, CODE, hash)?, &mut changes).await?;
        changes.delete(line.key, line.revision);
        match self.commit(changes).await {
            Ok(_) | Err(Lost::Race(_)) => Ok(()),
            Err(Lost::Failed(error)) => Err(error),
        }
    }
}

/// The line that has a code forgotten.
fn due(ns: &str, hash: &str, expires: i64) -> Result<storage::Key, Error> {
    keys::due(expires, ns, DUE_KIND, &[CODE, "/", hash].concat())
}

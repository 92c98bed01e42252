//! Codes: what a person takes from here to an application, in the address of a page. So they are good for five minutes
//! and for one exchange: the entry is removed before anything is answered, and of two who bring one code one finds it.

use std::time::Duration;

use barrier::Changes;
use framework::Error;
use secret::Secret;
use storage::Expectation;

use super::entry::{ClientIdEntry, CodeEntry};
use crate::keys;
use crate::oidc::{CLIENT_ID, CODE, DUE_KIND, Oidc};
use crate::store::{Lost, encode};
use crate::tokens::create::nanos;

/// How long a code is good (what Vault gives).
pub(super) const TTL: Duration = Duration::from_secs(300);
/// The length of a code: 190 bits.
const CHARACTERS: usize = 32;

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

    /// What a code stands for. From the return on nobody else finds it, whoever brought it; `None` for one that is
    /// unknown, used, or too old.
    pub(super) async fn take_code(&self, ns: &str, code: &str) -> Result<Option<CodeEntry>, Error> {
        let hash = self.cluster.cluster()?.code_hash(code);
        let key = keys::oidc(ns, CODE, &hash)?;
        let Some(found) = self.store.get::<CodeEntry>(&key).await? else { return Ok(None) };
        let mut changes = Changes::new();
        changes.delete(key, found.revision);
        self.delete_if_there(due(ns, &hash, found.value.expires)?, &mut changes).await?;
        match self.commit(changes).await {
            Ok(_) => Ok(Some(found.value).filter(|code| code.expires > self.now_nanos())),
            // Somebody else has it.
            Err(Lost::Race(_)) => Ok(None),
            Err(Lost::Failed(error)) => Err(error),
        }
    }

    /// Removes a code that nobody has brought in time.
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

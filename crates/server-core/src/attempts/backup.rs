//! Copies of new keys as they were handed out, encrypted to PGP keys, for holders who did not get theirs. Kept where a
//! rekey asks for it, until somebody deletes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use barrier::Changes;
use barrier::seal::Target;
use data_encoding::{BASE64, HEXLOWER};
use framework::Error;
use framework::view::COMMIT_TRIES;
use openpgp::PublicKey;
use secret::SecretBytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Attempts;
use crate::keys;
use crate::store::{Lost, encode};

/// `core/rekey-backup/<kind>`.
#[derive(Serialize, Deserialize)]
struct BackupEntry {
    v: u32,
    /// Of the rekey.
    nonce: String,
    /// The messages in base64, by the fingerprint of the key that they are for.
    keys: BTreeMap<String, Vec<String>>,
}

impl Attempts {
    /// Keeps a copy with the commit that makes the keys count, in place of an older one.
    pub(super) async fn keep_backup(
        &self,
        target: Target,
        nonce: &str,
        covered: &[(Arc<PublicKey>, SecretBytes)],
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, message) in covered {
            keys.entry(key.fingerprint().to_owned()).or_default().push(BASE64.encode(message.expose()));
        }
        let place = keys::rekey_backup(kind(target))?;
        let [known] = self.store.revisions_of([place.clone()]).await?;
        changes.set(place, known, encode(&BackupEntry { v: 1, nonce: nonce.to_owned(), keys })?);
        Ok(())
    }

    /// The copies of the last rekey that asked for them.
    pub(crate) async fn backup(&self, target: Target) -> Result<Value, Error> {
        let found = self.store.get::<BackupEntry>(&keys::rekey_backup(kind(target))?).await?;
        let entry = found.ok_or_else(|| Error::invalid("no backed-up keys found"))?.value;
        let mut hex = BTreeMap::new();
        for (fingerprint, messages) in &entry.keys {
            let decoded = messages.iter().map(|message| BASE64.decode(message.as_bytes()));
            let decoded = decoded.collect::<Result<Vec<_>, _>>();
            let decoded = decoded.map_err(|source| Error::world("decode a copy of the keys", source))?;
            hex.insert(fingerprint, decoded.iter().map(|message| HEXLOWER.encode(message)).collect::<Vec<_>>());
        }
        Ok(json!({ "nonce": entry.nonce, "keys": hex, "keys_base64": entry.keys }))
    }

    /// Deletes them.
    pub(crate) async fn delete_backup(&self, target: Target) -> Result<(), Error> {
        let key = keys::rekey_backup(kind(target))?;
        for _ in 0..COMMIT_TRIES {
            let [Some(revision)] = self.store.revisions_of([key.clone()]).await? else { return Ok(()) };
            let mut changes = Changes::new();
            changes.delete(key.clone(), revision);
            match self.store.commit(changes).await {
                Ok(_) => return Ok(()),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }
}

fn kind(target: Target) -> &'static str {
    match target {
        Target::Barrier => "unseal",
        Target::Recovery => "recovery",
    }
}

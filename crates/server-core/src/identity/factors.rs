//! The second factors of an entity that goes, or goes into another one. See [`crate::mfa`].

use barrier::Changes;
use framework::Error;

use super::Identities;
use super::sweep::STEP;
use crate::keys;
use crate::mfa::entry::SecretEntry;
use crate::store::decode;

/// How many secrets one step takes: each is up to five expectations.
const SECRETS: usize = STEP / 2;

impl Identities {
    /// Adds to a commit the removal of some secrets; false when there are none.
    pub(super) async fn forget_factors(&self, ns: &str, id: &str, changes: &mut Changes) -> Result<bool, Error> {
        let (secrets, _) = self.lines(&keys::mfa_secrets(ns, id), "", SECRETS).await?;
        for (method, opened) in &secrets {
            let key = keys::mfa_secret(ns, id, method)?;
            let entry = decode::<SecretEntry>(&key, opened)?.value;
            changes.delete(key, opened.revision);
            self.delete_if_there(keys::mfa_tries(ns, id, method)?, changes).await?;
            self.delete_if_there(keys::mfa_enrolled(&entry.method_namespace, method, ns, id)?, changes).await?;
        }
        Ok(!secrets.is_empty())
    }

    /// Adds to a commit that some secrets are of the entity that this one goes into. Of two made with one method that one's
    /// own stays. False when there are none.
    pub(super) async fn move_factors(
        &self,
        ns: &str,
        id: &str,
        to: &str,
        changes: &mut Changes,
    ) -> Result<bool, Error> {
        let (secrets, _) = self.lines(&keys::mfa_secrets(ns, id), "", SECRETS).await?;
        for (method, opened) in &secrets {
            let (key, target) = (keys::mfa_secret(ns, id, method)?, keys::mfa_secret(ns, to, method)?);
            let entry = decode::<SecretEntry>(&key, opened)?.value;
            let (from_tries, to_tries) = (keys::mfa_tries(ns, id, method)?, keys::mfa_tries(ns, to, method)?);
            let [is_there] = self.store.revisions_of([target.clone()]).await?;
            let [tries] = self.store.get_all([from_tries.clone()]).await?;
            if is_there.is_none() {
                changes.create(target, opened.value.expose().to_vec());
                if let Some(tries) = &tries {
                    changes.create(to_tries, tries.value.expose().to_vec());
                }
                let enrolled = keys::mfa_enrolled(&entry.method_namespace, method, ns, to)?;
                let [known] = self.store.revisions_of([enrolled.clone()]).await?;
                changes.set(enrolled, known, Vec::new());
            }
            if let Some(tries) = tries {
                changes.delete(from_tries, tries.revision);
            }
            changes.delete(key, opened.revision);
            self.delete_if_there(keys::mfa_enrolled(&entry.method_namespace, method, ns, id)?, changes).await?;
        }
        Ok(!secrets.is_empty())
    }
}

//! Roles: what identity tokens say, who they are for, and which key signs them.

use std::time::Duration;

use framework::Error;
use jose::Pair;

use super::entry::RoleEntry;
use super::template::Template;
use super::{Kind, Oidc, check_name};
use crate::identity::again;
use crate::keys;
use crate::store::{Lost, encode};

/// How long a token lives, if nobody says it: a day (documented Vault default).
const TTL_SECS: u64 = 24 * 3600;
/// The length of a client id that the server makes up.
pub(super) const CLIENT_ID_CHARACTERS: usize = 32;
/// The longest client id, in bytes.
const CLIENT_ID_BYTES_MAX: usize = 256;

/// What is changed of a role; what is absent stays.
#[derive(Clone, Default)]
pub(super) struct RoleChange {
    pub(super) key: Option<String>,
    pub(super) template: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) ttl: Option<Duration>,
}

impl Oidc {
    /// Makes or changes a role.
    pub(super) async fn write_role(&self, ns: &str, name: &str, change: &RoleChange) -> Result<(), Error> {
        check_name(Kind::Role, name)?;
        let mut fresh = None;
        again!(self.try_write_role(ns, name, change, &mut fresh))
    }

    async fn try_write_role(
        &self,
        ns: &str,
        name: &str,
        change: &RoleChange,
        fresh: &mut Option<(Pair, Pair)>,
    ) -> Result<(), Lost> {
        let found = self.named::<RoleEntry>(ns, Kind::Role, name).await?;
        let revision = found.as_ref().map(|found| found.revision);
        let before = found.map(|found| found.value);
        let mut entry = before.clone().unwrap_or_else(|| RoleEntry {
            v: 1,
            key: String::new(),
            template: String::new(),
            client_id: String::new(),
            ttl_secs: TTL_SECS,
        });
        if let Some(key) = &change.key {
            key.clone_into(&mut entry.key);
        }
        if entry.key.is_empty() {
            return Err(Error::invalid("the key parameter is required").into());
        }
        if let Some(template) = &change.template {
            Template::parse(template)?;
            template.clone_into(&mut entry.template);
        }
        if let Some(ttl) = change.ttl {
            entry.ttl_secs = ttl.as_secs();
        }
        if let Some(id) = &change.client_id {
            id.clone_into(&mut entry.client_id);
        }
        if entry.client_id.is_empty() {
            entry.client_id = self.env.base62(CLIENT_ID_CHARACTERS);
        }
        if entry.client_id.len() > CLIENT_ID_BYTES_MAX {
            return Err(Error::Invalid(format!("client_id has more than {CLIENT_ID_BYTES_MAX} bytes").into()).into());
        }
        let key = self.key_to_use(ns, &entry.key).await?;
        let key = key.ok_or_else(|| Error::Invalid(format!("cannot find key {:?}", entry.key).into()))?;
        if entry.ttl_secs > key.settings.verification_secs {
            let text = "a role's token ttl cannot be longer than the verification_ttl of the key it references";
            return Err(Error::invalid(text).into());
        }
        let mut changes = self.changes(ns).await?;
        self.use_key(ns, &entry.key, &key, fresh, &mut changes).await?;
        let user = (Kind::Role, name);
        let mut is_turn = self.put_key_use(ns, &entry.key, user, entry.ttl_secs, &mut changes).await?;
        if let Some(before) = before.filter(|before| before.key != entry.key) {
            is_turn |= self.end_key_use(ns, &before.key, user, &mut changes).await?;
        }
        if is_turn {
            self.key_epoch(ns).await?.turn(&mut changes);
        }
        changes.set(keys::oidc(ns, Kind::Role.word(), name)?, revision, encode(&entry)?);
        self.commit(changes).await?;
        Ok(())
    }

    /// Removes a role; no error when there is none. Its tokens do not expire sooner, but whoever verifies them finds their
    /// key published only while another role uses it.
    pub(super) async fn delete_role(&self, ns: &str, name: &str) -> Result<(), Error> {
        again!(self.try_delete_role(ns, name))
    }

    async fn try_delete_role(&self, ns: &str, name: &str) -> Result<(), Lost> {
        let Some(found) = self.named::<RoleEntry>(ns, Kind::Role, name).await? else { return Ok(()) };
        let mut changes = self.changes(ns).await?;
        changes.delete(keys::oidc(ns, Kind::Role.word(), name)?, found.revision);
        if self.end_key_use(ns, &found.value.key, (Kind::Role, name), &mut changes).await? {
            self.key_epoch(ns).await?.turn(&mut changes);
        }
        self.commit(changes).await?;
        Ok(())
    }
}

//! Clients: the applications that people log in to through this server.

use std::time::Duration;

use framework::Error;
use jose::Pair;

use super::assignments::ALLOW_ALL;
use super::entry::{ClientEntry, ClientIdEntry, ClientKind};
use super::redirect;
use crate::identity::again;
use crate::keys;
use crate::oidc::roles::CLIENT_ID_CHARACTERS;
use crate::oidc::signing::DEFAULT;
use crate::oidc::{CLIENT_ID, Kind, Oidc, check_name, checked_list};
use crate::store::{Lost, encode};

/// How long tokens live, if nobody says it: a day (documented Vault default).
const TTL_SECS: u64 = 24 * 3600;
/// What the secrets of clients begin with, so that who finds one knows what it is (documented Vault behavior).
const SECRET_PREFIX: &str = "hvo_secret_";
const SECRET_CHARACTERS: usize = 64;
/// The most assignments of one client: each is expected to be there by the commit that names it.
const ASSIGNMENTS_MAX: usize = 30;

/// What is changed of a client; what is absent stays.
#[derive(Clone, Default)]
pub(in crate::oidc) struct ClientChange {
    pub(in crate::oidc) redirect_uris: Option<Vec<String>>,
    pub(in crate::oidc) assignments: Option<Vec<String>>,
    pub(in crate::oidc) key: Option<String>,
    pub(in crate::oidc) id_token_ttl: Option<Duration>,
    pub(in crate::oidc) access_token_ttl: Option<Duration>,
    pub(in crate::oidc) client_type: Option<String>,
}

impl Oidc {
    /// The client of this id.
    pub(in crate::oidc) async fn client_of_id(&self, ns: &str, id: &str) -> Result<Option<ClientEntry>, Error> {
        // What the server makes up fits; a longer one would be no key.
        if id.len() != CLIENT_ID_CHARACTERS {
            return Ok(None);
        }
        let Some(found) = self.store.get::<ClientIdEntry>(&keys::oidc(ns, CLIENT_ID, id)?).await? else {
            return Ok(None);
        };
        let client = self.named::<ClientEntry>(ns, Kind::Client, &found.value.name).await?;
        Ok(client.map(|found| found.value).filter(|client| client.client_id == id))
    }

    /// Makes or changes a client.
    pub(in crate::oidc) async fn write_client(&self, ns: &str, name: &str, change: &ClientChange) -> Result<(), Error> {
        check_name(Kind::Client, name)?;
        let mut fresh = None;
        again!(self.try_write_client(ns, name, change, &mut fresh))
    }

    async fn try_write_client(
        &self,
        ns: &str,
        name: &str,
        change: &ClientChange,
        fresh: &mut Option<(Pair, Pair)>,
    ) -> Result<(), Lost> {
        let found = self.named::<ClientEntry>(ns, Kind::Client, name).await?;
        let revision = found.as_ref().map(|found| found.revision);
        let before = found.map(|found| found.value);
        let mut entry = match &before {
            Some(before) => {
                check_fixed(before, change)?;
                before.clone()
            }
            None => self.new_client(change)?,
        };
        apply(&mut entry, change)?;
        let key = self.key_to_use(ns, &entry.key).await?;
        let key = key.ok_or_else(|| Error::Invalid(format!("key {:?} does not exist", entry.key).into()))?;
        if entry.id_token_ttl_secs > key.settings.verification_secs {
            let text = "a client's id_token_ttl cannot be greater than the verification_ttl of the key it references";
            return Err(Error::invalid(text).into());
        }
        let mut changes = self.changes(ns).await?;
        let user = (Kind::Client, name);
        if self.put_key_use(ns, &entry.key, user, entry.id_token_ttl_secs, &mut changes).await? {
            self.key_epoch(ns).await?.turn(&mut changes);
        }
        let had = before.as_ref().map(|before| before.assignments.as_slice()).unwrap_or_default();
        self.change_uses(ns, (Kind::Assignment, ALLOW_ALL), user, had, &entry.assignments, &mut changes).await?;
        self.use_key(ns, &entry.key, &key, fresh, &mut changes).await?;
        if before.is_none() {
            let id = ClientIdEntry { v: 1, name: name.to_owned() };
            changes.create(keys::oidc(ns, CLIENT_ID, &entry.client_id)?, encode(&id)?);
        }
        changes.set(keys::oidc(ns, Kind::Client.word(), name)?, revision, encode(&entry)?);
        self.commit(changes).await?;
        Ok(())
    }

    fn new_client(&self, change: &ClientChange) -> Result<ClientEntry, Error> {
        let kind = match change.client_type.as_deref() {
            None | Some("confidential") => ClientKind::Confidential,
            Some("public") => ClientKind::Public,
            Some(other) => return Err(Error::Invalid(format!("invalid client_type {other:?}").into())),
        };
        let client_secret = match kind {
            ClientKind::Confidential => [SECRET_PREFIX, &self.env.base62(SECRET_CHARACTERS)].concat(),
            ClientKind::Public => String::new(),
        };
        Ok(ClientEntry {
            v: 1,
            client_id: self.env.base62(CLIENT_ID_CHARACTERS),
            client_secret,
            kind,
            redirect_uris: Vec::new(),
            assignments: Vec::new(),
            key: change.key.clone().filter(|key| !key.is_empty()).unwrap_or_else(|| DEFAULT.to_owned()),
            id_token_ttl_secs: TTL_SECS,
            access_token_ttl_secs: TTL_SECS,
        })
    }

    /// Removes a client; no error when there is none. Its codes and access tokens are refused from the reply on.
    pub(in crate::oidc) async fn delete_client(&self, ns: &str, name: &str) -> Result<(), Error> {
        again!(self.try_delete_client(ns, name))
    }

    async fn try_delete_client(&self, ns: &str, name: &str) -> Result<(), Lost> {
        let Some(found) = self.named::<ClientEntry>(ns, Kind::Client, name).await? else { return Ok(()) };
        let (mut changes, user) = (self.changes(ns).await?, (Kind::Client, name));
        changes.delete(keys::oidc(ns, Kind::Client.word(), name)?, found.revision);
        self.delete_if_there(keys::oidc(ns, CLIENT_ID, &found.value.client_id)?, &mut changes).await?;
        if self.end_key_use(ns, &found.value.key, user, &mut changes).await? {
            self.key_epoch(ns).await?.turn(&mut changes);
        }
        self.change_uses(ns, (Kind::Assignment, ALLOW_ALL), user, &found.value.assignments, &[], &mut changes).await?;
        self.commit(changes).await?;
        Ok(())
    }
}

/// What cannot be changed of a client that is there.
fn check_fixed(before: &ClientEntry, change: &ClientChange) -> Result<(), Error> {
    if change.key.as_ref().is_some_and(|key| *key != before.key) {
        return Err(Error::invalid("key modification is not allowed"));
    }
    if change.client_type.as_ref().is_some_and(|kind| kind != before.kind.name()) {
        return Err(Error::invalid("client_type modification is not allowed"));
    }
    Ok(())
}

fn apply(entry: &mut ClientEntry, change: &ClientChange) -> Result<(), Error> {
    if let Some(uris) = &change.redirect_uris {
        uris.iter().try_for_each(|uri| redirect::check(uri))?;
        entry.redirect_uris = checked_list("redirect_uris", uris)?;
    }
    if let Some(assignments) = &change.assignments {
        entry.assignments = checked_list("assignments", assignments)?;
        if entry.assignments.len() > ASSIGNMENTS_MAX {
            return Err(Error::Invalid(format!("a client has {ASSIGNMENTS_MAX} assignments at most").into()));
        }
    }
    if let Some(ttl) = change.id_token_ttl {
        entry.id_token_ttl_secs = ttl.as_secs();
    }
    if let Some(ttl) = change.access_token_ttl {
        entry.access_token_ttl_secs = ttl.as_secs();
    }
    Ok(())
}

//! What is stored of roles and secret ids, and where.
//!
//! What belongs to a role hangs on an id that the role is given when it is made and that nobody sees. So a role that is
//! removed takes its secret ids with it at once, also those that are not cleared away yet, and one of the same name is
//! another role.

use std::collections::BTreeMap;

use api::Timestamp;
use data_encoding::HEXLOWER;
use framework::cidr::WrittenCidr;
use framework::path::fold;
use framework::terms::{OlderNames, TokenTerms};
use framework::view::{StoredTime, ViewChanges, from_stored};
use framework::{Context, Error, Stored, View};
use secret::{Secret, hmac_sha256};
use serde::{Deserialize, Serialize};

/// Where roles are, below the mount's part of the storage.
pub(super) const ROLES: &str = "role/";
/// Where the names of roles are by the hash of their role id.
const ROLE_IDS: &str = "role-id/";
/// Where secret ids are, by the role's own id and their hash.
const SECRETS: &str = "secret/";
/// Where the hashes of secret ids are, by the role's own id and the accessor.
const ACCESSORS: &str = "accessor/";
/// The key of the mount's hashes.
const SALT: &str = "salt";
/// Here while a tidy is going on.
pub(super) const TIDY: &str = "tidy";

/// A role.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RoleEntry {
    pub(super) v: u32,
    /// What everything that belongs to the role hangs on. Never shown.
    pub(super) id: String,
    /// What machines log in with, beside a secret id.
    pub(super) role_id: String,
    /// Whether a login needs a secret id.
    pub(super) binds_secret_id: bool,
    /// From where alone one can log in.
    pub(super) bound_cidrs: Vec<WrittenCidr>,
    /// How often a new secret id can be used; 0 is without limit.
    pub(super) secret_id_num_uses: u64,
    /// How long a new secret id lasts; 0 is for ever.
    pub(super) secret_id_ttl_secs: u64,
    pub(super) has_local_secret_ids: bool,
    pub(super) terms: TokenTerms,
    /// Which settings were last written by their older names: those show them too (documented Vault behavior).
    pub(super) older_names: OlderNames,
}

/// A secret id, without itself.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SecretEntry {
    pub(super) v: u32,
    pub(super) accessor: String,
    pub(super) created: StoredTime,
    pub(super) updated: StoredTime,
    /// 0 for never.
    pub(super) expires: StoredTime,
    pub(super) ttl_secs: u64,
    /// How often it can still be used; 0 is without limit, for the last use removes it.
    pub(super) num_uses: u64,
    pub(super) metadata: BTreeMap<String, String>,
    /// From where alone it can be used.
    pub(super) cidrs: Vec<WrittenCidr>,
    /// What its tokens are bound to in place of the role's networks.
    pub(super) token_cidrs: Vec<WrittenCidr>,
}

/// The name of the role that has a role id.
#[derive(Serialize, Deserialize)]
pub(super) struct RoleIdEntry {
    pub(super) v: u32,
    pub(super) role: String,
}

/// The hash of the secret id that has an accessor.
#[derive(Serialize, Deserialize)]
pub(super) struct AccessorEntry {
    pub(super) v: u32,
    pub(super) hash: String,
}

#[derive(Serialize, Deserialize)]
struct SaltEntry {
    v: u32,
    /// Hex, 32 bytes.
    salt: String,
}

/// The key of the mount's hashes: what can be guessed cannot be looked up in a stolen store without it.
pub(super) struct Salt(Secret<Vec<u8>>);

impl RoleEntry {
    /// A role as it is before anything is said of it.
    pub(super) fn new(context: &Context) -> Self {
        Self {
            v: 1,
            id: context.env.uuid(),
            role_id: context.env.uuid(),
            binds_secret_id: true,
            bound_cidrs: Vec::new(),
            secret_id_num_uses: 0,
            secret_id_ttl_secs: 0,
            has_local_secret_ids: false,
            terms: TokenTerms::default(),
            older_names: OlderNames::default(),
        }
    }
}

impl SecretEntry {
    /// Whether its time is over: it is as good as removed then.
    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires != 0 && from_stored(self.expires) <= now
    }
}

impl Salt {
    /// The mount's, if it has one yet: it comes with the first role.
    pub(super) async fn find(view: &View) -> Result<Option<Self>, Error> {
        let Some(stored) = view.get(SALT).await? else { return Ok(None) };
        let entry: SaltEntry = stored.json()?;
        let salt = HEXLOWER.decode(entry.salt.as_bytes());
        let salt = salt.map_err(|source| Error::world("decode the salt of a mount", source))?;
        Ok(Some(Self(Secret::new(salt))))
    }

    /// The mount's, which has roles.
    ///
    /// # Errors
    /// When it is lost: without it nobody logs in.
    pub(super) async fn of_roles(view: &View) -> Result<Self, Error> {
        Self::find(view)
            .await?
            .ok_or_else(|| Error::world("read the salt of a mount", "there is none, though there are roles"))
    }

    /// What hashes are made with where there is no role: they find nothing, and cost the same.
    pub(super) fn of_nobody() -> Self {
        Self(Secret::new(vec![0; 32]))
    }

    /// A new one, which the changes store.
    pub(super) fn create<'v>(context: &Context, changes: ViewChanges<'v>) -> Result<(Self, ViewChanges<'v>), Error> {
        let salt: [u8; 32] = context.env.random();
        let entry = framework::view::encode(&SaltEntry { v: 1, salt: HEXLOWER.encode(&salt) })?;
        Ok((Self(Secret::new(salt.to_vec())), changes.create(SALT, entry)))
    }

    /// Where the name of a role is by its role id. Two role ids that differ in upper and lower case alone have the same
    /// place, since they would be the same name of an entity.
    pub(super) fn role_id_place(&self, role_id: &str) -> String {
        [ROLE_IDS, &self.hash(&[b"role-id", b"\0", fold(role_id).as_bytes()])].concat()
    }

    /// The hash of a secret id of a role, whose own id has a fixed length.
    pub(super) fn secret_id(&self, role: &str, secret_id: &Secret<String>) -> String {
        self.hash(&[b"secret-id", b"\0", role.as_bytes(), b"\0", secret_id.expose().as_bytes()])
    }

    fn hash(&self, parts: &[&[u8]]) -> String {
        HEXLOWER.encode(&hmac_sha256(self.0.expose(), parts))
    }
}

/// The storage name of a role, whose name is checked already.
pub(super) fn role_place(name: &str) -> String {
    [ROLES, name].concat()
}

/// Where the secret ids of a role are, by their hashes.
pub(super) fn secrets_of(role: &str) -> String {
    [SECRETS, role, "/"].concat()
}

/// Where the accessors of a role's secret ids are.
pub(super) fn accessors_of(role: &str) -> String {
    [ACCESSORS, role, "/"].concat()
}

pub(super) fn secret_place(role: &str, hash: &str) -> String {
    [&secrets_of(role), hash].concat()
}

pub(super) fn accessor_place(role: &str, accessor: &str) -> String {
    [&accessors_of(role), accessor].concat()
}

/// Everything from the first secret id to behind the last, of all roles.
pub(super) const fn all_secrets() -> (&'static str, &'static str) {
    // `0` is the character behind `/`.
    (SECRETS, "secret0")
}

/// The role's own id and the hash in the storage name of a secret id.
pub(super) fn parts_of(place: &str) -> Option<(&str, &str)> {
    place.strip_prefix(SECRETS)?.split_once('/')
}

/// A role, with the entry that it was read from.
pub(super) async fn find_role(view: &View, name: &str) -> Result<Option<(RoleEntry, Stored)>, Error> {
    let Some(stored) = view.get(&role_place(name)).await? else { return Ok(None) };
    Ok(Some((stored.json()?, stored)))
}

/// A secret id that has not expired, with the entry that it was read from.
pub(super) async fn find_secret(
    context: &Context,
    role: &str,
    hash: &str,
) -> Result<Option<(SecretEntry, Stored)>, Error> {
    let Some(stored) = context.view.get(&secret_place(role, hash)).await? else { return Ok(None) };
    let entry: SecretEntry = stored.json()?;
    Ok(Some((entry, stored)).filter(|(entry, _)| !entry.is_expired(context.now())))
}

/// The changes that remove a secret id and its accessor.
pub(super) async fn remove_secret<'v>(
    view: &View,
    changes: ViewChanges<'v>,
    (role, hash): (&str, &str),
    (entry, stored): &(SecretEntry, Stored),
) -> Result<ViewChanges<'v>, Error> {
    let changes = changes.delete(&secret_place(role, hash), stored.revision());
    remove_accessor(view, changes, role, &entry.accessor).await
}

/// The changes that remove an accessor.
pub(super) async fn remove_accessor<'v>(
    view: &View,
    changes: ViewChanges<'v>,
    role: &str,
    accessor: &str,
) -> Result<ViewChanges<'v>, Error> {
    let accessor = accessor_place(role, accessor);
    Ok(match view.get(&accessor).await? {
        Some(known) => changes.delete(&accessor, known.revision()),
        None => changes,
    })
}

/// What is said to whoever names a role that is not there, and may know.
pub(super) fn no_such_role(name: &str) -> Error {
    Error::Invalid(format!("role \"{name}\" does not exist").into())
}

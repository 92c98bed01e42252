//! The storage keys of the core's own entries: `docs/keyspace.md` as code. No other module spells a key.

use data_encoding::BASE64URL_NOPAD;
use framework::{Error, Kind};
use storage::Key;

/// The cluster's identity and the keys of the keyed hashes.
pub(crate) const CLUSTER: Key = Key::constant("core/cluster");
/// The audit devices and what they record of headers; see [`crate::audit_log`].
pub(crate) static AUDIT: Key = Key::constant("core/audit");
/// The folder of the heads of audit chains.
pub(crate) const AUDIT_HEADS: &str = "core/audit-head/";
/// What configurations have put in force; see [`crate::bootstrap`].
pub(crate) static BOOTSTRAP: Key = Key::constant("core/bootstrap");
/// Which origins browsers may call from; see [`crate::browser`].
pub(crate) static CORS: Key = Key::constant("core/cors");
/// The headers of the web interface.
pub(crate) static UI_HEADERS: Key = Key::constant("core/ui-headers");

/// How quotas are applied, and how many there are; see [`crate::quotas`].
pub(crate) static QUOTAS: Key = Key::constant("core/quotas");
/// What a restore leaves for the next unseal; in clear. See [`crate::restored`].
pub(crate) const RESTORED: Key = Key::constant("core/restored");
/// What the tokens of before a restore lack.
pub(crate) const TOKEN_EPOCH: Key = Key::constant("core/token-epoch");

/// The key that signs wrapping tokens in the form of JSON Web Tokens.
pub(crate) const WRAPPING_KEY: Key = Key::constant("core/wrapping-key");

/// A running attempt of a kind; see [`crate::attempts`].
pub(crate) fn attempt(kind: &str) -> Result<Key, Error> {
    key(&["core/attempt/", kind])
}

/// Copies of the new keys of a kind, encrypted to PGP keys.
pub(crate) fn rekey_backup(kind: &str) -> Result<Key, Error> {
    key(&["core/rekey-backup/", kind])
}

/// When the keyring gets a new term by itself.
pub(crate) static ROTATION: Key = Key::constant("core/rotation");

/// The id of the root namespace.
pub const ROOT_NAMESPACE: &str = "root";

/// How many parts the due index has; workers of several nodes share them out.
pub(crate) const DUE_SHARDS: u8 = 16;

fn key(parts: &[&str]) -> Result<Key, Error> {
    Key::new(parts.concat().into_bytes())
        .map_err(|why| Error::Invalid(format!("name is too long to be stored: {why}").into()))
}

/// A version of the program that has run on this store; all of them start as the one without a name does.
pub(crate) fn version(name: &str) -> Result<Key, Error> {
    key(&["core/version/", name])
}

/// How far the chain of a device has come that was begun at `boot`.
pub(crate) fn audit_head(boot: &str, device: &str) -> Result<Key, Error> {
    key(&[AUDIT_HEADS, boot, "/", device])
}

pub(crate) fn namespace_live(ns: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/live"])
}

/// There while a namespace that was deleted is being cleared away.
pub(crate) fn namespace_removing(ns: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/removing"])
}

/// Everything of a namespace.
pub(crate) fn namespace_all(ns: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/"])
}

/// Which namespace is at a path, from the root one, with `/` at its end. What is below it begins with the same bytes.
pub(crate) fn namespace_at(path: &str) -> Result<Key, Error> {
    key(&["core/namespace/", path])
}

/// That the namespace at a path is locked, and those below it.
pub(crate) fn namespace_lock(path: &str) -> Result<Key, Error> {
    key(&["core/namespace-lock/", path])
}

/// Where the quota of a name is.
pub(crate) fn quota_name(kind: &str, name: &str) -> Result<Key, Error> {
    key(&[&quota_names(kind), name])
}

/// The folder of the names of all quotas of a kind.
pub(crate) fn quota_names(kind: &str) -> String {
    ["core/quota/", kind, "/"].concat()
}

/// A quota. `mount` is [`QUOTA_OF_NAMESPACE`] for one of the namespace itself.
pub(crate) fn quota(ns: &str, mount: &str, kind: &str, spot: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/quota/", mount, "/", kind, "/", spot])
}

/// Stands for a mount in the keys of quotas that are of a namespace.
pub(crate) const QUOTA_OF_NAMESPACE: &str = "-";

/// All quotas of a mount.
pub(crate) fn quotas_of_mount(ns: &str, mount: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/quota/", mount, "/"])
}

/// All quotas of a namespace and of what is in it.
pub(crate) fn quotas_of_namespace(ns: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/quota/"])
}

pub(crate) fn mounts_epoch(ns: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/mounts"])
}

pub(crate) fn mount(ns: &str, uuid: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/mount/", uuid])
}

pub(crate) fn mount_live(ns: &str, uuid: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/mount-live/", uuid])
}

/// `path` ends in `/`; auth methods without `auth/` in front.
pub(crate) fn mount_at(ns: &str, kind: Kind, path: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/at/", kind_name(kind), "/", path])
}

/// Which mount has an accessor.
pub(crate) fn mount_accessor(ns: &str, accessor: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/mount-accessor/", accessor])
}

/// What became of a move of a mount.
pub(crate) fn remount(ns: &str, id: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/remount/", id])
}

pub(crate) fn mount_data(ns: &str, uuid: &str) -> String {
    ["ns/", ns, "/data/", uuid, "/"].concat()
}

pub(crate) fn policy(ns: &str, name: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/policy/", name])
}

/// The folder of all policies.
pub(crate) fn policies(ns: &str) -> String {
    ["ns/", ns, "/policy/"].concat()
}

pub(crate) fn password_policy(ns: &str, name: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/password-policy/", name])
}

/// The folder of all password policies.
pub(crate) fn password_policies(ns: &str) -> String {
    ["ns/", ns, "/password-policy/"].concat()
}

pub(crate) fn token(ns: &str, hash: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/token/", hash])
}

/// The folder of all tokens.
pub(crate) fn tokens(ns: &str) -> String {
    ["ns/", ns, "/token/"].concat()
}

/// The folder of which entities stand for others.
pub(crate) fn all_entities_merged(ns: &str) -> String {
    ["ns/", ns, "/entity-merged/"].concat()
}

/// What the keys of all namespaces begin with; an id and a slash follow.
pub(crate) const NAMESPACES: &str = "ns/";

pub(crate) fn token_state(ns: &str, hash: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/token-state/", hash])
}

pub(crate) fn token_uses(ns: &str, hash: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/token-uses/", hash])
}

pub(crate) fn token_child(ns: &str, parent: &str, child: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/token-child/", parent, "/", child])
}

pub(crate) fn accessor(ns: &str, hash: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/accessor/", hash])
}

pub(crate) fn token_role(ns: &str, name: &str) -> Result<Key, Error> {
    key(&[&token_roles(ns), name])
}

pub(crate) fn token_roles(ns: &str) -> String {
    ["ns/", ns, "/token-role/"].concat()
}

pub(crate) fn entity(ns: &str, id: &str) -> Result<Key, Error> {
    key(&[&entities(ns), id])
}

/// The folder of all entities.
pub(crate) fn entities(ns: &str) -> String {
    ["ns/", ns, "/entity/"].concat()
}

/// `folded` as all names of identity are compared: in lower case.
pub(crate) fn entity_name(ns: &str, folded: &str) -> Result<Key, Error> {
    key(&[&entity_names(ns), folded])
}

/// The folder of the names of entities.
pub(crate) fn entity_names(ns: &str) -> String {
    ["ns/", ns, "/entity-name/"].concat()
}

/// That an entity went into another one.
pub(crate) fn entity_merged(ns: &str, into: &str, from: &str) -> Result<Key, Error> {
    key(&[&entities_merged(ns, into), from])
}

/// The folder of those that went into an entity.
pub(crate) fn entities_merged(ns: &str, into: &str) -> String {
    ["ns/", ns, "/entity-merged/", into, "/"].concat()
}

/// The alias that an entity has at a mount.
pub(crate) fn entity_alias(ns: &str, entity: &str, accessor: &str) -> Result<Key, Error> {
    key(&[&entity_aliases(ns, entity), accessor])
}

/// The folder of the aliases of an entity.
pub(crate) fn entity_aliases(ns: &str, entity: &str) -> String {
    ["ns/", ns, "/entity-alias/", entity, "/"].concat()
}

/// Changes with each group that an entity is put into or taken out of.
pub(crate) fn entity_membership(ns: &str, entity: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/entity-membership/", entity])
}

/// That an entity is in a group.
pub(crate) fn entity_group(ns: &str, entity: &str, group: &str) -> Result<Key, Error> {
    key(&[&entity_groups(ns, entity), group])
}

/// The folder of the groups that an entity is in.
pub(crate) fn entity_groups(ns: &str, entity: &str) -> String {
    ["ns/", ns, "/entity-group/", entity, "/"].concat()
}

/// Aliases of entities or of groups; `of` is the word for which.
pub(crate) fn alias(ns: &str, of: &str, id: &str) -> Result<Key, Error> {
    key(&[&aliases(ns, of), id])
}

/// The folder of all aliases of a kind.
pub(crate) fn aliases(ns: &str, of: &str) -> String {
    ["ns/", ns, "/alias/", of, "/"].concat()
}

/// Which alias a name at a mount is.
pub(crate) fn alias_at(ns: &str, of: &str, accessor: &str, folded: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/alias-at/", of, "/", accessor, "/", folded])
}

pub(crate) fn group(ns: &str, id: &str) -> Result<Key, Error> {
    key(&[&groups(ns), id])
}

/// The folder of all groups.
pub(crate) fn groups(ns: &str) -> String {
    ["ns/", ns, "/group/"].concat()
}

pub(crate) fn group_name(ns: &str, folded: &str) -> Result<Key, Error> {
    key(&[&group_names(ns), folded])
}

/// The folder of the names of groups.
pub(crate) fn group_names(ns: &str) -> String {
    ["ns/", ns, "/group-name/"].concat()
}

/// Changes with each group that is put into or taken out of another one.
pub(crate) fn groups_epoch(ns: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/groups"])
}

/// That a group has an entity.
pub(crate) fn group_member(ns: &str, group: &str, entity: &str) -> Result<Key, Error> {
    key(&[&group_members(ns, group), entity])
}

/// The folder of the entities of a group.
pub(crate) fn group_members(ns: &str, group: &str) -> String {
    ["ns/", ns, "/group-member/", group, "/"].concat()
}

/// That a group has another group.
pub(crate) fn group_child(ns: &str, group: &str, child: &str) -> Result<Key, Error> {
    key(&[&group_children(ns, group), child])
}

/// The folder of the groups in a group.
pub(crate) fn group_children(ns: &str, group: &str) -> String {
    ["ns/", ns, "/group-child/", group, "/"].concat()
}

/// That a group is in another group.
pub(crate) fn group_parent(ns: &str, group: &str, parent: &str) -> Result<Key, Error> {
    key(&[&group_parents(ns, group), parent])
}

/// The folder of the groups that a group is in.
pub(crate) fn group_parents(ns: &str, group: &str) -> String {
    ["ns/", ns, "/group-parent/", group, "/"].concat()
}

/// Who issues the tokens of a namespace; see [`crate::oidc`].
pub(crate) fn oidc_config(ns: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/oidc-config"])
}

/// Something named of identity tokens or the OIDC provider; `kind` is the word for what.
pub(crate) fn oidc(ns: &str, kind: &str, name: &str) -> Result<Key, Error> {
    key(&[&oidc_all(ns, kind), name])
}

/// The folder of everything of a kind.
pub(crate) fn oidc_all(ns: &str, kind: &str) -> String {
    ["ns/", ns, "/oidc/", kind, "/"].concat()
}

/// That `user`, which is a `by`, uses the `kind` of this name.
pub(crate) fn oidc_use(ns: &str, kind: &str, name: &str, by: &str, user: &str) -> Result<Key, Error> {
    key(&[&oidc_uses(ns, kind, name, by), user])
}

/// Changes with whatever is published of the keys of a namespace.
pub(crate) fn oidc_keys_epoch(ns: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/oidc-keys"])
}

/// That tokens of `user`, which is a `by`, live so long, which the key of this name signs. Sorted by that.
pub(crate) fn oidc_ttl(ns: &str, name: &str, by: &str, ttl_secs: u64, user: &str) -> Result<Key, Error> {
    key(&[&oidc_ttls(ns, name, by), &format!("{ttl_secs:016x}/"), user])
}

/// The folder of how long tokens live that a key signs.
pub(crate) fn oidc_ttls(ns: &str, name: &str, by: &str) -> String {
    ["ns/", ns, "/oidc-ttl/", name, "/", by, "/"].concat()
}

/// The folder of those that use something.
pub(crate) fn oidc_uses(ns: &str, kind: &str, name: &str, by: &str) -> String {
    ["ns/", ns, "/oidc-use/", kind, "/", name, "/", by, "/"].concat()
}

/// Changes with each login enforcement of a namespace; absent while it has never had one. See [`crate::mfa`].
pub(crate) fn mfa_epoch(ns: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/mfa"])
}

pub(crate) fn mfa_method(ns: &str, id: &str) -> Result<Key, Error> {
    key(&[&mfa_methods(ns), id])
}

/// The folder of all MFA methods.
pub(crate) fn mfa_methods(ns: &str) -> String {
    ["ns/", ns, "/mfa-method/"].concat()
}

/// Which MFA method has a name.
pub(crate) fn mfa_method_name(ns: &str, name: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/mfa-method-name/", name])
}

pub(crate) fn mfa_enforcement(ns: &str, name: &str) -> Result<Key, Error> {
    key(&[&mfa_enforcements(ns), name])
}

/// The folder of all login enforcements.
pub(crate) fn mfa_enforcements(ns: &str) -> String {
    ["ns/", ns, "/mfa-enforcement/"].concat()
}

/// That a login enforcement of the namespace `by` uses an MFA method of `ns`.
pub(crate) fn mfa_use(ns: &str, method: &str, by: &str, enforcement: &str) -> Result<Key, Error> {
    key(&[&mfa_uses(ns, method), by, "/", enforcement])
}

/// The folder of those that use an MFA method.
pub(crate) fn mfa_uses(ns: &str, method: &str) -> String {
    ["ns/", ns, "/mfa-use/", method, "/"].concat()
}

/// What an entity proves itself with.
pub(crate) fn mfa_secret(ns: &str, entity: &str, method: &str) -> Result<Key, Error> {
    key(&[&mfa_secrets(ns, entity), method])
}

/// The folder of what an entity proves itself with.
pub(crate) fn mfa_secrets(ns: &str, entity: &str) -> String {
    ["ns/", ns, "/mfa-secret/", entity, "/"].concat()
}

/// Which codes of a secret were used, and how many wrong ones came.
pub(crate) fn mfa_tries(ns: &str, entity: &str, method: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/mfa-tries/", entity, "/", method])
}

/// That an entity of the namespace `home` has a secret of an MFA method of `ns`.
pub(crate) fn mfa_enrolled(ns: &str, method: &str, home: &str, entity: &str) -> Result<Key, Error> {
    key(&[&mfa_all_enrolled(ns, method), home, "/", entity])
}

/// The folder of those who have a secret of an MFA method.
pub(crate) fn mfa_all_enrolled(ns: &str, method: &str) -> String {
    ["ns/", ns, "/mfa-enrolled/", method, "/"].concat()
}

/// A login that waits for its second factor.
pub(crate) fn mfa_login(ns: &str, hash: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/mfa-login/", hash])
}

/// That a login of an entity waits. Sorted by when it began.
pub(crate) fn mfa_waiting(ns: &str, entity: &str, began: i64, hash: &str) -> Result<Key, Error> {
    key(&[&mfa_all_waiting(ns, entity), &format!("{:016x}/", began.max(0)), hash])
}

/// The folder of an entity's logins that wait.
pub(crate) fn mfa_all_waiting(ns: &str, entity: &str) -> String {
    ["ns/", ns, "/mfa-waiting/", entity, "/"].concat()
}

pub(crate) fn cubbyhole(ns: &str, token: &str) -> String {
    ["ns/", ns, "/cubbyhole/", token, "/"].concat()
}

/// A lease, or an intent that may become one. `name` is its second and the hash of its whole id, `path` what stands in
/// front of the id's last part.
pub(crate) fn lease(ns: &str, path: &str, name: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/lease/", path, "/", name])
}

/// The leases below a path, which is empty or ends in `/`.
pub(crate) fn leases(ns: &str, path: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/lease/", path])
}

/// That a lease goes when its token goes.
pub(crate) fn token_lease(ns: &str, token: &str, name: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/token-lease/", token, "/", name])
}

/// The folder of a token's leases.
pub(crate) fn token_leases(ns: &str, token: &str) -> Result<Key, Error> {
    token_lease(ns, token, "")
}

/// That a lease goes when its mount goes.
pub(crate) fn mount_lease(ns: &str, uuid: &str, name: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/mount-lease/", uuid, "/", name])
}

/// The folder of a mount's leases.
pub(crate) fn mount_leases(ns: &str, uuid: &str) -> Result<Key, Error> {
    mount_lease(ns, uuid, "")
}

/// That a token comes from a login at a mount, and goes when that goes.
pub(crate) fn mount_token(ns: &str, uuid: &str, hash: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/mount-token/", uuid, "/", hash])
}

/// The folder of the tokens that come from a mount.
pub(crate) fn mount_tokens(ns: &str, uuid: &str) -> Result<Key, Error> {
    mount_token(ns, uuid, "")
}

/// How often a user of a mount has failed to log in.
pub(crate) fn login(ns: &str, uuid: &str, user: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/login/", uuid, "/", user])
}

/// The folder of the users of a mount who have failed to log in.
pub(crate) fn logins(ns: &str, uuid: &str) -> Result<Key, Error> {
    login(ns, uuid, "")
}

/// That a lease could not be revoked, and nobody tries any more.
pub(crate) fn irrevocable_lease(ns: &str, name: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/irrevocable/", name])
}

/// When a secret of a mount is rotated, and whether somebody is at it; see [`framework::rotation`].
pub(crate) fn rotation(ns: &str, uuid: &str, name: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/rotation/", uuid, "/", name])
}

/// That rotating a secret failed the last time.
pub(crate) fn rotation_failing(ns: &str, uuid: &str, name: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/rotation-failed/", uuid, "/", name])
}

/// The folder of those that failed the last time.
pub(crate) fn rotations_failing(ns: &str) -> Result<Key, Error> {
    all_of(ns, "rotation-failed")
}

/// A part of a wrapped reply: below the cubbyhole of its token, so that it goes when the token goes.
pub(crate) fn wrapped(ns: &str, token: &str, part: u8) -> Result<Key, Error> {
    key(&["ns/", ns, "/cubbyhole/", token, "/wrapped/", &part.to_string()])
}

/// A line of the due index; see [`crate::due`]. `nanos` before 1970 counts as 1970.
pub(crate) fn due(nanos: i64, ns: &str, kind: &str, id: &str) -> Result<Key, Error> {
    let shard = id.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) % DUE_SHARDS;
    key(&[&format!("due/{shard:02x}/{:016x}/", nanos.max(0)), ns, "/", kind, "/", id])
}

/// A line of the due index that an engine has put there; see [`crate::mounts::due`].
pub(crate) fn due_engine(nanos: i64, ns: &str, uuid: &str, id: &str) -> Result<Key, Error> {
    due(nanos, ns, crate::mounts::due::DUE_KIND, &[uuid, "/", id].concat())
}

/// The first key of a shard of the due index.
pub(crate) fn due_shard(shard: u8) -> Result<Key, Error> {
    key(&[&format!("due/{shard:02x}/")])
}

/// The key behind everything of a shard that is due at `nanos`.
pub(crate) fn due_until(shard: u8, nanos: i64) -> Result<Key, Error> {
    key(&[&format!("due/{shard:02x}/{:016x}/", nanos.max(0).saturating_add(1))])
}

/// All keys of one part of what is stored of tokens: `token`, `token-state`, `accessor` and so on.
pub(crate) fn all_of(ns: &str, part: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/", part, "/"])
}

/// The part of the namespace where fingerprints are; see [`crate::fingerprints`].
pub(crate) const FINGERPRINT: &str = "fingerprint";

/// That the value with this hash is at a path behind that of a mount.
pub(crate) fn fingerprint(ns: &str, hash: &str, uuid: &str, path: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/", FINGERPRINT, "/", hash, "/", uuid, "/", path])
}

/// The folder of the fingerprints of one value.
pub(crate) fn fingerprints(ns: &str, hash: &str) -> Result<Key, Error> {
    key(&["ns/", ns, "/", FINGERPRINT, "/", hash, "/"])
}

/// A prefix of keys.
pub(crate) fn prefix(text: &str) -> Result<Key, Error> {
    key(&[text])
}

/// The words that stored keys and entries use for the kinds.
pub(crate) const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Secrets => "secret",
        Kind::Auth => "auth",
    }
}

/// A keyed hash as part of a key: 43 characters.
pub(crate) fn hash_text(hash: &[u8; 32]) -> String {
    BASE64URL_NOPAD.encode(hash)
}

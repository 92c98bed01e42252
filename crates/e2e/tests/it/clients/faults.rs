//! What can be wrong on the wire, and the behavior that must not be found then.
//!
//! A fault without clients is for all that have the behavior; with clients, the others do not look at what it breaks.
//! Many of them are what re-implementations of the API have really sent.

use e2e::fault::{Damage, Fault};
use e2e::suite::Client::{self, Go, Hvac, NodeVault, Vaultrs};

/// A fault, and who must notice it.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) behavior: &'static str,
    pub(super) fault: Fault,
    /// None in particular: every client that has the behavior.
    pub(super) clients: &'static [Client],
}

impl Known {
    /// Whether this client must notice it, if it has the behavior at all.
    pub(super) fn hits(&self, client: Client) -> bool {
        self.clients.is_empty() || self.clients.contains(&client)
    }
}

/// For every client that has the behavior.
const fn all(behavior: &'static str, path: &'static str, damage: Damage) -> Known {
    some(behavior, path, damage, &[])
}

const fn some(behavior: &'static str, path: &'static str, damage: Damage, clients: &'static [Client]) -> Known {
    Known { behavior, fault: Fault { path, damage }, clients }
}

const CAS_CONFLICT: &str = "check-and-set parameter did not match the current version";
const SPENT_WRAP: &str = "wrapping token is not valid or does not exist";
const HUGE: &str = "12345678901234567890123";

/// Every fault that the suites must notice.
pub(super) const FAULTS: &[Known] = &[
    // The node.
    all("initialize_and_unseal", "sys/unseal", Damage::Set("progress", "0")),
    all("initialize_and_unseal", "sys/init", Damage::Drop("keys_base64")),
    all("sealed_is_down", "", Damage::Status(503, 500)),
    all("sealed_is_down", "", Damage::Swap("Vault is sealed", "down")),
    all("generate_root", "sys/generate-root", Damage::Set("otp_length", "26")),
    all("generate_root", "sys/generate-root/update", Damage::Set("encoded_root_token", "\"\"")),
    all("rekey", "sys/rekey/update", Damage::Drop("keys_base64")),
    all("rekey", "sys/rekey/verify", Damage::Swap("incorrect nonce", "wrong nonce")),
    all("health", "sys/health", Damage::Set("standby", "true")),
    some("health", "sys/health", Damage::Drop("performance_standby"), &[Hvac, NodeVault, Vaultrs]),
    all("seal_status", "sys/seal-status", Damage::Set("t", "\"1\"")),
    all("seal_status", "sys/seal-status", Damage::Set("version", "\"\"")),
    all("leader", "sys/leader", Damage::Set("is_self", "false")),
    all("consistency_headers", "", Damage::Refuse("x-vault-forward", 412)),
    all("consistency_headers", "", Damage::Header("x-vault-index", "")),
    // Mounts and policies.
    all("mounts", "sys/mounts", Damage::Set("options", "null")),
    all("mounts", "sys/mounts", Damage::Swap("path is already in use at", "there is a mount at")),
    some("mounts", "sys/mounts", Damage::Set("default_lease_ttl", "0.0"), &[Vaultrs, Go]),
    some("mounts", "sys/mounts", Damage::Drop("external_entropy_access"), &[Vaultrs]),
    all("mount_tuning", "/tune", Damage::Set("max_lease_ttl", "\"2h\"")),
    all("mount_move", "sys/remount/status", Damage::Set("status", "\"failure\"")),
    all("mount_missing", "sys/mounts/", Damage::Status(400, 404)),
    all("mount_missing", "sys/mounts/", Damage::Swap("No secret engine mount at", "nothing at")),
    all("mount_preflight", "sys/internal/ui/mounts", Damage::Set("version", "2")),
    all("mount_preflight", "sys/internal/ui/mounts", Damage::Status(403, 404)),
    all("auth_methods", "sys/auth", Damage::Drop("accessor")),
    some("policies", "sys/policy", Damage::Drop("rules"), &[Hvac, NodeVault, Vaultrs]),
    some("policies", "sys/policies/acl", Damage::Drop("policy"), &[Hvac, NodeVault, Go]),
    all("user_lockout", "/login/", Damage::Status(403, 400)),
    all("user_lockout", "sys/locked-users", Damage::Set("total", "0")),
    all("rate_limits", "sys/quotas/rate-limit/", Damage::Set("rate", "3.0")),
    all("rate_limits", "", Damage::Status(429, 503)),
    all("capabilities", "sys/capabilities", Damage::Swap("\"deny\"", "\"none\"")),
    all("path_help", "", Damage::Drop("openapi")),
    // Who is behind a token.
    all("userpass", "/login/", Damage::Swap("invalid username or password", "go away")),
    all("userpass", "/login/", Damage::Set("entity_id", "\"\"")),
    all("userpass", "/password", Damage::Pretend),
    all("identity_entities", "identity/entity-alias", Damage::Forget("canonical_id")),
    some("identity_entities", "/login/", Damage::Drop("identity_policies"), &[Hvac, Go]),
    all("identity_entities", "identity/entity/", Damage::Forget("disabled")),
    all("identity_groups", "identity/group", Damage::Forget("member_group_ids")),
    some("identity_groups", "auth/token/lookup-self", Damage::Set("identity_policies", "[]"), &[Hvac, Go]),
    all("identity_merge", "identity/entity/merge", Damage::Pretend),
    all("identity_merge", "identity/entity/id/", Damage::Set("merged_entity_ids", "null")),
    all("approle", "/login", Damage::Swap("invalid role or secret ID", "go away")),
    all("approle", "/login", Damage::Drop("metadata")),
    all("approle", "/role-id", Damage::Forget("role_id")),
    all("approle_secret_ids", "/lookup", Damage::Set("expiration_time", "null")),
    all("approle_secret_ids", "/destroy", Damage::Pretend),
    all("approle_secret_ids", "/secret-id-accessor/lookup", Damage::Status(404, 500)),
    some("approle_secret_ids", "/role/shop", Damage::Forget("secret_id_num_uses"), &[Hvac, NodeVault, Vaultrs]),
    some("approle_secret_ids", "/secret-id", Damage::Forget("num_uses"), &[Go]),
    some("approle_wrapped", "/secret-id", Damage::Drop("wrapped_accessor"), &[Hvac, NodeVault, Go]),
    all("approle_wrapped", "/secret-id", Damage::Ignore("x-vault-wrap-ttl")),
    all("approle_wrapped", "sys/wrapping/unwrap", Damage::Repeat),
    // Tokens.
    all("token_create", "auth/token/create", Damage::Drop("token_policies")),
    all("token_create", "auth/token/create", Damage::Set("lease_duration", "\"1h\"")),
    some("token_create", "auth/token/create", Damage::Drop("warnings"), &[Hvac, NodeVault, Go]),
    all("token_orphan", "auth/token/create", Damage::Set("orphan", "false")),
    all("token_roles", "auth/token/roles/", Damage::Set("allowed_policies", "null")),
    all("token_roles", "auth/token/lookup-self", Damage::Drop("role")),
    all("token_batch", "auth/token", Damage::Swap("\"batch\"", "\"service\"")),
    all("token_periodic", "auth/token/create", Damage::Forget("period")),
    all("token_use_limit", "auth/token/create", Damage::Forget("num_uses")),
    all("token_lookup", "auth/token/lookup", Damage::Drop("entity_id")),
    some("token_lookup", "auth/token/lookup-self", Damage::Drop("expire_time"), &[Hvac, NodeVault, Go]),
    some("token_lookup", "auth/token/lookup", Damage::Set("creation_ttl", "600.0"), &[Vaultrs, Go]),
    all("token_renewal", "auth/token/renew", Damage::Set("auth", "null")),
    all("token_renewal_in_background", "auth/token/renew-self", Damage::Set("auth", "null")),
    all("token_revocation", "auth/token/revoke", Damage::Pretend),
    all("token_unknown", "auth/token/lookup", Damage::Swap("bad token", "no such thing")),
    all("token_unknown", "auth/token/lookup", Damage::Status(403, 404)),
    // Secrets.
    all("kv1", "", Damage::Set("lease_duration", "0")),
    some("kv1", "", Damage::Drop("lease_id"), &[Hvac, NodeVault, Vaultrs]),
    all("kv2_versions", "/data/", Damage::Set("version", "1")),
    all("kv2_check_and_set", "/data/", Damage::Forget("options")),
    all("kv2_check_and_set", "/data/", Damage::Swap(CAS_CONFLICT, "somebody was faster")),
    all("kv2_patch", "/data/", Damage::Ignore("content-type")),
    all("kv2_patch", "/data/", Damage::Method("PATCH", 405)),
    all("kv2_deleted_versions", "/data/", Damage::Bare),
    all("kv2_deleted_versions", "/destroy/", Damage::Pretend),
    all("kv2_metadata", "/metadata/", Damage::Set("delete_version_after", "12319")),
    all("kv2_metadata", "/metadata/", Damage::Set("oldest_version", "0")),
    all("kv2_list", "/metadata", Damage::Set("keys", "[]")),
    some("kv2_list", "/metadata", Damage::Status(404, 200), &[Hvac, NodeVault, Vaultrs]),
    some("kv2_list", "/metadata", Damage::Method("LIST", 405), &[Hvac, NodeVault, Vaultrs]),
    some("kv2_list", "/metadata", Damage::ForgetQuery, &[Hvac, NodeVault, Go]),
    all("kv2_scan", "/metadata", Damage::Method("SCAN", 405)),
    all("kv2_scan", "/metadata", Damage::ForgetQuery),
    all("kv2_configuration", "/config", Damage::Set("delete_version_after", "0")),
    all("kv2_subkeys", "/subkeys/", Damage::ForgetQuery),
    all("kv_missing", "", Damage::Status(404, 400)),
    some("kv_missing", "", Damage::Status(404, 200), &[Hvac, NodeVault, Vaultrs]),
    some("kv_missing", "", Damage::Set("errors", "\"\""), &[Hvac, NodeVault, Vaultrs]),
    all("kv_values_survive", "/values", Damage::Set("exact", "0.10000000000000002")),
    some("kv_values_survive", "/values", Damage::Swap(HUGE, "1.2345678901234568e22"), &[Hvac, Vaultrs, Go]),
    // Wrapping.
    all("wrap_and_unwrap", "", Damage::Ignore("x-vault-wrap-ttl")),
    all("wrap_and_unwrap", "", Damage::Drop("wrap_info")),
    all("wrap_token", "auth/token/create", Damage::Drop("wrapped_accessor")),
    all("wrap_lookup", "sys/wrapping/lookup", Damage::Set("creation_path", "\"\"")),
    some("wrap_lookup", "sys/wrapping/lookup", Damage::Set("creation_ttl", "300.0"), &[Hvac, Vaultrs, Go]),
    all("rewrap", "sys/wrapping/rewrap", Damage::Drop("wrap_info")),
    all("unwrap_once", "sys/wrapping/unwrap", Damage::Repeat),
    all("unwrap_once", "sys/wrapping", Damage::Swap(SPENT_WRAP, "gone")),
    all("wrap_data", "sys/wrapping/wrap", Damage::Ignore("x-vault-wrap-ttl")),
    all("cubbyhole", "cubbyhole/note", Damage::Repeat),
    all("tools_random", "sys/tools/random", Damage::Repeat),
    all("tools_hash", "sys/tools/hash", Damage::Forget("format")),
    // Namespaces, leases and audit devices.
    all("namespaces", "", Damage::Ignore("x-vault-namespace")),
    all("namespaces", "sys/mounts", Damage::Swap("namespace not found", "permission denied")),
    all("token_leases", "sys/leases/lookup", Damage::Set("renewable", "false")),
    all("token_leases", "revoke-prefix", Damage::Pretend),
    all("audit_devices", "sys/audit-hash", Damage::Swap("hmac-sha256:", "")),
    all("audit_devices", "sys/audit/", Damage::Forget("description")),
    // Refusals.
    all("permission_denied", "", Damage::Set("errors", "\"permission denied\"")),
    all("permission_denied", "", Damage::Status(403, 401)),
    some("permission_denied", "", Damage::Header("content-type", "application/json; charset=utf-8"), &[Hvac]),
    all("unknown_route", "", Damage::Swap("no handler for route", "nothing at")),
    all("unsupported_operation", "", Damage::Status(405, 404)),
];

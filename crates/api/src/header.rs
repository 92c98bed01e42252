//! Names of the HTTP headers of the Vault API, in lower case as HTTP/2 wants them (names are compared without case).

/// The caller's token. Wins over `Authorization: Bearer`.
pub const TOKEN: &str = "x-vault-token";
/// `true` on every request of an SDK; agents may insist on it, since a forged cross-site request cannot set it.
pub const REQUEST: &str = "x-vault-request";
/// The namespace that the path is relative to; echoed in the reply.
pub const NAMESPACE: &str = "x-vault-namespace";
/// Asks for the reply to be wrapped; integer seconds or a duration.
pub const WRAP_TTL: &str = "x-vault-wrap-ttl";
/// `jwt` for a wrapping token in that form.
pub const WRAP_FORMAT: &str = "x-vault-wrap-format";
/// `<method>[:<passcode>]` of one login MFA method; repeatable.
pub const MFA: &str = "x-vault-mfa";
/// Asks a standby to redirect instead of forwarding.
pub const NO_REQUEST_FORWARDING: &str = "x-vault-no-request-forwarding";
/// The state that the caller has seen; repeatable, in both directions.
pub const INDEX: &str = "x-vault-index";
/// What to do when a node has not seen that state.
pub const INCONSISTENT: &str = "x-vault-inconsistent";
/// `active-node` asks for forwarding.
pub const FORWARD: &str = "x-vault-forward";
/// Overrides a policy that allows it.
pub const POLICY_OVERRIDE: &str = "x-vault-policy-override";
/// Bound into the signature of an AWS login.
pub const AWS_IAM_SERVER_ID: &str = "x-vault-aws-iam-server-id";
/// The answering host's name, when switched on.
pub const HOSTNAME: &str = "x-vault-hostname";
/// Text of an error in a reply that is not JSON.
pub const RAW_ERROR: &str = "x-vault-raw-error";

/// The content type of every JSON reply, exactly so: some clients compare the whole header.
pub const JSON: &str = "application/json";
/// The content type that a `PATCH` must have (RFC 7396).
pub const MERGE_PATCH: &str = "application/merge-patch+json";

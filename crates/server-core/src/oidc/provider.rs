//! The OpenID Connect provider (Vault's documentation, “OIDC identity provider”): applications let people log in here, by
//! the authorization code flow (RFC 6749 §4.1, OpenID Connect Core §3.1).
//!
//! A browser never comes here itself: whoever has a Vault token asks for a code, and whoever shows the login page takes it
//! to the application. What an application gets is no Vault token, and opens nothing but `userinfo`. What was decided
//! when the code was made is decided again when it is exchanged, and when the access token is used: the entity, the
//! assignments and the client may have changed.

pub(super) mod access;
pub(super) mod assignments;
pub(super) mod authorize;
pub(super) mod clients;
pub(super) mod codes;
pub(super) mod entry;
pub(super) mod exchange;
pub(super) mod providers;
pub(super) mod redirect;
pub(super) mod refusal;
pub(super) mod scopes;

#[cfg(test)]
mod tests;

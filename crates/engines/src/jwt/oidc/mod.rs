//! Logins in a browser (OpenID Connect Core §3.1): `oidc/auth_url` says where to send it, the provider sends it back, and
//! `oidc/callback` turns what it brings into a token.
//!
//! Nothing is kept of a login that has begun: its state says it all, under a MAC, so that anybody may begin as many as
//! they like and any node may finish one. What ends a login is stored in the commit that makes its token, so that a state
//! is good for one; and nothing is stored for anybody whom the provider does not know or the role does not let in.
//!
//! Where the role says so (`callback_mode=direct`, as OpenBao has it), the provider sends the browser to this server
//! itself, and the client, which may be on another machine, asks `oidc/poll` meanwhile.

mod auth_url;
mod begun;
mod callback;
mod confirmation;
mod exchange;
mod finished;
mod poll;

pub(super) use auth_url::path as auth_url;
pub(super) use callback::path as callback;
pub(super) use finished::expire;
pub(super) use poll::path as poll;

/// How long a login may take from its beginning to its end (documented Vault time), in seconds.
const LOGIN_SECS_MAX: i64 = 600;

/// How a provider has the browser post what it gives it (OAuth 2.0 Form Post Response Mode).
const FORM_POST: &str = "form_post";

/// What Vault's web interface looks for in front of its errors.
const FAILED: &str = "Vault login failed.";
const NOT_VERIFIED: &str = "Token verification failed.";
/// Documented Vault text.
const NOT_CONFIGURED: &str = "OIDC login is not configured for this mount";

//! Tokens that others have signed (the behavior of Vault's JWT/OIDC auth method): whoever shows one that the mount's keys
//! verify, and whose claims are those of a role, gets a token with the role's policies. Mounted as `jwt` and as `oidc`,
//! which is the same method.
//!
//! Whom to ask for keys is the operator's word alone: nothing that a token says makes the server ask anybody. Keys are
//! kept in memory, fetched again when they do not verify, and that at most once in ten seconds for each source, however
//! many tokens come.

use std::sync::Arc;

use framework::{Engine, Error, Mounted};

use crate::builtin::{self, Options};

mod bounds;
mod claims;
mod config;
mod entry;
mod login;
mod oidc;
mod provider;
mod role_fields;
mod roles;
mod token;

use provider::Providers;

const HELP: &str = "\
JSON Web Tokens of others. config says whose signatures count: those of the keys at a URL, of an OpenID provider, or \
written down. A role below role/ says which claims a token must have and what its owner gets; login takes the token.";

/// What the method holds in memory: the keys of providers, which are found again when they are gone.
pub(crate) struct Jwt {
    providers: Providers,
}

/// The method as type `jwt`, for one mount or many. It has no options.
///
/// # Errors
/// Never while its table is sound.
pub fn make_jwt(_: &Options) -> Result<Arc<dyn Mounted>, Error> {
    make("jwt")
}

/// The same as type `oidc`.
///
/// # Errors
/// Never while its table is sound.
pub fn make_oidc(_: &Options) -> Result<Arc<dyn Mounted>, Error> {
    make("oidc")
}

fn make(type_name: &'static str) -> Result<Arc<dyn Mounted>, Error> {
    let browsers = [oidc::auth_url(), oidc::callback(), oidc::poll()];
    let engine = Engine::auth(type_name, HELP)
        .paths([config::path(), roles::list(), roles::item(), login::path()])
        .paths(browsers)
        .on_due(oidc::expire)
        .on_renewal(login::renew);
    builtin::mount(engine, Jwt { providers: Providers::default() })
}

#[cfg(test)]
mod tests;

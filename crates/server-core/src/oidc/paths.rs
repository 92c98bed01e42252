//! The rows of `identity/oidc/`: who issues tokens, the keys and roles of identity tokens, the tokens themselves, and what
//! is published for those who verify them; then the provider with its clients, assignments and scopes, and its flow.

use framework::Path;

use super::Oidc;

mod assignment;
mod client;
mod config;
mod flow;
mod key;
mod provider;
mod role;
mod scope;
mod token;
mod well_known;

/// All rows.
pub(crate) fn all() -> Vec<Path<Oidc>> {
    let tokens = [config::paths(), key::paths(), role::paths(), token::paths(), well_known::paths()];
    let login = [scope::paths(), assignment::paths(), client::paths(), provider::paths(), flow::paths()];
    tokens.into_iter().chain(login).flatten().collect()
}

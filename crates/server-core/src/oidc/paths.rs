//! The rows of `identity/oidc/`: who issues tokens, the keys and roles of identity tokens, the tokens themselves, and what
//! is published for those who verify them.

use framework::Path;

use super::Oidc;

mod config;
mod key;
mod role;
mod token;
mod well_known;

/// All rows.
pub(crate) fn all() -> Vec<Path<Oidc>> {
    [config::paths(), key::paths(), role::paths(), token::paths(), well_known::paths()].into_iter().flatten().collect()
}

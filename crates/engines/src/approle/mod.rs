//! Roles of machines (the behavior of Vault's AppRole method). Whoever knows a role's id and one of its secret ids gets
//! a token with the role's policies.
//!
//! Secret ids are stored as keyed hashes alone, so nobody reads one from the store. A use of a secret id that is counted
//! is taken away in a commit before the reply: of two logins by the last use one gets in. Whoever logs in must not learn
//! whether a role exists: nobody's role id and a wrong secret id cost the same reads and are told the same.

use std::sync::Arc;

use framework::{Engine, Error, Mounted};

use crate::builtin::{self, Options};

mod bounds;
mod entry;
mod issue;
mod login;
mod lookup;
mod role_fields;
mod role_id;
mod roles;
mod settings;
mod sweep;

const HELP: &str = "\
Roles of machines. A role is made below role/ with the policies of its tokens. It has a role id, which is read at \
role/<name>/role-id, and secret ids, which are made at role/<name>/secret-id; both together log in at login.";

/// What a mount of the method holds in memory: nothing.
pub(crate) struct AppRole;

/// The method, for one mount or many. It has no options.
///
/// # Errors
/// Never while its table is sound.
pub fn make(_: &Options) -> Result<Arc<dyn Mounted>, Error> {
    let engine = Engine::auth("approle", HELP)
        .paths([roles::list(), roles::item(), role_id::path()])
        .paths(settings::paths())
        .paths([issue::generated(), issue::custom()])
        .paths(lookup::paths())
        .paths([sweep::tidy(), login::path()])
        .on_due(sweep::run)
        .on_renewal(login::renew);
    builtin::mount(engine, AppRole)
}

#[cfg(test)]
mod tests;

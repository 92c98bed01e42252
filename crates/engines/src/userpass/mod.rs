//! Users with passwords (the behavior of Vault's userpass auth method). A password is stored as its bcrypt hash alone.
//!
//! Whoever logs in must not learn whether a user exists: a login for nobody costs the same hash. Hashing is done by a
//! few blocking threads with a bounded queue, so that logins cannot take a node's workers away from everybody else.

use std::sync::Arc;

use framework::{Engine, Error, Mounted};

use crate::builtin::{self, Options};

mod entry;
mod hashing;
mod login;
mod users;

use hashing::Hashing;

const HELP: &str = "\
Users with passwords. A user is made below users/ with a password and the policies of the user's tokens, and logs in
at login/ with the password.";

/// What a mount of the method holds: nothing but the threads that hash.
pub(crate) struct Userpass {
    hashing: Hashing,
}

/// The method, for one mount or many. It has no options.
///
/// # Errors
/// Never while its table is sound.
pub fn make(_: &Options) -> Result<Arc<dyn Mounted>, Error> {
    with(Hashing::new(hashing::COST))
}

fn with(hashing: Hashing) -> Result<Arc<dyn Mounted>, Error> {
    let paths = [users::list(), users::item(), users::password(), users::policies(), login::path()];
    let engine = Engine::auth("userpass", HELP).paths(paths).on_renewal(login::renew);
    builtin::mount(engine, Userpass { hashing })
}

#[cfg(test)]
mod tests;

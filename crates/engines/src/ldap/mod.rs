//! People of a directory (the behavior of Vault's LDAP method). Who somebody is, and in which groups, the directory
//! says; what users and groups are allowed is mapped here, or by groups of identity.
//!
//! Whatever somebody types is escaped before it becomes a part of a filter or of a distinguished name, and an empty
//! password never reaches the directory. An unknown name and a wrong password are told alike and ask the directory as
//! often. A password is kept nowhere: a renewal asks the directory about the user with the name and password of the
//! mount.

use std::sync::Arc;

use framework::{Engine, Error, Mounted};

use crate::builtin::{self, Options};

mod config;
mod config_fields;
mod directory;
mod entry;
mod login;
mod mapped;
mod person;
mod settings;
mod template;

use directory::Directories;

const HELP: &str = "\
People of a directory. The directory and where it keeps people and groups are written to config. Policies of groups and \
users are mapped below groups/ and users/. A user logs in at login/ with the password that the directory knows.";

/// What the method holds in memory: connections to the directories of its mounts.
pub(crate) struct Ldap {
    directories: Directories,
}

/// The method, for one mount or many. It has no options.
///
/// # Errors
/// Never while its table is sound.
pub fn make(_: &Options) -> Result<Arc<dyn Mounted>, Error> {
    let engine = Engine::auth("ldap", HELP)
        .paths([config::path()])
        .paths(mapped::paths())
        .paths([login::path()])
        .on_renewal(login::renew);
    builtin::mount(engine, Ldap { directories: Directories::new() })
}

#[cfg(test)]
mod tests;

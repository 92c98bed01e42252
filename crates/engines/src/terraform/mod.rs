//! Tokens of Terraform Cloud, HCP Terraform and Terraform Enterprise (the behavior of Vault's Terraform Cloud secrets
//! engine). Tokens of users, and the many of a team, are made for one caller and are leases; an organization has one
//! token, and so has a team without descriptions, which are kept and handed out until they are rotated.
//!
//! What is about to be made is announced first, so that whatever becomes of the request no token lives on that nobody
//! knows. No token stands in an error, and the process's environment is never asked for one.

use std::sync::Arc;
use std::time::Duration;

use framework::{Engine, Error, Mounted, SecretKind};

use crate::builtin::{self, Options};
use crate::clients::Clients;

mod config;
mod creds;
mod entry;
mod find;
mod role_fields;
mod roles;
mod root;
mod saas;
mod single;

const HELP: &str = "\
Tokens of Terraform Cloud. The token that makes the others, and where, is written to config. A role below role/ names an \
organization, a team or a user; creds/ hands out its token: for users and teams a new one that ends with its lease, for an \
organization the one that it has.";

/// How long one question may take. Revoking a lease has half a minute for all that it asks.
const QUESTION_TIME_MAX: Duration = Duration::from_secs(10);
/// What is written of an intent and of a lease stays readable under these names.
const LENT: &str = "terraform_token";
const SINGLE: &str = "single_token";
const ROOT: &str = "root_token";

/// What the engine holds in memory: connections.
pub(crate) struct Terraform {
    clients: Clients,
}

/// The engine, for one mount or many. It has no options.
///
/// # Errors
/// Never while its table is sound.
pub fn make(_: &Options) -> Result<Arc<dyn Mounted>, Error> {
    let engine = Engine::secrets("terraform", HELP)
        .paths([config::path(), root::path(), roles::list(), roles::item(), creds::path(), single::path()])
        .secret(SecretKind::new(LENT, creds::revoke).undo(creds::undo).limits(creds::limits))
        .secret(SecretKind::new(SINGLE, never_lent).undo(single::undo))
        .secret(SecretKind::new(ROOT, never_lent).undo(root::undo));
    builtin::mount(engine, Terraform { clients: Clients::patient(QUESTION_TIME_MAX) })
}

/// What is kept here is never a lease.
async fn never_lent(_: &Terraform, _: &framework::Context, _: framework::Held) -> Result<(), Error> {
    Err(Error::world("revoke a token", "it was never lent"))
}

#[cfg(test)]
mod tests;

//! Clients that show a TLS certificate (the behavior of Vault's cert method). A role trusts authorities, or one certificate
//! that is no authority's, and says what a certificate has to have beside being from there.
//!
//! The listener has asked for the certificate and has seen that the client has its key; everything else is decided here.
//! Nothing that a certificate says counts before a role has trusted it, or somebody whom the role trusts has signed it.
//! What is asked of others, revocation lists and OCSP responders, is bounded in time and size and never believed unsigned
//! where it is signed.

use std::sync::Arc;

use framework::{Engine, Error, Mounted};

use crate::builtin::{self, Options};

mod bounds;
mod certs;
mod config;
mod constraints;
mod crls;
mod entry;
mod fields;
mod find;
mod login;
mod outside;
mod revocation;

use outside::Outside;

const HELP: &str = "\
Clients that show a TLS certificate. A role is made below certs/ with the certificate of an authority, or of the one client \
that it is for, and the policies of its tokens. Whoever shows a fitting certificate logs in at login, with the role's name \
or without. Revocation lists are kept below crls/.";

/// What the method holds in memory: connections to the outside, and what responders have said.
pub(crate) struct Cert {
    outside: Outside,
}

/// The method, for one mount or many. It has no options.
///
/// # Errors
/// Never while its table is sound.
pub fn make(_: &Options) -> Result<Arc<dyn Mounted>, Error> {
    let engine = Engine::auth("cert", HELP)
        .paths([certs::list(), certs::item(), config::path(), crls::list(), crls::item(), login::path()])
        .on_due(crls::refetch)
        .on_renewal(login::renew);
    builtin::mount(engine, Cert { outside: Outside::default() })
}

#[cfg(test)]
mod tests;

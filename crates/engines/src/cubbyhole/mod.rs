//! The cubbyhole: secrets that belong to one token, gone when it is revoked, out of reach for everybody else.
//!
//! The core gives each request a view of the caller's own entries, alive as long as the token is; nothing here may
//! reach beyond it. The behavior is KV version 1's, without leases.

use std::sync::Arc;

use framework::{Engine, Error, Mounted};

use crate::builtin::{self, Options};
use crate::flat::{self, Owner};

const HELP: &str = "\
The cubbyhole keeps secrets that belong to the token that stored them. No other token can read them, a root token
neither, and they are gone when the token expires or is revoked.";

/// The engine, for the one mount that every namespace has of it. It has no options.
///
/// # Errors
/// Never while its table is sound.
pub fn make(_: &Options) -> Result<Arc<dyn Mounted>, Error> {
    builtin::mount(Engine::secrets("cubbyhole", HELP).paths([flat::item()]), Owner::Token)
}

#[cfg(test)]
mod tests;

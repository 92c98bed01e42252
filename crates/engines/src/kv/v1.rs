//! KV version 1: one JSON object under each path; writing replaces it.

use std::sync::Arc;

use framework::{Engine, Error, Mounted};

use crate::builtin;
use crate::flat::{self, Owner};

const HELP: &str = "\
KV version 1 stores a JSON object under each path. Writing replaces the whole object, and nothing of the old one is
kept. A read tells for how long the secret may be taken as fresh: what the object says itself under `ttl`, else the
mount's default.";

/// The engine.
///
/// # Errors
/// Never while its table is sound.
pub fn make() -> Result<Arc<dyn Mounted>, Error> {
    builtin::mount(Engine::secrets("kv", HELP).paths([flat::item()]), Owner::Mount)
}

#[cfg(test)]
mod tests;

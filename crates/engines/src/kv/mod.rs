//! The KV secrets engine: JSON objects under paths. Version 1 keeps one object, version 2 keeps several versions of
//! each. The public behavior is that of Vault's engine of the same name; the stored layout is in `docs/keyspace.md`.

use std::sync::Arc;

use framework::{Error, Mounted};

use crate::builtin::Options;

pub mod v1;
pub mod v2;

/// The engine for a mount: its option `version` is `1`, which is also the default, or `2`.
///
/// # Errors
/// [`Error::Invalid`] for any other version.
pub fn make(options: &Options) -> Result<Arc<dyn Mounted>, Error> {
    match options.get("version").map_or("1", String::as_str) {
        "" | "1" => v1::make(),
        "2" => v2::make(),
        _ => Err(Error::invalid("the option \"version\" of a kv mount must be \"1\" or \"2\"")),
    }
}

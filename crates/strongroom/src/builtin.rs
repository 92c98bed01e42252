//! The engines of this program: one line each.

use server_core::EngineType;

/// Every engine type, those that the core mounts itself included.
pub(crate) fn engines() -> Vec<EngineType> {
    engines::builtin().iter().map(|it| EngineType { name: it.type_name, kind: it.kind, make: it.make }).collect()
}

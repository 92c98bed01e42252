//! The secrets engines and auth methods that are light enough to share a crate: one folder each, and one line each in [`mod@builtin`].
//!
//! An engine is a table of paths with handlers and knows neither the core, nor HTTP, nor another engine. What two of
//! them share is a module of its own here.

pub mod approle;
pub mod builtin;
pub mod cert;
mod clients;
pub mod cubbyhole;
mod flat;
pub mod genesyscloud;
pub mod jwt;
pub mod kubernetes;
pub mod kv;
pub mod ldap;
mod names;
mod secrets;
pub mod terraform;
pub mod userpass;

#[cfg(test)]
mod golden;

pub use builtin::{Builtin, builtin};

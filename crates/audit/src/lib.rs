//! Audit devices: what is written about each request and its answer, and where it goes.
//!
//! A record is formatted once for each device, because each hashes values under a salt of its own; the device takes it
//! into a bounded spool, and a thread of its own writes what has come together in one go. So a device that stands still
//! holds up nobody but those who wait for it, and nobody waits for it as long as another device takes the record. Each
//! record is chained to the one before; see [`api::audit`].
//!
//! Nothing here decides who may do what, reads the store, or keeps a value in clear: strings are hashed unless an
//! operator has exempted their key.

mod chain;
mod device;
mod json;
mod receipt;
pub mod record;
mod redact;
mod relay;
mod settings;
mod sinks;
mod spool;
mod writer;

pub use chain::Key;
pub use device::{Device, Head};
pub use receipt::Receipt;
pub use redact::Hasher;
pub use relay::{Relay, Runner};
pub use settings::{OptionError, Rules, Settings, shown};
pub use spool::Backlog;

//! Wire types that the server and its clients share: envelopes, error bodies, durations, times, JSON.
//!
//! What is here says how something looks on the wire, and nothing about what it means. It must never know about async,
//! storage or the server, so that a client can use it alone. Types that carry credentials have no `Debug`.

pub mod audit;
pub mod duration;
pub mod header;
pub mod json;
pub mod reply;
pub mod status;
mod timestamp;

pub use timestamp::{Timestamp, TimestampError};

/// The version of the Vault API that this workspace implements. Clients read it as semver and choose features by it,
/// so it has no build metadata.
pub const API_VERSION: &str = "1.21.4";

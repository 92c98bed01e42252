//! The subjects: one file each, all of one shape, listed with their rows in [`crate::budgets`].

pub mod audit;
pub mod build;
mod cold;
pub mod cores;
pub mod overload;
pub mod read;
pub mod size;
pub mod tls;
pub mod write;

/// Connections of the loads that are about processor time.
pub(crate) const CONNECTIONS: usize = 32;
/// Connections of a load that is more than the server can take.
pub(crate) const CROWD: usize = 1_000;
/// A read of the secret that every server of [`crate::servers`] has.
pub(crate) const READ: &str = "/v1/kv/data/app/read";

//! The subjects: one file each, all of one shape, listed with their rows in [`crate::budgets`].

use anyhow::{Context as _, Result, ensure};
use serde::de::DeserializeOwned;

use crate::cores::Cores;
use crate::servers::{Ours, beside_us};

pub mod audit;
pub mod build;
mod cold;
pub mod cores;
pub mod leases;
pub mod logins;
pub mod overload;
pub mod read;
pub mod size;
mod skew;
mod starts;
pub mod tenants;
pub mod tls;
pub mod write;

/// Connections of the loads that are about processor time.
pub(crate) const CONNECTIONS: usize = 32;
/// Connections of a load that is more than the server can take.
pub(crate) const CROWD: usize = 1_000;
/// A read of the secret that every server of [`crate::servers`] has.
pub(crate) const READ: &str = "/v1/kv/data/app/read";

/// Has `bin/population.rs` do something with the store of a server that is down; what it says that took.
fn populated<T: DeserializeOwned>(ours: &Ours, cores: Cores, words: &[&str]) -> Result<T> {
    let mut command = cores.command();
    command.arg(beside_us("population")?).arg(ours.home.data());
    let output = command.args([&ours.keys.unseal_key, &ours.keys.root_token]).args(words).output()?;
    ensure!(output.status.success(), "population {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).with_context(|| format!("population {words:?} says nothing"))
}

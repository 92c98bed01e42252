//! Stand-ins for what Strongroom asks over the network: faithful in what they answer, with faults that a test switches on.
//! For development only. They know nothing of ours, so that both sides cannot agree on the same mistake.

mod chance;
mod clock;
mod faults;
pub mod genesys;
mod http;
pub mod kubernetes;
mod limits;
mod stops;
pub mod terraform_cloud;

pub use faults::{Fault, Rule};
pub use stops::{Stage, Stop};

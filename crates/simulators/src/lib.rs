//! Stand-ins for what Strongroom asks over the network: faithful in what they answer, with faults that a test switches on.
//! For development only. They know nothing of ours, so that both sides cannot agree on the same mistake.

mod http;
pub mod kubernetes;

pub use http::Fault;

//! X.509 as far as a server needs it that clients show certificates to (RFC 5280): what a [`Certificate`] says, which
//! [`chain`]s lead from it to the authorities that somebody trusts, what a revocation list ([`crl`]) names, and what an
//! OCSP responder answers ([`ocsp`]).
//!
//! Not webpki's rules: it takes no authority and no certificate of version 1 for a client, and names no reason that an
//! operator could act on. Only its verified signatures are used. A crate of its own because strangers write every byte that
//! is read here, and nothing else should have to know how: it does no I/O, knows no clock and trusts nobody by itself.

pub mod certificate;
pub mod chain;
mod constraints;
pub mod crl;
mod der;
mod extensions;
pub mod name;
pub mod ocsp;
pub mod pem;
mod serial;
pub mod signature;
mod text;
mod time;

pub use certificate::Certificate;
pub use chain::{Chains, Untrusted};
pub use crl::RevocationList;
pub use name::Name;
pub use serial::Serial;
pub use signature::PublicKey;

/// The bytes are not what they should be: DER (X.690) of the expected form. Says nothing of where, since a stranger may
/// have written them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("malformed or unsupported DER")]
pub struct Malformed;

#[cfg(test)]
mod tests;

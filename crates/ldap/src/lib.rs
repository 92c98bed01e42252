//! Asking a directory: the small part of LDAP (RFC 4511) that a login needs. Connect, perhaps StartTLS, bind with a
//! name and a password, search, page by page if need be.
//!
//! A directory is somebody else's: whatever it sends is bounded, and nothing that it sends makes this crate wait for
//! ever or allocate without end. Names that people type go into filters and names escaped alone, by [`filter::escape`]
//! and [`dn::escape`]. A bind without a password, which many directories answer with success for anybody
//! (RFC 4513 §5.1.2), cannot be asked for here.

mod ber;
mod connection;
pub mod dn;
mod error;
pub mod filter;
mod message;
pub mod standin;
mod tls;
mod url;

pub use connection::{Connection, Limits};
pub use error::{Error, UnderstandError};
pub use filter::Filter;
pub use message::{Dereference, Entry, Scope, Search};
pub use rustls::ClientConfig;
pub use tls::{Tls, TlsError, TlsVersion};
pub use url::{Url, UrlError};

/// Whether the first bytes are a message that a directory may send. What a connection reads goes the same way; this is for
/// looking for what it does not stand.
#[must_use]
pub fn is_message(bytes: &[u8]) -> bool {
    let whole = ber::frame(bytes).ok().flatten().and_then(|length| bytes.get(..length));
    whole.is_some_and(|whole| message::read(whole).is_ok())
}

#[cfg(test)]
mod testing;

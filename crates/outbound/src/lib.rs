//! Asking the outside: the one HTTP client of engines and of the core, over TLS settings of our own.
//!
//! What answers is not trusted. Each call is bounded in time, each answer in bytes; redirects are refused, so that a
//! request goes where the operator has said and nowhere else; an error tells what failed, and never holds a body, a
//! header, a query or the credentials of a URL. HTTP/1.1 alone is spoken: every provider does, and a connection then
//! holds one answer at a time.

pub mod client;
pub mod proxies;
pub mod tls;

pub use client::{Answer, Client, Error, Request, Settings, Url, chain, form, parse_url, shown};
pub use proxies::Proxies;
pub use tls::{TlsError, Trust};

//! The front door of the Vault API: turns HTTP into [`framework::Request`], asks an `Arc<dyn framework::Service>`, and
//! turns the answer into HTTP.
//!
//! A [`Listener`] owns one socket with its TLS, limits and time-outs. Which status and body an outcome has is decided
//! in one table, `status`. This crate knows no engine, no mount and no policy; it must never look into the data that
//! it carries, and never write a path, a token or a body to the log.

mod admission;
mod begun;
mod body;
mod config;
mod connection;
mod cors;
mod door;
mod error;
mod form;
mod forwarded;
mod head;
mod ids;
mod listener;
mod outgoing;
mod page;
mod path;
mod proxy;
mod response;
mod room;
mod seldom;
mod socket;
mod status;
mod stream;
mod tls;
mod unix;
mod watchdog;

pub use admission::{Admission, AdmissionLimits};
pub use config::{
    CertificateDecoder, ClientCertificateHeader, ClientCertificates, CustomHeader, Endpoint, ForwardedFor, Limits,
    ListenerConfig, ProxyBehavior, ProxyProtocol, Statuses, Timeouts, TlsConfig, TlsVersion, UnixEndpoint,
};
pub use error::Error;
pub use forwarded::{Network, NetworkError};
pub use listener::{Handle, Listener};
pub use path::{PathError, decode as decode_path};
pub use proxy::{ProxyHeader, read as read_proxy_header};

#[cfg(test)]
mod golden;

//! The HTTP client of the Vault API, for the command line, the agent and tests.
//!
//! [`Config`] says where the server is and who calls, usually from the environment; [`Client`] has one method per kind
//! of call and keeps to what the usual clients do: `PUT` writes, `GET ?list=true` lists, a few retries, one redirect
//! that keeps the token, and a 404 that means “nothing there”. It must never use a crate of the server, so that
//! whatever works here works from outside.

mod client;
mod config;
mod curl;
mod error;
mod index;
mod location;
mod pace;
mod rights;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod tls;
mod untrusted;

pub use client::{Client, Reply, Request};
pub use config::{Config, ConfigError, Description, Tls, variable};
pub use error::{ApiError, Error};
pub use pace::Rate;
pub use reqwest::Method;
pub use rights::policy;
pub use tls::TlsError;
pub use untrusted::Untrusted;

/// The longest reply that is read, in bytes: a list of a million names fits.
pub const REPLY_BYTES_MAX: usize = 128 * 1024 * 1024;

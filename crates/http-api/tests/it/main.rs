//! The listener over real sockets, with a stand-in for the core behind it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what surprises a test ends it")]

mod bounds;
mod browsers;
mod http2;
mod overload;
mod proxies;
mod rig;
mod streams;
mod tls;
mod unix;
mod wire;

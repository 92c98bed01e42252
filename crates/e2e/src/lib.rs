//! What the end-to-end tests stand on: the real binary as a child process, a plain HTTP client, and isolation.
//!
//! It builds nothing: the binary is found by `STRONGROOM_BIN`, or under `target/`. It ends only the processes that it
//! started itself, listens on loopback only, and must never link the server: what is tested is what is shipped.

pub mod binary;
pub mod chance;
pub mod curl;
pub mod deadline;
pub mod development;
pub mod directory;
pub mod fault;
pub mod http;
pub mod interpose;
pub mod isolation;
pub mod memory;
pub mod operator;
pub mod process;
pub mod proxy;
pub mod server;
pub mod small_disk;
pub mod suite;

/// Says that a test could not run, and why. The gate counts these lines.
#[expect(clippy::print_stdout, reason = "the gate reads it from the test's output")]
pub fn skip(what: &str, why: &str) {
    println!("\nSKIPPED {what}: {why}");
}

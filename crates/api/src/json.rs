//! JSON as this API reads and writes it.
//!
//! [`mod@write`] prints like Go's encoder, which clients compare against. [`read`] is the strict and bounded decoder
//! for what outsiders send: one pass, no recursion, and everything refused that two parsers could understand
//! differently (duplicate keys, lone surrogates, bytes that are not UTF-8). Numbers keep their digits, however
//! many; an exponent is spelled `e+5`. Errors say where and what would be right, and never repeat what was sent, since
//! it may be a secret.

pub mod read;
pub mod write;

pub use read::{JsonError, Limits, Problem, check, parse};
pub use write::{float, to_string, to_string_pretty, to_vec, to_writer};

#[cfg(test)]
mod tests;

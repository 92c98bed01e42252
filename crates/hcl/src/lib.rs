//! HCL version 1 and its JSON form: text in, one small tree with line numbers out.
//!
//! Policies and the server's configuration are written in this language. It is not HCL 2: there are no expressions, no
//! function calls and no `null`, while several attributes on one line, quoted keys and numbers such as `0x1F` are fine.
//! The crate follows what the original library accepts; where that library is silent, the stricter reading wins.
//!
//! It knows nothing of what the keys mean, does no I/O, never panics on any input, and neither its time nor its memory
//! grows faster than the document.

use std::fmt;

mod error;
mod grammar;
mod json;
mod literal;
mod nearest;
mod scanner;
mod source;
mod tree;

pub use error::{Error, Problem};
pub use nearest::nearest;
pub use tree::{Block, Body, Item, Key, Kind, Value};

/// The longest document, in bytes. Policies and configurations stay far below.
pub const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;
/// How deep objects and lists may be nested. Real documents use five levels.
pub const DEPTH_MAX: usize = 64;
/// The most keys and values that one document may hold: bounds the memory that a short text can ask for.
pub const VALUES_MAX: usize = 100_000;

/// Where something starts in a document. Ordered as the text is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in bytes.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Reads a document. One whose first byte other than white space is `{` is JSON, any other is HCL.
///
/// Repeated attributes are all kept, in order; the reader of the tree decides what they mean ([`Body::duplicate`]).
///
/// # Errors
/// The first thing in the text that is not in the language, or the bound that the document exceeds.
pub fn parse(text: &str) -> Result<Body, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(Error::at_start(Problem::TooLong));
    }
    if text.trim_ascii_start().starts_with('{') {
        return json::parse(text);
    }
    if text.contains("\r\n") {
        return grammar::parse(&text.replace("\r\n", "\n"));
    }
    grammar::parse(text)
}

/// Reads a document that may not be UTF-8; see [`parse`].
///
/// # Errors
/// As [`parse`], and [`Problem::NotUtf8`] with the place of the first bad byte.
pub fn parse_bytes(bytes: &[u8]) -> Result<Body, Error> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(Error::at_start(Problem::TooLong));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(text),
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).and_then(|good| std::str::from_utf8(good).ok());
            let good = good.unwrap_or_default();
            Err(Error { position: source::Source::new(good).position(good.len()), problem: Problem::NotUtf8 })
        }
    }
}

#[cfg(test)]
mod tests;

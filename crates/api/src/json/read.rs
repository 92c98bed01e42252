//! The strict, bounded decoder (RFC 8259) for JSON that outsiders send.
//!
//! One scanner walks the text once with an explicit stack and tells a sink what it sees. [`check`] keeps nothing but
//! the keys of the open objects; [`parse`] builds a value. Neither recurses.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Number, Value};

mod scanner;

/// What one JSON text may hold. The defaults are Vault's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Objects and arrays inside one another; the outermost counts as one.
    pub depth: usize,
    /// Bytes of one string or key, escapes resolved.
    pub string_bytes: usize,
    /// Entries of one object.
    pub object_entries: usize,
    /// Elements of one array.
    pub array_elements: usize,
    /// Keys, scalars, and opening and closing brackets in all.
    pub tokens: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 500, string_bytes: 1024 * 1024, object_entries: 10_000, array_elements: 10_000, tokens: 500_000 }
    }
}

/// The longest number, in bytes: no computer's number needs more, and converting a long one takes quadratic time.
pub const NUMBER_BYTES_MAX: usize = 1024;

/// Why some bytes are refused, and where. Never says what stood there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("JSON at line {line}, byte {offset}: {problem}")]
pub struct JsonError {
    /// What is wrong.
    pub problem: Problem,
    /// Bytes before the place.
    pub offset: usize,
    /// The line of the place; the first is 1.
    pub line: usize,
}

/// What is wrong with some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Something else should stand here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// The text ends too early.
    #[error("the text ends where {0} should follow")]
    Ended(&'static str),
    /// Not UTF-8 (RFC 8259 §8.1).
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// A control character stands bare in a string.
    #[error("a control character in a string must be escaped")]
    ControlCharacter,
    /// A backslash is followed by something that it does not escape.
    #[error("expected one of \" \\ / b f n r t u behind a backslash")]
    Escape,
    /// `\u` names half of a surrogate pair without its other half.
    #[error("a \\u escape names half of a surrogate pair")]
    LoneSurrogate,
    /// An object names one key twice.
    #[error("the object has this key twice")]
    DuplicateKey,
    /// Past one of the [`Limits`] or [`NUMBER_BYTES_MAX`].
    #[error("{what}, the most is {max}")]
    Limit {
        /// Which one.
        what: &'static str,
        /// Its value.
        max: usize,
    },
}

/// Whether the bytes are one JSON value within the limits.
///
/// # Errors
/// The first problem found.
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), JsonError> {
    scanner::scan(bytes, limits, &mut Keys::default())
}

/// Reads one JSON value. Numbers keep their digits, however many; an exponent is spelled `e+5`.
///
/// # Errors
/// The first problem found.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, JsonError> {
    let mut builder = Builder::default();
    scanner::scan(bytes, limits, &mut builder)?;
    // The scanner has told of one whole value.
    Ok(builder.done.unwrap_or(Value::Null))
}

/// Hears what the scanner sees, in the order of the text. Every begin has its end.
trait Sink<'a> {
    fn begin_object(&mut self);
    /// False if the open object has the key already.
    fn key(&mut self, key: Cow<'a, str>) -> bool;
    fn begin_array(&mut self);
    fn end(&mut self);
    fn scalar(&mut self, scalar: Scalar<'a>);
}

enum Scalar<'a> {
    Null,
    Bool(bool),
    Number(Number),
    String(Cow<'a, str>),
}

/// For [`check`]: the keys of each open object; arrays have an empty set.
#[derive(Default)]
struct Keys<'a>(Vec<BTreeSet<Cow<'a, str>>>);

impl<'a> Sink<'a> for Keys<'a> {
    fn begin_object(&mut self) {
        self.0.push(BTreeSet::new());
    }

    fn key(&mut self, key: Cow<'a, str>) -> bool {
        self.0.last_mut().is_none_or(|keys| keys.insert(key))
    }

    fn begin_array(&mut self) {
        self.0.push(BTreeSet::new());
    }

    fn end(&mut self) {
        self.0.pop();
    }

    fn scalar(&mut self, _: Scalar<'a>) {}
}

/// For [`parse`]: the open containers, outermost first.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    done: Option<Value>,
}

enum Open {
    /// With the key whose value comes next.
    Object(Map<String, Value>, String),
    Array(Vec<Value>),
}

impl Builder {
    fn put(&mut self, value: Value) {
        match self.open.last_mut() {
            Some(Open::Object(map, key)) => {
                map.insert(std::mem::take(key), value);
            }
            Some(Open::Array(elements)) => elements.push(value),
            None => self.done = Some(value),
        }
    }
}

impl<'a> Sink<'a> for Builder {
    fn begin_object(&mut self) {
        self.open.push(Open::Object(Map::new(), String::new()));
    }

    fn key(&mut self, key: Cow<'a, str>) -> bool {
        let Some(Open::Object(map, next)) = self.open.last_mut() else { return true };
        if map.contains_key(key.as_ref()) {
            return false;
        }
        *next = key.into_owned();
        true
    }

    fn begin_array(&mut self) {
        self.open.push(Open::Array(Vec::new()));
    }

    fn end(&mut self) {
        match self.open.pop() {
            Some(Open::Object(map, _)) => self.put(Value::Object(map)),
            Some(Open::Array(elements)) => self.put(Value::Array(elements)),
            None => {}
        }
    }

    fn scalar(&mut self, scalar: Scalar<'a>) {
        self.put(match scalar {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => Value::Bool(value),
            Scalar::Number(number) => Value::Number(number),
            Scalar::String(text) => Value::String(text.into_owned()),
        });
    }
}

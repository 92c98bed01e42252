//! Decodes queries and form bodies (`application/x-www-form-urlencoded`, WHATWG URL §5.1) into request data.
//!
//! Every value is a text; a name that comes several times becomes a list. Broken escapes are an error, where a browser
//! would repair them. Errors never repeat what was sent: it may be a secret.

use serde_json::{Map, Value};

use crate::path::percent_decode;

/// The most pairs of one query or form, as many as a JSON object may have by default.
pub(crate) const PAIRS_MAX: usize = 10_000;

/// Why a query or form is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    /// A `%` without two hexadecimal digits behind it.
    #[error("a percent sign is not followed by two hexadecimal digits")]
    Escape,
    /// The escapes do not spell UTF-8.
    #[error("a name or value is not UTF-8")]
    NotUtf8,
    /// More than [`PAIRS_MAX`].
    #[error("there are more than {PAIRS_MAX} names")]
    TooMany,
}

/// The pairs as one object.
///
/// # Errors
/// The first problem found.
pub(crate) fn parse(text: &[u8]) -> Result<Map<String, Value>, FormError> {
    let mut data = Map::new();
    for (index, pair) in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).enumerate() {
        if index == PAIRS_MAX {
            return Err(FormError::TooMany);
        }
        let at = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = match at.and_then(|at| pair.split_at_checked(at)) {
            Some((name, value)) => (decode(name)?, decode(value.strip_prefix(b"=").unwrap_or(value))?),
            None => (decode(pair)?, String::new()),
        };
        insert(&mut data, name, Value::String(value));
    }
    Ok(data)
}

fn insert(data: &mut Map<String, Value>, name: String, value: Value) {
    match data.get_mut(&name) {
        None => {
            data.insert(name, value);
        }
        Some(Value::Array(values)) => values.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

fn decode(raw: &[u8]) -> Result<String, FormError> {
    let spaced: Vec<u8> = raw.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let bytes = percent_decode(&spaced).ok_or(FormError::Escape)?;
    String::from_utf8(bytes).map_err(|_| FormError::NotUtf8)
}

#[cfg(test)]
mod tests;

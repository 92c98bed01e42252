//! Typed fields: what a value may be on the wire, and how it is coerced. Tested once for every engine.
//!
//! Clients of this field send numbers in strings, lists with commas and durations as text; every rule for that is
//! here and nowhere else.

use std::collections::BTreeMap;
use std::time::Duration;

use api::Timestamp;
use secret::Secret;
use serde_json::{Map, Value};

/// One field of an operation's input, as help and OpenAPI show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// As on the wire.
    pub name: &'static str,
    /// A sentence, with the unit and the range where there is one.
    pub description: String,
    /// What is taken.
    pub kind: FieldKind,
    /// Whether the operation fails without it.
    pub is_required: bool,
    /// Whether its value must never be shown in audit output.
    pub is_secret: bool,
}

/// What a field takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldKind {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number with a fraction or without.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Seconds, or text such as `1h30m`.
    Duration,
    /// Several texts: an array, or one text with commas.
    StringList,
    /// Several whole numbers: an array, or one text with commas.
    IntegerList,
    /// Named texts: an object, or `key=value` texts.
    StringMap,
    /// Any JSON object.
    Object,
    /// Any JSON value.
    Any,
    /// A point in time, RFC 3339.
    Time,
}

/// Why a value does not fit its field: what would be right, never the value itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Coercion(pub String);

impl Coercion {
    fn expected(what: &str) -> Self {
        Self(format!("expected {what}"))
    }
}

/// A type that a field can have.
pub trait FieldValue: Sized {
    /// What it is on the wire.
    const KIND: FieldKind;
    /// Whether a request without it fails.
    const IS_REQUIRED: bool = true;
    /// Whether null is a value of its own and not the same as absent.
    const TAKES_NULL: bool = false;

    /// Turns a wire value into the type; never null unless [`TAKES_NULL`](Self::TAKES_NULL).
    ///
    /// # Errors
    /// When the value does not fit.
    fn coerce(value: Value) -> Result<Self, Coercion>;

    /// What it is when absent or null; `None` where it is required.
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }
}

impl<T: FieldValue> FieldValue for Option<T> {
    const KIND: FieldKind = T::KIND;
    const IS_REQUIRED: bool = false;

    fn coerce(value: Value) -> Result<Self, Coercion> {
        T::coerce(value).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// A field of a merge patch (RFC 7396): absent keeps, null resets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change<T> {
    /// The field was not there.
    Keep,
    /// The field was null.
    Reset,
    /// The field had this value.
    Set(T),
}

impl<T: FieldValue> FieldValue for Change<T> {
    const KIND: FieldKind = T::KIND;
    const IS_REQUIRED: bool = false;
    const TAKES_NULL: bool = true;

    fn coerce(value: Value) -> Result<Self, Coercion> {
        if value.is_null() { Ok(Self::Reset) } else { T::coerce(value).map(Self::Set) }
    }

    fn absent() -> Option<Self> {
        Some(Self::Keep)
    }
}

impl<T> Change<T> {
    /// What becomes of `old`; `default` is what a reset gives.
    pub fn apply(self, old: &mut T, default: T) {
        match self {
            Self::Keep => {}
            Self::Reset => *old = default,
            Self::Set(new) => *old = new,
        }
    }
}

impl FieldValue for String {
    const KIND: FieldKind = FieldKind::String;

    fn coerce(value: Value) -> Result<Self, Coercion> {
        match value {
            Value::String(text) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(value) => Ok(if value { "1" } else { "0" }.to_owned()),
            _ => Err(Coercion::expected("a string")),
        }
    }
}

impl FieldValue for Secret<String> {
    const KIND: FieldKind = FieldKind::String;

    fn coerce(value: Value) -> Result<Self, Coercion> {
        String::coerce(value).map(Self::new)
    }
}

impl FieldValue for bool {
    const KIND: FieldKind = FieldKind::Boolean;

    /// Also takes what Go's `strconv.ParseBool` takes, and numbers.
    fn coerce(value: Value) -> Result<Self, Coercion> {
        let expected = || Coercion::expected("true or false");
        match value {
            Value::Bool(value) => Ok(value),
            Value::String(text) => parse_bool(&text).ok_or_else(expected),
            Value::Number(number) => number.as_i64().map(|number| number != 0).ok_or_else(expected),
            _ => Err(expected()),
        }
    }
}

/// What Go's `strconv.ParseBool` takes; the empty text is false, as a query's `?x=` is.
#[must_use]
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

macro_rules! integers {
    ($($type:ty),+) => {$(
        impl FieldValue for $type {
            const KIND: FieldKind = FieldKind::Integer;

            /// Takes whole numbers in any notation, as numbers or as text.
            fn coerce(value: Value) -> Result<Self, Coercion> {
                let expected = || {
                    Coercion(format!("expected a whole number from {} to {}", <$type>::MIN, <$type>::MAX))
                };
                let number = match &value {
                    Value::Number(number) => whole(&number.to_string()),
                    Value::String(text) => whole(text.trim()),
                    _ => None,
                };
                number.and_then(|number| number.try_into().ok()).ok_or_else(expected)
            }
        }
    )+};
}

integers!(i64, u64, u32, u16);

impl FieldValue for f64 {
    const KIND: FieldKind = FieldKind::Number;

    /// Takes numbers, and numbers as text; nothing that is infinite or no number.
    fn coerce(value: Value) -> Result<Self, Coercion> {
        let number = match &value {
            Value::Number(number) => number.to_string().parse().ok(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|number: &Self| number.is_finite()).ok_or_else(|| Coercion::expected("a number"))
    }
}

/// A whole number from its text; `5.0` and `5e0` are whole too. `None` when it is not, or beyond 2^53 with a fraction.
fn whole(text: &str) -> Option<i128> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if text.is_empty() {
        return Some(0);
    }
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let number: f64 = text.parse().ok()?;
    if number.fract() != 0.0 || number.abs() > EXACT_MAX {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, both checked above")]
    Some(number as i128)
}

impl FieldValue for Duration {
    const KIND: FieldKind = FieldKind::Duration;

    fn coerce(value: Value) -> Result<Self, Coercion> {
        api::duration::parse(&duration_text(value)?).map_err(|_| Coercion::expected(DURATION))
    }
}

/// A duration in whole seconds, for times that are stored and shown so. Rounded up: half a second must not become the
/// zero that means no limit.
#[must_use]
pub fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

/// A duration that may be negative, in nanoseconds: `-1s` switches something off in several places of the API.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct SignedNanos(pub i64);

impl FieldValue for SignedNanos {
    const KIND: FieldKind = FieldKind::Duration;

    fn coerce(value: Value) -> Result<Self, Coercion> {
        api::duration::parse_signed(&duration_text(value)?).map(Self).map_err(|_| Coercion::expected(DURATION))
    }
}

/// The text of a duration: a number counts seconds, in any notation as long as it is whole.
fn duration_text(value: Value) -> Result<String, Coercion> {
    let text = match value {
        Value::Number(number) => whole(&number.to_string()).map(|secs| secs.to_string()),
        Value::String(text) => Some(text.trim().to_owned()),
        _ => None,
    };
    text.ok_or_else(|| Coercion::expected(DURATION))
}

const DURATION: &str = "a duration: seconds as a number, or text such as \"90s\", \"1h30m\" or \"7d\"";

impl FieldValue for Vec<String> {
    const KIND: FieldKind = FieldKind::StringList;

    fn coerce(value: Value) -> Result<Self, Coercion> {
        let expected = || Coercion::expected("a list of strings, or one string with commas between them");
        let items = match value {
            Value::Array(items) => {
                items.into_iter().map(String::coerce).collect::<Result<_, _>>().map_err(|_| expected())?
            }
            Value::String(text) if text.trim_start().starts_with('[') => {
                serde_json::from_str::<Self>(&text).map_err(|_| expected())?
            }
            Value::String(text) => text.split(',').map(str::to_owned).collect(),
            Value::Number(number) => vec![number.to_string()],
            _ => return Err(expected()),
        };
        Ok(items.into_iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect())
    }
}

impl FieldValue for Vec<u64> {
    const KIND: FieldKind = FieldKind::IntegerList;

    fn coerce(value: Value) -> Result<Self, Coercion> {
        let expected = || Coercion::expected("a list of whole numbers, or one string with commas between them");
        match value {
            Value::Array(items) => items.into_iter().map(u64::coerce).collect::<Result<_, _>>().map_err(|_| expected()),
            Value::Number(_) => u64::coerce(value).map(|number| vec![number]).map_err(|_| expected()),
            Value::String(text) => Vec::<String>::coerce(Value::String(text))?
                .into_iter()
                .map(|item| u64::coerce(Value::String(item)).map_err(|_| expected()))
                .collect(),
            _ => Err(expected()),
        }
    }
}

impl FieldValue for BTreeMap<String, String> {
    const KIND: FieldKind = FieldKind::StringMap;

    fn coerce(value: Value) -> Result<Self, Coercion> {
        let expected = || Coercion::expected("an object of strings, or a list of \"key=value\" strings");
        match value {
            Value::Object(map) => map
                .into_iter()
                .map(|(key, value)| String::coerce(value).map(|value| (key, value)).map_err(|_| expected()))
                .collect(),
            Value::Array(_) | Value::String(_) => {
                if let Value::String(text) = &value
                    && text.trim_start().starts_with('{')
                {
                    return serde_json::from_str(text).map_err(|_| expected());
                }
                Vec::<String>::coerce(value)
                    .map_err(|_| expected())?
                    .into_iter()
                    .map(|item| item.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())).ok_or_else(expected))
                    .collect()
            }
            _ => Err(expected()),
        }
    }
}

impl FieldValue for Map<String, Value> {
    const KIND: FieldKind = FieldKind::Object;

    fn coerce(value: Value) -> Result<Self, Coercion> {
        match value {
            Value::Object(map) => Ok(map),
            _ => Err(Coercion::expected("a JSON object")),
        }
    }
}

impl FieldValue for Value {
    const KIND: FieldKind = FieldKind::Any;

    fn coerce(value: Value) -> Result<Self, Coercion> {
        Ok(value)
    }
}

impl FieldValue for Timestamp {
    const KIND: FieldKind = FieldKind::Time;

    fn coerce(value: Value) -> Result<Self, Coercion> {
        let expected = || Coercion::expected("a time such as \"2030-01-31T12:00:00Z\"");
        match value {
            Value::String(text) => text.parse().map_err(|_| expected()),
            _ => Err(expected()),
        }
    }
}

#[cfg(test)]
mod tests;

//! The field `role_divisions`: which roles in which divisions, as a list of objects, as its JSON text, or as texts
//! `role:division`.

use framework::{Coercion, Error, FieldKind, FieldValue};
use serde_json::Value;

use super::entry::RoleDivision;

/// How many pairs one client has at most.
const PAIRS_MAX: usize = 100;
/// The longest id, in bytes.
const ID_BYTES_MAX: usize = 64;

/// What was written.
pub(super) struct RoleDivisions(pub(super) Vec<RoleDivision>);

impl FieldValue for RoleDivisions {
    const KIND: FieldKind = FieldKind::Any;

    fn coerce(value: Value) -> Result<Self, Coercion> {
        let expected = || {
            Coercion(
                "expected a list of objects with role_id and division_id, or of texts \"role:division\"".to_owned(),
            )
        };
        let items = match value {
            Value::Array(items) => items,
            Value::String(text) if text.trim_start().starts_with(['[', '{']) => {
                match serde_json::from_str(&text).map_err(|_| expected())? {
                    Value::Array(items) => items,
                    item => vec![item],
                }
            }
            Value::String(text) => text.split(',').map(|item| Value::from(item.trim())).collect(),
            item @ Value::Object(_) => vec![item],
            _ => return Err(expected()),
        };
        let pairs: Option<Vec<_>> = items.into_iter().map(pair).collect();
        pairs.map(Self).ok_or_else(expected)
    }
}

fn pair(item: Value) -> Option<RoleDivision> {
    let pair = match item {
        Value::String(text) => {
            let (role, division) = text.split_once(':').unwrap_or((&text, "*"));
            RoleDivision { role_id: role.to_owned(), division_id: division.to_owned() }
        }
        item => serde_json::from_value(item).ok()?,
    };
    let is_division = pair.division_id == "*" || is_id(&pair.division_id);
    (is_id(&pair.role_id) && is_division).then_some(pair)
}

/// Whether a text can be an id of the vendor's: it stands in paths.
pub(super) fn is_id(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !text.is_empty() && text.len() <= ID_BYTES_MAX && text.bytes().all(is_part)
}

/// The pairs of a role, of which there must be some.
///
/// # Errors
/// [`Error::Invalid`] when there are none, or too many.
pub(super) fn check(pairs: &[RoleDivision]) -> Result<(), Error> {
    if pairs.is_empty() {
        return Err(Error::invalid("role_divisions must name at least one role: a client without one may do nothing"));
    }
    if pairs.len() > PAIRS_MAX {
        return Err(Error::Invalid(format!("role_divisions has at most {PAIRS_MAX} pairs").into()));
    }
    Ok(())
}

//! The changes in a saved plan: protocol buffers, with values in MessagePack. Only what has values is looked at; the
//! numbers are those of Terraform's own schema of plan files, which have not changed since its version 1.0.

use super::document::{Values, joined};
use super::msgpack;

/// Of a plan.
const VARIABLES: u64 = 2;
const RESOURCE_CHANGES: u64 = 3;
const OUTPUT_CHANGES: u64 = 4;
const BACKEND: u64 = 13;
const RESOURCE_DRIFT: u64 = 18;
const DEFERRED_CHANGES: u64 = 27;
/// Of a change of a resource.
const RESOURCE_CHANGE: u64 = 9;
const RESOURCE_ADDRESS: u64 = 13;
/// Of a change.
const CHANGE_VALUES: u64 = 2;
/// Of a value.
const MSGPACK: u64 = 1;
/// Of the entry of a map, of an output's change, of a backend and of a deferred change: what it is called, and the rest.
const NAME: u64 = 1;
const REST: u64 = 2;

/// Takes down all strings of a plan.
///
/// # Errors
/// In words, when it is damaged.
pub(super) fn collect(file: &str, plan: &[u8], values: &mut Values) -> Result<(), String> {
    collect_all(file, plan, values).ok_or_else(|| "its plan is damaged, or of a format that is not known".to_owned())
}

fn collect_all(file: &str, plan: &[u8], values: &mut Values) -> Option<()> {
    for (number, field) in fields(plan)? {
        match number {
            VARIABLES => {
                let place = joined("var", &text(field, NAME)?);
                parts(field, REST)?.into_iter().try_for_each(|value| add(file, &place, value, values))?;
            }
            RESOURCE_CHANGES | RESOURCE_DRIFT => resource(file, field, values)?,
            DEFERRED_CHANGES => parts(field, REST)?.into_iter().try_for_each(|it| resource(file, it, values))?,
            OUTPUT_CHANGES => {
                let place = joined("output", &text(field, NAME)?);
                parts(field, REST)?.into_iter().try_for_each(|it| change(file, &place, it, values))?;
            }
            BACKEND => parts(field, REST)?.into_iter().try_for_each(|value| add(file, "backend", value, values))?,
            _ => {}
        }
    }
    Some(())
}

fn resource(file: &str, resource: &[u8], values: &mut Values) -> Option<()> {
    let place = text(resource, RESOURCE_ADDRESS)?;
    parts(resource, RESOURCE_CHANGE)?.into_iter().try_for_each(|it| change(file, &place, it, values))
}

fn change(file: &str, place: &str, change: &[u8], values: &mut Values) -> Option<()> {
    parts(change, CHANGE_VALUES)?.into_iter().try_for_each(|value| add(file, place, value, values))
}

fn add(file: &str, place: &str, value: &[u8], values: &mut Values) -> Option<()> {
    let packed = parts(value, MSGPACK)?;
    packed
        .into_iter()
        .try_for_each(|packed| msgpack::strings(packed, place, &mut |place, text| values.add(file, place, text)))
}

/// The fields of this number.
fn parts(message: &[u8], number: u64) -> Option<Vec<&[u8]>> {
    Some(fields(message)?.into_iter().filter(|(it, _)| *it == number).map(|(_, part)| part).collect())
}

/// The text in the field of this number; empty without one.
fn text(message: &[u8], number: u64) -> Option<String> {
    let part = parts(message, number)?.pop().unwrap_or_default();
    Some(String::from_utf8_lossy(part).into_owned())
}

/// The fields of a message that have a length: texts, bytes and messages, with their numbers.
fn fields(mut message: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message)?;
        let length = match key & 7 {
            0 => {
                varint(&mut message)?;
                continue;
            }
            1 => 8,
            5 => 4,
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                found.push((key >> 3, message.get(..length)?));
                length
            }
            _ => return None,
        };
        message = message.get(length..)?;
    }
    Some(found)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

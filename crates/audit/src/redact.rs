//! Hashes values: `hmac-sha256:<hex>` under the device's salt, so that who knows a value can find it in the records and
//! nobody else learns it. Numbers, booleans and the names of keys stay in clear (documented Vault behavior).
//!
//! A value that is JSON text already is hashed as it is read, so that no tree is built of what a reply passes through.

use data_encoding::HEXLOWER;
use secret::MacKey;
use serde_json::{Map, Value};

use crate::json::{self, Object};

/// What stands in front of a hash.
const PREFIX: &[u8] = b"hmac-sha256:";
/// A hash in hexadecimal digits.
const HEX_BYTES: usize = 64;

/// Hashes the values of one device.
#[derive(Clone, Debug)]
pub struct Hasher {
    key: MacKey,
    is_raw: bool,
}

impl Hasher {
    /// `is_raw` leaves values as they are (`log_raw`).
    #[must_use]
    pub fn new(salt: &[u8], is_raw: bool) -> Self {
        Self { key: MacKey::new(salt), is_raw }
    }

    /// The hash that stands in the device's records for this text, whatever the device's settings are.
    #[must_use]
    pub fn hash(&self, text: &str) -> String {
        let mut hash = Vec::with_capacity(PREFIX.len() + HEX_BYTES);
        self.write_hash(&mut hash, text);
        String::from_utf8(hash).expect("hexadecimal digits are text")
    }

    fn write_hash(&self, out: &mut Vec<u8>, text: &str) {
        let mut hex = [0; HEX_BYTES];
        HEXLOWER.encode_mut(&self.key.sign(&[text.as_bytes()]), &mut hex);
        out.extend_from_slice(PREFIX);
        out.extend_from_slice(&hex);
    }

    /// Writes a string as the device is to have it.
    pub(crate) fn string(&self, out: &mut Vec<u8>, text: &str) {
        if self.is_raw {
            json::string(out, text);
        } else {
            out.push(b'"');
            self.write_hash(out, text);
            out.push(b'"');
        }
    }

    /// Writes an object. The values of the keys in `clear` stay as they are.
    pub(crate) fn object(&self, out: &mut Vec<u8>, map: &Map<String, Value>, clear: &[String]) {
        let mut object = Object::begin(out);
        for (name, value) in map {
            let out = object.key(name);
            if self.is_raw || clear.contains(name) {
                serde_json::to_writer(out, value).expect("memory takes any value");
            } else {
                self.value(out, value);
            }
        }
        object.end();
    }

    /// Nesting is bounded by whoever made the value: requests by the front door, replies by what was stored.
    fn value(&self, out: &mut Vec<u8>, value: &Value) {
        match value {
            Value::String(text) => self.string(out, text),
            Value::Object(map) => self.object(out, map, &[]),
            Value::Array(values) => {
                out.push(b'[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    self.value(out, value);
                }
                out.push(b']');
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                serde_json::to_writer(out, value).expect("memory takes any value");
            }
        }
    }

    /// Writes an object that is JSON text, which is valid: it was stored or encoded by us. The values of the keys in
    /// `clear` at its top stay as they are.
    pub(crate) fn text(&self, out: &mut Vec<u8>, json: &str, clear: &[String]) {
        if self.is_raw {
            out.extend_from_slice(json.as_bytes());
            return;
        }
        Scanner { json, at: 0, depth: 0, is_clear: false, hasher: self, clear, out }.run();
    }
}

/// Goes through valid JSON text and copies everything but the strings that are values.
struct Scanner<'s> {
    json: &'s str,
    at: usize,
    depth: usize,
    /// Within a value that stays in clear.
    is_clear: bool,
    hasher: &'s Hasher,
    clear: &'s [String],
    out: &'s mut Vec<u8>,
}

impl Scanner<'_> {
    fn run(&mut self) {
        while let Some(&byte) = self.json.as_bytes().get(self.at) {
            match byte {
                b'"' => self.quoted(),
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                _ => {
                    match byte {
                        b'{' | b'[' => self.depth += 1,
                        b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                        b',' if self.depth == 1 => self.is_clear = false,
                        _ => {}
                    }
                    self.out.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    /// A string: the name of a key if a colon follows, a value otherwise.
    fn quoted(&mut self) {
        let start = self.at;
        let end = string_end(self.json.as_bytes(), start);
        self.at = end;
        let quoted = self.json.get(start..end).unwrap_or_default();
        let rest = self.json.get(end..).unwrap_or_default();
        let is_name = rest.trim_start_matches([' ', '\t', '\r', '\n']).starts_with(':');
        if is_name && self.depth == 1 {
            self.is_clear = !self.clear.is_empty() && self.clear.contains(&unquoted(quoted));
        }
        if is_name || self.is_clear {
            self.out.extend_from_slice(quoted.as_bytes());
        } else {
            match quoted.get(1..quoted.len().saturating_sub(1)).filter(|text| !text.contains('\\')) {
                Some(text) => self.hasher.string(self.out, text),
                None => self.hasher.string(self.out, &unquoted(quoted)),
            }
        }
    }
}

/// Where a string that begins at `start` has ended.
fn string_end(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json.len()
}

fn unquoted(quoted: &str) -> String {
    serde_json::from_str(quoted).unwrap_or_default()
}

#[cfg(test)]
mod tests;

//! Writes JSON objects key by key, without building a tree first.

use std::io::Write as _;

/// An object that is being written. What is empty is left out, as in Vault's records.
pub(crate) struct Object<'o> {
    pub(crate) out: &'o mut Vec<u8>,
    is_first: bool,
}

impl<'o> Object<'o> {
    pub(crate) fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_first: true }
    }

    /// Writes a key; the caller writes its value.
    pub(crate) fn key(&mut self, name: &str) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b',');
        }
        string(self.out, name);
        self.out.push(b':');
        self.out
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            string(self.key(name), value);
        }
    }

    pub(crate) fn number(&mut self, name: &str, value: u64) {
        if value > 0 {
            number(self.key(name), value);
        }
    }

    pub(crate) fn texts<T: AsRef<str>>(&mut self, name: &str, values: &[T]) {
        if !values.is_empty() {
            list(self.key(name), values.iter().map(AsRef::as_ref), string);
        }
    }

    /// Bytes that are JSON already.
    pub(crate) fn raw(&mut self, name: &str, json: &[u8]) {
        self.key(name).extend_from_slice(json);
    }

    /// The same object, whose further keys are written elsewhere.
    pub(crate) fn continued<'p>(&self, out: &'p mut Vec<u8>) -> Object<'p> {
        Object { out, is_first: self.is_first }
    }

    pub(crate) fn end(self) {
        self.out.push(b'}');
    }
}

/// A list, each item of which is written by `write`.
pub(crate) fn list<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

pub(crate) fn number(out: &mut Vec<u8>, value: u64) {
    write!(out, "{value}").expect("memory takes any bytes");
}

/// A string with its quotes.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    let is_special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    // Without an early end, so that many bytes are looked at in one step.
    if !text.bytes().fold(false, |found, byte| found | is_special(byte)) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("memory takes any text");
    }
}

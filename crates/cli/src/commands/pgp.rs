//! Reads the public PGP keys that unseal keys and tokens are encrypted to, in the form that the server takes: base64 of
//! the binary key. Files may be binary, base64 or armored. Nothing here understands PGP beyond the armor.

use std::fs::File;
use std::io::Read;

use data_encoding::BASE64;

use crate::Failure;
use crate::flags::{Flag, Kind};

/// The longest key file that is read, in bytes.
const KEY_BYTES_MAX: u64 = 1024 * 1024;

/// The flag of commands that make keys.
pub(super) const KEYS: Flag = Flag::new(
    "pgp-keys",
    Kind::List,
    "Files of PGP keys, divided by commas: one for each unseal key, encrypted to it.",
);

/// The keys of all files; commas divide files.
pub(super) fn read_all(files: &[String]) -> Result<Vec<String>, Failure> {
    let files = files.iter().flat_map(|list| list.split(',')).map(str::trim).filter(|file| !file.is_empty());
    files.map(read).collect()
}

/// The key of one file. An `@` in front of its name is allowed.
pub(super) fn read(file: &str) -> Result<String, Failure> {
    if file.starts_with("keybase:") {
        let problem = format!("Could not read the PGP key {file}: keys of Keybase users are not fetched");
        return Err(Failure::usage(problem).hint("Save the user's public key to a file, and give that."));
    }
    let path = file.strip_prefix('@').unwrap_or(file);
    let wrong = |problem: &str| Failure::usage(format!("Could not read the PGP key {path}: {problem}"));
    let mut bytes = Vec::new();
    let opened = File::open(path).map_err(|error| wrong(&error.to_string()))?;
    opened.take(KEY_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| wrong(&error.to_string()))?;
    if bytes.len() as u64 > KEY_BYTES_MAX {
        return Err(wrong("the file is too long"));
    }
    let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(BASE64.encode(&bytes)) };
    let body = match text.contains("-----BEGIN PGP ") {
        true => dearmored(text).ok_or_else(|| wrong("the armor is not whole"))?,
        false => text.split_whitespace().collect(),
    };
    match BASE64.decode(body.as_bytes()) {
        Ok(key) if !key.is_empty() => Ok(body),
        _ => Err(wrong("neither a binary, nor an armored, nor a base64 key")),
    }
}

/// The base64 between the lines of an armor (RFC 9580 §6.2), without headers and check sum.
fn dearmored(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim).skip_while(|line| !line.starts_with("-----BEGIN PGP "));
    lines.next()?;
    // Headers end at an empty line, and there may be none of either.
    let lines: Vec<_> = lines.take_while(|line| !line.starts_with("-----END PGP ")).collect();
    let is_whole = text.contains("-----END PGP ");
    let start = lines.iter().position(|line| line.is_empty()).map_or(0, |empty| empty + 1);
    let body = lines.get(start..)?.iter().filter(|line| !line.starts_with('='));
    is_whole.then(|| body.copied().collect())
}

#[cfg(test)]
mod tests;

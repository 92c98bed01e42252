//! Decodes the raw path of a request line, strictly: what two parties could understand differently is refused.
//!
//! Percent escapes are resolved once, before anything is routed, so the checks see what the router will see: `%2F` is a
//! slash and `%2e%2e` is a dot segment. Nothing is ever repaired, since a repaired path is not the one that was signed,
//! logged or checked elsewhere. Errors never repeat the path: it may hold a secret.

use std::borrow::Cow;

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Not in the form that a request line wants (RFC 9112 §3.2.1).
    #[error("the path must begin with a slash")]
    Relative,
    /// A `%` without two hexadecimal digits behind it (RFC 3986 §2.1).
    #[error("the path has a percent sign that is not followed by two hexadecimal digits")]
    Escape,
    /// The escapes do not spell UTF-8.
    #[error("the path is not UTF-8")]
    NotUtf8,
    /// Control, format, private or unassigned characters, and any space but U+0020.
    #[error("the path has characters that cannot be printed")]
    NonPrintable,
    /// `//` somewhere.
    #[error("the path has an empty segment: two slashes in a row")]
    EmptySegment,
    /// `.` or `..` as a whole segment.
    #[error("the path has a segment that is only dots, . or ..")]
    DotSegment,
}

/// The path with its percent escapes resolved. A trailing slash stays; `raw` has no query.
///
/// # Errors
/// The first reason to refuse the path.
pub fn decode(raw: &str) -> Result<Cow<'_, str>, PathError> {
    if !raw.starts_with('/') {
        return Err(PathError::Relative);
    }
    let path = unescape(raw)?;
    if !path.chars().all(is_printable) {
        return Err(PathError::NonPrintable);
    }
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            // The last one is empty behind a trailing slash.
            "" if segments.peek().is_some() => return Err(PathError::EmptySegment),
            "." | ".." => return Err(PathError::DotSegment),
            _ => {}
        }
    }
    Ok(path)
}

fn unescape(raw: &str) -> Result<Cow<'_, str>, PathError> {
    if !raw.contains('%') {
        return Ok(Cow::Borrowed(raw));
    }
    let bytes = percent_decode(raw.as_bytes()).ok_or(PathError::Escape)?;
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| PathError::NotUtf8)
}

/// The bytes with each `%XX` resolved once; `None` when an escape is broken.
pub(crate) fn percent_decode(raw: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.iter();
    while let Some(&byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        bytes.push(nibble(rest.next())? << 4 | nibble(rest.next())?);
    }
    Some(bytes)
}

fn nibble(digit: Option<&u8>) -> Option<u8> {
    match digit? {
        digit @ b'0'..=b'9' => Some(digit - b'0'),
        digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
        digit @ b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Go's idea of printable, which Vault applies: letters, marks, numbers, punctuation, symbols and U+0020.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return c == ' ' || c.is_ascii_graphic();
    }
    // `escape_debug` of a text leaves exactly the printable characters alone. A mark counts as one unless it opens the
    // text, hence the letter in front.
    let mut buffer = [b'a'; 5];
    let length = c.encode_utf8(&mut buffer[1..]).len();
    std::str::from_utf8(&buffer[..=length]).is_ok_and(|text| text.escape_debug().nth(1) == Some(c))
}

#[cfg(test)]
mod tests;

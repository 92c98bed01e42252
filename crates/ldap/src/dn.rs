//! Distinguished names (RFC 4514): what people type is escaped before it becomes a part of one, and the common name is
//! found in those that a directory tells.

/// A text as the value of an attribute in a distinguished name (RFC 4514 §2.4): it cannot end the value.
#[must_use]
pub fn escape(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut escaped = String::with_capacity(text.len());
    for (place, c) in text.chars().enumerate() {
        match c {
            '\0' => escaped.push_str("\\00"),
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => escaped.extend(['\\', c]),
            '#' if place == 0 => escaped.push_str("\\#"),
            ' ' if place == 0 || place == last => escaped.push_str("\\ "),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The first common name in a distinguished name; none where there is none, or the text is no distinguished name.
#[must_use]
pub fn common_name(dn: &str) -> Option<String> {
    let attributes = parse(dn)?;
    attributes.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("cn")).map(|(_, value)| value)
}

/// Whether the text is a distinguished name of at least one attribute.
#[must_use]
pub fn is_dn(text: &str) -> bool {
    parse(text).is_some_and(|attributes| !attributes.is_empty())
}

/// The attributes in their order, with their values as they are meant.
fn parse(dn: &str) -> Option<Vec<(String, String)>> {
    let mut attributes = Vec::new();
    let mut rest = dn.trim();
    while !rest.is_empty() {
        let (name, behind) = rest.split_once('=')?;
        let name = name.trim();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if name.is_empty() || !name.chars().all(is_name) {
            return None;
        }
        let (value, behind) = value(behind.trim_start_matches(' '))?;
        attributes.push((name.to_owned(), value));
        match behind {
            Some("") => return None,
            Some(behind) => rest = behind,
            None => rest = "",
        }
    }
    Some(attributes)
}

/// A value, and what stands behind the separator that ends it, if one does.
fn value(text: &str) -> Option<(String, Option<&str>)> {
    let mut bytes = Vec::with_capacity(text.len());
    // Spaces at the end count only if they are escaped.
    let mut kept = 0;
    let mut chars = text.char_indices();
    while let Some((place, c)) = chars.next() {
        match c {
            ',' | '+' | ';' => {
                bytes.truncate(kept);
                return Some((String::from_utf8(bytes).ok()?, text.get(place + 1..)));
            }
            '\\' => {
                let (_, first) = chars.next()?;
                match first.to_digit(16) {
                    Some(high) => {
                        let (_, second) = chars.next()?;
                        let byte = high * 16 + second.to_digit(16)?;
                        bytes.push(u8::try_from(byte).ok()?);
                    }
                    None => bytes.extend(first.encode_utf8(&mut [0; 4]).bytes()),
                }
                kept = bytes.len();
            }
            c => {
                bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
                if c != ' ' {
                    kept = bytes.len();
                }
            }
        }
    }
    bytes.truncate(kept);
    Some((String::from_utf8(bytes).ok()?, None))
}

#[cfg(test)]
mod tests;

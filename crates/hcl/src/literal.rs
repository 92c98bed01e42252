//! The text behind quotes and heredocs: escapes, `${…}` sections and hanging indents.

use crate::Problem;

/// How a quoted string went on: its text and the offset behind the closing quote, or where it broke and why.
pub(crate) type Quoted = Result<(String, usize), (usize, Problem)>;

/// Reads a string whose opening quote is at `start`. Inside `${…}` everything is kept verbatim, quotes and new lines
/// too, as the original library leaves them for somebody else's template language.
pub(crate) fn unquote(text: &str, start: usize) -> Quoted {
    let not_closed = || (start, Problem::StringNotClosed);
    let mut bytes = Vec::new();
    let mut braces = 0_u32;
    let mut at = start + 1;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else { return Err(not_closed()) };
        match first {
            '"' if braces == 0 => break,
            '\n' if braces == 0 => return Err(not_closed()),
            '\\' => {
                let length = if braces == 0 {
                    escape(rest, &mut bytes)
                } else {
                    // Checked like any escape, and then kept as it was written.
                    let length = escape(rest, &mut Vec::new());
                    bytes
                        .extend_from_slice(length.and_then(|length| rest.get(..length)).unwrap_or_default().as_bytes());
                    length
                };
                at += length.ok_or((at, Problem::BadEscape))?;
            }
            _ => {
                let opens = if braces == 0 { rest.starts_with("${") } else { first == '{' };
                let length = if braces == 0 && opens { 2 } else { first.len_utf8() };
                match first {
                    _ if opens => braces += 1,
                    '}' => braces = braces.saturating_sub(1),
                    _ => {}
                }
                bytes.extend_from_slice(rest.get(..length).unwrap_or_default().as_bytes());
                at += length;
            }
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| (start, Problem::EscapesNotUtf8))?;
    Ok((text, at + 1))
}

/// Decodes the escape at the start of `rest` and tells its length. `\x` and octal escapes stand for single bytes, so
/// that `\xc3\xa9` is one letter; `\u` and `\U` for characters.
fn escape(rest: &str, bytes: &mut Vec<u8>) -> Option<usize> {
    let kind = rest.chars().nth(1)?;
    let (digits_at, digits, radix) = match kind {
        'x' => (2, 2, 16),
        'u' => (2, 4, 16),
        'U' => (2, 8, 16),
        '0'..='7' => (1, 3, 8),
        _ => {
            bytes.push(match kind {
                'a' => 0x07,
                'b' => 0x08,
                'f' => 0x0c,
                'n' => b'\n',
                'r' => b'\r',
                't' => b'\t',
                'v' => 0x0b,
                '\\' => b'\\',
                '"' => b'"',
                _ => return None,
            });
            return Some(2);
        }
    };
    let length = digits_at + digits;
    let value = rest.get(digits_at..length).filter(|text| text.chars().all(|digit| digit.is_digit(radix)))?;
    let value = u32::from_str_radix(value, radix).ok()?;
    if matches!(kind, 'u' | 'U') {
        bytes.extend_from_slice(char::from_u32(value)?.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        bytes.push(u8::try_from(value).ok()?);
    }
    Some(length)
}

/// The text of a heredoc from its lines and the white space in front of the closing word. With `<<-` that white space
/// is cut off every line when every line has it, and no line is touched otherwise.
pub(crate) fn unindent(content: &str, closing_indent: &str, hanging: bool) -> String {
    if !hanging {
        return format!("{content}{closing_indent}");
    }
    if content.split_inclusive('\n').all(|line| line.starts_with(closing_indent)) {
        return content.split_inclusive('\n').filter_map(|line| line.strip_prefix(closing_indent)).collect();
    }
    content.to_owned()
}

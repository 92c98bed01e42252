//! The JSON form (RFC 8259) of a document, read into the same tree with the same bounds.

use crate::grammar::Budget;
use crate::source::Source;
use crate::{Body, Error, Item, Key, Kind, Position, Problem, Value};

/// Reads a whole JSON document whose first value is an object.
pub(crate) fn parse(text: &str) -> Result<Body, Error> {
    let mut parser = Parser { source: Source::new(text), at: 0, budget: Budget::default() };
    let value = parser.value()?;
    parser.skip_blanks();
    match (value.kind, parser.peek()) {
        (Kind::Object(body), None) => Ok(body),
        _ => Err(parser.expected("the end of the document")),
    }
}

struct Parser<'a> {
    source: Source<'a>,
    at: usize,
    budget: Budget,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.source.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn position(&self) -> Position {
        self.source.position(self.at)
    }

    fn error(&self, problem: Problem) -> Error {
        Error { position: self.position(), problem }
    }

    fn expected(&self, expected: &'static str) -> Error {
        let found = self.peek().map_or_else(|| "the end of the document".to_owned(), |found| found.to_string());
        self.error(Problem::Expected { expected, found })
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    /// Takes the next character other than white space if it is this one.
    fn accept(&mut self, wanted: char) -> bool {
        self.skip_blanks();
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn value(&mut self) -> Result<Value, Error> {
        self.skip_blanks();
        let position = self.position();
        self.budget.spend(position)?;
        let kind = match self.peek() {
            Some('{') => self.object(position)?,
            Some('[') => self.list(position)?,
            Some('"') => Kind::String(self.string()?),
            Some('-' | '0'..='9') => Kind::Number(self.number()?),
            _ => self.word()?,
        };
        Ok(Value { kind, position })
    }

    fn object(&mut self, position: Position) -> Result<Kind, Error> {
        self.budget.enter(position)?;
        self.at += 1;
        let mut items = Vec::new();
        if !self.accept('}') {
            loop {
                self.skip_blanks();
                let key_position = self.position();
                if self.peek() != Some('"') {
                    return Err(self.expected("a quoted key"));
                }
                self.budget.spend(key_position)?;
                let key = Key { text: self.string()?, position: key_position };
                if !self.accept(':') {
                    return Err(self.expected("a colon"));
                }
                items.push(Item { keys: vec![key], value: self.value()? });
                if self.accept('}') {
                    break;
                }
                if !self.accept(',') {
                    return Err(self.expected("a comma or }"));
                }
            }
        }
        self.budget.leave();
        Ok(Kind::Object(Body { items }))
    }

    fn list(&mut self, position: Position) -> Result<Kind, Error> {
        self.budget.enter(position)?;
        self.at += 1;
        let mut values = Vec::new();
        if !self.accept(']') {
            loop {
                values.push(self.value()?);
                if self.accept(']') {
                    break;
                }
                if !self.accept(',') {
                    return Err(self.expected("a comma or ]"));
                }
            }
        }
        self.budget.leave();
        Ok(Kind::List(values))
    }

    fn word(&mut self) -> Result<Kind, Error> {
        let rest = self.rest();
        let words = [("true", Kind::Bool(true)), ("false", Kind::Bool(false)), ("null", Kind::Null)];
        for (word, kind) in words {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(kind);
            }
        }
        Err(self.expected("a value"))
    }

    /// A number in JSON's own grammar, kept as it is written.
    fn number(&mut self) -> Result<String, Error> {
        let rest = self.rest();
        let length = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '+' | '-' | '.'));
        let text = rest.get(..length.unwrap_or(rest.len())).unwrap_or_default();
        if !is_number(text) {
            return Err(self.error(Problem::BadNumber(text.to_owned())));
        }
        self.at += text.len();
        Ok(text.to_owned())
    }

    fn string(&mut self) -> Result<String, Error> {
        let start = self.at;
        let not_closed = Error { position: self.position(), problem: Problem::StringNotClosed };
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.find(|letter: char| letter < ' ' || matches!(letter, '"' | '\\'));
            let Some((plain, tail)) = plain.and_then(|length| rest.split_at_checked(length)) else {
                self.at = start;
                return Err(not_closed);
            };
            text.push_str(plain);
            self.at += plain.len();
            if tail.starts_with('"') {
                self.at += 1;
                return Ok(text);
            }
            if !tail.starts_with('\\') {
                return Err(not_closed);
            }
            let (letter, length) = escape(tail).ok_or_else(|| self.error(Problem::BadEscape))?;
            text.push(letter);
            self.at += length;
        }
    }
}

/// The escape at the start of `tail` and its length; two `\u` of a surrogate pair are one escape.
fn escape(tail: &str) -> Option<(char, usize)> {
    let letter = match tail.as_bytes().get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\x08',
        b'f' => '\x0c',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let first = unit(tail)?;
            if let Some(letter) = char::from_u32(u32::from(first)) {
                return Some((letter, 6));
            }
            let second = unit(tail.get(6..)?)?;
            let letter = char::decode_utf16([first, second]).next()?.ok()?;
            return Some((letter, 12));
        }
        _ => return None,
    };
    Some((letter, 2))
}

/// The UTF-16 code unit of the `\uXXXX` at the start of `tail`.
fn unit(tail: &str) -> Option<u16> {
    let digits = tail.strip_prefix("\\u")?.get(..4)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_hex { u16::from_str_radix(digits, 16).ok() } else { None }
}

/// RFC 8259 §6.
fn is_number(text: &str) -> bool {
    let all = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (digits, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    all(whole) && (whole == "0" || !whole.starts_with('0')) && fraction.is_none_or(all) && exponent.is_none_or(all)
}

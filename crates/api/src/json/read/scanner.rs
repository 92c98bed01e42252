//! Walks JSON text once and tells a [`Sink`] what it sees. It keeps one small frame per open container and must never
//! recurse, so that the depth of the text costs no stack.

use std::borrow::Cow;

use super::{JsonError, Limits, NUMBER_BYTES_MAX, Problem, Scalar, Sink};

const A_VALUE: &str = "a value";
const A_KEY: &str = "a key in double quotes";
const A_DIGIT: &str = "a digit";
const HEX_DIGITS: &str = "four hexadecimal digits";

/// Reads the whole of `bytes` as one value.
pub(super) fn scan<'a>(bytes: &'a [u8], limits: &Limits, sink: &mut impl Sink<'a>) -> Result<(), JsonError> {
    let place = |(offset, problem): (usize, Problem)| {
        let line = 1 + bytes.iter().take(offset).filter(|byte| **byte == b'\n').count();
        JsonError { problem, offset, line }
    };
    let text = std::str::from_utf8(bytes).map_err(|error| place((error.valid_up_to(), Problem::NotUtf8)))?;
    Scanner { text, at: 0, open: Vec::new(), tokens: 0, limits }.run(sink).map_err(place)
}

type Refusal = (usize, Problem);

struct Scanner<'a, 'l> {
    text: &'a str,
    at: usize,
    open: Vec<Frame>,
    tokens: usize,
    limits: &'l Limits,
}

/// One open container, with the number of its entries or elements so far.
#[derive(Clone, Copy)]
enum Frame {
    Object(usize),
    Array(usize),
}

impl<'a> Scanner<'a, '_> {
    fn run(mut self, sink: &mut impl Sink<'a>) -> Result<(), Refusal> {
        self.value(sink)?;
        while let Some(frame) = self.open.last().copied() {
            match frame {
                Frame::Object(entries) => self.entry(entries, sink)?,
                Frame::Array(elements) => self.element(elements, sink)?,
            }
        }
        self.skip_space();
        if self.at < self.text.len() { Err(self.refuse(Problem::Expected("nothing behind the value"))) } else { Ok(()) }
    }

    /// The next entry of the innermost container, an object, or its end.
    fn entry(&mut self, entries: usize, sink: &mut impl Sink<'a>) -> Result<(), Refusal> {
        if self.closes(entries, b'}', "a comma or a closing brace", sink)? {
            return Ok(());
        }
        if entries >= self.limits.object_entries {
            return Err(self.past("an object has too many entries", self.limits.object_entries));
        }
        self.count(Frame::Object(entries + 1));
        self.skip_space();
        let start = self.at;
        self.take(b'"', A_KEY)?;
        self.token()?;
        let key = self.string()?;
        if !sink.key(key) {
            return Err((start, Problem::DuplicateKey));
        }
        self.skip_space();
        self.take(b':', "a colon")?;
        self.value(sink)
    }

    /// The next element of the innermost container, an array, or its end.
    fn element(&mut self, elements: usize, sink: &mut impl Sink<'a>) -> Result<(), Refusal> {
        if self.closes(elements, b']', "a comma or a closing bracket", sink)? {
            return Ok(());
        }
        if elements >= self.limits.array_elements {
            return Err(self.past("an array has too many elements", self.limits.array_elements));
        }
        self.count(Frame::Array(elements + 1));
        self.value(sink)
    }

    /// Whether the innermost container, which has had `count` items, ends here; else takes the comma in between.
    fn closes(
        &mut self,
        count: usize,
        bracket: u8,
        expected: &'static str,
        sink: &mut impl Sink<'a>,
    ) -> Result<bool, Refusal> {
        self.skip_space();
        if self.peek() == Some(bracket) {
            self.at += 1;
            self.token()?;
            self.open.pop();
            sink.end();
            return Ok(true);
        }
        if count > 0 {
            self.take(b',', expected)?;
        }
        Ok(false)
    }

    /// A scalar, or the opening of a container.
    fn value(&mut self, sink: &mut impl Sink<'a>) -> Result<(), Refusal> {
        self.skip_space();
        let Some(byte) = self.peek() else { return Err(self.refuse(Problem::Ended(A_VALUE))) };
        self.token()?;
        let scalar = match byte {
            b'{' => {
                self.open(Frame::Object(0))?;
                sink.begin_object();
                return Ok(());
            }
            b'[' => {
                self.open(Frame::Array(0))?;
                sink.begin_array();
                return Ok(());
            }
            b'"' => {
                self.at += 1;
                Scalar::String(self.string()?)
            }
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.word("true", Scalar::Bool(true))?,
            b'f' => self.word("false", Scalar::Bool(false))?,
            b'n' => self.word("null", Scalar::Null)?,
            _ => return Err(self.refuse(Problem::Expected(A_VALUE))),
        };
        sink.scalar(scalar);
        Ok(())
    }

    fn open(&mut self, frame: Frame) -> Result<(), Refusal> {
        if self.open.len() >= self.limits.depth {
            return Err(self.past("the text is nested too deep", self.limits.depth));
        }
        self.at += 1;
        self.open.push(frame);
        Ok(())
    }

    fn count(&mut self, frame: Frame) {
        if let Some(last) = self.open.last_mut() {
            *last = frame;
        }
    }

    fn token(&mut self) -> Result<(), Refusal> {
        self.tokens += 1;
        if self.tokens > self.limits.tokens {
            return Err(self.past("the text has too many tokens", self.limits.tokens));
        }
        Ok(())
    }

    fn word(&mut self, word: &'static str, meaning: Scalar<'a>) -> Result<Scalar<'a>, Refusal> {
        if !self.rest().starts_with(word) {
            return Err(self.refuse(Problem::Expected("true, false or null")));
        }
        self.at += word.len();
        Ok(meaning)
    }

    /// RFC 8259 §6: no leading zeros, digits on both sides of the point.
    fn number(&mut self) -> Result<Scalar<'a>, Refusal> {
        let start = self.at;
        self.skip_if(|byte| byte == b'-');
        if !self.skip_if(|byte| byte == b'0') {
            self.digits()?;
        }
        if self.skip_if(|byte| byte == b'.') {
            self.digits()?;
        }
        if self.skip_if(|byte| matches!(byte, b'e' | b'E')) {
            self.skip_if(|byte| matches!(byte, b'+' | b'-'));
            self.digits()?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        if text.len() > NUMBER_BYTES_MAX {
            return Err((start, Problem::Limit { what: "a number has too many bytes", max: NUMBER_BYTES_MAX }));
        }
        // The grammar is the one just checked, so this cannot fail.
        text.parse().map(Scalar::Number).map_err(|_| (start, Problem::Expected("a number")))
    }

    fn digits(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        while self.skip_if(|byte| byte.is_ascii_digit()) {}
        if self.at > start { Ok(()) } else { Err(self.missing(A_DIGIT)) }
    }

    /// The rest of a string whose opening quote was taken. Borrows from the text unless something is escaped.
    fn string(&mut self) -> Result<Cow<'a, str>, Refusal> {
        let start = self.at;
        let mut text = Cow::Borrowed("");
        loop {
            let plain = self.rest().bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            let Some(plain) = plain else { return Err((self.text.len(), Problem::Ended("a closing quote"))) };
            // An ASCII byte stands at `plain`, so that is a character boundary.
            text += self.rest().get(..plain).unwrap_or_default();
            if text.len() > self.limits.string_bytes {
                return Err((
                    start,
                    Problem::Limit { what: "a string has too many bytes", max: self.limits.string_bytes },
                ));
            }
            self.at += plain;
            if self.skip_if(|byte| byte == b'"') {
                return Ok(text);
            }
            if !self.skip_if(|byte| byte == b'\\') {
                return Err(self.refuse(Problem::ControlCharacter));
            }
            text.to_mut().push(self.escape()?);
        }
    }

    /// What the characters behind a backslash mean (RFC 8259 §7).
    fn escape(&mut self) -> Result<char, Refusal> {
        let Some(byte) = self.peek() else { return Err(self.refuse(Problem::Ended("an escaped character"))) };
        let c = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err(self.refuse(Problem::Escape)),
        };
        self.at += 1;
        Ok(c)
    }

    fn unicode_escape(&mut self) -> Result<char, Refusal> {
        let start = self.at;
        let first = self.code_unit()?;
        let units = match first {
            0xd800..0xdc00 if self.skip_if(|byte| byte == b'\\') && self.peek() == Some(b'u') => {
                [first, self.code_unit()?]
            }
            _ => [first, 0],
        };
        match char::decode_utf16(units).next() {
            Some(Ok(c)) => Ok(c),
            _ => Err((start, Problem::LoneSurrogate)),
        }
    }

    /// `u` and four hexadecimal digits.
    fn code_unit(&mut self) -> Result<u16, Refusal> {
        self.take(b'u', HEX_DIGITS)?;
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let unit =
            digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()).ok_or_else(|| self.missing(HEX_DIGITS))?;
        self.at += 4;
        Ok(unit)
    }

    fn skip_space(&mut self) {
        while self.skip_if(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {}
    }

    fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), Refusal> {
        if self.skip_if(|next| next == byte) { Ok(()) } else { Err(self.missing(expected)) }
    }

    fn skip_if(&mut self, wanted: impl Fn(u8) -> bool) -> bool {
        let found = self.peek().is_some_and(wanted);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn missing(&self, expected: &'static str) -> Refusal {
        let ended = self.at >= self.text.len();
        self.refuse(if ended { Problem::Ended(expected) } else { Problem::Expected(expected) })
    }

    fn past(&self, what: &'static str, max: usize) -> Refusal {
        self.refuse(Problem::Limit { what, max })
    }

    fn refuse(&self, problem: Problem) -> Refusal {
        (self.at, problem)
    }
}

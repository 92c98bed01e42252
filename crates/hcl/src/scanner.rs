//! From characters to tokens.

use crate::source::Source;
use crate::{Error, Position, Problem, literal};

/// A word of the language.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Token {
    Word(String),
    String(String),
    Heredoc(String),
    Number(String),
    Bool(bool),
    OpenBrace,
    CloseBrace,
    OpenBracket,
    CloseBracket,
    Assign,
    Comma,
    End,
}

impl Token {
    /// What to call it in a message.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::String(_) => "a string".to_owned(),
            Self::Heredoc(_) => "a heredoc".to_owned(),
            Self::Number(number) => number.clone(),
            Self::Bool(flag) => flag.to_string(),
            Self::OpenBrace => "{".to_owned(),
            Self::CloseBrace => "}".to_owned(),
            Self::OpenBracket => "[".to_owned(),
            Self::CloseBracket => "]".to_owned(),
            Self::Assign => "=".to_owned(),
            Self::Comma => "a comma".to_owned(),
            Self::End => "the end of the document".to_owned(),
        }
    }
}

/// Walks over the text once.
pub(crate) struct Scanner<'a> {
    source: Source<'a>,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { source: Source::new(text), at: 0 }
    }

    /// The next token and where it starts. At the end of the text: [`Token::End`], as often as asked.
    pub(crate) fn next(&mut self) -> Result<(Token, Position), Error> {
        self.skip_blanks()?;
        let start = self.at;
        let token = self.token()?;
        Ok((token, self.source.position(start)))
    }

    /// What has not been read.
    fn rest(&self) -> &'a str {
        self.source.text.get(self.at..).unwrap_or_default()
    }

    fn error(&self, offset: usize, problem: Problem) -> Error {
        Error { position: self.source.position(offset), problem }
    }

    /// Steps over white space and comments.
    fn skip_blanks(&mut self) -> Result<(), Error> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            if blank > 0 {
                self.at += blank;
            } else if rest.starts_with('#') || rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let length = comment.find("*/").ok_or_else(|| self.error(self.at, Problem::CommentNotClosed))?;
                self.at += length + 4;
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<Token, Error> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        let single = match first {
            '{' => Some(Token::OpenBrace),
            '}' => Some(Token::CloseBrace),
            '[' => Some(Token::OpenBracket),
            ']' => Some(Token::CloseBracket),
            '=' => Some(Token::Assign),
            ',' => Some(Token::Comma),
            _ => None,
        };
        if let Some(token) = single {
            self.at += 1;
            return Ok(token);
        }
        match first {
            '"' => {
                let (text, end) = literal::unquote(self.source.text, self.at)
                    .map_err(|(offset, problem)| self.error(offset, problem))?;
                self.at = end;
                Ok(Token::String(text))
            }
            '<' => self.heredoc(),
            '-' if rest.chars().nth(1).is_some_and(|second| second.is_ascii_digit()) => self.number(),
            '0'..='9' => self.number(),
            '+' | '-' => Err(self.error(self.at, Problem::Expression)),
            letter if starts_word(letter) => Ok(self.word()),
            other => Err(self.error(self.at, Problem::UnexpectedCharacter(other))),
        }
    }

    fn word(&mut self) -> Token {
        let rest = self.rest();
        let length = rest.find(|letter| !continues_word(letter)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        self.at += length;
        match word {
            "true" => Token::Bool(true),
            "false" => Token::Bool(false),
            _ => Token::Word(word.to_owned()),
        }
    }

    /// A number runs to the first character that cannot belong to any number or word, so that `1h` is one mistake and
    /// not a number and a key.
    fn number(&mut self) -> Result<Token, Error> {
        let rest = self.rest();
        let mut length = 0;
        for letter in rest.chars() {
            let exponent = rest.get(..length).is_some_and(|text| text.ends_with(['e', 'E']) && !is_hex(text));
            let sign = matches!(letter, '+' | '-') && (length == 0 || exponent);
            if !sign && (letter == '-' || !continues_word(letter)) {
                break;
            }
            length += letter.len_utf8();
        }
        let text = rest.get(..length).unwrap_or_default();
        if !is_number(text) {
            return Err(self.error(self.at, Problem::BadNumber(text.to_owned())));
        }
        self.at += length;
        Ok(Token::Number(text.to_owned()))
    }

    /// `<<WORD` or `<<-WORD`, lines, and a line with the word alone. As in the original, that line must itself end.
    fn heredoc(&mut self) -> Result<Token, Error> {
        let start = self.at;
        let anchor_error = || self.error(start, Problem::HeredocAnchor);
        let rest = self.rest().strip_prefix("<<").ok_or_else(anchor_error)?;
        let (hanging, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
        let (anchor, content) = rest.split_once('\n').ok_or_else(anchor_error)?;
        if anchor.is_empty() || !anchor.chars().all(|letter| continues_word(letter) && !matches!(letter, '-' | '.')) {
            return Err(anchor_error());
        }
        let mut length = 0;
        for line in content.split_inclusive('\n') {
            let closing = line.trim_start_matches([' ', '\t', '\r', '\x0b', '\x0c']);
            if closing
                .strip_prefix(anchor)
                .is_some_and(|end| end.ends_with('\n') && end.trim_end_matches(['\r', '\n']).is_empty())
            {
                let indent = line.get(..line.len() - closing.len()).unwrap_or_default();
                let body = content.get(..length).unwrap_or_default();
                let text = literal::unindent(body, indent, hanging);
                // The new line behind the closing word is left for the white space.
                self.at = self.source.text.len() - content.len() + length + line.len() - 1;
                return Ok(Token::Heredoc(text));
            }
            length += line.len();
        }
        Err(self.error(start, Problem::HeredocNotClosed(anchor.to_owned())))
    }
}

fn starts_word(letter: char) -> bool {
    letter == '_' || letter.is_alphabetic()
}

fn continues_word(letter: char) -> bool {
    matches!(letter, '_' | '-' | '.') || letter.is_alphanumeric()
}

fn is_hex(text: &str) -> bool {
    let digits = text.trim_start_matches('-');
    digits.starts_with("0x") || digits.starts_with("0X")
}

/// Decimal, `0x` hexadecimal, `0` octal, or decimal with a fraction and an exponent.
fn is_number(text: &str) -> bool {
    let all = |text: &str, radix| !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix));
    let digits = text.strip_prefix('-').unwrap_or(text);
    if is_hex(digits) {
        return digits.get(2..).is_some_and(|digits| all(digits, 16));
    }
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (digits, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let is_integer = fraction.is_none() && exponent.is_none();
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    all(whole, if is_integer && leading_zero { 8 } else { 10 })
        && (is_integer || !leading_zero)
        && fraction.is_none_or(|digits| all(digits, 10))
        && exponent.is_none_or(|digits| all(digits, 10))
}

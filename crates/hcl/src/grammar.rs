//! From tokens to the tree: recursive descent with a bound on the depth.

use crate::scanner::{Scanner, Token};
use crate::{Body, DEPTH_MAX, Error, Item, Key, Kind, Position, Problem, VALUES_MAX, Value};

/// Reads a whole HCL document.
pub(crate) fn parse(text: &str) -> Result<Body, Error> {
    let mut parser = Parser { scanner: Scanner::new(text), peeked: None, budget: Budget::default() };
    let body = parser.body()?;
    match parser.next()? {
        (Token::End, _) => Ok(body),
        (token, position) => Err(expected("a key", &token, position)),
    }
}

/// Counts what [`DEPTH_MAX`] and [`VALUES_MAX`] bound.
#[derive(Default)]
pub(crate) struct Budget {
    depth: usize,
    values: usize,
}

impl Budget {
    /// One more key or value.
    pub(crate) fn spend(&mut self, position: Position) -> Result<(), Error> {
        self.values += 1;
        if self.values > VALUES_MAX { Err(Error { position, problem: Problem::TooManyValues }) } else { Ok(()) }
    }

    /// One level down; [`Budget::leave`] comes back.
    pub(crate) fn enter(&mut self, position: Position) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(Error { position, problem: Problem::TooDeep }) } else { Ok(()) }
    }

    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    peeked: Option<(Token, Position)>,
    budget: Budget,
}

impl Parser<'_> {
    fn next(&mut self) -> Result<(Token, Position), Error> {
        match self.peeked.take() {
            Some(token) => Ok(token),
            None => self.scanner.next(),
        }
    }

    /// Takes the next token if it is this one.
    fn accept(&mut self, wanted: &Token) -> Result<bool, Error> {
        let (token, position) = self.next()?;
        if token == *wanted {
            return Ok(true);
        }
        self.peeked = Some((token, position));
        Ok(false)
    }

    /// Items up to a closing brace or the end, which are left for the caller.
    fn body(&mut self) -> Result<Body, Error> {
        let mut items = Vec::new();
        loop {
            let (token, position) = self.next()?;
            if matches!(token, Token::CloseBrace | Token::End) {
                self.peeked = Some((token, position));
                return Ok(Body { items });
            }
            items.push(self.item(token, position)?);
            // One comma may follow an item, whether or not another one does.
            self.accept(&Token::Comma)?;
        }
    }

    /// One item, given its first token.
    fn item(&mut self, mut token: Token, mut position: Position) -> Result<Item, Error> {
        let mut keys: Vec<Key> = Vec::new();
        loop {
            match token {
                Token::Word(text) | Token::String(text) => {
                    self.budget.spend(position)?;
                    keys.push(Key { text, position });
                }
                Token::Assign if keys.len() == 1 => {
                    return Ok(Item { keys, value: self.value()? });
                }
                Token::Assign if keys.len() > 1 => return Err(Error { position, problem: Problem::AssignedBlock }),
                Token::OpenBrace if !keys.is_empty() => {
                    return Ok(Item { keys, value: self.object(position)? });
                }
                other => {
                    return Err(match keys.first() {
                        Some(key) => {
                            Error { position: key.position, problem: Problem::KeyWithoutValue(key.text.clone()) }
                        }
                        None => expected("a key", &other, position),
                    });
                }
            }
            (token, position) = self.next()?;
        }
    }

    fn value(&mut self) -> Result<Value, Error> {
        let (token, position) = self.next()?;
        self.value_from(token, position)
    }

    /// A value, given its first token.
    fn value_from(&mut self, token: Token, position: Position) -> Result<Value, Error> {
        self.budget.spend(position)?;
        let kind = match token {
            Token::String(text) | Token::Heredoc(text) => Kind::String(text),
            Token::Number(text) => Kind::Number(text),
            Token::Bool(flag) => Kind::Bool(flag),
            Token::OpenBrace => return self.object(position),
            Token::OpenBracket => return self.list(position),
            Token::Word(word) => return Err(Error { position, problem: Problem::BareWord(word) }),
            other => return Err(expected("a value", &other, position)),
        };
        Ok(Value { kind, position })
    }

    /// The rest of an object whose brace has been read.
    fn object(&mut self, position: Position) -> Result<Value, Error> {
        self.budget.enter(position)?;
        let body = self.body()?;
        match self.next()? {
            (Token::CloseBrace, _) => {}
            (token, at) => return Err(expected("} to end the block", &token, at)),
        }
        self.budget.leave();
        Ok(Value { kind: Kind::Object(body), position })
    }

    /// The rest of a list whose bracket has been read. Spare commas are let through, as in the original.
    fn list(&mut self, position: Position) -> Result<Value, Error> {
        self.budget.enter(position)?;
        let mut values = Vec::new();
        let mut needs_comma = false;
        loop {
            match self.next()? {
                (Token::CloseBracket, _) => break,
                (Token::Comma, _) => needs_comma = false,
                (token, at) if needs_comma => return Err(expected("a comma or ] in the list", &token, at)),
                (token, at) => {
                    values.push(self.value_from(token, at)?);
                    needs_comma = true;
                }
            }
        }
        self.budget.leave();
        Ok(Value { kind: Kind::List(values), position })
    }
}

fn expected(expected: &'static str, found: &Token, position: Position) -> Error {
    Error { position, problem: Problem::Expected { expected, found: found.describe() } }
}

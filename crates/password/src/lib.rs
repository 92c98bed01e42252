//! Password policies: a text that says how long passwords are and of which characters, and passwords drawn by it.
//!
//! The language is that of Vault's password policies (`docs/concepts/password-policies` of its public documentation). A
//! crate of its own and not a part of `policy`, because engines generate passwords and must not decide who may call them.
//!
//! Pure but for the randomness that it is handed; it keeps no password.

use std::collections::BTreeSet;

use env::Env;
use secret::SecretString;

mod generate;
mod parse;

pub use parse::ParseError;

/// The shortest password that a policy may ask for, in characters (Vault's bound).
pub const LENGTH_MIN: usize = 4;
/// The longest password that a policy may ask for, in characters (Vault's bound).
pub const LENGTH_MAX: usize = 100;
/// The most different characters that the rules of one policy may name: one random byte draws a character.
pub const CHARACTERS_MAX: usize = 256;
/// The most rules of one policy: one bit each for every character.
pub const RULES_MAX: usize = 32;

/// A policy that has been read, and by which passwords can be drawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PasswordPolicy {
    /// In characters, [`LENGTH_MIN`] to [`LENGTH_MAX`].
    length: usize,
    /// The characters of all rules, each once.
    characters: Vec<Character>,
    /// How many characters each of the rules that ask for something wants, at most [`RULES_MAX`].
    min_chars: Vec<usize>,
}

/// A character with the rules that it counts for, so that a drawn password is checked in one pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Character {
    text: char,
    /// Bit n for the n-th of `min_chars`.
    rules: u32,
}

/// How many characters of a set a password must have.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Rule {
    characters: BTreeSet<char>,
    min_chars: usize,
}

/// No password fulfilled the rules in as many tries as are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no password that fulfills all rules came up in {0} tries")]
pub struct Unlikely(pub u32);

impl PasswordPolicy {
    /// Reads a policy, HCL or JSON, without drawing a password.
    ///
    /// # Errors
    /// The first mistake.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::parse(text)
    }

    /// Draws a password, each character evenly from the characters of all rules, and draws all of it anew until every
    /// rule is fulfilled: so all passwords that fulfill the rules are equally likely. Takes some microseconds; rules that are
    /// hard to fulfill together take more tries, of which there are at most fifty thousand.
    ///
    /// # Errors
    /// When the rules are so narrow that no drawn password fulfills them.
    pub fn generate(&self, env: &Env) -> Result<SecretString, Unlikely> {
        generate::draw(self, env, generate::TRIES_MAX)
    }

    /// Whether passwords can be drawn by it, found by drawing one with a tenth of the tries: so what passes draws one
    /// nearly always.
    ///
    /// # Errors
    /// When the rules are too narrow.
    pub fn check(&self, env: &Env) -> Result<(), Unlikely> {
        generate::draw(self, env, generate::TRIES_MAX / 10).map(drop)
    }
}

#[cfg(test)]
mod tests;

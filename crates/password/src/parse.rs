//! From the text of a password policy to [`PasswordPolicy`].

use std::collections::BTreeSet;

use hcl::{Block, Item, Position, Value};

use crate::{CHARACTERS_MAX, Character, LENGTH_MAX, LENGTH_MIN, PasswordPolicy, RULES_MAX, Rule};

/// The one kind of rule there is.
const CHARSET: &str = "charset";

/// A text that is no password policy. Clients see these sentences.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Not in the language.
    #[error(transparent)]
    Text(hcl::Error),
    /// A key that no policy has.
    #[error("{position}: unknown key {key:?}; a password policy has length and rule \"charset\" {{ … }}")]
    UnknownKey {
        /// Where.
        position: Position,
        /// The key.
        key: String,
    },
    /// A kind of rule that there is not.
    #[error("{position}: unknown rule {kind:?}; the one kind of rule is \"charset\"")]
    UnknownRule {
        /// Where.
        position: Position,
        /// The kind.
        kind: String,
    },
    /// A key that no rule has.
    #[error("{position}: unknown key {key:?}; a charset rule has charset and min-chars")]
    UnknownRuleKey {
        /// Where.
        position: Position,
        /// The key.
        key: String,
    },
    /// A value of the wrong kind.
    #[error("{position}: key {key:?} takes {expected}, not {found}")]
    WrongKind {
        /// Where.
        position: Position,
        /// The key.
        key: String,
        /// What it takes.
        expected: &'static str,
        /// What it was given.
        found: &'static str,
    },
    /// No length, or one out of bounds.
    #[error("length must be {LENGTH_MIN} to {LENGTH_MAX} characters")]
    Length,
    /// No rule, so no characters.
    #[error("a password policy needs a rule \"charset\" {{ charset = \"…\" }}")]
    NoRule,
    /// More than [`RULES_MAX`].
    #[error("a password policy has at most {RULES_MAX} rules")]
    TooManyRules,
    /// A rule without characters.
    #[error("{position}: a charset rule needs a charset")]
    NoCharacters {
        /// Where.
        position: Position,
    },
    /// A character that cannot be printed.
    #[error("{position}: a charset takes printable characters only")]
    Unprintable {
        /// Where.
        position: Position,
    },
    /// More than [`CHARACTERS_MAX`].
    #[error("all charsets together may have {CHARACTERS_MAX} different characters")]
    TooManyCharacters,
    /// The rules ask for more than fits.
    #[error("the rules ask for at least {asked} characters, and length is {length}")]
    TooShort {
        /// The sum of all rules.
        asked: usize,
        /// The length.
        length: usize,
    },
}

pub(crate) fn parse(text: &str) -> Result<PasswordPolicy, ParseError> {
    let body = hcl::parse(text).map_err(ParseError::Text)?;
    let (mut length, mut rules) = (None, Vec::new());
    for item in &body.items {
        match item.name() {
            "length" => length = Some(whole_number(item)?),
            "rule" => {
                for block in item.blocks(1).map_err(ParseError::Text)? {
                    rules.push(rule(&block)?);
                }
            }
            key => return Err(ParseError::UnknownKey { position: item.position(), key: key.to_owned() }),
        }
        if rules.len() > RULES_MAX {
            return Err(ParseError::TooManyRules);
        }
    }
    let length = length.filter(|length| (LENGTH_MIN..=LENGTH_MAX).contains(length)).ok_or(ParseError::Length)?;
    build(length, rules)
}

fn build(length: usize, mut rules: Vec<Rule>) -> Result<PasswordPolicy, ParseError> {
    let characters: BTreeSet<char> = rules.iter().flat_map(|rule| rule.characters.iter().copied()).collect();
    if characters.is_empty() {
        return Err(ParseError::NoRule);
    }
    if characters.len() > CHARACTERS_MAX {
        return Err(ParseError::TooManyCharacters);
    }
    // Rules that share characters are counted as if they did not, as in Vault.
    let asked = rules.iter().fold(0_usize, |sum, rule| sum.saturating_add(rule.min_chars));
    if asked > length {
        return Err(ParseError::TooShort { asked, length });
    }
    rules.retain(|rule| rule.min_chars > 0);
    let characters = characters.into_iter().map(|text| {
        let bits = (0..).zip(&rules).filter(|(_, rule)| rule.characters.contains(&text));
        Character { text, rules: bits.fold(0, |all, (bit, _)| all | 1 << bit) }
    });
    let characters = characters.collect();
    Ok(PasswordPolicy { length, characters, min_chars: rules.iter().map(|rule| rule.min_chars).collect() })
}

fn rule(block: &Block<'_>) -> Result<Rule, ParseError> {
    let position = block.position;
    let kind = block.labels.first().map_or("", |label| label.text.as_str());
    if kind != CHARSET {
        return Err(ParseError::UnknownRule { position, kind: kind.to_owned() });
    }
    let (mut characters, mut min_chars) = (BTreeSet::new(), 0);
    for item in &block.body.items {
        match item.name() {
            "charset" => {
                let text = value(item, "a string")?;
                let text = text.as_str().ok_or_else(|| wrong_kind(item, "a string", text.describe()))?;
                if !text.chars().all(is_printable) {
                    return Err(ParseError::Unprintable { position: item.value.position });
                }
                characters = text.chars().collect();
            }
            "min-chars" => min_chars = whole_number(item)?,
            key => return Err(ParseError::UnknownRuleKey { position: item.position(), key: key.to_owned() }),
        }
    }
    if characters.is_empty() {
        return Err(ParseError::NoCharacters { position });
    }
    Ok(Rule { characters, min_chars })
}

/// Seen by whoever types it: no control character, no white space but the blank.
fn is_printable(character: char) -> bool {
    character == ' ' || !(character.is_control() || character.is_whitespace())
}

fn value<'a>(item: &'a Item, expected: &'static str) -> Result<&'a Value, ParseError> {
    match item.keys.as_slice() {
        [_] => Ok(&item.value),
        _ => Err(wrong_kind(item, expected, "a block with labels")),
    }
}

fn whole_number(item: &Item) -> Result<usize, ParseError> {
    const EXPECTED: &str = "a whole number, not negative";
    let value = value(item, EXPECTED)?;
    let number = value.scalar_text().and_then(|text| text.parse().ok());
    number.ok_or_else(|| wrong_kind(item, EXPECTED, value.describe()))
}

fn wrong_kind(item: &Item, expected: &'static str, found: &'static str) -> ParseError {
    ParseError::WrongKind { position: item.value.position, key: item.name().to_owned(), expected, found }
}

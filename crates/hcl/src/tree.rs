//! The tree that a document becomes, and the few ways in which its readers walk it.

use std::borrow::Cow;

use crate::{Error, Position, Problem};

/// The items of a document or of one object, in the order of the text, repeated ones included.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Body {
    /// The items.
    pub items: Vec<Item>,
}

/// One line of a [`Body`]: `key = value`, or `key "label" { … }`.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    /// The key, and the labels of a block behind it. Never empty.
    pub keys: Vec<Key>,
    /// What was assigned; a block is an object.
    pub value: Value,
}

/// A key or a label.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// The text, without quotes and escapes.
    pub text: String,
    /// Where it starts.
    pub position: Position,
}

/// A value and where it starts.
#[derive(Clone, PartialEq, Debug)]
pub struct Value {
    /// What it is.
    pub kind: Kind,
    /// Where it starts.
    pub position: Position,
}

/// What a [`Value`] can be.
#[derive(Clone, PartialEq, Debug)]
pub enum Kind {
    /// `null`, which only the JSON form has.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it was written, such as `0x1F`, `017` or `1.5e3`.
    Number(String),
    /// Text. `${…}` in it is kept as it is.
    String(String),
    /// A list.
    List(Vec<Value>),
    /// An object or block.
    Object(Body),
}

/// A block with its labels split from its type; see [`Body::blocks`].
#[derive(Clone, PartialEq, Debug)]
pub struct Block<'a> {
    /// The labels, as many as were asked for.
    pub labels: Vec<&'a Key>,
    /// What is between the braces.
    pub body: &'a Body,
    /// Where its type starts.
    pub position: Position,
}

impl Item {
    /// The first key: an attribute's name or a block's type.
    #[must_use]
    pub fn name(&self) -> &str {
        self.keys.first().map_or("", |key| key.text.as_str())
    }

    /// Where the first key starts.
    #[must_use]
    pub fn position(&self) -> Position {
        self.keys.first().map_or(self.value.position, |key| key.position)
    }

    /// The blocks that this one item stands for; see [`Body::blocks`].
    ///
    /// # Errors
    /// As [`Body::blocks`].
    pub fn blocks(&self, labels: usize) -> Result<Vec<Block<'_>>, Error> {
        let mut blocks = Vec::new();
        let found = self.keys.get(1..).unwrap_or_default().iter().collect();
        collect(self.name(), self.position(), found, &self.value, labels, &mut blocks)?;
        Ok(blocks)
    }

    fn is_block(&self) -> bool {
        match &self.value.kind {
            Kind::Object(_) => true,
            Kind::List(values) => {
                !values.is_empty() && values.iter().all(|value| matches!(value.kind, Kind::Object(_)))
            }
            _ => false,
        }
    }
}

impl Body {
    /// The last item of this name: what a repeated attribute means where repetition is allowed.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&Item> {
        self.items.iter().rev().find(|item| item.name() == name)
    }

    /// The first attribute that repeats the name of an earlier one. Blocks may repeat and do not count.
    ///
    /// The original decoder lets the last of several scalars win, and joins lists and objects.
    #[must_use]
    pub fn duplicate(&self) -> Option<&Item> {
        let mut seen = std::collections::BTreeSet::new();
        self.items.iter().find(|item| !matches!(item.value.kind, Kind::Object(_)) && !seen.insert(item.name()))
    }

    /// All blocks of a type with exactly `labels` labels.
    ///
    /// The JSON form has three ways to write them and all are read: `{"name": {"label": {…}}}`,
    /// `{"name": [{"label": {…}}, …]}` and `{"name": {"label": [{…}, …]}}`.
    ///
    /// # Errors
    /// [`Problem::NotABlock`] or [`Problem::Labels`] with the place of the item.
    pub fn blocks<'a>(&'a self, name: &str, labels: usize) -> Result<Vec<Block<'a>>, Error> {
        let mut blocks = Vec::new();
        for item in self.items.iter().filter(|item| item.name() == name) {
            blocks.append(&mut item.blocks(labels)?);
        }
        Ok(blocks)
    }
}

/// Adds the blocks that one value stands for. Recursion is bounded by the depth of the document.
fn collect<'a>(
    name: &str,
    position: Position,
    found: Vec<&'a Key>,
    value: &'a Value,
    wanted: usize,
    blocks: &mut Vec<Block<'a>>,
) -> Result<(), Error> {
    let wrong_labels = |found: usize| Problem::Labels { name: name.to_owned(), wanted, found };
    match &value.kind {
        Kind::List(values) => {
            for value in values {
                collect(name, value.position, found.clone(), value, wanted, blocks)?;
            }
            Ok(())
        }
        Kind::Object(body) if found.len() == wanted => {
            blocks.push(Block { labels: found, body, position });
            Ok(())
        }
        Kind::Object(body) if found.len() < wanted && body.items.iter().all(Item::is_block) => {
            if body.items.is_empty() {
                return Err(Error { position, problem: wrong_labels(found.len()) });
            }
            for item in &body.items {
                let labels = found.iter().copied().chain(&item.keys).collect();
                collect(name, item.position(), labels, &item.value, wanted, blocks)?;
            }
            Ok(())
        }
        Kind::Object(_) => Err(Error { position, problem: wrong_labels(found.len()) }),
        _ => Err(Error { position, problem: Problem::NotABlock(name.to_owned()) }),
    }
}

impl Value {
    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The body of an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&Body> {
        match &self.kind {
            Kind::Object(body) => Some(body),
            _ => None,
        }
    }

    /// A string, number or Boolean as text: the settings that take any of the three, as the original library does.
    #[must_use]
    pub fn scalar_text(&self) -> Option<Cow<'_, str>> {
        match &self.kind {
            Kind::String(text) => Some(Cow::Borrowed(text)),
            Kind::Number(text) => Some(decimal(text).map_or(Cow::Borrowed(text.as_str()), Cow::Owned)),
            Kind::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
            Kind::Null | Kind::List(_) | Kind::Object(_) => None,
        }
    }

    /// What to call this value in a message, with its article.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "a Boolean",
            Kind::Number(_) => "a number",
            Kind::String(_) => "a string",
            Kind::List(_) => "a list",
            Kind::Object(_) => "an object",
        }
    }

    /// The same value as JSON. Of repeated attributes the last wins; labels become nested objects; numbers keep their
    /// digits, except that hexadecimal and octal ones turn decimal.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.kind {
            Kind::Null => serde_json::Value::Null,
            Kind::Bool(flag) => serde_json::Value::Bool(*flag),
            Kind::Number(text) => {
                let text = decimal(text).unwrap_or_else(|| text.clone());
                // Every number that the scanner lets through is a JSON number once it is decimal.
                text.parse().map_or(serde_json::Value::String(text), serde_json::Value::Number)
            }
            Kind::String(text) => serde_json::Value::String(text.clone()),
            Kind::List(values) => values.iter().map(Value::to_json).collect(),
            Kind::Object(body) => {
                let nest = |item: &Item| {
                    let labels = item.keys.get(1..).unwrap_or_default();
                    let value = labels.iter().rev().fold(item.value.to_json(), |value, label| {
                        serde_json::Value::Object([(label.text.clone(), value)].into_iter().collect())
                    });
                    (item.name().to_owned(), value)
                };
                serde_json::Value::Object(body.items.iter().map(nest).collect())
            }
        }
    }
}

/// The decimal form of `0x1F` and `017`; nothing for numbers that are decimal already or that no integer type holds.
fn decimal(text: &str) -> Option<String> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let rest = digits.strip_prefix('0').filter(|rest| !rest.is_empty())?;
    let value = match rest.strip_prefix(['x', 'X']) {
        Some(hex) => u128::from_str_radix(hex, 16),
        None => u128::from_str_radix(rest, 8),
    };
    value.ok().map(|value| format!("{sign}{value}"))
}

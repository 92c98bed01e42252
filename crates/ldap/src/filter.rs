//! Search filters (RFC 4515) as an operator writes them, and as they are sent (RFC 4511 §4.5.1.7).

use crate::ber::{OCTETS, SEQUENCE, Writer};

/// The longest filter, in bytes.
pub const FILTER_BYTES_MAX: usize = 64 * 1024;
/// How deep filters stand in one another at most.
const DEPTH_MAX: usize = 32;

/// What entries a search is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Filter {
    /// All of them.
    And(Vec<Self>),
    /// At least one of them.
    Or(Vec<Self>),
    /// Not this one.
    Not(Box<Self>),
    /// The attribute is there.
    Present(String),
    /// A comparison of an attribute with a value.
    Compare(Comparison, String, Vec<u8>),
    /// Parts of a value in their order: the start and the end, if they count, and what is in between.
    Substrings(String, Parts),
    /// A comparison by a rule that the filter names.
    Extensible(Extensible),
}

/// How a value is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `~=`
    Approximate,
}

/// Parts of a value.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Parts {
    initial: Vec<u8>,
    any: Vec<Vec<u8>>,
    end: Vec<u8>,
}

/// A comparison by a rule, such as the one with which Active Directory finds members of nested groups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extensible {
    attribute: Option<String>,
    rule: Option<String>,
    is_of_dn: bool,
    value: Vec<u8>,
}

/// A text that is no filter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FilterError {
    /// It is too long.
    #[error("the filter has more than {FILTER_BYTES_MAX} bytes")]
    TooLong,
    /// Too many within each other.
    #[error("the filter has parentheses more than {DEPTH_MAX} deep")]
    TooDeep,
    /// A parenthesis is missing, or one is too many.
    #[error("the parentheses of the filter do not match")]
    Parentheses,
    /// There is no comparison, or its attribute has no name.
    #[error("a part of the filter is not of the form (attribute=value)")]
    Item,
    /// A backslash without two hexadecimal digits.
    #[error("a backslash in the filter is not followed by two hexadecimal digits")]
    Escape,
}

/// A text as a value in a filter (RFC 4515 §3): it is taken literally, and cannot end the value.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'*' | b'(' | b')' | b'\\' | 0x00..0x20 | 0x7f.. => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let digit = |number: u8| DIGITS.get(usize::from(number)).map_or('0', |digit| char::from(*digit));
                escaped.extend(['\\', digit(byte >> 4), digit(byte & 0x0f)]);
            }
            byte => escaped.push(char::from(byte)),
        }
    }
    escaped
}

impl Filter {
    /// The filter of a text.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.len() > FILTER_BYTES_MAX {
            return Err(FilterError::TooLong);
        }
        match filter(text.trim(), 0)? {
            (filter, "") => Ok(filter),
            _ => Err(FilterError::Parentheses),
        }
    }

    /// An attribute that has a value.
    #[must_use]
    pub fn equal(attribute: &str, value: &str) -> Self {
        Self::Compare(Comparison::Equal, attribute.to_owned(), value.as_bytes().to_vec())
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        match self {
            Self::And(filters) => writer.nest(0xa0, |it| filters.iter().for_each(|filter| filter.write(it))),
            Self::Or(filters) => writer.nest(0xa1, |it| filters.iter().for_each(|filter| filter.write(it))),
            Self::Not(filter) => writer.nest(0xa2, |it| filter.write(it)),
            Self::Present(attribute) => writer.put(0x87, attribute.as_bytes()),
            Self::Compare(comparison, attribute, value) => writer.nest(comparison.tag(), |it| {
                it.put(OCTETS, attribute.as_bytes());
                it.put(OCTETS, value);
            }),
            Self::Substrings(attribute, parts) => writer.nest(0xa4, |it| {
                it.put(OCTETS, attribute.as_bytes());
                it.nest(SEQUENCE, |it| parts.write(it));
            }),
            Self::Extensible(extensible) => writer.nest(0xa9, |it| extensible.write(it)),
        }
    }
}

impl Comparison {
    const fn tag(self) -> u8 {
        match self {
            Self::Equal => 0xa3,
            Self::AtLeast => 0xa5,
            Self::AtMost => 0xa6,
            Self::Approximate => 0xa8,
        }
    }
}

impl Parts {
    fn write(&self, writer: &mut Writer) {
        if !self.initial.is_empty() {
            writer.put(0x80, &self.initial);
        }
        for part in &self.any {
            writer.put(0x81, part);
        }
        if !self.end.is_empty() {
            writer.put(0x82, &self.end);
        }
    }
}

impl Extensible {
    fn write(&self, writer: &mut Writer) {
        if let Some(rule) = &self.rule {
            writer.put(0x81, rule.as_bytes());
        }
        if let Some(attribute) = &self.attribute {
            writer.put(0x82, attribute.as_bytes());
        }
        writer.put(0x83, &self.value);
        if self.is_of_dn {
            writer.boolean(0x84, true);
        }
    }
}

/// A filter in parentheses, and what stands behind it.
fn filter(text: &str, depth: usize) -> Result<(Filter, &str), FilterError> {
    if depth >= DEPTH_MAX {
        return Err(FilterError::TooDeep);
    }
    let inner = text.strip_prefix('(').ok_or(FilterError::Parentheses)?;
    let (filter, rest) = match inner.as_bytes().first() {
        Some(b'&') => filters(inner, depth).map(|(all, rest)| (Filter::And(all), rest))?,
        Some(b'|') => filters(inner, depth).map(|(all, rest)| (Filter::Or(all), rest))?,
        Some(b'!') => {
            let (one, rest) = filter(inner.get(1..).unwrap_or_default().trim_start(), depth + 1)?;
            (Filter::Not(Box::new(one)), rest.trim_start())
        }
        _ => {
            let end = inner.find(['(', ')']).ok_or(FilterError::Parentheses)?;
            let (item, rest) = inner.split_at(end);
            (self::item(item)?, rest)
        }
    };
    Ok((filter, rest.strip_prefix(')').ok_or(FilterError::Parentheses)?))
}

/// Filters one behind the other, behind the sign that joins them.
fn filters(text: &str, depth: usize) -> Result<(Vec<Filter>, &str), FilterError> {
    let mut rest = text.get(1..).unwrap_or_default().trim_start();
    let mut all = Vec::new();
    while rest.starts_with('(') {
        let (one, behind) = filter(rest, depth + 1)?;
        all.push(one);
        rest = behind.trim_start();
    }
    if all.is_empty() { Err(FilterError::Item) } else { Ok((all, rest)) }
}

fn item(text: &str) -> Result<Filter, FilterError> {
    let (left, right) = text.split_once('=').ok_or(FilterError::Item)?;
    if let Some(left) = left.strip_suffix(':') {
        return extensible(left, right);
    }
    let (attribute, comparison) = match left.as_bytes().last() {
        Some(b'>') => (left.strip_suffix('>'), Comparison::AtLeast),
        Some(b'<') => (left.strip_suffix('<'), Comparison::AtMost),
        Some(b'~') => (left.strip_suffix('~'), Comparison::Approximate),
        _ => (Some(left), Comparison::Equal),
    };
    let attribute = name(attribute.unwrap_or_default())?;
    if comparison != Comparison::Equal || !right.contains('*') {
        return Ok(Filter::Compare(comparison, attribute, value(right)?));
    }
    if right == "*" {
        return Ok(Filter::Present(attribute));
    }
    let mut parts = right.split('*').map(value).collect::<Result<Vec<_>, _>>()?;
    let end = parts.pop().unwrap_or_default();
    let mut parts = parts.into_iter();
    let initial = parts.next().unwrap_or_default();
    let any: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    if initial.is_empty() && any.is_empty() && end.is_empty() {
        return Ok(Filter::Present(attribute));
    }
    Ok(Filter::Substrings(attribute, Parts { initial, any, end }))
}

/// `attribute:dn:rule:=value`, of which the attribute or the rule may be absent, and `dn`.
fn extensible(left: &str, right: &str) -> Result<Filter, FilterError> {
    let mut words = left.split(':');
    let attribute = words.next().filter(|word| !word.is_empty()).map(name).transpose()?;
    let mut rest: Vec<_> = words.collect();
    let is_of_dn = rest.first().is_some_and(|word| word.eq_ignore_ascii_case("dn"));
    if is_of_dn {
        rest.remove(0);
    }
    let rule = match rest[..] {
        [] => None,
        [rule] => Some(name(rule)?),
        _ => return Err(FilterError::Item),
    };
    if attribute.is_none() && rule.is_none() {
        return Err(FilterError::Item);
    }
    Ok(Filter::Extensible(Extensible { attribute, rule, is_of_dn, value: value(right)? }))
}

/// The name of an attribute with its options, or of a rule (RFC 4512 §2.5).
fn name(text: &str) -> Result<String, FilterError> {
    let text = text.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ';' | '_');
    if text.is_empty() || !text.chars().all(fits) { Err(FilterError::Item) } else { Ok(text.to_owned()) }
}

fn value(text: &str) -> Result<Vec<u8>, FilterError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).ok_or(FilterError::Escape);
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => {
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                bytes.push(u8::try_from(high * 16 + low).map_err(|_| FilterError::Escape)?);
            }
            byte => bytes.push(byte),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;

//! Templates of claims: a JSON object in which `{{identity.entity.name}}` and the like stand for what is known of
//! somebody (Vault's documentation, “Identity tokens”).
//!
//! A parameter stands where a value may stand, and nowhere else: the template is read as JSON with a place for each
//! parameter, and what is put there is a value, never text of the template. So whatever an entity, a group or their
//! metadata are called adds no claim and closes no string.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use framework::Error;
use jose::jws;
use serde_json::{Map, Value};

use super::subject::{Known, Selector};

/// The longest template, in bytes.
const TEMPLATE_BYTES_MAX: usize = 16 * 1024;
/// How deep a template nests.
const DEPTH_MAX: usize = 16;
/// The most parameters of a template.
const PARAMETERS_MAX: usize = 256;
/// The most that all parameters of a token's templates may amount to, in bytes of JSON: a token has to fit into headers
/// and cookies of others, and groups may be many.
pub(super) const CLAIMS_BYTES_MAX: usize = jws::TEXT_BYTES_MAX / 4;
/// What stands in a template for its parameters, in front of the number. A bare one cannot be written in JSON.
const MARK: char = '\u{0}';
/// Claims that only the server makes (documented Vault behavior).
pub(super) const RESERVED: [&str; 10] =
    ["iat", "aud", "exp", "iss", "sub", "namespace", "nonce", "auth_time", "at_hash", "c_hash"];

/// A template that has been understood.
pub(super) struct Template {
    claims: Map<String, Value>,
    selectors: Vec<Selector>,
}

/// How much may still be put into claims.
pub(super) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(CLAIMS_BYTES_MAX)
    }
}

impl Template {
    /// Reads a template, as JSON or as base64 of it. An empty one has no claims.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the reason.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > TEMPLATE_BYTES_MAX * 4 / 3 + 4 {
            return Err(too_long(text.len()));
        }
        let decoded = BASE64.decode(text.trim().as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = decoded.as_deref().unwrap_or(text).trim();
        if text.len() > TEMPLATE_BYTES_MAX {
            return Err(too_long(text.len()));
        }
        if text.is_empty() {
            return Ok(Self { claims: Map::new(), selectors: Vec::new() });
        }
        let (json, selectors) = marked(text)?;
        let limits = api::json::Limits { depth: DEPTH_MAX, ..api::json::Limits::default() };
        let parsed = api::json::parse(json.as_bytes(), &limits);
        let parsed = parsed.map_err(|why| Error::Invalid(format!("error parsing template JSON: {why}").into()))?;
        let Value::Object(claims) = parsed else {
            return Err(Error::invalid("error parsing template JSON: the template must be an object"));
        };
        check_names(&claims)?;
        if let Some(name) = claims.keys().find(|name| RESERVED.contains(&name.as_str())) {
            let text = format!("top level key {name:?} not allowed. Restricted keys: {}", RESERVED.join(", "));
            return Err(Error::Invalid(text.into()));
        }
        Ok(Self { claims, selectors })
    }

    /// The names of the claims that it makes.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.claims.keys().map(String::as_str)
    }

    /// The accessors of the mounts whose aliases it asks about.
    pub(super) fn accessors(&self) -> BTreeSet<String> {
        self.selectors.iter().filter_map(Selector::accessor).map(str::to_owned).collect()
    }

    /// The claims about somebody.
    ///
    /// # Errors
    /// [`Error::Invalid`] when they are longer than there is room for.
    pub(super) fn fill(&self, known: &Known<'_>, room: &mut Room) -> Result<Map<String, Value>, Error> {
        let filled = self.claims.iter().map(|(name, value)| Ok((name.clone(), self.value(value, known, room)?)));
        filled.collect()
    }

    fn value(&self, value: &Value, known: &Known<'_>, room: &mut Room) -> Result<Value, Error> {
        Ok(match value {
            Value::String(text) => match self.selector(text) {
                Some(selector) => room.take(known.value(selector))?,
                None => value.clone(),
            },
            Value::Array(values) => {
                Value::Array(values.iter().map(|value| self.value(value, known, room)).collect::<Result<_, _>>()?)
            }
            Value::Object(values) => {
                let filled = values.iter().map(|(name, value)| Ok((name.clone(), self.value(value, known, room)?)));
                Value::Object(filled.collect::<Result<_, Error>>()?)
            }
            other => other.clone(),
        })
    }

    fn selector(&self, text: &str) -> Option<&Selector> {
        self.selectors.get(text.strip_prefix(MARK)?.parse::<usize>().ok()?)
    }
}

impl Room {
    fn take(&mut self, value: Value) -> Result<Value, Error> {
        let length = framework::view::encode(&value)?.len();
        self.0 = self.0.checked_sub(length).ok_or_else(|| {
            let text = format!("the claims of the token would be longer than {CLAIMS_BYTES_MAX} bytes");
            Error::Invalid(text.into())
        })?;
        Ok(value)
    }
}

/// The template as JSON, with a marked string where each parameter stood.
fn marked(text: &str) -> Result<(String, Vec<Selector>), Error> {
    let (mut json, mut selectors, mut rest) = (String::with_capacity(text.len()), Vec::new(), text);
    while let Some((before, behind)) = rest.split_once("{{") {
        let unbalanced = || Error::invalid("error parsing template: unbalanced templating characters");
        let (parameter, behind) = behind.split_once("}}").ok_or_else(unbalanced)?;
        if selectors.len() == PARAMETERS_MAX {
            let text = format!("error parsing template: more than {PARAMETERS_MAX} parameters");
            return Err(Error::Invalid(text.into()));
        }
        json.push_str(before);
        // In a string of the template its quotes end that string, and what is left is no JSON.
        json.push_str(&format!("\"\\u0000{}\"", selectors.len()));
        selectors.push(Selector::parse(parameter.trim())?);
        rest = behind;
    }
    json.push_str(rest);
    Ok((json, selectors))
}

/// Refuses a parameter as the name of something: what somebody is called must not name a claim.
fn check_names(values: &Map<String, Value>) -> Result<(), Error> {
    if values.keys().any(|name| name.contains(MARK)) {
        return Err(Error::invalid("error parsing template: a parameter cannot stand for the name of a key"));
    }
    values.values().try_for_each(check_names_within)
}

fn check_names_within(value: &Value) -> Result<(), Error> {
    match value {
        Value::Object(values) => check_names(values),
        Value::Array(values) => values.iter().try_for_each(check_names_within),
        _ => Ok(()),
    }
}

fn too_long(length: usize) -> Error {
    Error::Invalid(format!("the template has {length} bytes, the most is {TEMPLATE_BYTES_MAX}").into())
}

#[cfg(test)]
mod tests;

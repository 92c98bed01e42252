//! The rows of `identity/oidc/`: who issues tokens, the keys and roles of identity tokens, the tokens themselves, and what
//! is published for those who verify them; then the provider with its clients, assignments and scopes, and its flow.

use framework::view::LIST_NAMES_MAX;
use framework::{Error, Path, Reply};
use serde_json::{Map, Value, json};

use super::Oidc;

mod assignment;
mod client;
mod config;
mod flow;
mod key;
mod provider;
mod role;
mod scope;
mod token;
mod well_known;

/// The most that one list tells, in bytes of JSON.
const LIST_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A list with what is known of each of its names.
struct Listed {
    limit: Option<usize>,
    keys: Vec<String>,
    info: Map<String, Value>,
    bytes: usize,
}

impl Listed {
    /// An empty one, which takes so many names.
    fn new(limit: Option<usize>) -> Self {
        Self { limit, keys: Vec::new(), info: Map::new(), bytes: 0 }
    }

    /// # Errors
    /// [`Error::Invalid`] when all together would be longer than [`LIST_BYTES_MAX`].
    fn add(&mut self, name: &str, about: Value) -> Result<(), Error> {
        self.bytes += name.len() + framework::view::encode(&about)?.len();
        if self.bytes > LIST_BYTES_MAX {
            return Err(too_much());
        }
        self.keys.push(name.to_owned());
        self.info.insert(name.to_owned(), about);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.keys.len() >= limit)
    }
}

impl From<Listed> for Reply {
    fn from(listed: Listed) -> Self {
        Self::data(json!({ "keys": listed.keys, "key_info": listed.info }))
    }
}

fn too_much() -> Error {
    let text = format!(
        "more than {LIST_NAMES_MAX} names or {LIST_BYTES_MAX} bytes: list them in pages with \"limit\" and \"after\""
    );
    Error::Invalid(text.into())
}

/// All rows.
pub(crate) fn all() -> Vec<Path<Oidc>> {
    let tokens = [config::paths(), key::paths(), role::paths(), token::paths(), well_known::paths()];
    let login = [scope::paths(), assignment::paths(), client::paths(), provider::paths(), flow::paths()];
    tokens.into_iter().chain(login).flatten().collect()
}

#[cfg(test)]
mod tests;

//! The text of lease ids: `<path of the request>/<24 random characters>`, and outside the root namespace `.<namespace id>`
//! at the end. The one place that makes and reads it.

use env::Env;

use crate::keys::ROOT_NAMESPACE;
use crate::tokens::RANDOM_CHARACTERS;

/// A lease id of a namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LeaseId {
    /// The path of the request that made it, without a `/` at either end.
    pub(crate) path: String,
    /// What stands behind the last `/`.
    pub(crate) tail: String,
}

impl LeaseId {
    /// A fresh one.
    pub(crate) fn mint(env: &Env, ns: &str, path: &str) -> Self {
        let mut tail = env.base62(RANDOM_CHARACTERS);
        if ns != ROOT_NAMESPACE {
            tail.push('.');
            tail.push_str(ns);
        }
        Self { path: path.trim_matches('/').to_owned(), tail }
    }

    /// A text from outside; nothing for what cannot be a lease of this namespace.
    pub(crate) fn parse(ns: &str, text: &str) -> Option<Self> {
        let (path, tail) = text.trim_matches('/').rsplit_once('/')?;
        let named = tail.rsplit_once('.').map_or(ROOT_NAMESPACE, |(_, named)| named);
        (!path.is_empty() && named == ns).then(|| Self { path: path.to_owned(), tail: tail.to_owned() })
    }

    /// As it stands on the wire.
    pub(crate) fn text(&self) -> String {
        [self.path.as_str(), "/", &self.tail].concat()
    }
}

#[cfg(test)]
mod tests;

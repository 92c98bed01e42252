//! The text of lease ids: `<path of the request>/<24 random characters>`, and outside the root namespace `.<namespace id>`
//! at the end. Tokens have one as well, `<path>/h<storage name>`, by which nobody can use them. The one place that makes
//! and reads it.

use env::Env;

use crate::keys::ROOT_NAMESPACE;
use crate::tokens::RANDOM_CHARACTERS;

/// How the tail of a token's id begins.
const OF_TOKEN: &str = "h";

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
        let tail = with_namespace(env.base62(RANDOM_CHARACTERS), ns);
        Self { path: path.trim_matches('/').to_owned(), tail }
    }

    /// That of a token, which was made at this path.
    pub(crate) fn of_token(ns: &str, path: &str, hash: &str) -> Self {
        let path = path.trim_matches('/').to_owned();
        Self { path, tail: with_namespace([OF_TOKEN, hash].concat(), ns) }
    }

    /// The storage name of the token that it may be of.
    pub(crate) fn token_hash(&self) -> Option<&str> {
        let hash = self.tail.split('.').next()?.strip_prefix(OF_TOKEN)?;
        let is_name = hash.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        (is_below_auth(&self.path) && !hash.is_empty() && is_name).then_some(hash)
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

/// Whether a path, with slashes around it or without, is one where tokens are made.
pub(crate) fn is_below_auth(path: &str) -> bool {
    path.trim_matches('/').split('/').next() == Some("auth")
}

fn with_namespace(mut tail: String, ns: &str) -> String {
    if ns != ROOT_NAMESPACE {
        tail.push('.');
        tail.push_str(ns);
    }
    tail
}

#[cfg(test)]
mod tests;

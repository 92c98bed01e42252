//! The text of lease ids: `<path of the request>/<24 characters>`, and outside the root namespace `.<namespace id>` at the
//! end. Tokens have one as well, `<path>/h<storage name>`, by which nobody can use them. The one place that makes and
//! reads it.
//!
//! The first six of the 24 characters tell the second in which it was made, and 18 are random (107 bits). Leases are
//! stored in the order of those seconds, so that what is made together, and mostly ends together, lies together in the
//! store: however many there are already, one more touches few pages of it.

use std::time::UNIX_EPOCH;

use env::Env;

use crate::keys::ROOT_NAMESPACE;
use crate::tokens::RANDOM_CHARACTERS;

/// How many characters of the tail tell when it was made.
const MOMENT_CHARACTERS: usize = 6;
/// The digits of a number that sorts like it, in the order of their bytes.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
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
        let seconds = env.now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let tail = with_namespace(moment_of(seconds) + &env.base62(RANDOM_CHARACTERS - MOMENT_CHARACTERS), ns);
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

    /// The part that tells when it was made, by which leases are sorted; nothing for what was made nowhere.
    pub(crate) fn moment(&self) -> Option<&str> {
        self.tail.get(..MOMENT_CHARACTERS).filter(|moment| moment.bytes().all(|it| it.is_ascii_alphanumeric()))
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

/// Seconds since 1970 in digits; enough for 1,800 years.
fn moment_of(mut seconds: u64) -> String {
    let mut digits = [b'0'; MOMENT_CHARACTERS];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(seconds % 62) as usize];
        seconds /= 62;
    }
    digits.iter().copied().map(char::from).collect()
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

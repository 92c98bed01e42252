//! What a token's text says of itself, and how tokens are named in storage. Any text may be a token, so nothing here
//! refuses one.

use crate::keys::ROOT_NAMESPACE;
use crate::namespaces::is_id;

/// The prefixes of the tokens that the server makes: service, batch, recovery.
const PREFIXES: [&str; 3] = ["hvs.", "hvb.", "hvr."];

/// The id of the namespace that a token belongs to: behind the last dot, but for that of its prefix; that of the root
/// where there is no such dot. `None` for what cannot be an id, so that no text of a stranger becomes part of a key.
pub(crate) fn namespace_of(token: &str) -> Option<&str> {
    let rest = PREFIXES.iter().find_map(|prefix| token.strip_prefix(prefix)).unwrap_or(token);
    match rest.rsplit_once('.') {
        None => Some(ROOT_NAMESPACE),
        Some((_, id)) => Some(id).filter(|id| is_id(id)),
    }
}

/// What tokens, accessors and the like of a namespace end in: nothing in the root.
pub(crate) fn with_namespace(text: &str, ns: &str) -> String {
    if ns == ROOT_NAMESPACE { text.to_owned() } else { [text, ".", ns].concat() }
}

/// A token as something of the namespace `here` names it: its hash, with its namespace behind a dot if that is another.
pub(crate) fn named_from(here: &str, ns: &str, hash: &str) -> String {
    if here == ns { hash.to_owned() } else { [hash, ".", ns].concat() }
}

/// The namespace and the hash of a token that something of the namespace `here` names.
pub(crate) fn parse_name<'n>(here: &'n str, name: &'n str) -> (&'n str, &'n str) {
    name.split_once('.').map_or((here, name), |(hash, ns)| (ns, hash))
}

#[cfg(test)]
mod tests;

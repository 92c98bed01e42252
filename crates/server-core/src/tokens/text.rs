//! What a token's text says of itself. Any text may be a token, so nothing here refuses one.

/// The prefixes of the tokens that the server makes: service, batch, recovery.
const PREFIXES: [&str; 3] = ["hvs.", "hvb.", "hvr."];

/// The id of the namespace that a token names: behind the last dot, but for that of its prefix. `None` for the root
/// namespace, and for texts of somebody's own choice, which have no dot.
pub(crate) fn namespace_of(token: &str) -> Option<&str> {
    let rest = PREFIXES.iter().find_map(|prefix| token.strip_prefix(prefix))?;
    rest.rsplit_once('.').map(|(_, id)| id)
}

#[cfg(test)]
mod tests;

//! Where people may be sent back to: exactly where the operator said. A native application's port on loopback is its
//! system's choice, and may differ (RFC 8252 §7.3), also where loopback has its name (documented Vault behavior).

use framework::Error;

/// Who is on the same machine as whoever looks at the page.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];
/// Schemes that run what stands behind them.
const SCHEMES_RUN: [&str; 3] = ["javascript", "data", "vbscript"];

/// Refuses what nobody can be sent back to (RFC 6749 §3.1.2): it has to be absolute, without a fragment.
///
/// # Errors
/// [`Error::Invalid`] with the reason.
pub(in crate::oidc) fn check(uri: &str) -> Result<(), Error> {
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let runs = SCHEMES_RUN.iter().any(|name| scheme.eq_ignore_ascii_case(name));
    let is_text = uri.chars().all(|c| c.is_ascii_graphic() && c != '#');
    if is_scheme && is_text && !runs {
        return Ok(());
    }
    let text = format!("redirect_uri {uri:?} must be absolute, in visible ASCII, without a fragment");
    Err(Error::Invalid(text.into()))
}

/// Whether one of the allowed URIs is meant.
pub(in crate::oidc) fn is_allowed(uri: &str, allowed: &[String]) -> bool {
    let portless = loopback(uri);
    allowed.iter().any(|one| one == uri || (portless.is_some() && loopback(one) == portless))
}

/// A URI on loopback without its port: scheme, host, and what is behind it.
fn loopback(uri: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = uri.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at_checked(end)?;
    let host = LOOPBACK.into_iter().find(|host| authority.strip_prefix(host).is_some_and(is_port))?;
    Some((scheme, host, behind))
}

/// Whether that is what stands behind a host (RFC 3986 §3.2.3): nothing, or a colon and a number.
fn is_port(text: &str) -> bool {
    let is_number = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    text.is_empty() || text.strip_prefix(':').is_some_and(is_number)
}

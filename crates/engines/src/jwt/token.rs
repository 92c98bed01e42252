//! Whether the claims of a token are valid here and now, as the registered ones say (RFC 7519 §4.1): whose it is, for
//! whom, from when and until when. The rules and their texts are those of Vault, whose clients search for them.
//!
//! Nothing here is asked before the signature has been verified.

use jose::Algorithm;
use serde_json::Value;

/// What an exp or nbf that is missing is made with, and what clocks may differ by, in seconds (documented Vault defaults).
const LEEWAY_SECS: i64 = 150;
const CLOCK_SKEW_SECS: i64 = 60;
/// The claims whose meaning is registered, and looked at here.
const REGISTERED: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// What a token has to say.
#[derive(Default)]
pub(super) struct Expected<'e> {
    /// Empty for anybody.
    pub(super) issuer: &'e str,
    /// Empty for anybody.
    pub(super) subject: &'e str,
    /// Empty for no audience at all.
    pub(super) audiences: &'e [String],
    /// Empty for all.
    pub(super) algorithms: &'e [Algorithm],
    /// 0 for the usual, less for none.
    pub(super) expiration_leeway: i64,
    pub(super) not_before_leeway: i64,
    pub(super) clock_skew_leeway: i64,
    /// Since 1970.
    pub(super) now_secs: i64,
}

/// Why a token is not valid.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Invalid {
    /// Documented Vault text.
    #[error("invalid algorithm (alg) header parameter: token signed with unexpected algorithm")]
    Algorithm,
    /// A claim that one reader takes for a registered one and another does not.
    #[error("claim name {0:?} differs from the registered one in upper and lower case alone")]
    Confusing(String),
    /// A registered claim of another type.
    #[error("claim {0:?} is not of the type that is registered for it")]
    Type(&'static str),
    /// Documented Vault text.
    #[error("invalid issuer (iss) claim")]
    Issuer,
    /// Documented Vault text.
    #[error("invalid subject (sub) claim")]
    Subject,
    /// Documented Vault text.
    #[error("invalid audience (aud) claim: audience claim does not match any expected audience")]
    Audience,
    /// Documented Vault text.
    #[error("no issued at (iat), not before (nbf), or expiration time (exp) claims in token")]
    NoTimes,
    /// Documented Vault text.
    #[error("invalid not before (nbf) claim: token not yet valid")]
    NotYet,
    /// Documented Vault text.
    #[error("invalid expiration time (exp) claim: token is expired")]
    Expired,
    /// Documented Vault text.
    #[error("invalid issued at (iat) claim: token issued in the future")]
    Future,
}

/// Whether a token with these claims, which was signed with this algorithm, is as expected.
pub(super) fn check(claims: &Value, algorithm: Option<Algorithm>, expected: &Expected<'_>) -> Result<(), Invalid> {
    let is_allowed = |algorithm| expected.algorithms.is_empty() || expected.algorithms.contains(&algorithm);
    if !algorithm.is_some_and(is_allowed) {
        return Err(Invalid::Algorithm);
    }
    check_names(claims)?;
    if !expected.issuer.is_empty() && text(claims, "iss")? != expected.issuer {
        return Err(Invalid::Issuer);
    }
    if !expected.subject.is_empty() && text(claims, "sub")? != expected.subject {
        return Err(Invalid::Subject);
    }
    let audiences = audiences(claims)?;
    let is_for_us = expected.audiences.is_empty()
        || audiences.iter().any(|audience| expected.audiences.iter().any(|it| it == audience));
    if !is_for_us {
        return Err(Invalid::Audience);
    }
    check_times(claims, expected)
}

/// For whom a token is: a list, or one.
pub(super) fn audiences(claims: &Value) -> Result<Vec<&str>, Invalid> {
    let wrong = Invalid::Type("aud");
    match claims.get("aud") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(Some(one.as_str()).filter(|one| !one.is_empty()).into_iter().collect()),
        Some(Value::Array(items)) => items.iter().map(Value::as_str).collect::<Option<_>>().ok_or(wrong),
        Some(_) => Err(wrong),
    }
}

/// Refuses names such as `Sub`, which some readers take for `sub` and others do not: who may write a claim of their own
/// must not write a registered one with it.
fn check_names(claims: &Value) -> Result<(), Invalid> {
    let Some(claims) = claims.as_object() else { return Ok(()) };
    for name in claims.keys().filter(|name| !REGISTERED.contains(&name.as_str())) {
        let folded: String = name.chars().map(fold).collect();
        if REGISTERED.contains(&folded.as_str()) {
            return Err(Invalid::Confusing(name.clone()));
        }
    }
    Ok(())
}

/// A letter as others that fold to it are read: of all that Unicode has, one is no capital, the long s.
fn fold(letter: char) -> char {
    if letter == '\u{17f}' { 's' } else { letter.to_ascii_lowercase() }
}

fn text<'c>(claims: &'c Value, name: &'static str) -> Result<&'c str, Invalid> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(value) => value.as_str().ok_or(Invalid::Type(name)),
    }
}

/// A time of a token, in whole seconds since 1970; 0 when it has none (RFC 7519 §2: a number, with a fraction or without).
pub(super) fn time(claims: &Value, name: &'static str) -> Result<i64, Invalid> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(0),
        #[expect(clippy::cast_possible_truncation, reason = "it saturates: such a time is never or for ever")]
        Some(value) => value.as_f64().map(|secs| secs as i64).ok_or(Invalid::Type(name)),
    }
}

fn check_times(claims: &Value, expected: &Expected<'_>) -> Result<(), Invalid> {
    let (issued, not_before, expires) = (time(claims, "iat")?, time(claims, "nbf")?, time(claims, "exp")?);
    if issued == 0 && not_before == 0 && expires == 0 {
        return Err(Invalid::NoTimes);
    }
    let expires = match expires {
        0 => issued.max(not_before).saturating_add(leeway(expected.expiration_leeway, LEEWAY_SECS)),
        expires => expires,
    };
    let not_before = match (not_before, issued) {
        (0, 0) => expires.saturating_sub(leeway(expected.not_before_leeway, LEEWAY_SECS)),
        (0, issued) => issued,
        (not_before, _) => not_before,
    };
    let skew = leeway(expected.clock_skew_leeway, CLOCK_SKEW_SECS);
    let (latest, earliest) = (expected.now_secs.saturating_add(skew), expected.now_secs.saturating_sub(skew));
    if latest < not_before {
        return Err(Invalid::NotYet);
    }
    if earliest > expires {
        return Err(Invalid::Expired);
    }
    if latest < issued {
        return Err(Invalid::Future);
    }
    Ok(())
}

fn leeway(secs: i64, usual: i64) -> i64 {
    match secs {
        0 => usual,
        secs => secs.max(0),
    }
}

#[cfg(test)]
mod tests;

//! Durations as the Vault API reads and prints them: Go's notation, plus days and bare seconds.
//!
//! On the wire a duration is an integer of seconds, a numeric string or a text such as `1h30m`; a few places print
//! Go's text. The range is Go's, whose durations are 64-bit nanoseconds (292 years): past it is an error, never a
//! wrapped or rounded value. The word `system` of the tune endpoints is the caller's to handle.

use std::time::Duration;

/// The longest duration, in nanoseconds: Go's `math.MaxInt64`.
pub const NANOS_MAX: u64 = i64::MAX as u64;
/// The longest text that is looked at, in bytes: every unit with every digit fits in less.
pub const TEXT_BYTES_MAX: usize = 128;

/// Units in the order in which they are tried: none may come before a longer one that it starts.
const UNITS: [(&str, u64); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000), // U+00B5 MICRO SIGN
    ("μs", 1_000), // U+03BC GREEK SMALL LETTER MU
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3_600 * SECOND),
    ("d", 86_400 * SECOND),
];
const SECOND: u64 = 1_000_000_000;

/// Why a text is not a duration. The text itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Neither a number nor a number with units.
    #[error("not a duration: expected seconds, or numbers with a unit of ns, us, ms, s, m, h or d, such as 1h30m")]
    Malformed,
    /// Below zero where that has no meaning.
    #[error("duration is negative")]
    Negative,
    /// Longer than [`NANOS_MAX`].
    #[error("duration is longer than 292 years")]
    TooLong,
}

/// Reads a duration that cannot be negative: `"3600"`, `"1h30m"`, `"1.5h"`, `"7d"`. Empty is zero, as in Vault.
///
/// # Errors
/// When the text is no duration, is below zero, or is past [`NANOS_MAX`].
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    match parse_signed(text)? {
        nanos if nanos < 0 => Err(DurationError::Negative),
        nanos => Ok(Duration::from_nanos(nanos.unsigned_abs())),
    }
}

/// Reads a duration that may be negative, in nanoseconds, such as the `-1s` that switches something off.
///
/// # Errors
/// When the text is no duration, or is past [`NANOS_MAX`] in either direction.
pub fn parse_signed(text: &str) -> Result<i64, DurationError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(DurationError::Malformed);
    }
    if text.is_empty() {
        return Ok(0);
    }
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let nanos = if rest.bytes().all(|byte| byte.is_ascii_digit()) { bare(rest)? } else { compound(rest)? };
    let nanos = i64::try_from(nanos).map_err(|_| DurationError::TooLong)?;
    Ok(if negative { -nanos } else { nanos })
}

/// A duration of whole seconds.
///
/// # Errors
/// When `secs` is below zero or past [`NANOS_MAX`].
pub fn from_secs(secs: i64) -> Result<Duration, DurationError> {
    let secs = u64::try_from(secs).map_err(|_| DurationError::Negative)?;
    scale(secs, SECOND).map(Duration::from_nanos)
}

/// Prints like Go's `Duration.String`: `768h0m0s`, `1.5s`, `250ms`, `0s`.
#[must_use]
pub fn format(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let second = u128::from(SECOND);
    if nanos < second {
        return format_below_second(nanos);
    }
    let whole = nanos / second;
    let (hours, minutes, secs) = (whole / 3600, whole / 60 % 60, decimal(nanos % (60 * second), 9));
    match (hours, minutes) {
        (0, 0) => format!("{secs}s"),
        (0, _) => format!("{minutes}m{secs}s"),
        _ => format!("{hours}h{minutes}m{secs}s"),
    }
}

/// Like [`format()`], for nanoseconds that may be negative.
#[must_use]
pub fn format_signed(nanos: i64) -> String {
    let text = format(Duration::from_nanos(nanos.unsigned_abs()));
    if nanos < 0 { format!("-{text}") } else { text }
}

/// Like [`format()`] without trailing zero units, as Vault's warnings print it: `768h`, `1h30m`, `0s`.
#[must_use]
pub fn format_short(duration: Duration) -> String {
    let mut text = format(duration);
    for (ending, keep) in [("m0s", 1), ("h0m", 1)] {
        if text.ends_with(ending) {
            text.truncate(text.len() - ending.len() + keep);
        }
    }
    text
}

/// Digits alone are seconds.
fn bare(digits: &str) -> Result<u64, DurationError> {
    if digits.is_empty() {
        return Err(DurationError::Malformed);
    }
    // Digits only, so the one way to fail is to be too large.
    let secs = digits.parse::<u64>().map_err(|_| DurationError::TooLong)?;
    scale(secs, SECOND)
}

/// One or more of number and unit.
fn compound(mut rest: &str) -> Result<u64, DurationError> {
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (nanos, behind) = component(rest)?;
        total = total.checked_add(nanos).filter(|total| *total <= NANOS_MAX).ok_or(DurationError::TooLong)?;
        rest = behind;
    }
    Ok(total)
}

/// One number with its unit, and what is behind it.
fn component(text: &str) -> Result<(u64, &str), DurationError> {
    let (whole, rest) = split_digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(DurationError::Malformed);
    }
    let (unit, rest) = UNITS
        .iter()
        .find_map(|(name, nanos)| rest.strip_prefix(name).map(|rest| (*nanos, rest)))
        .ok_or(DurationError::Malformed)?;
    let whole = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| DurationError::TooLong)? };
    let nanos = scale(whole, unit)?.checked_add(fraction_of(fraction, unit)).ok_or(DurationError::TooLong)?;
    Ok((nanos, rest))
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// The nanoseconds of `0.<digits>` units, cut off as Go does. Digits past the eighteenth weigh less than one.
fn fraction_of(digits: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0_u128, 1_u128);
    for digit in digits.bytes().take(18) {
        value = value * 10 + u128::from(digit - b'0');
        scale *= 10;
    }
    // At most `unit`, since value < scale.
    u64::try_from(value * u128::from(unit) / scale).unwrap_or(unit)
}

fn scale(count: u64, unit: u64) -> Result<u64, DurationError> {
    count.checked_mul(unit).filter(|nanos| *nanos <= NANOS_MAX).ok_or(DurationError::TooLong)
}

fn format_below_second(nanos: u128) -> String {
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(nanos, 3)),
        _ => format!("{}ms", decimal(nanos, 6)),
    }
}

/// `value` with the point `places` digits from the right, without trailing zeros.
fn decimal(value: u128, places: u32) -> String {
    let scale = 10_u128.pow(places);
    let fraction = format!("{:0width$}", value % scale, width = places as usize);
    match fraction.trim_end_matches('0') {
        "" => (value / scale).to_string(),
        fraction => format!("{}.{fraction}", value / scale),
    }
}

#[cfg(test)]
mod tests;

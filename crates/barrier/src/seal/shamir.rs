//! Shamir's secret sharing over GF(2^8), share for share compatible with Vault's.
//!
//! Each byte of the secret is the constant term of a random polynomial; a share is the values of all polynomials at
//! one point x, and x itself as the last byte. The field is that of AES (polynomial 0x11b). No branch and no index
//! depends on a secret byte.

use env::Env;
use secret::{Secret, SecretBytes};

/// How many points there are: every byte but 0, where the secret is.
const POINTS: usize = 255;

/// Why a secret cannot be split like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// One share would be the secret.
    #[error("threshold must be at least two")]
    ThresholdTooLow,
    /// The secret could never be put together.
    #[error("threshold cannot be larger than shares")]
    TooFewShares,
    /// There is nothing to share.
    #[error("secret is empty")]
    Empty,
}

/// Why shares cannot be put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CombineError {
    /// One share tells nothing.
    #[error("at least two shares are needed")]
    TooFew,
    /// Shares of one secret have one length, two bytes or more.
    #[error("shares differ in length or are too short")]
    Length,
    /// Two shares are of the same point, or one is of the point 0.
    #[error("shares are not of distinct points")]
    Point,
}

/// Splits a secret so that any `threshold` of the shares give it back and fewer tell nothing. Each share is one byte
/// longer than the secret.
///
/// # Errors
/// See [`SplitError`].
pub fn split(secret: &[u8], shares: u8, threshold: u8, env: &Env) -> Result<Vec<SecretBytes>, SplitError> {
    if threshold < 2 {
        return Err(SplitError::ThresholdTooLow);
    }
    if shares < threshold {
        return Err(SplitError::TooFewShares);
    }
    if secret.is_empty() {
        return Err(SplitError::Empty);
    }
    let points = distinct_points(shares, env);
    let mut split: Vec<_> = points.iter().map(|_| Secret::new(Vec::with_capacity(secret.len() + 1))).collect();
    let mut coefficients = Secret::new(vec![0; usize::from(threshold) - 1]);
    for byte in secret {
        // All values, 0 included: a leading coefficient that is never 0 would rule out one secret for each guess.
        env.fill(coefficients.expose_mut());
        for (share, point) in split.iter_mut().zip(&points) {
            share.expose_mut().push(evaluate(*byte, coefficients.expose(), *point));
        }
    }
    for (share, point) in split.iter_mut().zip(points) {
        share.expose_mut().push(point);
    }
    Ok(split)
}

/// Puts a secret together. Shares that are too few or of different secrets give something else, not an error: whoever
/// asks must be able to tell.
///
/// # Errors
/// See [`CombineError`].
pub fn combine<S: AsRef<[u8]>>(shares: &[S]) -> Result<SecretBytes, CombineError> {
    if shares.len() < 2 {
        return Err(CombineError::TooFew);
    }
    let mut parts = Vec::with_capacity(shares.len());
    for share in shares {
        parts.push(share.as_ref().split_last().ok_or(CombineError::Length)?);
    }
    let length = parts.first().map_or(0, |(_, values)| values.len());
    if length == 0 || parts.iter().any(|(_, values)| values.len() != length) {
        return Err(CombineError::Length);
    }
    let mut points: Vec<u8> = parts.iter().map(|(point, _)| **point).collect();
    points.sort_unstable();
    if points.first() == Some(&0) || points.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(CombineError::Point);
    }
    let mut secret = Secret::new(vec![0; length]);
    for (point, values) in &parts {
        let weight = weight_at_zero(**point, parts.iter().map(|(other, _)| **other));
        for (byte, value) in secret.expose_mut().iter_mut().zip(*values) {
            *byte ^= multiply(weight, *value);
        }
    }
    Ok(secret)
}

/// `count` of the 255 points, each choice as likely as any other (Fisher and Yates).
fn distinct_points(count: u8, env: &Env) -> Vec<u8> {
    let mut points: Vec<u8> = (1..=u8::MAX).collect();
    for at in 0..usize::from(count) {
        let other = at + below(POINTS - at, env);
        points.swap(at, other);
    }
    points.truncate(usize::from(count));
    points
}

/// A random number below `bound`, at most 255, without bias: what is above the last multiple is drawn again.
fn below(bound: usize, env: &Env) -> usize {
    let fair_below = 256 - 256 % bound;
    loop {
        let [byte] = env.random();
        if usize::from(byte) < fair_below {
            return usize::from(byte) % bound;
        }
    }
}

/// The value at `point` of the polynomial with this constant term and these higher coefficients (Horner).
fn evaluate(constant: u8, coefficients: &[u8], point: u8) -> u8 {
    let higher = coefficients.iter().rev().fold(0, |sum, coefficient| multiply(sum, point) ^ coefficient);
    multiply(higher, point) ^ constant
}

/// Lagrange's weight of the value at `point` for the value at 0: the product of `x / (x - point)` over the others.
fn weight_at_zero(point: u8, points: impl Iterator<Item = u8>) -> u8 {
    let others = points.filter(|other| *other != point);
    others.fold(1, |weight, other| multiply(weight, multiply(other, invert(other ^ point))))
}

/// The product in GF(2^8) modulo 0x11b, in constant time.
fn multiply(mut a: u8, b: u8) -> u8 {
    const REDUCTION: u8 = 0x1b;
    let mut product = 0;
    for bit in 0..8 {
        let is_set = (b >> bit) & 1;
        product ^= a & is_set.wrapping_neg();
        let overflows = a >> 7;
        a = (a << 1) ^ (REDUCTION & overflows.wrapping_neg());
    }
    product
}

/// The inverse, as the 254th power; 0 for 0.
fn invert(a: u8) -> u8 {
    // 254 is 0b1111_1110: seven squarings, a multiplication after each but the last.
    let power_127 = (0..6).fold(a, |power, _| multiply(multiply(power, power), a));
    multiply(power_127, power_127)
}

#[cfg(test)]
mod tests;

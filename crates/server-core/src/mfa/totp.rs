//! Codes that change with time (RFC 6238), over one HMAC of aws-lc: the library of the field would bring its own clock,
//! its own URLs and another HMAC for these thirty lines.
//!
//! A code is compared in constant time, with that of every period that may come: how long it takes tells nothing of which.

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use super::entry::TotpSettings;

/// The hash below the HMAC.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Algorithm {
    #[serde(rename = "SHA1")]
    Sha1,
    #[serde(rename = "SHA256")]
    Sha256,
    #[serde(rename = "SHA512")]
    Sha512,
}

impl Algorithm {
    /// The word of the API and of `otpauth:` addresses; read in upper case alone, as Vault does.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha512].into_iter().find(|it| it.name() == text)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            // An HMAC does not need the hash to resist collisions, and authenticator programs know no other for certain.
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

/// The code of a period (RFC 4226 §5.3), with its leading zeros. The number of digits is 6 or 8.
pub(super) fn code(key: &[u8], algorithm: Algorithm, digits: u32, counter: u64) -> String {
    let tag = hmac::sign(&hmac::Key::new(algorithm.hmac(), key), &counter.to_be_bytes());
    let tag = tag.as_ref();
    // Four bits of the last byte say where 31 bits are taken from: at most at 15 of 20 bytes or more.
    let at = usize::from(tag.last().copied().unwrap_or_default() & 0x0f);
    let bits = tag.iter().skip(at).take(4).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) & 0x7fff_ffff;
    let width = usize::try_from(digits).unwrap_or_default();
    format!("{:0width$}", bits % 10_u32.saturating_pow(digits))
}

/// The period that a moment is in.
pub(super) fn period(settings: TotpSettings, unix_secs: i64) -> u64 {
    u64::try_from(unix_secs).unwrap_or_default() / settings.period_secs.max(1)
}

/// The periods whose codes are taken at a moment.
pub(super) fn open_periods(settings: TotpSettings, unix_secs: i64) -> std::ops::RangeInclusive<u64> {
    let now = period(settings, unix_secs);
    now.saturating_sub(settings.skew)..=now.saturating_add(settings.skew)
}

/// The open period whose code this is.
pub(super) fn find(key: &[u8], settings: TotpSettings, unix_secs: i64, passcode: &str) -> Option<u64> {
    let mut found = None;
    for counter in open_periods(settings, unix_secs) {
        let expected = code(key, settings.algorithm, settings.digits, counter);
        if secret::is_equal(expected.as_bytes(), passcode.as_bytes()) {
            found = Some(counter);
        }
    }
    found
}

#[cfg(test)]
mod tests;

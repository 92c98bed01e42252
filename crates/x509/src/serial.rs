//! The number that an authority gives a certificate.

use std::fmt;

/// A serial number, as it is encoded: two's complement, the most significant byte first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Serial<'a>(pub(crate) &'a [u8]);

impl<'a> Serial<'a> {
    /// The bytes as they are encoded.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The number of these bytes.
    #[must_use]
    pub const fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

/// In decimal digits, as Vault tells it.
impl fmt::Display for Serial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_negative = self.0.first().is_some_and(|byte| byte & 0x80 != 0);
        let mut bytes: Vec<u8> = self.0.to_vec();
        if is_negative {
            negate(&mut bytes);
            f.write_str("-")?;
        }
        let mut digits = Vec::new();
        // Long division by ten: a serial number has some twenty bytes.
        while bytes.iter().any(|byte| *byte != 0) {
            let rest = bytes.iter_mut().fold(0_u16, |rest, byte| {
                let value = rest << 8 | u16::from(*byte);
                *byte = u8::try_from(value / 10).unwrap_or(u8::MAX);
                value % 10
            });
            digits.push(char::from_digit(rest.into(), 10).unwrap_or('0'));
        }
        if digits.is_empty() {
            digits.push('0');
        }
        f.write_str(&digits.iter().rev().collect::<String>())
    }
}

/// The two's complement of a number that is below zero.
fn negate(bytes: &mut [u8]) {
    let mut carries = true;
    for byte in bytes.iter_mut().rev() {
        let (value, overflows) = (!*byte).overflowing_add(carries.into());
        *byte = value;
        carries = overflows;
    }
}

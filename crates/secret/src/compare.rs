//! Comparison that takes the same time wherever the difference is.

use subtle::ConstantTimeEq;

/// Whether two byte strings are the same, in time that depends on their lengths only.
#[must_use]
pub fn is_equal(a: impl AsRef<[u8]>, b: impl AsRef<[u8]>) -> bool {
    a.as_ref().ct_eq(b.as_ref()).into()
}

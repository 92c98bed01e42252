//! A value that is wiped when dropped and never shown by accident.

use std::fmt;

use zeroize::Zeroize;

/// A value that no log, error or debugger line may show. There is no `Display` and no `PartialEq`: reading it is an
/// [`expose`](Self::expose) that a reviewer sees, comparing it is [`is_equal`](crate::is_equal).
///
/// Growing an exposed `Vec` or `String` leaves the old buffer behind; the [`WipingAllocator`](crate::WipingAllocator)
/// wipes that one.
#[derive(Clone, Default)]
pub struct Secret<T: Zeroize>(T);

/// Secret bytes of any length.
pub type SecretBytes = Secret<Vec<u8>>;

/// Secret text.
pub type SecretString = Secret<String>;

impl<T: Zeroize> Secret<T> {
    /// Takes charge of a value.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, to be used and not kept.
    #[must_use]
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, to be changed.
    #[must_use]
    pub const fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Zeroize + Default> Secret<T> {
    /// Hands the value out; wiping it is the caller's task from here on.
    #[must_use]
    pub fn into_exposed(mut self) -> T {
        std::mem::take(&mut self.0)
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl From<&[u8]> for SecretBytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<&str> for SecretString {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<SecretString> for SecretBytes {
    fn from(text: SecretString) -> Self {
        Self(text.into_exposed().into_bytes())
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> zeroize::ZeroizeOnDrop for Secret<T> {}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests;

//! The outside world as traits: wall clock, monotonic clock, sleep and randomness.
//!
//! Everything that depends on time or chance takes an [`Env`], so that a test can turn the clock by hand and replay a
//! seed. Nothing else in the workspace may ask the operating system for the time or for random bytes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

mod real;
pub mod simulated;

/// A future that is boxed so that the traits here can be used as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What time it is, twice: the wall clock for what is stored and shown, the monotonic one for waiting.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock. It may jump in both directions.
    fn now(&self) -> SystemTime;

    /// Time since an arbitrary start; never goes backwards, and counts the time that the machine was suspended.
    fn monotonic(&self) -> Duration;

    /// Completes after `duration` on the monotonic clock. Cancel-safe: dropping it has no effect.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// A source of random bytes fit for keys and tokens.
pub trait Random: Send + Sync + 'static {
    /// Fills the whole buffer.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: there is no safe way to go on.
    fn fill(&self, bytes: &mut [u8]);
}

/// The clocks and the randomness that a component was given. Cheap to clone.
#[derive(Clone)]
pub struct Env {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Env {
    /// The machine's own clocks and random generator.
    #[must_use]
    pub fn real() -> Self {
        Self::new(Arc::new(real::SystemClock), Arc::new(real::SystemRandom))
    }

    /// An environment of the given parts.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random }
    }

    /// The wall clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// The monotonic clock; see [`Clock::monotonic`].
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Completes after `duration`; see [`Clock::sleep`].
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.clock.sleep(duration)
    }

    /// Fills the whole buffer with random bytes; see [`Random::fill`].
    pub fn fill(&self, bytes: &mut [u8]) {
        self.random.fill(bytes);
    }

    /// `N` random bytes.
    #[must_use]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// `length` characters of `[0-9A-Za-z]`, each drawn evenly (5.95 bits): Vault's alphabet for tokens and ids.
    #[must_use]
    pub fn base62(&self, length: usize) -> String {
        const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        // A byte of 248 or more would favor the first letters: 248 is the largest multiple of 62 below 256.
        const FAIR_BELOW: u8 = 248;
        let mut text = String::with_capacity(length);
        while text.len() < length {
            for byte in self.random::<32>() {
                if byte < FAIR_BELOW && text.len() < length {
                    text.push(char::from(ALPHABET[usize::from(byte % 62)]));
                }
            }
        }
        text
    }

    /// A random UUID, version 4 (RFC 9562 §5.4), in lower case with hyphens.
    #[must_use]
    pub fn uuid(&self) -> String {
        uuid_of(self.random())
    }
}

/// The UUID, version 4 (RFC 9562 §5.4), of these random bytes, in lower case with hyphens: for whoever draws for several
/// at once.
#[must_use]
pub fn uuid_of(mut bytes: [u8; 16]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 0x0f] {
            text.push(char::from(DIGITS[usize::from(digit)]));
        }
    }
    text
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Env")
    }
}

#[cfg(test)]
mod tests;

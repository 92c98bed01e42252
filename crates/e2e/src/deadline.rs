//! The one place where the tests ask for the time: to give up, never to judge.

use std::time::{Duration, Instant};

/// A moment after which a test stops waiting.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The moment that lies `duration` ahead.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a real process is waited for in real time")]
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// How long there still is; zero when it has passed.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a real process is waited for in real time")]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    #[must_use]
    pub fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }
}

//! A world that a test turns by hand: a clock that moves only when told, and randomness from a seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::{BoxFuture, Clock, Env, Random};

/// The wall clock of a fresh [`SimulatedClock`]: 2030-01-01T00:00:00Z, in seconds since 1970.
pub const START_SECS: u64 = 1_893_456_000;

/// A clock that stands still until [`advance`](Self::advance) is called.
pub struct SimulatedClock {
    monotonic: watch::Sender<Duration>,
    wall_offset_nanos: AtomicI64,
}

impl SimulatedClock {
    fn new() -> Self {
        Self { monotonic: watch::Sender::new(Duration::ZERO), wall_offset_nanos: AtomicI64::new(0) }
    }

    /// Moves both clocks forward and wakes every sleeper that is due.
    pub fn advance(&self, by: Duration) {
        self.monotonic.send_modify(|now| *now += by);
    }

    /// Whether anybody sleeps by this clock. A test that turns it only then gives real work all the time it takes.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.monotonic.receiver_count() > 0
    }

    /// Moves the wall clock alone, as an operator or a bad time server would.
    pub fn jump_wall(&self, by_nanos: i64) {
        self.wall_offset_nanos.fetch_add(by_nanos, Ordering::SeqCst);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> SystemTime {
        let start = UNIX_EPOCH + Duration::from_secs(START_SECS) + *self.monotonic.borrow();
        let offset = self.wall_offset_nanos.load(Ordering::SeqCst);
        let distance = Duration::from_nanos(offset.unsigned_abs());
        if offset >= 0 { start + distance } else { start - distance }
    }

    fn monotonic(&self) -> Duration {
        *self.monotonic.borrow()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let mut now = self.monotonic.subscribe();
        let due = *now.borrow() + duration;
        Box::pin(async move {
            // The sender lives in the clock; when the test has dropped it, nobody is left to wait for.
            if now.wait_for(|now| *now >= due).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, seedable, good enough for tests and for nothing else.
pub struct SeededRandom(AtomicU64);

impl SeededRandom {
    /// The same seed gives the same bytes, as long as the calls come in the same order.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next 64 bits.
    pub fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; the bias is far below what a test could notice.
    ///
    /// # Panics
    /// When `bound` is zero.
    pub fn below(&self, bound: u64) -> u64 {
        self.next() % bound
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

/// An environment that stands still, and the clock to turn it with.
#[must_use]
pub fn env(seed: u64) -> (Env, Arc<SimulatedClock>) {
    let clock = Arc::new(SimulatedClock::new());
    (Env::new(clock.clone(), Arc::new(SeededRandom::new(seed))), clock)
}

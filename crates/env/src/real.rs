//! The machine's own clocks and random generator.

use std::time::{Duration, SystemTime};

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

use crate::{BoxFuture, Clock, Random};

pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        // CLOCK_BOOTTIME, unlike std's Instant, counts suspend (clock_gettime(2)); lock takeover relies on that.
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
        Duration::new(seconds, nanos)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that waits for the machine")]
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// The kernel's generator, asked each time: it is ready when the process starts (a library's own generator gathers
/// jitter for 30 ms first), and a clone of a machine or a process shares no state with us that could repeat.
pub(crate) struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            // Interrupted only while the kernel's generator is not ready yet, or in the middle of many bytes (getrandom(2)).
            let count = match getrandom(&mut *rest, GetRandomFlags::empty()) {
                Err(Errno::INTR) => 0,
                filled => filled.expect("the operating system gives random bytes"),
            };
            rest = rest.get_mut(count..).unwrap_or_default();
        }
    }
}

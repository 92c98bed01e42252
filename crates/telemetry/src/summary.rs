//! How long something takes: a count, a sum, and quantiles of what was recorded lately.
//!
//! A histogram of fixed buckets whose width grows with the duration: eight to each doubling, so that a quantile is
//! told within seven percent. Recording adds to two numbers of the thread's own shard. What is recent is found out by
//! whoever reads: from one look to the next, the buckets have grown by what came in between. So threads that record
//! share nothing, and there is no window to be turned on their way.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Over how many places the threads are spread. A series takes about 8 KB, and half as much again once it was read.
const SHARDS: usize = 4;
/// Durations are told in units of 2^8 = 256 ns.
const UNIT_BITS: u32 = 8;
/// Eight buckets to each doubling.
const STEP_BITS: u32 = 3;
const STEPS: usize = 1 << STEP_BITS;
/// Doublings above the first eight units: up to 2^(8 + 3 + 26) ns, about 137 seconds; what is longer counts as that.
const DOUBLINGS: usize = 26;
const BUCKETS: usize = STEPS * (DOUBLINGS + 1);
/// Quantiles are of what came since the previous look, and of this long at least: two who look in turns do not take it
/// away from each other. As long as Vault's.
const WINDOW: Duration = Duration::from_secs(10);

/// Durations of one kind, since the start of the process.
#[derive(Debug)]
pub struct Summary {
    shards: Box<[Shard]>,
    baselines: Mutex<Baselines>,
}

/// One cache line's distance to the next, with its neighbor that processors fetch along.
#[repr(align(128))]
#[derive(Debug)]
struct Shard {
    buckets: [AtomicU64; BUCKETS],
    sum_nanos: AtomicU64,
}

/// What the buckets held at two earlier looks; empty stands for the start.
#[derive(Debug, Default)]
struct Baselines {
    /// Quantiles are of what came since this one.
    old: Vec<u64>,
    young: Vec<u64>,
    young_at: Option<Duration>,
}

/// A summary as somebody read it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// How many durations there were since the start.
    pub count: u64,
    /// All of them together.
    pub sum: Duration,
    /// What came lately, by bucket.
    recent: Vec<u64>,
}

impl Default for Summary {
    fn default() -> Self {
        Self::new()
    }
}

impl Summary {
    /// With nothing in it.
    #[must_use]
    pub fn new() -> Self {
        let shard = || Shard { buckets: [const { AtomicU64::new(0) }; BUCKETS], sum_nanos: AtomicU64::new(0) };
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), baselines: Mutex::default() }
    }

    /// One more.
    pub fn record(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let Some(shard) = self.shards.get(own_shard()) else { return };
        shard.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
        if let Some(bucket) = shard.buckets.get(bucket(nanos)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many there were since the start.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.shards.iter().flat_map(|shard| &shard.buckets).map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// Reads it. `now` is a clock that never goes backwards, the same each time.
    #[must_use]
    pub fn read(&self, now: Duration) -> Reading {
        let mut buckets = vec![0_u64; BUCKETS];
        let mut sum_nanos = 0_u64;
        for shard in self.shards.iter() {
            for (sum, bucket) in buckets.iter_mut().zip(&shard.buckets) {
                *sum += bucket.load(Ordering::Relaxed);
            }
            sum_nanos = sum_nanos.wrapping_add(shard.sum_nanos.load(Ordering::Relaxed));
        }
        let mut baselines = self.baselines.lock().unwrap_or_else(PoisonError::into_inner);
        if baselines.young_at.is_none_or(|at| now.saturating_sub(at) >= WINDOW) {
            baselines.old = std::mem::replace(&mut baselines.young, buckets.clone());
            baselines.young_at = Some(now);
        }
        let before = baselines.old.iter().copied().chain(std::iter::repeat(0));
        let recent = buckets.iter().zip(before).map(|(now, before)| now.saturating_sub(before)).collect();
        Reading { count: buckets.iter().sum(), sum: Duration::from_nanos(sum_nanos), recent }
    }
}

impl Reading {
    /// How many came lately.
    #[must_use]
    pub fn recent_count(&self) -> u64 {
        self.recent.iter().sum()
    }

    /// The duration in milliseconds that this part of what came lately did not exceed; `None` when nothing came.
    #[must_use]
    pub fn quantile_millis(&self, part: f64) -> Option<f64> {
        let count = self.recent_count();
        let rank = ((count as f64 * part).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0;
        let bucket = self.recent.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(middle_millis(bucket))
    }

    /// The recent durations as (milliseconds, how many), the shortest first.
    pub(crate) fn recent(&self) -> impl Iterator<Item = (f64, u64)> {
        let some = self.recent.iter().enumerate().filter(|(_, count)| **count > 0);
        some.map(|(bucket, count)| (middle_millis(bucket), *count))
    }
}

/// The bucket of a duration: the first eight are one unit wide each, the next eight two units, and so on.
fn bucket(nanos: u64) -> usize {
    let units = nanos >> UNIT_BITS;
    let doubling = (u64::BITS - units.leading_zeros()).saturating_sub(STEP_BITS + 1);
    let step = usize::try_from(units >> doubling).unwrap_or(0) & (2 * STEPS - 1);
    (doubling as usize * STEPS + step).min(BUCKETS - 1)
}

/// The middle of a bucket, in milliseconds.
fn middle_millis(bucket: usize) -> f64 {
    let (doubling, step) = match bucket / STEPS {
        0 => (0, bucket),
        above => (above - 1, bucket % STEPS + STEPS),
    };
    let nanos = ((step as u64 * 2 + 1) << (doubling + UNIT_BITS as usize - 1)) as f64;
    nanos / 1e6
}

/// The shard of this thread. Threads take them in turns, once in their lives.
fn own_shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    OWN.with(|own| {
        if own.get() == usize::MAX {
            own.set(NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
        }
        own.get()
    })
}

#[cfg(test)]
mod tests;

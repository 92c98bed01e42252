use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use env::{Random, simulated};

use super::*;

/// Counts how often it is asked.
struct Counting(simulated::SeededRandom, AtomicUsize);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.fill(bytes);
    }
}

#[test]
fn ids_differ_and_the_kernel_is_asked_once_for_many() {
    let random = Arc::new(Counting(simulated::SeededRandom::new(7), AtomicUsize::new(0)));
    let (_, clock) = simulated::env(7);
    let ids = Ids::new(Env::new(clock, Arc::clone(&random) as _));
    let drawn: BTreeSet<String> = (0..3 * DRAWN).map(|_| ids.next()).collect();
    assert_eq!(drawn.len(), 3 * DRAWN, "each is another one");
    assert!(drawn.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'4'), "each is a UUID of version 4");
    assert_eq!(random.1.load(Ordering::Relaxed), 3);
}

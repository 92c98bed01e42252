//! What encryption costs for an entry: opened from the cache, which holds ciphertext, and sealed on its way to a store in
//! memory.

use std::hint::black_box;

use barrier::{Changes, testing};
use criterion::Criterion;
use env::Env;
use storage::Key;

/// Plaintext bytes: a small secret, and a large one.
const SIZES: [usize; 2] = [100, 16 * 1024];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    let barrier = runtime.block_on(testing::unsealed(&Env::real()));
    for bytes in SIZES {
        let key = Key::new(format!("ns/root/data/bench/{bytes}")).expect("the key is short");
        let mut changes = Changes::new();
        changes.create(key.clone(), vec![0x5a; bytes]);
        let mut revision = runtime.block_on(barrier.commit(changes)).expect("the key is new").revision;
        criterion.bench_function(&format!("open/{bytes} bytes"), |bencher| {
            bencher.iter(|| runtime.block_on(barrier.read_one(black_box(&key))).expect("it opens"));
        });
        criterion.bench_function(&format!("seal and commit/{bytes} bytes"), |bencher| {
            bencher.iter(|| {
                let mut changes = Changes::new();
                changes.replace(key.clone(), revision, vec![0x5a; bytes]);
                revision = runtime.block_on(barrier.commit(changes)).expect("nobody else writes").revision;
            });
        });
    }
    criterion.final_summary();
}

//! What a durable commit costs: redb in its three modes, and the store as shipped.
//!
//! `cargo bench -p storage-embedded -- [keys] [rounds] [folder]`: by default 100,000 keys and 5 rounds in a folder of
//! the system's. It asserts nothing about time. `docs/embedded-store.md` holds the figures and what they decided.

#![expect(clippy::disallowed_methods, reason = "a measurement takes the real clock")]
#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use storage::{Batch, CommitId, Key, Outcome, Storage};
use storage_embedded::{Embedded, Options};
use tokio::runtime::Runtime;

mod candidates;
mod harness;

use harness::{COLUMNS, Contender, VALUE_BYTES, copy_durably, key, median, rate, raw_appends, show};

const KEYS_DEFAULT: u64 = 100_000;
const ROUNDS_DEFAULT: u64 = 5;

fn main() {
    // Cargo passes `--bench` along.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let number = |index: usize| arguments.get(index).and_then(|it| it.parse::<u64>().ok());
    let (keys, rounds) = (number(0).unwrap_or(KEYS_DEFAULT), number(1).unwrap_or(ROUNDS_DEFAULT));
    let root = match arguments.get(2) {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let root = root.expect("a folder to work in");
    compare(root.path(), keys, rounds);
    shipped(root.path(), keys, rounds);
}

fn compare(root: &Path, keys: u64, rounds: u64) {
    let mut contenders = [
        Contender::new("redb, one phase", candidates::one_phase, root, keys),
        Contender::new("redb, two phases", candidates::two_phase, root, keys),
        Contender::new("redb, quick repair", candidates::quick_repair, root, keys),
    ];
    let mut appends = Vec::new();
    for round in 0..rounds {
        appends.push(raw_appends(root));
        for contender in &mut contenders {
            contender.round(round, keys);
        }
    }
    println!("{keys} keys, {rounds} rounds, medians; append of 512 bytes + fdatasync: {}/s", show(median(&appends)));
    println!("\n| | {} | files, MiB |", COLUMNS.join(" | "));
    println!("|{}", " --- |".repeat(COLUMNS.len() + 2));
    for contender in &contenders {
        println!("{}", contender.line());
    }
}

/// The store as shipped, through its own calls: one caller, then 32 at once.
fn shipped(root: &Path, keys: u64, rounds: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("threads");
    let folder = root.join("shipped");
    let store = Arc::new(Embedded::open(&folder, options(), &env::Env::real()).expect("the store opens"));
    runtime.block_on(async {
        for start in (0..keys).step_by(storage::WRITES_MAX) {
            commit(&store, start, start..(start + storage::WRITES_MAX as u64).min(keys)).await;
        }
    });
    let mut figures = [const { Vec::new() }; 5];
    for round in 1..=rounds {
        let mut next = round * 1_000_000_000;
        figures[0].push(rate(|| {
            next += 1;
            runtime.block_on(commit(&store, next, next..next + 1));
            1
        }));
        figures[1].push(rate(|| {
            next += 32;
            runtime.block_on(commit_at_once(&store, next));
            32
        }));
        figures[2].push(rate(|| {
            next += 100;
            runtime.block_on(commit(&store, next, next..next + 100));
            100
        }));
        figures[3].push(rate(|| {
            next += 1;
            let wanted = [Key::new(key(next % keys)).expect("short enough")];
            let found = runtime.block_on(store.read(&wanted)).expect("the store answers");
            assert!(found.entries[0].is_some());
            1
        }));
        figures[4].push(open_after_kill(&runtime, root, &folder).as_secs_f64() * 1000.0);
    }
    let [one, many, batches, reads, opening] = figures.map(|figures| show(median(&figures)));
    println!("\nas shipped: 1 caller {one} commits/s; 32 callers {many} commits/s; commits of 100 {batches} keys/s;");
    println!("random reads {reads}/s; open after a kill {opening} ms");
    runtime.block_on(store.close()).expect("it closes");
}

/// Copies the files as they are while the store is open, which is what a kill would leave, and opens the copy.
fn open_after_kill(runtime: &Runtime, root: &Path, folder: &Path) -> Duration {
    let copy = root.join("shipped-killed");
    std::fs::create_dir_all(&copy).expect("the folder is ours");
    for name in ["store.redb", "store.log", "store-2.log"] {
        copy_durably(&folder.join(name), &copy.join(name));
    }
    let start = Instant::now();
    let store = Embedded::open(&copy, options(), &env::Env::real()).expect("the copy opens");
    let found = runtime.block_on(store.read(&[Key::new(key(0)).expect("short enough")])).expect("the store answers");
    assert!(found.entries[0].is_some());
    let opening = start.elapsed();
    runtime.block_on(store.close()).expect("it closes");
    std::fs::remove_dir_all(&copy).expect("it is ours");
    opening
}

/// 32 callers, each with a commit of one key.
async fn commit_at_once(store: &Arc<Embedded>, first: u64) {
    let callers: Vec<_> = (first..first + 32)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { commit(&store, number, number..number + 1).await })
        })
        .collect();
    for caller in callers {
        caller.await.expect("no caller panics");
    }
}

async fn commit(store: &Embedded, id: u64, numbers: std::ops::Range<u64>) {
    let id = CommitId(u128::from(id).to_be_bytes());
    let batch = numbers.fold(Batch::new(id), |batch, number| {
        batch.create(Key::new(key(number)).expect("short enough"), vec![7; VALUE_BYTES])
    });
    let outcome = store.commit(&batch).await.expect("the store answers");
    assert!(matches!(outcome, Outcome::Committed(_)), "{outcome:?}");
}

/// The same pages in memory as the candidates have, so that they are compared alike.
fn options() -> Options {
    Options { cache_bytes: candidates::CACHE_BYTES, ..Options::default() }
}

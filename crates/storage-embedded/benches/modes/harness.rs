//! The measuring: the same work for every candidate, in rotation, medians of the rounds.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use env::simulated::SeededRandom;

/// Length of a value, in bytes. It does not compress.
pub const VALUE_BYTES: usize = 400;
/// How long one figure of one round is taken.
const WINDOW: Duration = Duration::from_millis(400);
/// Keys of one commit while a store is filled.
const LOAD_KEYS: usize = 1_000;

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A way to store pairs: every commit is durable before it returns, and counts itself in a second table.
pub trait Candidate {
    /// Stores the pairs in one transaction.
    fn commit(&mut self, pairs: &[Pair]);
    /// A copy of what is stored.
    fn read(&self, key: &[u8]) -> Option<Vec<u8>>;
}

/// Opens or makes a candidate's store in a folder.
pub type Open = fn(&Path) -> Box<dyn Candidate>;

/// One line of the table to be.
pub struct Contender {
    name: &'static str,
    open: Open,
    folder: PathBuf,
    store: Box<dyn Candidate>,
    figures: [Vec<f64>; 5],
}

/// What each column says.
pub const COLUMNS: [&str; 5] = [
    "1-key commits/s",
    "keys/s in commits of 32",
    "keys/s in commits of 100",
    "random reads/s",
    "open after a kill, ms",
];

/// The `number`th key, 40 bytes: spread over the whole range, as keyed hashes are.
pub fn key(number: u64) -> Vec<u8> {
    let spread = SeededRandom::new(number).next();
    format!("{spread:016x}/{number:023}").into_bytes()
}

fn pair(random: &SeededRandom, keys: u64) -> Pair {
    let value = (0..VALUE_BYTES.div_ceil(8)).flat_map(|_| random.next().to_le_bytes()).take(VALUE_BYTES).collect();
    (key(random.below(keys)), value)
}

impl Contender {
    /// Fills a new store with `keys` entries.
    pub fn new(name: &'static str, open: Open, root: &Path, keys: u64) -> Self {
        let folder = root.join(name.replace([' ', ',', '='], "-"));
        std::fs::create_dir_all(&folder).expect("the folder is ours");
        let mut store = open(&folder);
        let random = SeededRandom::new(1);
        let numbers: Vec<u64> = (0..keys).collect();
        for numbers in numbers.chunks(LOAD_KEYS) {
            let pairs: Vec<Pair> = numbers.iter().map(|number| (key(*number), pair(&random, keys).1)).collect();
            store.commit(&pairs);
        }
        Self { name, open, folder, store, figures: Default::default() }
    }

    /// Takes every figure once.
    pub fn round(&mut self, round: u64, keys: u64) {
        let random = SeededRandom::new(round + 2);
        for (column, size) in [1, 32, 100].into_iter().enumerate() {
            let rate = rate(|| {
                let pairs: Vec<Pair> = (0..size).map(|_| pair(&random, keys)).collect();
                self.store.commit(&pairs);
                size
            });
            self.figures[column].push(rate);
        }
        let reads = rate(|| {
            assert!(self.store.read(&key(random.below(keys))).is_some(), "every key was loaded");
            1
        });
        self.figures[3].push(reads);
        let opening = self.open_after_kill(round, keys);
        self.figures[4].push(opening.as_secs_f64() * 1000.0);
    }

    /// Copies the files as they are while the store is open, which is what a kill would leave, and opens the copy.
    fn open_after_kill(&self, round: u64, keys: u64) -> Duration {
        let copy = self.folder.with_extension(format!("killed-{round}"));
        std::fs::create_dir_all(&copy).expect("the folder is ours");
        for file in std::fs::read_dir(&self.folder).expect("it is there") {
            let file = file.expect("it can be listed");
            if file.file_name() != "lock.mdb" {
                copy_durably(&file.path(), &copy.join(file.file_name()));
            }
        }
        let start = Instant::now();
        let store = (self.open)(&copy);
        assert!(store.read(&key(keys / 2)).is_some(), "every key was loaded");
        let opening = start.elapsed();
        drop(store);
        std::fs::remove_dir_all(&copy).expect("it is ours");
        opening
    }

    /// The name, the medians, and the size of the files in MiB.
    pub fn line(&self) -> String {
        let mut cells: Vec<String> = self.figures.iter().map(|figures| show(median(figures))).collect();
        let files = std::fs::read_dir(&self.folder).expect("it is there");
        let bytes: u64 = files.filter_map(|file| file.ok()?.metadata().ok()).map(|it| it.len()).sum();
        cells.push((bytes >> 20).to_string());
        format!("| {} | {} |", self.name, cells.join(" | "))
    }
}

/// Copies a file and syncs the copy, so that no later sync has to write it.
pub fn copy_durably(from: &Path, to: &Path) {
    std::fs::copy(from, to).expect("there is room");
    std::fs::File::open(to).and_then(|file| file.sync_all()).expect("the disk works");
}

/// Units of work per second, over one window.
pub fn rate(mut work: impl FnMut() -> usize) -> f64 {
    let start = Instant::now();
    let mut done = 0;
    while start.elapsed() < WINDOW {
        done += work();
    }
    done as f64 / start.elapsed().as_secs_f64()
}

/// The middle one.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Three digits where there is a fraction, whole numbers otherwise.
pub fn show(figure: f64) -> String {
    if figure < 100.0 { format!("{figure:.1}") } else { format!("{figure:.0}") }
}

/// What the disk gives at most: appends of 512 bytes, each followed by `fdatasync`, per second.
pub fn raw_appends(root: &Path) -> f64 {
    use std::io::Write;
    let mut file = std::fs::File::create(root.join("appended")).expect("the folder is ours");
    rate(|| {
        file.write_all(&[7; 512]).expect("there is room");
        file.sync_data().expect("the disk works");
        1
    })
}

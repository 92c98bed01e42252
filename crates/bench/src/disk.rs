//! What the disk and the embedded store can do by themselves: the ceilings of durable writes. They are measured in a
//! process of their own (`bin/ceiling.rs`), so that they have the core that the server has, and no more.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use storage::{Batch, CommitId, Expectation, Key, Outcome, Revision, Storage};
use storage_embedded::{Embedded, Options};

use crate::cores::Cores;
use crate::{now, servers};

mod removals;

/// Bytes that the comparison with the bare disk appends at once.
const APPEND_BYTES: usize = 512;
/// What one request commits, each key as what stands around the part that no other has, and the bytes of its value with
/// the 45 that encryption adds.
struct Shape {
    written: &'static [(&'static str, &'static str, usize)],
    /// Whether the keys are hashes, of which each goes elsewhere.
    is_scattered: bool,
}

/// A write of a new KV version 2 secret: its history, its first version, and the fingerprint of the one value in it that is
/// long enough.
const WRITE: Shape = Shape {
    written: &[
        ("ns/root/data/00000000-0000-4000-8000-000000000000/meta/app/", "", 294),
        ("ns/root/data/00000000-0000-4000-8000-000000000000/data/app/", "\x00fedcba98765432100000000000000001", 102),
        ("ns/root/fingerprint/0123456789abcdef/00000000-0000-4000-8000-000000000000/data/app/", "", 45),
    ],
    is_scattered: false,
};
/// A login: the token, its state, its accessor, that it goes with the mount, and when it ends.
const LOGIN: Shape = Shape {
    written: &[
        ("ns/root/token/", "", 520),
        ("ns/root/token-state/", "", 100),
        ("ns/root/accessor/", "", 160),
        ("ns/root/mount-token/00000000-0000-4000-8000-000000000000/", "", 45),
        ("due/00/0123456789abcdef/root/token/", "", 45),
    ],
    is_scattered: true,
};
/// What it expects beside those keys being absent: the mount to be alive.
const LIVENESS: &str = "ns/root/mount-live/00000000-0000-4000-8000-000000000000";

/// Odd, and about the golden ratio of all 64-bit numbers: its multiples lie far apart.
const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;
/// Asks for the ceilings, always in the same folder.
pub struct Ceiling(PathBuf);

impl Ceiling {
    /// In this folder, which is made.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(folder: PathBuf) -> Result<Self> {
        std::fs::create_dir(&folder).context("making the folder of the ceilings")?;
        Ok(Self(folder))
    }

    /// Appends with `fdatasync` on one file; how many a second.
    ///
    /// # Errors
    /// When the process fails.
    pub fn appends(&self, time: Duration) -> Result<f64> {
        self.ask("0", time)
    }

    /// Commits of what a write of KV version 2 commits, by so many callers at once, each waiting for its own; how many a
    /// second.
    ///
    /// # Errors
    /// When the process fails.
    pub fn commits(&self, callers: usize, time: Duration) -> Result<f64> {
        self.ask(&callers.to_string(), time)
    }

    /// The same of what a login commits.
    ///
    /// # Errors
    /// When the process fails.
    pub fn logins(&self, callers: usize, time: Duration) -> Result<f64> {
        self.ask(&format!("login:{callers}"), time)
    }

    /// The keys of so many leases removed in commits of a hundred; how many keys a second.
    ///
    /// # Errors
    /// When the process fails.
    pub fn removals(&self, leases: u32) -> Result<f64> {
        self.ask(&format!("remove:{leases}"), Duration::ZERO)
    }

    fn ask(&self, what: &str, time: Duration) -> Result<f64> {
        let mut command = Cores::Server.command();
        command.arg(servers::beside_us("ceiling")?).arg(&self.0);
        let output = command.arg(what).arg(time.as_millis().to_string()).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "the ceiling: {}", String::from_utf8_lossy(&output.stderr));
        said.trim().parse().with_context(|| format!("no rate: {said:?}"))
    }
}

/// Measures in this process: what is a number of callers for commits, behind `login:` for those of logins, 0 for appends,
/// `remove:` for removing the keys of so many leases, however long that takes.
///
/// # Errors
/// When the folder cannot be written.
pub fn measure(folder: &Path, what: &str, time: Duration) -> Result<f64> {
    if what == "0" {
        return appends(folder, time);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let env = env::Env::real();
    let store = Arc::new(Embedded::open(&folder.join("store"), Options::default(), &env)?);
    let run = u32::from_be_bytes(env.random());
    if let Some(leases) = what.strip_prefix("remove:") {
        return runtime.block_on(removals::measure(&store, leases.parse()?, run));
    }
    let (shape, callers) = what.strip_prefix("login:").map_or((&WRITE, what), |callers| (&LOGIN, callers));
    runtime.block_on(commits(store, shape, callers.parse()?, (time, run)))
}

fn appends(folder: &Path, time: Duration) -> Result<f64> {
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join("append"))?;
    let (start, mut count) = (now(), 0_u32);
    while start.elapsed() < time {
        file.write_all(&[0x5a; APPEND_BYTES])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

async fn commits(
    store: Arc<Embedded>,
    shape: &'static Shape,
    callers: usize,
    (time, run): (Duration, u32),
) -> Result<f64> {
    let liveness = Key::new(LIVENESS)?;
    let alive = match store.read(std::slice::from_ref(&liveness)).await?.entries.into_iter().next().flatten() {
        Some(entry) => entry.revision,
        None => {
            let batch = Batch::new(CommitId(run_id(run, u64::MAX))).create(liveness.clone(), b"live".to_vec());
            let Outcome::Committed(receipt) = store.commit(&batch).await? else { anyhow::bail!("refused") };
            receipt.revision
        }
    };
    let start = now();
    let mut tasks = tokio::task::JoinSet::new();
    for caller in 0..callers {
        let (store, liveness) = (Arc::clone(&store), liveness.clone());
        tasks.spawn(async move {
            let mut count = 0_u32;
            while start.elapsed() < time {
                let number = (u64::try_from(caller)? << 24) | u64::from(count);
                commit(&store, shape, (&liveness, alive), (run, number)).await?;
                count += 1;
            }
            anyhow::Ok(count)
        });
    }
    let mut all = 0;
    while let Some(count) = tasks.join_next().await {
        all += count??;
    }
    Ok(f64::from(all) / start.elapsed().as_secs_f64())
}

async fn commit(
    store: &Embedded,
    shape: &Shape,
    (liveness, alive): (&Key, Revision),
    (run, number): (u32, u64),
) -> Result<()> {
    let mut batch = Batch::new(CommitId(run_id(run, number))).expect(Expectation::At(liveness.clone(), alive));
    let name = match shape.is_scattered {
        true => format!("{:016x}{run:08x}{number:019x}", number.wrapping_mul(SCATTER)),
        false => format!("{run:08x}{number:x}"),
    };
    for (before, after, bytes) in shape.written {
        batch = batch.create(Key::new([before, name.as_str(), after].concat())?, vec![0x5a; *bytes]);
    }
    let outcome = store.commit(&batch).await?;
    ensure!(matches!(outcome, Outcome::Committed(_)), "a commit to a store of our own was refused");
    Ok(())
}

/// A commit's id that no other run and no other commit has.
fn run_id(run: u32, number: u64) -> [u8; 16] {
    ((u128::from(run) << 64) | u128::from(number)).to_be_bytes()
}

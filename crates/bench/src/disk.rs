//! What the disk and the embedded store can do by themselves: the ceilings of durable writes.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use storage::{Batch, CommitId, Key, Outcome, Storage};
use storage_embedded::{Embedded, Options};
use tokio::runtime::Runtime;

use crate::now;

/// Bytes that the comparison with the bare disk appends at once.
const APPEND_BYTES: usize = 512;
/// Bytes of a value, as a small secret takes them encrypted.
const VALUE_BYTES: usize = 400;
/// The keys that one write of a KV version 2 secret writes: its history and the new version.
const KEYS_PER_WRITE: u64 = 2;

/// Appends with `fdatasync` on one file, for this long; how many a second.
///
/// # Errors
/// When the file cannot be written.
pub fn appends(folder: &Path, time: Duration) -> Result<f64> {
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join("append"))?;
    let (start, mut count) = (now(), 0_u32);
    while start.elapsed() < time {
        file.write_all(&[0x5a; APPEND_BYTES])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// The embedded store exactly as shipped, without a server in front of it.
pub struct Store {
    store: Arc<Embedded>,
    runtime: Runtime,
    next: u64,
}

impl Store {
    /// A fresh store in a folder of its own.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: &Path) -> Result<Self> {
        let store = Arc::new(Embedded::open(&folder.join("store"), Options::default(), &env::Env::real())?);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self { store, runtime, next: 0 })
    }

    /// Commits of what a write of KV version 2 writes, by so many callers at once, each waiting for its own; commits a
    /// second.
    ///
    /// # Errors
    /// When a commit fails.
    pub fn commits(&mut self, callers: u64, time: Duration) -> Result<f64> {
        let (start, mut count) = (now(), 0_u32);
        while start.elapsed() < time {
            let first = self.next;
            self.next += callers;
            let store = &self.store;
            let round: Result<Vec<()>> = self.runtime.block_on(async {
                let tasks: Vec<_> =
                    (first..first + callers).map(|number| tokio::spawn(commit(Arc::clone(store), number))).collect();
                let mut done = Vec::new();
                for task in tasks {
                    done.push(task.await??);
                }
                Ok(done)
            });
            count += u32::try_from(round?.len())?;
        }
        Ok(f64::from(count) / start.elapsed().as_secs_f64())
    }
}

async fn commit(store: Arc<Embedded>, number: u64) -> Result<()> {
    let mut id = [0; 16];
    for (place, byte) in id.iter_mut().zip(number.to_be_bytes()) {
        *place = byte;
    }
    let mut batch = Batch::new(CommitId(id));
    for part in 0..KEYS_PER_WRITE {
        let key = Key::new(format!("bench/{part}/{number:016x}").into_bytes())?;
        batch = batch.create(key, vec![0x5a; VALUE_BYTES]);
    }
    let outcome = store.commit(&batch).await?;
    ensure!(matches!(outcome, Outcome::Committed(_)), "a commit to a store of our own was refused");
    Ok(())
}

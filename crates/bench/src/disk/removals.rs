//! How fast the store removes what many leases have in it: the ceiling of clearing them away.
//!
//! The keys are those of leases, in four places of the store, and all of them are there before the first goes: keys that
//! lie side by side, or that the database has not taken over yet, cost the store a fraction of these.

use std::sync::Arc;

use anyhow::Result;
use storage::{Batch, CommitId, Key, Outcome, Revision, Storage as _};
use storage_embedded::Embedded;

use super::{SCATTER, run_id};
use crate::now;

/// What a lease has: itself, its line in the due index, that it goes with its token, and with its mount. Each as the part
/// of its key before the lease's name, and the bytes of its value with what encryption adds.
const LEASE: [(&str, usize); 4] = [
    ("ns/root/lease/lend/lend/ending/", 620),
    ("due/", 45),
    ("ns/root/token-lease/0123456789abcdef0123456789abcdef/", 45),
    ("ns/root/mount-lease/00000000-0000-4000-8000-000000000000/", 45),
];
/// Leases of one commit: a hundred keys.
const LEASES_AT_ONCE: u32 = 25;
/// Leases that end within a second.
const LEASES_A_SECOND: u32 = 8_000;
/// Parts of the due index.
const SHARDS: u64 = 16;
/// Commits under way at once: as many as a mount's leases get.
const CALLERS: usize = 4;

/// Makes so many leases' keys and removes them in the order of the due index; how many keys a second went.
pub(super) async fn measure(store: &Arc<Embedded>, leases: u32, run: u32) -> Result<f64> {
    let mut names: Vec<Name> = (0..leases).map(|number| Name::new(run, number)).collect();
    let mut made = Vec::new();
    for some in names.chunks(LEASES_AT_ONCE as usize) {
        let batch = some.iter().try_fold(Batch::new(some[0].commit(0)), |batch, name| {
            let keys = name.keys()?.into_iter().zip(LEASE);
            anyhow::Ok(keys.fold(batch, |batch, (key, (_, bytes))| batch.create(key, vec![0x5a; bytes])))
        })?;
        made.extend(std::iter::repeat_n(commit(store, &batch).await?, some.len()));
    }
    let mut due: Vec<(Name, Revision)> = names.drain(..).zip(made).collect();
    due.sort_unstable_by_key(|(name, _)| (name.shard(), name.number));
    let start = now();
    let mut tasks = tokio::task::JoinSet::new();
    for some in due.chunks(LEASES_AT_ONCE as usize) {
        if tasks.len() == CALLERS
            && let Some(done) = tasks.join_next().await
        {
            done??;
        }
        let mut batch = Batch::new(some[0].0.commit(1));
        for (name, revision) in some {
            batch = name.keys()?.into_iter().fold(batch, |batch, key| batch.delete(key, *revision));
        }
        let store = Arc::clone(store);
        tasks.spawn(async move { commit(&store, &batch).await });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(f64::from(leases) * LEASE.len() as f64 / start.elapsed().as_secs_f64())
}

async fn commit(store: &Embedded, batch: &Batch) -> Result<Revision> {
    let Outcome::Committed(receipt) = store.commit(batch).await? else {
        anyhow::bail!("a commit of our own was refused")
    };
    Ok(receipt.revision)
}

/// A lease: the second of its making and what no other has.
struct Name {
    run: u32,
    number: u32,
}

impl Name {
    fn new(run: u32, number: u32) -> Self {
        Self { run, number }
    }

    fn scattered(&self) -> u64 {
        u64::from(self.number).wrapping_mul(SCATTER)
    }

    fn shard(&self) -> u64 {
        self.scattered() % SHARDS
    }

    fn keys(&self) -> Result<[Key; 4]> {
        let Self { run, number } = self;
        let name = format!("{:06}{:016x}{run:08x}{number:019x}", number / LEASES_A_SECOND, self.scattered());
        let due = format!("{:02x}/{number:016x}/root/lease/{run:08x}/lend/ending/", self.shard());
        let [lease, line, token, mount] = LEASE.map(|(before, _)| before);
        Ok([
            Key::new([lease, &name].concat())?,
            Key::new([line, &due, &name].concat())?,
            Key::new([token, &name].concat())?,
            Key::new([mount, &name].concat())?,
        ])
    }

    fn commit(&self, step: u64) -> CommitId {
        CommitId(run_id(self.run, (u64::from(self.number) << 1) | step))
    }
}

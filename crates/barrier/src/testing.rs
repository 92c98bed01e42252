//! An unsealed barrier for the tests of the layers above.

use std::sync::Arc;

use env::Env;
use storage::Storage;
use storage::memory::Memory;

use crate::seal::{Device, InitOptions, SealControl};
use crate::{Barrier, CacheMode, Options};

/// The cache of a barrier made here, in bytes.
const CACHE_BYTES: usize = 1024 * 1024;

/// An initialized and unsealed barrier over a store in memory.
///
/// # Panics
/// When the store already belongs to another barrier.
pub async fn unsealed(env: &Env) -> Barrier {
    unsealed_over(Arc::new(Memory::new()), env).await
}

/// An initialized and unsealed barrier over an empty store.
///
/// # Panics
/// When the store is not empty or refuses.
pub async fn unsealed_over(storage: Arc<dyn Storage>, env: &Env) -> Barrier {
    let options = Options { cache_bytes: CACHE_BYTES, cache: CacheMode::SoleWriter };
    let barrier = Barrier::new(storage, env.clone(), options);
    let control = SealControl::new(barrier.clone(), Device::Shamir);
    let reply = control.init(&InitOptions::shamir(1, 1), Vec::new()).await.expect("an empty store can be initialized");
    let share = reply.shares.into_iter().next().expect("one share was asked for");
    control.unseal(share).await.expect("the share that init gave unseals");
    barrier
}

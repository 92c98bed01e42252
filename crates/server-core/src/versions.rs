//! Which versions of the program have run on this store, and since when: one entry a version, written by the first
//! node that is unsealed with it. Never changed and never removed.

use barrier::Changes;
use env::Env;
use framework::Error;
use framework::view::{StoredTime, to_stored};
use serde::{Deserialize, Serialize};
use storage::KeyRange;

use crate::keys;
use crate::node::Node;
use crate::store::{Lost, Store, decode, encode};

/// The most versions that are shown: more than there will be releases.
const VERSIONS_MAX: usize = 1_000;

/// A version that has run here.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct VersionEntry {
    v: u32,
    pub(crate) version: String,
    /// When a node was first unsealed with it.
    pub(crate) installed: StoredTime,
    pub(crate) build_date: String,
}

/// Notes that this version runs, if nobody has. A node that loses the race against another one finds that it is noted.
pub(crate) async fn record(store: &Store, env: &Env, node: &Node) -> Result<(), Error> {
    let key = keys::version(node.version)?;
    if let [Some(_)] = store.revisions_of([key.clone()]).await? {
        return Ok(());
    }
    let entry = VersionEntry {
        v: 1,
        version: node.version.to_owned(),
        installed: to_stored(env.now().into()),
        build_date: node.build_date.to_owned(),
    };
    let mut changes = Changes::new();
    changes.create(key, encode(&entry)?);
    match store.commit(changes).await {
        Ok(_) | Err(Lost::Race(_)) => Ok(()),
        Err(Lost::Failed(error)) => Err(error),
    }
}

/// All of them, the earliest first.
pub(crate) async fn all(store: &Store) -> Result<Vec<VersionEntry>, Error> {
    let range = KeyRange::prefix(&keys::version("")?);
    let (page, _) = store.page(range, VERSIONS_MAX).await?;
    let entries = page.iter().map(|(key, opened)| Ok(decode::<VersionEntry>(key, opened)?.value));
    let mut entries = entries.collect::<Result<Vec<_>, Error>>()?;
    entries.sort_by(|a, b| (a.installed, &a.version).cmp(&(b.installed, &b.version)));
    Ok(entries)
}

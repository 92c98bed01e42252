//! The cluster's identity and the random keys under which tokens and accessors are hashed and indexes are signed. Loaded at unseal, dropped
//! at seal; independent of the keyring's terms, so that no rotation loses a token.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use env::Env;
use framework::Error;
use secret::{MacKey, Secret, derive_key};
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::restored::EpochEntry;
use crate::store::{Store, decode};

const KEY_BYTES: usize = 32;
/// Tells the key of a token epoch from the others.
const EPOCH_INFO: &[u8] = b"strongroom token epoch 1\0";

/// What is stored under `core/cluster`. Written by init and never again: the id of that commit names the cluster to those
/// who hold no keys (see [`crate::backups`]).
#[derive(Serialize, Deserialize)]
pub(crate) struct ClusterEntry {
    v: u32,
    id: String,
    name: String,
    token_key: String,
    accessor_key: String,
    /// Absent in stores that were made before it: their replies carry no index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index_key: Option<String>,
}

/// An unsealed cluster.
pub(crate) struct Cluster {
    /// Random UUID.
    pub(crate) id: String,
    /// Shown by `sys/health`.
    pub(crate) name: String,
    /// What tokens of today were made in; empty before the first restore. See [`crate::restored`].
    pub(crate) token_epoch: String,
    token_key: MacKey,
    accessor_key: MacKey,
    index_key: Option<MacKey>,
}

/// The cluster while it is unsealed.
#[derive(Default)]
pub(crate) struct Identity(ArcSwapOption<Cluster>);

impl ClusterEntry {
    /// A fresh cluster. A name is made up when the operator gave none.
    pub(crate) fn generate(env: &Env, name: Option<&str>) -> Self {
        let id = env.uuid();
        let made_up = || format!("strongroom-cluster-{}", id.get(..8).unwrap_or_default());
        Self {
            v: 1,
            name: name.map_or_else(made_up, str::to_owned),
            id,
            token_key: BASE64.encode(&env.random::<KEY_BYTES>()),
            accessor_key: BASE64.encode(&env.random::<KEY_BYTES>()),
            index_key: Some(BASE64.encode(&env.random::<KEY_BYTES>())),
        }
    }

    /// The usable form, in a token epoch.
    pub(crate) fn open(&self, token_epoch: String) -> Result<Cluster, Error> {
        if self.v != 1 {
            return Err(Error::world("open the cluster entry", "its format is newer than this release"));
        }
        let bytes = |text: &str| {
            let bytes = BASE64.decode(text.as_bytes()).map(Secret::new);
            bytes.map_err(|source| Error::world("decode a key of the cluster entry", source))
        };
        let key = |text: &str| bytes(text).map(|key| MacKey::new(key.expose()));
        let token_key = bytes(&self.token_key)?;
        let token_key = match token_epoch.as_str() {
            "" => MacKey::new(token_key.expose()),
            epoch => MacKey::new(derive_key(token_key.expose(), &[EPOCH_INFO, epoch.as_bytes()]).expose()),
        };
        Ok(Cluster {
            id: self.id.clone(),
            name: self.name.clone(),
            token_epoch,
            token_key,
            accessor_key: key(&self.accessor_key)?,
            index_key: self.index_key.as_deref().map(key).transpose()?,
        })
    }
}

impl Cluster {
    /// The name of a token in storage.
    pub(crate) fn token_hash(&self, token: &str) -> String {
        keys::hash_text(&self.token_key.sign(&[token.as_bytes()]))
    }

    /// The name of an authorization code in storage; gone with the token epoch, as tokens are.
    pub(crate) fn code_hash(&self, code: &str) -> String {
        keys::hash_text(&self.token_key.sign(&[b"authorization code ", code.as_bytes()]))
    }

    /// The name in storage of a login that waits for its second factor; gone with the token epoch, too.
    pub(crate) fn login_hash(&self, request_id: &str) -> String {
        keys::hash_text(&self.token_key.sign(&[b"unfinished login ", request_id.as_bytes()]))
    }

    /// The name of an accessor in storage.
    pub(crate) fn accessor_hash(&self, accessor: &str) -> String {
        keys::hash_text(&self.accessor_key.sign(&[accessor.as_bytes()]))
    }

    /// The name of a lease in storage, of the whole id. No accessor begins like this.
    pub(crate) fn lease_hash(&self, id: &str) -> String {
        keys::hash_text(&self.accessor_key.sign(&[b"lease ", id.as_bytes()]))
    }

    /// The name of a value in the storage of a namespace: 12 of the 32 bytes, since there are many and a line says only
    /// where to look. No accessor begins like this.
    pub(crate) fn value_hash(&self, ns: &str, value: &str) -> String {
        const BYTES: usize = 12;
        let hash = self.accessor_key.sign(&[b"value ", ns.as_bytes(), b" ", value.as_bytes()]);
        BASE64URL_NOPAD.encode(hash.get(..BYTES).unwrap_or_default())
    }

    /// The MAC of how far the store has come; see [`crate::index`].
    pub(crate) fn index_mac(&self, state: &[u8]) -> Option<[u8; 32]> {
        self.index_key.as_ref().map(|key| key.sign(&[state]))
    }
}

impl Identity {
    /// The cluster, or [`Error::Sealed`].
    pub(crate) fn cluster(&self) -> Result<Arc<Cluster>, Error> {
        self.0.load_full().ok_or(Error::Sealed)
    }

    /// Reads it through the freshly opened barrier.
    pub(crate) async fn load(&self, store: &Store) -> Result<(), Error> {
        let [cluster, epoch] = store.get_all([keys::CLUSTER, keys::TOKEN_EPOCH]).await?;
        let cluster = cluster.ok_or_else(|| Error::world("open the cluster", "the entry core/cluster is missing"))?;
        let cluster: ClusterEntry = decode(&keys::CLUSTER, &cluster)?.value;
        let epoch = epoch.map(|epoch| decode::<EpochEntry>(&keys::TOKEN_EPOCH, &epoch)).transpose()?;
        let epoch = epoch.map(|found| found.value.open()).transpose()?.unwrap_or_default();
        self.0.store(Some(Arc::new(cluster.open(epoch)?)));
        Ok(())
    }

    /// Forgets it: the keys' memory is wiped once the last request that holds them ends.
    pub(crate) fn forget(&self) {
        self.0.store(None);
    }
}

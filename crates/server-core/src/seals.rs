//! From nothing to a server that answers, and back: init, unseal, seal. Whatever is loaded at unseal is loaded here,
//! and dropped here at seal.

use std::sync::Arc;

use barrier::seal::{InitError, InitOptions, SealControl, SealStatus, UnsealError, VerifyError};
use env::Env;
use framework::Error;
use secret::{Secret, SecretBytes};
use storage::Key;

use crate::attempts::{Attempts, from_verify};
use crate::audit_log::AuditLog;
use crate::bootstrap::SharedState;
use crate::cluster::{ClusterEntry, Identity};
use crate::due::{Owner, Worker};
use crate::identity::Identities;
use crate::keys::{self, ROOT_NAMESPACE};
use crate::leases::Leases;
use crate::leases::sweep::Sweeps;
use crate::leases::work::LeaseWork;
use crate::lockout::Lockout;
use crate::lockout::sweep::Over;
use crate::mfa::Mfa;
use crate::mounts::due::EngineWork;
use crate::mounts::remount::Statuses;
use crate::mounts::upgrade::Upgrades;
use crate::mounts::{Mounts, change};
use crate::namespaces::entry::LiveEntry;
use crate::namespaces::sweep::Sweeper;
use crate::node::Node;
use crate::oidc::{KeysAndCodes, Oidc};
use crate::policies::Policies;
use crate::quotas::{Kind, Quotas};
use crate::restored;
use crate::rotation::Rotation;
use crate::rotations::{RotationWork, Rotations};
use crate::store::{Store, encode};
use crate::tokens::logins::Logins;
use crate::tokens::{Tokens, create};
use crate::versions;

/// The seal with everything that opens and closes with it.
pub(crate) struct Seals {
    pub(crate) control: Arc<SealControl>,
    pub(crate) attempts: Arc<Attempts>,
    pub(crate) store: Store,
    pub(crate) env: Env,
    pub(crate) node: Arc<Node>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) policies: Arc<Policies>,
    pub(crate) mounts: Arc<Mounts>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) rotations: Arc<Rotations>,
    pub(crate) identities: Arc<Identities>,
    pub(crate) oidc: Arc<Oidc>,
    pub(crate) mfa: Arc<Mfa>,
    pub(crate) quotas: Arc<Quotas>,
    pub(crate) lockout: Arc<Lockout>,
    pub(crate) rotation: Arc<Rotation>,
    pub(crate) worker: Worker,
    /// Held while the node is opened or closed, so that one of the two has wholly happened before the other begins.
    pub(crate) turning: tokio::sync::Mutex<()>,
    pub(crate) cluster_name: Option<String>,
    /// Tells who waits for it whether the node is open.
    pub(crate) unsealed: tokio::sync::watch::Sender<bool>,
    /// How far the node is with what its configuration declares.
    pub(crate) bootstrap: SharedState,
}

/// What init hands out, once.
pub struct Initialized {
    /// Shares of the seal key, raw; empty for an unattended seal.
    pub shares: Vec<SecretBytes>,
    /// Shares of the recovery key, raw; empty for Shamir.
    pub recovery_shares: Vec<SecretBytes>,
    /// The first token.
    pub root_token: Secret<String>,
}

impl Seals {
    /// Initializes the store. `root_token` is the first token's text, if the operator chose it (development only).
    pub(crate) async fn init(
        self: &Arc<Self>,
        options: &InitOptions,
        root_token: Option<Secret<String>>,
    ) -> Result<Initialized, Error> {
        let cluster_entry = ClusterEntry::generate(&self.env, self.cluster_name.as_deref());
        let root = create::root(&self.env, &cluster_entry.open(String::new())?, root_token)?;
        let mut entries = vec![
            (keys::CLUSTER, encode(&cluster_entry)?),
            (keys::namespace_live(ROOT_NAMESPACE)?, encode(&LiveEntry::at(""))?),
            Policies::initial(ROOT_NAMESPACE)?,
        ];
        entries.extend(change::initial(&self.env, ROOT_NAMESPACE)?);
        entries.extend(root.entries);
        let entries: Vec<(Key, SecretBytes)> = entries.into_iter().map(|(key, value)| (key, value.into())).collect();
        let made = self.control.init(options, entries).await.map_err(from_init)?;
        // The keys below are shown this once, so no failure may keep them back any more.
        if made.shares.is_empty()
            && let Err(error) = self.unseal_unattended().await
        {
            tracing::error!(%error, "initialized, but not unsealed: start the node again to unseal it");
        }
        let root_token = root.created.token;
        Ok(Initialized { shares: made.shares, recovery_shares: made.recovery_shares, root_token })
    }

    /// Whether the store can still be initialized, for what is costly to prepare.
    pub(crate) async fn check_uninitialized(&self) -> Result<(), Error> {
        match self.control.is_initialized().await {
            Ok(false) => Ok(()),
            Ok(true) => Err(from_init(InitError::AlreadyInitialized)),
            Err(source) => Err(Error::world("read the seal entry", source)),
        }
    }

    /// Takes one share of the seal key.
    pub(crate) async fn unseal(self: &Arc<Self>, share: SecretBytes) -> Result<SealStatus, Error> {
        let seals = Arc::clone(self);
        to_the_end(async move { seals.take_share(share).await }).await?
    }

    async fn take_share(&self, share: SecretBytes) -> Result<SealStatus, Error> {
        let _turning = self.turning.lock().await;
        let was_sealed = self.control.barrier().is_sealed();
        let status = self.control.unseal(share).await.map_err(from_unseal)?;
        if was_sealed && !status.sealed {
            self.open().await?;
        }
        Ok(status)
    }

    /// Unseals with the key that the operator gave the node, if it is that kind of seal and the store is initialized.
    pub(crate) async fn unseal_unattended(self: &Arc<Self>) -> Result<SealStatus, Error> {
        let seals = Arc::clone(self);
        to_the_end(async move { seals.use_own_key().await }).await?
    }

    async fn use_own_key(&self) -> Result<SealStatus, Error> {
        let _turning = self.turning.lock().await;
        let was_sealed = self.control.barrier().is_sealed();
        let status = self.control.unseal_auto().await.map_err(from_own_key)?;
        if was_sealed && !status.sealed {
            self.open().await?;
        }
        Ok(status)
    }

    /// Locks the keys away and forgets everything that was decrypted with them. The keys go at once, whatever the
    /// store or an unseal under way is waiting for.
    pub(crate) async fn seal(self: &Arc<Self>) {
        self.control.barrier().seal();
        let seals = Arc::clone(self);
        let closed = to_the_end(async move {
            let _turning = seals.turning.lock().await;
            seals.lock_away().await;
        });
        if let Err(error) = closed.await {
            tracing::error!(%error, "sealed, but something may still be in memory");
        }
    }

    async fn lock_away(&self) {
        self.unsealed.send_replace(false);
        self.worker.tell_to_stop();
        self.control.seal().await;
        self.identity.forget();
        self.tokens.forget();
        self.policies.forget();
        self.mounts.forget();
        self.mounts.namespaces.forget();
        self.quotas.forget();
        self.lockout.forget();
        self.rotation.forget();
        self.audit.forget();
        self.attempts.forget().await;
        self.worker.stop().await;
        self.leases.stop();
        self.rotations.stop();
        self.oidc.forget();
        self.control.settle().await;
    }

    /// What follows a successful unseal. If it fails, the node is sealed again: half open is not a state.
    async fn open(&self) -> Result<(), Error> {
        if let Err(error) = self.open_identity().await {
            self.lock_away().await;
            return Err(error);
        }
        // A node that serves is worth more than a complete history, and a full disk must not keep it sealed.
        if let Err(error) = versions::record(&self.store, &self.env, &self.node).await {
            tracing::warn!(%error, "the version could not be noted in the history");
        }
        // So that the first request finds it known. One that cannot be read fails the requests, and is told of there.
        if let Err(error) = self.audit.current().await {
            tracing::warn!(%error, "the table of audit devices could not be read yet");
        }
        if let Err(error) = self.quotas.state(Kind::RateLimit).await {
            tracing::warn!(%error, "the quotas could not be read yet");
        }
        self.control.settle().await;
        self.audit.start();
        self.worker.start(self.store.clone(), self.env.clone(), self.owners());
        self.unsealed.send_replace(true);
        Ok(())
    }

    /// What a restore has left decides which tokens are known.
    async fn open_identity(&self) -> Result<(), Error> {
        restored::settle(&self.store, &self.env).await?;
        self.identity.load(&self.store).await
    }

    /// Whoever has lines in the due index.
    pub(crate) fn owners(&self) -> Vec<Arc<dyn Owner>> {
        vec![
            Arc::clone(&self.tokens) as _,
            Arc::clone(&self.rotation) as _,
            Arc::new(Logins(Arc::clone(&self.tokens))),
            Arc::clone(&self.mounts) as _,
            Arc::clone(&self.identities) as _,
            Arc::new(KeysAndCodes(Arc::clone(&self.oidc))),
            Arc::clone(&self.mfa) as _,
            Arc::new(Statuses::new(self.store.clone())) as _,
            Arc::new(EngineWork(Arc::clone(&self.mounts))),
            Arc::new(Upgrades(Arc::clone(&self.mounts))),
            Arc::new(LeaseWork(Arc::clone(&self.leases))),
            Arc::new(RotationWork(Arc::clone(&self.rotations))),
            Arc::new(Over(Arc::clone(&self.lockout))),
            Arc::new(Sweeps(Arc::clone(&self.leases))),
            Arc::new(Sweeper {
                store: self.store.clone(),
                namespaces: Arc::clone(&self.mounts.namespaces),
                tokens: Arc::clone(&self.tokens),
                mounts: Arc::clone(&self.mounts),
            }),
        ]
    }
}

/// Runs work to its end, whether or not the client that asked for it stays: a node that is neither open nor closed
/// would answer nothing, and could not even be sealed.
pub(crate) async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, Error> {
    tokio::spawn(work).await.map_err(|source| Error::world("turn the seal", source))
}

/// Init's failures as the API shows them.
fn from_init(error: InitError) -> Error {
    match error {
        InitError::Options(text) => Error::Invalid(text.into()),
        error @ InitError::AlreadyInitialized => Error::Invalid(error.to_string().into()),
        InitError::NotEmpty => {
            let text = "the store is not empty, but holds no seal: it belongs to something else or is damaged";
            Error::WorldShown { shown: text.into(), source: Box::new(InitError::NotEmpty) }
        }
        error => Error::world("initialize the store", error),
    }
}

/// The same where the operator's key unseals: that it is the wrong one is no mistake of a caller's.
pub(crate) fn from_own_key(error: UnsealError) -> Error {
    match error {
        UnsealError::WrongKey => {
            let shown = "the operator's key is not the one that this server was initialized with";
            Error::WorldShown { shown: shown.into(), source: Box::new(error) }
        }
        error => from_unseal(error),
    }
}

/// Unseal's failures as the API shows them: the caller's stay 400.
pub(crate) fn from_unseal(error: UnsealError) -> Error {
    match error {
        UnsealError::NotInitialized => Error::invalid("Vault is not initialized"),
        UnsealError::NotApplicable(_) => Error::Invalid(error.to_string().into()),
        UnsealError::Share(why) => Error::Invalid(format!("invalid key: {why}").into()),
        UnsealError::WrongKey => {
            Error::invalid("failed to unseal: the keys do not belong together or to this server; progress was reset")
        }
        UnsealError::NoRecoveryKey => from_verify(VerifyError::NoRecoveryKey),
        UnsealError::OtherKind { .. } => {
            let shown = "the store was initialized with another kind of seal than this node is configured for";
            Error::WorldShown { shown: shown.into(), source: Box::new(error) }
        }
        error => Error::world("unseal", error),
    }
}

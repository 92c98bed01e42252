//! Where keys come from: written down, at URLs, or of an OpenID provider. What was fetched is kept in memory and found
//! again after a restart.
//!
//! Only the operator's configuration, and the documents of the provider that it names, say whom to ask. However many
//! tokens come whose key is unknown, each source is asked at most once in ten seconds by a node, in a task of its own:
//! logins wait for what it fetches, and go without when it is too early to ask again. So whoever hangs up keeps nobody
//! else from the keys.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use env::Env;
use framework::view::Revision;
use framework::{Context, Error};
use jose::{KeySet, Unproven};
use outbound::Trust;
use tokio::sync::SemaphorePermit;

use super::entry::ConfigEntry;
use racing::Racing;
use remote::Known;

mod racing;
mod remote;

pub(super) use remote::{Document, FetchError, Remote, Source};

/// How many mounts' keys a node keeps at once; those that were not used for longest are fetched again when they are.
const PROVIDERS_MAX: usize = 1_000;

/// The keys of all mounts of the method.
#[derive(Default)]
pub(super) struct Providers {
    /// By the mount's id.
    loaded: Mutex<HashMap<String, Loaded>>,
}

struct Loaded {
    /// Which write of the configuration it was made from.
    revision: Revision,
    provider: Arc<Provider>,
    /// On the monotonic clock.
    used: Duration,
}

/// Whose signatures count for one configuration.
pub(super) enum Provider {
    /// The keys are written down.
    Written(KeySet),
    /// The keys are asked for, at one place or several.
    Remote(Vec<Arc<Remote>>),
}

/// Why a signature is not proven.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unverified {
    /// No key that is known now has made it (documented Vault text).
    #[error("no known key successfully validated the token signature")]
    NoKey,
    /// It does not say which of the providers' keys to look for.
    #[error("the token does not name its key (kid), which it has to with several jwks_pairs")]
    Unnamed,
    /// There are no keys to verify it with.
    #[error("the keys could not be fetched")]
    Unknown(#[source] Arc<FetchError>),
    /// Too many wait for the keys already.
    #[error("too many logins wait for the provider: try again")]
    Busy,
}

impl Providers {
    /// The keys of a mount as it is configured now.
    ///
    /// # Errors
    /// When what is configured cannot be used.
    pub(super) fn of(
        &self,
        context: &Context,
        config: &ConfigEntry,
        revision: Revision,
    ) -> Result<Arc<Provider>, Error> {
        let now = context.env.monotonic();
        let (mount, loaded) = (&context.mount.uuid, || self.loaded.lock().unwrap_or_else(PoisonError::into_inner));
        let known = |loaded: &mut HashMap<String, Loaded>| {
            let known = loaded.get_mut(mount).filter(|known| known.revision == revision)?;
            known.used = now;
            Some(Arc::clone(&known.provider))
        };
        if let Some(provider) = known(&mut loaded()) {
            return Ok(provider);
        }
        // It reads the system's authorities, for which the other mounts do not wait. Of two who do so at once the first
        // is taken, so that both share what it fetches.
        let provider = Provider::new(config).map_err(|source| Error::world("use the stored configuration", source))?;
        let provider = Arc::new(provider);
        let mut loaded = loaded();
        if let Some(first) = known(&mut loaded) {
            return Ok(first);
        }
        if loaded.len() >= PROVIDERS_MAX
            && let Some(oldest) = loaded.iter().min_by_key(|(_, it)| it.used).map(|(uuid, _)| uuid.clone())
        {
            loaded.remove(&oldest);
        }
        let new = Loaded { revision, provider: Arc::clone(&provider), used: now };
        loaded.insert(mount.clone(), new);
        Ok(provider)
    }
}

impl Provider {
    /// As a configuration says, with nothing fetched yet.
    ///
    /// # Errors
    /// When a key, a URL or an authority cannot be used.
    pub(super) fn new(config: &ConfigEntry) -> Result<Self, FetchError> {
        if !config.jwt_validation_pubkeys.is_empty() {
            let keys = config.jwt_validation_pubkeys.iter().map(String::as_str);
            return Ok(Self::Written(KeySet::from_pems(keys).map_err(FetchError::Written)?));
        }
        let mut sources = Vec::new();
        if !config.jwks_url.is_empty() {
            sources.push((Source::keys(&config.jwks_url)?, &config.jwks_ca_pem));
        }
        for pair in &config.jwks_pairs {
            sources.push((Source::keys(&pair.jwks_url)?, &pair.jwks_ca_pem));
        }
        if !config.oidc_discovery_url.is_empty() {
            sources.push((Source::discovery(&config.oidc_discovery_url)?, &config.oidc_discovery_ca_pem));
        }
        let remote = |(source, ca_pem): (Source, &String)| {
            let trust = Trust::from_pem(ca_pem).map_err(FetchError::Authorities)?;
            Remote::new(source, trust).map(Arc::new)
        };
        Ok(Self::Remote(sources.into_iter().map(remote).collect::<Result<_, _>>()?))
    }

    /// Whether one of the keys has signed the token. A key that nobody knows leads to one look at what the provider
    /// publishes now, where it is not too early for that.
    ///
    /// # Errors
    /// When none has, or there is none to be had.
    pub(super) async fn prove(&self, env: &Env, token: &Unproven<'_>) -> Result<(), Unverified> {
        let remotes = match self {
            Self::Written(keys) => return if keys.proves(token) { Ok(()) } else { Err(Unverified::NoKey) },
            Self::Remote(remotes) => remotes,
        };
        // What no key can prove is no reason to ask anybody.
        if token.algorithm.is_none() {
            return Err(Unverified::NoKey);
        }
        // A provider's key is to prove what names it, not whatever comes.
        if remotes.len() > 1 && token.kid.is_none() {
            return Err(Unverified::Unnamed);
        }
        let at_hand: Vec<_> = remotes.iter().map(|remote| remote.at_hand(env)).collect();
        for known in at_hand.iter().flatten() {
            if known.proves(token) {
                return Ok(());
            }
            // A set can have a hundred keys, and others want the thread as well.
            tokio::task::yield_now().await;
        }
        let looks = remotes.iter().zip(at_hand).map(|(remote, tried)| look(remote, env, token, tried));
        let mut looks = Racing::new(looks);
        let mut why = Unverified::NoKey;
        while let Some(seen) = looks.next().await {
            match seen {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(failure) => why = failure,
            }
        }
        Err(why)
    }

    /// What the OpenID provider says of itself.
    ///
    /// # Errors
    /// When it cannot be asked, or there is none.
    pub(super) async fn document(&self, env: &Env) -> Result<Arc<Document>, Unverified> {
        let Self::Remote(remotes) = self else { return Err(Unverified::NoKey) };
        let Some(remote) = remotes.first() else { return Err(Unverified::NoKey) };
        let known = match remote.at_hand(env) {
            Some(known) => known,
            None => remote.refreshed(env).await?,
        };
        let known = if known.document().is_some() { known } else { remote.newer_than(env, &known).await? };
        known.document().ok_or(Unverified::NoKey)
    }

    /// The client that asks the OpenID provider about somebody, and a place among those who may ask at once: logins in a
    /// browser that somebody makes up must not fill the node while the provider is slow.
    ///
    /// # Errors
    /// When all places are taken, or there is no such provider.
    pub(super) fn client(&self) -> Result<(SemaphorePermit<'_>, &outbound::Client), Unverified> {
        match self {
            Self::Written(_) => Err(Unverified::NoKey),
            Self::Remote(remotes) => remotes.first().ok_or(Unverified::NoKey)?.client(),
        }
    }
}

/// Whether a key of one place has signed a token that none of those that were `tried` has: after a look at what it
/// publishes now, where that is needed and not too early.
async fn look(remote: &Arc<Remote>, env: &Env, token: &Unproven<'_>, tried: Option<Known>) -> Result<bool, Unverified> {
    let tried = match tried {
        Some(tried) => tried,
        None => {
            let known = remote.refreshed(env).await?;
            if known.proves(token) {
                return Ok(true);
            }
            known
        }
    };
    let newer = remote.newer_than(env, &tried).await?;
    Ok(newer.is_newer_than(&tried) && newer.proves(token))
}

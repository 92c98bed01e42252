//! One place where keys are published: what is known of it, and when it is asked again.
//!
//! Whoever needs to know begins a fetch, unless one is under way, and waits for its end. The fetch is nobody's: it goes on
//! when they leave, ends with the client's time-outs, and touches nothing but this memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use env::Env;
use jose::{KeySet, KeySetError, Unproven};
use outbound::{Client, Proxies, Request, Settings, TlsError, Trust, Url};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use super::Unverified;

/// How often one place is asked at most by one node, however many logins want to know better.
const FETCH_INTERVAL: Duration = Duration::from_secs(10);
/// How old keys may be before they are asked for again without a reason, while they go on counting: a mount that is in
/// use never waits for them.
const KEYS_FRESH: Duration = Duration::from_secs(300);
/// How old keys may be that still count without a look: a key that the provider has taken back is of no use after that.
const KEYS_AGE_MAX: Duration = Duration::from_secs(600);
/// How long older keys count after a look that was in vain: a provider that is away for a while locks nobody out, and one
/// that hangs does not hold up every login.
const FAILURE_COUNTS: Duration = Duration::from_secs(60);
/// How long a connection, and a whole answer, may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest document that is read, in bytes.
const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;
/// How many logins may wait for one place at once.
const WAITING_MAX: usize = 64;
/// How many logins may ask the provider about somebody at once.
const ASKING_MAX: usize = 64;
/// What a document of a provider may be.
const LIMITS: api::json::Limits = api::json::Limits {
    depth: 16,
    string_bytes: 64 * 1024,
    object_entries: 1_000,
    array_elements: 1_000,
    tokens: 20_000,
};
/// Where a provider says what it is (OpenID Connect Discovery §4).
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Whom to ask.
#[derive(Debug)]
pub(in crate::jwt) enum Source {
    /// Keys at this URL.
    Keys(Url),
    /// The provider that says of itself that it is this issuer.
    Discovery {
        /// As it has to be said.
        issuer: String,
        /// Where it says so.
        url: Url,
    },
}

/// What an OpenID provider says of itself (OpenID Connect Discovery §3).
#[derive(Debug)]
pub(in crate::jwt) struct Document {
    pub(in crate::jwt) issuer: String,
    pub(in crate::jwt) authorization_endpoint: Option<Url>,
    pub(in crate::jwt) token_endpoint: Option<Url>,
    pub(in crate::jwt) userinfo_endpoint: Option<Url>,
    /// How clients prove themselves at the token endpoint; empty for the usual way.
    pub(in crate::jwt) token_auth_methods: Vec<String>,
    keys: Url,
}

/// Why there are no keys of a place.
#[derive(Debug, thiserror::Error)]
pub(in crate::jwt) enum FetchError {
    /// A URL of the configuration is none.
    #[error("the URL cannot be asked")]
    Url(#[source] outbound::Error),
    /// The authorities of the configuration are none.
    #[error("the certificates cannot be used")]
    Authorities(#[source] TlsError),
    /// A key of the configuration is none.
    #[error("a public key cannot be used")]
    Written(#[source] jose::Error),
    /// There is no client.
    #[error("no client could be made")]
    Client(#[source] outbound::Error),
    /// There is no answer.
    #[error("the provider could not be asked")]
    Ask(#[source] outbound::Error),
    /// There is another answer.
    #[error("the provider answered with the status {0}")]
    Status(u16),
    /// The answer is no document of a provider.
    #[error("the provider's document is not JSON with the fields that it needs")]
    Document,
    /// It is another provider than it should be.
    #[error("the provider says that it is another issuer than oidc_discovery_url")]
    Issuer,
    /// The answer has no keys.
    #[error("the key set cannot be used")]
    Keys(#[source] KeySetError),
}

/// A place, and what is known of it.
pub(in crate::jwt) struct Remote {
    source: Source,
    client: Client,
    state: Mutex<State>,
    waiting: Semaphore,
    /// For those who ask about somebody, not for keys.
    asking: Semaphore,
}

#[derive(Default)]
struct State {
    known: Known,
    /// When it was asked last, with success or without, on the monotonic clock.
    asked: Option<Duration>,
    /// When what is known was asked for.
    fetched: Option<Duration>,
    /// When and why the last time was without success.
    failure: Option<(Duration, Arc<FetchError>)>,
    /// The last fetch: closed when it is over, however it ended.
    fetching: Option<watch::Receiver<()>>,
}

/// What was fetched, and how often something was.
#[derive(Clone, Default)]
pub(in crate::jwt) struct Known {
    fetched: Option<Arc<Fetched>>,
    round: u64,
}

struct Fetched {
    keys: KeySet,
    document: Option<Arc<Document>>,
}

impl Source {
    /// Keys at a URL.
    pub(in crate::jwt) fn keys(url: &str) -> Result<Self, FetchError> {
        outbound::parse_url(url).map(Self::Keys).map_err(FetchError::Url)
    }

    /// An OpenID provider, by the name that it has to have.
    pub(in crate::jwt) fn discovery(issuer: &str) -> Result<Self, FetchError> {
        let url = [issuer.trim_end_matches('/'), WELL_KNOWN].concat();
        let url = outbound::parse_url(&url).map_err(FetchError::Url)?;
        Ok(Self::Discovery { issuer: issuer.to_owned(), url })
    }
}

impl Known {
    /// Whether a key that is known has signed the token.
    pub(in crate::jwt) fn proves(&self, token: &Unproven<'_>) -> bool {
        self.fetched.as_ref().is_some_and(|fetched| fetched.keys.proves(token))
    }

    /// What the provider has said of itself.
    pub(in crate::jwt) fn document(&self) -> Option<Arc<Document>> {
        self.fetched.as_ref().and_then(|fetched| fetched.document.clone())
    }

    /// Whether something was fetched since `other` was.
    pub(in crate::jwt) fn is_newer_than(&self, other: &Self) -> bool {
        self.round != other.round
    }
}

impl Remote {
    /// A place that nothing is known of yet.
    pub(in crate::jwt) fn new(source: Source, trust: Trust) -> Result<Self, FetchError> {
        let settings = Settings {
            trust,
            server_name: None,
            connect_timeout: CONNECT_TIMEOUT,
            timeout: ANSWER_TIMEOUT,
            body_bytes_max: DOCUMENT_BYTES_MAX,
            proxies: Proxies::of_environment(),
        };
        Ok(Self {
            source,
            client: Client::new(&settings).map_err(FetchError::Client)?,
            state: Mutex::default(),
            waiting: Semaphore::new(WAITING_MAX),
            asking: Semaphore::new(ASKING_MAX),
        })
    }

    /// The client, and a place among those who may ask about somebody at once.
    pub(in crate::jwt) fn client(&self) -> Result<(SemaphorePermit<'_>, &Client), Unverified> {
        let place = self.asking.try_acquire().map_err(|_| Unverified::Busy)?;
        Ok((place, &self.client))
    }

    /// What is known now, if it counts without a look at the place; begins one when it grows old. None where it is too
    /// old for that: see [`refreshed`](Self::refreshed).
    pub(in crate::jwt) fn at_hand(self: &Arc<Self>, env: &Env) -> Option<Known> {
        let now = env.monotonic();
        let state = self.state();
        let age = state.fetched.map_or(Duration::ZERO, |at| now.saturating_sub(at));
        let is_away = state.failure.as_ref().is_some_and(|(at, _)| now.saturating_sub(*at) < FAILURE_COUNTS);
        let known = state.known.clone();
        drop(state);
        if age >= KEYS_FRESH {
            drop(self.ask(env));
        }
        (age < KEYS_AGE_MAX || is_away).then_some(known)
    }

    /// What is known after a look at the place. When that is in vain the old goes on being good: a provider that is away
    /// for a while does not lock everybody out.
    ///
    /// # Errors
    /// When too many wait.
    pub(in crate::jwt) async fn refreshed(self: &Arc<Self>, env: &Env) -> Result<Known, Unverified> {
        self.look(env).await?;
        Ok(self.state().known.clone())
    }

    /// Something newer than `seen`: what another has fetched meanwhile, or what is fetched now.
    ///
    /// # Errors
    /// When there is nothing newer, and has never been anything; otherwise `seen` is as new as it gets.
    pub(in crate::jwt) async fn newer_than(self: &Arc<Self>, env: &Env, seen: &Known) -> Result<Known, Unverified> {
        if !self.state().known.is_newer_than(seen) {
            self.look(env).await?;
        }
        let state = self.state();
        match (state.known.fetched.is_some(), &state.failure) {
            (false, Some((_, failure))) => Err(Unverified::Unknown(Arc::clone(failure))),
            _ => Ok(state.known.clone()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the end of a fetch: of one that is under way, or of a new one where it is not too early for that.
    async fn look(self: &Arc<Self>, env: &Env) -> Result<(), Unverified> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Unverified::Busy)?;
        if let Some(mut fetching) = self.ask(env) {
            // Nothing is ever sent: it closes.
            while fetching.changed().await.is_ok() {}
        }
        Ok(())
    }

    /// Begins a fetch, unless one is under way or it is too early. What is given closes when the fetch is over.
    fn ask(self: &Arc<Self>, env: &Env) -> Option<watch::Receiver<()>> {
        let now = env.monotonic();
        let mut state = self.state();
        if let Some(fetching) = state.fetching.as_ref().filter(|fetching| fetching.has_changed().is_ok()) {
            return Some(fetching.clone());
        }
        if state.asked.is_some_and(|asked| now.saturating_sub(asked) < FETCH_INTERVAL) {
            return None;
        }
        state.asked = Some(now);
        let (over, fetching) = watch::channel(());
        state.fetching = Some(fetching.clone());
        let (remote, env) = (Arc::clone(self), env.clone());
        // One for each place at most, and the client's time-outs end it.
        tokio::spawn(async move {
            let fetched = remote.fetch().await;
            remote.note(fetched, now, env.monotonic());
            drop(over);
        });
        Some(fetching)
    }

    /// Notes what came of a fetch that began at `asked`.
    fn note(&self, fetched: Result<Fetched, FetchError>, asked: Duration, now: Duration) {
        if let Err(error) = &fetched {
            let cause = std::iter::successors(std::error::Error::source(error), |it| it.source());
            let why = cause.map(ToString::to_string).collect::<Vec<_>>().join(": ");
            tracing::warn!(place = %self.place(), why, "keys of an auth method were not fetched: {error}");
        }
        let mut state = self.state();
        match fetched {
            Ok(fetched) => {
                state.known = Known { fetched: Some(Arc::new(fetched)), round: state.known.round + 1 };
                state.fetched = Some(asked);
                state.failure = None;
            }
            Err(error) => state.failure = Some((now, Arc::new(error))),
        }
    }

    fn place(&self) -> String {
        match &self.source {
            Source::Keys(url) | Source::Discovery { url, .. } => outbound::shown(url).to_string(),
        }
    }

    /// Asks the place for everything that it publishes, whatever was asked before.
    async fn fetch(&self) -> Result<Fetched, FetchError> {
        match &self.source {
            Source::Keys(url) => Ok(Fetched { keys: self.key_set(url).await?, document: None }),
            Source::Discovery { .. } => {
                let document = self.discover().await?;
                Ok(Fetched { keys: self.key_set(&document.keys).await?, document: Some(Arc::new(document)) })
            }
        }
    }

    /// What has to be there before a configuration is stored: the keys at a URL, or a provider's word about itself.
    ///
    /// # Errors
    /// When it is not there.
    pub(in crate::jwt) async fn check(&self) -> Result<(), FetchError> {
        match &self.source {
            Source::Keys(url) => self.key_set(url).await.map(drop),
            Source::Discovery { .. } => self.discover().await.map(drop),
        }
    }

    async fn key_set(&self, url: &Url) -> Result<KeySet, FetchError> {
        KeySet::parse(&self.read(url).await?).map_err(FetchError::Keys)
    }

    async fn discover(&self) -> Result<Document, FetchError> {
        let Source::Discovery { issuer, url } = &self.source else { return Err(FetchError::Document) };
        let document = api::json::parse(&self.read(url).await?, &LIMITS).map_err(|_| FetchError::Document)?;
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        let endpoint = |name: &str| text(name).and_then(|url| outbound::parse_url(url).ok());
        if text("issuer") != Some(issuer) {
            return Err(FetchError::Issuer);
        }
        let methods = document.get("token_endpoint_auth_methods_supported").and_then(Value::as_array);
        Ok(Document {
            issuer: issuer.clone(),
            authorization_endpoint: endpoint("authorization_endpoint"),
            token_endpoint: endpoint("token_endpoint"),
            userinfo_endpoint: endpoint("userinfo_endpoint"),
            token_auth_methods: methods.into_iter().flatten().filter_map(|it| it.as_str().map(str::to_owned)).collect(),
            keys: endpoint("jwks_uri").ok_or(FetchError::Document)?,
        })
    }

    async fn read(&self, url: &Url) -> Result<Vec<u8>, FetchError> {
        let answer = self.client.ask(Request::get(url.clone())).await.map_err(FetchError::Ask)?;
        if answer.status == 200 { Ok(answer.body) } else { Err(FetchError::Status(answer.status)) }
    }
}

//! One place where keys are published: what is known of it, and when it is asked again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use env::Env;
use jose::{KeySet, KeySetError, Unproven};
use outbound::{Client, Proxies, Request, Settings, TlsError, Trust, Url};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Unverified;

/// How often one place is asked at most by one node, however many logins want to know better.
const FETCH_INTERVAL: Duration = Duration::from_secs(10);
/// How old keys may be before they are asked for again without a reason: a key that the provider has taken back is of
/// no use after that.
const KEYS_FRESH: Duration = Duration::from_secs(600);
/// How long a connection, and a whole answer, may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest document that is read, in bytes.
const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;
/// How many logins may wait for one place at once: one asks, the others wait for what it is told.
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
    /// Held by the one who asks.
    turn: tokio::sync::Mutex<()>,
    waiting: Semaphore,
    /// For those who ask about somebody, not for keys.
    asking: Semaphore,
}

#[derive(Clone, Default)]
struct State {
    known: Known,
    /// When it was asked last, with success or without, on the monotonic clock.
    asked: Option<Duration>,
    /// When what is known was fetched.
    fetched: Option<Duration>,
    /// Why the last time was without success.
    failure: Option<Arc<FetchError>>,
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
            turn: tokio::sync::Mutex::default(),
            waiting: Semaphore::new(WAITING_MAX),
            asking: Semaphore::new(ASKING_MAX),
        })
    }

    /// The client, and a place among those who may ask about somebody at once.
    pub(in crate::jwt) fn client(&self) -> Result<(SemaphorePermit<'_>, &Client), Unverified> {
        let place = self.asking.try_acquire().map_err(|_| Unverified::Busy)?;
        Ok((place, &self.client))
    }

    /// What is known now.
    pub(in crate::jwt) fn known(&self) -> Known {
        self.state().known
    }

    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks again for what has grown old, if nobody does so yet. Without success the old goes on being good: a provider
    /// that is away for a while does not lock everybody out.
    pub(in crate::jwt) async fn refresh_if_old(&self, env: &Env) {
        let is_old = |state: &State| state.fetched.is_some_and(|at| env.monotonic().saturating_sub(at) >= KEYS_FRESH);
        if is_old(&self.state())
            && let Ok(_turn) = self.turn.try_lock()
            && is_old(&self.state())
        {
            self.ask(env).await;
        }
    }

    /// Something newer than `seen`: what another has fetched meanwhile, or what is fetched now.
    ///
    /// # Errors
    /// When there is nothing newer, and has never been anything; otherwise `seen` is as new as it gets.
    pub(in crate::jwt) async fn newer_than(&self, env: &Env, seen: &Known) -> Result<Known, Unverified> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Unverified::Busy)?;
        let _turn = self.turn.lock().await;
        if self.state().known.round == seen.round {
            self.ask(env).await;
        }
        let state = self.state();
        match (state.known.fetched.is_some(), state.failure) {
            (false, Some(failure)) => Err(Unverified::Unknown(failure)),
            _ => Ok(state.known),
        }
    }

    /// Asks the place unless it is too early to. Whoever calls holds the turn.
    async fn ask(&self, env: &Env) {
        let now = env.monotonic();
        if self.state().asked.is_some_and(|asked| now.saturating_sub(asked) < FETCH_INTERVAL) {
            return;
        }
        // Noted before, so that one who gives up in the middle has asked, too.
        self.state.lock().unwrap_or_else(PoisonError::into_inner).asked = Some(now);
        let fetched = self.fetch().await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match fetched {
            Ok(fetched) => {
                state.known = Known { fetched: Some(Arc::new(fetched)), round: state.known.round + 1 };
                state.fetched = Some(now);
                state.failure = None;
            }
            Err(error) => {
                let cause = std::iter::successors(std::error::Error::source(&error), |it| it.source());
                let why = cause.map(ToString::to_string).collect::<Vec<_>>().join(": ");
                tracing::warn!(place = %self.place(), why, "keys of an auth method were not fetched: {error}");
                state.failure = Some(Arc::new(error));
            }
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

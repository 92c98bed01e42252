//! A client and its bounds, requests, answers, and what can go wrong.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secret::SecretString;

pub use reqwest::Url;

use crate::proxies::Proxies;
use crate::tls::{self, TlsError, Trust};

/// How long a connection is kept that nothing is sent over: less than servers and what is between keep them.
const IDLE: Duration = Duration::from_secs(20);
/// Connections to one server that are kept for the next request.
const IDLE_CONNECTIONS_MAX: usize = 4;
/// Longest URL that is taken, in bytes.
const URL_BYTES_MAX: usize = 8 * 1024;

/// How a client asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whose word counts for the certificates of servers.
    pub trust: Trust,
    /// The name that a certificate has to be for, in place of the one in the URL.
    pub server_name: Option<String>,
    /// How long name resolution, connection and TLS may take together.
    pub connect_timeout: Duration,
    /// How long one request may take, from its start to the last byte of the answer.
    pub timeout: Duration,
    /// The longest body of an answer that is taken, in bytes.
    pub body_bytes_max: usize,
    /// Through whom to ask.
    pub proxies: Proxies,
}

/// Asks. Cheap to clone; clones share their connections. To make one reads the system's authorities, so whoever asks
/// often keeps it for as long as its settings hold.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    timeout: Duration,
    body_bytes_max: usize,
}

/// What to ask. Has no `Debug`: it can hold credentials.
pub struct Request {
    method: Method,
    url: Url,
    accept: &'static str,
    authorization: Option<HeaderValue>,
    body: Option<(&'static str, Vec<u8>)>,
}

/// What a server has said, whatever its status; redirects are errors. Has no `Debug`: it can hold secrets.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The media type as it was sent, where it is text.
    pub content_type: Option<String>,
    /// The whole body.
    pub body: Vec<u8>,
    headers: HeaderMap,
}

/// Why there is no answer. None of these shows more of a request than a host.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no URL, or one that is not asked.
    #[error("the URL is not an absolute one of http or https, without a user and of at most {URL_BYTES_MAX} bytes")]
    Url,
    /// A proxy of the environment is none.
    #[error("a proxy that the environment names is no URL")]
    Proxy,
    /// What is sent along cannot be sent.
    #[error("the credentials for the request cannot stand in a header")]
    Credentials,
    /// The TLS settings cannot be used.
    #[error("the TLS settings cannot be used")]
    Tls(#[source] TlsError),
    /// The library made no client.
    #[error("no client could be made of the settings")]
    Build(#[source] reqwest::Error),
    /// There is no connection, or none that can be trusted.
    #[error("no connection to the server")]
    Connect(#[source] reqwest::Error),
    /// The time is over.
    #[error("no complete answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The server wants to be asked elsewhere.
    #[error("the server answered with a redirect ({0}), which is not followed")]
    Redirected(u16),
    /// The body goes on and on.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The connection broke, or what came over it is no HTTP.
    #[error("the server's answer broke off")]
    Broken(#[source] reqwest::Error),
}

impl Client {
    /// A client with these settings. Connects to nobody yet.
    ///
    /// # Errors
    /// [`Error::Tls`], [`Error::Proxy`] or [`Error::Build`].
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let tls = tls::client_config(&settings.trust, settings.server_name.as_deref()).map_err(Error::Tls)?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout);
        for proxy in settings.proxies.rules()? {
            builder = builder.proxy(proxy);
        }
        let http = builder.build().map_err(Error::Build)?;
        Ok(Self { http, timeout: settings.timeout, body_bytes_max: settings.body_bytes_max })
    }

    /// Asks once. A caller that goes away takes the request with it.
    ///
    /// # Errors
    /// When there is no whole answer in time and size, or a redirect. A refusal is an answer.
    pub async fn ask(&self, request: Request) -> Result<Answer, Error> {
        let mut builder = self.http.request(request.method, request.url).header(ACCEPT, request.accept);
        if let Some((content_type, body)) = request.body {
            builder = builder.header(CONTENT_TYPE, content_type).body(body);
        }
        if let Some(authorization) = request.authorization {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        let mut answer = builder.send().await.map_err(|error| self.failure(error))?;
        let status = answer.status();
        if status.is_redirection() {
            return Err(Error::Redirected(status.as_u16()));
        }
        let announced = answer.content_length().unwrap_or_default();
        if usize::try_from(announced).is_ok_and(|announced| announced > self.body_bytes_max) {
            return Err(Error::TooLong(self.body_bytes_max));
        }
        let headers = std::mem::take(answer.headers_mut());
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| self.failure(error))? {
            if body.len() + part.len() > self.body_bytes_max {
                return Err(Error::TooLong(self.body_bytes_max));
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer { status: status.as_u16(), content_type, body, headers })
    }

    fn failure(&self, error: reqwest::Error) -> Error {
        let error = error.without_url();
        if error.is_timeout() {
            Error::TimedOut(self.timeout)
        } else if error.is_connect() {
            Error::Connect(error)
        } else {
            Error::Broken(error)
        }
    }
}

impl Request {
    /// A `GET` for JSON.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self { method: Method::GET, url, accept: "application/json", authorization: None, body: None }
    }

    /// A `POST` of a body of this media type, for JSON.
    #[must_use]
    pub fn post(url: Url, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { method: Method::POST, body: Some((content_type, body)), ..Self::get(url) }
    }

    /// A `PUT` of a body of this media type, for JSON.
    #[must_use]
    pub fn put(url: Url, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { method: Method::PUT, ..Self::post(url, content_type, body) }
    }

    /// A `DELETE` without a body, for JSON.
    #[must_use]
    pub fn delete(url: Url) -> Self {
        Self { method: Method::DELETE, ..Self::get(url) }
    }

    /// Asks for another media type than JSON.
    #[must_use]
    pub fn accept(mut self, media_type: &'static str) -> Self {
        self.accept = media_type;
        self
    }

    /// With a bearer token (RFC 6750 §2.1).
    ///
    /// # Errors
    /// [`Error::Credentials`] when it cannot stand in a header.
    pub fn bearer(self, token: &SecretString) -> Result<Self, Error> {
        self.authorized("Bearer ", token)
    }

    /// With a name and a password that are encoded already (RFC 7617 §2): the base64 of both.
    ///
    /// # Errors
    /// [`Error::Credentials`] when it cannot stand in a header.
    pub fn basic(self, credentials: &SecretString) -> Result<Self, Error> {
        self.authorized("Basic ", credentials)
    }

    fn authorized(mut self, scheme: &str, credentials: &SecretString) -> Result<Self, Error> {
        let text = SecretString::new([scheme, credentials.expose()].concat());
        let mut value = HeaderValue::from_str(text.expose()).map_err(|_| Error::Credentials)?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(self)
    }
}

impl Answer {
    /// The first header of this name, where it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A URL that can be asked: `http` or `https`, with a host and without a user: credentials have fields of their own.
///
/// # Errors
/// [`Error::Url`] for everything else.
pub fn parse_url(text: &str) -> Result<Url, Error> {
    let url = Url::parse(text).ok().filter(|_| text.len() <= URL_BYTES_MAX);
    let is_askable = |url: &Url| {
        let is_web = matches!(url.scheme(), "http" | "https") && url.host().is_some();
        is_web && url.username().is_empty() && url.password().is_none()
    };
    url.filter(is_askable).ok_or(Error::Url)
}

/// Pairs as the body of a form (WHATWG URL §5.2).
#[must_use]
pub fn form(pairs: &[(&str, &str)]) -> String {
    // The library's encoder hangs on URLs.
    let Ok(mut url) = Url::parse("http://form/") else { return String::new() };
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

/// A URL as a log can show it: without its query, which can hold secrets.
#[must_use]
pub fn shown(url: &Url) -> impl fmt::Display + use<> {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// An error with all of its causes, in one line.
#[must_use]
pub fn chain(error: &Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;

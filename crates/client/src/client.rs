//! One method per kind of call, over one that sends, repeats and follows.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::header;
use api::json::Limits;
use api::reply::Envelope;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode, Url};
use secret::SecretString;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::{Config, ConfigError, Description, Tls};
use crate::error::{ApiError, Error};
use crate::index::Seen;
use crate::pace::Pace;
use crate::{REPLY_BYTES_MAX, curl, location, rights, tls};

/// What one reply may hold. Its size is bounded by [`REPLY_BYTES_MAX`]; the depth is what the server accepts, and the
/// envelope around it.
const REPLY_LIMITS: Limits = Limits {
    depth: 600,
    string_bytes: usize::MAX,
    object_entries: usize::MAX,
    array_elements: usize::MAX,
    tokens: usize::MAX,
};

/// What an object has at least one of that is an envelope, or an error body.
const ENVELOPE_FIELDS: [&str; 9] =
    ["request_id", "lease_id", "lease_duration", "renewable", "data", "warnings", "auth", "wrap_info", "errors"];

/// How often a call is repeated, whatever the settings say, when the node that answers has not seen what we have: it did
/// nothing, and another node or the next moment is enough.
const BEHIND_REPEATS: u32 = 2;

/// What an answer may take that goes on and on.
const LONG: Duration = Duration::from_secs(7 * 24 * 3600);

/// A caller of one server. Cheap to clone; connections, the pace, and what was seen are shared.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    address: Url,
    socket: Option<PathBuf>,
    /// Only for descriptions of calls; connections have theirs in `http`.
    tls: Tls,
    headers: HeaderMap,
    namespace: Option<String>,
    retries: u32,
    retry_wait: Duration,
    follow_redirects: bool,
    pace: Option<Arc<Pace>>,
    seen: Arc<Seen>,
    describe: Option<Description>,
}

/// One call, before it is sent.
pub struct Request {
    /// `GET` reads, `PUT` writes; `LIST` is sent as `GET ?list=true` by [`Client::list`].
    pub method: Method,
    /// Below `/v1/`, not encoded.
    pub path: String,
    /// Not encoded.
    pub query: Vec<(String, String)>,
    /// JSON, or what `content_type` says.
    pub body: Option<Vec<u8>>,
    /// Only with a body.
    pub content_type: &'static str,
    /// The answer may take as long as it likes, as long as it goes on: only silences are bounded by the time-out.
    pub is_long: bool,
}

/// An answer with its status, whatever it is. No `Debug`: it holds secrets.
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Request {
    /// A call without query and body.
    #[must_use]
    pub fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            query: Vec::new(),
            body: None,
            content_type: header::JSON,
            is_long: false,
        }
    }

    /// With one more query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, body: &Value) -> Self {
        // A value of ours always has a text: its keys are strings.
        self.body = Some(body.to_string().into_bytes());
        self
    }
}

impl Client {
    /// A caller as `config` says. Connects to nobody yet.
    ///
    /// # Errors
    /// When a setting, a key or a certificate cannot be used.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let address = location::parse_address(&config.address)?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(&config.tls)?)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .read_timeout(config.timeout)
            .timeout(config.timeout);
        if let Some(socket) = &address.socket {
            builder = builder.unix_socket(socket.as_path()).no_proxy();
        } else if let Some(proxy) = &config.proxy {
            let proxy = reqwest::Proxy::all(proxy).map_err(|_| wrong("proxy", "expected a URL"))?;
            builder = builder.no_proxy().proxy(proxy);
        } else if location::is_loopback(&address.url) {
            builder = builder.no_proxy();
        }
        Ok(Self {
            http: builder.build().map_err(Error::Build)?,
            headers: headers(config)?,
            address: address.url,
            socket: address.socket,
            tls: config.tls.clone(),
            namespace: config.namespace.clone(),
            retries: config.retries,
            retry_wait: config.retry_wait,
            follow_redirects: config.follow_redirects,
            pace: config.rate.map(|rate| Arc::new(Pace::new(rate))),
            seen: Arc::default(),
            describe: config.describe.clone(),
        })
    }

    /// The same caller with another token, or with none.
    ///
    /// # Errors
    /// When the token cannot stand in a header.
    pub fn with_token(mut self, token: Option<&SecretString>) -> Result<Self, Error> {
        self.headers.remove(header::TOKEN);
        if let Some(token) = token {
            insert(&mut self.headers, "token", header::TOKEN, token.expose())?;
        }
        Ok(self)
    }

    /// The same caller, asking for no reply to be wrapped.
    #[must_use]
    pub fn unwrapped(&self) -> Self {
        let mut unwrapped = self.clone();
        unwrapped.headers.remove(header::WRAP_TTL);
        unwrapped
    }

    /// The same caller for what has to be known before the call that matters: it sends even if this one only describes,
    /// and asks for no wrapping, since nobody could read the answer then.
    #[must_use]
    pub fn asking(&self) -> Self {
        Self { describe: None, ..self.unwrapped() }
    }

    /// Reads. `None` if nothing is there.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn read(&self, path: &str, query: &[(String, String)]) -> Result<Option<Envelope>, Error> {
        self.logical(Request { query: query.to_vec(), ..Request::new(Method::GET, path) }).await
    }

    /// Lists the names under a path. `None` if there are none.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn list(&self, path: &str, query: &[(String, String)]) -> Result<Option<Envelope>, Error> {
        let mut request = Request::new(Method::GET, path).query("list", "true");
        request.query.extend_from_slice(query);
        self.logical(request).await
    }

    /// Lists everything below a path, at any depth; servers that know no `SCAN` refuse. `None` if there is nothing.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn scan(&self, path: &str, query: &[(String, String)]) -> Result<Option<Envelope>, Error> {
        let mut request = Request::new(Method::GET, path).query("scan", "true");
        request.query.extend_from_slice(query);
        self.logical(request).await
    }

    /// Writes. `None` if the server has nothing to say about it.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn write(&self, path: &str, body: &Value) -> Result<Option<Envelope>, Error> {
        self.logical(Request::new(Method::PUT, path).json(body)).await
    }

    /// Merges into what is there (RFC 7396). `None` if the server has nothing to say about it.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Option<Envelope>, Error> {
        let request = Request { content_type: header::MERGE_PATCH, ..Request::new(Method::PATCH, path).json(body) };
        self.logical(request).await
    }

    /// Deletes. `None` if the server has nothing to say about it.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn delete(&self, path: &str, query: &[(String, String)]) -> Result<Option<Envelope>, Error> {
        self.logical(Request { query: query.to_vec(), ..Request::new(Method::DELETE, path) }).await
    }

    /// Calls an endpoint that answers with `T` itself, without an envelope.
    ///
    /// # Errors
    /// When there is no answer, another one, or a refusal.
    pub async fn call<T: DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        let (method, url) = (request.method.clone(), self.url(&request)?);
        let reply = self.send(request).await?;
        decode(&reply.body).ok_or(Error::Decode { method, url: Box::new(url) })
    }

    /// Sends and returns whatever success brings back, as it is.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn send(&self, request: Request) -> Result<Reply, Error> {
        let (method, url) = (request.method.clone(), self.url(&request)?);
        let reply = self.send_anyway(request).await?;
        if (200..400).contains(&reply.status) {
            return Ok(reply);
        }
        Err(Error::Api(Box::new(ApiError::new(method, url, self.namespace.clone(), &reply))))
    }

    /// Reads what is too long to be held in memory, and hands it to `sink` as it comes. The answer is whole when this
    /// returns, as far as HTTP can tell. What ends the sink comes back as the inner result, and ends the call.
    ///
    /// # Errors
    /// When there is no answer, a refusal, or the answer breaks off; then the sink has had a part of it.
    pub async fn receive<E>(
        &self,
        request: Request,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Result<(), E>, Error> {
        let request = Request { is_long: true, ..request };
        let (url, mut response) = self.respond(&request).await?;
        let method = request.method;
        if response.status() != StatusCode::OK {
            let reply = read_body(&method, &url, response).await?;
            return Err(Error::Api(Box::new(ApiError::new(method, url, self.namespace.clone(), &reply))));
        }
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => match sink(&chunk) {
                    Ok(()) => {}
                    Err(error) => return Ok(Err(error)),
                },
                Ok(None) => return Ok(Ok(())),
                Err(source) => return Err(Error::send(method, Box::new(url), source)),
            }
        }
    }

    /// The rule of the usual clients: to a question, a 404 with data or warnings is an answer, and any other is “nothing
    /// there”. To what was to change something it is a refusal: nothing was changed.
    async fn logical(&self, request: Request) -> Result<Option<Envelope>, Error> {
        let (method, url) = (request.method.clone(), self.url(&request)?);
        let reply = self.send_anyway(request).await?;
        if reply.status == StatusCode::NOT_FOUND && method == Method::GET {
            let envelope = decode::<Envelope>(&reply.body);
            return Ok(envelope.filter(|envelope| envelope.data.is_some() || envelope.warnings.is_some()));
        }
        if !(200..400).contains(&reply.status) {
            return Err(Error::Api(Box::new(ApiError::new(method, url, self.namespace.clone(), &reply))));
        }
        if reply.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        decode_envelope(&reply.body).map(Some).ok_or(Error::Decode { method, url: Box::new(url) })
    }

    /// Sends, follows one redirect, and returns the answer whatever its status is.
    async fn send_anyway(&self, request: Request) -> Result<Reply, Error> {
        let (url, response) = self.respond(&request).await?;
        read_body(&request.method, &url, response).await
    }

    /// The same without the body, and where it came from.
    async fn respond(&self, request: &Request) -> Result<(Url, reqwest::Response), Error> {
        let url = self.url(request)?;
        match &self.describe {
            Some(Description::Curl(token)) => {
                return Err(Error::Described(
                    curl::line(request, &url, self.socket.as_deref(), &self.tls, &self.headers, token).into(),
                ));
            }
            Some(Description::Policy) => {
                return Err(Error::Described(rights::policy(std::slice::from_ref(request)).into()));
            }
            None => {}
        }
        let response = self.repeat(request, &url).await?;
        if !matches!(response.status().as_u16(), 301 | 302 | 307 | 308) {
            return Ok((url, response));
        }
        if !self.follow_redirects {
            return Err(Error::RedirectOff { method: request.method.clone(), url: Box::new(url) });
        }
        let target = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let target = target.and_then(|location| url.join(location).ok()).filter(|target| may_follow(&url, target));
        let refused = || Error::Redirect { method: request.method.clone(), url: Box::new(url.clone()) };
        let target = target.ok_or_else(refused)?;
        let response = self.repeat(request, &target).await?;
        Ok((target, response))
    }

    /// Sends, and again as long as the answer is one that may get better.
    async fn repeat(&self, request: &Request, url: &Url) -> Result<reqwest::Response, Error> {
        let mut repeats = 0;
        loop {
            let outcome = self.attempt(request, url).await;
            let again = match &outcome {
                Ok(response) => may_get_better(response.status()),
                // Nothing was sent yet, so that repeating it is safe for writes too.
                Err(error) => error.is_connect(),
            };
            let is_behind = outcome.as_ref().is_ok_and(|response| response.status() == StatusCode::PRECONDITION_FAILED);
            let most = if is_behind && !self.seen.is_empty() { self.retries.max(BEHIND_REPEATS) } else { self.retries };
            if !again || repeats >= most {
                let (method, url) = (request.method.clone(), Box::new(url.clone()));
                return outcome.map_err(|source| Error::send(method, url, source));
            }
            wait(if repeats == 0 { self.retry_wait } else { self.retry_wait * 3 / 2 }).await;
            repeats += 1;
        }
    }

    async fn attempt(&self, request: &Request, url: &Url) -> Result<reqwest::Response, reqwest::Error> {
        if let Some(pace) = &self.pace {
            wait(pace.take(tokio::time::Instant::now())).await;
        }
        let mut builder = self.http.request(request.method.clone(), url.clone()).headers(self.headers.clone());
        for state in self.seen.states() {
            builder = builder.header(header::INDEX, state);
        }
        if request.is_long {
            builder = builder.timeout(LONG);
        }
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, request.content_type).body(body.clone());
        }
        let response = builder.send().await?;
        self.seen.learn(response.headers());
        Ok(response)
    }

    fn url(&self, request: &Request) -> Result<Url, Error> {
        location::resolve(&self.address, &request.path, &request.query)
    }
}

/// The headers of every request.
fn headers(config: &Config) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    insert(&mut headers, "request", header::REQUEST, "true")?;
    if let Some(token) = &config.token {
        insert(&mut headers, "token", header::TOKEN, token.expose())?;
    }
    if let Some(namespace) = &config.namespace {
        insert(&mut headers, "namespace", header::NAMESPACE, namespace)?;
    }
    if let Some(ttl) = &config.wrap_ttl {
        insert(&mut headers, "wrap TTL", header::WRAP_TTL, ttl)?;
    }
    for (name, value) in &config.headers {
        let name = HeaderName::try_from(name.as_str()).map_err(|_| wrong("header", "not a header's name"))?;
        headers.append(name, header_value("header", value.expose())?);
    }
    Ok(headers)
}

fn insert(headers: &mut HeaderMap, what: &str, name: &'static str, value: &str) -> Result<(), Error> {
    headers.insert(HeaderName::from_static(name), header_value(what, value)?);
    Ok(())
}

fn header_value(what: &str, value: &str) -> Result<HeaderValue, Error> {
    let mut value =
        HeaderValue::try_from(value).map_err(|_| wrong(what, "has characters that a header cannot hold"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn wrong(name: &str, problem: &str) -> Error {
    Error::Config(ConfigError { name: name.to_owned(), problem: problem.to_owned() })
}

/// 412 is a node that has not seen our last write yet.
fn may_get_better(status: StatusCode) -> bool {
    matches!(status.as_u16(), 412 | 429) || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
}

/// Whether a token may go there: never from HTTPS to plain HTTP.
fn may_follow(from: &Url, to: &Url) -> bool {
    matches!((from.scheme(), to.scheme()), (_, "https") | ("http", "http"))
}

async fn read_body(method: &Method, url: &Url, mut response: reqwest::Response) -> Result<Reply, Error> {
    let (method, url) = (method.clone(), Box::new(url.clone()));
    let (status, mut body) = (response.status().as_u16(), Vec::new());
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= REPLY_BYTES_MAX => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(Error::TooLong { method, url }),
            Ok(None) => return Ok(Reply { status, body }),
            Err(source) => return Err(Error::send(method, url, source)),
        }
    }
}

/// A reply with its envelope. Some endpoints, `sys/health` among them, answer without one: what they say is the data, as
/// the usual clients have it.
fn decode_envelope(body: &[u8]) -> Option<Envelope> {
    let value = api::json::parse(body, &REPLY_LIMITS).ok()?;
    let is_bare = value
        .as_object()
        .is_some_and(|object| !object.is_empty() && object.keys().all(|key| !ENVELOPE_FIELDS.contains(&key.as_str())));
    if is_bare {
        return Some(Envelope { data: Some(value), ..Envelope::default() });
    }
    serde_json::from_value(value).ok()
}

/// By way of a value, since that way has no bound on the depth. Why it fails is not told: it would repeat the reply.
fn decode<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let value = api::json::parse(body, &REPLY_LIMITS).ok()?;
    serde_json::from_value(value).ok()
}

#[expect(clippy::disallowed_methods, reason = "the client runs outside the server; its tests set the wait to zero")]
async fn wait(duration: Duration) {
    tokio::time::sleep(duration).await;
}

#[cfg(test)]
mod tests;

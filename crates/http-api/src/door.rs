//! One request from its head to its answer: route, read, ask the service, encode.
//!
//! A panic anywhere behind this door is one client's 500 and a line in the log, never the end of a connection.

use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use env::Env;
use framework::{Answer, BrowserSettings, Connection, Error, HeaderSource, Openings, Operation, Request, Service};
use http::request::Parts;
use http::{Method, header};
use hyper::body::Incoming;

use crate::admission::{Admission, Admitted, Place};
use crate::body::{self, Body, Reader};
use crate::config::{ForwardedFor, Limits, ListenerConfig, ProxyProtocol, Timeouts};
use crate::cors::{self, Crossing};
use crate::error::chain;
use crate::forwarded;
use crate::head::{self, Head};
use crate::ids::Ids;
use crate::page;
use crate::path;
use crate::response::{self, Answered, ExtraHeaders};
use crate::status::{self, Refusal};

/// What all requests of a listener share.
pub(crate) struct Door {
    pub(crate) env: Env,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) proxy_protocol: Option<ProxyProtocol>,
    pub(crate) openings: Openings,
    service: Arc<dyn Service>,
    json: api::json::Limits,
    forwarded_for: Option<ForwardedFor>,
    headers: ExtraHeaders,
    bodies: Reader,
    ids: Ids,
    pub(crate) admission: Arc<Admission>,
}

impl Door {
    /// A door to this service.
    ///
    /// # Errors
    /// When a custom header cannot be sent.
    pub(crate) fn new(
        config: &ListenerConfig,
        service: Arc<dyn Service>,
        admission: Arc<Admission>,
        env: Env,
    ) -> Result<Self, crate::Error> {
        Ok(Self {
            limits: config.limits,
            timeouts: config.timeouts,
            proxy_protocol: config.proxy_protocol.clone(),
            openings: config.openings,
            service,
            json: config.json,
            forwarded_for: config.forwarded_for.clone(),
            headers: ExtraHeaders::new(&config.headers)?,
            bodies: Reader::new(env.clone(), config.timeouts.read, &config.limits),
            ids: Ids::new(env.clone()),
            env,
            admission,
        })
    }

    /// Answers one request. Dropping the future drops the service's.
    pub(crate) async fn respond(&self, connection: &Arc<Connection>, parts: Arc<Received>, body: Incoming) -> Answered {
        let namespace = parts.headers.get(&head::NAMESPACE).cloned();
        let answered = match self.cross(&parts).await {
            Ok(Some(Crossing::Preflight(answered))) => answered,
            Ok(Some(Crossing::Granted(origin))) => {
                let mut answered = Box::pin(self.serve(connection, &parts, body)).await;
                cors::grant(answered.headers_mut(), origin);
                answered
            }
            Ok(None) => self.serve(connection, &parts, body).await,
            Err(refusal) => turned_away(refusal),
        };
        self.headers.complete(answered, &parts.method, namespace)
    }

    /// What the cluster's settings say to a request that comes from a page of some origin; nothing when it does not, or
    /// when nothing is set.
    async fn cross(&self, parts: &Parts) -> Result<Option<Crossing>, Refusal> {
        let Some(origin) = parts.headers.get(header::ORIGIN) else { return Ok(None) };
        let settings = self.settings().await?;
        let Some(cors) = &settings.cors else { return Ok(None) };
        cors::judge(cors, origin, &parts.method, &parts.headers).map(Some)
    }

    /// The cluster's settings for browsers, within the time that a request has.
    async fn settings(&self) -> Result<Arc<BrowserSettings>, Refusal> {
        let settings = tokio::select! {
            biased;
            settings = caught(self.service.browser_settings()) => settings,
            () = self.env.sleep(self.timeouts.request) => return Err(Refusal::TooSlow),
        };
        let reason = match settings {
            Some(Ok(settings)) => return Ok(settings),
            Some(Err(error)) => chain(&error),
            None => "panic".to_owned(),
        };
        let request_id = self.ids.next();
        tracing::error!(%request_id, error = %reason, "settings for browsers could not be read");
        Err(Refusal::Internal { request_id })
    }

    async fn serve(&self, connection: &Arc<Connection>, parts: &Arc<Received>, body: Incoming) -> Answered {
        self.route(connection, parts, body).await.unwrap_or_else(turned_away)
    }

    async fn route(
        &self,
        connection: &Arc<Connection>,
        parts: &Arc<Received>,
        body: Incoming,
    ) -> Result<Answered, Refusal> {
        let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
        if target > self.limits.uri_bytes {
            return Err(Refusal::UriTooLong(self.limits.uri_bytes));
        }
        let path = path::decode(parts.uri.path()).map_err(|error| Refusal::Malformed(error.to_string()))?;
        if let Some(path) = path.strip_prefix("/v1/") {
            return self.ask(connection, parts, path, body).await;
        }
        let is_ui = match path.as_ref() {
            "/" | "/ui" => true,
            "/robots.txt" => false,
            other if other.starts_with("/ui/") => true,
            _ => return Err(Refusal::NoSuchPlace),
        };
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            return Err(Refusal::Method);
        }
        Ok(if is_ui { page::ui(&self.settings().await?.ui_headers) } else { page::robots() })
    }

    /// Reads the request, asks the service, and encodes its answer, all before the deadline.
    async fn ask(
        &self,
        connection: &Arc<Connection>,
        parts: &Arc<Received>,
        path: &str,
        body: Incoming,
    ) -> Result<Answered, Refusal> {
        let mut deadline = pin!(self.deadline());
        let connection = match &self.forwarded_for {
            None => Arc::clone(connection),
            Some(rules) => forwarded::resolve(rules, connection, &parts.headers)?,
        };
        let head = head::read(parts, path)?;
        let tenant = self.admission.tenant(&head.namespace, &head.path);
        let reads_body = self.service.reads_body(head.operation, &head.path);
        if reads_body {
            self.admission.look(tenant, || self.service.is_urgent(head.operation, &head.path))?;
        }
        let body = if reads_body {
            tokio::select! {
                biased;
                body = self.bodies.read(body, connection.remote, head.token.is_some()) => Some(body?),
                () = &mut deadline => return Err(Refusal::BodyTooSlow),
            }
        } else {
            None
        };
        let admitted = self.admission.enter(tenant, || self.service.is_urgent(head.operation, &head.path))?;
        let _place = self.place(admitted).await?;
        let request = self.request(&connection, parts, head, body.as_ref())?;
        let (id, operation, has_token) = (request.id.clone(), request.operation, request.token.is_some());
        let answer = tokio::select! {
            biased;
            answer = caught(self.service.answer(request)) => answer,
            () = &mut deadline => {
                tracing::warn!(request_id = %id, "request was not answered in time");
                return Err(Refusal::TooSlow);
            }
        };
        let Some(answer) = answer else {
            tracing::error!(request_id = %id, "request ended in a panic");
            return Err(Refusal::Internal { request_id: id });
        };
        encode(operation, answer, has_token)
    }

    /// Completes when the time that a request has is over. It is asked only after something that had to wait, so that
    /// a request which is answered at once makes no timer; the time runs from the call.
    fn deadline(&self) -> impl Future<Output = ()> + use<'_> {
        let due = self.env.monotonic().saturating_add(self.timeouts.request);
        async move { self.env.sleep(due.saturating_sub(self.env.monotonic())).await }
    }

    /// A place at work, waited for if need be. Nothing has been done for a request that does not get one.
    async fn place(&self, admitted: Admitted) -> Result<Place, Refusal> {
        let turn = match admitted {
            Admitted::Now(place) => return Ok(place),
            Admitted::Later(turn) => turn,
        };
        tokio::select! {
            biased;
            place = turn => Ok(place),
            () = self.env.sleep(self.admission.wait()) => Err(self.admission.refuse()),
        }
    }

    fn request(
        &self,
        connection: &Arc<Connection>,
        parts: &Arc<Received>,
        head: Head,
        body: Option<&Body>,
    ) -> Result<Request, Refusal> {
        // Both may hold a field only for a `DELETE` whose body is read; then the body's counts.
        let mut data = head.data;
        if let Some(body) = body {
            data.extend(body::parse(head::media_type(&parts.headers), &body.bytes, &self.json)?);
        }
        Ok(Request {
            id: self.ids.next(),
            operation: head.operation,
            path: head.path,
            namespace: head.namespace,
            token: head.token,
            data,
            wrap_ttl: head.wrap_ttl,
            wrap_format: head.wrap_format,
            indexes: head.indexes,
            connection: Arc::clone(connection),
            headers: Some(Arc::clone(parts) as _),
        })
    }
}

/// A request's line and headers, shared with whoever answers it.
pub(crate) struct Received(Parts);

impl Received {
    /// A request in two parts.
    pub(crate) fn new(request: http::Request<Incoming>) -> (Arc<Self>, Incoming) {
        let (parts, body) = request.into_parts();
        (Arc::new(Self(parts)), body)
    }
}

impl Deref for Received {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl HeaderSource for Received {
    fn values(&self, name: &str) -> Vec<String> {
        let values = self.0.headers.get_all(name).iter();
        values.filter_map(|value| std::str::from_utf8(value.as_bytes()).ok().map(str::to_owned)).collect()
    }
}

fn turned_away(refusal: Refusal) -> Answered {
    response::of_verdict(status::of_refusal(refusal))
}

fn encode(operation: Operation, answer: Answer, has_token: bool) -> Result<Answered, Refusal> {
    let Answer { request_id: id, mount_type, result, index, headers } = answer;
    let encoded = match result {
        Ok(reply) => response::of_reply(operation, &id, &mount_type, reply, index.as_deref()),
        Err(error) => {
            if matches!(error, Error::World { .. } | Error::WorldShown { .. }) {
                tracing::error!(request_id = %id, error = %chain(&error), "request failed");
            }
            Ok(response::of_verdict(status::of_error(&error, &id, has_token)))
        }
    };
    encoded.and_then(|answered| response::with_headers(answered, &headers)).map_err(|error| {
        tracing::error!(request_id = %id, error = %chain(&error), "reply cannot be encoded");
        Refusal::Internal { request_id: id }
    })
}

/// The future's output, or `None` if it panicked. Whatever it left half done is dropped with it, and nothing that
/// it shared may rely on not being interrupted: every await can be its last anyway.
async fn caught<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

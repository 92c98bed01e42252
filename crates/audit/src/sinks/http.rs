//! A web server: each record is the body of a `POST` of its own, as OpenBao's device of this type sends it, or those that
//! come together are sent as lines of one.
//!
//! A record counts as taken once the server has answered with a status from 200 to 299. Redirects are not followed and
//! proxies of the environment not asked: records go where the operator said and nowhere else.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::time::Duration;

use outbound::Trust;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use tokio::runtime::Runtime;

use super::{Batch, Sink, Written};

/// What is read of an answer so that its connection can be used again, in bytes. A longer one ends the connection.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// How long a connection is kept that nothing is sent over: less than servers and what is between keep them.
const IDLE: Duration = Duration::from_secs(20);

/// Where a device of this type sends. `Debug` shows no header's value.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct HttpTarget {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// Whose its certificate may be.
    pub(crate) trust: Trust,
    /// How long one answer may take, from the connection on.
    pub(crate) write_timeout: Duration,
    /// Whether records that come together are sent together.
    pub(crate) is_batched: bool,
}

impl fmt::Debug for HttpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTarget").field("server", &self.shown()).finish_non_exhaustive()
    }
}

impl HttpTarget {
    /// The URL without its query, which may be a secret.
    fn shown(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.to_string()
    }
}

pub(super) fn sink(target: &HttpTarget) -> Box<dyn Sink> {
    Box::new(Http { target: target.clone(), session: None })
}

struct Http {
    target: HttpTarget,
    session: Option<Session>,
}

/// A client with its connections, and what moves them: the device's thread, while it sends.
struct Session {
    runtime: Runtime,
    client: Client,
}

/// Why a record was not taken.
enum Failure {
    /// The server has answered, or had all the time to.
    Refused(io::Error),
    /// The connection broke.
    Broken(io::Error),
}

impl Session {
    fn open(target: &HttpTarget) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = Client::builder()
            .tls_backend_preconfigured(outbound::tls::client_config(&target.trust, None).map_err(io::Error::other)?)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_idle_timeout(IDLE)
            .timeout(target.write_timeout)
            .build()
            .map_err(|error| io::Error::other(sentence(&error.without_url())))?;
        Ok(Self { runtime, client })
    }

    fn post(&self, target: &HttpTarget, body: &[u8]) -> Result<(), Failure> {
        self.runtime.block_on(async {
            let request = self.client.post(target.url.clone()).headers(target.headers.clone()).body(body.to_vec());
            let mut answer = request.send().await.map_err(failure)?;
            let status = answer.status();
            if !status.is_success() {
                let text = format!("the server answered with the status {}", status.as_u16());
                return Err(Failure::Refused(io::Error::other(text)));
            }
            let mut room = ANSWER_BYTES_MAX;
            // The record is taken, whatever becomes of the rest of the answer.
            while let Ok(Some(part)) = answer.chunk().await {
                let Some(rest) = room.checked_sub(part.len()) else { break };
                room = rest;
            }
            Ok(())
        })
    }
}

impl Http {
    /// Sends a body; once more over a new connection if one that was there had gone.
    fn post(&mut self, body: &[u8]) -> io::Result<()> {
        if let Some(session) = &self.session {
            match session.post(&self.target, body) {
                Ok(()) => return Ok(()),
                Err(Failure::Refused(error)) => return Err(error),
                Err(Failure::Broken(_)) => self.session = None,
            }
        }
        let session = Session::open(&self.target)?;
        let sent = session.post(&self.target, body).map_err(|failure| match failure {
            Failure::Refused(error) | Failure::Broken(error) => error,
        });
        self.session = sent.is_ok().then_some(session);
        sent
    }
}

impl Sink for Http {
    fn write(&mut self, batch: &Batch) -> Written {
        if !self.target.is_batched {
            return super::one_by_one(batch, |record| self.post(record));
        }
        match self.post(&batch.bytes) {
            Ok(()) => Written::all(batch),
            Err(error) => Written::nothing(error),
        }
    }

    fn reopen(&mut self) {
        self.session = None;
    }

    fn describe(&self) -> String {
        format!("web server {}", self.target.shown())
    }
}

/// A header of each `POST`; none if it cannot be one, or is the connection's own.
pub(crate) fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    const OWN: [&str; 4] = ["connection", "content-length", "host", "transfer-encoding"];
    let name = HeaderName::try_from(name).ok().filter(|name| !OWN.contains(&name.as_str()))?;
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

fn failure(error: reqwest::Error) -> Failure {
    if error.is_timeout() {
        let text = "the server has not answered within write_timeout";
        return Failure::Refused(io::Error::new(io::ErrorKind::TimedOut, text));
    }
    Failure::Broken(io::Error::other(sentence(&error.without_url())))
}

/// An error with all of its causes.
fn sentence(error: &reqwest::Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;

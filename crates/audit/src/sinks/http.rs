//! A web server: each record is the body of a `POST` of its own, as OpenBao's device of this type sends it, or those that
//! come together are sent as lines of one.
//!
//! A record counts as taken once the server has answered with a status from 200 to 299. Redirects are not followed and
//! proxies of the environment not asked: records go where the operator said and nowhere else. What was sent and not
//! answered may be there: its number is not used again, so that no two records of a chain share one.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::time::Duration;

use outbound::Trust;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, StatusCode, Url};
use tokio::runtime::Runtime;

use super::{Batch, Failure, Sink, Written};

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

/// How a post ended that was not taken.
enum Ended {
    /// The server has answered, or had all the time to.
    Told(Failure),
    /// There was no connection: nothing was sent.
    Unreached(io::Error),
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
            // Less than the whole, so that a server that is not there is known to have got nothing.
            .connect_timeout(target.write_timeout / 2)
            .timeout(target.write_timeout)
            .build()
            .map_err(|error| io::Error::other(sentence(&error.without_url())))?;
        Ok(Self { runtime, client })
    }

    fn post(&self, target: &HttpTarget, body: &[u8]) -> Result<(), Ended> {
        self.runtime.block_on(async {
            let request = self.client.post(target.url.clone()).headers(target.headers.clone()).body(body.to_vec());
            let mut answer = request.send().await.map_err(ended)?;
            let status = answer.status();
            if !status.is_success() {
                return Err(Ended::Told(refusal(status)));
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
    fn post(&mut self, body: &[u8]) -> Result<(), Failure> {
        let had_session = self.session.is_some();
        match self.try_once(body) {
            Err(Ended::Broken(_)) if had_session => {}
            ended => return ended.map_err(Ended::failure),
        }
        // What went over the connection that broke may be there, whatever is said to the second try.
        self.try_once(body).map_err(|ended| {
            let (Failure::Record(error) | Failure::Medium(error) | Failure::Unknown(error)) = ended.failure();
            Failure::Unknown(error)
        })
    }

    fn try_once(&mut self, body: &[u8]) -> Result<(), Ended> {
        let session = match &self.session {
            Some(session) => session,
            None => &*self.session.insert(Session::open(&self.target).map_err(Ended::Unreached)?),
        };
        let ended = session.post(&self.target, body);
        if let Err(Ended::Broken(_)) = ended {
            self.session = None;
        }
        ended
    }
}

impl Ended {
    fn failure(self) -> Failure {
        match self {
            Self::Told(failure) => failure,
            Self::Unreached(error) => Failure::Medium(error),
            Self::Broken(error) => Failure::Unknown(error),
        }
    }
}

impl Sink for Http {
    fn write(&mut self, batch: &Batch) -> Written {
        if !self.target.is_batched {
            return super::one_by_one(batch, |record| self.post(record));
        }
        match self.post(&batch.bytes) {
            Ok(()) => Written::all(batch),
            // They are too long together, or one of them spoils it for all.
            Err(Failure::Record(_)) if batch.ends.len() > 1 => {
                super::one_by_one(batch, |record| self.post(&[record, b"\n"].concat()))
            }
            Err(failure) => Written::until(0, batch.ends.len(), failure),
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

/// What a status says that is none of success.
fn refusal(status: StatusCode) -> Failure {
    let error = io::Error::other(format!("the server answered with the status {}", status.as_u16()));
    match status {
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            Failure::Record(error)
        }
        // What failed may have failed behind the work, or is only what stands in between.
        StatusCode::INTERNAL_SERVER_ERROR | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            Failure::Unknown(error)
        }
        _ => Failure::Medium(error),
    }
}

fn ended(error: reqwest::Error) -> Ended {
    if error.is_connect() {
        return Ended::Unreached(io::Error::other(sentence(&error.without_url())));
    }
    if error.is_timeout() {
        let text = "the server has not answered within write_timeout";
        return Ended::Told(Failure::Unknown(io::Error::new(io::ErrorKind::TimedOut, text)));
    }
    Ended::Broken(io::Error::other(sentence(&error.without_url())))
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

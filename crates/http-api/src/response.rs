//! Gives a body its status line and headers.
//!
//! `Content-Type` of JSON has no parameters: clients compare the whole header. Nothing here may be stored by caches, but
//! for a reply that says so itself.

use bytes::Bytes;
use framework::{BodyStream, Header, Operation, RawBody, Reply, envelope};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};

use crate::config::{CustomHeader, Statuses};
use crate::error::Error;
use crate::outgoing::Outgoing;
use crate::status::{self, Outcome, Verdict};

/// What every request gets.
pub(crate) type Answered = Response<Outgoing>;

/// Why a reply cannot be sent: a mistake of ours.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncodeError {
    #[error("encode the envelope")]
    Envelope(#[source] serde_json::Error),
    #[error("the reply's header {0:?} cannot be sent")]
    Header(String),
    #[error("the reply's content type cannot be sent")]
    ContentType,
}

/// Headers of replies and pages may not change how their bytes are read: that is for the protocol and for the body to
/// say.
pub(crate) const NAMES_FRAMING: [HeaderName; 6] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::DATE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Custom headers may not change how a reply is read, nor pretend to be the API's.
const NAMES_RESERVED: [HeaderName; 7] = [
    header::CACHE_CONTROL,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::DATE,
    header::TRANSFER_ENCODING,
];

/// The headers that a listener adds to its replies.
#[derive(Debug)]
pub(crate) struct ExtraHeaders(Vec<(Statuses, HeaderName, HeaderValue)>);

impl ExtraHeaders {
    /// The default, then the operator's.
    ///
    /// # Errors
    /// The first header that cannot be sent.
    pub(crate) fn new(custom: &[CustomHeader]) -> Result<Self, Error> {
        let lasting = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        let mut headers = vec![(Statuses::All, header::STRICT_TRANSPORT_SECURITY, lasting)];
        for CustomHeader { statuses, name, value } in custom {
            let refuse = |reason| Error::Header { name: name.clone(), reason };
            let parsed = HeaderName::try_from(name).map_err(|_| refuse("the name is not a header's"))?;
            if NAMES_RESERVED.contains(&parsed) || parsed.as_str().starts_with("x-vault-") {
                return Err(refuse("the name is reserved"));
            }
            let value =
                HeaderValue::try_from(value).map_err(|_| refuse("the value has other than visible characters"))?;
            headers.push((*statuses, parsed, value));
        }
        Ok(Self(headers))
    }

    fn add_to(&self, status: StatusCode, headers: &mut HeaderMap) {
        for (statuses, name, value) in &self.0 {
            let applies = match statuses {
                Statuses::All => true,
                Statuses::Class(class) => status.as_u16() / 100 == *class,
                Statuses::One(code) => status.as_u16() == *code,
            };
            if applies {
                headers.insert(name, value.clone());
            }
        }
    }

    /// Gives a reply the headers that all have, and takes the body from the answer to a `HEAD`.
    pub(crate) fn complete(&self, mut response: Answered, method: &Method, namespace: Option<HeaderValue>) -> Answered {
        let status = response.status();
        let headers = response.headers_mut();
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        self.add_to(status, headers);
        if let Some(namespace) = namespace {
            headers.insert(HeaderName::from_static(api::header::NAMESPACE), namespace);
        }
        if *method == Method::HEAD {
            // Of what is made while it is sent, nobody knows it.
            if let Some(length) = hyper::body::Body::size_hint(response.body()).exact() {
                response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
            }
            *response.body_mut() = Outgoing::default();
        }
        response
    }
}

/// The answer to a request that was turned away.
pub(crate) fn of_verdict(verdict: Verdict) -> Answered {
    let body = api::reply::ErrorBody { errors: verdict.errors, data: None };
    let mut bytes = api::json::to_vec(&body).unwrap_or_else(|_| br#"{"errors":[]}"#.to_vec());
    bytes.push(b'\n');
    let mut response = of_bytes(verdict.status, api::header::JSON, bytes);
    if let Some(secs) = verdict.retry_secs {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
    }
    response
}

/// The answer to a request that went well. `index` tells how far the store has come.
///
/// # Errors
/// When the reply cannot be encoded: a mistake of ours.
pub(crate) fn of_reply(
    operation: Operation,
    request_id: &str,
    mount_type: &str,
    mut reply: Reply,
    index: Option<&str>,
) -> Result<Answered, EncodeError> {
    let mut response = match status::of_reply(operation, &reply) {
        Outcome::Nothing(verdict) => of_verdict(verdict),
        Outcome::Silence(status) => {
            let mut response = Response::new(Outgoing::default());
            *response.status_mut() = status;
            response
        }
        Outcome::Body(status) => match (reply.body.take(), reply.stream.take()) {
            (Some(body), _) => of_raw(status, body)?,
            (None, Some(stream)) => of_stream(status, request_id, stream)?,
            (None, None) => {
                let bytes = envelope::encode(request_id, mount_type, &reply).map_err(EncodeError::Envelope)?;
                of_bytes(status, api::header::JSON, bytes)
            }
        },
    };
    add_own(response.headers_mut(), &reply.headers)?;
    if let Some(index) = index {
        let index = HeaderValue::try_from(index).map_err(|_| EncodeError::Header(api::header::INDEX.to_owned()))?;
        response.headers_mut().insert(HeaderName::from_static(api::header::INDEX), index);
    }
    Ok(response)
}

/// The answer with headers on top.
///
/// # Errors
/// When one of them cannot be sent: a mistake of ours.
pub(crate) fn with_headers(mut response: Answered, headers: &[Header]) -> Result<Answered, EncodeError> {
    add_own(response.headers_mut(), headers)?;
    Ok(response)
}

fn of_stream(status: StatusCode, request_id: &str, stream: BodyStream) -> Result<Answered, EncodeError> {
    let content_type = HeaderValue::try_from(stream.content_type.as_ref()).map_err(|_| EncodeError::ContentType)?;
    let mut response = Response::new(Outgoing::streamed(request_id, stream));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Ok(response)
}

fn of_raw(status: StatusCode, body: RawBody) -> Result<Answered, EncodeError> {
    let content_type = HeaderValue::try_from(body.content_type.as_ref()).map_err(|_| EncodeError::ContentType)?;
    let mut response = Response::new(Outgoing::from(Bytes::from(body.bytes)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Ok(response)
}

/// The headers that the reply brings along. One name may come several times.
fn add_own(headers: &mut HeaderMap, own: &[Header]) -> Result<(), EncodeError> {
    for Header { name, value } in own {
        let refuse = || EncodeError::Header(name.as_ref().to_owned());
        let name = HeaderName::try_from(name.as_ref()).map_err(|_| refuse())?;
        let value = HeaderValue::try_from(value).map_err(|_| refuse())?;
        if NAMES_FRAMING.contains(&name) {
            return Err(refuse());
        }
        headers.append(name, value);
    }
    Ok(())
}

/// An answer of any type.
pub(crate) fn of_bytes(status: StatusCode, content_type: &'static str, bytes: impl Into<Bytes>) -> Answered {
    let mut response = Response::new(Outgoing::from(bytes.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests;

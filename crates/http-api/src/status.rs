//! The one table from outcomes to HTTP status and error texts.
//!
//! The texts are part of compatibility: clients search in them. Their goldens are in `golden/errors.txt`. What the
//! world did wrong is never told; the client gets a plain sentence and the request's id, the log gets the rest.

use framework::error::multi;
use framework::{Error, Operation, Reply, Status};
use http::StatusCode;

/// When to try again with a body that found no room, in seconds.
const BODIES_RETRY_SECS: u64 = 1;

/// Why the front door itself turns a request away.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Nothing of ours is at this path.
    NoSuchPlace,
    /// The method means nothing here.
    Method,
    /// A browser calls from an origin that may not.
    Origin,
    /// `list` and `scan` in the query contradict each other or are no booleans.
    ListFlags,
    /// The request makes no sense; says why without repeating any of it.
    Malformed(String),
    /// A write to something that can only be a folder.
    WriteToFolder,
    /// A `PATCH` of another media type.
    MergePatch,
    /// The path and query are longer than this.
    UriTooLong(usize),
    /// The token is longer than this.
    TokenTooLong(usize),
    /// The body is longer than this.
    BodyTooLong(usize),
    /// The body is longer than this, which is the most without a token.
    AnonymousBodyTooLong(usize),
    /// The body broke off.
    BodyCut,
    /// The body was not complete in time.
    BodyTooSlow,
    /// All bodies together, or those of one client, are as long as they may be.
    BodiesFull,
    /// The node has more to do than it takes on; nothing was done.
    Overloaded {
        /// When to try again.
        retry_secs: u64,
    },
    /// The answer did not come in time.
    TooSlow,
    /// Something of ours went wrong; the log has the reason under this id.
    Internal {
        /// The request's id.
        request_id: String,
    },
}

/// A status and the texts under `errors`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) status: StatusCode,
    pub(crate) errors: Vec<String>,
    /// When to try again, in seconds.
    pub(crate) retry_secs: Option<u64>,
}

impl Verdict {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, errors: vec![text.into()], retry_secs: None }
    }

    const fn bare(status: StatusCode) -> Self {
        Self { status, errors: Vec::new(), retry_secs: None }
    }

    /// A refusal that passes by itself.
    fn passing(text: &str, retry_secs: u64) -> Self {
        Self { retry_secs: Some(retry_secs), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, text) }
    }
}

/// What a reply looks like from outside.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing is there: the status and an empty list of errors.
    Nothing(Verdict),
    /// All is well and there is nothing to say: the status and no bytes.
    Silence(StatusCode),
    /// The status and the encoded reply.
    Body(StatusCode),
}

/// What the front door's own refusals look like.
pub(crate) fn of_refusal(refusal: Refusal) -> Verdict {
    match refusal {
        Refusal::NoSuchPlace => Verdict::bare(StatusCode::NOT_FOUND),
        Refusal::Method => Verdict::bare(StatusCode::METHOD_NOT_ALLOWED),
        Refusal::Origin => Verdict::new(StatusCode::FORBIDDEN, "origin not allowed"),
        Refusal::ListFlags => Verdict::bare(StatusCode::BAD_REQUEST),
        Refusal::Malformed(text) => Verdict::new(StatusCode::BAD_REQUEST, text),
        Refusal::WriteToFolder => Verdict::new(StatusCode::BAD_REQUEST, "cannot write to a path ending in '/'"),
        Refusal::MergePatch => Verdict::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("PATCH requires Content-Type of {}", api::header::MERGE_PATCH),
        ),
        Refusal::UriTooLong(max) => {
            Verdict::new(StatusCode::URI_TOO_LONG, format!("path and query are longer than {max} bytes"))
        }
        Refusal::TokenTooLong(max) => {
            Verdict::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, format!("the token is longer than {max} bytes"))
        }
        Refusal::BodyTooLong(max) => {
            Verdict::new(StatusCode::PAYLOAD_TOO_LARGE, format!("request body is longer than {max} bytes"))
        }
        Refusal::AnonymousBodyTooLong(max) => Verdict::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("request body is longer than {max} bytes, which is the most for a request without a token"),
        ),
        Refusal::BodyCut => Verdict::new(StatusCode::BAD_REQUEST, "request body broke off"),
        Refusal::BodyTooSlow => Verdict::new(StatusCode::REQUEST_TIMEOUT, "request body was not complete in time"),
        Refusal::BodiesFull => {
            Verdict::passing("too many bytes of request bodies are in work at the moment, try again", BODIES_RETRY_SECS)
        }
        Refusal::Overloaded { retry_secs } => Verdict::passing("overloaded, try again later", retry_secs),
        Refusal::TooSlow => Verdict::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "request was not answered in time; whether it took effect is not known",
        ),
        Refusal::Internal { request_id } => internal(&request_id),
    }
}

/// What the service's errors look like. `has_token` tells a refused token from a missing one.
pub(crate) fn of_error(error: &Error, request_id: &str, has_token: bool) -> Verdict {
    match error {
        Error::Invalid(text) | Error::BadCredentials(text) => Verdict::new(StatusCode::BAD_REQUEST, text.as_ref()),
        // A token that is refused reads differently from none at all; clients search for the words only.
        Error::Denied if has_token => Verdict::new(StatusCode::FORBIDDEN, multi(&["permission denied"])),
        Error::Denied => Verdict::new(StatusCode::FORBIDDEN, "permission denied"),
        Error::DeniedBecause(text) => Verdict::new(StatusCode::FORBIDDEN, text.as_ref()),
        Error::NotFound => Verdict::bare(StatusCode::NOT_FOUND),
        Error::Unrouted(text) => Verdict::new(StatusCode::NOT_FOUND, text.as_ref()),
        Error::UnsupportedOperation => Verdict::new(StatusCode::METHOD_NOT_ALLOWED, multi(&["unsupported operation"])),
        Error::UnsupportedMedia(text) => Verdict::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text.as_ref()),
        Error::TooLarge(text) => Verdict::new(StatusCode::PAYLOAD_TOO_LARGE, text.as_ref()),
        Error::TooMany(text) => Verdict::new(StatusCode::TOO_MANY_REQUESTS, text.as_ref()),
        Error::NotYetSeen => Verdict::new(StatusCode::PRECONDITION_FAILED, error.to_string()),
        Error::Sealed | Error::Uninitialized => Verdict::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        Error::Busy(text) => Verdict::new(StatusCode::SERVICE_UNAVAILABLE, text.as_ref()),
        Error::World { .. } => internal(request_id),
        Error::WorldShown { shown, .. } => Verdict::new(StatusCode::INTERNAL_SERVER_ERROR, shown.as_ref()),
    }
}

/// What a reply looks like: nothing found and an empty list are 404, nothing to say after a change is 204.
pub(crate) fn of_reply(operation: Operation, reply: &Reply) -> Outcome {
    let status = match reply.status {
        Status::Usual => None,
        Status::Gone => Some(StatusCode::NOT_FOUND),
        Status::Accepted => Some(StatusCode::ACCEPTED),
        Status::Code(code) => Some(chosen(code)),
    };
    if reply.has_raw_body() {
        // Whatever is in it, it is what was asked for; an empty one is empty on purpose.
        return match status {
            Some(StatusCode::NO_CONTENT) => Outcome::Silence(StatusCode::NO_CONTENT),
            status => Outcome::Body(status.unwrap_or(StatusCode::OK)),
        };
    }
    let is_found = reply.says_something_to(operation);
    match status {
        None if !is_found => Outcome::Nothing(Verdict::bare(StatusCode::NOT_FOUND)),
        None if reply.is_empty() => Outcome::Silence(StatusCode::NO_CONTENT),
        None => Outcome::Body(StatusCode::OK),
        Some(StatusCode::NOT_FOUND) if reply.is_empty() => Outcome::Nothing(Verdict::bare(StatusCode::NOT_FOUND)),
        // No bytes may follow it (RFC 9110 §15.3.5).
        Some(StatusCode::NO_CONTENT) => Outcome::Silence(StatusCode::NO_CONTENT),
        Some(status) if reply.is_empty() => Outcome::Silence(status),
        Some(status) => Outcome::Body(status),
    }
}

/// A code that an endpoint's caller chose. Outside of 200 to 599 HTTP would take it for something else than an answer.
fn chosen(code: u16) -> StatusCode {
    let code = if (200..600).contains(&code) { StatusCode::from_u16(code).ok() } else { None };
    code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn internal(request_id: &str) -> Verdict {
    Verdict::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        format!("internal error: the server's log has the reason under request id {request_id}"),
    )
}

#[cfg(test)]
mod tests;

//! Requests of browsers from other origins (the Fetch standard's CORS protocol): who may send them, what a preflight is
//! told, and what a browser needs to hand the answer to its page.
//!
//! A request without an `Origin` is nobody's browser and is not looked at. Answers carry no
//! `Access-Control-Allow-Credentials`: a token comes in a header that a page has to set, never by itself.

use framework::Cors;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};

use crate::outgoing::Outgoing;
use crate::response::Answered;
use crate::status::Refusal;

/// The methods that a page may use. `PATCH` and `SCAN` are the API's like the others, and need the same token.
const METHODS: [&str; 8] = ["DELETE", "GET", "LIST", "OPTIONS", "PATCH", "POST", "PUT", "SCAN"];
/// How long a browser may remember a preflight's answer (documented Vault default), in seconds.
const MAX_AGE_SECS: HeaderValue = HeaderValue::from_static("300");

/// What is to become of a request that names its origin.
#[derive(Debug)]
pub(crate) enum Crossing {
    /// A preflight, which is answered here.
    Preflight(Answered),
    /// A request to be served; the answer tells the browser that this origin may read it.
    Granted(HeaderValue),
}

/// Judges a request from an origin.
///
/// # Errors
/// When the origin may not call, or a preflight asks for a method that no page may use.
pub(crate) fn judge(
    cors: &Cors,
    origin: &HeaderValue,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Crossing, Refusal> {
    if !origin.to_str().is_ok_and(|origin| cors.allows(origin)) {
        return Err(Refusal::Origin);
    }
    if method != Method::OPTIONS {
        return Ok(Crossing::Granted(origin.clone()));
    }
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD).map(HeaderValue::as_bytes);
    if !METHODS.iter().any(|method| asked == Some(method.as_bytes())) {
        return Err(Refusal::Method);
    }
    let mut response = Response::new(Outgoing::default());
    *response.status_mut() = StatusCode::OK;
    let own = response.headers_mut();
    // The names were checked when they were set; what cannot be sent is left out rather than refused to everybody.
    if let Ok(names) = HeaderValue::try_from(cors.headers.join(",")) {
        own.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
    }
    if let Ok(methods) = HeaderValue::try_from(METHODS.join(",")) {
        own.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    own.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECS);
    grant(own, origin.clone());
    Ok(Crossing::Preflight(response))
}

/// Tells the browser that this origin may read the answer, and caches that another one may not.
pub(crate) fn grant(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

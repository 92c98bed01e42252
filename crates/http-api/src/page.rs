//! The few answers that are not the API's: the page in place of the web UI, and what robots are told.

use http::StatusCode;
use http::header::{self, HeaderValue};

use crate::response::{self, Answered};

const PAGE: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Strongroom</title>\n\
    <h1>Strongroom</h1>\n<p>The server is running. This build has no web UI; the API is under <code>/v1/</code>.</p>\n\
    </html>\n";
const ROBOTS: &str = "User-agent: *\nDisallow: /\n";

/// The page in place of the web UI. It may load and run nothing.
pub(crate) fn ui() -> Answered {
    let mut response = response::of_bytes(StatusCode::OK, "text/html; charset=utf-8", PAGE);
    let headers = response.headers_mut();
    let policy =
        HeaderValue::from_static("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Nothing here is for search engines.
pub(crate) fn robots() -> Answered {
    response::of_bytes(StatusCode::OK, "text/plain", ROBOTS)
}

//! The few answers that are not the API's: the page in place of the web UI, and what robots are told.

use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};

use crate::response::{self, Answered};

const PAGE: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Strongroom</title>\n\
    <h1>Strongroom</h1>\n<p>The server is running. This build has no web UI; the API is under <code>/v1/</code>.</p>\n\
    </html>\n";
const ROBOTS: &str = "User-agent: *\nDisallow: /\n";

/// The page in place of the web UI, with the operator's headers in place of its own. It may load and run nothing.
pub(crate) fn ui(custom: &[(String, String)]) -> Answered {
    let mut response = response::of_bytes(StatusCode::OK, "text/html; charset=utf-8", PAGE);
    let headers = response.headers_mut();
    let policy =
        HeaderValue::from_static("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("service-worker-allowed", HeaderValue::from_static("/"));
    // Checked when they were set; one that cannot be sent all the same must not take the page away.
    let sendable = |(name, value): &(String, String)| {
        let name = HeaderName::try_from(name).ok().filter(|name| !response::NAMES_FRAMING.contains(name))?;
        Some((name, HeaderValue::try_from(value).ok()?))
    };
    let custom: Vec<_> = custom.iter().filter_map(sendable).collect();
    for (name, _) in &custom {
        headers.remove(name);
    }
    for (name, value) in custom {
        headers.append(name, value);
    }
    response
}

/// Nothing here is for search engines.
pub(crate) fn robots() -> Answered {
    response::of_bytes(StatusCode::OK, "text/plain", ROBOTS)
}

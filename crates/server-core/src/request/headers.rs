//! Which headers of a request an engine gets to see, and which of its reply's leave: those that the mount's tuning names.
//!
//! An engine must never see the caller's token as it came, and no engine of an operator's choice may speak to browsers
//! and proxies in the server's name unless the operator said so.

use framework::context::Headers;
use framework::{Access, Reply, Request};

use crate::mounts::entry::Settings;
use crate::mounts::is_permanent;

/// The header that carries the token, whatever the tuning says.
const TOKEN: &str = api::header::TOKEN;
/// The other header that may carry it, beside credentials that are meant for the engine.
const AUTHORIZATION: &str = "authorization";
/// How a token in it begins; compared with its case, as the front door does.
const BEARER: &str = "Bearer ";
/// Belong to a body as its content type does: whoever makes one knows how long it is good, and what a page must not do.
const OF_BODIES: [&str; 2] = ["cache-control", "content-security-policy"];

/// The headers of the request that `passthrough_request_headers` names, or for a row with credentials of its own the one
/// that carries them.
pub(super) fn let_in(request: &Request, settings: &Settings, access: Access) -> Headers {
    if access.takes_authorization {
        let values = request.headers.as_ref().map(|source| source.values(AUTHORIZATION)).unwrap_or_default();
        return [(AUTHORIZATION.to_owned(), values)].into_iter().collect();
    }
    let names = &settings.tuning.passthrough_request_headers;
    let Some(source) = request.headers.as_ref().filter(|_| !names.is_empty()) else { return Headers::default() };
    let names = names.iter().map(|name| name.trim()).filter(|name| !name.eq_ignore_ascii_case(TOKEN));
    names
        .map(|name| {
            let mut values = source.values(name);
            if name.eq_ignore_ascii_case(AUTHORIZATION) {
                values.retain(|value| !is_token(request, value));
            }
            (name.to_owned(), values)
        })
        .collect()
}

/// Whether the value is the request's token in its second form.
fn is_token(request: &Request, value: &str) -> bool {
    let Some(token) = &request.token else { return false };
    value.strip_prefix(BEARER).is_some_and(|bearer| bearer.trim() == token.expose())
}

/// Takes those headers from the reply of an engine that an operator mounted which `allowed_response_headers` does not
/// name. What is part of the core may say what it wants.
pub(super) fn let_out(reply: &mut Reply, settings: &Settings) {
    if reply.headers.is_empty() || is_permanent(&settings.engine_type) {
        return;
    }
    let allowed = &settings.tuning.allowed_response_headers;
    let has_body = reply.has_raw_body();
    reply.headers.retain(|header| {
        let is_named = |name: &str| name.trim().eq_ignore_ascii_case(&header.name);
        allowed.iter().any(|name| is_named(name)) || (has_body && OF_BODIES.into_iter().any(is_named))
    });
}

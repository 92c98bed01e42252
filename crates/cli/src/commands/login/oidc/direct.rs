//! A login whose browser the provider sends to the server itself (`callbackmode=direct`): nothing listens here, the server
//! is asked now and then whether somebody has come.

use std::time::Duration;

use api::reply::Envelope;
use serde_json::{Value, json};

use super::{Asked, PATIENCE, auth_url};
use crate::Failure;
use crate::session::Session;

/// How often the server is asked where it does not say it.
const USUALLY: Duration = Duration::from_secs(5);
/// What the server says as long as nobody has come (RFC 8628 §3.5).
const PENDING: &str = "authorization_pending";

/// Logs in at the method that is mounted at `path`.
pub(super) fn login(session: &mut Session<'_>, path: &str, asked: &Asked, nonce: &str) -> Result<Envelope, Failure> {
    let address = session.address()?;
    let namespace = session.namespace()?;
    let back = format!("{}/v1/{namespace}auth/{path}/oidc/callback", address.trim_end_matches('/'));
    let (url, told) = auth_url(session, path, asked, &back, nonce)?;
    let text = |name: &str| told.get(name).and_then(Value::as_str);
    let state = text("state").ok_or_else(|| {
        Failure::absent("Error authenticating: the role does not have browsers come to the server")
            .hint("It has to have callback_mode=direct.")
    })?;
    let pause = text("poll_interval").and_then(|secs| secs.parse().ok()).map_or(USUALLY, Duration::from_secs);
    let pause = pause.clamp(Duration::from_secs(1), PATIENCE);
    session.terminal.err(&format!("Complete the login in a browser, anywhere, at:\n\n    {url}\n\nWaiting for it..."));
    let body = json!({ "state": state, "client_nonce": nonce });
    let mut waited = Duration::ZERO;
    while waited < PATIENCE {
        (session.terminal.pause)(pause);
        waited += pause;
        let reply = session.connect_as_nobody()?.write(&format!("auth/{path}/oidc/poll"), &body);
        match reply.map_err(|error| Failure::api("Error authenticating", &error)) {
            Ok(Some(reply)) if reply.auth.is_some() || reply.wrap_info.is_some() => return Ok(reply),
            Ok(_) => return Err(Failure::absent("Error authenticating: the reply has no token")),
            Err(failure) if failure.message.contains(PENDING) => {}
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::absent("Error authenticating: nobody came back from the provider in time"))
}

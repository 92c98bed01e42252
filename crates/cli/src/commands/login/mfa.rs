//! The second step of a login that asks for another proof.

use api::reply::Envelope;
use serde_json::{Value, json};

use crate::Failure;
use crate::session::Session;

/// What a requirement that can be met here asks for.
struct Factor<'a> {
    request: &'a str,
    id: &'a str,
    kind: &'a str,
    is_passcode: bool,
}

/// Meets the requirement if it is one factor and a user is there to ask; the finished login then. Else `None`: the
/// requirement is printed, and whoever reads it goes on at `sys/mfa/validate`.
pub(super) fn prove(session: &mut Session<'_>, requirement: &Value) -> Result<Option<Envelope>, Failure> {
    let is_user_there = session.terminal.is_terminal && !session.args.is_on("non-interactive");
    let Some(factor) = only_factor(requirement).filter(|_| is_user_there) else {
        session.terminal.err(
            "The login is not finished: it needs another proof. Send it to sys/mfa/validate, with the request id below.\n",
        );
        return Ok(None);
    };
    let passcode = if factor.is_passcode {
        session.ask(&format!("Passcode for {} method {} (will be hidden): ", factor.kind, factor.id))?.into_exposed()
    } else {
        session.terminal.err(&format!("Confirm the login with {} method {}.\n", factor.kind, factor.id));
        String::new()
    };
    let body = json!({"mfa_request_id": factor.request, "mfa_payload": {factor.id: [passcode]}});
    let reply = session.connect_as_nobody()?.write("sys/mfa/validate", &body);
    let reply = reply.map_err(|error| Failure::api("Error authenticating: the second proof", &error))?;
    reply.map(Some).ok_or_else(|| Failure::absent("Error authenticating: the reply has no token"))
}

fn only_factor(requirement: &Value) -> Option<Factor<'_>> {
    let constraints = requirement.get("mfa_constraints")?.as_object()?;
    let mut constraints = constraints.values();
    let (only, None) = (constraints.next()?, constraints.next()) else { return None };
    let [method] = only.get("any")?.as_array()?.as_slice() else { return None };
    Some(Factor {
        request: requirement.get("mfa_request_id")?.as_str()?,
        id: method.get("id")?.as_str()?,
        kind: method.get("type").and_then(Value::as_str).unwrap_or_default(),
        is_passcode: method.get("uses_passcode").and_then(Value::as_bool).unwrap_or_default(),
    })
}

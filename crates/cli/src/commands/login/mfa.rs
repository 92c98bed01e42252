//! The second step of a login that asks for another proof.

use api::reply::Envelope;
use serde_json::{Map, Value, json};

use crate::Failure;
use crate::session::Session;

/// A method that a requirement asks for.
#[derive(PartialEq, Eq)]
struct Factor<'a> {
    id: &'a str,
    kind: &'a str,
    /// What people know the method by: its name, else its id.
    name: &'a str,
    is_passcode: bool,
}

/// Meets the requirement if it leaves no choice and a user is there to ask; the finished login then. Else `None`: the
/// requirement is printed, and whoever reads it goes on at `sys/mfa/validate`.
pub(super) fn prove(session: &mut Session<'_>, requirement: &Value) -> Result<Option<Envelope>, Failure> {
    let is_user_there = session.terminal.is_terminal && !session.args.is_on("non-interactive");
    let request = requirement.get("mfa_request_id").and_then(Value::as_str);
    let Some((request, factors)) = request.zip(only_factors(requirement)).filter(|_| is_user_there) else {
        session.terminal.err(
            "The login is not finished: it needs another proof. Send it to sys/mfa/validate, with the request id below.\n",
        );
        return Ok(None);
    };
    let mut payload = Map::new();
    for factor in factors {
        let (kind, name) = (factor.kind, factor.name);
        let passcode = if factor.is_passcode {
            session.ask(&format!("Passcode for {kind} method {name} (will be hidden): "))?.into_exposed()
        } else {
            session.terminal.err(&format!("Confirm the login with {kind} method {name}.\n"));
            String::new()
        };
        payload.insert(factor.id.to_owned(), json!([passcode]));
    }
    let body = json!({"mfa_request_id": request, "mfa_payload": payload});
    let reply = session.connect_as_nobody()?.write("sys/mfa/validate", &body);
    let reply = reply.map_err(|error| Failure::api("Error authenticating: the second proof", &error))?;
    reply.map(Some).ok_or_else(|| Failure::absent("Error authenticating: the reply has no token"))
}

/// The methods that are asked for, each once, if every demand names one alone.
fn only_factors(requirement: &Value) -> Option<Vec<Factor<'_>>> {
    let mut factors = Vec::new();
    for demand in requirement.get("mfa_constraints")?.as_object()?.values() {
        let [method] = demand.get("any")?.as_array()?.as_slice() else { return None };
        let id = method.get("id")?.as_str()?;
        let text = |field: &str| method.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
        let factor = Factor {
            id,
            kind: text("type").unwrap_or_default(),
            name: text("name").unwrap_or(id),
            is_passcode: method.get("uses_passcode").and_then(Value::as_bool).unwrap_or_default(),
        };
        if !factors.contains(&factor) {
            factors.push(factor);
        }
    }
    (!factors.is_empty()).then_some(factors)
}

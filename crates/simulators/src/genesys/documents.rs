//! Clients and errors as the API writes them, and the errors of the token endpoint, which look otherwise.

use serde_json::{Value, json};

use super::clients::OAuthClient;
use super::limits::Allowance;
use crate::chance::letters;
use crate::clock::iso;
use crate::http::Answer;

/// An answer of the API with what every answer says.
pub(super) fn answer(status: u16, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let headers = vec![("ININ-Correlation-Id", uuid())];
    Answer { headers, ..Answer::json(status, body) }
}

/// An error of the API.
pub(super) fn refusal(status: u16, code: &str, message: &str) -> Answer {
    refusal_with(status, code, message, &json!({}))
}

/// An error of the API whose message was made of a text and parameters.
pub(super) fn refusal_with(status: u16, code: &str, message: &str, params: &Value) -> Answer {
    let id = uuid();
    let body = json!({
        "message": message, "code": code, "status": status, "messageWithParams": message, "messageParams": params,
        "contextId": id, "details": [], "errors": [],
    });
    Answer { headers: vec![("ININ-Correlation-Id", id)], ..Answer::json(status, body.to_string()) }
}

pub(super) fn not_found() -> Answer {
    refusal(404, "not.found", "The requested resource was not found.")
}

pub(super) fn missing_permission(permission: &str) -> Answer {
    let permissions = format!("[{permission}]");
    let message =
        format!("Unable to perform the requested action. You are missing the following permission(s): {permissions}");
    refusal_with(403, "missing.permissions", &message, &json!({ "permissions": permissions }))
}

pub(super) fn too_many(allowance: &Allowance) -> Answer {
    let secs = allowance.reset_secs;
    let text = format!("Rate limit exceeded the maximum. Retry the request in [{secs}] seconds");
    let mut answer = refusal(429, "too.many.requests", &text);
    answer.headers.push(("Retry-After", secs.to_string()));
    answer
}

pub(super) fn limits(allowance: &Allowance) -> [(&'static str, String); 3] {
    [
        ("inin-ratelimit-count", allowance.count.to_string()),
        ("inin-ratelimit-allowed", allowance.allowed.to_string()),
        ("inin-ratelimit-reset", allowance.reset_secs.to_string()),
    ]
}

/// An error of the token endpoint: both descriptions carry the same text.
pub(super) fn oauth_refusal(status: u16, error: &str, text: &str) -> Answer {
    let body = json!({ "error": error, "description": text, "error_description": text });
    Answer::json(status, body.to_string())
}

/// How a call fails when it is told to.
pub(super) fn failing(status: u16, is_login: bool) -> Answer {
    match status {
        400 if is_login => oauth_refusal(400, "invalid_request", "rate limit exceeded; try again later"),
        400..=499 if is_login => oauth_refusal(status, "invalid_client", "client not found"),
        401 => refusal(401, "bad.credentials", "Invalid login credentials."),
        403 => missing_permission("oauth:client:view"),
        404 => not_found(),
        429 => too_many(&Allowance { count: 301, allowed: 300, reset_secs: 1, is_over: true }),
        503 => refusal(503, "service.unavailable", "Service Unavailable - The server is currently unavailable."),
        504 => refusal(504, "request.timeout", "The request timed out."),
        500.. => refusal(status, "internal.server.error", "The server encountered an unexpected condition."),
        _ => refusal(status, "bad.request", "The request could not be understood by the server."),
    }
}

/// A client; with its secret only where that is shown.
pub(super) fn client(client: &OAuthClient, shows_secret: bool, state: &str) -> Value {
    let by = json!({ "id": client.made_by, "selfUri": format!("/api/v2/users/{}", client.made_by) });
    let roles: Vec<_> = client.role_divisions.iter().map(|(role, _)| role).collect();
    let divisions = client.role_divisions.iter();
    let divisions: Vec<_> =
        divisions.map(|(role, division)| json!({ "roleId": role, "divisionId": division })).collect();
    let mut shown = json!({
        "id": client.id, "name": client.name, "description": client.description,
        "accessTokenValiditySeconds": client.validity_secs, "authorizedGrantType": client.grant_type, "scope": [],
        "registeredRedirectUri": [], "roleIds": roles, "roleDivisions": divisions, "state": state,
        "dateCreated": iso(client.created), "dateModified": iso(client.modified), "createdBy": by, "modifiedBy": by,
        "selfUri": format!("/api/v2/oauth/clients/{}", client.id),
    });
    if shows_secret {
        shown["secret"] = json!(client.secret);
    }
    shown
}

/// A random UUID.
pub(super) fn uuid() -> String {
    let hex: String =
        letters(32).bytes().map(|byte| char::from_digit(u32::from(byte % 16), 16).unwrap_or('0')).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

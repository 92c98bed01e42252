//! `POST /oauth/token`: client credentials alone.

use data_encoding::BASE64;
use serde_json::json;

use super::documents::oauth_refusal;
use super::{State, Token};
use crate::chance::letters;
use crate::http::{Answer, Request};

/// How long a token's text is.
const TOKEN_LENGTH: usize = 80;

impl State {
    pub(super) fn token(&mut self, request: &Request) -> Answer {
        let form = String::from_utf8_lossy(&request.body).into_owned();
        match form.split('&').find_map(|pair| pair.strip_prefix("grant_type=")) {
            Some("client_credentials") => {}
            _ => return oauth_refusal(400, "invalid_request", "missing or unsupported grant_type"),
        }
        let unknown = oauth_refusal(self.switches.wrong_client_status, "invalid_client", "client not found");
        let Some((id, secret)) = basic(request) else { return unknown };
        let now = self.now();
        if let Some(allowed) = self.switches.tokens_per_minute
            && self.token_calls.count(&id, allowed, now).is_over
        {
            return oauth_refusal(400, "invalid_request", "rate limit exceeded; too many token requests");
        }
        let Some(client) = self.clients.get(&id).filter(|client| client.deleted.is_none()) else { return unknown };
        if client.secret != secret || now < client.secret_from {
            return unknown;
        }
        if client.grant_type != "CLIENT-CREDENTIALS" {
            let text = "client is not authorized to use the client_credential grant type";
            return oauth_refusal(400, "unauthorized_client", text);
        }
        if client.state != "active" {
            return oauth_refusal(400, "unauthorized_client", "client is not active");
        }
        let (text, secs) = (letters(TOKEN_LENGTH), client.validity_secs - 1);
        self.tokens.insert(text.clone(), Token { client: id, ends: now + secs * 1_000 });
        self.issued.push(text.clone());
        Answer::json(200, json!({ "access_token": text, "token_type": "bearer", "expires_in": secs }).to_string())
    }
}

/// The name and password of a request (RFC 7617).
fn basic(request: &Request) -> Option<(String, String)> {
    let encoded = request.header("authorization")?.strip_prefix("Basic ")?;
    let text = String::from_utf8(BASE64.decode(encoded.as_bytes()).ok()?).ok()?;
    text.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned()))
}

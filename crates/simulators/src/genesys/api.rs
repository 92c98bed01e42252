//! The paths.

use serde_json::{Value, json};

use super::documents::{self, answer, not_found, refusal};
use super::{HOME_DIVISION, State};
use crate::http::{Answer, Request};

impl State {
    pub(super) fn call(&mut self, request: &Request) -> Answer {
        let path = request.path.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["oauth", "token"]) => self.token(request),
            (_, ["api", "v2", parts @ ..]) => self.api(request, parts),
            _ => not_found(),
        }
    }

    fn api(&mut self, request: &Request, parts: &[&str]) -> Answer {
        let Some(bearer) = &request.bearer else {
            return refusal(
                401,
                "authentication.required",
                "No authentication bearer token specified in authorization header.",
            );
        };
        let (bearer, now) = (bearer.clone(), self.now());
        let caller = match self.tokens.get(&bearer) {
            Some(token) if self.is_good(token) => token.client.clone(),
            Some(token) if token.ends <= now => {
                return refusal(401, "credentials.expired", "Login credentials are expired.");
            }
            _ => return refusal(401, "bad.credentials", "Invalid login credentials."),
        };
        let allowance = self.switches.calls_per_minute.map(|allowed| self.calls.count(&bearer, allowed, now));
        let mut answer = match &allowance {
            Some(allowance) if allowance.is_over => documents::too_many(allowance),
            _ => self.route(request, parts, &bearer, &caller),
        };
        answer.headers.extend(allowance.iter().flat_map(documents::limits));
        answer
    }

    fn route(&mut self, request: &Request, parts: &[&str], bearer: &str, caller: &str) -> Answer {
        match (request.method.as_str(), parts) {
            (_, ["oauth", "clients", rest @ ..]) => self.on_clients(request, rest, caller),
            ("GET", ["tokens", "me"]) => {
                let me =
                    json!({ "organization": { "id": "org" }, "OAuthClient": { "id": caller }, "authorizedScope": [] });
                answer(200, &me)
            }
            ("DELETE", ["tokens", "me"]) => {
                self.tokens.remove(bearer);
                answer(200, &Value::Null)
            }
            ("GET", ["organizations", "me"]) => {
                answer(200, &json!({ "id": "org", "name": "example", "defaultCountryCode": "US" }))
            }
            ("GET", ["authorization", "divisions", "home"]) => {
                answer(200, &json!({ "id": HOME_DIVISION, "name": "Home" }))
            }
            ("GET", ["authorization", "roles", id]) if self.roles.contains_key(id) => {
                answer(200, &json!({ "id": id, "name": "a role" }))
            }
            _ => not_found(),
        }
    }
}

//! What is not of the API: below `/simulator/`, for whoever runs the stand-in alone and wants it to fail, or counts.

use serde_json::{Value, json};

use super::{State, Switches, json_of};
use crate::faults::Rule;
use crate::http::{Answer, Request};

impl State {
    pub(super) fn control(&mut self, request: &Request) -> Answer {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let body = json_of(request);
        match (request.method.as_str(), path.trim_start_matches("/simulator/")) {
            ("PUT", "faults") => match Rule::parse(&body) {
                Some(rule) => self.faults.add(rule),
                None => return said(400, &json!({ "error": "faults are status, hang, cut and slow" })),
            },
            ("DELETE", "faults") => self.faults.clear(),
            ("PUT", "switches") => self.switches.take(&body),
            ("PUT", "clock") => {
                let ahead = body.get("ahead_seconds").and_then(Value::as_i64).unwrap_or_default();
                self.ahead_millis = ahead * 1_000;
            }
            ("GET", "clients") => return said(200, &self.listed(None)),
            ("GET", "orphans") => {
                let known = query.strip_prefix("known=").unwrap_or_default();
                return said(200, &self.listed(Some(&known.split(',').collect::<Vec<_>>())));
            }
            _ => return said(404, &json!({ "error": "there are faults, switches, clock, clients and orphans" })),
        }
        said(200, &json!({}))
    }

    /// The live clients; with some that are known, those that nobody knows.
    fn listed(&self, known: Option<&[&str]>) -> Value {
        let live = self.clients.values().filter(|client| client.deleted.is_none());
        let live = live.filter(|it| known.is_none_or(|known| !it.is_given && !known.contains(&it.id.as_str())));
        let live: Vec<_> =
            live.map(|it| json!({ "id": it.id, "name": it.name, "state": it.state, "given": it.is_given })).collect();
        json!({ "count": live.len(), "clients": live })
    }
}

impl Switches {
    /// Sets those that a body names; what it does not name stays.
    fn take(&mut self, body: &Value) {
        let number = |name: &str| body.get(name).and_then(Value::as_i64);
        let count = |name: &str| number(name).and_then(|number| u32::try_from(number).ok());
        let flag = |name: &str| body.get(name).and_then(Value::as_bool);
        self.visibility_millis = number("visibility_seconds").map_or(self.visibility_millis, |secs| secs * 1_000);
        self.secret_millis = number("secret_seconds").map_or(self.secret_millis, |secs| secs * 1_000);
        self.shows_deleted = flag("shows_deleted").unwrap_or(self.shows_deleted);
        self.inactive_ends_tokens = flag("inactive_ends_tokens").unwrap_or(self.inactive_ends_tokens);
        self.shows_secrets = flag("shows_secrets").unwrap_or(self.shows_secrets);
        self.wrong_client_status = status(number("wrong_client_status")).unwrap_or(self.wrong_client_status);
        self.created_status = status(number("created_status")).unwrap_or(self.created_status);
        self.calls_per_minute = count("calls_per_minute").or(self.calls_per_minute);
        self.tokens_per_minute = count("tokens_per_minute").or(self.tokens_per_minute);
        self.clients_max = count("clients_max").map(|max| max as usize).or(self.clients_max);
        self.page = count("page").map(|page| page.max(1) as usize).or(self.page);
    }
}

fn status(number: Option<i64>) -> Option<u16> {
    number.and_then(|number| u16::try_from(number).ok())
}

fn said(status: u16, body: &Value) -> Answer {
    Answer::json(status, body.to_string())
}

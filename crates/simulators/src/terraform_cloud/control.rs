//! What is not of the API: below `/simulator/`, for whoever runs the stand-in alone and wants it to fail, or counts.

use serde_json::{Value, json};

use super::{State, json_of};
use crate::clock::iso;
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
            ("PUT", "rate-limit") => {
                let number = body.get("per_second").and_then(Value::as_u64);
                self.limit.per_second = number.map(|number| u32::try_from(number).unwrap_or(u32::MAX));
            }
            ("PUT", "clock") => {
                self.ahead_secs = body.get("ahead_seconds").and_then(Value::as_i64).unwrap_or_default();
            }
            ("GET", "tokens") => return said(200, &self.listed(None)),
            ("GET", "orphans") => {
                let known = query.strip_prefix("known=").unwrap_or_default();
                return said(200, &self.listed(Some(&known.split(',').collect::<Vec<_>>())));
            }
            _ => return said(404, &json!({ "error": "there are faults, rate-limit, clock, tokens and orphans" })),
        }
        said(200, &json!({}))
    }

    /// The live tokens; with some that are known, those that nobody knows.
    fn listed(&self, known: Option<&[&str]>) -> Value {
        let now = self.now();
        let live = self.tokens.iter().filter(|(_, token)| token.is_live(now)).map(|(id, token)| token.shown(id));
        let live = live.filter(|token| known.is_none_or(|known| !token.is_root && !known.contains(&token.id.as_str())));
        let live: Vec<_> = live
            .map(|it| {
                json!({ "id": it.id, "kind": it.kind, "owner": it.owner, "description": it.description,
                    "expired-at": it.expires.map(iso), "root": it.is_root })
            })
            .collect();
        json!({ "count": live.len(), "tokens": live })
    }
}

fn said(status: u16, body: &Value) -> Answer {
    Answer::json(status, body.to_string())
}

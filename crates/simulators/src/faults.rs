//! What goes wrong, with which calls, and how often: switched on by a test, or by whoever runs a stand-in alone.

use std::time::Duration;

use serde_json::Value;

use crate::http::Request;

/// What goes wrong with a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// This status.
    Status(u16),
    /// No answer, ever.
    Hang,
    /// The connection ends in the middle of the answer; what was asked for is done.
    Cut,
    /// This body, with the status of success.
    Body(String),
    /// What was asked for is done and answered only after this long, whoever is still there by then.
    Slow(Duration),
}

/// Which calls go wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The method; empty for any.
    pub method: String,
    /// What the path and query contain; empty for any.
    pub path: String,
    /// What goes wrong.
    pub fault: Fault,
    /// How many calls it is for from now on.
    pub calls: u32,
}

/// The rules that hold, the first first.
#[derive(Default)]
pub(crate) struct Faults(Vec<Rule>);

impl Rule {
    /// A rule for the next call that fits.
    #[must_use]
    pub fn once(method: &str, path: &str, fault: Fault) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), fault, calls: 1 }
    }

    /// A rule for all calls that fit.
    #[must_use]
    pub fn always(method: &str, path: &str, fault: Fault) -> Self {
        Self { calls: u32::MAX, ..Self::once(method, path, fault) }
    }

    fn fits(&self, request: &Request) -> bool {
        self.calls > 0 && (self.method.is_empty() || self.method == request.method) && request.path.contains(&self.path)
    }

    /// As `{"method": "POST", "path": "teams/", "fault": "status", "status": 503, "calls": 1}`; faults are `status`,
    /// `hang`, `cut` and `slow` (with `seconds`).
    pub(crate) fn parse(body: &Value) -> Option<Self> {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| body.get(name).and_then(Value::as_u64);
        let fault = match text("fault") {
            "status" => Fault::Status(u16::try_from(number("status")?).ok()?),
            "hang" => Fault::Hang,
            "cut" => Fault::Cut,
            "slow" => Fault::Slow(Duration::from_secs(number("seconds")?)),
            _ => return None,
        };
        let calls = number("calls").map_or(u32::MAX, |calls| u32::try_from(calls).unwrap_or(u32::MAX));
        Some(Self { calls, ..Self::once(text("method"), text("path"), fault) })
    }
}

impl Faults {
    pub(crate) fn add(&mut self, rule: Rule) {
        self.0.push(rule);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// What goes wrong with this call, if anything does.
    pub(crate) fn take(&mut self, request: &Request) -> Option<Fault> {
        let rule = self.0.iter_mut().find(|rule| rule.fits(request))?;
        if rule.calls != u32::MAX {
            rule.calls -= 1;
        }
        Some(rule.fault.clone())
    }
}

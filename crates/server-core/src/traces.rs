//! Traces of requests, if the operator wants them: which are kept, and what is told of each. Never a token, a value or a
//! secret's path; paths below the mount only where the operator has said so.

use std::sync::Arc;

use api::Timestamp;
use env::Env;
use framework::{Answer, Error, Operation, Request};
use telemetry::trace::{Noted, Parent, Queue, Stages, Trace};

/// The header of W3C Trace Context.
const TRACEPARENT: &str = "traceparent";

/// What is traced, and where it goes.
#[derive(Clone, Debug)]
pub struct Tracing {
    /// Whoever sends the traces takes them from here.
    pub queue: Arc<Queue>,
    /// The part of requests that is kept, 0 to 1, of those whose caller does not say.
    pub ratio: f64,
    /// Whether the whole path of a request is told.
    pub shows_paths: bool,
}

/// Traces requests.
pub(crate) struct Traces {
    env: Env,
    tracing: Option<Tracing>,
}

/// A request that is being traced.
pub(crate) struct Begun {
    pub(crate) stages: Arc<Stages>,
    trace_id: [u8; 16],
    parent: Option<[u8; 8]>,
    start_nanos: u64,
    operation: Operation,
    path: Option<String>,
}

impl Traces {
    pub(crate) fn new(env: Env, tracing: Option<Tracing>) -> Self {
        Self { env, tracing }
    }

    /// Begins a trace, or goes on with the caller's; nothing for a request that is not kept.
    pub(crate) fn begin(&self, request: &Request) -> Option<Begun> {
        let tracing = self.tracing.as_ref()?;
        let headers = request.headers.as_ref().map(|headers| headers.values(TRACEPARENT)).unwrap_or_default();
        // With several the standard leaves it open which is meant.
        let parent = if let [header] = headers.as_slice() { Parent::parse(header) } else { None };
        let is_kept = match parent {
            Some(parent) => parent.is_sampled,
            None => self.is_drawn(tracing.ratio),
        };
        is_kept.then(|| Begun {
            stages: Stages::new(self.env.monotonic()),
            trace_id: parent.map_or_else(|| self.env.random(), |parent| parent.trace_id),
            parent: parent.map(|parent| parent.span_id),
            start_nanos: u64::try_from(Timestamp::from(self.env.now()).unix_nanos()).unwrap_or_default(),
            operation: request.operation,
            path: tracing.shows_paths.then(|| request.path.clone()),
        })
    }

    fn is_drawn(&self, ratio: f64) -> bool {
        // 53 bits are what a fraction holds.
        let drawn = u64::from_le_bytes(self.env.random()) >> 11;
        (drawn as f64) < ratio * (1_u64 << 53) as f64
    }

    /// Ends a trace and hands it on.
    pub(crate) fn end(&self, begun: Begun, answer: &Answer) {
        let Some(tracing) = &self.tracing else { return };
        let took = self.env.monotonic().saturating_sub(begun.stages.began());
        let Noted { stages, attributes: noted } = begun.stages.take();
        let mount = noted.iter().find_map(|(name, value)| (*name == MOUNT).then_some(value.as_str()));
        let operation = begun.operation.name();
        let name = mount.map_or_else(|| operation.to_owned(), |mount| [operation, " ", mount].concat());
        let mut attributes =
            vec![("strongroom.operation", operation.to_owned()), ("strongroom.request_id", answer.request_id.clone())];
        attributes.extend(noted);
        if let Some(path) = begun.path {
            attributes.push(("strongroom.path", path));
        }
        if let Err(error) = &answer.result {
            attributes.push(("error.type", kind(error).to_owned()));
        }
        tracing.queue.push(Trace {
            trace_id: begun.trace_id,
            span_id: self.env.random(),
            parent: begun.parent,
            name,
            start_nanos: begun.start_nanos,
            took,
            attributes,
            is_error: answer.result.is_err(),
            stages,
        });
    }
}

/// The attribute of the mount's path.
pub(crate) const MOUNT: &str = "strongroom.mount";
/// That of the namespace's; the root namespace's requests have none.
pub(crate) const NAMESPACE: &str = "strongroom.namespace";
/// That of the engine's type.
pub(crate) const MOUNT_TYPE: &str = "strongroom.mount_type";

/// What went wrong, without a word of what was asked.
fn kind(error: &Error) -> &'static str {
    match error {
        Error::Invalid(_) | Error::UnsupportedMedia(_) | Error::TooLarge(_) => "invalid",
        Error::Denied | Error::DeniedBecause(_) | Error::BadCredentials(_) => "denied",
        Error::NotFound => "not_found",
        Error::Unrouted(_) | Error::UnsupportedOperation => "unrouted",
        Error::TooMany(_) => "too_many",
        Error::Sealed | Error::Uninitialized => "sealed",
        Error::Busy(_) | Error::NotYetSeen => "busy",
        Error::World { .. } | Error::WorldShown { .. } => "internal",
    }
}

#[cfg(test)]
mod tests;

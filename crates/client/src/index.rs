//! What the client has seen of the server's state, told with each later call, so that no node answers it with less.
//!
//! Servers send the state as `X-Vault-Index`, in the published form: base64 of `v1:<cluster>:<local>:<replicated>:<mac>`.
//! The client cannot check the last part and need not: it only compares the two numbers. A form that it does not know
//! replaces what it knew.

use std::sync::Mutex;

use data_encoding::BASE64;
use reqwest::header::{HeaderMap, HeaderValue};

/// The most states that are told at once; of two clusters, neither contains the other.
const STATES_MAX: usize = 2;

/// The states seen so far, none of them contained in another.
#[derive(Default)]
pub(crate) struct Seen(Mutex<Vec<HeaderValue>>);

/// How far a state is.
#[derive(PartialEq, Eq)]
struct State {
    cluster: String,
    local: u64,
    replicated: u64,
}

impl Seen {
    /// Learns from the headers of a reply.
    pub(crate) fn learn(&self, reply: &HeaderMap) {
        let mut seen = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for fresh in reply.get_all(api::header::INDEX) {
            merge(&mut seen, fresh);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.states().is_empty()
    }

    /// What a call has to tell.
    pub(crate) fn states(&self) -> Vec<HeaderValue> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

fn merge(seen: &mut Vec<HeaderValue>, fresh: &HeaderValue) {
    let Some(state) = State::parse(fresh) else {
        *seen = vec![fresh.clone()];
        return;
    };
    if seen.iter().filter_map(State::parse).any(|old| old.contains(&state)) {
        return;
    }
    seen.retain(|old| State::parse(old).is_some_and(|old| !state.contains(&old)));
    if seen.len() == STATES_MAX {
        seen.remove(0);
    }
    seen.push(fresh.clone());
}

impl State {
    fn parse(header: &HeaderValue) -> Option<Self> {
        let text = String::from_utf8(BASE64.decode(header.as_bytes()).ok()?).ok()?;
        let mut parts = text.split(':');
        if parts.next() != Some("v1") {
            return None;
        }
        let cluster = parts.next()?.to_owned();
        Some(Self { cluster, local: parts.next()?.parse().ok()?, replicated: parts.next()?.parse().ok()? })
    }

    fn contains(&self, other: &Self) -> bool {
        self.cluster == other.cluster && self.local >= other.local && self.replicated >= other.replicated
    }
}

#[cfg(test)]
mod tests;

//! Which requests a node works on, which wait for it, and which are refused: bounds instead of a collapse.
//!
//! A place is taken when a request is complete and given back when its answer is encoded. A client that is slow to send
//! a body, or to read an answer, therefore never holds one: what it can take is bounded by the listener's connections,
//! bodies and time-outs. Whether there is a place at all is asked before the body is read, so that refusing costs no more
//! than reading the head. What an operator needs to see and to act is answered when everything else is refused.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use env::Env;
use framework::Load;
use tokio::sync::oneshot;

use crate::status::Refusal;
use line::{Entry, Line, TENANTS, Tenant};

mod line;

/// Urgent requests in work that found no place among the others. Each is short, and none of them waits.
const URGENT_IN_WORK_MAX: usize = 64;
/// Clients are told to come back after 1 to this many seconds, in turns: told the same, they would come back at once.
const RETRY_SECS_MAX: u64 = 3;
/// The namespace of those who name none.
const ROOT: &str = "root";
/// The Mersenne prime 2^61 − 1: polynomials over its field are a universal family of hashes (Carter and Wegman, 1979).
const PRIME: u64 = (1 << 61) - 1;

/// How much a node takes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AdmissionLimits {
    /// Requests in work. At least 1. One tenant gets at most four fifths of it.
    pub in_work: usize,
    /// Requests that wait for their turn; past it 503. One tenant gets at most four fifths of it.
    pub queued: usize,
    /// How long one may wait for its turn; past it 503.
    pub wait: Duration,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self { in_work: 512, queued: 4_096, wait: Duration::from_secs(10) }
    }
}

/// The bounds of a node, which all its listeners share.
#[derive(Debug)]
pub struct Admission {
    limits: AdmissionLimits,
    /// Below [`PRIME`], chosen at random, so that nobody can make up a name that falls on a neighbor's number.
    key: u64,
    state: Mutex<State>,
    load: Arc<Load>,
}

#[derive(Debug)]
struct State {
    line: Line,
    urgent: usize,
}

/// A place at work, which is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    /// `None` for an urgent request.
    tenant: Option<Tenant>,
}

/// A request's place in the queue; dropped, it gives up.
#[derive(Debug)]
pub(crate) struct Turn {
    admission: Arc<Admission>,
    tenant: Tenant,
    ticket: u64,
    call: oneshot::Receiver<()>,
    is_over: bool,
}

/// Where a request is that was not refused.
#[derive(Debug)]
pub(crate) enum Admitted {
    /// It may be worked on.
    Now(Place),
    /// It waits.
    Later(Turn),
}

impl Admission {
    /// Bounds with nothing in work yet, which tell their numbers through `load`.
    #[must_use]
    pub fn new(limits: AdmissionLimits, env: &Env, load: Arc<Load>) -> Arc<Self> {
        let state = State { line: Line::new(limits.in_work.max(1), limits.queued), urgent: 0 };
        let key = u64::from_le_bytes(env.random()) % PRIME;
        Arc::new(Self { limits, key, state: Mutex::new(state), load })
    }

    /// How long a request may wait for its turn.
    pub(crate) const fn wait(&self) -> Duration {
        self.limits.wait
    }

    /// The numbers that this keeps.
    pub(crate) fn load(&self) -> &Load {
        &self.load
    }

    /// Whom a request is counted for: the first segment of the namespace that its header names, else of its path. That
    /// is a namespace too, or in the root namespace a mount, so that there a flood of secrets is no flood of logins.
    pub(crate) fn tenant<'t>(&self, namespace: &'t str, path: &'t str) -> Tenant {
        let first = |text: &'t str| text.trim_start_matches('/').split('/').next().unwrap_or_default();
        let name = Some(first(namespace)).filter(|name| !name.is_empty() && *name != ROOT);
        self.number(name.unwrap_or_else(|| first(path)))
    }

    fn number(&self, name: &str) -> Tenant {
        let hash =
            name.bytes().fold(1, |hash, byte| reduced(u128::from(hash) * u128::from(self.key) + u128::from(byte)));
        // The remainder is below the number of tenants.
        usize::try_from(hash % TENANTS as u64).unwrap_or_default()
    }

    /// Whether [`Self::enter`] could let a request in at this moment; takes no place.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`].
    pub(crate) fn look(&self, tenant: Tenant, is_urgent: impl FnOnce() -> bool) -> Result<(), Refusal> {
        if self.state().line.has_room(tenant) || is_urgent() { Ok(()) } else { Err(self.refuse()) }
    }

    /// Lets a request in. Whether it is urgent is asked only when there is no place for it.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`].
    pub(crate) fn enter(
        self: &Arc<Self>,
        tenant: Tenant,
        is_urgent: impl FnOnce() -> bool,
    ) -> Result<Admitted, Refusal> {
        if self.change(|state| state.line.admit(tenant)) {
            return Ok(Admitted::Now(self.place(Some(tenant))));
        }
        if is_urgent() {
            let is_admitted = self.change(|state| {
                let has_room = state.urgent < URGENT_IN_WORK_MAX;
                state.urgent += usize::from(has_room);
                has_room
            });
            return if is_admitted { Ok(Admitted::Now(self.place(None))) } else { Err(self.refuse()) };
        }
        match self.change(|state| state.line.enter(tenant)) {
            Entry::Admitted => Ok(Admitted::Now(self.place(Some(tenant)))),
            Entry::Queued(ticket, call) => {
                self.load.waited.add();
                Ok(Admitted::Later(Turn { admission: Arc::clone(self), tenant, ticket, call, is_over: false }))
            }
            Entry::Full => Err(self.refuse()),
        }
    }

    /// Counts a refusal, and says when to come back.
    pub(crate) fn refuse(&self) -> Refusal {
        Refusal::Overloaded { retry_secs: 1 + self.load.refused.add() % RETRY_SECS_MAX }
    }

    fn place(self: &Arc<Self>, tenant: Option<Tenant>) -> Place {
        Place { admission: Arc::clone(self), tenant }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        self.load.in_work.set(state.line.in_work() + state.urgent);
        self.load.queued.set(state.line.queued());
        result
    }

    /// The state is changed by code that allocates and compares, and does nothing else that could end early.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What remains of a number below 2^122 when it is divided by [`PRIME`]: 2^61 is 1 there, so the upper part is added to
/// the lower.
fn reduced(number: u128) -> u64 {
    let parts = [number & u128::from(PRIME), number >> 61];
    // Each part is below 2^61.
    let [low, high] = parts.map(|part| u64::try_from(part).unwrap_or_default());
    let sum = low + high;
    if sum >= PRIME { sum - PRIME } else { sum }
}

impl Drop for Place {
    fn drop(&mut self) {
        let tenant = self.tenant;
        self.admission.change(|state| match tenant {
            Some(tenant) => state.line.leave(tenant),
            None => state.urgent = state.urgent.saturating_sub(1),
        });
    }
}

impl Future for Turn {
    type Output = Place;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Place> {
        // The line calls everybody whom it does not keep, so there is no other end than the call.
        if ready!(Pin::new(&mut self.call).poll(context)).is_err() {
            return Poll::Pending;
        }
        self.is_over = true;
        Poll::Ready(self.admission.place(Some(self.tenant)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let (tenant, ticket) = (self.tenant, self.ticket);
        self.admission.change(|state| {
            // Called, and gone before it heard: the place goes to the next.
            if !state.line.give_up(tenant, ticket) {
                state.line.leave(tenant);
            }
        });
    }
}

#[cfg(test)]
mod tests;

//! Who is in work, who waits, and whose turn is next: the bookkeeping of [`super::Admission`], without locks and time.
//!
//! Tenants share both bounds by a dynamic threshold (Choudhury and Hahne, 1998): each may have at most
//! [`SHARE`] times of what is still free. So one that is alone gets most of it, several that flood get equal parts, and
//! some is always free for one that has not asked yet. Those who wait are taken in turns, tenant by tenant (stochastic
//! fair queueing, McKenney 1990). Everything is allocated for a fixed number of tenants: names that somebody makes up
//! take no memory.

use std::collections::VecDeque;

use tokio::sync::oneshot;

/// How many tenants are told apart; those whose names fall on the same number share one place in turn.
pub(super) const TENANTS: usize = 256;
/// How many times of what is free one tenant may have: four fifths of the bound when it is alone.
const SHARE: usize = 4;

/// One of [`TENANTS`].
pub(super) type Tenant = usize;

/// The state of one node.
#[derive(Debug)]
pub(super) struct Line {
    in_work_max: usize,
    queued_max: usize,
    in_work: usize,
    queued: usize,
    tenants: Vec<Place>,
    /// The tenants with somebody waiting, each once, in the order in which they are asked.
    turns: VecDeque<Tenant>,
    next_ticket: u64,
}

#[derive(Debug, Default)]
struct Place {
    in_work: usize,
    /// By ticket, ascending.
    waiting: VecDeque<(u64, oneshot::Sender<()>)>,
}

/// What became of somebody who came.
#[derive(Debug)]
pub(super) enum Entry {
    /// In work.
    Admitted,
    /// Waits until the receiver hears; the ticket is for leaving earlier.
    Queued(u64, oneshot::Receiver<()>),
    /// Neither is possible.
    Full,
}

impl Line {
    pub(super) fn new(in_work_max: usize, queued_max: usize) -> Self {
        let tenants = std::iter::repeat_with(Place::default).take(TENANTS).collect();
        Self { in_work_max, queued_max, in_work: 0, queued: 0, tenants, turns: VecDeque::new(), next_ticket: 0 }
    }

    pub(super) const fn in_work(&self) -> usize {
        self.in_work
    }

    pub(super) const fn queued(&self) -> usize {
        self.queued
    }

    /// Whether [`Self::enter`] would find a place at work or in the queue.
    pub(super) fn has_room(&self, tenant: Tenant) -> bool {
        self.may_work(tenant) || self.may_queue(tenant)
    }

    /// Goes to work at once if that is possible. Nobody is overtaken: who waits does so because its tenant's share is
    /// used up, or because nothing is free.
    pub(super) fn admit(&mut self, tenant: Tenant) -> bool {
        let is_admitted = self.may_work(tenant);
        if is_admitted {
            self.begin(tenant);
        }
        is_admitted
    }

    /// Goes to work, or into the queue.
    pub(super) fn enter(&mut self, tenant: Tenant) -> Entry {
        if self.admit(tenant) {
            return Entry::Admitted;
        }
        let may_queue = self.may_queue(tenant);
        let Some(place) = self.tenants.get_mut(tenant).filter(|_| may_queue) else { return Entry::Full };
        if place.waiting.is_empty() {
            self.turns.push_back(tenant);
        }
        let (sender, receiver) = oneshot::channel();
        let ticket = self.next_ticket;
        place.waiting.push_back((ticket, sender));
        self.next_ticket += 1;
        self.queued += 1;
        Entry::Queued(ticket, receiver)
    }

    /// One that was in work is done; whoever can go to work now does.
    pub(super) fn leave(&mut self, tenant: Tenant) {
        self.end(tenant);
        self.take_turns();
    }

    /// One that waits gives up; `false` if it has been admitted meanwhile.
    pub(super) fn give_up(&mut self, tenant: Tenant, ticket: u64) -> bool {
        let Some(place) = self.tenants.get_mut(tenant) else { return false };
        let Ok(index) = place.waiting.binary_search_by_key(&ticket, |(ticket, _)| *ticket) else { return false };
        drop(place.waiting.remove(index));
        let is_last = place.waiting.is_empty();
        self.queued = self.queued.saturating_sub(1);
        if is_last {
            self.turns.retain(|it| *it != tenant);
        }
        true
    }

    /// Asks tenant after tenant until all have refused in a row.
    fn take_turns(&mut self) {
        let mut refused = 0;
        while refused < self.turns.len() && self.in_work < self.in_work_max {
            let Some(tenant) = self.turns.pop_front() else { return };
            let has_share = is_below_share(self.tenant_in_work(tenant), self.in_work, self.in_work_max);
            let Some(place) = self.tenants.get_mut(tenant) else { continue };
            let next = if has_share { place.waiting.pop_front() } else { None };
            if !place.waiting.is_empty() {
                self.turns.push_back(tenant);
            }
            let Some((_, sender)) = next else {
                refused += 1;
                continue;
            };
            refused = 0;
            self.queued = self.queued.saturating_sub(1);
            self.begin(tenant);
            if sender.send(()).is_err() {
                // Only whoever never looked at its place can be gone without having given up.
                self.end(tenant);
            }
        }
    }

    fn may_work(&self, tenant: Tenant) -> bool {
        let Some(place) = self.tenants.get(tenant) else { return false };
        place.waiting.is_empty() && is_below_share(place.in_work, self.in_work, self.in_work_max)
    }

    fn may_queue(&self, tenant: Tenant) -> bool {
        let waiting = self.tenants.get(tenant).map_or(0, |place| place.waiting.len());
        is_below_share(waiting, self.queued, self.queued_max)
    }

    fn tenant_in_work(&self, tenant: Tenant) -> usize {
        self.tenants.get(tenant).map_or(0, |place| place.in_work)
    }

    fn begin(&mut self, tenant: Tenant) {
        if let Some(place) = self.tenants.get_mut(tenant) {
            place.in_work += 1;
            self.in_work += 1;
        }
    }

    fn end(&mut self, tenant: Tenant) {
        if let Some(place) = self.tenants.get_mut(tenant) {
            place.in_work = place.in_work.saturating_sub(1);
            self.in_work = self.in_work.saturating_sub(1);
        }
    }
}

/// Whether a tenant that has so many of all may have one more.
const fn is_below_share(own: usize, all: usize, max: usize) -> bool {
    own < max.saturating_sub(all).saturating_mul(SHARE)
}

#[cfg(test)]
mod tests;

//! What is done about leases whose time has come, in the tasks of [`Queues`](crate::due::queues::Queues).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use barrier::Changes;
use framework::Error;

use super::entry::State;
use super::revoke::{Known, Outside, REMOVED_MAX};
use super::sweep::Sweep;
use super::{DUE_KIND, Leases, Place};
use crate::due::queues::Taken;
use crate::due::{self, Line, Look, Owner};
use crate::store::{Lost, decode, encode};

/// What a handler of the due index needs to start tasks.
pub(crate) struct LeaseWork(pub(crate) Arc<Leases>);

#[async_trait]
impl Owner for LeaseWork {
    fn kind(&self) -> &'static str {
        DUE_KIND
    }

    async fn fire(&self, line: Line) -> Result<(), Error> {
        self.look(line).await.map(drop)
    }

    /// Takes the line in, unless there is no room.
    async fn look(&self, line: Line) -> Result<Look, Error> {
        let Some((mount, _)) = line.id.split_once('/') else {
            return Err(Error::world("read a line of a lease", "it names no mount"));
        };
        match self.0.work.take_in(mount, line.clone(), REMOVED_MAX) {
            Taken::No => return Ok(Look::UnderWay),
            Taken::Queued => {}
            Taken::WantsTask => {
                let (leases, mount) = (Arc::clone(&self.0), mount.to_owned());
                self.0.work.spawn(async move { leases.work_at(&mount).await });
            }
        }
        Ok(Look::Taken)
    }
}

impl Leases {
    /// Works on the lines of one mount until none is left.
    async fn work_at(&self, mount: &str) {
        while let Some(lines) = self.work.next(mount, REMOVED_MAX) {
            let keys: Vec<_> = lines.iter().map(|line| line.key.clone()).collect();
            let outcome = self.work_on(lines).await;
            for key in &keys {
                self.work.leave(key);
            }
            match outcome {
                Ok(()) | Err(Error::Sealed) => {}
                Err(error) => tracing::warn!(%error, "leases could not be revoked and will be tried again"),
            }
        }
        self.work.ended();
    }

    /// Does what is due about some leases of one mount.
    async fn work_on(&self, lines: Vec<Line>) -> Result<(), Error> {
        let mut due = Vec::new();
        let lines: Vec<_> = lines.into_iter().filter_map(|line| Some((place(&line)?, line))).collect();
        let keys = lines.iter().map(|(place, _)| place.key()).collect::<Result<Vec<_>, _>>()?;
        let found = self.store.get_list(&keys).await?;
        for ((place, line), (key, opened)) in lines.into_iter().zip(keys.iter().zip(found)) {
            let Some(opened) = opened else {
                due::drop_line(&self.store, line).await?;
                continue;
            };
            let known = Known { found: decode(key, &opened)?, place, line: Some(line.revision) };
            match self.judge(&known, &line)? {
                Verdict::Due => due.push(known),
                Verdict::Claim => due.extend(self.claim(known).await?),
                Verdict::Later => self.put_off(known, line).await?,
                Verdict::Stale => due::drop_line(&self.store, line).await?,
                Verdict::NotYet => {}
            }
        }
        due.iter().for_each(|_| self.metrics.lease_due.add());
        self.take_back(due, Outside::MustAgree).await.0
    }

    fn judge(&self, known: &Known, line: &Line) -> Result<Verdict, Error> {
        let (now, entry) = (self.now_nanos(), &known.found.value);
        let Some(time) = entry.line else { return Ok(Verdict::Stale) };
        if known.place.line(&entry.mount, time)? != line.key {
            return Ok(Verdict::Stale);
        }
        // The clock may have gone back since the line was found to be due.
        Ok(match entry.state {
            _ if now < time => Verdict::NotYet,
            State::Revoking => Verdict::Due,
            State::Intended => Verdict::Claim,
            State::Live if entry.is_live(now) => Verdict::Later,
            State::Live => Verdict::Due,
            State::Irrevocable => Verdict::Stale,
        })
    }

    /// Takes an intent over whose request must be over; nothing when that was faster after all.
    async fn claim(&self, known: Known) -> Result<Option<Known>, Error> {
        let Known { place, mut found, line } = known;
        found.value.state = State::Revoking;
        let mut changes = Changes::new();
        changes.replace(place.key()?, found.revision, encode(&found.value)?);
        match self.store.commit(changes).await {
            Ok(receipt) => {
                found.revision = receipt.revision;
                Ok(Some(Known { place, found, line }))
            }
            Err(Lost::Race(_)) => Ok(None),
            Err(Lost::Failed(error)) => Err(error),
        }
    }

    /// Moves the line of a lease that was renewed.
    async fn put_off(&self, known: Known, line: Line) -> Result<(), Error> {
        let Known { place, mut found, .. } = known;
        let mut changes = Changes::new();
        changes.delete(line.key, line.revision);
        found.value.line = None;
        let expires = found.value.expires;
        self.move_line(&place, &mut found.value, expires, &mut changes).await?;
        changes.replace(place.key()?, found.revision, encode(&found.value)?);
        match self.store.commit(changes).await {
            Ok(_) | Err(Lost::Race(_)) => Ok(()),
            Err(Lost::Failed(error)) => Err(error),
        }
    }

    /// Waits until nothing is worked on.
    #[cfg(test)]
    pub(crate) async fn quiet(&self) -> bool {
        self.work.quiet().await
    }

    /// Starts a sweep that is due, unless this node is at it already.
    pub(super) fn start(self: &Arc<Self>, sweep: Sweep, line: Line) {
        if !self.work.enter(&line.key) {
            return;
        }
        let leases = Arc::clone(self);
        self.work.spawn(async move {
            let key = line.key.clone();
            match leases.sweep(&sweep, line).await {
                Ok(()) | Err(Error::Sealed) => {}
                Err(error) => tracing::warn!(%error, "leases could not be swept and will be tried again"),
            }
            leases.work.leave(&key);
            leases.work.ended();
        });
    }
}

/// What a line of a lease asks for.
enum Verdict {
    Due,
    /// A request that must be over has left something behind.
    Claim,
    /// It was renewed.
    Later,
    /// The lease has another line, or needs none.
    Stale,
    NotYet,
}

fn place(line: &Line) -> Option<Place> {
    let (_, behind) = line.id.split_once('/')?;
    let (path, name) = behind.rsplit_once('/')?;
    Some(Place { ns: line.namespace.clone(), path: path.to_owned(), name: name.to_owned() })
}

/// Runs all futures at once, in this task; gives their outputs in order.
pub(super) async fn all<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<Pin<Box<_>>> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = running.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        let mut is_waiting = false;
        for (future, slot) in running.iter_mut().zip(&mut done).filter(|(_, slot)| slot.is_none()) {
            match future.as_mut().poll(context) {
                Poll::Ready(output) => *slot = Some(output),
                Poll::Pending => is_waiting = true,
            }
        }
        if is_waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    done.into_iter().flatten().collect()
}

//! Stopping a call at a named stage until a test says how it goes on: that is how the other side is killed exactly there.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::http::Request;

/// How far a call has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// There is a connection; nothing has been read, so nothing was asked for.
    Connected,
    /// The request has been read, and nothing done about it.
    Received,
    /// What was asked for is done, and nothing answered.
    Done,
    /// The whole answer is on its way.
    Answered,
}

/// A stop that has been set up for one call.
pub struct Stop {
    reached: Receiver<()>,
    go_on: oneshot::Sender<()>,
}

impl Stop {
    /// Waits until a call stands here; false when none came in this time.
    #[must_use]
    pub fn is_reached(&self, at_most: Duration) -> bool {
        self.reached.recv_timeout(at_most).is_ok()
    }

    /// Lets the call go on. Dropping the stop instead ends the connection as it is.
    pub fn go_on(self) {
        // Nobody may stand here.
        self.go_on.send(()).ok();
    }
}

struct Armed {
    stage: Stage,
    method: String,
    path: String,
    reached: Sender<()>,
    go_on: oneshot::Receiver<()>,
}

/// The stops that wait for their calls.
#[derive(Default)]
pub(crate) struct Stops(Mutex<Vec<Armed>>);

impl Stops {
    /// Stops the next call of this method, empty for any, whose path contains this. A connection has neither yet.
    pub(crate) fn at(&self, stage: Stage, method: &str, path: &str) -> Stop {
        let (reached, told) = channel();
        let (go_on, waits) = oneshot::channel();
        let (method, path) = (method.to_owned(), path.to_owned());
        self.lock().push(Armed { stage, method, path, reached, go_on: waits });
        Stop { reached: told, go_on }
    }

    /// Waits here if there is a stop for it; false when the connection is to end.
    pub(crate) async fn pass(&self, stage: Stage, request: Option<&Request>) -> bool {
        let armed = {
            let mut stops = self.lock();
            let place = stops.iter().position(|stop| stop.stage == stage && stop.fits(request));
            place.map(|place| stops.remove(place))
        };
        let Some(armed) = armed else { return true };
        // Who has set it up may have gone; then it is dropped as well.
        armed.reached.send(()).ok();
        armed.go_on.await.is_ok()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Armed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Armed {
    fn fits(&self, request: Option<&Request>) -> bool {
        let Some(request) = request else { return true };
        (self.method.is_empty() || self.method == request.method) && request.path.contains(&self.path)
    }
}

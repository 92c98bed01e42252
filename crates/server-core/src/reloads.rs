//! `sys/config/reload/…` reaches the program around the core, which knows the files: a bounded queue of orders, one for
//! each part that the hang-up signal has read anew as well. Nothing of a request but the part's name gets there.

use std::sync::{Mutex, PoisonError};

use framework::Error;
use tokio::sync::{mpsc, oneshot};

/// How many orders wait.
const ORDERS_MAX: usize = 4;

/// A part of the server that reads its files anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subsystem {
    /// The certificates of the listeners.
    Listeners,
    /// The level of the log, and its file.
    Log,
    /// The files and connections of audit devices.
    Audit,
    /// What the configuration declares.
    Declarations,
}

/// Somebody wants a part to be read anew.
#[derive(Debug)]
pub struct ReloadOrder {
    /// Which.
    pub subsystem: Subsystem,
    /// Told when it is done. An error is answered with 500 and logged; then what was there before goes on.
    pub done: oneshot::Sender<Result<(), Error>>,
}

/// Both ends of the queue.
pub(crate) struct Reloads {
    orders: mpsc::Sender<ReloadOrder>,
    taken: Mutex<Option<mpsc::Receiver<ReloadOrder>>>,
}

impl Reloads {
    pub(crate) fn new() -> Self {
        let (orders, taken) = mpsc::channel(ORDERS_MAX);
        Self { orders, taken: Mutex::new(Some(taken)) }
    }

    /// The orders, for whoever asks first.
    pub(crate) fn take(&self) -> Option<mpsc::Receiver<ReloadOrder>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Has a part read anew, and waits for it.
    ///
    /// # Errors
    /// When it failed, when as many wait as may, and when there is nobody to do it.
    pub(crate) async fn order(&self, subsystem: Subsystem) -> Result<(), Error> {
        let (done, told) = oneshot::channel();
        let order = ReloadOrder { subsystem, done };
        match self.orders.try_send(order) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                return Err(Error::Busy("a reload is under way, try again".into()));
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(nobody()),
        }
        told.await.unwrap_or_else(|_| Err(nobody()))
    }
}

fn nobody() -> Error {
    Error::invalid("the server is stopping: nothing is reloaded")
}

//! What the operator says by signals: stop (`SIGTERM`, `SIGINT`) and reload (`SIGHUP`), and by requests: reload one part.

use std::io;

use server_core::{ReloadOrder, Subsystem};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// The parts of a hang-up, in the order in which they are read anew.
const ALL: [Subsystem; 4] = [Subsystem::Log, Subsystem::Audit, Subsystem::Declarations, Subsystem::Listeners];

/// The signals, received from now on: one that comes while the server starts waits until somebody asks.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Takes them over from the system's defaults, which would end the process.
    pub(super) fn receive() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Completes when the node is to stop; until then calls `reload` for each part at a hang-up, and for the parts that
    /// are ordered. It logs what fails. A stop waits for none of it.
    pub(super) async fn until_stop(
        mut self,
        mut orders: Option<mpsc::Receiver<ReloadOrder>>,
        reload: impl AsyncFn(Subsystem) -> Result<(), framework::Error>,
    ) {
        let (terminate, interrupt, hangup) = (&mut self.terminate, &mut self.interrupt, &mut self.hangup);
        let work = async {
            loop {
                tokio::select! {
                    _ = hangup.recv() => {
                        for part in ALL {
                            // It has been logged, and there is nobody else to tell.
                            drop(reload(part).await);
                        }
                    }
                    Some(order) = next(&mut orders) => {
                        // Whoever ordered it may be gone.
                        drop(order.done.send(reload(order.subsystem).await));
                    }
                }
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = work => {}
        }
    }
}

async fn next(orders: &mut Option<mpsc::Receiver<ReloadOrder>>) -> Option<ReloadOrder> {
    match orders {
        Some(orders) => orders.recv().await,
        None => std::future::pending().await,
    }
}

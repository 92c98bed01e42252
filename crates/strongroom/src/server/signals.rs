//! What the operator says by signals: stop (`SIGTERM`, `SIGINT`) and reload (`SIGHUP`).

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

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

    /// Completes when the node is to stop; calls `reload` at each hang-up until then.
    pub(super) async fn until_stop(mut self, reload: impl Fn()) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => reload(),
            }
        }
    }
}

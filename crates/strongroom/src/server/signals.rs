//! What the operator says by signals: stop (`SIGTERM`, `SIGINT`) and reload (`SIGHUP`).

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Completes when the node is to stop; calls `reload` at each hang-up until then.
pub(super) async fn until_stop(reload: impl Fn()) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => reload(),
        }
    }
}

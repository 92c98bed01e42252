//! Puts in force what the configuration declares: at each unseal and at each hang-up signal, until all of it is.
//!
//! Everything goes through the requests that anybody would make, with a token of the node's own that is recorded like
//! any other. What is declared is compared with what is there, told in the log, and then made or changed; nothing is
//! ever removed. The first failure ends a round, leaves what came before it in force, and is tried again, with growing
//! pauses; the server serves meanwhile, but not before the first of declared audit devices is there. No value is ever told:
//! a plan names fields.

use std::sync::Arc;
use std::time::Duration;

use env::Env;
use server_core::{BootstrapState, Core};
use tokio::sync::watch;

mod client;
mod round;

use crate::config::{Bootstrap, Subject};
use crate::server::failure::chain;

/// The first pause behind a failure; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_mins(5);

/// The running task. Dropping it stops it, between two requests or within one.
pub(super) struct Running {
    core: Arc<Core>,
    declared: watch::Sender<Arc<Bootstrap>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Running {
    /// Starts it, before the node is unsealed, which it waits for.
    pub(super) fn start(core: &Arc<Core>, env: &Env, declared: Bootstrap) -> Self {
        core.expect_audit_devices(has_audit_devices(&declared));
        let (sender, receiver) = watch::channel(Arc::new(declared));
        let task = Task { core: Arc::clone(core), env: env.clone(), declared: receiver };
        Self { core: Arc::clone(core), declared: sender, task: tokio::spawn(task.run()) }
    }

    /// Puts these declarations in the place of the earlier ones.
    pub(super) fn declare(&self, declared: Bootstrap) {
        self.core.expect_audit_devices(has_audit_devices(&declared));
        self.declared.send_replace(Arc::new(declared));
    }
}

struct Task {
    core: Arc<Core>,
    env: Env,
    declared: watch::Receiver<Arc<Bootstrap>>,
}

impl Task {
    async fn run(mut self) {
        let mut unsealed = self.core.unsealed();
        let (mut pause, mut failed) = (PAUSE_MIN, false);
        loop {
            let declared = Arc::clone(&self.declared.borrow_and_update());
            let is_empty = declared.declarations.is_empty();
            if is_empty {
                // Those that were declared before may be disabled by anybody who may.
                self.core.declare_audit_devices(Vec::new());
            }
            if !failed {
                self.core.set_bootstrap_state(if is_empty { BootstrapState::Nothing } else { BootstrapState::Pending });
            }
            // An error means that the core is gone, and with it the reason for this task.
            if unsealed.wait_for(|is_unsealed| *is_unsealed).await.is_err() {
                return;
            }
            unsealed.mark_unchanged();
            failed = !is_empty && self.round(&declared, pause).await.is_none();
            tokio::select! {
                _ = unsealed.changed() => (pause, failed) = (PAUSE_MIN, false),
                _ = self.declared.changed() => (pause, failed) = (PAUSE_MIN, false),
                () = self.env.sleep(pause), if failed => pause = (pause * 2).min(PAUSE_MAX),
            }
        }
    }

    /// One round; nothing if something failed.
    async fn round(&self, declared: &Bootstrap, pause: Duration) -> Option<()> {
        match round::run(&self.core, &self.env, declared).await {
            Ok(summary) => {
                self.core.set_bootstrap_state(BootstrapState::Applied);
                let round::Summary { created, changed, unchanged } = summary;
                tracing::info!(created, changed, unchanged, "bootstrap: everything that is declared is in force");
                Some(())
            }
            // It begins again when the node is unsealed.
            Err(error) if error.is_sealed() => Some(()),
            Err(error) => {
                self.core.set_bootstrap_state(BootstrapState::Failing);
                let (secs, error) = (pause.as_secs(), chain(&error));
                tracing::error!(%error, "bootstrap: not everything is in force, the next try is in {secs} s");
                None
            }
        }
    }
}

fn has_audit_devices(declared: &Bootstrap) -> bool {
    declared.declarations.iter().any(|declaration| declaration.subject == Subject::Audit)
}

/// What is declared, a line each, without any value.
pub(super) fn listing(declared: &Bootstrap) -> String {
    let mut text = format!("{} declared, in this order; nothing is removed:\n", declared.declarations.len());
    for declaration in &declared.declarations {
        let fields: Vec<_> = declaration.fields.iter().map(|(name, value)| format!("{name} = {value:?}")).collect();
        let note = if declaration.only_if_absent { ", only if absent" } else { "" };
        text.push_str(&format!("  {} {{ {} }}{note}\n", declaration.name(), fields.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests;

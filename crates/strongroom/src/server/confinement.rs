//! The server locks itself in: whoever takes it over through a mistake of ours finds no files but the server's own, no
//! program that can be started, and none of root's rights.
//!
//! All of it is a property of threads that new threads inherit, and the kernel offers no way (Landlock before Linux 7.0)
//! to bring it upon those that run already. So it happens while the process has one thread: behind the configuration,
//! before the runtime, the store and the listeners. It must never fail in silence: what does not hold is logged, and
//! ends a start that requires it.

use rustix::io::Errno;
use rustix::process::geteuid;

use super::failure::{Failure, chain};
use super::plan::Plan;
use crate::config::Confinement;

mod accounts;
mod calls;
mod files;
mod privileges;

use privileges::Account;

/// What came of it, in words for the log.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What holds from now on.
    pub(super) holds: Vec<String>,
    /// What was wanted and does not.
    pub(super) lacks: Vec<String>,
}

/// A confinement that could not be had, or an account that the server was to run as.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfinementError {
    /// `confinement = "require"`, and something is missing.
    #[error("confinement is required, but {0}")]
    Incomplete(String),
    /// A folder that the configuration names for audit files.
    #[error("audit_dirs names {}, which is not a folder that is there", .0.display())]
    AuditFolder(std::path::PathBuf),
    /// `user` or `group` without the right to become somebody else.
    #[error("user and group need a start as root; this process runs as user {0}")]
    NotRoot(u32),
    /// `user` or `group` that nobody knows.
    #[error("{kind} {name:?} is not in {file}; one that is known elsewhere has to be given as a number{hint}")]
    Unknown {
        /// `user` or `group`.
        kind: &'static str,
        /// What was configured.
        name: String,
        /// Where it was looked for.
        file: &'static str,
        /// What else is needed.
        hint: &'static str,
    },
    /// A file of accounts that cannot be read.
    #[error("read {file}")]
    Accounts {
        /// Which.
        file: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A step of becoming somebody else.
    #[error("{action}")]
    Become {
        /// Which.
        action: &'static str,
        /// Why.
        source: Errno,
    },
    /// The folder for the data could not be made for whom the server runs as.
    #[error("make the storage folder {}", .path.display())]
    Folder {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Confines the process as the plan says. To be called while it has one thread.
pub(super) fn enter(plan: &Plan) -> Result<Outcome, Failure> {
    confine(plan).map_err(|source| Failure::Confine(Box::new(source)))
}

fn confine(plan: &Plan) -> Result<Outcome, ConfinementError> {
    if let Some(folder) = plan.audit_dirs.iter().find(|folder| !folder.is_dir()) {
        return Err(ConfinementError::AuditFolder(folder.clone()));
    }
    let mut outcome = Outcome::default();
    let account = Account::find(plan.user.as_deref(), plan.group.as_deref())?;
    privileges::give_folder(plan, account.as_ref())?;
    if let Some(account) = &account {
        privileges::become_account(account)?;
        outcome.holds.push(format!("runs as user {} and group {}", account.uid.as_raw(), account.gid.as_raw()));
    }
    if plan.confinement == Confinement::Off {
        // The capabilities that were kept over the change of the user are given up all the same.
        if account.is_some() {
            privileges::drop_capabilities(plan, &mut outcome);
        }
        return Ok(outcome);
    }
    privileges::drop_capabilities(plan, &mut outcome);
    if threads() == 1 {
        files::restrict(plan, &mut outcome);
        calls::filter(&mut outcome);
    } else {
        outcome.lacks.push("files and system calls are not restricted: other threads run already".to_owned());
    }
    judge(plan.confinement, outcome)
}

/// Whether what holds is enough.
fn judge(wanted: Confinement, outcome: Outcome) -> Result<Outcome, ConfinementError> {
    if wanted == Confinement::Require && !outcome.lacks.is_empty() {
        return Err(ConfinementError::Incomplete(outcome.lacks.join("; ")));
    }
    Ok(outcome)
}

/// One line that says what holds, and a warning for each thing that does not.
pub(super) fn report(plan: &Plan, outcome: &Outcome) {
    let is_off = plan.confinement == Confinement::Off;
    if is_off && outcome.holds.is_empty() {
        tracing::info!("not confined: confinement is off");
    } else {
        let is_root = geteuid().is_root();
        tracing::info!(as_root = is_root, "confined: {}", outcome.holds.join("; "));
    }
    for lack in &outcome.lacks {
        tracing::warn!("not confined: {lack}");
    }
}

/// How many threads the process has; unknown counts as one, as at the start of a program.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// What could not be done and why, in one sentence.
fn lack(what: &str, error: &dyn std::error::Error) -> String {
    format!("{what}: {}", chain(error))
}

#[cfg(test)]
mod tests;

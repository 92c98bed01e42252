//! What commands do on the files of a server that does not run. Only the binary can: the command line knows no store.

use std::error::Error;
use std::path::{Path, PathBuf};

use backup::Summary;

/// Why something could not be done, with its causes.
pub type Failed = Box<dyn Error + Send + Sync>;

/// The functions of the binary.
#[derive(Clone, Copy)]
pub struct Offline {
    /// Saves a backup of the store in a folder to a file that does not exist yet.
    pub save_backup: fn(folder: &Path, file: &Path) -> Result<Summary, Failed>,
    /// Restores a store.
    pub restore_backup: fn(&Restore) -> Result<Restored, Failed>,
}

/// What is to be restored, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restore {
    /// The backup.
    pub file: PathBuf,
    /// The folder of the store.
    pub folder: PathBuf,
    /// Whether a store that is there may go.
    pub replaces: bool,
    /// Whether the tokens of the backup stay valid.
    pub keeps_tokens: bool,
    /// Whether a backup without a MAC will do.
    pub takes_unsigned: bool,
}

/// What was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The backup.
    pub backup: Summary,
    /// What the operator should know beside it.
    pub warnings: Vec<String>,
}

//! Finds the programs that the tests run.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// Names the binary under test; set by the gate.
pub const BINARY_VARIABLE: &str = "STRONGROOM_BIN";

/// The root of the checkout.
#[must_use]
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The binary under test: `STRONGROOM_BIN`, else the newer of the debug and the release build.
///
/// # Errors
/// When there is none.
pub fn find() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(BINARY_VARIABLE) {
        return std::fs::canonicalize(&path).with_context(|| format!("{BINARY_VARIABLE} names {}", path.display()));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    let built = ["debug", "release"].map(|profile| target.join(profile).join("strongroom"));
    let age = |path: &PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let newest = built.into_iter().filter(|path| path.is_file()).max_by_key(age);
    newest.context("no strongroom binary: run `cargo build -p strongroom`, or set STRONGROOM_BIN")
}

/// Makes `folder` hold the binary under its own name and as `vault` and `bao`, the way an installation does.
///
/// # Errors
/// When there is no binary, or a link cannot be made.
pub fn link_into(folder: &Path) -> Result<()> {
    let binary = find()?;
    for name in ["strongroom", "vault", "bao"] {
        symlink(&binary, folder.join(name)).with_context(|| format!("linking {name}"))?;
    }
    Ok(())
}

/// Where a program lies on the caller's PATH.
#[must_use]
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

/// The Python of `.venv`, which has the client libraries that `make test` installs.
///
/// # Errors
/// When it is not there; the message says what to do.
pub fn python() -> Result<PathBuf> {
    let python = workspace().join(".venv/bin/python");
    if !python.is_file() {
        bail!("no .venv with the Python clients (`make test` makes one)");
    }
    Ok(python)
}

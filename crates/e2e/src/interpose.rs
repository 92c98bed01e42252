//! A server that dies exactly before or behind its next write to disk, and one that lives a few minutes ahead: by a small
//! library between it and the C library. The server itself knows nothing of it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::binary;

/// When to die.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Death {
    /// Not at all.
    Never,
    /// Before the next write of a file of the store.
    BeforeWrite,
    /// Behind the next sync of one, before anybody can be told.
    BehindSync,
}

/// The built library, and the byte that decides.
#[derive(Debug)]
pub struct Interposed {
    library: PathBuf,
    path: PathBuf,
    byte: File,
}

impl Interposed {
    /// Builds it into a folder. `None` without a C compiler, which whoever builds the server has.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn build(folder: &Path) -> Result<Option<Self>> {
        let Some(compiler) = binary::on_path("cc") else { return Ok(None) };
        let library = folder.join("interpose.so");
        let source = binary::workspace().join("crates/e2e/c/interpose.c");
        let mut command = Command::new(compiler);
        command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source);
        let output = command.output().context("starting the C compiler")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let path = folder.join("death");
        std::fs::write(&path, "-")?;
        let byte = File::options().write(true).open(&path)?;
        Ok(Some(Self { library, path, byte }))
    }

    /// The program that a server is started through so that this counts, with a wall clock that is ahead.
    #[must_use]
    pub fn program(&self, ahead_secs: u64) -> Vec<String> {
        vec![
            "/usr/bin/env".to_owned(),
            format!("LD_PRELOAD={}", self.library.display()),
            format!("E2E_DEATH={}", self.path.display()),
            format!("E2E_AHEAD={ahead_secs}"),
        ]
    }

    /// Decides for all servers that were started through it.
    ///
    /// # Errors
    /// When the byte cannot be written.
    pub fn decide(&self, death: Death) -> Result<()> {
        let byte = match death {
            Death::Never => b"-",
            Death::BeforeWrite => b"b",
            Death::BehindSync => b"a",
        };
        self.byte.write_all_at(byte, 0).context("deciding on a death")
    }
}

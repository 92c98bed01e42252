//! A development server (`server -dev`), and the command line as its user has it: an own `HOME`, the printed settings.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::binary;
use crate::process::Process;
use crate::server::{START_MAX, without_settings};

/// A running development server, with the home of its user.
#[derive(Debug)]
pub struct Development {
    /// What it printed for `VAULT_ADDR`.
    pub address: String,
    /// What it printed for `VAULT_CACERT`, with `-dev-tls`.
    pub authority: Option<String>,
    /// What it printed as root token.
    pub root_token: String,
    /// The server.
    pub process: Process,
    folder: TempDir,
}

impl Development {
    /// Starts one on a free port, with these further arguments, and waits until it has printed how to reach it.
    ///
    /// # Errors
    /// When it ends early, or prints no address or token.
    pub fn start(arguments: &[&str]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("strongroom-e2e-").tempdir()?;
        std::fs::create_dir(folder.path().join("home"))?;
        std::fs::create_dir(folder.path().join("bin"))?;
        binary::link_into(&folder.path().join("bin"))?;
        let mut command = Command::new(folder.path().join("bin/strongroom"));
        command.args(["server", "-dev", "-dev-listen-address=127.0.0.1:0"]).args(arguments);
        without_settings(&mut command).env("HOME", folder.path().join("home")).current_dir(folder.path());
        // A killed server leaves its certificates behind.
        command.env("TMPDIR", folder.path());
        let mut process = Process::start(&mut command)?;
        // The whole text comes at once, and this line behind everything that is looked for in it.
        process.wait_until("welcome", START_MAX, |output| output.contains("A first step:").then_some(()))?;
        let printed = process.output();
        let between = |start: &str, end: char| {
            let (_, rest) = printed.split_once(start)?;
            rest.split_once(end).map(|(text, _)| text.to_owned())
        };
        Ok(Self {
            address: between("export VAULT_ADDR='", '\'').context("no address was printed")?,
            authority: between("export VAULT_CACERT='", '\''),
            root_token: between("Root Token: ", '\n').context("no root token was printed")?,
            process,
            folder,
        })
    }

    /// The home folder of its user.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The folder with `strongroom` and the links `vault` and `bao`.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.folder.path().join("bin")
    }

    /// Runs a command line with the address and the authority that were printed.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<Output> {
        let mut command = command(&self.bin().join(program), &self.home());
        command.env("VAULT_ADDR", &self.address).args(arguments);
        if let Some(authority) = &self.authority {
            command.env("VAULT_CACERT", authority);
        }
        command.output().with_context(|| format!("starting {program}"))
    }
}

/// A program with nothing of the developer's settings but the path, and `home` as its `HOME`.
#[must_use]
pub fn command(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    without_settings(&mut command).env("HOME", home).current_dir(home).stdin(Stdio::null());
    command
}

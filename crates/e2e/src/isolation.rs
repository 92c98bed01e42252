//! Shell scripts in a network of their own, so that documented commands with Vault's fixed port 8200 can be run as
//! they stand, next to anything that uses the port already.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::binary;
use crate::server::without_settings;

/// Brings up loopback, then runs the script that follows.
const LOOPBACK_UP: &str = "set -euo pipefail; ip link set lo up; ";

/// Why scripts cannot be isolated here; `None` when they can.
#[must_use]
pub fn missing() -> Option<String> {
    for program in ["bash", "unshare", "ip", "curl"] {
        if binary::on_path(program).is_none() {
            return Some(format!("{program} is not installed"));
        }
    }
    let tried = Command::new("unshare").args(["-rn", "bash", "-c", LOOPBACK_UP]).stderr(Stdio::piped()).output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("no network namespace: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Some(format!("no network namespace: {error}")),
    }
}

/// Runs a bash script in its own network, with `home` as `HOME` and the linked binaries in `bin` first on the path.
/// Whatever it leaves running ends with it, because it is also the first process of its own process namespace.
///
/// # Errors
/// When the script fails; the message holds what it printed.
pub fn run(script: &str, home: &Path, bin: &Path) -> Result<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(bin.to_path_buf()).chain(std::env::split_paths(&path)))?;
    let mut command = Command::new("unshare");
    command.args(["-rn", "--pid", "--fork", "--kill-child", "bash", "-c", &format!("{LOOPBACK_UP}\n{script}")]);
    without_settings(&mut command).env("HOME", home).env("PATH", path).current_dir(binary::workspace());
    let output = command.stdin(Stdio::null()).output().context("starting unshare")?;
    let printed = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    ensure!(output.status.success(), "{}:\n{script}\nprinted:\n{printed}", output.status);
    Ok(printed)
}

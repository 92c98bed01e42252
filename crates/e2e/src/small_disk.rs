//! A file system of a few megabytes in memory, which only the processes started through it can see.
//!
//! It is mounted in a user and mount namespace of its own, so it needs no rights and is gone with its holder, whatever
//! happens to the test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::binary;
use crate::process::Process;

/// How long mounting may take.
const MOUNT_MAX: Duration = Duration::from_secs(30);

/// A small file system. Dropping it ends it, once nobody uses it any longer.
#[derive(Debug)]
pub struct SmallDisk {
    holder: Process,
    folder: PathBuf,
}

impl SmallDisk {
    /// Why there cannot be one here; `None` when there can.
    #[must_use]
    pub fn missing() -> Option<String> {
        for program in ["unshare", "nsenter", "mount", "tail"] {
            if binary::on_path(program).is_none() {
                return Some(format!("{program} is not installed"));
            }
        }
        let tried = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "tmpfs", "/tmp"]).output();
        match tried {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(format!("no mount namespace: {}", String::from_utf8_lossy(&output.stderr).trim())),
            Err(error) => Some(format!("no mount namespace: {error}")),
        }
    }

    /// Mounts one of so many megabytes over `folder`, which must exist.
    ///
    /// # Errors
    /// When that is not permitted.
    pub fn mount(folder: &Path, megabytes: u32) -> Result<Self> {
        let script = format!(
            "mount -t tmpfs -o size={megabytes}m,mode=0700 tmpfs '{}' && echo mounted && exec tail -f /dev/null",
            folder.display()
        );
        let mut holder = Process::start(Command::new("unshare").args(["-rm", "sh", "-c", &script]))?;
        holder.wait_until("mounted", MOUNT_MAX, |output| output.contains("mounted").then_some(()))?;
        Ok(Self { holder, folder: folder.to_owned() })
    }

    /// What a program must be started through to see it.
    #[must_use]
    pub fn entrance(&self) -> Vec<String> {
        let pid = self.holder.id().to_string();
        // It would go to the root folder otherwise, where relative paths are others.
        let here = format!("--wd={}", std::env::temp_dir().display());
        ["nsenter", "--target", &pid, "--user", "--mount", "--preserve-credentials", &here].map(str::to_owned).to_vec()
    }

    /// Gives it another size.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn resize(&self, megabytes: u32) -> Result<()> {
        let entrance = self.entrance();
        let (program, arguments) = entrance.split_first().context("an entrance has a program")?;
        let mut command = Command::new(program);
        command.args(arguments).args(["mount", "-o", &format!("remount,size={megabytes}m")]).arg(&self.folder);
        let output = command.stdin(Stdio::null()).output().context("starting nsenter")?;
        ensure!(output.status.success(), "resizing: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}

//! What the release build costs and weighs. A build takes minutes of all cores, so that part is asked for by a switch.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::account::children_cpu_seconds;
use crate::findings::Findings;
use crate::plan::Plan;
use crate::report::commit;

/// Measures the rows; the build only when the plan says so.
pub(crate) fn measure(plan: &Plan, findings: &mut Findings<'_>) -> Result<()> {
    let binary = std::fs::metadata(e2e::binary::find()?)?.len();
    findings.tell("binary", f64::from(u32::try_from(binary)?) / 1e6, "release build")?;
    if !plan.build {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let before = children_cpu_seconds()?;
    let start = crate::now();
    // On every core: the load generator's was meant for load.
    let status = Command::new("taskset")
        .args(["-c", &format!("0-{}", std::thread::available_parallelism()?.get().max(2) - 1)])
        .arg(cargo)
        .args(["build", "--release", "--quiet", "--package=strongroom", "--target-dir"])
        .arg(folder.path())
        .env_remove("CARGO_INCREMENTAL")
        .current_dir(e2e::binary::workspace())
        .status()
        .context("starting cargo")?;
    ensure!(status.success(), "the build failed: {status}");
    let from = format!("{:.0} s by the clock; commit {}", start.elapsed().as_secs_f64(), commit());
    findings.tell("build", children_cpu_seconds()? - before, from)
}

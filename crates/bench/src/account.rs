//! What the kernel has counted for a process: processor time and memory (`proc_pid_stat(5)`, `proc_pid_status(5)`).

use anyhow::{Context as _, Result, ensure};

/// `USER_HZ`, the unit of the times in `/proc`: 100 on every Linux of today.
const TICKS_PER_SECOND: f64 = 100.0;

/// Where user and system time of the process itself stand, counted from the field behind its name.
const OWN: usize = 11;
/// Where those of its ended children stand.
const CHILDREN: usize = 13;

/// User and system time of a process so far, in seconds.
///
/// # Errors
/// When the process is gone.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    times(pid, OWN)
}

/// The same of all children of this process that have ended, and of theirs, in seconds.
///
/// # Errors
/// When the kernel does not say.
pub fn children_cpu_seconds() -> Result<f64> {
    times(std::process::id(), CHILDREN)
}

/// Resident memory of a process, in MiB.
///
/// # Errors
/// When the process is gone.
pub fn resident_mib(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("reading a process's size")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no size in the status")?;
    let kib: u32 = line.trim().trim_end_matches(" kB").parse().context("reading the size")?;
    Ok(f64::from(kib) / 1024.0)
}

fn times(pid: u32, place: usize) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("reading a process's times")?;
    // The name, in parentheses, may hold blanks; the third field follows it.
    let (_, fields) = stat.rsplit_once(')').context("no name in the process's status")?;
    let times: Vec<u32> =
        fields.split_whitespace().skip(place).take(2).filter_map(|field| field.parse().ok()).collect();
    ensure!(times.len() == 2, "no times in {stat:?}");
    Ok(times.into_iter().map(f64::from).sum::<f64>() / TICKS_PER_SECOND)
}

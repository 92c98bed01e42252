//! The other limit: the disk, and the embedded store without a server in front of it. `ceiling FOLDER CALLERS
//! MILLISECONDS` prints commits a second, with `login:` in front of the callers those of logins, with 0 callers appends a
//! second, and with `remove:LEASES` instead of them removed keys a second.

#![expect(clippy::print_stdout, reason = "the rate is what it is for")]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what| arguments.next().with_context(|| format!("{what} is missing"));
    let folder = PathBuf::from(next("a folder")?);
    let what = next("the number of callers")?;
    let time = Duration::from_millis(next("the time in milliseconds")?.parse()?);
    println!("{}", bench::disk::measure(&folder, &what, time)?);
    Ok(())
}

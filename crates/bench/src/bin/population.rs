//! Fills the store of a server that is down, or has it cleared away: `population FOLDER SHARE TOKEN WHAT…`, where WHAT is
//! `mount`, `lend ROLE COUNT SECONDS`, `tokens COUNT`, `settle FROM TO MOUNTS`, `revoke ROLE` or `expire MILLISECONDS`. Prints
//! what that took, in JSON.

#![expect(clippy::print_stdout, reason = "what it took is what it is for")]

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use bench::population::Population;
use mimalloc::MiMalloc;
use secret::WipingAllocator;

/// As the server has it: what it costs is part of what is measured.
#[global_allocator]
static ALLOCATOR: WipingAllocator<MiMalloc> = WipingAllocator::over(MiMalloc);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("{}", runtime.block_on(work(&arguments))?);
    Ok(())
}

async fn work(arguments: &[String]) -> Result<String> {
    let [folder, share, token, what @ ..] = arguments else { bail!("folder, share and token are missing") };
    let population = Population::open(Path::new(folder), share, token).await?;
    let words: Vec<&str> = what.iter().map(String::as_str).collect();
    let took = match words[..] {
        ["mount"] => serde_json::to_string(&population.mount_lender().await?)?,
        ["lend", role, count, seconds] => {
            serde_json::to_string(&population.lend(role, count.parse()?, seconds.parse()?).await?)?
        }
        ["tokens", count] => serde_json::to_string(&population.make_tokens(count.parse()?).await?)?,
        ["settle", from, to, mounts] => {
            serde_json::to_string(&population.settle(from.parse()?..to.parse()?, mounts.parse()?).await?)?
        }
        ["revoke", role] => serde_json::to_string(&population.revoke(role).await?)?,
        ["expire", millis] => serde_json::to_string(&population.expire(Duration::from_millis(millis.parse()?)).await?)?,
        _ => bail!("unknown: {what:?}"),
    };
    population.close().await?;
    Ok(took)
}

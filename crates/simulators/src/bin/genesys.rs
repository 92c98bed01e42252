//! The stand-in for Genesys Cloud, alone: prints where it is, a client to begin with, and the ids that it knows. Below
//! `/simulator/` faults are switched on and live clients counted.
//!
//! `genesys-simulator [PORT] [CLIENT-SECRET]`

use anyhow::{Context as _, Result};
use simulators::genesys::{ADMIN_ROLE, Genesys, HOME_DIVISION, ROLE};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "it tells where it is")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().map_or(Ok(0), |text| text.parse());
    let cloud = Genesys::start(port.context("usage: genesys-simulator [PORT] [CLIENT-SECRET]")?, None).await?;
    let root = match arguments.next() {
        Some(secret) => cloud.make_client_with("strongroom", &[ADMIN_ROLE], &secret),
        None => cloud.make_client("strongroom", &[ADMIN_ROLE]),
    };
    println!("address        {}\nclient id      {}\nclient secret  {}", cloud.url(), root.id, root.secret);
    println!("role           {ROLE}\ndivision       {HOME_DIVISION}");
    std::future::pending().await
}

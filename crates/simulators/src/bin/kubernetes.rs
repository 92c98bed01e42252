//! The stand-in for Kubernetes' API server, alone: prints where it is and writes its authority to a file. `PUT` below
//! `/simulator/` makes accounts, labels namespaces and switches faults on.
//!
//! `kubernetes-simulator PORT AUTHORITY-FILE`

use anyhow::{Context as _, Result};
use simulators::kubernetes::ApiServer;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "it tells where it is")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().unwrap_or_default().parse().unwrap_or(0);
    let file = arguments.next().context("usage: kubernetes-simulator PORT AUTHORITY-FILE")?;
    let server = ApiServer::start(port, None).await?;
    std::fs::write(&file, &server.authority).with_context(|| format!("writing {file}"))?;
    println!("{}", server.url());
    std::future::pending().await
}

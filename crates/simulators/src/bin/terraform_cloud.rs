//! The stand-in for Terraform Cloud, alone: prints where it is, a root token, and the ids that it knows. Below
//! `/simulator/` faults are switched on and live tokens counted.
//!
//! `terraform-cloud-simulator [PORT] [ROOT-TOKEN]`

use anyhow::{Context as _, Result};
use simulators::terraform_cloud::{ORGANIZATION, Root, TEAM, TerraformCloud, USER};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "it tells where it is")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments
        .next()
        .map_or(Ok(0), |text| text.parse())
        .context("usage: terraform-cloud-simulator [PORT] [ROOT-TOKEN]")?;
    let cloud = TerraformCloud::start(port, None).await?;
    let token = match arguments.next() {
        Some(text) => cloud.root_called(Root::User, &text),
        None => cloud.root(Root::User),
    };
    println!("address        {}\nroot token     {token}", cloud.url());
    println!("organization   {ORGANIZATION}\nteam           {TEAM}\nuser           {USER}");
    std::future::pending().await
}

//! Starting, sealing, and what a node says about itself.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use vaultrs::api::sys::requests::EnableEngineRequest;
use vaultrs::client::Client as _;
use vaultrs::sys::ServerStatus;
use vaultrs::{kv1, sys};

use crate::server::{Server, refused};

pub(crate) async fn initialize_and_unseal(server: Server) -> Result<()> {
    let mut client = server.client("")?;
    ensure!(matches!(client.status().await?, ServerStatus::UNINITIALIZED));
    refused(400, "", sys::start_initialization(&client, 2, 3, None).await)?;
    let made = sys::start_initialization(&client, 3, 2, None).await?;
    ensure!(made.keys.len() == 3 && made.keys_base64.len() == 3);
    refused(400, "", sys::start_initialization(&client, 1, 1, None).await)?;
    ensure!(matches!(client.status().await?, ServerStatus::SEALED));
    let unseal = async |key: &str| sys::unseal(&client, Some(key.to_owned()), None, None).await;
    refused(400, "", unseal("not a key").await)?;
    ensure!(unseal(&made.keys[0]).await?.progress == 1);
    ensure!(unseal(&made.keys[0]).await?.progress == 1, "the same share twice");
    ensure!(sys::unseal(&client, None, Some(true), None).await?.progress == 0);
    unseal(&made.keys[2]).await?;
    let status = unseal(&made.keys_base64[1]).await?;
    ensure!(!status.sealed && (status.threshold, status.n_shares) == (2, 3), "{status:?}");
    client.set_token(&made.root_token);
    ensure!(client.lookup().await?.policies == ["root"]);
    Ok(())
}

pub(crate) async fn sealed_is_down(server: Server) -> Result<()> {
    let mut client = server.client("")?;
    let made = sys::start_initialization(&client, 1, 1, None).await?;
    refused(503, "Vault is sealed", kv1::get_raw(&client, "secret", "anything").await)?;
    sys::unseal(&client, Some(made.keys[0].clone()), None, None).await?;
    client.set_token(&made.root_token);
    let mut request = EnableEngineRequest::builder();
    let request = request.options(HashMap::from([("version".to_owned(), "1".to_owned())]));
    sys::mount::enable(&client, "kept", "kv", Some(request)).await?;
    kv1::set(&client, "kept", "one", &HashMap::from([("a", "b")])).await?;
    sys::seal(&client).await?;
    ensure!(matches!(client.status().await?, ServerStatus::SEALED));
    refused(503, "Vault is sealed", kv1::get_raw(&client, "kept", "one").await)?;
    sys::unseal(&client, Some(made.keys_base64[0].clone()), None, None).await?;
    let kept: HashMap<String, String> = kv1::get(&client, "kept", "one").await?;
    ensure!(kept == HashMap::from([("a".to_owned(), "b".to_owned())]));
    Ok(())
}

pub(crate) async fn tls_with_own_authority(server: Server) -> Result<()> {
    ensure!(server.url().starts_with("https:"));
    ensure!(matches!(server.client("")?.status().await?, ServerStatus::UNINITIALIZED));
    let stranger = server.trusting("", Vec::new())?.status().await;
    ensure!(stranger.is_err(), "trusted without its authority: {stranger:?}");
    Ok(())
}

pub(crate) async fn health(server: Server) -> Result<()> {
    let client = server.client("")?;
    let seen = sys::health(&client).await?;
    ensure!(seen.initialized && !seen.sealed && !seen.standby && !seen.performance_standby, "{seen:?}");
    ensure!(seen.server_time_utc > 0 && !seen.version.is_empty(), "{seen:?}");
    ensure!(matches!(client.status().await?, ServerStatus::OK));
    Ok(())
}

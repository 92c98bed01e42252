//! Response wrapping, the cubbyhole it rests on, and the random bytes beside it.

use std::collections::HashMap;

use anyhow::{Result, bail, ensure};
use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value, json};
use vaultrs::api::kv2::requests::ReadSecretRequest;
use vaultrs::api::kv2::responses::ReadSecretResponse;
use vaultrs::api::sys::requests::RandomRequest;
use vaultrs::api::{ResponseWrapper as _, WrappedResponse};
use vaultrs::client::VaultClient;
use vaultrs::error::ClientError;
use vaultrs::sys::{tools, wrapping};
use vaultrs::{cubbyhole as hole, kv2};

use crate::server::{Server, refused};

const INVALID: &str = "wrapping token is not valid or does not exist";

/// The TTL that vaultrs asks for, whatever the caller would like, in seconds.
const TTL_SECS: u64 = 600;

/// A secret, read by a wrapped request; gives the client, the path, and what came.
async fn wrapped(server: &Server) -> Result<(VaultClient, String, WrappedResponse<ReadSecretRequest>)> {
    let (client, mount) = server.mount(2).await?;
    kv2::set(&client, &mount, "one", &json!({"a": "b"})).await?;
    let request = ReadSecretRequest::builder().mount(&*mount).path("one").build()?;
    let reply = request.wrap(&client).await?;
    Ok((client, format!("{mount}/data/one"), reply))
}

pub(crate) async fn wrap_and_unwrap(server: Server) -> Result<()> {
    let (client, path, first) = wrapped(&server).await?;
    let info = &first.info;
    ensure!(info.ttl == TTL_SECS && info.creation_path == path, "{info:?}");
    ensure!(!info.accessor.is_empty() && !info.creation_time.is_empty(), "{info:?}");
    // The wrapping token as a field beside the caller's, then as the caller's own.
    ensure!(first.unwrap(&client).await?.data == json!({"a": "b"}));
    let (_, _, second) = wrapped(&server).await?;
    let plain: ReadSecretResponse = wrapping::unwrap(&server.client(&second.info.token)?, None).await?;
    ensure!(plain.data == json!({"a": "b"}) && plain.metadata.version == 1, "{plain:?}");
    Ok(())
}

pub(crate) async fn wrap_lookup(server: Server) -> Result<()> {
    let (client, path, reply) = wrapped(&server).await?;
    // Nobody in particular may ask.
    let seen = reply.lookup(&server.client("")?).await?;
    ensure!(seen.creation_path == path && seen.creation_ttl == TTL_SECS, "{seen:?}");
    ensure!(seen.creation_time == reply.info.creation_time, "{seen:?}");
    ensure!(reply.unwrap(&client).await?.data == json!({"a": "b"}), "a lookup must not use it up");
    Ok(())
}

pub(crate) async fn unwrap_once(server: Server) -> Result<()> {
    let (client, _, reply) = wrapped(&server).await?;
    let token = &reply.info.token;
    ensure!(reply.unwrap(&client).await?.data == json!({"a": "b"}));
    refused(400, INVALID, reply.unwrap(&client).await)?;
    refused(400, INVALID, wrapping::unwrap::<Value>(&server.client(token)?, None).await)?;
    match reply.lookup(&client).await {
        Err(ClientError::WrapInvalidError) => {}
        other => bail!("an invalid wrap was expected, and came {other:?}"),
    }
    refused(400, INVALID, wrapping::unwrap::<Value>(&client, Some("hvs.nobody")).await)?;
    Ok(())
}

pub(crate) async fn cubbyhole(server: Server) -> Result<()> {
    let own = server.stranger().await?;
    hole::set(&own, "cubbyhole", "note", &HashMap::from([("text", "mine")])).await?;
    ensure!(hole::get_raw(&own, "cubbyhole", "note").await?.data == json!({"text": "mine"}));
    ensure!(hole::list(&own, "cubbyhole", "").await?.data.keys == ["note"]);
    // Another token's cubbyhole, even to root.
    refused(404, "", hole::get_raw(&server.root()?, "cubbyhole", "note").await)?;
    hole::delete(&own, "cubbyhole", "note").await?;
    refused(404, "", hole::get_raw(&own, "cubbyhole", "note").await)?;
    Ok(())
}

pub(crate) async fn tools_random(server: Server) -> Result<()> {
    let client = server.root()?;
    let draw = async || tools::random(&client, Some(RandomRequest::builder().bytes(16_u64))).await;
    let (first, second) = (draw().await?.random_bytes, draw().await?.random_bytes);
    ensure!(first != second, "twice the same: {first}");
    ensure!(BASE64.decode(first.as_bytes())?.len() == 16, "{first}");
    let mut request = RandomRequest::builder();
    let hex = tools::random(&client, Some(request.bytes(8_u64).format("hex"))).await?.random_bytes;
    ensure!(HEXLOWER.decode(hex.as_bytes())?.len() == 8, "{hex}");
    Ok(())
}

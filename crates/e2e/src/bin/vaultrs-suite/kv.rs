//! The key-value engine, both versions.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use vaultrs::api::kv2::requests::{SetConfigurationRequest, SetSecretMetadataRequest, SetSecretRequestOptions};
use vaultrs::error::ClientError;
use vaultrs::{kv1 as one, kv2 as two};

use crate::server::{Server, refused, unique};

pub(crate) async fn kv1(server: Server) -> Result<()> {
    let (client, mount) = server.mount(1).await?;
    one::set(&client, &mount, "app/db", &HashMap::from([("user", "ann"), ("ttl", "1h")])).await?;
    let seen = one::get_raw(&client, &mount, "app/db").await?;
    ensure!(seen.data == json!({"user": "ann", "ttl": "1h"}) && seen.lease_duration == 3600, "{seen:?}");
    ensure!(seen.lease_id.is_empty() && !seen.renewable, "{seen:?}");
    one::set(&client, &mount, "app/db", &HashMap::from([("only", "this")])).await?;
    let seen = one::get_raw(&client, &mount, "app/db").await?;
    ensure!(seen.data == json!({"only": "this"}) && seen.lease_duration == 2_764_800, "{seen:?}");
    one::set(&client, &mount, "app", &HashMap::from([("beside", "the folder")])).await?;
    ensure!(one::list(&client, &mount, "").await?.data.keys == ["app", "app/"]);
    ensure!(one::list(&client, &mount, "app").await?.data.keys == ["db"]);
    one::delete(&client, &mount, "app/db").await?;
    one::delete(&client, &mount, "app/db").await?;
    refused(404, "", one::get_raw(&client, &mount, "app/db").await)?;
    refused(404, "", one::list(&client, &mount, "app").await)?;
    Ok(())
}

pub(crate) async fn kv2_versions(server: Server) -> Result<()> {
    let (client, mount) = server.mount(2).await?;
    let first = two::set(&client, &mount, "one", &json!({"pass": "first"})).await?;
    ensure!(first.version == 1 && !first.destroyed && first.deletion_time.is_empty(), "{first:?}");
    ensure!(first.custom_metadata.is_none() && first.created_time.ends_with('Z'), "{first:?}");
    ensure!(two::set(&client, &mount, "one", &json!({"pass": "second"})).await?.version == 2);
    ensure!(two::read::<Value>(&client, &mount, "one").await? == json!({"pass": "second"}));
    ensure!(two::read_version::<Value>(&client, &mount, "one", 1).await? == json!({"pass": "first"}));
    refused(404, "", two::read_version::<Value>(&client, &mount, "one", 3).await)?;
    Ok(())
}

pub(crate) async fn kv2_check_and_set(server: Server) -> Result<()> {
    let (client, mount) = server.mount(2).await?;
    let write = async |cas| {
        let options = SetSecretRequestOptions { cas };
        two::set_with_options(&client, &mount, "one", &json!({"a": "b"}), options).await
    };
    ensure!(write(0).await?.version == 1);
    refused(400, "check-and-set parameter did not match the current version", write(0).await)?;
    ensure!(write(1).await?.version == 2);
    two::config::set(&client, &mount, Some(SetConfigurationRequest::builder().cas_required(true))).await?;
    let without = two::set(&client, &mount, "one", &json!({"a": "b"})).await;
    refused(400, "check-and-set parameter required for this call", without)?;
    Ok(())
}

pub(crate) async fn kv2_deleted_versions(server: Server) -> Result<()> {
    let (client, mount) = server.mount(2).await?;
    for n in 1..=3 {
        two::set(&client, &mount, "one", &json!({"n": n})).await?;
    }
    two::delete_latest(&client, &mount, "one").await?;
    let deleted = body_of_404(two::read::<Value>(&client, &mount, "one").await)?;
    let metadata = &deleted["data"]["metadata"];
    ensure!(deleted["data"]["data"].is_null() && metadata["version"] == json!(3), "{deleted}");
    ensure!(metadata["deletion_time"] != json!("") && metadata["destroyed"] == json!(false), "{deleted}");
    two::undelete_versions(&client, &mount, "one", vec![3]).await?;
    ensure!(two::read::<Value>(&client, &mount, "one").await? == json!({"n": 3}));
    two::delete_versions(&client, &mount, "one", vec![1, 2]).await?;
    body_of_404(two::read_version::<Value>(&client, &mount, "one", 1).await)?;
    two::destroy_versions(&client, &mount, "one", vec![1]).await?;
    two::undelete_versions(&client, &mount, "one", vec![1, 2]).await?;
    ensure!(two::read_version::<Value>(&client, &mount, "one", 2).await? == json!({"n": 2}));
    let destroyed = body_of_404(two::read_version::<Value>(&client, &mount, "one", 1).await)?;
    ensure!(destroyed["data"]["metadata"]["destroyed"] == json!(true), "{destroyed}");
    Ok(())
}

/// vaultrs has no type for a 404 with data in it, and hands out the reply as it came.
fn body_of_404(answer: Result<Value, ClientError>) -> Result<Value> {
    use rustify::errors::ClientError::ServerResponseError;
    match answer {
        Err(ClientError::RestClientError { source: ServerResponseError { code: 404, content: Some(body) } }) => {
            serde_json::from_str(&body).context("reading the body")
        }
        other => bail!("a 404 with data was expected, and came {other:?}"),
    }
}

pub(crate) async fn kv2_metadata(server: Server) -> Result<()> {
    let (client, mount) = server.mount(2).await?;
    let custom = HashMap::from([("owner".to_owned(), "ann".to_owned())]);
    let mut request = SetSecretMetadataRequest::builder();
    let request = request.max_versions(2_u64).delete_version_after("3h25m19s").custom_metadata(custom.clone());
    two::set_metadata(&client, &mount, "one", Some(request)).await?;
    let seen = two::read_metadata(&client, &mount, "one").await?;
    ensure!(seen.current_version == 0 && seen.max_versions == 2 && seen.versions.is_empty(), "{seen:?}");
    ensure!(seen.delete_version_after == "3h25m19s" && seen.custom_metadata == Some(custom), "{seen:?}");
    refused(404, "", two::read::<Value>(&client, &mount, "one").await)?;
    for n in 1..=3 {
        two::set(&client, &mount, "one", &json!({"n": n})).await?;
    }
    let seen = two::read_metadata(&client, &mount, "one").await?;
    ensure!(seen.versions.len() == 2 && seen.oldest_version == 2 && seen.current_version == 3, "{seen:?}");
    let version = seen.versions.get("3").context("the latest version")?;
    ensure!(version.deletion_time > version.created_time, "{version:?}");
    two::delete_metadata(&client, &mount, "one").await?;
    two::delete_metadata(&client, &mount, "one").await?;
    refused(404, "", two::read_metadata(&client, &mount, "one").await)?;
    refused(404, "", two::read::<Value>(&client, &mount, "one").await)?;
    Ok(())
}

pub(crate) async fn kv2_list(server: Server) -> Result<()> {
    let (client, mount) = server.mount(2).await?;
    for path in ["b", "a/one", "a/two/deep", "a"] {
        two::set(&client, &mount, path, &json!({"a": "b"})).await?;
    }
    ensure!(two::list(&client, &mount, "").await? == ["a", "a/", "b"]);
    ensure!(two::list(&client, &mount, "a").await? == ["one", "two/"]);
    refused(404, "", two::list(&client, &mount, "b").await)?;
    Ok(())
}

pub(crate) async fn kv2_configuration(server: Server) -> Result<()> {
    let (client, mount) = server.mount(2).await?;
    let seen = two::config::read(&client, &mount).await?;
    ensure!(seen.max_versions == 0 && !seen.cas_required && seen.delete_version_after == "0s", "{seen:?}");
    let mut request = SetConfigurationRequest::builder();
    let request = request.max_versions(7_u64).cas_required(true).delete_version_after("1h30m");
    two::config::set(&client, &mount, Some(request)).await?;
    let seen = two::config::read(&client, &mount).await?;
    ensure!(seen.max_versions == 7 && seen.cas_required && seen.delete_version_after == "1h30m0s", "{seen:?}");
    Ok(())
}

pub(crate) async fn kv_missing(server: Server) -> Result<()> {
    let (client, mount) = server.mount(1).await?;
    ensure!(refused(404, "", one::get_raw(&client, &mount, &unique("none")).await)?.is_empty());
    ensure!(refused(404, "", one::list(&client, &mount, "").await)?.is_empty());
    let (client, mount) = server.mount(2).await?;
    ensure!(refused(404, "", two::read::<Value>(&client, &mount, &unique("none")).await)?.is_empty());
    ensure!(refused(404, "", two::list(&client, &mount, "").await)?.is_empty());
    Ok(())
}

pub(crate) async fn kv_values_survive(server: Server) -> Result<()> {
    let huge: Value = serde_json::from_str("12345678901234567890123")?;
    let values = HashMap::from([
        ("text", json!("ä<&>\u{2028}\"")),
        ("huge", huge),
        ("exact", json!(0.1)),
        ("nested", json!({"list": [1, null, true, {"deep": []}]})),
    ]);
    let wanted = serde_json::to_value(&values)?;
    let (client, mount) = server.mount(1).await?;
    one::set(&client, &mount, "values", &values).await?;
    let seen: Value = one::get(&client, &mount, "values").await?;
    ensure!(seen == wanted, "{seen}");
    let (client, mount) = server.mount(2).await?;
    two::set(&client, &mount, "values", &values).await?;
    let seen: Value = two::read(&client, &mount, "values").await?;
    ensure!(seen == wanted, "{seen}");
    Ok(())
}

//! Mounts, policies, and the auth methods.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use vaultrs::api::sys::requests::{EnableEngineDataConfig, EnableEngineRequest};
use vaultrs::{kv2, sys};

use crate::server::{Server, refused, unique};

const RULES: &str = r#"path "somewhere/*" { capabilities = ["read", "list"] }"#;

pub(crate) async fn mounts(server: Server) -> Result<()> {
    let (client, path) = (server.root()?, unique("mount"));
    let options = HashMap::from([("version".to_owned(), "2".to_owned())]);
    let config = EnableEngineDataConfig { max_lease_ttl: Some("2h".to_owned()), ..EnableEngineDataConfig::default() };
    let mut request = EnableEngineRequest::builder();
    let request = request.description("for the team").options(options.clone()).config(config);
    sys::mount::enable(&client, &path, "kv", Some(request)).await?;
    let all = sys::mount::list(&client).await?;
    ensure!(all.contains_key("sys/") && all.contains_key("cubbyhole/"), "{all:?}");
    let seen = all.get(&format!("{path}/")).context("not listed")?;
    ensure!(seen.mount_type == "kv" && seen.description == "for the team", "{seen:?}");
    ensure!(seen.options.as_ref() == Some(&options) && seen.accessor.starts_with("kv_"), "{seen:?}");
    ensure!(seen.config.max_lease_ttl == 7200, "{seen:?}");
    let one = sys::mount::get_configuration_of_a_secret_engine(&client, &path).await?;
    ensure!(one.uuid == seen.uuid && one.options == seen.options && one.config.max_lease_ttl == 7200, "{one:?}");
    let taken = format!("path is already in use at {path}/");
    refused(400, &taken, sys::mount::enable(&client, &path, "kv", None).await)?;
    kv2::set(&client, &path, "left", &HashMap::from([("a", "b")])).await?;
    sys::mount::disable(&client, &path).await?;
    sys::mount::disable(&client, &path).await?;
    ensure!(!sys::mount::list(&client).await?.contains_key(&format!("{path}/")), "still there");
    sys::mount::enable(&client, &path, "kv", Some(EnableEngineRequest::builder().options(options))).await?;
    refused(404, "", kv2::read_metadata(&client, &path, "left").await)?;
    Ok(())
}

pub(crate) async fn mount_move(server: Server) -> Result<()> {
    let (client, path) = server.mount(2).await?;
    let secret = HashMap::from([("a".to_owned(), "b".to_owned())]);
    kv2::set(&client, &path, "along", &secret).await?;
    let to = unique("moved");
    let started = sys::remount::remount(&client, &path, &to).await?;
    let info = loop {
        let seen = sys::remount::remount_status(&client, &started.migration_id).await?.migration_info;
        if seen.status != "in-progress" {
            break seen;
        }
    };
    ensure!(info.status == "success", "{info:?}");
    ensure!(info.source_mount.trim_matches('/') == path && info.target_mount.trim_matches('/') == to, "{info:?}");
    ensure!(kv2::read::<HashMap<String, String>>(&client, &to, "along").await? == secret);
    refused(404, "", kv2::read_metadata(&client, &path, "along").await)?;
    Ok(())
}

pub(crate) async fn mount_missing(server: Server) -> Result<()> {
    let path = unique("none");
    let seen = sys::mount::get_configuration_of_a_secret_engine(&server.root()?, &path).await;
    refused(400, "No secret engine mount at", seen)?;
    Ok(())
}

pub(crate) async fn auth_methods(server: Server) -> Result<()> {
    let all = sys::auth::list(&server.root()?).await?;
    let seen = all.get("token/").context("not listed")?;
    ensure!(seen.mount_type == "token" && seen.accessor.starts_with("auth_token_"), "{seen:?}");
    Ok(())
}

pub(crate) async fn policies(server: Server) -> Result<()> {
    let (client, name) = (server.root()?, unique("policy"));
    sys::policy::set(&client, &name, RULES).await?;
    let seen = sys::policy::read(&client, &name).await?;
    ensure!(seen.name == name && seen.rules == RULES, "{seen:?}");
    let all = sys::policy::list(&client).await?.policies;
    for wanted in [&name, "default", "root"] {
        ensure!(all.iter().any(|known| known == wanted), "{wanted} is not in {all:?}");
    }
    refused(400, "", sys::policy::set(&client, &name, r#"path "x" { nonsense = 1 }"#).await)?;
    sys::policy::delete(&client, &name).await?;
    sys::policy::delete(&client, &name).await?;
    refused(404, "", sys::policy::read(&client, &name).await)?;
    refused(400, "", sys::policy::delete(&client, "default").await)?;
    Ok(())
}

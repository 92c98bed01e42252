//! Tokens: every way to make one, and what becomes of it.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use vaultrs::api;
use vaultrs::api::token::requests::{
    CreateOrphanTokenRequest, CreateRoleTokenRequest, CreateTokenRequest, ListAccessorRequest, SetTokenRoleRequest,
};
use vaultrs::client::Client as _;
use vaultrs::token;

use crate::server::{Server, refused, unique};

const MAKER: &str = r#"path "auth/token/create*" { capabilities = ["create", "update", "sudo"] }"#;

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|&name| name.to_owned()).collect()
}

/// Wants a token that nobody accepts.
async fn gone(server: &Server, token: &str) -> Result<()> {
    refused(403, "permission denied", server.client(token)?.lookup().await).map(drop)
}

pub(crate) async fn token_create(server: Server) -> Result<()> {
    let client = server.root()?;
    let meta = HashMap::from([("for".to_owned(), "suite".to_owned())]);
    let mut request = CreateTokenRequest::builder();
    let request = request.policies(names(&["default", "not-there"])).ttl("1h").explicit_max_ttl("2h");
    let auth = token::new(&client, Some(request.meta(meta.clone()).display_name("suite"))).await?;
    ensure!(auth.policies == ["default", "not-there"] && auth.token_policies == auth.policies, "{auth:?}");
    ensure!(auth.lease_duration == 3600 && auth.renewable && !auth.orphan && auth.entity_id.is_empty(), "{auth:?}");
    ensure!(auth.token_type == "service" && auth.metadata.as_ref() == Some(&meta), "{auth:?}");
    ensure!(auth.client_token.starts_with("hvs."), "{auth:?}");
    let seen = token::lookup(&client, &auth.client_token).await?;
    ensure!(seen.explicit_max_ttl == 7200 && seen.display_name == "token-suite", "{seen:?}");
    ensure!(seen.path == "auth/token/create" && seen.meta == Some(meta), "{seen:?}");
    let id = unique("chosen-id");
    let mut request = CreateTokenRequest::builder();
    let request = request.id(&*id).policies(names(&["not-there"])).no_default_policy(true).renewable(false).ttl("600");
    let chosen = token::new(&client, Some(request)).await?;
    ensure!(chosen.client_token == id && chosen.policies == ["not-there"], "{chosen:?}");
    ensure!(!chosen.renewable && chosen.lease_duration == 600, "{chosen:?}");
    refused(403, "permission denied", token::new(&server.client(&auth.client_token)?, None).await)?;
    Ok(())
}

pub(crate) async fn token_orphan(server: Server) -> Result<()> {
    let client = server.root()?;
    let mut request = CreateOrphanTokenRequest::builder();
    let made = token::new_orphan(&client, Some(request.policies(names(&["default"])).ttl("10m"))).await?;
    ensure!(made.orphan && token::lookup(&client, &made.client_token).await?.orphan);
    let mut request = CreateTokenRequest::builder();
    let request = request.policies(names(&["default"])).ttl("10m").no_parent(true);
    ensure!(token::new(&client, Some(request)).await?.orphan);
    let parent = server.with_policy(MAKER).await?;
    let child = token::new(&parent, Some(CreateTokenRequest::builder().ttl("10m"))).await?.client_token;
    let orphan = token::new_orphan(&parent, Some(CreateOrphanTokenRequest::builder().ttl("10m"))).await?.client_token;
    token::revoke(&client, &parent.settings().token).await?;
    gone(&server, &child).await?;
    ensure!(server.client(&orphan)?.lookup().await?.orphan);
    Ok(())
}

pub(crate) async fn token_roles(server: Server) -> Result<()> {
    let (client, role) = (server.root()?, unique("role"));
    let mut request = SetTokenRoleRequest::builder();
    let request = request.allowed_policies(names(&["default", "one"])).orphan(true).renewable(false);
    let request = request.path_suffix("suite").token_explicit_max_ttl("2h");
    token::role::set(&client, &role, Some(request)).await?;
    let seen = token::role::read(&client, &role).await?;
    ensure!(seen.name == role && seen.allowed_policies == ["default", "one"], "{seen:?}");
    ensure!(seen.orphan && !seen.renewable && seen.path_suffix == "suite", "{seen:?}");
    ensure!(seen.token_explicit_max_ttl == 7200 && seen.token_type == "default-service", "{seen:?}");
    ensure!(token::role::list(&client).await?.keys.contains(&role), "not listed");
    let mut request = CreateRoleTokenRequest::builder();
    let made = token::new_role(&client, &role, Some(request.policies(names(&["one"])).ttl("1h"))).await?;
    ensure!(made.policies == ["default", "one"] && made.orphan && !made.renewable, "{made:?}");
    let own = server.client(&made.client_token)?.lookup().await?;
    ensure!(own.role.as_ref() == Some(&role) && own.path == format!("auth/token/create/{role}/suite"), "{own:?}");
    let mut request = CreateRoleTokenRequest::builder();
    refused(400, "", token::new_role(&client, &role, Some(request.policies(names(&["other"])))).await)?;
    token::role::delete(&client, &role).await?;
    refused(404, "", token::role::read(&client, &role).await)?;
    refused(400, "unknown role", token::new_role(&client, &role, None).await)?;
    Ok(())
}

pub(crate) async fn token_batch(server: Server) -> Result<()> {
    let client = server.root()?;
    let mut request = CreateTokenRequest::builder();
    let request = request.token_type("batch").policies(names(&["default"])).ttl("10m");
    let made = token::new(&client, Some(request)).await?;
    ensure!(made.client_token.starts_with("hvb.") && made.token_type == "batch", "{made:?}");
    ensure!(made.accessor.is_empty() && !made.renewable && made.lease_duration == 600, "{made:?}");
    let own = server.client(&made.client_token)?;
    ensure!(own.lookup().await?.policies == ["default"]);
    refused(400, "", own.renew(None).await)?;
    refused(400, "", token::revoke(&client, &made.client_token).await)?;
    let mut request = CreateTokenRequest::builder();
    refused(400, "batch", token::new(&client, Some(request.token_type("batch").ttl("10m").period("1h"))).await)?;
    Ok(())
}

pub(crate) async fn token_periodic(server: Server) -> Result<()> {
    let mut request = CreateTokenRequest::builder();
    let made = token::new(&server.root()?, Some(request.policies(names(&["default"])).period("2h"))).await?;
    ensure!(made.lease_duration == 7200, "{made:?}");
    let renewed = server.client(&made.client_token)?.renew(Some("1s")).await?;
    ensure!(renewed.lease_duration == 7200, "{renewed:?}");
    Ok(())
}

pub(crate) async fn token_use_limit(server: Server) -> Result<()> {
    let mut request = CreateTokenRequest::builder();
    let request = request.policies(names(&["default"])).num_uses(2_u64).ttl("10m");
    let made = token::new(&server.root()?, Some(request)).await?;
    let own = server.client(&made.client_token)?;
    ensure!(own.lookup().await?.num_uses == 1);
    own.lookup().await?;
    gone(&server, &made.client_token).await
}

pub(crate) async fn token_lookup(server: Server) -> Result<()> {
    let client = server.root()?;
    let root = client.lookup().await?;
    ensure!(root.expire_time.is_none() && root.ttl == 0 && root.policies == ["root"], "{root:?}");
    let mut request = CreateTokenRequest::builder();
    let made = token::new(&client, Some(request.policies(names(&["default"])).ttl("10m"))).await?;
    let own = server.client(&made.client_token)?.lookup().await?;
    for seen in [token::lookup(&client, &made.client_token).await?, own] {
        ensure!(seen.id == made.client_token && seen.accessor == made.accessor, "{seen:?}");
        ensure!(seen.creation_ttl == 600 && (1..=600).contains(&seen.ttl) && !seen.orphan, "{seen:?}");
        ensure!(seen.expire_time > seen.issue_time && seen.renewable == Some(true), "{seen:?}");
    }
    let held = token::lookup_accessor(&client, &made.accessor).await?;
    ensure!(held.id.is_empty() && held.accessor == made.accessor, "{held:?}");
    let request = ListAccessorRequest::builder().build()?;
    ensure!(api::exec_with_result(&client, request).await?.keys.contains(&made.accessor), "not listed");
    Ok(())
}

pub(crate) async fn token_renewal(server: Server) -> Result<()> {
    let client = server.root()?;
    let mut request = CreateTokenRequest::builder();
    let request = request.policies(names(&["default"])).ttl("10m").explicit_max_ttl("1h");
    let made = token::new(&client, Some(request)).await?;
    let renewed = server.client(&made.client_token)?.renew(Some("30m")).await?;
    ensure!(renewed.lease_duration == 1800 && renewed.accessor == made.accessor, "{renewed:?}");
    ensure!(token::renew(&client, &made.client_token, Some("1200")).await?.lease_duration == 1200);
    let capped = token::renew_accessor(&client, &made.accessor, Some("5h")).await?;
    ensure!((3000..=3600).contains(&capped.lease_duration), "{capped:?}");
    let mut request = CreateTokenRequest::builder();
    let request = request.policies(names(&["default"])).ttl("10m").renewable(false);
    let fixed = token::new(&client, Some(request)).await?.client_token;
    refused(400, "lease is not renewable", server.client(&fixed)?.renew(None).await)?;
    Ok(())
}

pub(crate) async fn token_revocation(server: Server) -> Result<()> {
    let (client, parent) = (server.root()?, server.with_policy(MAKER).await?);
    let child = token::new(&parent, Some(CreateTokenRequest::builder().ttl("10m"))).await?.client_token;
    token::revoke_orphan(&client, &parent.settings().token).await?;
    gone(&server, &parent.settings().token).await?;
    ensure!(server.client(&child)?.lookup().await?.orphan);
    let made = server.stranger().await?;
    token::revoke_accessor(&client, &made.lookup().await?.accessor).await?;
    gone(&server, &made.settings().token).await?;
    server.client(&child)?.revoke().await?;
    gone(&server, &child).await?;
    let again = server.stranger().await?;
    token::revoke(&client, &again.settings().token).await?;
    token::revoke(&client, &again.settings().token).await?;
    gone(&server, &again.settings().token).await
}

pub(crate) async fn token_unknown(server: Server) -> Result<()> {
    let client = server.root()?;
    gone(&server, "hvs.nobody").await?;
    refused(403, "bad token", token::lookup(&client, "hvs.nobody").await).context("by token")?;
    refused(403, "invalid accessor", token::lookup_accessor(&client, "nobody").await).context("by accessor")?;
    Ok(())
}

//! Logins of people and machines, and who is behind them.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use vaultrs::api::ResponseWrapper as _;
use vaultrs::api::auth::approle::requests::{GenerateNewSecretIDRequest, SetAppRoleRequest};
use vaultrs::api::auth::approle::responses::GenerateNewSecretIDResponse;
use vaultrs::api::auth::userpass::requests::CreateUserRequest;
use vaultrs::api::identity::entity::requests::{CreateEntityByNameRequest, UpdateEntityByIdRequest};
use vaultrs::api::identity::group::requests::CreateGroupByNameRequest;
use vaultrs::auth::{approle as machines, userpass as people};
use vaultrs::client::{Client as _, VaultClient};
use vaultrs::identity::{entity, entity_alias, group};
use vaultrs::sys::wrapping;
use vaultrs::{sys, token};

use crate::server::{Server, refused, unique};

const WRONG_PASSWORD: &str = "invalid username or password";
const WRONG_SECRET_ID: &str = "invalid role or secret ID";

/// A new mount of an auth method; gives root's client, the mount's path, and its accessor.
async fn enabled(server: &Server, kind: &str) -> Result<(VaultClient, String, String)> {
    let (client, path) = (server.root()?, unique(kind));
    sys::auth::enable(&client, &path, kind, None).await?;
    let all = sys::auth::list(&client).await?;
    let accessor = all.get(&format!("{path}/")).context("not listed")?.accessor.clone();
    Ok((client, path, accessor))
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|&name| name.to_owned()).collect()
}

pub(crate) async fn userpass(server: Server) -> Result<()> {
    let (client, path, _) = enabled(&server, "userpass").await?;
    let mut request = CreateUserRequest::builder();
    let request = request.token_policies(names(&["default"])).token_ttl("20m");
    people::user::set(&client, &path, "ann", "right", Some(request)).await?;
    let seen = people::user::read(&client, &path, "ann").await?;
    ensure!(seen.token_policies == ["default"] && seen.token_ttl == 1200 && seen.token_type == "default", "{seen:?}");
    ensure!(people::user::list(&client, &path).await?.keys == ["ann"], "another list");
    let nobody = server.client("")?;
    let auth = people::login(&nobody, &path, "ann", "right").await?;
    ensure!(auth.metadata == Some(HashMap::from([("username".to_owned(), "ann".to_owned())])), "{auth:?}");
    ensure!(auth.lease_duration == 1200 && auth.token_policies == ["default"] && auth.orphan, "{auth:?}");
    let seen = server.client(&auth.client_token)?.lookup().await?;
    ensure!(seen.entity_id == auth.entity_id && !seen.entity_id.is_empty(), "{seen:?}");
    for (name, password) in [("ann", "wrong"), ("nobody", "right")] {
        refused(400, WRONG_PASSWORD, people::login(&nobody, &path, name, password).await)?;
    }
    people::user::update_password(&client, &path, "ann", "newer").await?;
    refused(400, WRONG_PASSWORD, people::login(&nobody, &path, "ann", "right").await)?;
    people::user::update_policies(&client, &path, "ann", "default,other").await?;
    let again = people::login(&nobody, &path, "ann", "newer").await?;
    ensure!(again.entity_id == auth.entity_id && again.policies == ["default", "other"], "{again:?}");
    people::user::delete(&client, &path, "ann").await?;
    refused(400, WRONG_PASSWORD, people::login(&nobody, &path, "ann", "newer").await)?;
    refused(404, "", people::user::read(&client, &path, "ann").await)?;
    Ok(())
}

pub(crate) async fn identity_entities(server: Server) -> Result<()> {
    let (client, path, accessor) = enabled(&server, "userpass").await?;
    people::user::set(&client, &path, "ann", "right", None).await?;
    let name = unique("somebody");
    let metadata = HashMap::from([("team".to_owned(), "a".to_owned())]);
    let mut request = CreateEntityByNameRequest::builder();
    let request = request.metadata(metadata.clone()).policies(names(&["reader"]));
    entity::create_or_update_by_name(&client, &name, Some(request)).await?;
    let made = entity::read_by_name(&client, &name).await?;
    let seen = entity::read_by_id(&client, &made.id).await?;
    ensure!(seen.metadata == Some(metadata) && seen.policies == ["reader"] && !seen.disabled, "{seen:?}");
    ensure!(seen.aliases.is_empty() && seen.group_ids.is_empty() && seen.namespace_id == "root", "{seen:?}");
    ensure!(entity::list_by_id(&client).await?.keys.contains(&made.id), "not listed");
    ensure!(entity::list_by_name(&client).await?.keys.contains(&name), "not listed by name");
    let alias = entity_alias::create(&client, "ann", &made.id, &accessor, None).await?;
    let seen = entity_alias::read_by_id(&client, &alias.id).await?;
    ensure!(seen.name == "ann" && seen.mount_type == "userpass" && seen.canonical_id == made.id, "{seen:?}");
    let listed = entity_alias::list_by_id(&client).await?;
    ensure!(listed.key_info.get(&alias.id).is_some_and(|info| info.mount_accessor == accessor), "{listed:?}");
    let auth = people::login(&server.client("")?, &path, "ann", "right").await?;
    ensure!(auth.entity_id == made.id && auth.policies == ["default", "reader"], "{auth:?}");
    let own = server.client(&auth.client_token)?;
    let mut request = UpdateEntityByIdRequest::builder();
    entity::update_by_id(&client, &made.id, Some(request.disabled(true))).await?;
    refused(403, "permission denied", own.lookup().await)?;
    let mut request = UpdateEntityByIdRequest::builder();
    entity::update_by_id(&client, &made.id, Some(request.disabled(false))).await?;
    ensure!(own.lookup().await?.entity_id == made.id, "another entity behind the token");
    entity::delete_by_id(&client, &made.id).await?;
    refused(404, "", entity::read_by_id(&client, &made.id).await)?;
    refused(403, "permission denied", own.lookup().await)?;
    Ok(())
}

pub(crate) async fn identity_groups(server: Server) -> Result<()> {
    let (client, path, _) = enabled(&server, "userpass").await?;
    people::user::set(&client, &path, "ann", "right", None).await?;
    let auth = people::login(&server.client("")?, &path, "ann", "right").await?;
    let (name, around) = (unique("team"), unique("all"));
    let mut request = CreateGroupByNameRequest::builder();
    let request = request.policies(names(&["team"])).member_entity_ids(names(&[&auth.entity_id]));
    group::create_or_update_by_name(&client, &name, Some(request)).await?;
    let team = group::read_by_name(&client, &name).await?;
    ensure!(team.group_type == "internal" && team.member_entity_ids == Some(names(&[&auth.entity_id])), "{team:?}");
    let mut request = CreateGroupByNameRequest::builder();
    let request = request.policies(names(&["all"])).member_group_ids(names(&[&team.id]));
    group::create_or_update_by_name(&client, &around, Some(request)).await?;
    let around = group::read_by_name(&client, &around).await?;
    let seen = group::read_by_id(&client, &team.id).await?;
    ensure!(seen.parent_group_ids == Some(names(&[&around.id])), "{seen:?}");
    ensure!(group::list_by_name(&client).await?.keys.contains(&name), "not listed");
    let seen = entity::read_by_id(&client, &auth.entity_id).await?;
    ensure!(
        seen.direct_group_ids == [team.id.as_str()] && seen.inherited_group_ids == [around.id.as_str()],
        "{seen:?}"
    );
    group::delete_by_id(&client, &team.id).await?;
    ensure!(entity::read_by_id(&client, &auth.entity_id).await?.group_ids.is_empty(), "still in a group");
    Ok(())
}

pub(crate) async fn identity_merge(server: Server) -> Result<()> {
    let (client, path, _) = enabled(&server, "userpass").await?;
    let (_, other, _) = enabled(&server, "userpass").await?;
    let mut behind = Vec::new();
    for (path, name) in [(&path, "ann"), (&path, "anna"), (&other, "ann")] {
        people::user::set(&client, path, name, "right", None).await?;
        behind.push(people::login(&server.client("")?, path, name, "right").await?.entity_id);
    }
    let [stays, conflicting, goes] = behind.try_into().ok().context("three logins")?;
    refused(400, "", entity::merge(&client, vec![conflicting], stays.clone(), None).await)?;
    entity::merge(&client, vec![goes.clone()], stays.clone(), None).await?;
    let seen = entity::read_by_id(&client, &stays).await?;
    ensure!(seen.merged_entity_ids == Some(vec![goes.clone()]) && seen.aliases.len() == 2, "{seen:?}");
    refused(404, "", entity::read_by_id(&client, &goes).await)?;
    ensure!(people::login(&server.client("")?, &other, "ann", "right").await?.entity_id == stays, "another entity");
    Ok(())
}

pub(crate) async fn approle(server: Server) -> Result<()> {
    let (client, path, _) = enabled(&server, "approle").await?;
    let mut request = SetAppRoleRequest::builder();
    let request = request.token_policies(names(&["default"])).token_ttl("20m").secret_id_num_uses(40u64);
    machines::role::set(&client, &path, "shop", Some(request.secret_id_ttl("1h"))).await?;
    let seen = machines::role::read(&client, &path, "shop").await?;
    ensure!(seen.token_policies == ["default"] && seen.token_ttl == 1200 && seen.bind_secret_id, "{seen:?}");
    ensure!(seen.secret_id_num_uses == 40 && seen.secret_id_ttl == 3600, "{seen:?}");
    ensure!(machines::role::list(&client, &path).await?.keys == ["shop"], "another list");
    let (drawn, chosen) = (machines::role::read_id(&client, &path, "shop").await?.role_id, unique("shop"));
    machines::role::update_id(&client, &path, "shop", &chosen).await?;
    ensure!(machines::role::read_id(&client, &path, "shop").await?.role_id == chosen, "another role id");
    let issued = machines::role::secret::generate(&client, &path, "shop", None).await?;
    ensure!(issued.secret_id_ttl == 3600, "{issued:?}");
    let nobody = server.client("")?;
    let auth = machines::login(&nobody, &path, &chosen, &issued.secret_id).await?;
    ensure!(auth.lease_duration == 1200 && auth.renewable && !auth.entity_id.is_empty(), "{auth:?}");
    ensure!(auth.metadata == Some(HashMap::from([("role_name".to_owned(), "shop".to_owned())])), "{auth:?}");
    let own = server.client(&auth.client_token)?;
    ensure!(token::renew_self(&own, None).await?.lease_duration == 1200, "another time");
    refused(400, WRONG_SECRET_ID, machines::login(&nobody, &path, &drawn, &issued.secret_id).await)?;
    refused(400, WRONG_SECRET_ID, machines::login(&nobody, &path, &chosen, &drawn).await)?;
    refused(400, "missing secret_id", machines::login(&nobody, &path, &chosen, "").await)?;
    machines::role::delete(&client, &path, "shop").await?;
    refused(404, "", machines::role::read(&client, &path, "shop").await)?;
    refused(400, WRONG_SECRET_ID, machines::login(&nobody, &path, &chosen, &issued.secret_id).await)?;
    Ok(())
}

pub(crate) async fn approle_secret_ids(server: Server) -> Result<()> {
    use machines::role::secret;
    let (client, path, _) = enabled(&server, "approle").await?;
    let mut request = SetAppRoleRequest::builder();
    machines::role::set(&client, &path, "shop", Some(request.secret_id_num_uses(1u64))).await?;
    let role_id = machines::role::read_id(&client, &path, "shop").await?.role_id;
    let mut request = GenerateNewSecretIDRequest::builder();
    let request = request.metadata(r#"{"host":"web-1"}"#).cidr_list(names(&["127.0.0.0/8"]));
    let first = secret::generate(&client, &path, "shop", Some(request)).await?;
    ensure!(secret::list(&client, &path, "shop").await?.keys == [first.secret_id_accessor.as_str()], "other accessors");
    let seen = secret::read(&client, &path, "shop", &first.secret_id).await?;
    let metadata = HashMap::from([("host".to_owned(), "web-1".to_owned())]);
    ensure!(seen.metadata == Some(metadata) && seen.cidr_list == ["127.0.0.0/8"], "{seen:?}");
    ensure!(seen.secret_id_num_uses == 1 && seen.expiration_time == "0001-01-01T00:00:00Z", "{seen:?}");
    let by_accessor = secret::read_accessor(&client, &path, "shop", &first.secret_id_accessor).await?;
    ensure!(format!("{by_accessor:?}") == format!("{seen:?}"), "{by_accessor:?}");
    let nobody = server.client("")?;
    machines::login(&nobody, &path, &role_id, &first.secret_id).await?;
    refused(400, WRONG_SECRET_ID, machines::login(&nobody, &path, &role_id, &first.secret_id).await)?;
    let custom = secret::custom(&client, &path, "shop", "of-my-choice", None).await?;
    ensure!(custom.secret_id == "of-my-choice", "{custom:?}");
    secret::delete_accessor(&client, &path, "shop", &custom.secret_id_accessor).await?;
    refused(400, WRONG_SECRET_ID, machines::login(&nobody, &path, &role_id, "of-my-choice").await)?;
    let missing = "failed to find accessor entry for secret_id_accessor";
    refused(404, missing, secret::read_accessor(&client, &path, "shop", &custom.secret_id_accessor).await)?;
    let third = secret::generate(&client, &path, "shop", None).await?;
    secret::delete(&client, &path, "shop", &third.secret_id).await?;
    refused(400, WRONG_SECRET_ID, machines::login(&nobody, &path, &role_id, &third.secret_id).await)?;
    Ok(())
}

pub(crate) async fn approle_wrapped(server: Server) -> Result<()> {
    let (client, path, _) = enabled(&server, "approle").await?;
    let mut request = SetAppRoleRequest::builder();
    machines::role::set(&client, &path, "kong", Some(request.secret_id_num_uses(1u64))).await?;
    let role_id = machines::role::read_id(&client, &path, "kong").await?.role_id;
    let request = GenerateNewSecretIDRequest::builder().mount(&*path).role_name("kong").build()?;
    let info = request.wrap(&client).await?.info;
    ensure!(info.creation_path == format!("auth/{path}/role/kong/secret-id"), "{info:?}");
    let holder = server.client(&info.token)?;
    let opened: GenerateNewSecretIDResponse = wrapping::unwrap(&holder, None).await?;
    let nobody = server.client("")?;
    machines::login(&nobody, &path, &role_id, &opened.secret_id).await?;
    refused(400, WRONG_SECRET_ID, machines::login(&nobody, &path, &role_id, &opened.secret_id).await)?;
    let again = wrapping::unwrap::<GenerateNewSecretIDResponse>(&holder, None).await;
    refused(400, "wrapping token is not valid or does not exist", again)?;
    Ok(())
}

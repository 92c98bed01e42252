//! Logging in with the token of a service account, and what a renewal asks.
//!
//! What the token says of itself decides whether the cluster is asked at all; the cluster's word decides whether it is true.

use std::collections::BTreeMap;

use framework::terms::TokenTerms;
use framework::{Alias, Context, Error, Login, Path, Renewing, Reply, fields, glob};
use secret::{Secret, SecretString};
use serde::{Deserialize, Serialize};

use super::Kubernetes;
use super::cluster::Cluster;
use super::entry::{AliasSource, CONFIG, ConfigEntry, RoleEntry, find_config, find_role, role_place};
use super::selector::Selector;
use super::token::Account;
use crate::names;

/// Annotations whose names begin like this become metadata of the alias, without it (documented Vault behavior).
const ANNOTATION: &str = "vault.hashicorp.com/alias-metadata-";
/// How much of them is kept: pairs, and bytes of a key and a value.
const ANNOTATIONS_MAX: usize = 32;
const ANNOTATION_KEY_BYTES_MAX: usize = 128;
const ANNOTATION_VALUE_BYTES_MAX: usize = 512;

/// What is noted of a login.
#[derive(Serialize, Deserialize)]
struct Note {
    role: String,
}

fields! {
    /// A pod that wants in.
    struct Enter {
        /// The token of its service account.
        jwt: Option<Secret<String>> => secret,
        /// Name of the role.
        role: Option<String>,
    }
}

fields! {
    /// Names a role.
    struct ByRole {
        /// Name of the role.
        role: Option<String>,
    }
}

pub(super) fn path() -> Path<Kubernetes> {
    Path::new("login", "Log in with the token of a service account.")
        .unauthenticated()
        .role::<ByRole>(role)
        .update(enter, "Log in.")
}

async fn role(_: &Kubernetes, context: &Context, input: ByRole) -> Result<Option<String>, Error> {
    let Some(name) = input.role.and_then(|name| names::check("role", &name).ok()) else { return Ok(None) };
    Ok(context.view.get(&role_place(&name)).await?.map(|_| name))
}

async fn enter(method: &Kubernetes, context: &Context, input: Enter) -> Result<Reply, Error> {
    let asked = input.role.filter(|name| !name.is_empty()).ok_or_else(|| Error::invalid("missing role"))?;
    let token = input.jwt.map(|jwt| SecretString::new(jwt.expose().trim().to_owned()));
    let token = token.filter(|token| !token.expose().is_empty()).ok_or_else(|| Error::invalid("missing jwt"))?;
    let unknown = || Error::invalid("invalid role name");
    let name = names::check("role", &asked).map_err(|_| unknown())?;
    let found = find_role(&context.view, &name).await?;
    let (role, stored) = found.ok_or_else(|| Error::Invalid(format!("invalid role name \"{name}\"").into()))?;
    let found = find_config(&context.view).await?;
    let (config, stored_config) = found.ok_or_else(|| Error::invalid("could not load backend configuration"))?;

    let now = context.now().unix_secs();
    let account = Account::of(token.expose(), &config, &role.audience, now).ok_or(Error::Denied)?;
    if !glob::matches_any(&role.names, &account.name) {
        return Err(Error::DeniedBecause("service account name not authorized".into()));
    }
    let is_of_namespace = glob::matches_any(&role.namespaces, &account.namespace);
    if !is_of_namespace && role.namespace_selector.is_empty() {
        return Err(no_namespace());
    }
    let files = if config.disables_local { Default::default() } else { method.local.files(context).await };
    let reviewer = Some(config.reviewer_jwt.clone()).filter(|jwt| !jwt.is_empty()).map(SecretString::new);
    let reviewer = reviewer.or(files.token.filter(|_| method.local.is_own_cluster(&config.host)));
    let ca_cert = if config.ca_cert.is_empty() { files.ca_cert.unwrap_or_default() } else { config.ca_cert.clone() };
    let asker = reviewer.as_ref().unwrap_or(&token);
    let cluster = method.clusters.at(&config.host, &ca_cert, asker, reviewer.is_none());
    cluster.review(&token, &account, &role.audience).await?;
    // The labels are asked for after the token is known to be good: strangers cannot make the server ask.
    if !is_of_namespace {
        let labels = cluster.labels(&account.namespace).await?;
        if !Selector::parse(&role.namespace_selector)?.admits(&labels) {
            return Err(no_namespace());
        }
    }
    let alias = alias(&config, &role, &account, &cluster).await?;
    let login = login(&name, role, &account, alias)?;
    let login = login.decided_from(&context.view, &role_place(&name), &stored.value)?;
    // What another cluster has said counts no more when the mount has been told to ask this one.
    Ok(login.decided_from(&context.view, CONFIG, &stored_config.value)?.into())
}

fn no_namespace() -> Error {
    Error::DeniedBecause("namespace not authorized".into())
}

fn about(account: &Account) -> BTreeMap<String, String> {
    let known = [
        ("service_account_name", &account.name),
        ("service_account_namespace", &account.namespace),
        ("service_account_secret_name", &account.secret_name),
        ("service_account_uid", &account.uid),
    ];
    known.into_iter().map(|(key, value)| (key.to_owned(), value.clone())).collect()
}

async fn alias(
    config: &ConfigEntry,
    role: &RoleEntry,
    account: &Account,
    cluster: &Cluster<'_>,
) -> Result<Alias, Error> {
    let mut metadata = about(account);
    if config.uses_annotations {
        let annotations = cluster.annotations(account).await?.into_iter();
        let ours = annotations.filter_map(|(key, value)| Some((key.strip_prefix(ANNOTATION)?.to_owned(), value)));
        let fitting = ours.filter(|(key, value)| {
            let is_long = key.len() > ANNOTATION_KEY_BYTES_MAX || value.len() > ANNOTATION_VALUE_BYTES_MAX;
            // What the token says of the account cannot be overwritten by whoever annotates it.
            !key.is_empty() && !is_long && !metadata.contains_key(key)
        });
        let kept: Vec<_> = fitting.take(ANNOTATIONS_MAX).collect();
        metadata.extend(kept);
    }
    let name = match role.alias_source {
        AliasSource::Uid => account.uid.clone(),
        AliasSource::Name => format!("{}/{}", account.namespace, account.name),
    };
    Ok(Alias { name, metadata: Some(metadata) })
}

fn login(name: &str, role: RoleEntry, account: &Account, alias: Alias) -> Result<Login, Error> {
    let login = Login::new("", role.terms, &Note { role: name.to_owned() })?;
    let display_name = format!("{}-{}", account.namespace, account.name);
    let login = Login { alias: Some(alias), display_name, metadata: about(account), ..login };
    Ok(login.with_metadata("role", name).with_role(name))
}

/// A role that is gone does not keep its tokens alive.
pub(super) async fn renew(_: &Kubernetes, context: &Context, renewing: Renewing) -> Result<TokenTerms, Error> {
    let Note { role: name } = renewing.data()?;
    let found = find_role(&context.view, &name).await?;
    let (role, _) =
        found.ok_or_else(|| Error::Invalid(format!("role {name:?} does not exist during renewal").into()))?;
    Ok(role.terms)
}

//! The organization and the client that the engine works with: written, and shown without the secret. What a write leaves
//! out stays as it was.

use std::time::Duration;

use framework::input::Nothing;
use framework::view::encode;
use framework::{Context, Error, Path, Reply, fields, retry, rotation};
use outbound::{Url, parse_url};
use secret::Secret;
use serde_json::json;

use super::Genesys;
use super::entry::{CONFIG, ConfigEntry, find};
use super::region;
use super::role_divisions::is_id;
use super::root::ROTATION;

/// Further tries of a call when nobody says, and the most.
const RETRIES: u32 = 3;
const RETRIES_MAX: u32 = 10;
/// For how long a call is waited for when nobody says, and the bounds.
const TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT_MIN: Duration = Duration::from_secs(1);
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// What the names of clients begin with when nobody says, and the longest such text, in bytes.
const NAME_PREFIX: &str = "vault";
const NAME_PREFIX_BYTES_MAX: usize = 32;
/// The longest secret, in bytes.
const SECRET_BYTES_MAX: usize = 1_024;

fields! {
    /// The organization. What is absent stays as it was.
    struct Settings {
        /// The organization's region, as an AWS region or its domain. In place of the URLs.
        region: Option<String>,
        /// Where the API is, such as `https://api.mypurecloud.com`. With login_url in place of the region.
        api_url: Option<String>,
        /// Where logins are, such as `https://login.mypurecloud.com`.
        login_url: Option<String>,
        /// The OAuth client that the engine works with: one for client credentials, whose roles may view, add, edit and delete OAuth clients, and which holds every role that it is to give.
        client_id: Option<String>,
        /// Its secret; never shown.
        client_secret: Option<Secret<String>> => secret,
        /// How often a call is tried again that was refused for the rate limit, or failed without harm; 3 by default, at most 10.
        max_retries: Option<u32>,
        /// How long one call may take, from 1 to 60 seconds; 30 by default.
        request_timeout: Option<Duration>,
        /// What the names of clients begin with that the engine makes; vault by default.
        name_prefix: Option<String>,
    }
}

pub(super) fn path() -> Path<Genesys> {
    Path::new("config", "The organization, and the client that the engine works with.")
        .read(read, "Show it, without the secret.")
        .update(write, "Set it; what is left out stays as it was.")
        .delete(delete, "Forget it.")
}

async fn read(_: &Genesys, context: &Context, _: Nothing) -> Result<Reply, Error> {
    let (config, _) = find::<ConfigEntry>(&context.view, CONFIG).await?.ok_or(Error::NotFound)?;
    Ok(Reply::data(json!({
        "region": config.region,
        "api_url": config.api_url,
        "login_url": config.login_url,
        "client_id": config.client_id,
        "client_secret_set": !config.client_secret.is_empty(),
        "max_retries": config.retries_max,
        "request_timeout": config.timeout_secs,
        "name_prefix": config.name_prefix,
    })))
}

async fn write(_: &Genesys, context: &Context, input: Settings) -> Result<Reply, Error> {
    let secret = input.client_secret.as_ref().map(|secret| secret.expose().trim().to_owned());
    retry!(_ => {
        let found = find::<ConfigEntry>(&context.view, CONFIG).await?;
        let (before, known) = found.map(|(entry, stored)| (entry, stored.revision())).unzip();
        let entry = changed(before.unwrap_or_else(fresh), &input, secret.clone())?;
        context.view.changes().put(CONFIG, known, encode(&entry)?).commit().await?;
        Ok(Reply::empty())
    })
}

async fn delete(_: &Genesys, context: &Context, _: Nothing) -> Result<Reply, Error> {
    retry!(_ => {
        if let Some(stored) = context.view.get(CONFIG).await? {
            let changes = context.view.changes().delete(CONFIG, stored.revision());
            rotation::forget(context, ROTATION, changes).await?.commit().await?;
        }
        Ok(())
    })?;
    Ok(Reply::empty())
}

fn fresh() -> ConfigEntry {
    ConfigEntry {
        v: 1,
        region: String::new(),
        api_url: String::new(),
        login_url: String::new(),
        client_id: String::new(),
        client_secret: String::new(),
        retries_max: RETRIES,
        timeout_secs: TIMEOUT.as_secs(),
        name_prefix: NAME_PREFIX.to_owned(),
        handover: None,
    }
}

fn changed(mut entry: ConfigEntry, input: &Settings, secret: Option<String>) -> Result<ConfigEntry, Error> {
    let before = (entry.api_url.clone(), entry.login_url.clone());
    let (region, urls) = (input.region.as_deref(), (input.api_url.as_deref(), input.login_url.as_deref()));
    match (region.map(str::trim).filter(|region| !region.is_empty()), urls) {
        (Some(_), (Some(_), _) | (_, Some(_))) => {
            return Err(Error::invalid("give a region, or api_url and login_url, and not both"));
        }
        (Some(region), _) => {
            let text = || Error::Invalid(format!("region must be one of {}, or its domain", region::keys()).into());
            (entry.api_url, entry.login_url) = region::urls(region).ok_or_else(text)?;
            region.clone_into(&mut entry.region);
        }
        (None, (None, None)) => {}
        (None, (api, login)) => {
            for (text, field) in [(api, &mut entry.api_url), (login, &mut entry.login_url)] {
                if let Some(text) = text {
                    *field = checked_url(text)?;
                }
            }
            entry.region.clear();
        }
    }
    if entry.api_url.is_empty() || entry.login_url.is_empty() {
        return Err(Error::invalid("give a region, or both api_url and login_url"));
    }
    // Whoever may write the configuration may not read the secret, and must not have it sent elsewhere.
    let is_moved = before != (entry.api_url.clone(), entry.login_url.clone());
    if is_moved && !entry.client_secret.is_empty() && secret.as_ref().is_none_or(String::is_empty) {
        return Err(Error::invalid(
            "another region or URL needs client_secret again: the one that is stored stays where it is",
        ));
    }
    if let Some(id) = &input.client_id {
        id.trim().clone_into(&mut entry.client_id);
    }
    if let Some(secret) = secret.filter(|secret| !secret.is_empty()) {
        (entry.client_secret, entry.handover) = (secret, None);
    }
    if !is_id(&entry.client_id) {
        return Err(Error::invalid("client_id must be the id of an OAuth client"));
    }
    if entry.client_secret.is_empty() || entry.client_secret.len() > SECRET_BYTES_MAX {
        return Err(Error::invalid("client_secret must be given"));
    }
    entry.retries_max = input.max_retries.unwrap_or(entry.retries_max);
    if entry.retries_max > RETRIES_MAX {
        return Err(Error::Invalid(format!("max_retries is at most {RETRIES_MAX}").into()));
    }
    let timeout = input.request_timeout.unwrap_or(Duration::from_secs(entry.timeout_secs));
    if !(TIMEOUT_MIN..=TIMEOUT_MAX).contains(&timeout) {
        let (min, max) = (TIMEOUT_MIN.as_secs(), TIMEOUT_MAX.as_secs());
        return Err(Error::Invalid(format!("request_timeout must be {min} to {max} seconds").into()));
    }
    entry.timeout_secs = timeout.as_secs();
    if let Some(prefix) = &input.name_prefix {
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if prefix.is_empty() || prefix.len() > NAME_PREFIX_BYTES_MAX || !prefix.bytes().all(is_fine) {
            let text = format!("name_prefix has 1 to {NAME_PREFIX_BYTES_MAX} letters, digits, '-' or '_'");
            return Err(Error::Invalid(text.into()));
        }
        prefix.clone_into(&mut entry.name_prefix);
    }
    Ok(entry)
}

/// A URL without a slash at its end. What goes there is worth a TLS connection, but on this machine.
fn checked_url(text: &str) -> Result<String, Error> {
    let text = text.trim().trim_end_matches('/');
    let is_local = |url: &Url| matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    let url = parse_url(text).ok().filter(|url| url.query().is_none() && url.fragment().is_none());
    match url {
        Some(url) if url.scheme() == "https" || is_local(&url) => Ok(text.to_owned()),
        _ => Err(Error::invalid(
            "api_url and login_url must be URLs of https, without a query; of http for localhost alone",
        )),
    }
}

//! Where the API is, and the token that makes the others: written, and never shown.

use std::time::Duration;

use framework::input::Nothing;
use framework::view::encode;
use framework::{Context, Error, Path, Reply, fields, retry};
use outbound::parse_url;
use secret::Secret;
use serde_json::{Value, json};

use super::Terraform;
use super::entry::{CONFIG, ConfigEntry, Owner, find_config};

/// Where HCP Terraform is, unless something else is written (documented defaults).
const ADDRESS: &str = "https://app.terraform.io";
const BASE_PATH: &str = "/api/v2/";
/// The longest address, path and token, in bytes.
const TEXT_BYTES_MAX: usize = 2_048;

fields! {
    /// The API; what is absent stays as it is.
    struct Settings {
        /// Where Terraform Cloud or Enterprise is, a URL. https://app.terraform.io as long as nothing else is written.
        address: Option<String>,
        /// The path of its API; /api/v2/ as long as nothing else is written.
        base_path: Option<String>,
        /// How long a root token lives that a rotation makes; zero for no end.
        explicit_max_ttl: Option<Duration>,
        /// The token that makes the others: of a user, a team or an organization.
        token: Option<Secret<String>> => secret,
    }
}

pub(super) fn path() -> Path<Terraform> {
    Path::new("config", "The API, and the token that it is asked with.")
        .exists(exists)
        .read(read, "Show the API without the token.")
        .update(write, "Set the API and the token.")
        .delete(delete, "Forget the API and the token.")
}

async fn exists(_: &Terraform, context: &Context, _: Nothing) -> Result<bool, Error> {
    Ok(context.view.get(CONFIG).await?.is_some())
}

async fn read(_: &Terraform, context: &Context, _: Nothing) -> Result<Reply, Error> {
    let (config, _) = find_config(&context.view).await?.ok_or(Error::NotFound)?;
    let mut shown = json!({ "address": config.address, "base_path": config.base_path });
    if config.explicit_max_ttl_secs > 0 {
        shown["explicit_max_ttl"] = json!(config.explicit_max_ttl_secs);
    }
    for (name, value) in rotated(&config) {
        shown[name] = value;
    }
    Ok(Reply::data(shown))
}

/// What is known of a token that was rotated here.
pub(super) fn rotated(config: &ConfigEntry) -> Vec<(&'static str, Value)> {
    let Some((owner, time)) = config.owner.as_ref().zip(config.rotated) else { return Vec::new() };
    let of = match owner {
        Owner::User(_) => "user",
        Owner::Organization(_) => "organization",
        Owner::Team(_) | Owner::TeamLegacy(_) => "team",
    };
    vec![("token_owner_type", json!(of)), ("owner_id", json!(owner.id())), ("last_vault_rotation", json!(time))]
}

async fn write(_: &Terraform, context: &Context, input: Settings) -> Result<Reply, Error> {
    let address = input.address.as_deref().map(checked_address).transpose()?;
    let base_path = input.base_path.as_deref().map(checked_base_path).transpose()?;
    let token = input.token.map(|token| checked_token(token.expose())).transpose()?;
    retry!(_ => {
        let found = find_config(&context.view).await?;
        let known = found.as_ref().map(|(_, stored)| stored.revision());
        let mut config = found.map_or_else(fresh, |(config, _)| config);
        let before = (config.address.clone(), config.base_path.clone());
        for (given, kept) in [(&address, &mut config.address), (&base_path, &mut config.base_path)] {
            if let Some(text) = given {
                text.clone_into(kept);
            }
        }
        if let Some(lasts) = input.explicit_max_ttl {
            config.explicit_max_ttl_secs = lasts.as_secs();
        }
        let is_moved = before != (config.address.clone(), config.base_path.clone());
        // Whoever may write here may not read the token, and must not learn it by having it sent elsewhere.
        if is_moved && token.is_none() && !config.token.is_empty() {
            return Err(Error::invalid("a new address or base_path needs the token along").into());
        }
        if let Some(token) = &token {
            token.clone_into(&mut config.token);
            (config.token_id, config.owner, config.rotated) = (String::new(), None, None);
        }
        context.view.changes().put(CONFIG, known, encode(&config)?).commit().await?;
        Ok(Reply::empty())
    })
}

async fn delete(_: &Terraform, context: &Context, _: Nothing) -> Result<Reply, Error> {
    retry!(_ => {
        let Some(stored) = context.view.get(CONFIG).await? else { return Ok(Reply::empty()) };
        context.view.changes().delete(CONFIG, stored.revision()).commit().await?;
        Ok(Reply::empty())
    })
}

fn fresh() -> ConfigEntry {
    ConfigEntry {
        v: 1,
        token: String::new(),
        token_id: String::new(),
        address: ADDRESS.to_owned(),
        base_path: BASE_PATH.to_owned(),
        explicit_max_ttl_secs: 0,
        owner: None,
        rotated: None,
    }
}

/// An address without a slash at its end. The token leaves this machine over TLS alone.
fn checked_address(text: &str) -> Result<String, Error> {
    let text = match text.trim().trim_end_matches('/') {
        "" => ADDRESS,
        text => text,
    };
    let url = parse_url(text).ok().filter(|url| text.len() <= TEXT_BYTES_MAX && url.query().is_none());
    let url = url.filter(|url| url.fragment().is_none());
    let url = url.ok_or_else(|| Error::invalid("address must be a URL of https without a query"))?;
    let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() != "https" && !is_here {
        return Err(Error::invalid("address must be of https: the token would be sent in clear"));
    }
    Ok(text.to_owned())
}

fn checked_base_path(text: &str) -> Result<String, Error> {
    let middle = text.trim().trim_matches('/');
    let is_sound = middle.bytes().all(|it| it.is_ascii_alphanumeric() || b"/-._~".contains(&it));
    let is_climbing = middle.split('/').any(|part| matches!(part, "." | ".."));
    if !is_sound || is_climbing || text.len() > TEXT_BYTES_MAX {
        return Err(Error::invalid("base_path must be a path of letters, digits, '-', '.', '_' and '~'"));
    }
    Ok(match middle {
        "" if text.trim().is_empty() => BASE_PATH.to_owned(),
        "" => "/".to_owned(),
        middle => format!("/{middle}/"),
    })
}

fn checked_token(text: &str) -> Result<String, Error> {
    let text = text.trim();
    if text.is_empty() || text.len() > TEXT_BYTES_MAX || !text.bytes().all(|it| it.is_ascii_graphic()) {
        return Err(Error::invalid("token must be a token: letters and digits without spaces"));
    }
    Ok(text.to_owned())
}

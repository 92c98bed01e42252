//! What an operator does to a new server: initialize it, unseal it, seal it.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::http::Client;

/// What initialization gave out, for one share.
#[derive(Clone)]
pub struct Keys {
    /// The one unseal key, in hex.
    pub unseal_key: String,
    /// The first token.
    pub root_token: String,
}

/// Initializes with one share.
///
/// # Errors
/// When the server refuses, or the reply lacks a field.
pub fn initialize(client: &mut Client) -> Result<Keys> {
    let parameters = json!({"secret_shares": 1, "secret_threshold": 1});
    let reply = client.expect(200, "PUT", "/v1/sys/init", Some(&parameters))?.json()?;
    Ok(Keys { unseal_key: text(&reply, "/keys/0")?, root_token: text(&reply, "/root_token")? })
}

/// Unseals with the one share.
///
/// # Errors
/// When the server stays sealed.
pub fn unseal(client: &mut Client, keys: &Keys) -> Result<()> {
    let reply = client.expect(200, "PUT", "/v1/sys/unseal", Some(&json!({"key": keys.unseal_key})))?.json()?;
    ensure!(reply["sealed"] == json!(false), "still sealed: {reply}");
    Ok(())
}

/// The string at this JSON pointer.
///
/// # Errors
/// When there is none.
pub fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("no text at {pointer}"))?.to_owned())
}

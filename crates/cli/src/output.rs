//! Prints what the server answers: as tables for people, as JSON or YAML for programs, or one field alone.

use std::collections::BTreeSet;

use api::reply::{Auth, Envelope, WrapInfo};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::help::wrap;
use crate::session::Session;
use crate::{Failure, table, yaml};

/// The columns of warnings.
const WIDTH: usize = 78;

/// How output looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    Table,
    Json,
    Yaml,
    /// What came over the wire, untouched.
    Raw,
}

impl Format {
    pub fn parse(name: &str) -> Result<Self, Failure> {
        match name.to_ascii_lowercase().as_str() {
            // Elsewhere, pretty is a table of one kind of reply that this server has none of.
            "table" | "pretty" | "" => Ok(Self::Table),
            "json" => Ok(Self::Json),
            "yaml" | "yml" => Ok(Self::Yaml),
            "raw" => Ok(Self::Raw),
            _ => Err(Failure::usage("Invalid output format: expected table, json, yaml or raw")),
        }
    }
}

/// Prints a reply, or the field of it that was asked for.
pub(crate) fn print_reply(session: &mut Session<'_>, reply: &Envelope) -> Result<u8, Failure> {
    if let Some(name) = session.args.text("field").map(str::to_owned) {
        return print_field(session, &name, field_of(reply, &name));
    }
    if session.format != Format::Table {
        return print_structure(session, reply);
    }
    warn(session, reply);
    let rows = rows_of(reply);
    if !rows.is_empty() {
        session.terminal.out(&table::with_header(&["Key", "Value"], rows))?;
    }
    Ok(0)
}

/// Prints a wrapped reply; what a command would have shown of it can be seen only by whoever unwraps it. `None` if it
/// is not wrapped.
pub(crate) fn print_wrapped(session: &mut Session<'_>, reply: Option<&Envelope>) -> Result<Option<u8>, Failure> {
    reply.filter(|reply| reply.wrap_info.is_some()).map(|reply| print_reply(session, reply)).transpose()
}

/// Prints the entries of an object.
pub(crate) fn print_map(session: &mut Session<'_>, map: &Map<String, Value>) -> Result<u8, Failure> {
    if session.format != Format::Table {
        return print_structure(session, map);
    }
    if !map.is_empty() {
        let rows = map.iter().map(|(key, value)| data_row(key, value)).collect();
        session.terminal.out(&table::with_header(&["Key", "Value"], rows))?;
    }
    Ok(0)
}

/// Prints the `keys` of a list reply.
pub(crate) fn print_keys(session: &mut Session<'_>, path: &str, reply: Option<&Envelope>) -> Result<u8, Failure> {
    let keys = reply.and_then(|reply| reply.data.as_ref()).and_then(|data| data.get("keys")).and_then(Value::as_array);
    let Some(keys) = keys else {
        if session.format != Format::Table {
            print_structure(session, &Map::new())?;
            return Err(Failure::absent(""));
        }
        if let Some(reply) = reply {
            warn(session, reply);
        }
        return Err(Failure::absent(format!("No value found at {path}")));
    };
    if is_detailed(session)
        && let Some(reply) = reply
    {
        return print_detailed(session, reply, keys);
    }
    if let Some(reply) = reply.filter(|_| session.format == Format::Table) {
        warn(session, reply);
    }
    print_list(session, keys)
}

/// Whether a list is wanted with what is known about each name.
pub(crate) fn is_detailed(session: &Session<'_>) -> bool {
    let is_on = |(_, value): (String, String)| matches!(value.to_ascii_lowercase().as_str(), "1" | "t" | "true");
    let from_env = || client::variable(&session.terminal.env, "DETAILED").is_some_and(is_on);
    session.args.switch("detailed").unwrap_or_else(from_env)
}

/// Prints a list with what the server tells about each name in `key_info`. Programs get the whole reply.
fn print_detailed(session: &mut Session<'_>, reply: &Envelope, keys: &[Value]) -> Result<u8, Failure> {
    if session.format != Format::Table {
        return print_structure(session, reply);
    }
    warn(session, reply);
    let infos = reply.data.as_ref().and_then(|data| data.get("key_info")).and_then(Value::as_object);
    let Some(infos) = infos.filter(|infos| !infos.is_empty()) else { return print_list(session, keys) };
    let info = |name: &str| infos.get(name).and_then(Value::as_object);
    let titles: BTreeSet<&str> =
        infos.values().filter_map(Value::as_object).flat_map(|info| info.keys()).map(String::as_str).collect();
    let mut names: Vec<String> = keys.iter().map(display).collect();
    names.sort();
    let row = |name: String| {
        let info = info(&name);
        let cells = titles.iter().map(|title| {
            let value = info.and_then(|info| info.get(*title)).filter(|value| !value.is_null());
            value.map(display).unwrap_or_default()
        });
        let cells: Vec<_> = cells.collect();
        [vec![name], cells].concat()
    };
    let header: Vec<&str> = std::iter::once("Keys").chain(titles.iter().copied()).collect();
    session.terminal.out(&table::with_header(&header, names.into_iter().map(row).collect()))?;
    Ok(0)
}

/// Prints texts, one to a line, under the header that lists have.
pub(crate) fn print_list(session: &mut Session<'_>, items: &[Value]) -> Result<u8, Failure> {
    if session.format != Format::Table {
        return print_structure(session, items);
    }
    if !items.is_empty() {
        let mut names: Vec<String> = items.iter().map(display).collect();
        names.sort();
        session.terminal.out(&table::with_header(&["Keys"], names.into_iter().map(|name| vec![name]).collect()))?;
    }
    Ok(0)
}

/// Prints anything as JSON or YAML.
pub(crate) fn print_structure<T: Serialize + ?Sized>(session: &mut Session<'_>, value: &T) -> Result<u8, Failure> {
    // What is printed came as JSON, so it has a form in JSON.
    let broken = |error: serde_json::Error| Failure::usage(format!("Could not print it: {error}"));
    let text = match session.format {
        Format::Yaml => yaml::to_string(&serde_json::to_value(value).map_err(broken)?),
        _ => api::json::to_string_pretty(value).map_err(broken)?,
    };
    session.terminal.out(&text)?;
    Ok(0)
}

/// Prints one field alone; without a newline unless to a terminal, so that it can be used as it is.
pub(crate) fn print_field(session: &mut Session<'_>, name: &str, value: Option<Value>) -> Result<u8, Failure> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Err(Failure::usage(format!("Field \"{name}\" not present in secret")));
    };
    let text = match session.format {
        Format::Table | Format::Raw => display(&value),
        Format::Yaml => yaml::to_string(&value),
        Format::Json => value_text(&value)?,
    };
    session.terminal.raw(text.as_bytes())?;
    Ok(0)
}

/// Tells the warnings of a reply, beside the output.
pub(crate) fn warn(session: &mut Session<'_>, reply: &Envelope) {
    if let Some(text) = warning_text(reply.warnings.as_deref().unwrap_or_default()) {
        session.terminal.err(&text);
    }
}

/// Warnings as they are told, each with an empty line behind it; `None` if there are none.
pub(crate) fn warning_text(warnings: &[String]) -> Option<String> {
    if warnings.is_empty() {
        return None;
    }
    let mut text = "WARNING! The following warnings were returned from the server:\n".to_owned();
    for warning in warnings {
        text.push_str(&format!("\n{}\n", wrap(&format!("* {warning}"), WIDTH, "  ")));
    }
    Some(text)
}

/// A value as Go prints it with `%v`: text as it is, `[a b]`, `map[k:v]`, `<nil>`.
pub(crate) fn display(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(elements) => format!("[{}]", elements.iter().map(display).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let entries: Vec<_> = map.iter().map(|(key, value)| format!("{key}:{}", display(value))).collect();
            format!("map[{}]", entries.join(" "))
        }
        other => other.to_string(),
    }
}

/// Seconds as a duration for a human: `768h`.
pub(crate) fn seconds(secs: i64) -> String {
    match api::duration::from_secs(secs) {
        Ok(duration) => api::duration::format_short(duration),
        // Not a time that we know how to say.
        Err(_) => secs.to_string(),
    }
}

/// A row of a key and its value; what is named like a duration is printed as one.
fn data_row(key: &str, value: &Value) -> Vec<String> {
    let text = match value.as_i64().filter(|_| is_duration(key)) {
        Some(secs) => seconds(secs),
        None => display(value),
    };
    vec![key.to_owned(), text]
}

fn is_duration(key: &str) -> bool {
    matches!(key, "lease_max" | "ttl_max")
        || ["period", "ttl", "duration"]
            .iter()
            .any(|word| key.strip_suffix(word).is_some_and(|before| before.is_empty() || before.ends_with('_')))
}

fn value_text(value: &Value) -> Result<String, Failure> {
    api::json::to_string_pretty(value).map_err(|error| Failure::usage(format!("Could not print it: {error}")))
}

fn rows_of(reply: &Envelope) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    if reply.lease_duration > 0 {
        let duration = seconds(reply.lease_duration);
        if reply.lease_id.is_empty() {
            // Nothing is leased: it only says when to look again.
            rows.push(row("refresh_interval", duration));
        } else {
            rows.push(row("lease_id", &reply.lease_id));
            rows.push(row("lease_duration", duration));
            rows.push(row("lease_renewable", reply.renewable.to_string()));
        }
    }
    if let Some(auth) = &reply.auth {
        rows.extend(auth_rows(auth));
    }
    if let Some(info) = &reply.wrap_info {
        rows.extend(wrap_rows(info));
    }
    if let Some(Value::Object(data)) = &reply.data {
        rows.extend(data.iter().map(|(key, value)| data_row(key, value)));
    }
    rows
}

fn auth_rows(auth: &Auth) -> Vec<Vec<String>> {
    if let Some(Value::Object(mfa)) = &auth.mfa_requirement {
        return mfa.iter().map(|(key, value)| row(key, display(value))).collect();
    }
    let mut rows = vec![
        row("token", &auth.client_token),
        row("token_accessor", &auth.accessor),
        row("token_duration", token_duration(auth)),
        row("token_renewable", auth.renewable.to_string()),
        row("token_policies", quoted(&auth.token_policies)),
        row("identity_policies", quoted(&auth.identity_policies)),
        row("policies", quoted(&auth.policies)),
    ];
    for (key, value) in auth.metadata.iter().flatten() {
        rows.push(row(&format!("token_meta_{key}"), display(value)));
    }
    rows
}

/// A token without an end is a root token.
fn token_duration(auth: &Auth) -> String {
    if auth.lease_duration == 0 { "∞".to_owned() } else { seconds(auth.lease_duration) }
}

fn wrap_rows(info: &WrapInfo) -> Vec<Vec<String>> {
    let mut rows = vec![
        row("wrapping_token:", &info.token),
        row("wrapping_accessor:", &info.accessor),
        row("wrapping_token_ttl:", seconds(info.ttl)),
        row("wrapping_token_creation_time:", spoken_time(&info.creation_time)),
        row("wrapping_token_creation_path:", &info.creation_path),
    ];
    if !info.wrapped_accessor.is_empty() {
        rows.push(row("wrapped_accessor:", &info.wrapped_accessor));
    }
    rows
}

/// A time as Go prints it, which is what tables of the usual command line have; a field alone stays as it came.
fn spoken_time(time: &str) -> String {
    match time.strip_suffix('Z').and_then(|utc| utc.split_once('T')) {
        Some((date, clock)) => format!("{date} {clock} +0000 UTC"),
        None => time.to_owned(),
    }
}

fn row(key: &str, value: impl Into<String>) -> Vec<String> {
    vec![key.to_owned(), value.into()]
}

/// Texts as Go prints them with `%q`.
fn quoted(texts: &[String]) -> String {
    let quoted: Vec<_> = texts.iter().map(|text| Value::from(text.as_str()).to_string()).collect();
    format!("[{}]", quoted.join(" "))
}

/// A field of a reply by the name that the table prints it under; else of the data.
fn field_of(reply: &Envelope, name: &str) -> Option<Value> {
    let special = match (&reply.auth, &reply.wrap_info) {
        (Some(auth), _) => auth_field(auth, name),
        (None, Some(info)) => wrap_field(info, name),
        (None, None) => match name {
            "lease_id" => Some(Value::from(reply.lease_id.as_str())),
            "lease_duration" | "refresh_interval" => Some(Value::from(reply.lease_duration)),
            "lease_renewable" | "renewable" => Some(Value::from(reply.renewable)),
            "request_id" => Some(Value::from(reply.request_id.as_str())),
            _ => None,
        },
    };
    let data = reply.data.as_ref();
    // The data's own field wins over one of the envelope, save for credentials.
    match (&reply.auth, &reply.wrap_info) {
        (None, None) => data.and_then(|data| data.get(name)).cloned().or(special),
        _ => special.or_else(|| data.and_then(|data| data.get(name)).cloned()),
    }
}

fn auth_field(auth: &Auth, name: &str) -> Option<Value> {
    Some(match name {
        "token" => Value::from(auth.client_token.as_str()),
        "token_accessor" => Value::from(auth.accessor.as_str()),
        "token_duration" => Value::from(auth.lease_duration),
        "token_renewable" => Value::from(auth.renewable),
        "token_policies" => Value::from(auth.token_policies.clone()),
        "identity_policies" => Value::from(auth.identity_policies.clone()),
        "policies" => Value::from(auth.policies.clone()),
        _ => return None,
    })
}

fn wrap_field(info: &WrapInfo, name: &str) -> Option<Value> {
    Some(match name {
        "wrapping_token" => Value::from(info.token.as_str()),
        "wrapping_accessor" => Value::from(info.accessor.as_str()),
        "wrapping_token_ttl" => Value::from(info.ttl),
        "wrapping_token_creation_time" => Value::from(info.creation_time.as_str()),
        "wrapping_token_creation_path" => Value::from(info.creation_path.as_str()),
        "wrapped_accessor" => Value::from(info.wrapped_accessor.as_str()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;

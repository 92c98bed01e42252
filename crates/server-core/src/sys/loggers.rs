//! `sys/loggers`: how much the log says, changed while the server runs. Nothing of it is stored: a restart brings the
//! configured level back, as it does in Vault.

use std::sync::Arc;

use framework::input::Nothing;
use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::{Map, Value, json};
use tracing::level_filters::LevelFilter;

use crate::process::LogLevels;

/// For these endpoints.
pub(crate) struct LoggersPart(pub(crate) Arc<dyn LogLevels>);

const NAME: &str = "A part of the server, as the list of all shows it.";

pub(super) fn paths() -> Vec<Path<LoggersPart>> {
    vec![
        Path::new("loggers", "How much the log of this node says.")
            .root_only()
            .read(read_all, "Show the level of each part of the server.")
            .update(write_all, "Change the level of all parts until the next restart.")
            .delete(reset_all, "Go back to the configured level."),
        Path::new("loggers/{name}", "How much the log says of one part of the server.")
            .param("name", Segment::Name, NAME)
            .root_only()
            .read(read_one, "Show its level.")
            .update(write_one, "Change its level until the next restart.")
            .delete(reset_one, "Go back to the configured level."),
    ]
}

fields! {
    /// A logger.
    struct One {
        /// A part of the server.
        name: String,
    }
}

fields! {
    /// A level for all.
    struct Level {
        /// trace, debug, info, warn or error.
        level: Option<String>,
    }
}

fields! {
    /// A level for one.
    struct LevelOfOne {
        /// A part of the server.
        name: String,
        /// trace, debug, info, warn or error.
        level: Option<String>,
    }
}

async fn read_all(part: &LoggersPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    let levels = part.0.levels().into_iter();
    let data: Map<_, _> = levels.map(|(name, level)| (name.to_owned(), json!(level.to_string()))).collect();
    Ok(Reply::data(data.into()))
}

async fn read_one(part: &LoggersPart, _: &Context, input: One) -> Result<Reply, Error> {
    let levels = part.0.levels();
    let level = levels.get(input.name.as_str()).ok_or_else(|| unknown(&input.name))?;
    Ok(Reply::data(Value::Object([(input.name, json!(level.to_string()))].into_iter().collect())))
}

async fn write_all(part: &LoggersPart, _: &Context, input: Level) -> Result<Reply, Error> {
    part.0.set_all(Some(parse(input.level)?));
    Ok(Reply::empty())
}

async fn write_one(part: &LoggersPart, _: &Context, input: LevelOfOne) -> Result<Reply, Error> {
    let level = parse(input.level)?;
    if part.0.set(&input.name, Some(level)) { Ok(Reply::empty()) } else { Err(unknown(&input.name)) }
}

async fn reset_all(part: &LoggersPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    part.0.set_all(None);
    Ok(Reply::empty())
}

async fn reset_one(part: &LoggersPart, _: &Context, input: One) -> Result<Reply, Error> {
    if part.0.set(&input.name, None) { Ok(Reply::empty()) } else { Err(unknown(&input.name)) }
}

fn unknown(name: &str) -> Error {
    Error::Invalid(format!("logger \"{name}\" not found").into())
}

/// A level in Vault's words.
pub(super) fn parse(level: Option<String>) -> Result<LevelFilter, Error> {
    let level = level.ok_or(Error::invalid("level is required"))?;
    match level.trim().to_ascii_lowercase().as_str() {
        "" => Err(Error::invalid("level is empty")),
        "trace" => Ok(LevelFilter::TRACE),
        "debug" => Ok(LevelFilter::DEBUG),
        "info" | "notice" => Ok(LevelFilter::INFO),
        "warn" | "warning" => Ok(LevelFilter::WARN),
        "error" | "err" => Ok(LevelFilter::ERROR),
        _ => Err(Error::Invalid(format!("invalid level provided: \"{level}\"").into())),
    }
}

#[cfg(test)]
mod tests;

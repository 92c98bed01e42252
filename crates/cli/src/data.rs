//! Turns arguments such as `key=value`, `key=@file`, `key=-`, `-` and `@file` into the data of a call.

use std::fs::File;

use serde_json::{Map, Value};

use crate::Failure;
use crate::terminal::{Terminal, read_text};

/// The data that the arguments stand for. A key that comes twice becomes a list.
pub(crate) fn parse(terminal: &mut Terminal, args: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut source = Source { terminal, is_stdin_read: false };
    let mut data = Map::new();
    for arg in args {
        source.add(&mut data, arg).map_err(|problem| Failure::usage(format!("Failed to parse K=V data: {problem}")))?;
    }
    Ok(data)
}

/// The same for queries, whose values are taken as they are: `key=value` only.
pub(crate) fn parse_pairs(args: &[String]) -> Result<Vec<(String, String)>, Failure> {
    pairs(args).ok_or_else(|| Failure::usage("Failed to parse K=V data: format must be key=value"))
}

/// The same for what a flag was given.
pub(crate) fn parse_flag(flag: &str, given: &[String]) -> Result<Vec<(String, String)>, Failure> {
    pairs(given).ok_or_else(|| Failure::usage(format!("invalid value for flag -{flag}: expected name=value")))
}

fn pairs(args: &[String]) -> Option<Vec<(String, String)>> {
    let pair = |arg: &String| arg.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    args.iter().map(pair).collect()
}

/// All of a file as text, or of standard input for `-`.
pub(crate) fn read(terminal: &mut Terminal, path: &str) -> Result<String, Failure> {
    let text = if path == "-" { terminal.read_stdin() } else { read_file(path) };
    text.map_err(|problem| Failure::usage(format!("Could not read {path}: {problem}")))
}

struct Source<'t> {
    terminal: &'t mut Terminal,
    is_stdin_read: bool,
}

impl Source<'_> {
    fn add(&mut self, data: &mut Map<String, Value>, arg: &str) -> Result<(), String> {
        if arg == "-" {
            return merge(data, &self.stdin()?).map_err(|problem| format!("standard input: {problem}"));
        }
        if let Some(path) = arg.strip_prefix('@') {
            return merge(data, &named(path)?).map_err(|problem| format!("{path}: {problem}"));
        }
        let (key, value) = arg.split_once('=').ok_or("format must be key=value")?;
        if key.is_empty() {
            return Err("format must be key=value".to_owned());
        }
        let value = match value {
            "-" => self.stdin()?,
            // A value that starts with an @ or is a single - of its own is written with a backslash.
            _ if value.starts_with("\\@") || value == "\\-" => value.trim_start_matches('\\').to_owned(),
            _ => match value.strip_prefix('@') {
                Some(path) => named(path)?,
                None => value.to_owned(),
            },
        };
        put(data, key, Value::String(value));
        Ok(())
    }

    fn stdin(&mut self) -> Result<String, String> {
        if std::mem::replace(&mut self.is_stdin_read, true) {
            return Err("standard input can be used only once".to_owned());
        }
        self.terminal.read_stdin().map_err(|problem| format!("standard input: {problem}"))
    }
}

fn named(path: &str) -> Result<String, String> {
    read_file(path).map_err(|problem| format!("{path}: {problem}"))
}

fn read_file(path: &str) -> Result<String, String> {
    read_text(&mut File::open(path).map_err(|error| error.to_string())?)
}

fn merge(data: &mut Map<String, Value>, text: &str) -> Result<(), String> {
    // The limits are the server's; it would refuse what is past them.
    match api::json::parse(text.as_bytes(), &api::json::Limits::default()).map_err(|error| error.to_string())? {
        Value::Object(map) => {
            for (key, value) in map {
                put(data, &key, value);
            }
            Ok(())
        }
        _ => Err("expected a JSON object".to_owned()),
    }
}

fn put(data: &mut Map<String, Value>, key: &str, value: Value) {
    match data.get_mut(key) {
        None => {
            data.insert(key.to_owned(), value);
        }
        Some(Value::Array(values)) => values.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

#[cfg(test)]
mod tests;

//! How a line of the log looks: Vault's two forms, which collectors of logs know how to read. A line that comes of a
//! request has its id. What stands in a value can break no line and look like no other field.

use std::fmt;

use api::Timestamp;
use env::Env;
use serde_json::{Map, Value, json};
use telemetry::Tag;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

/// The longest value that is shown, in bytes.
const VALUE_BYTES_MAX: usize = 8 * 1024;
/// What the field of a request's id is called.
const REQUEST_ID: &str = "request_id";

/// Writes lines.
pub(super) struct Lines {
    pub(super) env: Env,
    pub(super) is_json: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        writeln!(writer, "{}", line(&self.env, event, self.is_json))
    }
}

/// An event as a line, without its end.
pub(super) fn line(env: &Env, event: &Event<'_>, is_json: bool) -> String {
    let mut said = Said::default();
    event.record(&mut said);
    if let Some(tag) = Tag::current().filter(|_| said.fields.iter().all(|(name, _)| *name != REQUEST_ID)) {
        said.fields.push((REQUEST_ID, json!(tag.as_str())));
    }
    said.line(env, (*event.metadata().level(), event.metadata().target()), is_json)
}

/// What somebody is told who did not take all lines in time.
pub(super) fn left_out(env: &Env, count: u64, is_json: bool) -> String {
    let said = Said { message: "lines were left out here".to_owned(), fields: vec![("count", json!(count))] };
    said.line(env, (Level::WARN, module_path!()), is_json)
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Said {
    fn line(self, env: &Env, (level, module): (Level, &str), is_json: bool) -> String {
        let time = time(Timestamp::from(env.now()));
        if is_json { self.json(&time, level, module) } else { self.text(&time, level, module) }
    }

    fn text(&self, time: &str, level: Level, module: &str) -> String {
        let level = format!("[{level}]");
        let mut line = format!("{time} {level:7} {module}: {}", in_one_line(&self.message));
        let mut mark = ":";
        for (name, value) in &self.fields {
            let value = match value {
                Value::String(text) => quoted(text),
                other => other.to_string(),
            };
            line.push_str(&format!("{mark} {name}={value}"));
            mark = "";
        }
        line
    }

    fn json(self, time: &str, level: Level, module: &str) -> String {
        let mut line: Map<_, _> = self.fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        // Last: a field of such a name must not stand for it.
        line.insert("@level".to_owned(), json!(level.as_str().to_ascii_lowercase()));
        line.insert("@message".to_owned(), json!(self.message));
        line.insert("@module".to_owned(), json!(module));
        line.insert("@timestamp".to_owned(), json!(time));
        Value::Object(line).to_string()
    }

    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            ("message", other) => self.message = other.to_string(),
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, json!(bounded(format!("{value:?}"))));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, json!(bounded(value.to_owned())));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, json!(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, json!(value));
    }
}

fn bounded(mut text: String) -> String {
    if text.len() > VALUE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(VALUE_BYTES_MAX));
        text.push('…');
    }
    text
}

/// In microseconds, RFC 3339.
fn time(now: Timestamp) -> String {
    let micros = now.unix_nanos().rem_euclid(1_000_000_000) / 1_000;
    let secs = now.truncate_to_secs().to_string();
    format!("{}.{micros:06}Z", secs.trim_end_matches('Z'))
}

/// A value as it stands behind `=`: in quotes if it could be taken for more than one.
fn quoted(text: &str) -> String {
    let is_plain = |it: char| !it.is_whitespace() && !it.is_control() && it != '"' && it != '=';
    if !text.is_empty() && text.chars().all(is_plain) { text.to_owned() } else { format!("{text:?}") }
}

fn in_one_line(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, it| {
        if it.is_control() {
            line.extend(it.escape_debug());
        } else {
            line.push(it);
        }
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Said {
        let text = |text: &str| json!(text);
        Said {
            message: "it failed\nonce".to_owned(),
            fields: vec![
                ("error", text("no such thing\n2026 [INFO] forged")),
                ("kind", text("lease")),
                ("count", json!(3)),
                ("empty", text("")),
                ("@level", text("forged")),
            ],
        }
    }

    #[test]
    fn text_is_one_line_whatever_it_says() {
        let now = time(Timestamp::from_unix_nanos(1_700_000_000_012_345_678));
        assert_eq!(
            said().text(&now, Level::WARN, "server_core::due"),
            "2023-11-14T22:13:20.012345Z [WARN]  server_core::due: it failed\\nonce: \
             error=\"no such thing\\n2026 [INFO] forged\" kind=lease count=3 empty=\"\" @level=forged"
        );
        assert!(said().text(&now, Level::ERROR, "x").contains("Z [ERROR] x: "));
    }

    #[test]
    fn json_has_the_names_that_vault_gives_them() {
        let line = said().json("now", Level::ERROR, "barrier");
        let expected = json!({
            "@level": "error", "@message": "it failed\nonce", "@module": "barrier", "@timestamp": "now",
            "error": "no such thing\n2026 [INFO] forged", "kind": "lease", "count": 3, "empty": "",
        });
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
        assert!(!line.contains('\n'));
    }

    #[test]
    fn a_long_value_is_cut() {
        let cut = bounded("é".repeat(VALUE_BYTES_MAX));
        assert_eq!(cut.len(), VALUE_BYTES_MAX + '…'.len_utf8());
    }
}

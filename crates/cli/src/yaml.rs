//! Prints JSON values as YAML 1.2 block style. Enough for what the API answers; it must never print something that a
//! YAML reader takes for another type.

use serde_json::Value;

/// The value, without a newline at the end.
pub(crate) fn to_string(value: &Value) -> String {
    let mut text = String::new();
    block(&mut text, value, 0);
    text.trim_end_matches('\n').trim_start_matches('\n').to_owned()
}

/// Containers that have something go on lines of their own, everything else on this one.
fn block(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                start_line(text, indent);
                text.push_str(&scalar(key));
                text.push(':');
                // The usual emitters do not indent a list below its key.
                child(text, value, if value.is_array() { indent } else { indent + 2 });
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            for element in elements {
                start_line(text, indent);
                text.push('-');
                child(text, element, indent + 2);
            }
        }
        Value::Object(_) => text.push_str("{}"),
        Value::Array(_) => text.push_str("[]"),
        Value::String(string) => text.push_str(&scalar(string)),
        other => text.push_str(&other.to_string()),
    }
}

fn child(text: &mut String, value: &Value, indent: usize) {
    let is_block = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        _ => false,
    };
    if !is_block {
        text.push(' ');
    }
    block(text, value, indent);
}

fn start_line(text: &mut String, indent: usize) {
    text.push('\n');
    text.push_str(&" ".repeat(indent));
}

/// Plain where nothing else could be meant, else in double quotes, whose escapes are JSON's.
fn scalar(string: &str) -> String {
    let plain_start = string.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '/'));
    let plain_rest =
        string.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.' | '+' | ' '));
    let word = string.to_ascii_lowercase();
    let reserved = matches!(word.as_str(), "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n");
    if plain_start && plain_rest && !reserved && !string.ends_with(' ') {
        return string.to_owned();
    }
    Value::from(string).to_string()
}

#[cfg(test)]
mod tests;

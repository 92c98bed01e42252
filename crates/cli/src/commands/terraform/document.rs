//! What stands where in a file of Terraform: state of version 4, saved plans, and any other JSON, such as that of
//! `terraform show -json`.
//!
//! A string is looked into when it is JSON itself, since that is how objects get into attributes that take text.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{plan, zip};

/// The shortest value that the server can be asked about, in characters.
const VALUE_CHARS_MIN: usize = 16;
/// How deep strings that are JSON are looked into.
const NESTED_MAX: usize = 8;
/// How a saved plan begins.
const ZIP: &[u8] = b"PK\x03\x04";

/// Values with all places that they stand at: file and place.
#[derive(Default)]
pub(super) struct Values(BTreeMap<String, BTreeSet<(String, String)>>);

impl Values {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &BTreeSet<(String, String)>)> {
        self.0.iter()
    }

    /// Takes a string down, and what is in it. People store texts without the line end that files have.
    pub(super) fn add(&mut self, file: &str, place: &str, text: &str) {
        self.add_nested(file, place, text, NESTED_MAX);
    }

    fn add_nested(&mut self, file: &str, place: &str, text: &str, deep: usize) {
        for text in BTreeSet::from([text, text.trim()]) {
            if text.chars().count() >= VALUE_CHARS_MIN {
                self.0.entry(text.to_owned()).or_default().insert((file.to_owned(), place.to_owned()));
            }
        }
        if deep > 0
            && text.trim_start().starts_with(['{', '['])
            && let Ok(inner) = serde_json::from_str::<Value>(text)
        {
            self.walk(file, place, &inner, deep - 1);
        }
    }

    fn walk(&mut self, file: &str, place: &str, value: &Value, deep: usize) {
        match value {
            Value::String(text) => self.add_nested(file, place, text, deep),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.walk(file, &format!("{place}[{index}]"), item, deep);
                }
            }
            Value::Object(fields) => {
                // What has an address of its own is called by it. Attributes of that name are something else.
                let is_resource = fields.contains_key("mode") && fields.contains_key("type");
                let base = fields.get("address").filter(|_| is_resource).and_then(Value::as_str).unwrap_or(place);
                for (name, value) in fields {
                    self.walk(file, &joined(base, name), value, deep);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// A name behind a place.
pub(super) fn joined(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

/// Takes down all strings of a file.
///
/// # Errors
/// In words, when the file is none that this can read.
pub(super) fn collect(file: &str, bytes: &[u8], values: &mut Values) -> Result<(), String> {
    if !bytes.starts_with(ZIP) {
        return collect_json(file, bytes, values);
    }
    for (member, bytes) in zip::members(bytes)? {
        match member.as_str() {
            "tfplan" => plan::collect(file, &bytes, values)?,
            "tfstate" | "tfstate-prev" => collect_json(&format!("{file} ({member})"), &bytes, values)?,
            _ => {}
        }
    }
    Ok(())
}

fn collect_json(file: &str, bytes: &[u8], values: &mut Values) -> Result<(), String> {
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    if text.trim_ascii().is_empty() {
        // A state that nothing was written to yet.
        return Ok(());
    }
    let value: Value = serde_json::from_slice(text)
        .map_err(|why| format!("it is neither a saved plan nor JSON: line {}", why.line()))?;
    match value.as_object().filter(|state| state.get("version") == Some(&4.into()) && state.contains_key("resources")) {
        Some(state) => collect_state(file, state, values),
        None => values.walk(file, "", &value, NESTED_MAX),
    }
    Ok(())
}

fn collect_state(file: &str, state: &Map<String, Value>, values: &mut Values) {
    let text = |fields: &Value, name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    for resource in state.get("resources").and_then(Value::as_array).into_iter().flatten() {
        let mut address = text(resource, "module");
        if text(resource, "mode") == "data" {
            address = joined(&address, "data");
        }
        address = joined(&joined(&address, &text(resource, "type")), &text(resource, "name"));
        for instance in resource.get("instances").and_then(Value::as_array).into_iter().flatten() {
            let key = match instance.get("index_key") {
                Some(key) => format!("[{key}]"),
                None => String::new(),
            };
            for attributes in ["attributes", "attributes_flat"].into_iter().filter_map(|name| instance.get(name)) {
                values.walk(file, &format!("{address}{key}"), attributes, NESTED_MAX);
            }
            if let Some(private) = instance.get("private") {
                values.walk(file, &format!("{address}{key} (private)"), private, NESTED_MAX);
            }
        }
    }
    for (name, output) in state.get("outputs").and_then(Value::as_object).into_iter().flatten() {
        if let Some(value) = output.get("value") {
            values.walk(file, &joined("output", name), value, NESTED_MAX);
        }
    }
    if let Some(checks) = state.get("check_results") {
        values.walk(file, "check_results", checks, NESTED_MAX);
    }
}

//! The operations of an OpenAPI document by their shape: a method, and a path in which parameters have no names.
//!
//! Two documents of one API name a parameter differently (`{role_name}`, `{role}`), and say of a mount either where it
//! is (`kv-v2/`) or that it may be anywhere (`{kv_v2_mount_path}`). Neither is a difference between the APIs.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// What the name of a parameter that stands for a mount ends with.
const MOUNT_SUFFIX: &str = "_mount_path}";

/// What stands for a parameter in a shape.
const PARAMETER: &str = "{}";

/// What makes two operations the same. The order is the one of the report: by path, then by method.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Shape {
    /// Begins with `/`, ends without one.
    pub(crate) path: String,
    /// `GET`, `POST`, `DELETE`, `PATCH`, `LIST`, `SCAN`.
    pub(crate) method: String,
}

/// Operations, each with its path as the document spells it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operations(BTreeMap<Shape, String>);

impl Operations {
    /// Reads an OpenAPI document.
    pub(crate) fn parse(document: &str) -> Result<Self> {
        let document: Value = serde_json::from_str(document).context("reading an OpenAPI document")?;
        let paths = document.get("paths").and_then(Value::as_object).context("the document has no paths")?;
        let mut operations = Self::default();
        for (path, item) in paths {
            for (key, operation) in item.as_object().context("a path is no object")? {
                if let Some(method) = method(key, operation) {
                    operations.insert(method, path);
                }
            }
        }
        Ok(operations)
    }

    fn insert(&mut self, method: &str, path: &str) {
        let spelled = spell(path);
        self.0.insert(Shape { path: shape(&spelled), method: method.to_owned() }, spelled);
    }

    /// Adds another document's operations.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn contains(&self, shape: &Shape) -> bool {
        self.0.contains_key(shape)
    }

    /// Every operation, and its path with the names of its parameters.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Shape, &str)> {
        self.0.iter().map(|(shape, path)| (shape, path.as_str()))
    }
}

/// The method that a key of a path item means; `None` for keys that are none. A `GET` that demands `list=true` is how
/// OpenAPI, which has no such method, spells a `LIST`.
fn method(key: &str, operation: &Value) -> Option<&'static str> {
    match key {
        "get" if demands(operation, "list") => Some("LIST"),
        "get" if demands(operation, "scan") => Some("SCAN"),
        "get" => Some("GET"),
        "post" => Some("POST"),
        "delete" => Some("DELETE"),
        "patch" => Some("PATCH"),
        _ => None,
    }
}

fn demands(operation: &Value, name: &str) -> bool {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    parameters.into_iter().flatten().any(|parameter| {
        parameter.get("name").and_then(Value::as_str) == Some(name)
            && parameter.get("required").and_then(Value::as_bool) == Some(true)
    })
}

/// The path with a mount's parameter replaced by the name of the engine's type, and without a slash at the end.
fn spell(path: &str) -> String {
    let segments = path.trim_end_matches('/').split('/').map(|segment| {
        let mount = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix(MOUNT_SUFFIX));
        mount.map_or_else(|| segment.to_owned(), |name| name.replace('_', "-"))
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The path without the names of its parameters.
pub(crate) fn shape(path: &str) -> String {
    let segments = path.trim_end_matches('/').split('/');
    let is_parameter = |segment: &str| segment.starts_with('{') && segment.ends_with('}');
    segments.map(|segment| if is_parameter(segment) { PARAMETER } else { segment }).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests;

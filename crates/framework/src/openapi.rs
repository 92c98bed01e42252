//! The OpenAPI 3.0.2 description of mounted engines, made from the tables that route them.
//!
//! Its shape is the one that generators for this API expect: paths without the version prefix, a list as a `GET` with
//! a required `list=true` on a path ending in `/`, `x-vault-…` marks. The same tables give the same text, in the same
//! order. Pure: no I/O, no knowledge of who asks.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::field::{Field, FieldKind};
use crate::path::{OperationSpec, Param, PathSpec};
use crate::request::Operation;

/// The schema that every list's reply refers to.
const LIST_SCHEMA: &str = "StandardListResponse";

/// The table of one mount, and where it stands.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    /// Where it is mounted: begins without `/` and ends with one, `auth/` included.
    pub mount: MountPath<'a>,
    /// The start of every operation's id, such as `kv-v2`.
    pub prefix: &'a str,
    /// `secrets`, `auth`, `system` or `identity`.
    pub tag: &'a str,
    /// The rows of the table.
    pub specs: &'a [PathSpec],
}

/// How the mount stands in the document.
#[derive(Clone, Copy, Debug)]
pub enum MountPath<'a> {
    /// As it is: `secret/`.
    Fixed(&'a str),
    /// As a parameter, for documents that serve every mount of the type: `before` it (`auth/` or nothing), its `name`
    /// (`kv_v2_mount_path`) and its `default`, without `/`.
    Parameter {
        /// What stands in front of it.
        before: &'a str,
        /// The parameter's name.
        name: &'a str,
        /// Where the type is mounted when nothing else is said.
        default: &'a str,
    },
}

/// A whole document.
#[must_use]
pub fn document<'a>(sections: impl IntoIterator<Item = &'a Section<'a>>) -> Value {
    let mut document = Document::default();
    document.schemas.insert(LIST_SCHEMA.to_owned(), list_schema());
    for section in sections {
        for spec in section.specs {
            document.add(section, spec);
        }
    }
    json!({
        "openapi": "3.0.2",
        "info": {
            "title": "Strongroom API",
            "description": "All paths stand below `/v1/`.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        "paths": document.paths,
        "components": { "schemas": document.schemas },
    })
}

#[derive(Default)]
struct Document {
    paths: Map<String, Value>,
    schemas: Map<String, Value>,
    ids: BTreeSet<String>,
}

impl Document {
    /// Adds one row: its item, and a second one ending in `/` when it can be listed.
    fn add(&mut self, section: &Section<'_>, spec: &PathSpec) {
        let path = format!("/{}{}", mount_text(section.mount), spec.template);
        let mut item = path_item(section, spec);
        let mut folder = item.clone();
        let mut has_item = false;
        for (operation, about) in &spec.operations {
            let id = self.id(section.prefix, *operation, spec.template);
            let body = self.operation(section, *operation, about, &id);
            match *operation {
                Operation::List => {
                    folder.insert("get".to_owned(), body);
                    let path = format!("{}/", path.trim_end_matches('/'));
                    self.paths.insert(path, Value::Object(folder.clone()));
                }
                operation => {
                    let Some(method) = method(operation) else { continue };
                    if operation == Operation::Update && spec.knows_existence {
                        item.insert("x-vault-createSupported".to_owned(), json!(true));
                    }
                    item.insert(method.to_owned(), body);
                    has_item = true;
                }
            }
        }
        if has_item {
            self.paths.insert(path, Value::Object(item));
        }
    }

    /// `<prefix>-<verb>-<words of the template>`, with a number behind it where that is taken already.
    fn id(&mut self, prefix: &str, operation: Operation, template: &str) -> String {
        let verb = if operation == Operation::Update { "write" } else { operation.name() };
        let words = words(template);
        let parts: Vec<_> = [prefix, verb].into_iter().chain(words.iter().map(String::as_str)).collect();
        let id = parts.join("-");
        let free = (1_u32..).map(|n| if n == 1 { id.clone() } else { format!("{id}-{n}") });
        // The numbers do not run out before the ids do.
        let id = free.into_iter().find(|id| !self.ids.contains(id)).unwrap_or(id);
        self.ids.insert(id.clone());
        id
    }

    fn operation(&mut self, section: &Section<'_>, operation: Operation, about: &OperationSpec, id: &str) -> Value {
        let mut body = Map::new();
        body.insert("summary".to_owned(), json!(about.description));
        body.insert("tags".to_owned(), json!([section.tag]));
        let mut parameters = Vec::new();
        if operation == Operation::List {
            let schema = json!({ "type": "string", "enum": ["true"] });
            parameters.push(json!({
                "name": "list", "description": "Must be `true`.", "in": "query", "required": true, "schema": schema,
            }));
        }
        if operation.has_body() {
            if !about.fields.is_empty() || about.is_free_form {
                let name = format!("{}Request", pascal(id));
                let content =
                    content(media_type(operation), &json!({ "$ref": format!("#/components/schemas/{name}") }));
                body.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
                self.schemas.insert(name, body_schema(about));
            }
        } else {
            parameters.extend(about.fields.iter().map(query_parameter));
        }
        if !parameters.is_empty() {
            body.insert("parameters".to_owned(), Value::Array(parameters));
        }
        body.insert("responses".to_owned(), responses(operation));
        body.insert("operationId".to_owned(), json!(id));
        Value::Object(body)
    }
}

/// What the item says before its operations.
fn path_item(section: &Section<'_>, spec: &PathSpec) -> Map<String, Value> {
    let mut item = Map::new();
    item.insert("description".to_owned(), json!(spec.description));
    let mut parameters: Vec<_> = spec.params.iter().map(path_parameter).collect();
    if let MountPath::Parameter { name, default, .. } = section.mount {
        parameters.push(json!({
            "name": name, "description": "Where the engine is mounted.", "in": "path", "required": true,
            "schema": { "type": "string", "default": default },
        }));
    }
    if !parameters.is_empty() {
        item.insert("parameters".to_owned(), Value::Array(parameters));
    }
    for (applies, mark) in
        [(spec.access.is_sudo, "x-vault-sudo"), (spec.access.is_unauthenticated, "x-vault-unauthenticated")]
    {
        if applies {
            item.insert(mark.to_owned(), json!(true));
        }
    }
    item
}

fn mount_text(mount: MountPath<'_>) -> String {
    match mount {
        MountPath::Fixed(path) => path.to_owned(),
        MountPath::Parameter { before, name, .. } => format!("{before}{{{name}}}/"),
    }
}

/// `None` for what OpenAPI has no word for.
fn method(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Read => Some("get"),
        Operation::Create | Operation::Update => Some("post"),
        Operation::Patch => Some("patch"),
        Operation::Delete => Some("delete"),
        Operation::List | Operation::Scan | Operation::Help => None,
    }
}

fn media_type(operation: Operation) -> &'static str {
    if operation == Operation::Patch { "application/merge-patch+json" } else { "application/json" }
}

fn content(media_type: &str, schema: &Value) -> Value {
    json!({ media_type: { "schema": schema } })
}

fn responses(operation: Operation) -> Value {
    match operation {
        Operation::List => {
            let schema = json!({ "$ref": format!("#/components/schemas/{LIST_SCHEMA}") });
            json!({ "200": { "description": "OK", "content": content("application/json", &schema) } })
        }
        Operation::Delete => json!({ "204": { "description": "No Content" } }),
        _ => json!({ "200": { "description": "OK" } }),
    }
}

fn path_parameter(param: &Param) -> Value {
    json!({
        "name": param.name, "description": param.description, "in": "path", "required": true,
        "schema": { "type": "string" },
    })
}

fn query_parameter(field: &Field) -> Value {
    json!({
        "name": field.name, "description": field.description, "in": "query", "required": field.is_required,
        "schema": Value::Object(schema(field.kind)),
    })
}

fn body_schema(about: &OperationSpec) -> Value {
    let mut properties = Map::new();
    for field in &about.fields {
        let mut property = schema(field.kind);
        property.insert("description".to_owned(), json!(field.description));
        if field.is_secret {
            property.insert("x-vault-displayAttrs".to_owned(), json!({ "sensitive": true }));
        }
        properties.insert(field.name.to_owned(), Value::Object(property));
    }
    let required: Vec<_> = about.fields.iter().filter(|field| field.is_required).map(|field| field.name).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    if !properties.is_empty() {
        schema.insert("properties".to_owned(), Value::Object(properties));
    }
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    if about.is_free_form {
        schema.insert("additionalProperties".to_owned(), json!(true));
    }
    Value::Object(schema)
}

fn schema(kind: FieldKind) -> Map<String, Value> {
    let schema = match kind {
        FieldKind::String => json!({ "type": "string" }),
        FieldKind::Integer => json!({ "type": "integer" }),
        FieldKind::Number => json!({ "type": "number", "format": "float" }),
        FieldKind::Boolean => json!({ "type": "boolean" }),
        FieldKind::Duration => json!({ "type": "string", "format": "duration" }),
        FieldKind::StringList => json!({ "type": "array", "items": { "type": "string" } }),
        FieldKind::IntegerList => json!({ "type": "array", "items": { "type": "integer" } }),
        FieldKind::StringMap => {
            json!({ "type": "object", "format": "kvpairs", "additionalProperties": { "type": "string" } })
        }
        FieldKind::Object => json!({ "type": "object", "format": "map" }),
        FieldKind::Any => json!({}),
        FieldKind::Time => json!({ "type": "string", "format": "date-time" }),
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

fn list_schema() -> Value {
    json!({ "type": "object", "properties": { "keys": { "type": "array", "items": { "type": "string" } } } })
}

/// The words of a template: `secret-id/{role_name}` gives `secret`, `id`, `role`, `name`.
fn words(template: &str) -> Vec<String> {
    let words = template.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect()
}

/// `kv-v2-write-data` as `KvV2WriteData`.
fn pascal(id: &str) -> String {
    let mut text = String::with_capacity(id.len());
    for word in id.split('-') {
        let mut letters = word.chars();
        text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        text.push_str(letters.as_str());
    }
    text
}

#[cfg(test)]
mod tests;

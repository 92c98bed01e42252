//! Path help: what an engine and each of its paths say of themselves, from the same table that routes them.
//!
//! The body has Vault's shape (`help`, `see_also`, `openapi`); its words are our own. It must never show a value.

use serde_json::json;

use crate::engine::Mounted;
use crate::error::Error;
use crate::field::{Field, FieldKind};
use crate::openapi::{self, Section};
use crate::path::{Access, PathSpec, Segment};
use crate::reply::Reply;
use crate::request::Operation;

/// The answer to a help request for a path behind the mount path; an empty one asks for the engine as a whole.
///
/// # Errors
/// [`Error::Unrouted`] when no row of the engine's table matches the path.
pub fn answer(engine: &dyn Mounted, section: &Section<'_>, path: &str) -> Result<Reply, Error> {
    let (text, document) = if path.is_empty() {
        (engine_text(engine), openapi::document([section]))
    } else {
        let index = engine.route(Operation::Help, path)?.index;
        let spec = engine.specs().get(index).ok_or_else(|| Error::Unrouted("unsupported path".into()))?;
        let only = Section { specs: std::slice::from_ref(spec), ..section.clone() };
        (path_text(spec, path), openapi::document([&only]))
    };
    Ok(Reply::data(json!({ "help": text, "see_also": [], "openapi": document })).bare())
}

/// The engine's own description, and every path with its first sentence.
#[must_use]
pub fn engine_text(engine: &dyn Mounted) -> String {
    let mut text = format!("## DESCRIPTION\n\n{}\n\n## PATHS\n\n", engine.help().trim());
    text.push_str("Ask for help on any of these paths to see what it takes. Policies may keep you from some.\n");
    for spec in engine.specs() {
        text.push_str(&format!("\n    {}\n        {}\n", spec.template, spec.description));
    }
    text
}

/// One path: its template, parameters, operations and their fields.
#[must_use]
pub fn path_text(spec: &PathSpec, path: &str) -> String {
    let mut text = format!("Request:   {path}\nPath:      {}\n\n{}\n", spec.template, spec.description);
    for note in access_notes(spec.access) {
        text.push_str(&format!("{note}\n"));
    }
    if !spec.params.is_empty() {
        text.push_str("\n## PARAMETERS OF THE PATH\n");
    }
    for param in &spec.params {
        let kind = match param.segment {
            Segment::Name => "one segment",
            Segment::Rest => "the rest of the path",
        };
        text.push_str(&format!("\n    {} ({kind})\n        {}\n", param.name, param.description));
    }
    for (operation, about) in &spec.operations {
        text.push_str(&format!("\n## {}\n\n{}\n", operation.name().to_uppercase(), about.description));
        for field in &about.fields {
            text.push_str(&field_text(field));
        }
        if about.is_free_form {
            text.push_str("\n    Takes any other field as well.\n");
        }
    }
    text
}

/// The engine's whole table as a page of Markdown: every call below `mount`, which ends in `/`, with what it takes.
#[must_use]
pub fn page_text(engine: &dyn Mounted, mount: &str) -> String {
    let name = engine.type_name();
    let mut text = format!(
        "# API of `{name}`\n\nWritten by the tests of the engine from its table; do not edit it.\n\n{}\n",
        engine.help().trim()
    );
    text.push_str(&format!("\nPaths are those of a mount at `{mount}`. Parameters are JSON in the body, or stand in the query of a `GET`, `LIST` or `DELETE`.\n"));
    for spec in engine.specs() {
        text.push_str(&format!("\n## `{mount}{}`\n\n{}\n", spec.template, spec.description));
        for note in access_notes(spec.access) {
            text.push_str(&format!("\n{note}\n"));
        }
        for param in &spec.params {
            text.push_str(&format!("\n* `{{{}}}`: {}\n", param.name, param.description));
        }
        for (operation, about) in &spec.operations {
            text.push_str(&format!(
                "\n### {} `/v1/{mount}{}`\n\n{}\n",
                method(*operation),
                spec.template,
                about.description
            ));
            let fields = about.fields.iter().filter(|field| spec.params.iter().all(|param| param.name != field.name));
            let rows: Vec<_> = fields.map(row_text).collect();
            if !rows.is_empty() {
                text.push_str(&format!("\n| parameter | takes | |\n|---|---|---|\n{}", rows.concat()));
            }
            if about.is_free_form {
                text.push_str("\nTakes any other parameter as well.\n");
            }
        }
    }
    text
}

fn row_text(field: &Field) -> String {
    let required = if field.is_required { ", required" } else { "" };
    let secret = if field.is_secret { ", never shown" } else { "" };
    let description = field.description.replace('\n', " ").replace('|', "\\|");
    format!("| `{}` | {}{required}{secret} | {description} |\n", field.name, kind_name(field.kind))
}

/// The verb that clients send.
fn method(operation: Operation) -> &'static str {
    match operation {
        Operation::Read => "`GET`",
        Operation::Create | Operation::Update => "`POST`",
        Operation::Patch => "`PATCH`",
        Operation::Delete => "`DELETE`",
        Operation::List => "`LIST`",
        Operation::Scan => "`SCAN`",
        other => other.name(),
    }
}

fn access_notes(access: Access) -> impl Iterator<Item = &'static str> {
    let notes = [
        (access.is_unauthenticated, "Needs no token."),
        (access.is_sudo, "Needs the sudo capability."),
        (access.works_while_sealed, "Answers while the server is sealed."),
        (access.is_urgent, "Answers while the server is overloaded."),
        (access.opening.is_some(), "Needs no token over a listener whose configuration says so."),
        (access.is_root_only, "Refused in every namespace but the root."),
    ];
    notes.into_iter().filter(|(applies, _)| *applies).map(|(_, note)| note)
}

fn field_text(field: &Field) -> String {
    let required = if field.is_required { ", required" } else { "" };
    let secret = if field.is_secret { ", secret" } else { "" };
    let lines = field.description.replace('\n', " ");
    format!("\n    {} ({}{required}{secret})\n        {lines}\n", field.name, kind_name(field.kind))
}

/// A field's type in words.
fn kind_name(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::String => "string",
        FieldKind::Integer => "whole number",
        FieldKind::Number => "number",
        FieldKind::Boolean => "boolean",
        FieldKind::Duration => "duration",
        FieldKind::StringList => "list of strings",
        FieldKind::IntegerList => "list of whole numbers",
        FieldKind::StringMap => "map of strings",
        FieldKind::Object => "object",
        FieldKind::Any => "any",
        FieldKind::Time => "time",
    }
}

#[cfg(test)]
mod tests;

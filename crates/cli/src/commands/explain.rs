//! `policy explain`: why a request is allowed or refused, and what would have to be said for the other answer.

use serde_json::{Map, Value, json};

use super::logical::data_or_stdin;
use super::{Command, MANY};
use crate::flags::{Flag, Kind};
use crate::output::{Format, display, print_field, print_structure, print_wrapped};
use crate::session::Session;
use crate::{Failure, data, table};

pub(super) const COMMANDS: &[Command] = &[Command {
    words: "policy explain",
    arguments: "PATH [KEY=VALUE...]",
    arguments_min: 1,
    arguments_max: MANY,
    summary: "Tell why a request is allowed or refused",
    help: "Names the rule that decides, its policy and line, and what would allow the request. The arguments behind the \
        path are the request's parameters. The exit code is 0 whenever the question was answered, also by \"refused\".",
    flags: &[
        Flag::text("token", "Whose request it is; - takes the token from standard input. Default: the one in use."),
        Flag::text("accessor", "The same, by the token's accessor."),
        Flag::text("operation", "create, read, update, patch, delete, list or scan. Default read."),
        Flag::new("request-wrap-ttl", Kind::Duration, "The wrapping that the request asks for."),
    ],
    run: explain,
}];

fn explain(session: &mut Session<'_>) -> Result<u8, Failure> {
    let body = question(session)?;
    let reply = session.connect()?.write("sys/policies/explain", &Value::Object(body));
    let reply = reply.map_err(|error| Failure::api("Error explaining", &error))?;
    if let Some(code) = print_wrapped(session, reply.as_ref())? {
        return Ok(code);
    }
    let data = reply.and_then(|reply| reply.data).ok_or_else(|| Failure::absent("The server does not explain"))?;
    if let Some(name) = session.args.text("field").map(str::to_owned) {
        return print_field(session, &name, data.get(&name).cloned());
    }
    if session.format != Format::Table {
        return print_structure(session, &data);
    }
    session.terminal.out(&text(&data))?;
    Ok(0)
}

fn question(session: &mut Session<'_>) -> Result<Map<String, Value>, Failure> {
    // A slash at the end is a part of what policies match.
    let path = session.args.argument(0).unwrap_or_default().trim().trim_start_matches('/').to_owned();
    if path.is_empty() {
        return Err(Failure::usage("The path must not be empty"));
    }
    let operation = session.args.text("operation").unwrap_or("read").to_owned();
    let mut body = Map::from_iter([("path".to_owned(), json!(path)), ("operation".to_owned(), json!(operation))]);
    match (session.args.text("token").map(str::to_owned), session.args.text("accessor")) {
        (Some(_), Some(_)) => return Err(Failure::usage("Give either -token or -accessor, not both")),
        (Some(token), None) => {
            body.insert("token".to_owned(), json!(data_or_stdin(session, token)?));
        }
        (None, Some(accessor)) => {
            body.insert("accessor".to_owned(), json!(accessor));
        }
        (None, None) => {}
    }
    let parameters = data::parse(session.terminal, session.args.positional.get(1..).unwrap_or_default())?;
    if !parameters.is_empty() {
        body.insert("parameters".to_owned(), Value::Object(parameters));
    }
    if let Some(ttl) = session.args.text("request-wrap-ttl") {
        body.insert("wrap_ttl".to_owned(), json!(ttl));
    }
    Ok(body)
}

fn text(data: &Value) -> String {
    let texts = |value: Option<&Value>| {
        let texts: Vec<_> = value.and_then(Value::as_array).into_iter().flatten().map(display).collect();
        texts
    };
    let is = |name: &str| data.get(name).and_then(Value::as_bool).unwrap_or_default();
    let mut rows = vec![
        ("Answer", if is("allowed") { "allowed" } else { "refused" }.to_owned()),
        ("Reason", data.get("reason").map(display).unwrap_or_default()),
    ];
    if let Some(rule) = data.get("rule").filter(|rule| !rule.is_null()) {
        let field = |name: &str| rule.get(name).map(display).unwrap_or_default();
        rows.push(("Rule", field("path")));
        rows.push(("Policy", format!("{}, line {}", field("policy"), field("line"))));
        rows.push(("Capabilities", texts(rule.get("capabilities")).join(", ")));
    }
    rows.push(("Sudo", is("sudo").to_string()));
    rows.push(("Policies", texts(data.get("policies")).join(", ")));
    let rows = rows.into_iter().map(|(key, value)| vec![key.to_owned(), value]).collect();
    let mut text = table::columns(rows);
    let advice = texts(data.get("would_allow"));
    if !advice.is_empty() {
        text.push_str("\n\nWhat would allow it:");
        for sentence in advice {
            text.push_str(&format!("\n  * {sentence}"));
        }
    }
    text
}

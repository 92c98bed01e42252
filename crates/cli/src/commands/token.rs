//! `token`: makes, shows, renews and revokes tokens, and tells what one may do.

use api::reply::Envelope;
use serde_json::{Map, Value, json};

use super::Command;
use super::logical::data_or_stdin;
use crate::flags::{Flag, Kind};
use crate::output::{display, print_reply, print_structure};
use crate::session::{Session, sanitize};
use crate::{Failure, data};

const ACCESSOR: Flag = Flag::switch("accessor", "The argument is the accessor of a token, not the token itself.");

pub(super) const COMMANDS: &[Command] = &[
    Command {
        words: "token create",
        arguments: "",
        arguments_min: 0,
        arguments_max: 0,
        summary: "Make a token below the one in use",
        help: "",
        flags: &[
            Flag::new("policy", Kind::List, "Name of a policy. Can be given several times. Default: the caller's."),
            Flag::new("ttl", Kind::Duration, "How long it lives unless it is renewed."),
            Flag::new("explicit-max-ttl", Kind::Duration, "How long it lives at most."),
            Flag::new("period", Kind::Duration, "It may be renewed for ever, by this at a time."),
            Flag::new("use-limit", Kind::Number, "How often it may be used; 0: as often as needed."),
            Flag::new("metadata", Kind::List, "A key=value for the audit log. Can be given several times."),
            Flag::switch("renewable", "Whether it may be renewed. Default true."),
            Flag::switch("orphan", "It outlives the token that made it."),
            Flag::switch("no-default-policy", "Without the policy named default."),
            Flag::text("display-name", "A name for the audit log."),
            Flag::text("type", "service or batch."),
            Flag::text("role", "Make it as this role says."),
            Flag::text("entity-alias", "Name of the entity alias to bind it to; needs a role."),
            Flag::text("id", "The token itself, in place of a random one."),
        ],
        run: create,
    },
    Command {
        words: "token lookup",
        arguments: "[TOKEN | ACCESSOR]",
        arguments_min: 0,
        arguments_max: 1,
        summary: "Show what is known about a token",
        help: "Without an argument, about the one in use. A - takes the token from standard input.",
        flags: &[ACCESSOR],
        run: lookup,
    },
    Command {
        words: "token renew",
        arguments: "[TOKEN | ACCESSOR]",
        arguments_min: 0,
        arguments_max: 1,
        summary: "Let a token live longer",
        help: "Without an argument, the one in use. A - takes the token from standard input.",
        flags: &[
            ACCESSOR,
            Flag::new("increment", Kind::Duration, "By how much. The server may say otherwise.").alias("i"),
        ],
        run: renew,
    },
    Command {
        words: "token revoke",
        arguments: "[TOKEN | ACCESSOR]",
        arguments_min: 0,
        arguments_max: 1,
        summary: "Revoke a token and all below it",
        help: "A - takes the token from standard input.",
        flags: &[
            ACCESSOR,
            Flag::switch("self", "The token in use."),
            Flag::text(
                "mode",
                "orphan: leave those below it alive. path: all tokens of an auth path, as the argument.",
            ),
        ],
        run: revoke,
    },
    Command {
        words: "token capabilities",
        arguments: "[TOKEN] PATH",
        arguments_min: 1,
        arguments_max: 2,
        summary: "Show what a token may do on a path",
        help: "Without a token, the one in use.",
        flags: &[ACCESSOR],
        run: capabilities,
    },
    Command {
        words: "print token",
        arguments: "",
        arguments_min: 0,
        arguments_max: 0,
        summary: "Print the token that commands use",
        help: "It comes from the environment, else from the file that \"{program} login\" writes.",
        flags: &[],
        run: print_token,
    },
];

fn create(session: &mut Session<'_>) -> Result<u8, Failure> {
    let body = settings(session)?;
    let path = match session.args.text("role").map(sanitize) {
        Some(role) => format!("auth/token/create/{role}"),
        None => "auth/token/create".to_owned(),
    };
    let reply = session.connect()?.write(&path, &Value::Object(body));
    let reply = reply.map_err(|error| Failure::api("Error creating token", &error))?;
    let reply =
        reply.ok_or_else(|| Failure::absent(format!("Error creating token: the server has nothing at {path}")))?;
    print_reply(session, &reply)
}

/// What was asked for; the server decides the rest.
fn settings(session: &Session<'_>) -> Result<Map<String, Value>, Failure> {
    let args = &session.args;
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    let policies = args.list("policy");
    put("policies", (!policies.is_empty()).then(|| json!(policies)));
    for (flag, field) in [
        ("ttl", "ttl"),
        ("explicit-max-ttl", "explicit_max_ttl"),
        ("period", "period"),
        ("display-name", "display_name"),
        ("type", "type"),
        ("entity-alias", "entity_alias"),
        ("id", "id"),
    ] {
        put(field, args.text(flag).map(Value::from));
    }
    put("num_uses", args.number("use-limit").map(Value::from));
    put("renewable", Some(Value::from(args.switch("renewable").unwrap_or(true))));
    put("no_parent", args.switch("orphan").map(Value::from));
    put("no_default_policy", args.switch("no-default-policy").map(Value::from));
    let meta = data::parse_pairs(args.list("metadata"))?;
    let meta: Map<_, _> = meta.into_iter().map(|(key, value)| (key, Value::from(value))).collect();
    put("meta", (!meta.is_empty()).then_some(Value::Object(meta)));
    Ok(body)
}

fn lookup(session: &mut Session<'_>) -> Result<u8, Failure> {
    let given = argument(session)?;
    let connection = session.connect()?;
    let reply = match (given, session.args.is_on("accessor")) {
        (Some(accessor), true) => connection.write("auth/token/lookup-accessor", &json!({"accessor": accessor})),
        (Some(token), false) => connection.write("auth/token/lookup", &json!({"token": token})),
        (None, true) => return Err(no_accessor()),
        (None, false) => connection.read("auth/token/lookup-self", &[]),
    };
    print_answer(session, reply, "Error looking up token")
}

fn renew(session: &mut Session<'_>) -> Result<u8, Failure> {
    let given = argument(session)?;
    let mut body = Map::new();
    if let Some(increment) = session.args.text("increment") {
        body.insert("increment".to_owned(), Value::from(increment));
    }
    let path = match (given, session.args.is_on("accessor")) {
        (Some(accessor), true) => {
            body.insert("accessor".to_owned(), Value::from(accessor));
            "auth/token/renew-accessor"
        }
        (Some(token), false) => {
            body.insert("token".to_owned(), Value::from(token));
            "auth/token/renew"
        }
        (None, true) => return Err(no_accessor()),
        (None, false) => "auth/token/renew-self",
    };
    let reply = session.connect()?.write(path, &Value::Object(body));
    print_answer(session, reply, "Error renewing token")
}

fn revoke(session: &mut Session<'_>) -> Result<u8, Failure> {
    let given = argument(session)?;
    let (is_self, by_accessor) = (session.args.is_on("self"), session.args.is_on("accessor"));
    let (path, body) = match (session.args.text("mode"), is_self, by_accessor, given) {
        (None, true, false, None) => ("auth/token/revoke-self".to_owned(), json!({})),
        (None, false, true, Some(accessor)) => ("auth/token/revoke-accessor".to_owned(), json!({"accessor": accessor})),
        (None, false, false, Some(token)) => ("auth/token/revoke".to_owned(), json!({"token": token})),
        (Some("orphan"), false, false, Some(token)) => ("auth/token/revoke-orphan".to_owned(), json!({"token": token})),
        (Some("path"), false, false, Some(path)) => {
            (format!("sys/leases/revoke-prefix/{}", sanitize(&path)), json!({}))
        }
        (Some("orphan" | "path") | None, ..) => {
            return Err(Failure::usage(
                "Give either a token, or -self, or -accessor with an accessor; -mode needs an argument",
            ));
        }
        (Some(_), ..) => return Err(Failure::usage("Invalid mode: expected orphan or path")),
    };
    let reply = session.connect()?.write(&path, &body);
    reply.map_err(|error| Failure::api("Error revoking token", &error))?;
    session.tell("Success! Revoked token (if it existed)")
}

fn capabilities(session: &mut Session<'_>) -> Result<u8, Failure> {
    let by_accessor = session.args.is_on("accessor");
    let (endpoint, body) = match session.args.positional.as_slice() {
        [accessor, path] if by_accessor => {
            ("sys/capabilities-accessor", json!({"accessor": accessor, "paths": [path]}))
        }
        [_] if by_accessor => return Err(no_accessor()),
        [token, path] => ("sys/capabilities", json!({"token": token, "paths": [path]})),
        // One argument: more or fewer were refused before.
        arguments => ("sys/capabilities-self", json!({"paths": arguments})),
    };
    let reply = session.connect()?.write(endpoint, &body);
    let reply = reply.map_err(|error| Failure::api("Error listing capabilities", &error))?;
    let found = reply.and_then(|reply| reply.data).and_then(|mut data| data.get_mut("capabilities").map(Value::take));
    let Some(Value::Array(mut found)) = found else {
        return Err(Failure::absent("Error listing capabilities: the reply has none"));
    };
    found.sort_by_key(display);
    if session.format != crate::output::Format::Table {
        return print_structure(session, &found);
    }
    let names: Vec<_> = found.iter().map(display).collect();
    session.terminal.out(&names.join(", "))?;
    Ok(0)
}

fn print_token(session: &mut Session<'_>) -> Result<u8, Failure> {
    let token = session.token()?.ok_or_else(|| Failure::usage("There is no token: log in, or set VAULT_TOKEN"))?;
    session.terminal.out(token.expose())?;
    Ok(0)
}

/// The positional argument, which may be on standard input.
fn argument(session: &mut Session<'_>) -> Result<Option<String>, Failure> {
    let given = session.args.argument(0).map(str::to_owned);
    given.map(|argument| data_or_stdin(session, argument)).transpose()
}

fn print_answer(session: &mut Session<'_>, reply: crate::connection::Answer, what: &str) -> Result<u8, Failure> {
    let reply: Option<Envelope> = reply.map_err(|error| Failure::api(what, &error))?;
    let reply = reply.ok_or_else(|| Failure::absent(format!("{what}: the server knows no such token")))?;
    print_reply(session, &reply)
}

fn no_accessor() -> Failure {
    Failure::usage("-accessor needs the accessor as an argument")
}

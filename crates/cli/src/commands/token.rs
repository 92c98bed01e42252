//! `token`: makes, shows, renews and revokes tokens, and tells what one may do.

use api::reply::Envelope;
use serde_json::{Map, Value, json};

use super::logical::data_or_stdin;
use super::{Command, MANY};
use crate::flags::{Flag, Kind};
use crate::output::{Format, display, print_reply, print_structure, print_wrapped};
use crate::session::{Session, sanitize};
use crate::token_store::Store;
use crate::{Failure, data, table};

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
        arguments: "[TOKEN | ACCESSOR] PATH...",
        arguments_min: 1,
        arguments_max: MANY,
        summary: "Show what a token may do on paths",
        help: "Without a token, the one in use: one argument is a path, of several the first is the token.",
        flags: &[ACCESSOR],
        run: capabilities,
    },
    Command {
        words: "print token",
        arguments: "",
        arguments_min: 0,
        arguments_max: 0,
        summary: "Print the token that commands use",
        help: "It comes from the environment, else from the file that \"{program} login\" writes, or from the token helper.",
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
    // A batch token never is; saying that it shall be is left to the user.
    let renewable = args.switch("renewable").or_else(|| (args.text("type") != Some("batch")).then_some(true));
    put("renewable", renewable.map(Value::from));
    put("no_parent", args.switch("orphan").map(Value::from));
    put("no_default_policy", args.switch("no-default-policy").map(Value::from));
    let meta = data::parse_flag("metadata", args.list("metadata"))?;
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
    if is_self && client::variable(&session.terminal.env, "TOKEN").is_none() {
        // The kept token was the one in use, and is worth nothing now.
        Store::find(&session.terminal.env)?.map_or(Ok(()), |store| store.erase())?;
    }
    session.tell("Success! Revoked token (if it existed)")
}

fn capabilities(session: &mut Session<'_>) -> Result<u8, Failure> {
    let by_accessor = session.args.is_on("accessor");
    let (endpoint, body) = match session.args.positional.as_slice() {
        [] | [_] if by_accessor => return Err(no_accessor()),
        [accessor, paths @ ..] if by_accessor => {
            ("sys/capabilities-accessor", json!({"accessor": accessor, "paths": paths}))
        }
        [token, paths @ ..] if !paths.is_empty() => ("sys/capabilities", json!({"token": token, "paths": paths})),
        paths => ("sys/capabilities-self", json!({"paths": paths})),
    };
    let reply = session.connect()?.write(endpoint, &body);
    let reply = reply.map_err(|error| Failure::api("Error listing capabilities", &error))?;
    if let Some(code) = print_wrapped(session, reply.as_ref())? {
        return Ok(code);
    }
    let Some(Value::Object(mut data)) = reply.and_then(|reply| reply.data) else {
        return Err(Failure::absent("Error listing capabilities: the reply has none"));
    };
    // One path is answered twice, under its own name too.
    let one = data.remove("capabilities");
    if session.format != Format::Table {
        return match one {
            Some(one) => print_structure(session, &sorted(&one)),
            None => print_structure(session, &data),
        };
    }
    match one {
        Some(one) => session.terminal.out(&sorted(&one).join(", "))?,
        None => {
            let rows = data.iter().map(|(path, rights)| vec![path.clone(), sorted(rights).join(", ")]).collect();
            session.terminal.out(&table::with_header(&["Path", "Capabilities"], rows))?;
        }
    }
    Ok(0)
}

fn sorted(rights: &Value) -> Vec<String> {
    let mut rights: Vec<_> = rights.as_array().into_iter().flatten().map(display).collect();
    rights.sort();
    rights
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

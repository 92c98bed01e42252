//! `login`: proves who the user is, by a token or another auth method, and keeps the token for later commands.

use std::collections::BTreeMap;

use api::reply::{Auth, Envelope};
use secret::SecretString;
use serde_json::{Map, Value};

use super::logical::data_or_stdin;
use super::{Command, MANY};
use crate::flags::Flag;
use crate::output::{Format, print_field, print_reply};
use crate::session::{Session, sanitize};
use crate::token_store::Store;
use crate::{Failure, data, help};

mod mfa;
mod oidc;

/// Methods whose login path ends in the user's name and that take a password.
pub(super) const PASSWORD_METHODS: &[&str] = &["userpass", "ldap", "radius"];
/// Where the password of a method may be set, so that it need not be typed (documented Vault behavior).
const PASSWORD_VARIABLES: &[(&str, &str)] = &[("ldap", "VAULT_LDAP_PASSWORD")];
/// Methods that take all their data at `login`.
pub(super) const DATA_METHODS: &[&str] = &["approle", "jwt", "kubernetes", "cert"];
/// The method whose logins go through a browser.
pub(super) const BROWSER_METHOD: &str = "oidc";
/// The columns of the text behind a login.
const WIDTH: usize = 80;

pub(super) const COMMANDS: &[Command] = &[Command {
    words: "login",
    arguments: "[TOKEN | KEY=VALUE...]",
    arguments_min: 0,
    arguments_max: MANY,
    summary: "Log in and keep the token",
    help: "Without a method, takes a token: as the argument, on standard input with -, or asked for. \
        \"-method=userpass username=bob\" asks for a password if none is given. The token is kept in ~/.vault-token, \
        or where VAULT_TOKEN_PATH says.",
    flags: &[
        Flag::text("method", "token, userpass, ldap, radius, approle, jwt, oidc, kubernetes or cert. Default token."),
        Flag::text("path", "Where the auth method is mounted. Default: the method's name."),
        Flag::switch("no-store", "Do not keep the token."),
        Flag::switch("no-print", "Do not show the token."),
        Flag::switch("token-only", "Print the token alone and do not keep it."),
    ],
    run: login,
}];

fn login(session: &mut Session<'_>) -> Result<u8, Failure> {
    let method = session.args.text("method").unwrap_or("token").to_owned();
    let path = session.args.text("path").map_or_else(|| method.clone(), sanitize);
    let reply = if method == "token" {
        by_token(session)?
    } else if PASSWORD_METHODS.contains(&method.as_str()) {
        by_password(session, &method, &path)?
    } else if DATA_METHODS.contains(&method.as_str()) {
        let data = data::parse(session.terminal, &session.args.positional.clone())?;
        send(session, &format!("auth/{path}/login"), data)?
    } else if method == BROWSER_METHOD {
        let data = data::parse(session.terminal, &session.args.positional.clone())?;
        oidc::login(session, &path, data)?
    } else {
        let hint =
            format!("Methods: token, {}, {}, {BROWSER_METHOD}.", PASSWORD_METHODS.join(", "), DATA_METHODS.join(", "));
        return Err(Failure::usage(format!("Unknown auth method: {method}")).hint(hint));
    };
    match reply.auth.as_ref().and_then(|auth| auth.mfa_requirement.as_ref()) {
        Some(requirement) => {
            let proved = mfa::prove(session, requirement)?;
            keep_and_print(session, &proved.unwrap_or(reply))
        }
        None => keep_and_print(session, &reply),
    }
}

/// A token is its own proof: asking who it is shows whether it is good.
fn by_token(session: &mut Session<'_>) -> Result<Envelope, Failure> {
    let given = match session.args.positional.as_slice() {
        [] => None,
        [argument] => Some(argument.strip_prefix("token=").unwrap_or(argument).to_owned()),
        _ => return Err(Failure::usage("Too many arguments: expected one token")),
    };
    let token = match given {
        Some(argument) => SecretString::new(data_or_stdin(session, argument)?),
        None => session.ask("Token (will be hidden): ")?,
    };
    let token = SecretString::from(token.expose().trim());
    if token.expose().is_empty() {
        return Err(Failure::usage("A token must be passed to auth"));
    }
    let connection = session.connect_as(&token)?;
    // Nobody could tell from a wrapped reply whether the token is good.
    let reply = connection.read_unwrapped("auth/token/lookup-self");
    let reply = reply.map_err(|error| Failure::api("Error authenticating: error looking up token", &error))?;
    let data = reply.and_then(|reply| reply.data);
    let data = data.ok_or_else(|| Failure::absent("Error authenticating: the server knows no such token"))?;
    Ok(Envelope { auth: Some(describe(&token, &data)), ..Envelope::default() })
}

/// What a login would have answered for a token that is there already.
fn describe(token: &SecretString, data: &Value) -> Auth {
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let texts = |name: &str| {
        let elements = data.get(name).and_then(Value::as_array).into_iter().flatten();
        elements.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let (token_policies, identity_policies) = (texts("policies"), texts("identity_policies"));
    let mut policies = [token_policies.clone(), identity_policies.clone()].concat();
    policies.sort();
    policies.dedup();
    let meta = data.get("meta").and_then(Value::as_object);
    Auth {
        client_token: token.expose().clone(),
        accessor: text("accessor"),
        policies,
        token_policies,
        identity_policies,
        metadata: meta.map(|meta| meta.clone().into_iter().collect::<BTreeMap<_, _>>()),
        orphan: data.get("orphan").and_then(Value::as_bool).unwrap_or_default(),
        entity_id: text("entity_id"),
        lease_duration: data.get("ttl").and_then(Value::as_i64).unwrap_or_default(),
        renewable: data.get("renewable").and_then(Value::as_bool).unwrap_or_default(),
        token_type: text("type"),
        num_uses: data.get("num_uses").and_then(Value::as_i64).unwrap_or_default(),
        mfa_requirement: None,
    }
}

fn by_password(session: &mut Session<'_>, method: &str, path: &str) -> Result<Envelope, Failure> {
    let mut data = data::parse(session.terminal, &session.args.positional.clone())?;
    let username = match data.remove("username") {
        Some(Value::String(name)) if !name.is_empty() => name,
        _ => (session.terminal.env)("USER").filter(|name| !name.is_empty()).ok_or_else(|| {
            Failure::usage("'username' must be supplied, and the 'USER' environment variable is not set")
        })?,
    };
    if !data.contains_key("password") {
        let set =
            PASSWORD_VARIABLES.iter().find(|(of, _)| *of == method).and_then(|(_, name)| (session.terminal.env)(name));
        let password = match set.filter(|password| !password.is_empty()) {
            Some(password) => SecretString::new(password),
            None => session.ask("Password (will be hidden): ")?,
        };
        data.insert("password".to_owned(), Value::from(password.into_exposed()));
    }
    send(session, &format!("auth/{path}/login/{username}"), data)
}

fn send(session: &Session<'_>, path: &str, data: Map<String, Value>) -> Result<Envelope, Failure> {
    let reply = session.connect_as_nobody()?.write(path, &Value::Object(data));
    let reply = reply.map_err(|error| Failure::api("Error authenticating", &error))?;
    let is_login = |reply: &Envelope| reply.auth.is_some() || reply.wrap_info.is_some();
    reply.filter(is_login).ok_or_else(|| Failure::absent("Error authenticating: the reply has no token"))
}

fn keep_and_print(session: &mut Session<'_>, reply: &Envelope) -> Result<u8, Failure> {
    // A wrapped or unfinished login has no token yet: whoever gets it goes on from there.
    let Some(auth) = reply.auth.as_ref().filter(|auth| !auth.client_token.is_empty()) else {
        return print_reply(session, reply);
    };
    let token_only = session.args.is_on("token-only");
    let store = !token_only && !session.args.is_on("no-store");
    if store {
        keep(session, auth)?;
    }
    if session.args.is_on("no-print") {
        return Ok(0);
    }
    if token_only {
        return print_field(session, "token", Some(Value::from(auth.client_token.as_str())));
    }
    if session.format == Format::Table && session.args.text("field").is_none() {
        let text = help::wrap(&success(&session.terminal.program, store), WIDTH, "");
        session.terminal.out(&format!("{text}\n"))?;
    }
    print_reply(session, reply)
}

fn keep(session: &mut Session<'_>, auth: &Auth) -> Result<(), Failure> {
    let store = Store::find(&session.terminal.env)?;
    let store =
        store.ok_or_else(|| Failure::usage("Could not keep the token: HOME is not set").hint("Use -no-store."))?;
    let token = SecretString::from(auth.client_token.as_str());
    store.write(&token).map_err(|failure| failure.hint("Use -no-store."))?;
    if let Some((name, _)) = client::variable(&session.terminal.env, "TOKEN") {
        session.terminal.err(&format!(
            "WARNING! {name} is set in the environment, and wins over the token that is kept now. Unset it to use this one.\n"
        ));
    }
    Ok(())
}

fn success(program: &str, store: bool) -> String {
    if store {
        format!(
            "Success! You are now authenticated. The token below is kept for later commands, so that there is no need \
             to run \"{program} login\" again."
        )
    } else {
        "Success! You are now authenticated. The token below is not kept: pass it on in VAULT_TOKEN.".to_owned()
    }
}

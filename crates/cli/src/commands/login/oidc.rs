//! `login -method=oidc`: sends the user's browser to the provider and waits on this machine for it to come back.
//!
//! What listens takes one thing from whoever comes: what a provider gives a browser for the login that this command has
//! begun. The server decides what it is worth, and asks for a nonce that only this command knows. Nothing that comes in is
//! shown to the browser again.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use api::reply::Envelope;
use serde_json::{Map, Value, json};

use crate::Failure;
use crate::session::Session;

mod direct;

/// Where the browser comes back to: what Vault's command listens on, and roles are made for.
const PORT: u16 = 8250;
const HOST: &str = "localhost";
const PATH: &str = "/oidc/callback";
/// How long a user may take at the provider.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// How long one connection may take to say what it wants.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest head of a request, and the longest form, in bytes.
const HEAD_BYTES_MAX: u64 = 64 * 1024;
const FORM_BYTES_MAX: usize = 512 * 1024;
/// How many random letters the nonce has.
const NONCE_LETTERS: usize = 20;
/// What is taken from a browser.
const TAKEN: [&str; 5] = ["state", "code", "id_token", "error", "error_description"];

const DONE: &str = "You are signed in. This window can be closed.";
const NOT_DONE: &str = "The login did not succeed. The command that began it says why.";

/// What the words behind the command say.
struct Asked {
    role: Option<Value>,
    listen_host: String,
    listen_port: u16,
    callback: (String, String, Option<u16>),
    /// Whether the provider sends the browser to the server itself.
    is_direct: bool,
}

/// What a browser has brought, and the connection on which it waits for a page.
struct Brought {
    values: Vec<(String, String)>,
    /// The login that it is of.
    state: String,
    is_form: bool,
    stream: TcpStream,
}

/// Logs in at the method that is mounted at `path`.
pub(super) fn login(session: &mut Session<'_>, path: &str, data: Map<String, Value>) -> Result<Envelope, Failure> {
    let asked = Asked::parse(data)?;
    let nonce = (session.terminal.letters)(NONCE_LETTERS);
    if asked.is_direct {
        return direct::login(session, path, &asked, &nonce);
    }
    let place = (asked.listen_host.as_str(), asked.listen_port);
    let unusable = |error: std::io::Error| {
        let text = format!("Could not listen on {}:{}: {error}", asked.listen_host, asked.listen_port);
        Failure::usage(text).hint("Give another one with port=, which the role has to allow.")
    };
    let listener = TcpListener::bind(place).map_err(unusable)?;
    let port = listener.local_addr().map_err(unusable)?.port();
    let (method, host, callback_port) = &asked.callback;
    let redirect_uri = format!("{method}://{host}:{}{PATH}", callback_port.unwrap_or(port));
    let (url, _) = auth_url(session, path, &asked, &redirect_uri, &nonce)?;
    let own = url.split_once('?').and_then(|(_, query)| state(query));
    let own = own.ok_or_else(|| Failure::absent("Error authenticating: the server's URL says no state"))?;
    session
        .terminal
        .err(&format!("Complete the login in a browser, at:\n\n    {url}\n\nWaiting for it to come back..."));
    let (sender, browsers) = mpsc::channel();
    // Ends with the process: it does nothing but wait.
    std::thread::spawn(move || listen(&listener, &sender));
    loop {
        let brought = browsers.recv_timeout(PATIENCE).map_err(|why| match why {
            RecvTimeoutError::Timeout => {
                Failure::absent("Error authenticating: nobody came back from the provider in time")
            }
            RecvTimeoutError::Disconnected => Failure::absent("Error authenticating: the listener has failed"),
        })?;
        // Any page can have the browser come here with somebody else's login: that is not what is waited for.
        if brought.state != own {
            answer(&brought.stream, ("400 Bad Request", NOT_DONE));
            continue;
        }
        let outcome = finish(session, path, &brought.values, brought.is_form, &nonce);
        answer(&brought.stream, if outcome.is_ok() { ("200 OK", DONE) } else { ("400 Bad Request", NOT_DONE) });
        return outcome;
    }
}

impl Asked {
    fn parse(mut data: Map<String, Value>) -> Result<Self, Failure> {
        let mut text = |name: &str| match data.remove(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        };
        let port = |name: &str, text: Option<String>| {
            let wrong = || Failure::usage(format!("{name} must be a number from 0 to 65535"));
            text.map(|text| text.parse::<u16>().map_err(|_| wrong())).transpose()
        };
        let listen_port = port("port", text("port"))?.unwrap_or(PORT);
        let callback_port = port("callbackport", text("callbackport"))?;
        let listen_host = text("listenaddress").unwrap_or_else(|| HOST.to_owned());
        let method = text("callbackmethod").unwrap_or_else(|| "http".to_owned());
        let host = text("callbackhost").unwrap_or_else(|| HOST.to_owned());
        let is_direct = match text("callbackmode").as_deref() {
            None | Some("client") => false,
            Some("direct") => true,
            Some(_) => return Err(Failure::usage("callbackmode must be client or direct")),
        };
        // No browser is started here in any case.
        drop(text("skip_browser"));
        let role = text("role").map(Value::from);
        match data.keys().next() {
            Some(unknown) => Err(Failure::usage(format!("Unknown parameter: {unknown}")).hint(
                "Parameters: role, listenaddress, port, callbackmode, callbackmethod, callbackhost, callbackport, \
                 skip_browser.",
            )),
            None => Ok(Self { role, listen_host, listen_port, callback: (method, host, callback_port), is_direct }),
        }
    }
}

/// Where to send the browser, and what else the server tells.
fn auth_url(
    session: &Session<'_>,
    path: &str,
    asked: &Asked,
    redirect_uri: &str,
    nonce: &str,
) -> Result<(String, Value), Failure> {
    let mut body = json!({ "redirect_uri": redirect_uri, "client_nonce": nonce });
    if let Some(role) = &asked.role {
        body["role"] = role.clone();
    }
    let reply = session.connect_as_nobody()?.write(&format!("auth/{path}/oidc/auth_url"), &body);
    let reply = reply.map_err(|error| Failure::api("Error authenticating", &error))?;
    let told = reply.and_then(|reply| reply.data).unwrap_or_default();
    let url = told.get("auth_url").and_then(Value::as_str).filter(|url| !url.is_empty()).map(str::to_owned);
    let url = url.ok_or_else(|| {
        Failure::absent(format!("Error authenticating: the role cannot be used with {redirect_uri}"))
            .hint("There is no such role, or its allowed_redirect_uris do not name this one.")
    })?;
    Ok((url, told))
}

/// Brings the server what a browser has brought.
fn finish(
    session: &Session<'_>,
    path: &str,
    values: &[(String, String)],
    is_form: bool,
    nonce: &str,
) -> Result<Envelope, Failure> {
    let connection = session.connect_as_nobody()?;
    let path = format!("auth/{path}/oidc/callback");
    let refused = |error| Failure::api("Error authenticating", &error);
    let mut query = values.to_vec();
    if is_form {
        // A form can be longer than a URL: the server takes it first, and is asked for the token then.
        let form: Map<_, _> = values.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        let posted = client::Request { body: Some(Value::Object(form).to_string().into_bytes()), ..request(&path) };
        let reply = connection.send(posted).map_err(refused)?;
        if reply.status >= 300 {
            let text = serde_json::from_slice::<Value>(&reply.body).ok();
            let why = text.and_then(|body| body.get("errors")?.get(0)?.as_str().map(str::to_owned));
            return Err(Failure::absent(format!("Error authenticating: {}", why.unwrap_or_default())));
        }
        query.retain(|(name, _)| name == "state");
    }
    query.push(("client_nonce".to_owned(), nonce.to_owned()));
    let reply = connection.read(&path, &query).map_err(refused)?;
    let is_login = |reply: &Envelope| reply.auth.is_some() || reply.wrap_info.is_some();
    reply.filter(is_login).ok_or_else(|| Failure::absent("Error authenticating: the reply has no token"))
}

fn request(path: &str) -> client::Request {
    client::Request::new(client::Method::PUT, path)
}

/// Hands on what browsers bring, for as long as somebody waits for it.
fn listen(listener: &TcpListener, browsers: &Sender<Brought>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { return };
        match read(&stream) {
            Some((query, state, is_form)) => {
                let values = pairs(&query).filter(|(name, _)| TAKEN.contains(&name.as_str())).collect();
                if browsers.send(Brought { values, state, is_form, stream }).is_err() {
                    return;
                }
            }
            None => answer(&stream, ("404 Not Found", "Nothing is here.")),
        }
    }
}

/// The query, or the form, of a request to the one path that there is, the state in it, and whether it is a form.
fn read(stream: &TcpStream) -> Option<(String, String, bool)> {
    stream.set_read_timeout(Some(READ_TIMEOUT)).ok()?;
    let mut reader = BufReader::new(stream.take(HEAD_BYTES_MAX + FORM_BYTES_MAX as u64));
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).ok()? == 0 {
            return None;
        }
        match header.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let form = match method.as_str() {
        _ if path != PATH => return None,
        "GET" => query.to_owned(),
        "POST" if length <= FORM_BYTES_MAX => {
            let mut form = vec![0; length];
            reader.read_exact(&mut form).ok()?;
            String::from_utf8(form).ok()?
        }
        _ => return None,
    };
    let state = state(&form)?;
    Some((form, state, method == "POST"))
}

/// The login that a query or form is of. What stands behind a comma in its state is the namespace, which is no part of it.
fn state(query: &str) -> Option<String> {
    let (_, mut state) = pairs(query).find(|(name, _)| name == "state")?;
    state.truncate(state.find(',').unwrap_or(state.len()));
    Some(state)
}

/// The pairs of a query or form (WHATWG URL §5.1).
fn pairs(form: &str) -> impl Iterator<Item = (String, String)> {
    let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value)))
}

fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let escaped = || {
            let mut rest = bytes.clone();
            let mut digit = || char::from(rest.next()?).to_digit(16);
            u8::try_from(digit()? << 4 | digit()?).ok()
        };
        match byte {
            b'+' => out.push(b' '),
            b'%' => match escaped() {
                Some(value) => {
                    out.push(value);
                    bytes.nth(1);
                }
                None => out.push(byte),
            },
            byte => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A page for a browser, which may have gone.
fn answer(mut stream: &TcpStream, (status, text): (&str, &str)) {
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><title>Login</title></head><body><p>{text}</p></body></html>\n"
    );
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        page.len()
    );
    drop(stream.write_all(&[head.as_bytes(), page.as_bytes()].concat()));
}

#[cfg(test)]
mod tests {
    //! What a browser brings.

    use super::{decoded, pairs};

    #[test]
    fn queries_and_forms_are_decoded() {
        for (text, expected) in [
            ("a%2Fb+c", "a/b c"),
            ("%C3%BC", "ü"),
            ("%", "%"),
            ("%2", "%2"),
            ("%zz", "%zz"),
            ("%25%32", "%2"),
            ("", ""),
        ] {
            assert_eq!(decoded(text), expected, "{text}");
        }
        let seen: Vec<_> = pairs("state=st_a.b%2Cns%3Dx&code=&x").collect();
        assert_eq!(seen, [("state".to_owned(), "st_a.b,ns=x".to_owned()), ("code".to_owned(), String::new())]);
    }
}

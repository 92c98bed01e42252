//! Reads a request's line and headers: what is asked, of whom, by whom.
//!
//! Everything is judged here, before a byte of the body is read. Errors never repeat what was sent.

use std::time::Duration;

use framework::{Operation, WrapFormat};
use http::header::{self, HeaderMap, HeaderName};
use http::request::Parts;
use secret::Secret;
use serde_json::{Map, Value};

use crate::form;
use crate::status::Refusal;

/// The longest token, in bytes: Vault's cap (`max_token_header_size`).
pub(crate) const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// How many indexes of a request are handed on: clients merge theirs, so there are rarely two.
const INDEXES_MAX: usize = 16;

pub(crate) static NAMESPACE: HeaderName = HeaderName::from_static(api::header::NAMESPACE);
static MFA: HeaderName = HeaderName::from_static(api::header::MFA);
static INDEX: HeaderName = HeaderName::from_static(api::header::INDEX);
static TOKEN: HeaderName = HeaderName::from_static(api::header::TOKEN);
static WRAP_TTL: HeaderName = HeaderName::from_static(api::header::WRAP_TTL);
static WRAP_FORMAT: HeaderName = HeaderName::from_static(api::header::WRAP_FORMAT);

/// What the line and the headers say.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) operation: Operation,
    pub(crate) path: String,
    pub(crate) namespace: String,
    pub(crate) token: Option<Secret<String>>,
    pub(crate) wrap_ttl: Option<Duration>,
    pub(crate) wrap_format: WrapFormat,
    pub(crate) indexes: Vec<String>,
    /// The query's pairs; empty where the body holds the data.
    pub(crate) data: Map<String, Value>,
}

/// Reads a request whose decoded path, behind `/v1/`, is `path`.
///
/// # Errors
/// The first reason to turn it away.
pub(crate) fn read(parts: &Parts, path: &str) -> Result<Head, Refusal> {
    let query = parts.uri.query().unwrap_or_default();
    let mut data = form::parse(query.as_bytes()).map_err(|error| malformed("query", &error))?;
    let operation = operation(parts.method.as_str(), &mut data)?;
    if operation.has_body() {
        data.clear();
        if path.ends_with('/') {
            return Err(Refusal::WriteToFolder);
        }
    }
    if operation == Operation::Patch && !is_merge_patch(&parts.headers) {
        return Err(Refusal::MergePatch);
    }
    let mut path = path.to_owned();
    if matches!(operation, Operation::List | Operation::Scan) && !path.is_empty() && !path.ends_with('/') {
        path.push('/');
    }
    let namespace = text(&parts.headers, &NAMESPACE)?.unwrap_or_default().to_owned();
    let (token, wrap_ttl) = (token(&parts.headers)?, wrap_ttl(&parts.headers)?);
    let wrap_format = if wrap_ttl.is_some() { wrap_format(&parts.headers)? } else { WrapFormat::default() };
    check_mfa(&parts.headers)?;
    let indexes = indexes(&parts.headers);
    Ok(Head { operation, path, namespace, token, wrap_ttl, wrap_format, indexes, data })
}

/// What the method and the query's own words ask for; takes those words out of the data.
fn operation(method: &str, query: &mut Map<String, Value>) -> Result<Operation, Refusal> {
    let named = match method {
        "GET" | "HEAD" => Operation::Read,
        "POST" | "PUT" => Operation::Update,
        "PATCH" => Operation::Patch,
        "DELETE" => Operation::Delete,
        "LIST" => Operation::List,
        "SCAN" => Operation::Scan,
        "HELP" => Operation::Help,
        _ => return Err(Refusal::Method),
    };
    if take(query, "help").is_some_and(|help| !help.is_empty()) {
        return Ok(Operation::Help);
    }
    if !matches!(named, Operation::Read | Operation::List | Operation::Scan) {
        return Ok(named);
    }
    match (flag(query, "list")?, flag(query, "scan")?) {
        (true, true) => Err(Refusal::ListFlags),
        (true, false) if named == Operation::Read => Ok(Operation::List),
        (false, true) if named == Operation::Read => Ok(Operation::Scan),
        _ => Ok(named),
    }
}

/// The first value of a name, which is then gone.
fn take(query: &mut Map<String, Value>, name: &str) -> Option<String> {
    match query.remove(name)? {
        Value::String(text) => Some(text),
        Value::Array(values) => values.into_iter().next()?.as_str().map(str::to_owned),
        _ => None,
    }
}

/// A boolean as Go's `strconv.ParseBool` reads it; absent and empty are false.
fn flag(query: &mut Map<String, Value>, name: &str) -> Result<bool, Refusal> {
    match take(query, name).unwrap_or_default().as_str() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(Refusal::ListFlags),
    }
}

fn is_merge_patch(headers: &HeaderMap) -> bool {
    media_type(headers).eq_ignore_ascii_case(api::header::MERGE_PATCH)
}

/// The content type without its parameters; empty if there is none.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// `X-Vault-Token`, else the first bearer token. An empty one is none.
fn token(headers: &HeaderMap) -> Result<Option<Secret<String>>, Refusal> {
    let named = text(headers, &TOKEN)?.filter(|token| !token.is_empty());
    let token = match named {
        Some(token) => token,
        None => bearer(headers)?.unwrap_or_default(),
    };
    match token.len() {
        0 => Ok(None),
        length if length > TOKEN_BYTES_MAX => Err(Refusal::TokenTooLong(TOKEN_BYTES_MAX)),
        _ => Ok(Some(Secret::new(token.to_owned()))),
    }
}

/// The scheme is compared with its case, as Vault does. Other schemes are for engines.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.find_map(|value| value.as_bytes().strip_prefix(b"Bearer ")) else { return Ok(None) };
    match std::str::from_utf8(value) {
        Ok(token) => Ok(Some(token.trim())),
        Err(_) => Err(not_text(&header::AUTHORIZATION)),
    }
}

fn wrap_ttl(headers: &HeaderMap) -> Result<Option<Duration>, Refusal> {
    let Some(value) = text(headers, &WRAP_TTL)? else { return Ok(None) };
    match api::duration::parse(value.trim()) {
        Ok(ttl) => Ok(Some(ttl).filter(|ttl| !ttl.is_zero())),
        Err(error) => Err(Refusal::Malformed(format!("error parsing X-Vault-Wrap-TTL header: {error}"))),
    }
}

fn wrap_format(headers: &HeaderMap) -> Result<WrapFormat, Refusal> {
    match text(headers, &WRAP_FORMAT)?.unwrap_or_default().trim() {
        "" => Ok(WrapFormat::Token),
        format if format.eq_ignore_ascii_case("jwt") => Ok(WrapFormat::Jwt),
        _ => Err(Refusal::Malformed("X-Vault-Wrap-Format can be \"jwt\", or be left out".to_owned())),
    }
}

/// `<method>`, or `<method>:<passcode>` (documented Vault behavior). What makes no sense is refused whether a second factor
/// is asked for or not. Empty values are passed over.
fn check_mfa(headers: &HeaderMap) -> Result<(), Refusal> {
    for value in headers.get_all(&MFA) {
        let value = std::str::from_utf8(value.as_bytes()).map_err(|_| not_text(&MFA))?;
        let missing = match value.split_once(':') {
            Some(("", _)) => "the method is missing",
            Some((_, "")) => "the passcode behind the colon is missing",
            _ => continue,
        };
        return Err(Refusal::Malformed(format!("error parsing X-Vault-MFA header: {missing}")));
    }
    Ok(())
}

/// What the client was told of the store's progress. Several may come, one by one or as proxies join them.
fn indexes(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(&INDEX).iter().filter_map(|value| value.to_str().ok());
    let texts = values.flat_map(|value| value.split(',')).map(str::trim).filter(|text| !text.is_empty());
    texts.take(INDEXES_MAX).map(str::to_owned).collect()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    std::str::from_utf8(value.as_bytes()).map(Some).map_err(|_| not_text(name))
}

fn not_text(name: &HeaderName) -> Refusal {
    Refusal::Malformed(format!("the header {name} is not UTF-8"))
}

fn malformed(what: &str, error: &dyn std::error::Error) -> Refusal {
    Refusal::Malformed(format!("error parsing {what}: {error}"))
}

#[cfg(test)]
mod tests;

//! The records: Vault's JSON, key for key in its order. What is empty is left out.
//!
//! What a request is about stands in both of its records, so it is formatted once, kept as bytes and written twice. No
//! record is closed here: the device's chain is its last key.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use api::Timestamp;
use framework::reply::{Auth, Data};
use framework::{Namespace, Operation, Reply, Status};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::device::Device;
use crate::json::{self, Object};
use crate::redact::Hasher;

/// Who asked.
pub struct Caller<'r> {
    /// The token, as the client sends it.
    pub token: &'r str,
    /// Who it is counted as: the entity, or a hash of what the token may do.
    pub client_id: String,
    /// The handle of the token; empty for a token without one.
    pub accessor: &'r str,
    /// The token's display name.
    pub display_name: &'r str,
    /// All policies that were in effect.
    pub policies: Vec<&'r str>,
    /// Those of the token itself.
    pub token_policies: Vec<&'r str>,
    /// Those of the entity and its groups.
    pub identity_policies: Vec<&'r str>,
    /// What the token's maker noted.
    pub metadata: Option<&'r BTreeMap<String, String>>,
    /// Who is behind the token; empty for nobody known.
    pub entity_id: &'r str,
    /// `service` or `batch`.
    pub token_type: &'r str,
    /// What the token was given at first; zero for ever.
    pub token_ttl: Duration,
    /// When it was made.
    pub token_issue_time: Timestamp,
}

/// A policy that a decision rests on.
pub struct Granting<'r> {
    /// Its name.
    pub name: &'r str,
    /// The id of its namespace; empty if that is not known here.
    pub namespace_id: &'r str,
    /// The path of its namespace, empty for the root.
    pub namespace_path: &'r str,
}

/// What the policies say to a request.
pub struct Judged<'r> {
    /// Whether they allow it.
    pub is_allowed: bool,
    /// Those that do.
    pub granting: Vec<Granting<'r>>,
}

/// How one device writes a caller: the same in all records of its token, so it is formatted and hashed once.
#[derive(Debug)]
pub struct CallerText {
    /// What stands in front of what the policies say, and behind that.
    auth: [Vec<u8>; 2],
    token: Vec<u8>,
    /// Empty for a token without one.
    accessor: Vec<u8>,
    client_id: String,
}

impl CallerText {
    /// How this device writes this caller.
    #[must_use]
    pub fn new(device: &Device, caller: &Caller<'_>) -> Self {
        let style = device.style();
        let (mut token, mut accessor) = (Vec::new(), Vec::new());
        style.hasher.string(&mut token, caller.token);
        if !caller.accessor.is_empty() {
            style.write_accessor(&mut accessor, caller.accessor);
        }
        let auth = write_caller(caller, &token, &accessor);
        Self { auth, token, accessor, client_id: caller.client_id.clone() }
    }

    /// What it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let parts = self.auth.iter().chain([&self.token, &self.accessor]);
        size_of::<Self>() + parts.map(Vec::len).sum::<usize>() + self.client_id.len()
    }
}

/// Where the request leads.
pub struct Place<'r> {
    /// The mount path, with `auth/` in front of an auth method's.
    pub point: Cow<'r, str>,
    /// The engine type.
    pub kind: &'r str,
    /// The mount's accessor; empty for what is no mount.
    pub accessor: &'r str,
    /// `secret` or `auth`.
    pub class: &'static str,
    /// Keys of a request whose values stay in clear.
    pub clear_request_keys: &'r [String],
    /// Keys of a reply whose values stay in clear.
    pub clear_reply_keys: &'r [String],
}

/// A request as far as it is known.
pub struct Request<'r> {
    /// The request's id.
    pub id: &'r str,
    /// What it wants to do.
    pub operation: Operation,
    /// Its path, as the client sent it.
    pub path: &'r str,
    /// The token, as the client sent it; needed where nothing is known of who asks.
    pub token: &'r str,
    /// Body or query.
    pub data: &'r Map<String, Value>,
    /// Where it came from.
    pub remote: Option<SocketAddr>,
    /// How long the reply is to be wrapped.
    pub wrap_ttl: Option<Duration>,
    /// The tenant, if it is known.
    pub namespace: Option<&'r Namespace>,
    /// The headers that are recorded, and whether their values are hashed.
    pub headers: &'r [(String, Vec<String>, bool)],
    /// Where it leads, if that is known.
    pub place: Option<&'r Place<'r>>,
    /// What the policies say, if they were asked.
    pub judged: Option<&'r Judged<'r>>,
}

/// What both records of a request have in common, as one device writes it.
#[derive(Clone, Debug, Default)]
pub struct About {
    auth: Vec<u8>,
    request: Vec<u8>,
}

/// How one device writes values.
pub(crate) struct Style {
    pub(crate) hasher: Hasher,
    pub(crate) is_accessor_clear: bool,
    pub(crate) elides_lists: bool,
    pub(crate) prefix: String,
}

impl Style {
    fn accessor(&self, object: &mut Object<'_>, name: &str, accessor: &str) {
        if accessor.is_empty() {
            return;
        }
        self.write_accessor(object.key(name), accessor);
    }

    fn write_accessor(&self, out: &mut Vec<u8>, accessor: &str) {
        if self.is_accessor_clear { json::string(out, accessor) } else { self.hasher.string(out, accessor) }
    }

    fn hashed(&self, object: &mut Object<'_>, name: &str, value: &str) {
        if !value.is_empty() {
            self.hasher.string(object.key(name), value);
        }
    }
}

/// Formats what both records of a request have in common; `caller` is how this device writes who asks, if that is
/// known.
#[must_use]
pub fn about(device: &Device, request: &Request<'_>, caller: Option<&CallerText>) -> About {
    let style = device.style();
    let mut about = About::default();
    if let Some(caller) = caller {
        write_judged(&mut about.auth, caller, request.judged);
    }
    write_request(&mut about.request, style, request, caller);
    about
}

/// The record of a request, without its end. `error` says why it is refused.
#[must_use]
pub fn request(device: &Device, time: Timestamp, about: &About, error: Option<&str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(RECORD_BYTES + about.auth.len() + about.request.len());
    out.extend_from_slice(device.style().prefix.as_bytes());
    let mut record = head(&mut out, time, "request");
    common(&mut record, about);
    record.text("error", error.unwrap_or_default());
    out
}

/// The record of a reply, without its end. `reply` is missing where `error` says why.
#[must_use]
pub fn reply(
    device: &Device,
    time: Timestamp,
    about: &About,
    operation: Operation,
    place: Option<&Place<'_>>,
    reply: Result<&Reply, &str>,
) -> Vec<u8> {
    let style = device.style();
    let mut out = Vec::with_capacity(2 * RECORD_BYTES + about.auth.len() + about.request.len());
    out.extend_from_slice(style.prefix.as_bytes());
    let mut record = head(&mut out, time, "response");
    match reply {
        // Of a login, the one who asked is the one who is let in.
        Ok(Reply { auth: Some(auth), .. }) if about.auth.is_empty() => {
            write_auth(record.key("auth"), style, auth);
            record.raw("request", &about.request);
        }
        _ => common(&mut record, about),
    }
    match reply {
        Ok(reply) => write_reply(record.key("response"), style, operation, place, reply),
        Err(error) => record.text("error", error),
    }
    out
}

/// The record that a device is tried with before it is enabled, without its end.
#[must_use]
pub fn test(device: &Device, time: Timestamp, id: &str, namespace: &Namespace) -> Vec<u8> {
    let about = about(
        device,
        &Request {
            id,
            operation: Operation::Update,
            path: "sys/audit/test",
            token: "",
            data: &Map::new(),
            remote: None,
            wrap_ttl: None,
            namespace: Some(namespace),
            headers: &[],
            place: None,
            judged: None,
        },
        None,
    );
    request(device, time, &about, None)
}

/// What a record takes beside its variable parts, about, in bytes: so that it grows seldom.
const RECORD_BYTES: usize = 768;
/// What the policies' answer takes, about, in bytes.
const JUDGED_BYTES: usize = 256;

fn head<'o>(out: &'o mut Vec<u8>, time: Timestamp, kind: &str) -> Object<'o> {
    let mut record = Object::begin(out);
    record.text("time", &time.to_string());
    record.text("type", kind);
    record
}

fn common(record: &mut Object<'_>, about: &About) {
    if !about.auth.is_empty() {
        record.raw("auth", &about.auth);
    }
    record.raw("request", &about.request);
}

/// What of a caller stands in front of what the policies say, and what behind.
fn write_caller(caller: &Caller<'_>, token: &[u8], accessor: &[u8]) -> [Vec<u8>; 2] {
    let [mut before, mut behind] = [Vec::new(), Vec::new()];
    let mut auth = Object::begin(&mut before);
    auth.raw("client_token", token);
    if !accessor.is_empty() {
        auth.raw("accessor", accessor);
    }
    auth.text("display_name", caller.display_name);
    auth.texts("policies", &caller.policies);
    auth.texts("token_policies", &caller.token_policies);
    auth.texts("identity_policies", &caller.identity_policies);
    let mut auth = auth.continued(&mut behind);
    write_metadata(&mut auth, caller.metadata);
    auth.text("entity_id", caller.entity_id);
    auth.text("token_type", caller.token_type);
    auth.number("token_ttl", caller.token_ttl.as_secs());
    auth.text("token_issue_time", &caller.token_issue_time.to_string());
    auth.end();
    [before, behind]
}

/// A caller, and what the policies say to it.
fn write_judged(out: &mut Vec<u8>, caller: &CallerText, judged: Option<&Judged<'_>>) {
    let [before, behind] = &caller.auth;
    out.reserve_exact(before.len() + behind.len() + JUDGED_BYTES);
    out.extend_from_slice(before);
    if let Some(judged) = judged {
        // Behind the token, which every caller has.
        out.extend_from_slice(b",\"policy_results\":");
        let mut results = Object::begin(out);
        results.key("allowed").extend_from_slice(if judged.is_allowed { b"true" } else { b"false" });
        if !judged.granting.is_empty() {
            json::list(results.key("granting_policies"), judged.granting.iter(), |out, policy| {
                let mut object = Object::begin(out);
                object.text("name", policy.name);
                object.text("namespace_id", policy.namespace_id);
                object.text("namespace_path", policy.namespace_path);
                object.text("type", "acl");
                object.end();
            });
        }
        results.end();
    }
    out.extend_from_slice(behind);
}

fn write_metadata(auth: &mut Object<'_>, metadata: Option<&BTreeMap<String, String>>) {
    if let Some(metadata) = metadata.filter(|metadata| !metadata.is_empty()) {
        let mut object = Object::begin(auth.key("metadata"));
        for (name, value) in metadata {
            json::string(object.key(name), value);
        }
        object.end();
    }
}

fn write_request(out: &mut Vec<u8>, style: &Style, request: &Request<'_>, caller: Option<&CallerText>) {
    out.reserve(RECORD_BYTES);
    let mut object = Object::begin(out);
    object.text("id", request.id);
    object.text("client_id", caller.map_or("", |caller| &caller.client_id));
    object.text("operation", request.operation.name());
    if let Some(place) = request.place {
        write_place(&mut object, place);
    }
    match caller {
        Some(caller) => {
            object.raw("client_token", &caller.token);
            if !caller.accessor.is_empty() {
                object.raw("client_token_accessor", &caller.accessor);
            }
        }
        None => style.hashed(&mut object, "client_token", request.token),
    }
    if let Some(namespace) = request.namespace {
        let mut inner = Object::begin(object.key("namespace"));
        inner.text("id", &namespace.id);
        inner.text("path", &namespace.path);
        inner.end();
    }
    object.text("path", request.path);
    if !request.data.is_empty() {
        let clear = request.place.map_or(&[][..], |place| place.clear_request_keys);
        style.hasher.object(object.key("data"), request.data, clear);
    }
    if let Some(remote) = request.remote {
        object.text("remote_address", &remote.ip().to_canonical().to_string());
        object.number("remote_port", remote.port().into());
    }
    object.number("wrap_ttl", request.wrap_ttl.map_or(0, |ttl| ttl.as_secs()));
    write_headers(&mut object, style, request.headers);
    object.end();
}

fn write_headers(object: &mut Object<'_>, style: &Style, headers: &[(String, Vec<String>, bool)]) {
    if headers.is_empty() {
        return;
    }
    let mut inner = Object::begin(object.key("headers"));
    for (name, values, is_hashed) in headers {
        json::list(inner.key(name), values.iter().map(String::as_str), |out, value| match is_hashed {
            true => style.hasher.string(out, value),
            false => json::string(out, value),
        });
    }
    inner.end();
}

fn write_place(object: &mut Object<'_>, place: &Place<'_>) {
    object.text("mount_point", &place.point);
    object.text("mount_type", place.kind);
    object.text("mount_accessor", place.accessor);
    object.text("mount_class", place.class);
}

/// A token that a reply hands out.
fn write_auth(out: &mut Vec<u8>, style: &Style, auth: &Auth) {
    let mut object = Object::begin(out);
    style.hashed(&mut object, "client_token", auth.client_token.expose());
    style.accessor(&mut object, "accessor", &auth.accessor);
    object.texts("policies", &auth.policies);
    object.texts("token_policies", &auth.token_policies);
    object.texts("identity_policies", &auth.identity_policies);
    write_metadata(&mut object, auth.metadata.as_ref());
    object.number("num_uses", auth.num_uses);
    object.text("entity_id", &auth.entity_id);
    object.text("token_type", auth.token_type);
    object.number("token_ttl", auth.ttl.as_secs());
    object.end();
}

fn write_reply(out: &mut Vec<u8>, style: &Style, operation: Operation, place: Option<&Place<'_>>, reply: &Reply) {
    let mut object = Object::begin(out);
    if let Some(auth) = &reply.auth {
        write_auth(object.key("auth"), style, auth);
    }
    if let Some(place) = place {
        write_place(&mut object, place);
    }
    if let Some(lease) = reply.lease.as_ref().filter(|lease| !lease.id.is_empty()) {
        let mut secret = Object::begin(object.key("secret"));
        secret.text("lease_id", &lease.id);
        secret.end();
    }
    let clear = place.map_or(&[][..], |place| place.clear_reply_keys);
    match (&reply.data, &reply.body) {
        (_, Some(body)) => {
            let mut data = Object::begin(object.key("data"));
            style.hashed(&mut data, "http_content_type", &body.content_type);
            style.hashed(&mut data, "http_raw_body", &String::from_utf8_lossy(&body.bytes));
            data.number("http_status_code", if let Status::Code(code) = reply.status { code.into() } else { 200 });
            data.end();
        }
        (Some(data), None) => write_data(object.key("data"), style, operation, data, clear),
        (None, None) => {}
    }
    object.texts("warnings", &reply.warnings);
    if let Some(info) = &reply.wrap_info {
        let mut wrapped = Object::begin(object.key("wrap_info"));
        wrapped.number("ttl", info.ttl.as_secs());
        style.hashed(&mut wrapped, "token", info.token.expose());
        style.accessor(&mut wrapped, "accessor", &info.accessor);
        wrapped.text("creation_time", &info.creation_time.to_string());
        wrapped.text("creation_path", &info.creation_path);
        style.accessor(&mut wrapped, "wrapped_accessor", info.wrapped_accessor.as_deref().unwrap_or_default());
        wrapped.end();
    }
    object.end();
}

fn write_data(out: &mut Vec<u8>, style: &Style, operation: Operation, data: &Data, clear: &[String]) {
    if style.elides_lists
        && matches!(operation, Operation::List | Operation::Scan)
        && let Some(elided) = elided(data)
    {
        return style.hasher.object(out, &elided, clear);
    }
    match data {
        Data::Object(map) => style.hasher.object(out, map, clear),
        Data::Raw(raw) => style.hasher.text(out, raw.get(), clear),
    }
}

/// A list with the number of its names in place of the names (`elide_list_responses`).
fn elided(data: &Data) -> Option<Map<String, Value>> {
    let shortened = |name: &str, value: &Value| match (name, value) {
        ("keys", Value::Array(keys)) => Value::from(keys.len()),
        ("key_info", Value::Object(infos)) => Value::from(infos.len()),
        (_, value) => value.clone(),
    };
    match data {
        Data::Object(map) => Some(map.iter().map(|(name, value)| (name.clone(), shortened(name, value))).collect()),
        Data::Raw(raw) => {
            let parts: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get()).ok()?;
            let value = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).ok();
            let shorten = |(name, raw): (String, &RawValue)| {
                let value = shortened(&name, &value(raw)?);
                Some((name, value))
            };
            parts.into_iter().map(shorten).collect()
        }
    }
}

#[cfg(test)]
mod tests;

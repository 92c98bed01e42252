//! What a handler answers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use api::Timestamp;
use secret::Secret;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::lease::Grant;
use crate::login::Login;
use crate::mfa::MfaRequirement;
use crate::request::Operation;
use crate::stream::{BodyStream, Chunks};

/// A successful answer, before a front door gives it its wire form.
#[derive(Debug, Default)]
pub struct Reply {
    /// What it is about; `None` together with no warnings and no `auth` is "nothing to say" (204).
    pub data: Option<Data>,
    /// For the caller's eyes; never a secret.
    pub warnings: Vec<String>,
    /// A token that was made or renewed.
    pub auth: Option<Auth>,
    /// In place of a token: what a login has to be completed with. Holds no secret, and is never wrapped.
    pub mfa: Option<MfaRequirement>,
    /// The lease on the data.
    pub lease: Option<Lease>,
    /// The secret in the data, if it is one that ends: the core makes the lease of it.
    pub grant: Option<Grant>,
    /// Somebody has logged in: the core makes the token of it. Of an auth method's row without authentication alone.
    pub login: Option<Login>,
    /// The accessor of a credential in the data, which is not secret: who wraps the reply is told it beside the wrapping
    /// token, to end the credential without having seen it.
    pub accessor: Option<String>,
    /// In place of everything else: where the answer can be fetched once.
    pub wrap_info: Option<WrapInfo>,
    /// In place of the data and its envelope: bytes of any type.
    pub body: Option<RawBody>,
    /// In place of everything else: bytes that are made while they are sent. Cannot be wrapped.
    pub stream: Option<BodyStream>,
    /// The reply's own headers, such as `Location`; one name may come several times. Of a mounted engine only those
    /// leave that the mount's `allowed_response_headers` names, and of a raw body `Cache-Control` and
    /// `Content-Security-Policy`.
    pub headers: Vec<Header>,
    /// How the data stands in the body.
    pub shape: Shape,
    /// Anything but the usual status.
    pub status: Status,
}

/// The JSON object under `data`. Its `Debug` shows no value.
pub enum Data {
    /// Built by the handler.
    Object(Map<String, Value>),
    /// Already text: one JSON object, passed through as it is.
    Raw(Box<RawValue>),
}

/// A body that is no envelope: a certificate, a list of revocations, a text for a machine. Its `Debug` shows no byte.
pub struct RawBody {
    /// The media type, visible ASCII.
    pub content_type: Cow<'static, str>,
    /// What is sent as it is.
    pub bytes: Vec<u8>,
}

/// A header of a reply. A name or value that cannot be sent is a mistake of ours: the client gets 500. Its `Debug` shows
/// the name alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// Compared without case.
    pub name: Cow<'static, str>,
    /// Visible ASCII.
    pub value: String,
}

/// How the data stands in the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Shape {
    /// Under `data` in the envelope.
    #[default]
    Envelope,
    /// Under `data` in the envelope and, for older clients, beside it as well.
    Mirrored,
    /// Alone, without envelope.
    Bare,
}

/// Statuses that a handler asks for by meaning; the front door knows the number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Status {
    /// 200 with something to say, else 204.
    #[default]
    Usual,
    /// 404 with the full body: the thing is gone, what is known about it is told.
    Gone,
    /// 202: work goes on after the reply.
    Accepted,
    /// The number itself, for endpoints whose callers choose it (`sys/health`).
    Code(u16),
}

/// A lease on the reply's data.
#[derive(Clone, Debug, Default)]
pub struct Lease {
    /// Empty when there is only a duration to tell.
    pub id: String,
    /// Whether `sys/leases/renew` may prolong it.
    pub renewable: bool,
    /// How long it lasts.
    pub duration: Duration,
}

/// A token for the caller.
#[derive(Debug)]
pub struct Auth {
    /// The token itself.
    pub client_token: Secret<String>,
    /// Its non-secret handle; empty for batch tokens.
    pub accessor: String,
    /// All policies, sorted.
    pub policies: Vec<String>,
    /// Those that the token carries itself.
    pub token_policies: Vec<String>,
    /// Those that come from the entity and its groups.
    pub identity_policies: Vec<String>,
    /// Free text by the login or the creator.
    pub metadata: Option<BTreeMap<String, String>>,
    /// How long it lasts; zero for ever.
    pub ttl: Duration,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Who is behind it; empty for nobody known.
    pub entity_id: String,
    /// `service` or `batch`.
    pub token_type: &'static str,
    /// Whether it outlives the token that made it.
    pub is_orphan: bool,
    /// How often it may be used; zero is without limit.
    pub num_uses: u64,
}

/// Where a wrapped reply can be fetched once.
#[derive(Debug)]
pub struct WrapInfo {
    /// The single-use token.
    pub token: Secret<String>,
    /// Its accessor.
    pub accessor: String,
    /// How long it lasts.
    pub ttl: Duration,
    /// When it was made.
    pub creation_time: Timestamp,
    /// The path of the wrapped request.
    pub creation_path: String,
    /// The accessor of a token or another credential inside.
    pub wrapped_accessor: Option<String>,
}

impl Reply {
    /// Nothing to say: 204.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// An object under `data`. Anything else than an object is a mistake of ours and comes out as no data.
    #[must_use]
    pub fn data(value: Value) -> Self {
        let data = match value {
            Value::Object(map) => Some(Data::Object(map)),
            _ => None,
        };
        debug_assert!(data.is_some(), "a reply's data is an object");
        Self { data, ..Self::default() }
    }

    /// JSON text of one object under `data`, passed through.
    #[must_use]
    pub fn raw(data: Box<RawValue>) -> Self {
        Self { data: Some(Data::Raw(data)), ..Self::default() }
    }

    /// Bytes without an envelope, as they are; warnings do not fit in beside them.
    #[must_use]
    pub fn body(content_type: impl Into<Cow<'static, str>>, bytes: impl Into<Vec<u8>>) -> Self {
        let body = RawBody { content_type: content_type.into(), bytes: bytes.into() };
        Self { body: Some(body), ..Self::default() }
    }

    /// Bytes without an envelope that are made while they are sent.
    #[must_use]
    pub fn stream(content_type: impl Into<Cow<'static, str>>, chunks: Box<dyn Chunks>) -> Self {
        let stream = BodyStream { content_type: content_type.into(), chunks };
        Self { stream: Some(stream), ..Self::default() }
    }

    /// A list of names: `{"keys": […]}`. An empty one is answered 404 by the front door.
    #[must_use]
    pub fn list(keys: Vec<String>) -> Self {
        let keys = Value::Array(keys.into_iter().map(Value::String).collect());
        Self { data: Some(Data::Object(Map::from_iter([("keys".to_owned(), keys)]))), ..Self::default() }
    }

    /// The same data also beside the envelope's fields, for older clients.
    #[must_use]
    pub fn mirrored(mut self) -> Self {
        self.shape = Shape::Mirrored;
        self
    }

    /// The data alone, without envelope.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.shape = Shape::Bare;
        self
    }

    /// One more warning.
    #[must_use]
    pub fn warn(mut self, text: impl Into<String>) -> Self {
        self.warnings.push(text.into());
        self
    }

    /// One more header of the reply's own.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.headers.push(Header { name: name.into(), value: value.into() });
        self
    }

    /// Another status than the usual one.
    #[must_use]
    pub fn with_status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// The lease on the data.
    #[must_use]
    pub fn with_lease(mut self, lease: Lease) -> Self {
        self.lease = Some(lease);
        self
    }

    /// The secret in the data ends as this says. The row has to say that it [makes leases](crate::Path::makes_leases).
    #[must_use]
    pub fn granting(mut self, grant: Grant) -> Self {
        self.grant = Some(grant);
        self
    }

    /// There is a credential in the data that has this accessor.
    #[must_use]
    pub fn with_accessor(mut self, accessor: String) -> Self {
        self.accessor = Some(accessor);
        self
    }

    /// Whether there is anything to write into a body.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let has_body = self.data.is_some() || self.has_raw_body() || self.lease.is_some();
        let has_login = self.auth.is_some() || self.mfa.is_some();
        !has_body && self.warnings.is_empty() && !has_login && self.wrap_info.is_none()
    }

    /// Whether it is bytes without an envelope.
    #[must_use]
    pub fn has_raw_body(&self) -> bool {
        self.body.is_some() || self.stream.is_some()
    }

    /// Whether this answers what was asked: a read that found nothing and a list without names do not, and are told as
    /// "not found". A change has always been made.
    #[must_use]
    pub fn says_something_to(&self, operation: Operation) -> bool {
        match operation {
            Operation::List | Operation::Scan => !self.is_empty_list(),
            Operation::Read | Operation::Help => !self.is_empty(),
            Operation::Create | Operation::Update | Operation::Patch | Operation::Delete => true,
        }
    }

    /// Lists with a warning, a wrapped reply and lists in another shape are always shown.
    fn is_empty_list(&self) -> bool {
        /// Only whether there are keys.
        #[derive(Deserialize)]
        struct Names {
            #[serde(default)]
            keys: Option<Vec<IgnoredAny>>,
        }
        if self.has_raw_body() || !self.warnings.is_empty() || self.wrap_info.is_some() || self.auth.is_some() {
            return false;
        }
        if self.shape == Shape::Bare {
            return false;
        }
        match &self.data {
            None => true,
            Some(Data::Object(map)) => match map.get("keys") {
                Some(Value::Array(keys)) => keys.is_empty(),
                keys => keys.is_none_or(Value::is_null),
            },
            Some(Data::Raw(raw)) => {
                serde_json::from_str::<Names>(raw.get()).is_ok_and(|names| names.keys.unwrap_or_default().is_empty())
            }
        }
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(map) => f.debug_set().entries(map.keys()).finish(),
            Self::Raw(text) => write!(f, "{} bytes of JSON", text.get().len()),
        }
    }
}

impl fmt::Debug for RawBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {}", self.bytes.len(), self.content_type)
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl From<Login> for Reply {
    fn from(login: Login) -> Self {
        Self { login: Some(login), ..Self::default() }
    }
}

impl From<MfaRequirement> for Reply {
    fn from(requirement: MfaRequirement) -> Self {
        Self { mfa: Some(requirement), ..Self::default() }
    }
}

impl From<Auth> for Reply {
    fn from(auth: Auth) -> Self {
        Self { auth: Some(auth), ..Self::default() }
    }
}

#[cfg(test)]
mod tests;

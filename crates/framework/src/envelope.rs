//! The body of a successful answer: request id, lease, data, wrapping, warnings, auth.
//!
//! Every key is always there, `null` when it has nothing to say: strict clients insist. The body is written once into
//! one buffer; data that is text already passes through unread. Knows nothing of HTTP: the front door sends it, and
//! response wrapping stores it.

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::mfa::{MfaChoice, MfaRequirement};
use crate::reply::{Auth, Data, Reply, Shape, WrapInfo};

/// The keys of an envelope. Mirrored data may not replace them.
const KEYS: [&str; 9] =
    ["request_id", "lease_id", "renewable", "lease_duration", "data", "wrap_info", "warnings", "auth", "mount_type"];

/// What an envelope takes beside its data, in bytes, so that small replies fit without growing the buffer.
const ENVELOPE_BYTES: usize = 320;

/// The reply as JSON text with a newline at the end. `mount_type` is empty when no engine answered.
///
/// # Errors
/// When mirrored raw data is not an object: a mistake of ours.
pub fn encode(request_id: &str, mount_type: &str, reply: &Reply) -> Result<Vec<u8>, serde_json::Error> {
    let data_bytes = match &reply.data {
        Some(Data::Raw(raw)) => raw.get().len(),
        _ => 0,
    };
    let mut bytes = Vec::with_capacity(ENVELOPE_BYTES + data_bytes);
    match (reply.shape, &reply.data) {
        (Shape::Bare, Some(data)) => write_data(&mut bytes, data)?,
        _ => write_envelope(&mut bytes, request_id, mount_type, reply)?,
    }
    bytes.push(b'\n');
    Ok(bytes)
}

fn write_envelope(
    bytes: &mut Vec<u8>,
    request_id: &str,
    mount_type: &str,
    reply: &Reply,
) -> Result<(), serde_json::Error> {
    let lease = reply.lease.as_ref();
    // The id of a wrapped reply belongs to what is inside.
    let request_id = if reply.wrap_info.is_some() { "" } else { request_id };
    bytes.push(b'{');
    write_field(bytes, "request_id", request_id)?;
    write_field(bytes, "lease_id", lease.map_or("", |lease| &lease.id))?;
    write_field(bytes, "renewable", &lease.is_some_and(|lease| lease.renewable))?;
    write_field(bytes, "lease_duration", &lease.map_or(0, |lease| lease.duration.as_secs()))?;
    write_name(bytes, "data");
    match &reply.data {
        Some(data) => write_data(bytes, data)?,
        None => bytes.extend_from_slice(b"null"),
    }
    write_field(bytes, "wrap_info", &reply.wrap_info.as_ref().map(Wrapping))?;
    write_field(bytes, "warnings", &Some(&reply.warnings).filter(|warnings| !warnings.is_empty()))?;
    match &reply.mfa {
        Some(requirement) => write_field(bytes, "auth", &Pending(requirement))?,
        None => write_field(bytes, "auth", &reply.auth.as_ref().map(Credential))?,
    }
    write_field(bytes, "mount_type", mount_type)?;
    if reply.shape == Shape::Mirrored {
        mirror(bytes, reply.data.as_ref())?;
    }
    bytes.push(b'}');
    Ok(())
}

/// A key of ours, which has nothing to escape, with a comma in front unless it is the first of its object.
fn write_name(bytes: &mut Vec<u8>, name: &str) {
    if bytes.last() != Some(&b'{') {
        bytes.push(b',');
    }
    bytes.push(b'"');
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b"\":");
}

fn write_field<T: Serialize + ?Sized>(bytes: &mut Vec<u8>, name: &str, value: &T) -> Result<(), serde_json::Error> {
    write_name(bytes, name);
    api::json::to_writer(bytes, value)
}

/// The same with a key of the data's.
fn write_entry<T: Serialize + ?Sized>(bytes: &mut Vec<u8>, name: &str, value: &T) -> Result<(), serde_json::Error> {
    bytes.push(b',');
    api::json::to_writer(&mut *bytes, name)?;
    bytes.push(b':');
    api::json::to_writer(bytes, value)
}

/// The data as it stands in the body; what is text already is copied in one piece.
fn write_data(bytes: &mut Vec<u8>, data: &Data) -> Result<(), serde_json::Error> {
    match data {
        Data::Object(map) => api::json::to_writer(bytes, map),
        Data::Raw(raw) => {
            bytes.extend_from_slice(raw.get().as_bytes());
            Ok(())
        }
    }
}

/// The data's entries beside the envelope's own.
fn mirror(bytes: &mut Vec<u8>, data: Option<&Data>) -> Result<(), serde_json::Error> {
    let is_free = |key: &str| !KEYS.contains(&key);
    match data {
        None => Ok(()),
        Some(Data::Object(entries)) => {
            let mut entries = entries.iter().filter(|(key, _)| is_free(key));
            entries.try_for_each(|(key, value)| write_entry(bytes, key, value))
        }
        Some(Data::Raw(raw)) => {
            let entries: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get())?;
            let mut entries = entries.iter().filter(|(key, _)| is_free(key));
            entries.try_for_each(|(key, value)| write_entry(bytes, key, value))
        }
    }
}

struct Wrapping<'a>(&'a WrapInfo);

impl Serialize for Wrapping<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("token", self.0.token.expose())?;
        map.serialize_entry("accessor", &self.0.accessor)?;
        map.serialize_entry("ttl", &self.0.ttl.as_secs())?;
        map.serialize_entry("creation_time", &self.0.creation_time)?;
        map.serialize_entry("creation_path", &self.0.creation_path)?;
        if let Some(accessor) = &self.0.wrapped_accessor {
            map.serialize_entry("wrapped_accessor", accessor)?;
        }
        map.end()
    }
}

struct Credential<'a>(&'a Auth);

impl Serialize for Credential<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let auth = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("client_token", auth.client_token.expose())?;
        map.serialize_entry("accessor", &auth.accessor)?;
        map.serialize_entry("policies", &auth.policies)?;
        // Left out by Vault when empty, yet strict clients insist on it.
        map.serialize_entry("token_policies", &auth.token_policies)?;
        if !auth.identity_policies.is_empty() {
            map.serialize_entry("identity_policies", &auth.identity_policies)?;
        }
        map.serialize_entry("metadata", &auth.metadata)?;
        map.serialize_entry("lease_duration", &auth.ttl.as_secs())?;
        map.serialize_entry("renewable", &auth.renewable)?;
        map.serialize_entry("entity_id", &auth.entity_id)?;
        map.serialize_entry("token_type", auth.token_type)?;
        map.serialize_entry("orphan", &auth.is_orphan)?;
        map.serialize_entry("mfa_requirement", &())?;
        map.serialize_entry("num_uses", &auth.num_uses)?;
        map.end()
    }
}

/// A login without a token yet: the same keys, so that strict clients get as far as the requirement.
struct Pending<'a>(&'a MfaRequirement);

impl Serialize for Pending<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const NONE: [&str; 0] = [];
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("client_token", "")?;
        map.serialize_entry("accessor", "")?;
        map.serialize_entry("policies", &NONE)?;
        map.serialize_entry("token_policies", &NONE)?;
        map.serialize_entry("metadata", &())?;
        map.serialize_entry("lease_duration", &0)?;
        map.serialize_entry("renewable", &false)?;
        map.serialize_entry("entity_id", "")?;
        map.serialize_entry("token_type", self.0.token_type)?;
        map.serialize_entry("orphan", &false)?;
        map.serialize_entry("mfa_requirement", &Requirement(self.0))?;
        map.serialize_entry("num_uses", &0)?;
        map.end()
    }
}

struct Requirement<'a>(&'a MfaRequirement);

impl Serialize for Requirement<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let constraints = self.0.constraints.iter().map(|(name, any)| (name.as_str(), Any { any }));
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("mfa_request_id", &self.0.request_id)?;
        map.serialize_entry("mfa_constraints", &constraints.collect::<BTreeMap<_, _>>())?;
        map.end()
    }
}

#[derive(Serialize)]
struct Any<'a> {
    any: &'a [MfaChoice],
}

#[cfg(test)]
mod tests;

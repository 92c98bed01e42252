//! The body of a successful answer: request id, lease, data, wrapping, warnings, auth.
//!
//! Every key is always there, `null` when it has nothing to say: strict clients insist. The body is written once into
//! one buffer; data that is text already passes through unread. Knows nothing of HTTP: the front door sends it, and
//! response wrapping stores it.

use std::collections::BTreeMap;

use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

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
        (Shape::Bare, Some(data)) => api::json::to_writer(&mut bytes, &Content(data))?,
        _ => api::json::to_writer(&mut bytes, &Envelope { request_id, mount_type, reply })?,
    }
    bytes.push(b'\n');
    Ok(bytes)
}

struct Envelope<'a> {
    request_id: &'a str,
    mount_type: &'a str,
    reply: &'a Reply,
}

impl Serialize for Envelope<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let reply = self.reply;
        let lease = reply.lease.as_ref();
        let mut map = serializer.serialize_map(None)?;
        // The id of a wrapped reply belongs to what is inside.
        let request_id = if reply.wrap_info.is_some() { "" } else { self.request_id };
        map.serialize_entry("request_id", request_id)?;
        map.serialize_entry("lease_id", lease.map_or("", |lease| &lease.id))?;
        map.serialize_entry("renewable", &lease.is_some_and(|lease| lease.renewable))?;
        map.serialize_entry("lease_duration", &lease.map_or(0, |lease| lease.duration.as_secs()))?;
        map.serialize_entry("data", &reply.data.as_ref().map(Content))?;
        map.serialize_entry("wrap_info", &reply.wrap_info.as_ref().map(Wrapping))?;
        map.serialize_entry("warnings", &Some(&reply.warnings).filter(|warnings| !warnings.is_empty()))?;
        map.serialize_entry("auth", &reply.auth.as_ref().map(Credential))?;
        map.serialize_entry("mount_type", self.mount_type)?;
        if reply.shape == Shape::Mirrored {
            mirror(&mut map, reply.data.as_ref())?;
        }
        map.end()
    }
}

/// The data's entries beside the envelope's own.
fn mirror<M: SerializeMap>(map: &mut M, data: Option<&Data>) -> Result<(), M::Error> {
    match data {
        None => Ok(()),
        Some(Data::Object(entries)) => {
            let mut entries = entries.iter().filter(|(key, _)| !KEYS.contains(&key.as_str()));
            entries.try_for_each(|(key, value)| map.serialize_entry(key, value))
        }
        Some(Data::Raw(raw)) => {
            let entries: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get()).map_err(M::Error::custom)?;
            let mut entries = entries.iter().filter(|(key, _)| !KEYS.contains(&key.as_str()));
            entries.try_for_each(|(key, value)| map.serialize_entry(key, value))
        }
    }
}

struct Content<'a>(&'a Data);

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Data::Object(map) => map.serialize(serializer),
            Data::Raw(raw) => raw.serialize(serializer),
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

#[cfg(test)]
mod tests;

//! `sys/audit`, `sys/audit-hash` and `sys/config/auditing/request-headers`.

use std::collections::BTreeMap;

use framework::input::Nothing;
use framework::{Context, Error, Path, Reply, Segment, fields};
use serde_json::{Map, Value, json};

use crate::audit_log::{AuditDevice, AuditLog, Shown};

const PATH: &str = "The name of the device.";

pub(super) fn paths() -> Vec<Path<AuditLog>> {
    vec![
        Path::new("audit", "The audit devices: who did what is written to each of them.")
            .sudo()
            .root_only()
            .read(list, "Show all of them."),
        Path::new("audit/{path}", "One audit device.")
            .param("path", Segment::Rest, PATH)
            .sudo()
            .root_only()
            .update(enable, "Enable a device, once it has taken a first record.")
            .delete(disable, "Disable it."),
        Path::new("audit-hash/{path}", "How a device writes a value.")
            .param("path", Segment::Rest, PATH)
            .root_only()
            .update(hash, "Hash a text as the device does."),
        Path::new("config/auditing/request-headers", "The headers of requests that audit devices record.")
            .sudo()
            .root_only()
            .read(list_headers, "Show all of them."),
        Path::new("config/auditing/request-headers/{header}", "A header of requests that audit devices record.")
            .param("header", Segment::Name, "Name of the header.")
            .sudo()
            .root_only()
            .read(read_header, "Show how it is recorded.")
            .update(write_header, "Record it.")
            .delete(delete_header, "Record it no more."),
    ]
}

fields! {
    /// A device by its path.
    struct At {
        /// The name of the device.
        path: String,
    }
}

fields! {
    /// A device to be enabled.
    struct Enable {
        /// The name of the device.
        path: String,
        /// The device type: file, http, socket or syslog.
        r#type: String = String::new(),
        /// A sentence for people.
        description: String = String::new(),
        /// Options of the type, such as file_path.
        options: Option<BTreeMap<String, String>>,
        /// Kept and shown: whether the device is left out of replication, which does not exist.
        local: bool = false,
    }
}

fields! {
    /// A text to be hashed.
    struct Hash {
        /// The name of the device.
        path: String,
        /// The text.
        input: String = String::new() => secret,
    }
}

fields! {
    /// A header by name.
    struct Named {
        /// Name of the header.
        header: String,
    }
}

fields! {
    /// How a header is to be recorded.
    struct WriteHeader {
        /// Name of the header.
        header: String,
        /// Whether its values are hashed.
        hmac: bool = false,
    }
}

async fn list(log: &AuditLog, _: &Context, _: Nothing) -> Result<Reply, Error> {
    let device = |it: Shown| {
        let shown = json!({
            "path": it.path, "type": it.kind, "description": it.description, "options": it.options, "local": it.is_local,
        });
        (it.path, shown)
    };
    let devices: Map<_, _> = log.list().await?.into_iter().map(device).collect();
    Ok(Reply::data(devices.into()).mirrored())
}

async fn enable(log: &AuditLog, _: &Context, input: Enable) -> Result<Reply, Error> {
    let new = AuditDevice {
        path: input.path,
        kind: input.r#type,
        description: input.description,
        options: input.options.unwrap_or_default(),
        is_local: input.local,
    };
    log.enable(new).await?;
    Ok(Reply::empty())
}

async fn disable(log: &AuditLog, _: &Context, input: At) -> Result<Reply, Error> {
    log.disable(&input.path).await?;
    Ok(Reply::empty())
}

async fn hash(log: &AuditLog, _: &Context, input: Hash) -> Result<Reply, Error> {
    if input.input.is_empty() {
        return Err(Error::invalid("the \"input\" parameter is empty"));
    }
    let hash = log.hash(&input.path, &input.input).await?;
    Ok(Reply::data(json!({ "hash": hash })).mirrored())
}

async fn list_headers(log: &AuditLog, _: &Context, _: Nothing) -> Result<Reply, Error> {
    let headers = log.headers().await?.into_iter().map(|(name, hmac)| (name, json!({ "hmac": hmac })));
    Ok(Reply::data(json!({ "headers": headers.collect::<Map<String, Value>>() })).mirrored())
}

async fn read_header(log: &AuditLog, _: &Context, input: Named) -> Result<Reply, Error> {
    let name = input.header.to_ascii_lowercase();
    let hmac = log.headers().await?.remove(&name).ok_or(Error::Invalid("Could not find header in config".into()))?;
    Ok(Reply::data(Value::Object(Map::from_iter([(name, json!({ "hmac": hmac }))]))).mirrored())
}

async fn write_header(log: &AuditLog, _: &Context, input: WriteHeader) -> Result<Reply, Error> {
    log.set_header(&input.header, input.hmac).await?;
    Ok(Reply::empty())
}

async fn delete_header(log: &AuditLog, _: &Context, input: Named) -> Result<Reply, Error> {
    log.unset_header(&input.header).await?;
    Ok(Reply::empty())
}

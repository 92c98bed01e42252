//! What is stored of audit devices.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use framework::Error;
use serde::{Deserialize, Serialize};

use super::{AuditDevice, Shown};

/// `core/audit`: every device, and what all of them record of headers. Absent: none.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Table {
    pub(super) v: u32,
    pub(super) devices: Vec<DeviceEntry>,
    /// By lower-case name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) headers: BTreeMap<String, HeaderEntry>,
}

impl Default for Table {
    fn default() -> Self {
        Self { v: 1, devices: Vec::new(), headers: BTreeMap::new() }
    }
}

/// A device. No `Debug`: it holds the salt.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeviceEntry {
    pub(super) uuid: String,
    /// Ends in `/`.
    pub(super) path: String,
    pub(super) kind: String,
    pub(super) description: String,
    pub(super) options: BTreeMap<String, String>,
    pub(super) is_local: bool,
    /// Base64. Who has it can try values against the hashes in the records.
    salt: String,
}

/// How the values of a header are recorded.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct HeaderEntry {
    pub(super) hmac: bool,
}

impl DeviceEntry {
    pub(super) fn new(uuid: String, path: String, new: AuditDevice, salt: &[u8]) -> Self {
        let AuditDevice { kind, description, options, is_local, .. } = new;
        Self { uuid, path, kind, description, options, is_local, salt: BASE64.encode(salt) }
    }

    /// Whether it is what is to be enabled.
    pub(super) fn is_like(&self, new: &AuditDevice) -> bool {
        let AuditDevice { path: _, kind, description, options, is_local } = new;
        (&self.kind, &self.description, &self.options, &self.is_local) == (kind, description, options, is_local)
    }

    pub(super) fn salt(&self) -> Result<Vec<u8>, Error> {
        BASE64.decode(self.salt.as_bytes()).map_err(|source| Error::world("decode the salt of an audit device", source))
    }

    pub(super) fn into_shown(self) -> Shown {
        let Self { path, kind, description, options, is_local, .. } = self;
        Shown { path, options: audit::shown(&kind, options), kind, description, is_local }
    }
}

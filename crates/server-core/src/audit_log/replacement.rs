//! The table of devices as somebody wants to write it past this module, through `sys/raw`: whether the server could go on
//! with it. A table that nobody can read would lock everybody out, those included who could mend it.

use framework::Error;
use framework::view::CommitError;
use storage::Revision;

use super::entry::{DeviceEntry, Table};
use super::{AuditLog, parse_path};
use crate::keys;

impl AuditLog {
    /// Whether what is stored at `revision` may be replaced by these bytes, or deleted.
    ///
    /// # Errors
    /// When this release could not read it, and when it would change a device that this node declares.
    /// [`CommitError::Conflict`] when something else is stored by now.
    pub(crate) async fn check_replacement(&self, at: Option<Revision>, with: Option<&[u8]>) -> Result<(), CommitError> {
        let new = with.map_or_else(|| Ok(Table::default()), read)?;
        let found = self.table().await?;
        if found.as_ref().map(|found| found.revision) != at {
            return Err(CommitError::Conflict);
        }
        let old = found.map(|found| found.value.devices).unwrap_or_default();
        let is_kept = |old: &DeviceEntry| new.devices.iter().any(|new| new == old);
        match old.iter().find(|old| self.is_declared(&old.path) && !is_kept(old)) {
            Some(declared) => Err(super::enabling::is_declared(&declared.path).into()),
            None => Ok(()),
        }
    }
}

fn read(bytes: &[u8]) -> Result<Table, Error> {
    let key = String::from_utf8_lossy(keys::AUDIT.as_bytes());
    let wrong = |why: &str| Error::Invalid(format!("cannot write '{key}': {why}").into());
    let table = serde_json::from_slice::<Table>(bytes).ok().filter(|table| table.v == 1);
    let table = table.ok_or_else(|| wrong("this is no table of audit devices that this release can read"))?;
    for device in &table.devices {
        let is_sound = device.salt().is_ok() && parse_path(&device.path).is_ok_and(|path| path == device.path);
        if !is_sound {
            return Err(wrong("a device has no path that ends in /, or no salt"));
        }
    }
    Ok(table)
}

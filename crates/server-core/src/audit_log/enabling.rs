//! Enabling and disabling devices, and those that the node's own configuration declares.
//!
//! What is declared is put in force by the same requests as anybody's, and cannot be disabled or replaced by others as
//! long as it is declared. A device whose declaration has changed takes the place of the old one in one commit, under
//! the same salt: hashes of before and after are the same, and no request passes in between without a record.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use audit::Settings;
use framework::Error;

use super::entry::{DeviceEntry, Table};
use super::{AuditDevice, AuditLog, Running, parse_path, refused};

/// The most devices. Every request is written to each.
const DEVICES_MAX: usize = 16;
/// The most that a device's options and description may take together, in bytes.
const OPTIONS_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a device's salt.
const SALT_BYTES: usize = 32;

impl AuditLog {
    /// Says what the configuration of this node declares from now on. It puts nothing in force.
    pub(crate) fn declare(&self, devices: Vec<AuditDevice>) {
        // A path that none can be is refused when somebody tries to enable it.
        let by_path = |device: AuditDevice| Some((parse_path(&device.path).ok()?, device));
        let devices: BTreeMap<_, _> = devices.into_iter().filter_map(by_path).collect();
        *self.declared.lock().unwrap_or_else(PoisonError::into_inner) = devices;
    }

    /// Says whether the configuration of this node declares any. From the next unseal on it waits for a first device, if it
    /// does; if it does not, it waits no more.
    pub(crate) fn expect(&self, are_declared: bool) {
        self.expected.store(are_declared, Ordering::Release);
        if !are_declared || self.store.barrier().is_sealed() {
            self.awaited.store(are_declared, Ordering::Release);
        }
    }

    /// Whether devices are declared and none has been in force since the node was unsealed: nothing may pass that would be
    /// recorded then. A node that has served without them goes on when they are declared later.
    pub(crate) fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::Acquire)
    }

    fn declared(&self, path: &str) -> Option<AuditDevice> {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    /// Whether the configuration of this node declares a device at this path, which ends in `/`.
    pub(super) fn is_declared(&self, path: &str) -> bool {
        self.declared(path).is_some()
    }

    /// Enables a device once it has taken a first record. One that is declared takes the place of what is at its path.
    pub(crate) async fn enable(&self, new: AuditDevice) -> Result<(), Error> {
        let path = parse_path(&new.path)?;
        let options: usize = new.options.iter().map(|(name, value)| name.len() + value.len()).sum();
        if options + new.description.len() > OPTIONS_BYTES_MAX {
            let text = format!("options and description together are longer than {OPTIONS_BYTES_MAX} bytes");
            return Err(Error::Invalid(text.into()));
        }
        let settings = Settings::parse(&new.kind, &new.options, &self.rules).map_err(refused)?;
        let declared = self.declared(&path);
        // Nobody else decides what the operator of the machine has decided in its configuration.
        if declared.as_ref().is_some_and(|declared| !declared.is_like(&new)) {
            return Err(is_declared(&path));
        }
        let table = self.table().await?.map(|found| found.value).unwrap_or_default();
        let old = table.devices.iter().find(|it| it.path == path && declared.is_some());
        if old.is_some_and(|old| old.is_like(&new)) {
            return Ok(());
        }
        check_place(&table, &path, old)?;
        let salt = match old {
            Some(old) => old.salt()?,
            None => self.env.random::<SALT_BYTES>().to_vec(),
        };
        let entry = DeviceEntry::new(self.env.uuid(), path, new, &salt);
        let device = self.start_device(&settings, &entry.uuid, &salt)?;
        self.probe(&device).await?;
        self.running().push(Running { uuid: entry.uuid.clone(), path: entry.path.clone(), device });
        let old = old.map(|old| old.uuid.as_str());
        let added = self.change(|table| add(table, &entry, old)).await;
        if !matches!(added, Ok(true)) {
            self.running().retain(|it| it.uuid != entry.uuid);
        }
        added.map(drop)
    }

    /// Disables a device; one that is not there is as good.
    pub(crate) async fn disable(&self, path: &str) -> Result<(), Error> {
        let path = parse_path(path)?;
        if self.is_declared(&path) {
            return Err(is_declared(&path));
        }
        let removed = self.change(|table| {
            let before = table.devices.len();
            table.devices.retain(|device| device.path != path);
            Ok(table.devices.len() < before)
        });
        removed.await.map(drop)
    }
}

impl AuditDevice {
    /// Whether both are the same, whatever slashes are around their paths.
    fn is_like(&self, other: &Self) -> bool {
        let Self { path: _, kind, description, options, is_local } = self;
        (kind, description, options, is_local) == (&other.kind, &other.description, &other.options, &other.is_local)
    }
}

/// Adds a device, in the place of `old` if there was one when it was begun.
fn add(table: &mut Table, entry: &DeviceEntry, old: Option<&str>) -> Result<bool, Error> {
    let place = old.and_then(|old| table.devices.iter().position(|it| it.uuid == old));
    if let Some(place) = place {
        let old = table.devices.get_mut(place);
        old.into_iter().for_each(|old| *old = entry.clone());
        return Ok(true);
    }
    check_place(table, &entry.path, None)?;
    table.devices.push(entry.clone());
    Ok(true)
}

/// Devices do not nest, so that each has a name of its own.
fn check_place(table: &Table, path: &str, old: Option<&DeviceEntry>) -> Result<(), Error> {
    if old.is_some() {
        return Ok(());
    }
    if table.devices.iter().any(|it| it.path.starts_with(path) || path.starts_with(&it.path)) {
        return Err(Error::invalid("path already in use"));
    }
    if table.devices.len() >= DEVICES_MAX {
        return Err(Error::Invalid(format!("there are at most {DEVICES_MAX} audit devices").into()));
    }
    Ok(())
}

pub(super) fn is_declared(path: &str) -> Error {
    let text = format!("the audit device {path} is declared in the server's configuration: change it there");
    Error::Invalid(text.into())
}

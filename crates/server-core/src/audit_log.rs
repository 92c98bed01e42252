//! The audit devices of the cluster: one entry, followed by every node, and the devices that it names, opened.
//!
//! What was opened belongs to one revision of the entry, so a change needs to tell nobody: the next request on any node
//! sees another revision. A request holds the devices that were enabled when it came, whatever becomes of them meanwhile,
//! a sealed node included. With no device in the entry there is no audit; with one that takes nothing, no request passes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use api::Timestamp;
use api::audit::ChainName;
use arc_swap::ArcSwapOption;
use audit::{Device, OptionError, Receipt, Relay, Rules, Settings, record};
use barrier::{Changes, Purpose, Remembered};
use env::Env;
use framework::view::{COMMIT_TRIES, from_barrier};
use framework::{Error, Namespace};
use storage::Revision;

use crate::keys::{self, ROOT_NAMESPACE};
use crate::store::{Found, Lost, Store, encode};

pub(crate) mod caller_texts;
mod enabling;
mod entry;
mod headers;
pub(crate) mod heads;
mod replacement;

use entry::{DeviceEntry, Table};

/// The longest path of a device, in bytes.
const PATH_BYTES_MAX: usize = 256;
/// How long a request waits for a device to take its record. Behind it, it is refused.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the end of the process waits for devices to write what they have taken.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// The audit devices.
pub(crate) struct AuditLog {
    store: Store,
    env: Env,
    /// What the machine is called; part of every record's chain.
    node: String,
    rules: Rules,
    active: ArcSwapOption<Active>,
    /// Whether something is to be recorded, by the devices in `active`.
    is_on: Remembered,
    /// Devices that run, so that a change of the table does not begin the chains of those that stay anew.
    running: Mutex<Vec<Running>>,
    /// Held while devices are opened, so that none is opened twice.
    opening: tokio::sync::Mutex<()>,
    /// The task that commits how far the chains have come.
    committing: Mutex<Option<tokio::task::JoinHandle<()>>>,
    /// What the configuration of this node declares, by path.
    declared: Mutex<BTreeMap<String, AuditDevice>>,
    /// Whether the configuration of this node declares any, and whether the node waits for them since it was unsealed.
    expected: AtomicBool,
    awaited: AtomicBool,
    relay: Arc<Relay>,
    /// The task that runs the relay, from the first device on.
    relaying: OnceLock<tokio::task::JoinHandle<()>>,
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        if let Some(task) = self.relaying.get() {
            task.abort();
        }
    }
}

/// What the table named at one revision.
pub(crate) struct Active {
    revision: Revision,
    /// Those that could be opened. None of them is as bad as all of them failing.
    pub(crate) devices: Vec<Arc<Device>>,
    /// The headers of requests that are recorded, and whether their values are hashed.
    pub(crate) headers: Vec<(String, bool)>,
    /// The paths of those that cannot be opened on this node.
    unopened: Vec<String>,
    is_on: bool,
}

#[derive(Clone)]
struct Running {
    uuid: String,
    path: String,
    device: Arc<Device>,
}

/// A device to be enabled. It has no `Debug`: an option may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditDevice {
    /// Its name.
    pub path: String,
    /// Its type, such as `file`.
    pub kind: String,
    /// A sentence for people.
    pub description: String,
    /// Options of the type and of all types.
    pub options: BTreeMap<String, String>,
    /// Kept and shown: whether it is left out of replication, which does not exist.
    pub is_local: bool,
}

/// What is shown of a device.
pub(crate) struct Shown {
    /// Ends in `/`.
    pub(crate) path: String,
    pub(crate) kind: String,
    pub(crate) description: String,
    pub(crate) options: BTreeMap<String, String>,
    pub(crate) is_local: bool,
}

impl AuditLog {
    pub(crate) fn new(store: Store, env: Env, node: String, rules: Rules) -> Self {
        Self {
            store,
            env,
            node,
            rules,
            active: ArcSwapOption::empty(),
            is_on: Remembered::default(),
            running: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            committing: Mutex::default(),
            declared: Mutex::default(),
            expected: AtomicBool::new(false),
            awaited: AtomicBool::new(false),
            relay: Arc::default(),
            relaying: OnceLock::new(),
        }
    }

    /// The devices of now; none when nothing is to be recorded, and while sealed. Warm, this makes no storage call.
    pub(crate) async fn current(&self) -> Result<Option<Arc<Active>>, Error> {
        // Taken before the look: a write that comes after it makes another stamp.
        let stamp = self.store.stamp();
        let known = match self.is_on.get(stamp) {
            Some(false) => return Ok(None),
            Some(true) => self.active.load_full().filter(|active| active.is_on),
            None => None,
        };
        if known.is_some() {
            return Ok(known);
        }
        // That there is nothing to record because the keys are gone must not be remembered.
        let Some(active) = Box::pin(self.look()).await? else { return Ok(None) };
        if active.is_some() {
            self.awaited.store(false, Ordering::Release);
        }
        self.is_on.set(stamp, active.is_some());
        Ok(active)
    }

    /// As [`current`](Self::current), whatever is known; the outer `None` while sealed.
    async fn look(&self) -> Result<Option<Option<Arc<Active>>>, Error> {
        let revision = match self.store.revisions_of([keys::AUDIT.clone()]).await {
            Ok([revision]) => revision,
            Err(Error::Sealed) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(revision) = revision else { return Ok(Some(None)) };
        let known = self.active.load_full().filter(|active| active.revision == revision);
        let active = match known {
            Some(active) => active,
            None => self.load().await?,
        };
        Ok(Some(Some(active).filter(|active| active.is_on)))
    }

    /// Opens what the table names.
    async fn load(&self) -> Result<Arc<Active>, Error> {
        let _opening = self.opening.lock().await;
        let found = self.table().await?;
        let revision = found.as_ref().map(|found| found.revision);
        if let Some(active) = self.active.load_full().filter(|active| Some(active.revision) == revision) {
            return Ok(active);
        }
        let Some(Found { value: table, revision }) = found else { return Err(framework::view::contended()) };
        let (mut running, mut unopened) = (Vec::new(), Vec::new());
        for entry in &table.devices {
            let known = self.running().iter().find(|it| it.uuid == entry.uuid).cloned();
            let device = match known {
                Some(known) => known,
                None => match self.understand(entry) {
                    // What fails here is of the moment. Nothing is kept then, so that the next request tries again.
                    Ok((settings, salt)) => Running {
                        uuid: entry.uuid.clone(),
                        path: entry.path.clone(),
                        device: self.start_device(&settings, &entry.uuid, &salt)?,
                    },
                    // One that this release does not know, most likely. The others decide what passes.
                    Err(error) => {
                        tracing::error!(%error, path = entry.path, "audit device cannot be opened");
                        unopened.push(entry.path.clone());
                        continue;
                    }
                },
            };
            running.push(device);
        }
        let active = Arc::new(Active {
            revision,
            devices: running.iter().map(|it| Arc::clone(&it.device)).collect(),
            headers: table.headers.iter().map(|(name, header)| (name.clone(), header.hmac)).collect(),
            unopened,
            is_on: !table.devices.is_empty(),
        });
        *self.running() = running;
        self.active.store(Some(Arc::clone(&active)));
        Ok(active)
    }

    /// The settings of a device and its salt, as far as this release and this machine can do with them.
    fn understand(&self, entry: &DeviceEntry) -> Result<(Settings, Vec<u8>), Error> {
        // A text in front of records was allowed when the device was enabled, on whichever node that was. Where files may
        // be is about this machine.
        let rules = Rules { may_have_prefix: true, ..self.rules.clone() };
        let settings = Settings::parse(&entry.kind, &entry.options, &rules).map_err(refused)?;
        Ok((settings, entry.salt()?))
    }

    /// Starts a device with a chain of its own.
    fn start_device(&self, settings: &Settings, uuid: &str, salt: &[u8]) -> Result<Arc<Device>, Error> {
        let subkey = self.store.barrier().subkey(Purpose::AuditChain).map_err(from_barrier)?;
        let nanos = Timestamp::from(self.env.now()).unix_nanos().max(0);
        let boot = format!("{nanos:016x}{:08x}", u32::from_le_bytes(self.env.random()));
        let name = ChainName { device: uuid.to_owned(), boot, node: self.node.clone(), term: subkey.term };
        let key = audit::Key::new(subkey.key.expose());
        self.relaying.get_or_init(|| tokio::spawn(self.relay.runner(self.env.clone())));
        Device::start(settings, salt, name, key, Arc::clone(&self.relay)).map(Arc::new).map_err(refused)
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn table(&self) -> Result<Option<Found<Table>>, Error> {
        let found = self.store.get::<Table>(&keys::AUDIT).await?;
        match found {
            Some(found) if found.value.v != 1 => {
                Err(Error::world("read the table of audit devices", "its format is newer than this release"))
            }
            found => Ok(found),
        }
    }

    /// Hands a record to each of these devices. The receipt, begun at this time of the monotonic clock, is given up when
    /// patience ends.
    pub(crate) fn submit<'d>(
        &self,
        records: impl ExactSizeIterator<Item = (&'d Device, Vec<u8>)>,
        began: Duration,
    ) -> Receipt {
        let receipt = Device::submit(records);
        self.relay.give_up(&receipt, began.saturating_add(PATIENCE));
        receipt
    }

    /// The wall clock, for records.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from(self.env.now())
    }

    /// Writes a first record: a device that takes nothing would stop the server.
    async fn probe(&self, device: &Device) -> Result<(), Error> {
        let root = Namespace { id: ROOT_NAMESPACE.to_owned(), path: String::new() };
        let record = record::test(device, self.now(), &self.env.uuid(), &root);
        if self.submit(std::iter::once((device, record)), self.env.monotonic()).await {
            return Ok(());
        }
        let why = device.failure().map_or_else(|| "it does not answer".to_owned(), |failure| failure.to_string());
        Err(Error::Invalid(format!("sanity check failed; the device takes no record: {why}").into()))
    }

    /// All devices.
    pub(crate) async fn list(&self) -> Result<Vec<Shown>, Error> {
        let found = self.table().await?;
        let devices = found.into_iter().flat_map(|found| found.value.devices);
        Ok(devices.map(DeviceEntry::into_shown).collect())
    }

    /// The hash that a device writes for a text.
    pub(crate) async fn hash(&self, path: &str, text: &str) -> Result<String, Error> {
        let unknown = || Error::Invalid(format!("unknown audit backend {path:?}").into());
        let wanted = parse_path(path)?;
        let table = self.table().await?.ok_or_else(unknown)?.value;
        let entry = table.devices.into_iter().find(|device| device.path == wanted).ok_or_else(unknown)?;
        Ok(audit::Hasher::new(&entry.salt()?, false).hash(text))
    }

    /// What waits for each device of those that run, by its path.
    pub(crate) fn backlogs(&self) -> Vec<(String, audit::Backlog)> {
        self.running().iter().map(|it| (it.path.clone(), it.device.backlog())).collect()
    }

    /// The paths of devices that are enabled and cannot be opened on this node.
    pub(crate) fn unopened(&self) -> Vec<String> {
        self.active.load_full().map(|active| active.unopened.clone()).unwrap_or_default()
    }

    /// Has all devices write what they have taken, for the end of the process: nothing can be recorded behind it. It waits
    /// for that only so long.
    pub(crate) async fn close(&self) {
        let running = self.running().clone();
        let ends: Vec<_> = running.iter().map(|it| it.device.close()).collect();
        let all = async {
            for end in ends {
                end.await;
            }
        };
        tokio::select! {
            () = all => {}
            () = self.env.sleep(CLOSE_PATIENCE) => {}
        }
        for Running { path, device, .. } in &running {
            let records = device.backlog().records;
            if records > 0 {
                tracing::error!(path, records, "an audit device has not written all that it had taken: that is lost");
            }
        }
    }

    /// Has every device open its medium anew, and commits how far the old ones have come.
    pub(crate) async fn reopen(&self) {
        self.running().iter().for_each(|it| it.device.reopen());
        self.commit_heads().await;
    }

    /// Lets go of the devices and their salts; the server is being sealed. Requests under way keep theirs.
    pub(crate) fn forget(&self) {
        if let Some(task) = self.committing.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
        self.active.store(None);
        self.running().clear();
        self.awaited.store(self.expected.load(Ordering::Acquire), Ordering::Release);
    }

    /// Changes the table; `change` says whether it did, and so does this. A node that was faster is read again.
    async fn change(&self, mut change: impl FnMut(&mut Table) -> Result<bool, Error>) -> Result<bool, Error> {
        for _ in 0..COMMIT_TRIES {
            let found = self.table().await?;
            let known = found.as_ref().map(|found| found.revision);
            let mut table = found.map_or_else(Table::default, |found| found.value);
            if !change(&mut table)? {
                return Ok(false);
            }
            let mut changes = Changes::new();
            changes.set(keys::AUDIT.clone(), known, encode(&table)?);
            match self.store.commit(changes).await {
                Ok(_) => return Ok(true),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }
}

/// A mistake in the options is the caller's, a thread that cannot be had is the world's.
fn refused(error: OptionError) -> Error {
    match error {
        error @ OptionError::Thread(_) => Error::world("start an audit device", error),
        error => Error::Invalid(error.to_string().into()),
    }
}

/// The path with one `/` at its end.
fn parse_path(path: &str) -> Result<String, Error> {
    let path = path.trim_matches('/');
    if path.is_empty() {
        return Err(Error::invalid("backend path must be specified"));
    }
    if path.len() > PATH_BYTES_MAX || path.chars().any(char::is_control) {
        let text = format!("the path is longer than {PATH_BYTES_MAX} bytes or has control characters");
        return Err(Error::Invalid(text.into()));
    }
    Ok([path, "/"].concat())
}

#[cfg(test)]
mod tests;

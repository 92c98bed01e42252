//! Turning a mount into one of a later version of its engine.
//!
//! One commit changes the option, says in the mount's entry that the upgrade is under way, rewrites the liveness entry,
//! so that writes of the older version that are under way conflict, and puts a line into the due index. From then on
//! the mount answers nothing. The worker lets the engine take over what is stored, part by part, however often nodes
//! come and go meanwhile, and the last commit takes the word and the line away.

use std::sync::Arc;

use async_trait::async_trait;
use env::BoxFuture;
use framework::engine::Route;
use framework::path::PathSpec;
use framework::view::{COMMIT_TRIES, to_stored};
use framework::{Context, Due, Error, Kind, Mounted, Operation, Reply};
use serde_json::{Map, Value};
use storage::Expectation;

use super::Mounts;
use super::change::missing;
use super::entry::{LiveEntry, Settings};
use crate::due::{Line, Owner, drop_line};
use crate::keys;
use crate::store::{Lost, encode};

/// The word in the due index's keys.
const DUE_KIND: &str = "upgrade";
/// How many parts one turn takes over, so that a large mount does not keep everything else waiting.
const PARTS_MAX: usize = 50;
/// The mount's option that this is about, and what it is when it was never set.
const OPTION: &str = "version";
const FIRST_VERSION: &str = "1";
/// What the mount says meanwhile. Clients look for this sentence and try again.
const UNAVAILABLE: &str = "Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief \
                           period and will resume service shortly.";

/// The upgrades under way.
pub(crate) struct Upgrades(pub(crate) Arc<Mounts>);

/// What a mount is while it is upgraded: its table is there, but nothing behind it.
pub(super) struct Upgrading(pub(super) Arc<dyn Mounted>);

impl Settings {
    /// The version of the engine, as the operator writes it.
    pub(crate) fn version(&self) -> &str {
        self.options.get(OPTION).map_or(FIRST_VERSION, String::as_str)
    }
}

impl Mounts {
    /// Begins to turn the mount at a path into one of another version; false when it is of that version already.
    ///
    /// # Errors
    /// [`Error::Invalid`] when no mount is there, or its engine has no way from its version to that one.
    pub(crate) async fn upgrade(&self, ns: &str, kind: Kind, path: &str, version: &str) -> Result<bool, Error> {
        for _ in 0..COMMIT_TRIES {
            let mount = self.at(ns, kind, path).await?.ok_or_else(|| missing(kind, path))?;
            let key = keys::mount(ns, &mount.uuid)?;
            let found = self.store.get::<Settings>(&key).await?.ok_or_else(|| missing(kind, path))?;
            if found.value.path != path {
                // Moved between the two reads: look again at what is at the path.
                continue;
            }
            let mut settings = found.value;
            if settings.version() == version {
                return Ok(false);
            }
            self.check_upgrade(&settings, version)?;
            settings.upgrading_from = settings.version().to_owned();
            settings.options.insert(OPTION.to_owned(), version.to_owned());
            let (live_key, live_revision) = mount.liveness.clone();
            let mut changes = self.epoch_change(ns).await?;
            changes.replace(key, found.revision, encode(&settings)?);
            changes.replace(live_key, live_revision, encode(&LiveEntry::LIVE)?);
            let now = to_stored(self.env.now().into());
            changes.create(keys::due(now, ns, DUE_KIND, &mount.uuid)?, Vec::new());
            match self.store.commit(changes).await {
                Ok(_) => return Ok(true),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// Whether a mount can become one of another version.
    pub(crate) fn check_upgrade(&self, settings: &Settings, version: &str) -> Result<(), Error> {
        let mut options = settings.options.clone();
        options.insert(OPTION.to_owned(), version.to_owned());
        let engine = self.make(&settings.engine_type, &options)?;
        let old = settings.version();
        if !settings.upgrading_from.is_empty() {
            return Err(Error::invalid(UNAVAILABLE));
        }
        if old == version || engine.upgrades_from() == Some(old) {
            return Ok(());
        }
        if old > version {
            return Err(Error::Invalid(format!("cannot downgrade mount from version {old}").into()));
        }
        Err(Error::Invalid(format!("cannot upgrade mount from version {old} to version {version}").into()))
    }
}

#[async_trait]
impl Owner for Upgrades {
    fn kind(&self) -> &'static str {
        DUE_KIND
    }

    async fn fire(&self, line: Line) -> Result<(), Error> {
        let Self(mounts) = self;
        let (ns, uuid) = (line.namespace.as_str(), line.id.as_str());
        let key = keys::mount(ns, uuid)?;
        let found = mounts.store.get::<Settings>(&key).await?;
        let found = found.filter(|found| !found.value.upgrading_from.is_empty());
        let (Some(found), Some(mount)) = (found, mounts.load(ns, uuid).await?) else {
            return drop_line(&mounts.store, line).await;
        };
        let mut settings = found.value;
        let engine = mounts.make(&settings.engine_type, &settings.options)?;
        let context = mounts.work_context(ns, &mount).await?;
        let mut parts = 0;
        while !engine.upgrade(&context).await? {
            parts += 1;
            if parts == PARTS_MAX {
                // The line stays, so the worker comes back after it has looked at what else is due.
                return Ok(());
            }
        }
        settings.upgrading_from.clear();
        let mut changes = mounts.epoch_change(ns).await?;
        changes.expect(Expectation::At(mount.liveness.0.clone(), mount.liveness.1));
        changes.replace(key, found.revision, encode(&settings)?);
        changes.delete(line.key, line.revision);
        match mounts.store.commit(changes).await {
            // A race is with another node, or with somebody who tunes the mount: the line tells what is left to do.
            Ok(_) | Err(Lost::Race(_)) => Ok(()),
            Err(Lost::Failed(error)) => Err(error),
        }
    }
}

#[async_trait]
impl Mounted for Upgrading {
    fn kind(&self) -> Kind {
        self.0.kind()
    }

    fn type_name(&self) -> &'static str {
        self.0.type_name()
    }

    fn help(&self) -> &'static str {
        self.0.help()
    }

    fn specs(&self) -> &[PathSpec] {
        self.0.specs()
    }

    fn route(&self, operation: Operation, path: &str) -> Result<Route, Error> {
        self.0.route(operation, path)
    }

    async fn exists(&self, _: &Context, _: &Route, _: &Map<String, Value>) -> Result<bool, Error> {
        Err(Error::invalid(UNAVAILABLE))
    }

    fn handle<'a>(
        &'a self,
        _: &'a Context,
        _: Route,
        _: Operation,
        _: Map<String, Value>,
    ) -> BoxFuture<'a, Result<Reply, Error>> {
        Box::pin(std::future::ready(Err(Error::invalid(UNAVAILABLE))))
    }

    async fn due(&self, _: &Context, _: Due) -> Result<(), Error> {
        Err(Error::world("do what is due", "the mount is being upgraded"))
    }

    fn upgrades_from(&self) -> Option<&'static str> {
        None
    }

    async fn upgrade(&self, _: &Context) -> Result<bool, Error> {
        Err(Error::world("upgrade a mount", "it is being upgraded already"))
    }
}

#[cfg(test)]
mod tests;

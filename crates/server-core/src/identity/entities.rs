//! Entities: found, made, changed, marked for removal.

use framework::Error;
use storage::Expectation;

use super::entry::{EntityEntry, EntityState, NameEntry, Texts};
use super::{Identities, checks, fold, take_name};
use crate::keys;
use crate::store::{Found, Lost, decode, encode};

/// How many merges are followed from one entity to the one that it stands for. A finished merge leaves one at most.
const MERGES_MAX: usize = 16;

/// Which entity or group is meant.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// One that is there.
    Id(String),
    /// One that may be there.
    Name(String),
    /// A new one, which the server names.
    New,
}

/// What is changed of an entity; what is absent stays.
#[derive(Clone, Default)]
pub(crate) struct EntityChange {
    pub(crate) name: Option<String>,
    pub(crate) metadata: Option<Texts>,
    pub(crate) policies: Option<Vec<String>>,
    pub(crate) is_disabled: Option<bool>,
}

/// Something that was written.
pub(crate) struct Written<T> {
    pub(crate) value: T,
    pub(crate) is_new: bool,
}

impl Identities {
    /// The entry of an id, whatever its state.
    pub(super) async fn stored_entity(&self, ns: &str, id: &str) -> Result<Option<Found<EntityEntry>>, Error> {
        self.store.get(&keys::entity(ns, id)?).await
    }

    /// The living entity of this id.
    pub(crate) async fn entity(&self, ns: &str, id: &str) -> Result<Option<Found<EntityEntry>>, Error> {
        Ok(self.stored_entity(ns, id).await?.filter(|found| found.value.is_live()))
    }

    /// The living entity that an id stands for, with the keys that say so.
    pub(crate) async fn entity_behind(
        &self,
        ns: &str,
        id: &str,
    ) -> Result<(Option<Found<EntityEntry>>, super::who::ReadFrom), Error> {
        let mut read_from = Vec::new();
        let mut id = id.to_owned();
        for _ in 0..MERGES_MAX {
            let key = keys::entity(ns, &id)?;
            let found = self.store.get::<EntityEntry>(&key).await?;
            read_from.push((key, found.as_ref().map(|found| found.revision)));
            match found {
                Some(found) if found.value.is_live() => return Ok((Some(found), read_from)),
                Some(found) => match found.value.stands_for() {
                    Some(other) => other.clone_into(&mut id),
                    None => break,
                },
                None => break,
            }
        }
        Ok((None, read_from))
    }

    /// The living entity of this name.
    pub(crate) async fn entity_named(&self, ns: &str, name: &str) -> Result<Option<Found<EntityEntry>>, Error> {
        let key = keys::entity_name(ns, &fold(name))?;
        match self.store.get::<NameEntry>(&key).await? {
            Some(found) => self.entity(ns, &found.value.id).await,
            None => Ok(None),
        }
    }

    /// Makes or changes an entity.
    pub(crate) async fn write_entity(
        &self,
        ns: &str,
        target: &Target,
        change: &EntityChange,
    ) -> Result<Written<EntityEntry>, Error> {
        again!(self.try_write_entity(ns, target, change))
    }

    async fn try_write_entity(
        &self,
        ns: &str,
        target: &Target,
        change: &EntityChange,
    ) -> Result<Written<EntityEntry>, Lost> {
        let found = match target {
            Target::Id(id) => Some(self.entity(ns, id).await?.ok_or_else(|| Error::invalid("invalid entity id"))?),
            Target::Name(name) => self.entity_named(ns, name).await?,
            Target::New => None,
        };
        let revision = found.as_ref().map(|found| found.revision);
        let before = found.map(|found| found.value);
        let mut entry = before.clone().unwrap_or_else(|| self.new_entity(target));
        if let Some(name) = change.name.as_ref().filter(|name| !name.is_empty()) {
            name.clone_into(&mut entry.name);
        }
        checks::name("entity name", &entry.name)?;
        if let Some(metadata) = &change.metadata {
            checks::metadata(metadata)?;
            entry.metadata = Some(metadata.clone());
        }
        if let Some(policies) = &change.policies {
            entry.policies = checks::policies(policies)?;
        }
        entry.is_disabled = change.is_disabled.unwrap_or(entry.is_disabled);
        entry.updated = self.now_nanos();
        let mut changes = self.changes(ns).await?;
        let folder = keys::entity_names(ns);
        let before_name = before.as_ref().map(|before| before.name.as_str());
        let is_free = take_name(&self.store, &folder, before_name, &entry.id, &entry.name, &mut changes).await?;
        if !is_free {
            return Err(Error::invalid("entity name is already in use").into());
        }
        changes.set(keys::entity(ns, &entry.id)?, revision, encode(&entry)?);
        self.commit(changes).await?;
        Ok(Written { value: entry, is_new: before.is_none() })
    }

    /// An entity that is not stored yet.
    pub(super) fn new_entity(&self, target: &Target) -> EntityEntry {
        let now = self.now_nanos();
        let name = match target {
            Target::Name(name) => name.clone(),
            Target::Id(_) | Target::New => self.made_up("entity"),
        };
        EntityEntry {
            v: 1,
            id: self.env.uuid(),
            name,
            state: EntityState::Live,
            metadata: None,
            policies: Vec::new(),
            is_disabled: false,
            created: now,
            updated: now,
        }
    }

    /// A name for something that nobody has named (Vault's form). Not unique by itself: the index decides.
    pub(super) fn made_up(&self, what: &str) -> String {
        let bytes = self.env.random::<4>();
        format!("{what}_{:08x}", u32::from_be_bytes(bytes))
    }

    /// Removes an entity: from the reply on nobody is it, and its name and aliases are free.
    pub(crate) async fn delete_entity(&self, ns: &str, id: &str) -> Result<(), Error> {
        if again!(self.mark_entity(ns, id))? { self.sweep_entity(ns, id).await } else { Ok(()) }
    }

    /// Marks an entity for removal. False when there is none.
    pub(super) async fn mark_entity(&self, ns: &str, id: &str) -> Result<bool, Lost> {
        let Some(found) = self.stored_entity(ns, id).await? else { return Ok(false) };
        match found.value.state {
            EntityState::Live => {}
            EntityState::Removing => return Ok(true),
            EntityState::Merging { .. } | EntityState::Merged { .. } => return Ok(false),
        }
        let entry = EntityEntry { state: EntityState::Removing, ..found.value };
        let mut changes = self.changes(ns).await?;
        self.free_name(&keys::entity_names(ns), &entry.name, &entry.id, &mut changes).await?;
        changes.replace(keys::entity(ns, id)?, found.revision, encode(&entry)?);
        self.promise(ns, &["entity/", id].concat(), &mut changes).await?;
        self.commit(changes).await?;
        Ok(true)
    }

    /// Takes a name out of its index, if it is that of `id`.
    pub(super) async fn free_name(
        &self,
        folder: &str,
        name: &str,
        id: &str,
        changes: &mut barrier::Changes,
    ) -> Result<(), Error> {
        let key = keys::prefix(&[folder, &fold(name)].concat())?;
        if let Some(found) = self.store.get::<NameEntry>(&key).await?.filter(|found| found.value.id == id) {
            changes.delete(key, found.revision);
        }
        Ok(())
    }

    /// An expectation that an entity stays as it was read.
    pub(super) fn expect_entity(ns: &str, found: &Found<EntityEntry>) -> Result<Expectation, Error> {
        Ok(Expectation::At(keys::entity(ns, &found.value.id)?, found.revision))
    }

    /// The entities of these ids that live, in the same order.
    pub(super) async fn entities_of(&self, ns: &str, ids: &[String]) -> Result<Vec<Option<Found<EntityEntry>>>, Error> {
        let keys = ids.iter().map(|id| keys::entity(ns, id)).collect::<Result<Vec<_>, _>>()?;
        let opened = self.store.get_list(&keys).await?;
        let found = keys.iter().zip(opened).map(|(key, opened)| match opened {
            Some(opened) => Ok(Some(decode::<EntityEntry>(key, &opened)?).filter(|found| found.value.is_live())),
            None => Ok(None),
        });
        found.collect()
    }
}

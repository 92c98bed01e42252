//! Aliases of entities, and the one thing that logins ask of identity: who is behind this name at this mount?

use barrier::Changes;
use framework::Error;
use storage::{Expectation, Key, Revision};

use super::entry::{AliasEntry, EntityEntry, NameEntry, Texts};
use super::{ALIASES_MAX, Identities, checks, entities::Target, fold};
use crate::keys;
use crate::mounts::LiveMount;
use crate::store::{Found, Lost, encode};

/// What an alias is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Of {
    Entity,
    Group,
}

impl Of {
    /// The word in keys.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Entity => "entity",
            Self::Group => "group",
        }
    }
}

/// An alias to be made or changed; what is absent stays, or is nothing.
#[derive(Clone, Default)]
pub(crate) struct AliasChange {
    /// The alias itself; none for the one that has the name, or a new one.
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) mount_accessor: Option<String>,
    /// The entity or group that it is to be of.
    pub(crate) canonical_id: Option<String>,
    pub(crate) custom_metadata: Option<Texts>,
}

/// An alias that is to stand where another one, or none, stood.
pub(super) struct Move {
    pub(super) of: Of,
    pub(super) before: Option<Found<AliasEntry>>,
    pub(super) after: AliasEntry,
}

impl Identities {
    pub(crate) async fn alias(&self, ns: &str, of: Of, id: &str) -> Result<Option<Found<AliasEntry>>, Error> {
        self.store.get(&keys::alias(ns, of.word(), id)?).await
    }

    /// The alias of a name at a mount.
    pub(crate) async fn alias_named(
        &self,
        ns: &str,
        of: Of,
        accessor: &str,
        name: &str,
    ) -> Result<Option<Found<AliasEntry>>, Error> {
        let at = keys::alias_at(ns, of.word(), accessor, &fold(name))?;
        match self.store.get::<NameEntry>(&at).await? {
            Some(found) => self.alias(ns, of, &found.value.id).await,
            None => Ok(None),
        }
    }

    /// Makes or changes an alias of an entity; without an entity to be of, a new one is made for it.
    pub(crate) async fn write_alias(&self, ns: &str, change: &AliasChange) -> Result<AliasEntry, Error> {
        again!(self.try_write_alias(ns, change))
    }

    async fn try_write_alias(&self, ns: &str, change: &AliasChange) -> Result<AliasEntry, Lost> {
        let before = self.alias_to_change(ns, Of::Entity, change).await?;
        let mut after = self.changed_alias(ns, before.as_ref(), change).await?;
        let mut changes = self.changes(ns).await?;
        match change.canonical_id.as_ref().filter(|id| !id.is_empty()) {
            Some(id) => {
                let entity = self.entity(ns, id).await?.ok_or_else(|| Error::invalid("invalid canonical ID"))?;
                changes.expect(Self::expect_entity(ns, &entity)?);
                entity.value.id.clone_into(&mut after.canonical_id);
            }
            None if before.is_none() => {
                let entity = self.new_entity(&Target::New);
                entity.id.clone_into(&mut after.canonical_id);
                self.put_new_entity(ns, &entity, &mut changes)?;
            }
            None => {
                let entity = self.entity(ns, &after.canonical_id).await?;
                // It is being moved or removed: look again when that is done.
                let Some(entity) = entity else { return Err(Lost::Race(Vec::new())) };
                changes.expect(Self::expect_entity(ns, &entity)?);
            }
        }
        if let Some(other) = self.alias_of(ns, &after.canonical_id, &after.mount_accessor).await?
            && other.value.id != after.id
        {
            let text = "entity already has an alias on the same mount: change that one, or choose another entity";
            return Err(Error::invalid(text).into());
        }
        self.move_alias(ns, Move { of: Of::Entity, before, after: after.clone() }, &mut changes).await?;
        self.commit(changes).await?;
        Ok(after)
    }

    /// The alias that a change is about, if it is there already.
    pub(super) async fn alias_to_change(
        &self,
        ns: &str,
        of: Of,
        change: &AliasChange,
    ) -> Result<Option<Found<AliasEntry>>, Error> {
        if let Some(id) = change.id.as_ref().filter(|id| !id.is_empty()) {
            let found = self.alias(ns, of, id).await?;
            return found.ok_or_else(|| Error::invalid("invalid alias ID")).map(Some);
        }
        let name = change.name.as_deref().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Error::invalid("missing alias name"))?;
        let accessor = change.mount_accessor.as_deref().filter(|accessor| !accessor.is_empty());
        let accessor = accessor.ok_or_else(|| Error::invalid("missing mount_accessor"))?;
        self.alias_named(ns, of, accessor, name).await
    }

    /// The alias as a change makes it, but for whose it is.
    pub(super) async fn changed_alias(
        &self,
        ns: &str,
        before: Option<&Found<AliasEntry>>,
        change: &AliasChange,
    ) -> Result<AliasEntry, Error> {
        let now = self.now_nanos();
        let mut after = before.map(|before| before.value.clone()).unwrap_or_else(|| AliasEntry {
            v: 1,
            id: self.env.uuid(),
            canonical_id: String::new(),
            name: String::new(),
            mount_accessor: String::new(),
            metadata: None,
            custom_metadata: None,
            merged_from: Vec::new(),
            created: now,
            updated: now,
        });
        after.updated = now;
        if let Some(name) = change.name.as_ref().filter(|name| !name.is_empty()) {
            checks::alias_name(name)?;
            name.clone_into(&mut after.name);
        }
        if let Some(accessor) = change.mount_accessor.as_ref().filter(|accessor| !accessor.is_empty()) {
            if self.mounts.by_accessor(ns, accessor).await?.is_none() {
                return Err(Error::Invalid(format!("invalid mount accessor {accessor:?}").into()));
            }
            accessor.clone_into(&mut after.mount_accessor);
        }
        if let Some(metadata) = &change.custom_metadata {
            checks::metadata(metadata)?;
            after.custom_metadata = Some(metadata.clone());
        }
        Ok(after)
    }

    /// The line that names the alias of an entity at a mount.
    pub(super) async fn alias_of(
        &self,
        ns: &str,
        entity: &str,
        accessor: &str,
    ) -> Result<Option<Found<NameEntry>>, Error> {
        self.store.get(&keys::entity_alias(ns, entity, accessor)?).await
    }

    /// Adds to a commit what puts an alias in the place of what it was: its entry, where it is found by name, and for an
    /// entity the line among its aliases. Refuses a name that another alias has.
    pub(super) async fn move_alias(&self, ns: &str, moved: Move, changes: &mut Changes) -> Result<(), Error> {
        let Move { of, before, after } = moved;
        let at = |entry: &AliasEntry| keys::alias_at(ns, of.word(), &entry.mount_accessor, &fold(&entry.name));
        let line = |entry: &AliasEntry| keys::entity_alias(ns, &entry.canonical_id, &entry.mount_accessor);
        let name = NameEntry { v: 1, id: after.id.clone(), name: after.name.clone() };
        let mut places = vec![(at(&after)?, before.as_ref().map(|before| at(&before.value)).transpose()?)];
        if of == Of::Entity {
            if before.as_ref().is_none_or(|before| before.value.canonical_id != after.canonical_id) {
                self.check_room(ns, &after.canonical_id).await?;
            }
            places.push((line(&after)?, before.as_ref().map(|before| line(&before.value)).transpose()?));
        }
        for (key, old) in places {
            let known = self.store.get::<NameEntry>(&key).await?;
            if known.as_ref().is_some_and(|known| known.value.id != after.id) {
                return Err(Error::invalid("alias with the same name and mount is already in use"));
            }
            changes.set(key.clone(), known.map(|known| known.revision), encode(&name)?);
            if let Some(old) = old.filter(|old| *old != key) {
                self.delete_if_there(old, changes).await?;
            }
        }
        let key = keys::alias(ns, of.word(), &after.id)?;
        changes.set(key, before.map(|before| before.revision), encode(&after)?);
        Ok(())
    }

    async fn check_room(&self, ns: &str, entity: &str) -> Result<(), Error> {
        let aliases = self.names_below(&keys::entity_aliases(ns, entity), ALIASES_MAX - 1).await?;
        if aliases.len() < ALIASES_MAX {
            return Ok(());
        }
        Err(Error::Invalid(format!("an entity can have {ALIASES_MAX} aliases at most").into()))
    }

    pub(super) async fn delete_if_there(&self, key: Key, changes: &mut Changes) -> Result<(), Error> {
        if let [Some(revision)] = self.store.revisions_of([key.clone()]).await? {
            changes.delete(key, revision);
        }
        Ok(())
    }

    /// Adds to a commit the entries of an entity that is not there yet.
    fn put_new_entity(&self, ns: &str, entity: &EntityEntry, changes: &mut Changes) -> Result<(), Error> {
        let name = NameEntry { v: 1, id: entity.id.clone(), name: entity.name.clone() };
        changes.create(keys::entity_name(ns, &fold(&entity.name))?, encode(&name)?);
        changes.create(keys::entity(ns, &entity.id)?, encode(entity)?);
        Ok(())
    }

    /// Removes an alias; no error when there is none. Its entity stays.
    pub(crate) async fn delete_alias(&self, ns: &str, id: &str) -> Result<(), Error> {
        again!(self.try_delete_alias(ns, id))
    }

    async fn try_delete_alias(&self, ns: &str, id: &str) -> Result<(), Lost> {
        let Some(found) = self.alias(ns, Of::Entity, id).await? else { return Ok(()) };
        let mut changes = Changes::new();
        self.delete_alias_parts(ns, &found.value, found.revision, &mut changes).await?;
        self.commit(changes).await?;
        Ok(())
    }

    /// Adds to a commit what takes an alias of an entity away: three removals.
    pub(super) async fn delete_alias_parts(
        &self,
        ns: &str,
        alias: &AliasEntry,
        revision: Revision,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let word = Of::Entity.word();
        changes.delete(keys::alias(ns, word, &alias.id)?, revision);
        for key in [
            keys::alias_at(ns, word, &alias.mount_accessor, &fold(&alias.name))?,
            keys::entity_alias(ns, &alias.canonical_id, &alias.mount_accessor)?,
        ] {
            let found = self.store.get::<NameEntry>(&key).await?;
            if let Some(found) = found.filter(|found| found.value.id == alias.id) {
                changes.delete(key, found.revision);
            }
        }
        Ok(())
    }

    /// The entity of a login: the one that is known by this name at this mount, or a new one. `metadata` is what the
    /// method says of the alias; none leaves what is known. Both may be made at once by two logins: one of them makes the
    /// entity, the other finds it.
    pub(crate) async fn entity_at_login(
        &self,
        ns: &str,
        mount: &LiveMount,
        name: &str,
        metadata: Option<&Texts>,
    ) -> Result<EntityEntry, Error> {
        checks::alias_name(name)?;
        again!(self.try_entity_at_login(ns, mount, name, metadata))
    }

    async fn try_entity_at_login(
        &self,
        ns: &str,
        mount: &LiveMount,
        name: &str,
        metadata: Option<&Texts>,
    ) -> Result<EntityEntry, Lost> {
        let accessor = mount.settings.accessor.as_str();
        let Some(alias) = self.alias_named(ns, Of::Entity, accessor, name).await? else {
            return self.first_login(ns, mount, name, metadata).await;
        };
        let (entity, _) = self.entity_behind(ns, &alias.value.canonical_id).await?;
        let Some(entity) = entity else {
            // It was removed just now, and its alias is on the way out: that must not keep anybody from logging in.
            self.sweep_entity(ns, &alias.value.canonical_id).await?;
            return Err(Lost::Race(Vec::new()));
        };
        if metadata.is_some() && alias.value.metadata.as_ref() != metadata {
            let after = AliasEntry { metadata: metadata.cloned(), updated: self.now_nanos(), ..alias.value };
            let mut changes = self.changes(ns).await?;
            changes.expect(Self::expect_entity(ns, &entity)?);
            changes.replace(keys::alias(ns, Of::Entity.word(), &after.id)?, alias.revision, encode(&after)?);
            self.commit(changes).await?;
        }
        Ok(entity.value)
    }

    async fn first_login(
        &self,
        ns: &str,
        mount: &LiveMount,
        name: &str,
        metadata: Option<&Texts>,
    ) -> Result<EntityEntry, Lost> {
        let entity = self.new_entity(&Target::New);
        let accessor = mount.settings.accessor.clone();
        let now = entity.created;
        let alias = AliasEntry {
            v: 1,
            id: self.env.uuid(),
            canonical_id: entity.id.clone(),
            name: name.to_owned(),
            mount_accessor: accessor.clone(),
            metadata: metadata.cloned(),
            custom_metadata: None,
            merged_from: Vec::new(),
            created: now,
            updated: now,
        };
        let mut changes = self.changes(ns).await?;
        changes.expect(Expectation::At(mount.liveness.0.clone(), mount.liveness.1));
        self.put_new_entity(ns, &entity, &mut changes)?;
        let (word, line) = (Of::Entity.word(), NameEntry { v: 1, id: alias.id.clone(), name: name.to_owned() });
        changes.create(keys::alias(ns, word, &alias.id)?, encode(&alias)?);
        changes.create(keys::alias_at(ns, word, &accessor, &fold(name))?, encode(&line)?);
        changes.create(keys::entity_alias(ns, &entity.id, &accessor)?, encode(&line)?);
        match self.commit(changes).await {
            Ok(_) => Ok(entity),
            // The mount is on the way out: nobody can log in there.
            Err(Lost::Race(keys)) if keys.contains(&mount.liveness.0) => Err(Error::Denied.into()),
            Err(lost) => Err(lost),
        }
    }
}

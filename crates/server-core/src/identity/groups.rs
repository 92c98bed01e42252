//! Groups: found, made, changed, marked for removal; and the one alias of an external group.

use barrier::Changes;
use framework::Error;

use super::aliases::{AliasChange, Move, Of};
use super::entities::{Target, Written};
use super::entry::{AliasEntry, GroupEntry, GroupKind, NameEntry, Texts};
use super::{Identities, checks, fold, take_name};
use crate::keys;
use crate::store::{Found, Lost, encode};

/// What is changed of a group; what is absent stays.
#[derive(Clone, Default)]
pub(crate) struct GroupChange {
    pub(crate) name: Option<String>,
    pub(crate) kind: Option<GroupKind>,
    pub(crate) metadata: Option<Texts>,
    pub(crate) policies: Option<Vec<String>>,
    pub(crate) entities: Option<Vec<String>>,
    pub(crate) groups: Option<Vec<String>>,
}

impl Identities {
    /// The group of this id.
    pub(crate) async fn group(&self, ns: &str, id: &str) -> Result<Option<Found<GroupEntry>>, Error> {
        let found = self.store.get::<GroupEntry>(&keys::group(ns, id)?).await?;
        Ok(found.filter(|found| !found.value.is_removing))
    }

    /// The group of this name.
    pub(crate) async fn group_named(&self, ns: &str, name: &str) -> Result<Option<Found<GroupEntry>>, Error> {
        match self.store.get::<NameEntry>(&keys::group_name(ns, &fold(name))?).await? {
            Some(found) => self.group(ns, &found.value.id).await,
            None => Ok(None),
        }
    }

    /// Makes or changes a group. Its members follow in commits of their own when they are many: after a failure in
    /// between, the same call again does what is left.
    pub(crate) async fn write_group(
        &self,
        ns: &str,
        target: &Target,
        change: &GroupChange,
    ) -> Result<Written<GroupEntry>, Error> {
        let written = again!(self.try_write_group(ns, target, change))?;
        let id = written.value.id.as_str();
        if let Some(groups) = &change.groups {
            again!(self.set_children(ns, id, groups))?;
        }
        if let Some(entities) = &change.entities {
            again!(self.set_members(ns, id, entities))?;
        }
        Ok(written)
    }

    async fn try_write_group(
        &self,
        ns: &str,
        target: &Target,
        change: &GroupChange,
    ) -> Result<Written<GroupEntry>, Lost> {
        let found = match target {
            Target::Id(id) => Some(self.group(ns, id).await?.ok_or_else(|| Error::invalid("invalid group ID"))?),
            Target::Name(name) => self.group_named(ns, name).await?,
            Target::New => None,
        };
        let revision = found.as_ref().map(|found| found.revision);
        let before = found.map(|found| found.value);
        let mut entry = before.clone().unwrap_or_else(|| self.new_group(target, change));
        if let Some(name) = change.name.as_ref().filter(|name| !name.is_empty()) {
            name.clone_into(&mut entry.name);
        }
        checks::name("group name", &entry.name)?;
        if change.kind.is_some_and(|kind| kind != entry.kind) {
            return Err(Error::invalid("group type cannot be changed").into());
        }
        if let Some(metadata) = &change.metadata {
            checks::metadata(metadata)?;
            entry.metadata = Some(metadata.clone());
        }
        if let Some(policies) = &change.policies {
            entry.policies = checks::policies(policies)?;
        }
        self.check_members(ns, &entry, change).await?;
        entry.updated = self.now_nanos();
        entry.writes += 1;
        let mut changes = self.changes(ns).await?;
        let before_name = before.as_ref().map(|before| before.name.as_str());
        let folder = keys::group_names(ns);
        if !take_name(&self.store, &folder, before_name, &entry.id, &entry.name, &mut changes).await? {
            return Err(Error::invalid("group name is already in use").into());
        }
        changes.set(keys::group(ns, &entry.id)?, revision, encode(&entry)?);
        self.commit(changes).await?;
        Ok(Written { value: entry, is_new: before.is_none() })
    }

    fn new_group(&self, target: &Target, change: &GroupChange) -> GroupEntry {
        let now = self.now_nanos();
        GroupEntry {
            v: 1,
            id: self.env.uuid(),
            name: match target {
                Target::Name(name) => name.clone(),
                Target::Id(_) | Target::New => self.made_up("group"),
            },
            is_removing: false,
            kind: change.kind.unwrap_or(GroupKind::Internal),
            metadata: None,
            policies: Vec::new(),
            alias: None,
            created: now,
            updated: now,
            writes: 0,
        }
    }

    /// Removes a group: from the reply on it gives nobody anything. What is left of it is swept.
    pub(crate) async fn delete_group(&self, ns: &str, id: &str) -> Result<(), Error> {
        if again!(self.mark_group(ns, id))? { self.sweep_group(ns, id).await } else { Ok(()) }
    }

    /// Marks a group for removal; its name and its alias are free at once. False when there is none.
    pub(super) async fn mark_group(&self, ns: &str, id: &str) -> Result<bool, Lost> {
        let Some(found) = self.store.get::<GroupEntry>(&keys::group(ns, id)?).await? else { return Ok(false) };
        if found.value.is_removing {
            return Ok(true);
        }
        let mut changes = self.changes(ns).await?;
        self.free_name(&keys::group_names(ns), &found.value.name, id, &mut changes).await?;
        if let Some(alias) = &found.value.alias {
            self.delete_group_alias_parts(ns, alias, &mut changes).await?;
        }
        let entry = GroupEntry { is_removing: true, alias: None, ..found.value };
        changes.replace(keys::group(ns, id)?, found.revision, encode(&entry)?);
        self.promise(ns, &["group/", id].concat(), &mut changes).await?;
        self.commit(changes).await?;
        Ok(true)
    }

    /// Makes or changes the alias of an external group; without a group to be of, a new one is made for it.
    pub(crate) async fn write_group_alias(&self, ns: &str, change: &AliasChange) -> Result<AliasEntry, Error> {
        again!(self.try_write_group_alias(ns, change))
    }

    async fn try_write_group_alias(&self, ns: &str, change: &AliasChange) -> Result<AliasEntry, Lost> {
        let before = self.alias_to_change(ns, Of::Group, change).await?;
        let mut after = self.changed_alias(ns, before.as_ref(), change).await?;
        let mut changes = self.changes(ns).await?;
        let asked = change.canonical_id.as_ref().filter(|id| !id.is_empty());
        let group = match asked.or(before.as_ref().map(|before| &before.value.canonical_id)) {
            Some(id) => {
                self.group(ns, id).await?.ok_or_else(|| Error::invalid("invalid group ID given in 'canonical_id'"))?
            }
            None => {
                // A group of its own: made first, so that what follows knows only groups that are there.
                let external = GroupChange { kind: Some(GroupKind::External), ..GroupChange::default() };
                let made = self.try_write_group(ns, &Target::New, &external).await?;
                self.group(ns, &made.value.id).await?.ok_or_else(|| Lost::Race(Vec::new()))?
            }
        };
        if group.value.kind != GroupKind::External {
            return Err(Error::invalid("alias can't be set on an internal group").into());
        }
        if group.value.alias.as_ref().is_some_and(|alias| *alias != after.id) {
            return Err(Error::invalid("the group already has an alias: change that one").into());
        }
        if let Some(old) =
            before.as_ref().map(|before| &before.value.canonical_id).filter(|old| **old != group.value.id)
            && let Some(old) = self.group(ns, old).await?
        {
            let entry = GroupEntry { alias: None, ..old.value };
            changes.replace(keys::group(ns, &entry.id)?, old.revision, encode(&entry)?);
        }
        group.value.id.clone_into(&mut after.canonical_id);
        let entry = GroupEntry { alias: Some(after.id.clone()), writes: group.value.writes + 1, ..group.value };
        changes.replace(keys::group(ns, &entry.id)?, group.revision, encode(&entry)?);
        self.move_alias(ns, Move { of: Of::Group, before, after: after.clone() }, &mut changes).await?;
        self.commit(changes).await?;
        Ok(after)
    }

    /// Removes the alias of a group; no error when there is none. Whoever is in the group by it stays until the next
    /// login or renewal.
    pub(crate) async fn delete_group_alias(&self, ns: &str, id: &str) -> Result<(), Error> {
        again!(self.try_delete_group_alias(ns, id))
    }

    async fn try_delete_group_alias(&self, ns: &str, id: &str) -> Result<(), Lost> {
        let Some(found) = self.alias(ns, Of::Group, id).await? else { return Ok(()) };
        let mut changes = self.changes(ns).await?;
        if let Some(group) = self.group(ns, &found.value.canonical_id).await? {
            let entry = GroupEntry { alias: None, ..group.value };
            changes.replace(keys::group(ns, &entry.id)?, group.revision, encode(&entry)?);
        }
        self.delete_group_alias_parts(ns, id, &mut changes).await?;
        self.commit(changes).await?;
        Ok(())
    }

    async fn delete_group_alias_parts(&self, ns: &str, id: &str, changes: &mut Changes) -> Result<(), Error> {
        let Some(found) = self.alias(ns, Of::Group, id).await? else { return Ok(()) };
        let alias = &found.value;
        changes.delete(keys::alias(ns, Of::Group.word(), id)?, found.revision);
        let at = keys::alias_at(ns, Of::Group.word(), &alias.mount_accessor, &fold(&alias.name))?;
        self.delete_if_there(at, changes).await
    }
}

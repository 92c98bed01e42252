//! External groups: who is in them is what an auth method says at each login and renewal, by the aliases that the groups
//! have at its mount. Groups of other mounts, and those that somebody manages here, are left alone.
//!
//! Rights are taken away before others are given, each step a commit of its own: after a crash in between somebody has
//! too few, and the next login gives the rest. Of two logins at once one comes whole behind the other, for every commit
//! expects the memberships to be as they were looked at.

use std::collections::{BTreeMap, BTreeSet};

use barrier::Changes;
use framework::Error;
use serde::de::DeserializeOwned;
use storage::{EXPECTATIONS_MAX, Expectation, Key, Revision};

use super::aliases::Of;
use super::entry::{AliasEntry, EntityEntry, GroupEntry, GroupKind, MemberEntry, NameEntry};
use super::members::MEMBER_EXPECTATIONS;
use super::who::too_many_groups;
use super::{GROUPS_MAX, Identities, checks, fold};
use crate::keys;
use crate::store::{Found, Lost, decode, encode};

/// The most groups that a method may tell of one person; most of them are nobody's aliases.
const NAMES_MAX: usize = 10_000;

/// The groups that somebody is to be in, each with its alias.
type Wanted = BTreeMap<String, String>;

/// The groups that an entity is in itself.
type Lines = BTreeMap<String, Found<MemberEntry>>;

/// An entity whose groups are being changed for a mount.
struct Turning<'a> {
    identities: &'a Identities,
    ns: &'a str,
    accessor: &'a str,
    entity: Found<EntityEntry>,
    /// The revision of its memberships, as they were looked at or left.
    turned: Option<Revision>,
}

impl Identities {
    /// Has the entity that this id stands for be in exactly those external groups that have one of these names at the
    /// mount of this accessor, as far as the mount is concerned.
    ///
    /// # Errors
    /// [`Error::Denied`] when the entity is gone.
    pub(crate) async fn set_external(
        &self,
        ns: &str,
        accessor: &str,
        entity: &str,
        names: &[String],
    ) -> Result<(), Error> {
        if names.len() > NAMES_MAX {
            let text = format!("the login tells of {} groups, the most is {NAMES_MAX}", names.len());
            return Err(Error::Invalid(text.into()));
        }
        again!(self.try_set_external(ns, accessor, entity, names))
    }

    async fn try_set_external(&self, ns: &str, accessor: &str, entity: &str, names: &[String]) -> Result<(), Lost> {
        let (entity, _) = self.entity_behind(ns, entity).await?;
        let entity = entity.ok_or(Error::Denied)?;
        // Before the lines are looked at: whoever changes them meanwhile changes this too.
        let [turned] = self.store.revisions_of([keys::entity_membership(ns, &entity.value.id)?]).await?;
        if names.is_empty() && turned.is_none() {
            return Ok(());
        }
        let wanted = self.groups_named(ns, accessor, names).await?;
        let lines = if turned.is_some() { self.memberships(ns, &entity.value.id).await? } else { Lines::new() };
        let told = self.told_by(ns, accessor, &lines).await?;
        let out: Vec<_> = told.iter().filter(|group| !wanted.contains_key(**group)).copied().collect();
        let mut turning = Turning { identities: self, ns, accessor, entity, turned };
        turning.take_out(&out, &lines).await?;
        let is_in = |group: &String| lines.get(group).is_some_and(|line| line.value.via.as_deref() == Some(accessor));
        let into: Vec<_> = wanted.iter().filter(|(group, _)| !is_in(group)).collect();
        let new = into.iter().filter(|(group, _)| !lines.contains_key(*group)).count();
        if lines.len() - out.len() + new > GROUPS_MAX {
            return Err(too_many_groups().into());
        }
        turning.put_in(&into, &lines).await
    }

    /// The groups that have one of these names as their alias at a mount.
    async fn groups_named(&self, ns: &str, accessor: &str, names: &[String]) -> Result<Wanted, Error> {
        let names: BTreeSet<_> =
            names.iter().filter(|name| checks::alias_name(name).is_ok()).map(|name| fold(name)).collect();
        // A name that fits no key is nobody's alias.
        let at = names.iter().filter_map(|name| keys::alias_at(ns, Of::Group.word(), accessor, name).ok());
        let known = self.entries::<NameEntry>(at.collect()).await?;
        let ids = known.iter().flatten().map(|known| keys::alias(ns, Of::Group.word(), &known.value.id));
        let aliases = self.entries::<AliasEntry>(ids.collect::<Result<_, _>>()?).await?;
        Ok(aliases.into_iter().flatten().map(|alias| (alias.value.canonical_id, alias.value.id)).collect())
    }

    async fn memberships(&self, ns: &str, entity: &str) -> Result<Lines, Error> {
        let (lines, _) = self.lines(&keys::entity_groups(ns, entity), "", GROUPS_MAX).await?;
        let decoded = lines.into_iter().map(|(group, opened)| {
            let line = decode(&keys::entity_group(ns, entity, &group)?, &opened)?;
            Ok((group, line))
        });
        decoded.collect()
    }

    /// Which of these memberships are for the mount to decide: those that it has told of, and those of groups whose
    /// alias has moved to it since another one did.
    async fn told_by<'l>(&self, ns: &str, accessor: &str, lines: &'l Lines) -> Result<BTreeSet<&'l String>, Error> {
        let (mut told, mut others) = (BTreeSet::new(), Vec::new());
        for (group, line) in lines {
            match line.value.via.as_deref() {
                Some(via) if via == accessor => drop(told.insert(group)),
                Some(_) => others.push(group),
                None => {}
            }
        }
        let groups = others.iter().map(|group| keys::group(ns, group)).collect::<Result<_, _>>()?;
        let groups = self.entries::<GroupEntry>(groups).await?;
        let with_alias = others.into_iter().zip(groups).filter_map(|(id, group)| Some((id, group?.value.alias?)));
        let (ids, aliases): (Vec<_>, Vec<_>) = with_alias.unzip();
        let aliases = aliases.iter().map(|id| keys::alias(ns, Of::Group.word(), id)).collect::<Result<_, _>>()?;
        let aliases = self.entries::<AliasEntry>(aliases).await?;
        let moved = ids
            .into_iter()
            .zip(aliases)
            .filter(|(_, alias)| alias.as_ref().is_some_and(|alias| alias.value.mount_accessor == accessor));
        told.extend(moved.map(|(id, _)| id));
        Ok(told)
    }

    /// Entries of these keys, in the same order.
    async fn entries<T: DeserializeOwned>(&self, keys: Vec<Key>) -> Result<Vec<Option<Found<T>>>, Error> {
        let opened = self.store.get_list(&keys).await?;
        let decoded = keys.iter().zip(opened).map(|(key, opened)| opened.map(|it| decode(key, &it)).transpose());
        decoded.collect()
    }
}

impl Turning<'_> {
    async fn take_out(&mut self, groups: &[&String], lines: &Lines) -> Result<(), Lost> {
        for some in groups.chunks((EXPECTATIONS_MAX - 2) / MEMBER_EXPECTATIONS) {
            let id = &self.entity.value.id;
            let mut changes = self.identities.changes(self.ns).await?;
            for group in some {
                self.identities.delete_if_there(keys::group_member(self.ns, group, id)?, &mut changes).await?;
                if let Some(line) = lines.get(*group) {
                    changes.delete(keys::entity_group(self.ns, id, group)?, line.revision);
                }
            }
            self.commit(changes).await?;
        }
        Ok(())
    }

    /// Puts the entity into groups that have this alias still, and makes memberships that another mount told of this
    /// one's.
    async fn put_in(&mut self, groups: &[(&String, &String)], lines: &Lines) -> Result<(), Lost> {
        for some in groups.chunks((EXPECTATIONS_MAX - 3) / MEMBER_EXPECTATIONS) {
            let (ns, id) = (self.ns, &self.entity.value.id);
            let via = || Some(self.accessor.to_owned());
            let mut changes = self.identities.changes(ns).await?;
            changes.expect(Identities::expect_entity(ns, &self.entity)?);
            for (group, alias) in some {
                let found = self.identities.group(ns, group).await?;
                let found = found.filter(|it| it.value.kind == GroupKind::External);
                let found = found.filter(|it| it.value.alias.as_ref() == Some(*alias));
                // One that goes or loses its alias just now gives nothing.
                let Some(found) = found else { continue };
                changes.expect(Expectation::At(keys::group(ns, group)?, found.revision));
                match lines.get(*group) {
                    None => self.identities.put_line(ns, group, id, via(), &mut changes)?,
                    Some(line) => {
                        let entry = encode(&MemberEntry { v: 1, via: via() })?;
                        changes.replace(keys::entity_group(ns, id, group)?, line.revision, entry);
                    }
                }
            }
            self.commit(changes).await?;
        }
        Ok(())
    }

    /// Commits, if nobody else has changed the memberships since they were looked at.
    async fn commit(&mut self, mut changes: Changes) -> Result<(), Lost> {
        changes.set(keys::entity_membership(self.ns, &self.entity.value.id)?, self.turned, Vec::new());
        self.turned = Some(self.identities.commit(changes).await?);
        Ok(())
    }
}

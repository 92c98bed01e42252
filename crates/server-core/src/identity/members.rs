//! Who is in a group: entities, and other groups. One line in each direction for each member, written and removed
//! together, in commits of a few dozen.

use std::collections::BTreeSet;

use barrier::Changes;
use framework::Error;
use storage::{EXPECTATIONS_MAX, Expectation, Revision};

use super::entry::{GroupEntry, GroupKind, MemberEntry};
use super::groups::GroupChange;
use super::{GROUPS_MAX, Identities};
use crate::keys;
use crate::store::{Lost, encode};

/// The most members that are set in one request.
const MEMBERS_MAX: usize = 1_000_000;
/// What one member takes of a commit's expectations, at most.
pub(super) const MEMBER_EXPECTATIONS: usize = 4;
/// The most groups directly in one group.
const CHILDREN_MAX: usize = 1_000;

/// Which way a member goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    In,
    Out,
}

impl Identities {
    /// Refuses members that are not there, or that the kind of group cannot have.
    pub(super) async fn check_members(&self, ns: &str, group: &GroupEntry, change: &GroupChange) -> Result<(), Error> {
        let entities = change.entities.as_deref().unwrap_or_default();
        if group.kind == GroupKind::External && !entities.is_empty() {
            return Err(Error::invalid("member entities can't be set manually for external groups"));
        }
        if entities.len() > MEMBERS_MAX {
            return Err(Error::Invalid(format!("more than {MEMBERS_MAX} members in one request").into()));
        }
        let found = self.entities_of(ns, entities).await?;
        if let Some((id, _)) = entities.iter().zip(found).find(|(_, found)| found.is_none()) {
            return Err(Error::Invalid(format!("invalid entity ID {id:?}").into()));
        }
        let groups = change.groups.as_deref().unwrap_or_default();
        if groups.len() > CHILDREN_MAX {
            return Err(Error::Invalid(format!("more than {CHILDREN_MAX} groups in a group").into()));
        }
        for id in groups {
            if *id == group.id {
                return Err(Error::Invalid(format!("member group ID {id:?} is same as the ID of the group").into()));
            }
            if self.group(ns, id).await?.is_none() {
                return Err(Error::Invalid(format!("invalid member group ID {id:?}").into()));
            }
        }
        self.check_circle(ns, &group.id, groups).await
    }

    /// Refuses groups that the group is in already, itself or through others.
    async fn check_circle(&self, ns: &str, group: &str, children: &[String]) -> Result<(), Error> {
        if children.is_empty() {
            return Ok(());
        }
        let above = self.above(ns, group).await?;
        match children.iter().find(|child| *child == group || above.contains(*child)) {
            Some(child) => {
                Err(Error::Invalid(format!("cyclic relationship detected for member group ID {child:?}").into()))
            }
            None => Ok(()),
        }
    }

    /// All groups that a group is in, itself or through others.
    async fn above(&self, ns: &str, group: &str) -> Result<BTreeSet<String>, Error> {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![group.to_owned()]);
        while let Some(id) = todo.pop() {
            for parent in self.names_below(&keys::group_parents(ns, &id), CHILDREN_MAX).await? {
                if seen.insert(parent.clone()) {
                    todo.push(parent);
                }
            }
            if seen.len() > GROUPS_MAX {
                return Err(Error::Invalid(format!("a group can be in {GROUPS_MAX} groups at most").into()));
            }
        }
        Ok(seen)
    }

    /// Makes these groups, and no others, the members of a group. Whoever nests groups meets at one entry, so that two
    /// of them cannot make a circle together.
    pub(super) async fn set_children(&self, ns: &str, id: &str, wanted: &[String]) -> Result<(), Lost> {
        let epoch = keys::groups_epoch(ns)?;
        let [mut nested] = self.store.revisions_of([epoch.clone()]).await?;
        let group = self.group(ns, id).await?.ok_or(Error::NotFound)?;
        let expected = Expectation::At(keys::group(ns, id)?, group.revision);
        let now: BTreeSet<_> =
            self.names_below(&keys::group_children(ns, id), CHILDREN_MAX).await?.into_iter().collect();
        let wanted: BTreeSet<_> = wanted.iter().cloned().collect();
        self.check_circle(ns, id, &wanted.difference(&now).cloned().collect::<Vec<_>>()).await?;
        let out = now.difference(&wanted).map(|child| (child, Turn::Out));
        let turns: Vec<_> = out.chain(wanted.difference(&now).map(|child| (child, Turn::In))).collect();
        for some in turns.chunks((EXPECTATIONS_MAX - 2) / MEMBER_EXPECTATIONS) {
            let mut changes = Changes::new();
            changes.expect(expected.clone());
            changes.set(epoch.clone(), nested, Vec::new());
            for (child, turn) in some {
                self.turn_child(ns, id, child, *turn, &mut changes).await?;
            }
            nested = Some(self.commit(changes).await?);
        }
        Ok(())
    }

    async fn turn_child(
        &self,
        ns: &str,
        id: &str,
        child: &str,
        turn: Turn,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let lines = [keys::group_child(ns, id, child)?, keys::group_parent(ns, child, id)?];
        if turn == Turn::Out {
            for line in lines {
                self.delete_if_there(line, changes).await?;
            }
            return Ok(());
        }
        let invalid = || Error::Invalid(format!("invalid member group ID {child:?}").into());
        let found = self.group(ns, child).await?.ok_or_else(invalid)?;
        changes.expect(Expectation::At(keys::group(ns, child)?, found.revision));
        for line in lines {
            changes.create(line, Vec::new());
        }
        Ok(())
    }

    /// Makes these entities, and no others, the members of an internal group.
    pub(super) async fn set_members(&self, ns: &str, id: &str, wanted: &[String]) -> Result<(), Lost> {
        let group = self.group(ns, id).await?.ok_or(Error::NotFound)?;
        if group.value.kind == GroupKind::External {
            return Ok(());
        }
        let now: BTreeSet<_> = self.names_below(&keys::group_members(ns, id), MEMBERS_MAX).await?.into_iter().collect();
        let wanted: BTreeSet<_> = wanted.iter().cloned().collect();
        // Rights are taken away before others are given.
        let out = now.difference(&wanted).map(|entity| (entity, Turn::Out));
        let turns: Vec<_> = out.chain(wanted.difference(&now).map(|entity| (entity, Turn::In))).collect();
        for some in turns.chunks((EXPECTATIONS_MAX - 1) / MEMBER_EXPECTATIONS) {
            let mut changes = Changes::new();
            changes.expect(Expectation::At(keys::group(ns, id)?, group.revision));
            for (entity, turn) in some {
                match turn {
                    Turn::Out => self.take_out(ns, id, entity, &mut changes).await?,
                    Turn::In => {
                        let invalid = || Error::Invalid(format!("invalid entity ID {entity:?}").into());
                        let found = self.entity(ns, entity).await?.ok_or_else(invalid)?;
                        changes.expect(Self::expect_entity(ns, &found)?);
                        self.put_in(ns, id, entity, None, &mut changes).await?;
                    }
                }
            }
            self.commit(changes).await?;
        }
        Ok(())
    }

    /// Adds to a commit, which expects both to live, what puts an entity into a group: nothing if it is there.
    pub(super) async fn put_in(
        &self,
        ns: &str,
        group: &str,
        entity: &str,
        via: Option<String>,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        let [is_there] = self.store.revisions_of([keys::group_member(ns, group, entity)?]).await?;
        if is_there.is_none() {
            self.put_line(ns, group, entity, via, changes)?;
            self.turn_membership(ns, entity, changes).await?;
        }
        Ok(())
    }

    /// Adds to a commit what takes an entity out of a group.
    pub(super) async fn take_out(
        &self,
        ns: &str,
        group: &str,
        entity: &str,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        self.delete_if_there(keys::group_member(ns, group, entity)?, changes).await?;
        self.delete_if_there(keys::entity_group(ns, entity, group)?, changes).await?;
        self.turn_membership(ns, entity, changes).await
    }

    /// Tells everybody who remembers the groups of an entity that they have changed.
    pub(super) async fn turn_membership(&self, ns: &str, entity: &str, changes: &mut Changes) -> Result<(), Error> {
        let key = keys::entity_membership(ns, entity)?;
        let [known] = self.store.revisions_of([key.clone()]).await?;
        changes.set(key, known, Vec::new());
        Ok(())
    }

    /// An expectation that a group stays as it was read.
    pub(super) fn expect_group(ns: &str, id: &str, revision: Revision) -> Result<Expectation, Error> {
        Ok(Expectation::At(keys::group(ns, id)?, revision))
    }

    /// Adds to a commit the two lines of a member that is not there yet.
    pub(super) fn put_line(
        &self,
        ns: &str,
        group: &str,
        entity: &str,
        via: Option<String>,
        changes: &mut Changes,
    ) -> Result<(), Error> {
        changes.create(keys::group_member(ns, group, entity)?, Vec::new());
        let line = encode(&MemberEntry { v: 1, via })?;
        changes.create(keys::entity_group(ns, entity, group)?, line);
        Ok(())
    }
}

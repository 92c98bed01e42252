//! What a token is allowed through its entity: the entity and its groups as they are now, and every key that says so.

use std::collections::BTreeMap;

use framework::Error;
use storage::{Key, Revision};

use super::entry::{EntityEntry, GroupEntry};
use super::{GROUPS_MAX, Identities};
use crate::keys;
use crate::store::decode;

/// Keys that something was made from, absent ones included, with the revision of each.
pub(crate) type ReadFrom = Vec<(Key, Option<Revision>)>;

/// Somebody, with all that gives them rights.
pub(crate) struct Who {
    pub(crate) entity: EntityEntry,
    /// The groups that the entity is in, by id, direct ones first.
    pub(crate) groups: Vec<InGroup>,
    /// What this was read from: as long as none of it changes, this holds.
    pub(crate) read_from: ReadFrom,
}

/// A group that an entity is in.
pub(crate) struct InGroup {
    pub(crate) entry: GroupEntry,
    /// Whether the entity itself is a member, and not only a group that it is in.
    pub(crate) is_direct: bool,
}

impl Who {
    /// The policies of the entity and its groups, sorted, without doubles.
    pub(crate) fn policies(&self) -> Vec<String> {
        let of_groups = self.groups.iter().flat_map(|group| &group.entry.policies);
        let mut policies: Vec<_> = self.entity.policies.iter().chain(of_groups).cloned().collect();
        policies.sort();
        policies.dedup();
        policies
    }
}

impl Identities {
    /// Who an entity id stands for now; `None` when nobody is left.
    pub(crate) async fn who(&self, ns: &str, id: &str) -> Result<Option<Who>, Error> {
        let (found, mut read_from) = self.entity_behind(ns, id).await?;
        let Some(found) = found else { return Ok(None) };
        let groups = self.groups_of(ns, &found.value.id, &mut read_from).await?;
        Ok(Some(Who { entity: found.value, groups, read_from }))
    }

    /// The groups that an entity is in, itself or through others. What changes them is added to `read_from` before the
    /// lines are looked at, so that a change in between is noticed later.
    pub(super) async fn groups_of(
        &self,
        ns: &str,
        entity: &str,
        read_from: &mut ReadFrom,
    ) -> Result<Vec<InGroup>, Error> {
        let (membership, epoch) = (keys::entity_membership(ns, entity)?, keys::groups_epoch(ns)?);
        let [is_member, is_nested] = self.store.revisions_of([membership.clone(), epoch.clone()]).await?;
        read_from.extend([(membership, is_member), (epoch, is_nested)]);
        if is_member.is_none() {
            return Ok(Vec::new());
        }
        let direct = self.names_below(&keys::entity_groups(ns, entity), GROUPS_MAX).await?;
        self.with_parents(ns, direct, is_nested.is_some(), read_from).await
    }

    /// Living groups, and all groups that they are in.
    async fn with_parents(
        &self,
        ns: &str,
        direct: Vec<String>,
        is_nested: bool,
        read_from: &mut ReadFrom,
    ) -> Result<Vec<InGroup>, Error> {
        let mut seen: BTreeMap<String, ()> = direct.iter().map(|id| (id.clone(), ())).collect();
        let (mut level, mut is_direct, mut groups) = (direct, true, Vec::new());
        while !level.is_empty() {
            if seen.len() > GROUPS_MAX {
                return Err(too_many_groups());
            }
            let keys = level.iter().map(|id| keys::group(ns, id)).collect::<Result<Vec<_>, _>>()?;
            let opened = self.store.get_list(&keys).await?;
            let mut next = Vec::new();
            for ((key, id), opened) in keys.into_iter().zip(&level).zip(opened) {
                read_from.push((key.clone(), opened.as_ref().map(|opened| opened.revision)));
                let Some(opened) = opened else { continue };
                let entry = decode::<GroupEntry>(&key, &opened)?.value;
                if entry.is_removing {
                    continue;
                }
                if is_nested {
                    next.extend(self.names_below(&keys::group_parents(ns, id), GROUPS_MAX).await?);
                }
                groups.push(InGroup { entry, is_direct });
            }
            next.retain(|id| seen.insert(id.clone(), ()).is_none());
            (level, is_direct) = (next, false);
        }
        Ok(groups)
    }
}

pub(super) fn too_many_groups() -> Error {
    let text = format!("the entity is in more than {GROUPS_MAX} groups: take it out of some");
    Error::DeniedBecause(text.into())
}

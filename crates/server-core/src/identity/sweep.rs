//! What is left to do about an entity or a group that is marked: page by page, in the request as far as it goes, the rest
//! from the due index.

use async_trait::async_trait;
use barrier::Changes;
use framework::Error;
use framework::view::COMMIT_TRIES;
use storage::KeyRange;

use super::Identities;
use super::aliases::Of;
use super::entry::{EntityEntry, EntityState, GroupEntry, MemberEntry, NameEntry};
use crate::due::{Line, Owner};
use crate::keys;
use crate::store::{Found, Lost, decode};

/// The word in the due index's keys.
pub(super) const DUE_KIND: &str = "identity";
/// How many members or aliases one step takes: each is up to four expectations.
pub(super) const STEP: usize = 20;
/// How many steps one request, or one turn of the worker, makes at most.
const STEPS_MAX: usize = 200;

/// How far a step came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There is more to do.
    Moved,
    /// Nothing is left.
    Done,
}

impl Identities {
    /// Goes on with a marked entity. No error when there is nothing to do.
    pub(super) async fn sweep_entity(&self, ns: &str, id: &str) -> Result<(), Error> {
        let mut races = 0;
        for _ in 0..STEPS_MAX {
            let Some(found) = self.stored_entity(ns, id).await? else { return Ok(()) };
            let step = match &found.value.state {
                EntityState::Live | EntityState::Merged { .. } => return Ok(()),
                EntityState::Removing => self.remove_some(ns, &found).await,
                EntityState::Merging { .. } => self.merge_some(ns, &found).await,
            };
            match step {
                Ok(Step::Done) => return Ok(()),
                Ok(Step::Moved) => races = 0,
                Err(Lost::Race(_)) if races < COMMIT_TRIES => races += 1,
                Err(lost) => return Err(lost.into()),
            }
        }
        // The rest is the worker's.
        Ok(())
    }

    async fn remove_some(&self, ns: &str, found: &Found<EntityEntry>) -> Result<Step, Lost> {
        let id = found.value.id.as_str();
        let mut changes = Changes::new();
        changes.expect(Self::expect_entity(ns, found)?);
        let (aliases, _) = self.lines(&keys::entity_aliases(ns, id), "", STEP).await?;
        for (accessor, opened) in &aliases {
            let line = keys::entity_alias(ns, id, accessor)?;
            let alias = decode::<NameEntry>(&line, opened)?.value.id;
            match self.alias(ns, Of::Entity, &alias).await? {
                Some(alias) => self.delete_alias_parts(ns, &alias.value, alias.revision, &mut changes).await?,
                None => drop(changes.delete(line, opened.revision)),
            }
        }
        let groups =
            if aliases.is_empty() { self.lines(&keys::entity_groups(ns, id), "", STEP).await?.0 } else { Vec::new() };
        for (group, opened) in &groups {
            changes.delete(keys::entity_group(ns, id, group)?, opened.revision);
            self.delete_if_there(keys::group_member(ns, group, id)?, &mut changes).await?;
        }
        let is_moved = !aliases.is_empty()
            || !groups.is_empty()
            || self.forget_factors(ns, id, &mut changes).await?
            || self.forget_merged(ns, id, &mut changes).await?;
        if is_moved {
            self.commit(changes).await?;
            return Ok(Step::Moved);
        }
        let mut changes = Changes::new();
        changes.delete(keys::entity(ns, id)?, found.revision);
        self.delete_if_there(keys::entity_membership(ns, id)?, &mut changes).await?;
        self.commit(changes).await?;
        Ok(Step::Done)
    }

    /// Adds to a commit the removal of some entities that have gone into one that goes; false when there are none.
    async fn forget_merged(&self, ns: &str, id: &str, changes: &mut Changes) -> Result<bool, Error> {
        let (merged, _) = self.lines(&keys::entities_merged(ns, id), "", STEP).await?;
        for (from, opened) in &merged {
            changes.delete(keys::entity_merged(ns, id, from)?, opened.revision);
            let stored = self.stored_entity(ns, from).await?;
            if let Some(stored) = stored.filter(|it| matches!(it.value.state, EntityState::Merged { .. })) {
                changes.delete(keys::entity(ns, from)?, stored.revision);
                self.delete_if_there(keys::entity_membership(ns, from)?, changes).await?;
            }
        }
        Ok(!merged.is_empty())
    }

    /// Goes on with a marked group. No error when there is nothing to do.
    pub(super) async fn sweep_group(&self, ns: &str, id: &str) -> Result<(), Error> {
        let mut races = 0;
        for _ in 0..STEPS_MAX {
            let found = self.store.get::<GroupEntry>(&keys::group(ns, id)?).await?;
            let Some(found) = found.filter(|found| found.value.is_removing) else { return Ok(()) };
            match self.disband_some(ns, &found).await {
                Ok(Step::Done) => return Ok(()),
                Ok(Step::Moved) => races = 0,
                Err(Lost::Race(_)) if races < COMMIT_TRIES => races += 1,
                Err(lost) => return Err(lost.into()),
            }
        }
        Ok(())
    }

    async fn disband_some(&self, ns: &str, found: &Found<GroupEntry>) -> Result<Step, Lost> {
        let id = found.value.id.as_str();
        let mut changes = Changes::new();
        changes.expect(Self::expect_group(ns, id, found.revision)?);
        let folders = [
            (keys::group_members(ns, id), Pair::Member),
            (keys::group_children(ns, id), Pair::Child),
            (keys::group_parents(ns, id), Pair::Parent),
        ];
        for (folder, pair) in folders {
            let (page, _) = self.store.keys(KeyRange::prefix(&keys::prefix(&folder)?), STEP).await?;
            if page.is_empty() {
                continue;
            }
            for (key, revision) in page {
                let Some(other) = super::name_below(&key, &folder) else { continue };
                changes.delete(key, revision);
                let back = match pair {
                    Pair::Member => keys::entity_group(ns, &other, id)?,
                    Pair::Child => keys::group_parent(ns, &other, id)?,
                    Pair::Parent => keys::group_child(ns, &other, id)?,
                };
                self.delete_if_there(back, &mut changes).await?;
                if pair == Pair::Member {
                    self.turn_membership(ns, &other, &mut changes).await?;
                }
            }
            self.commit(changes).await?;
            return Ok(Step::Moved);
        }
        let mut changes = Changes::new();
        changes.delete(keys::group(ns, id)?, found.revision);
        self.commit(changes).await?;
        Ok(Step::Done)
    }

    /// Which mount's logins say that an entity is in a group.
    pub(super) fn via(
        &self,
        ns: &str,
        entity: &str,
        group: &str,
        opened: &barrier::Opened,
    ) -> Result<Option<String>, Error> {
        Ok(decode::<MemberEntry>(&keys::entity_group(ns, entity, group)?, opened)?.value.via)
    }
}

/// What a line of a group is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pair {
    Member,
    Child,
    Parent,
}

#[async_trait]
impl Owner for Identities {
    fn kind(&self) -> &'static str {
        DUE_KIND
    }

    /// Takes a removal or a merge up again. The line goes when nothing is left to do.
    async fn fire(&self, line: Line) -> Result<(), Error> {
        let ns = line.namespace.as_str();
        let is_done = match line.id.split_once('/') {
            Some(("entity", id)) => {
                self.sweep_entity(ns, id).await?;
                let left = self.stored_entity(ns, id).await?;
                left.is_none_or(|it| matches!(it.value.state, EntityState::Live | EntityState::Merged { .. }))
            }
            Some(("group", id)) => {
                self.sweep_group(ns, id).await?;
                let left = self.store.get::<GroupEntry>(&keys::group(ns, id)?).await?;
                left.is_none_or(|it| !it.value.is_removing)
            }
            _ => return Err(Error::world("sweep identities", "the line names neither an entity nor a group")),
        };
        if !is_done {
            return Ok(());
        }
        let mut changes = Changes::new();
        changes.delete(line.key, line.revision);
        match self.commit(changes).await {
            Ok(_) | Err(Lost::Race(_)) => Ok(()),
            Err(Lost::Failed(error)) => Err(error),
        }
    }
}

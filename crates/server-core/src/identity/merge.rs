//! Merging entities: one goes into another, with its aliases and groups. It is marked first, and stands for the other
//! from then on; what hangs on it is moved page by page, and taken up again after a crash.

use std::collections::BTreeMap;

use barrier::Changes;
use framework::Error;
use storage::Expectation;

use super::aliases::{Move, Of};
use super::entry::{AliasEntry, EntityEntry, EntityState, NameEntry};
use super::sweep::{STEP, Step};
use super::{ALIASES_MAX, Identities};
use crate::keys;
use crate::store::{Found, Lost, decode, encode};

/// The most entities that one request merges.
const MERGES_MAX: usize = 1_000;
/// How many of the entities that an alias once belonged to are remembered.
const MERGED_FROM_MAX: usize = 100;

/// What is to be merged.
pub(crate) struct Merge {
    pub(crate) from: Vec<String>,
    pub(crate) into: String,
    /// Of two aliases at one mount, the ones that stay.
    pub(crate) keep: Vec<String>,
}

impl Identities {
    /// Merges entities into one. Refused as a whole when one of them is not there, or two have aliases at one mount and
    /// nobody says which of them stays.
    pub(crate) async fn merge(&self, ns: &str, merge: &Merge) -> Result<(), Error> {
        let Merge { from, into, keep } = merge;
        if from.is_empty() {
            return Err(Error::invalid("missing entity ids to merge from"));
        }
        if from.len() > MERGES_MAX {
            return Err(Error::Invalid(format!("more than {MERGES_MAX} entities to merge from").into()));
        }
        if from.contains(into) {
            return Err(Error::invalid("to_entity_id should not be present in from_entity_ids"));
        }
        if keep.len() > ALIASES_MAX {
            return Err(Error::Invalid(format!("more than {ALIASES_MAX} aliases to keep").into()));
        }
        if !keep.is_empty() && from.len() != 1 {
            return Err(Error::invalid("conflicting_alias_ids_to_keep can only be used with one entity to merge from"));
        }
        let mut distinct = from.clone();
        distinct.sort();
        distinct.dedup();
        self.check_merge(ns, &distinct, merge).await?;
        for id in &distinct {
            again!(self.mark_merge(ns, id, merge))?;
            self.sweep_entity(ns, id).await?;
        }
        Ok(())
    }

    /// Looks at all of them before anything is done about one.
    async fn check_merge(&self, ns: &str, from: &[String], merge: &Merge) -> Result<(), Error> {
        if self.entity(ns, &merge.into).await?.is_none() {
            return Err(Error::invalid("entity id to merge to is invalid"));
        }
        let mut taken: BTreeMap<String, String> = BTreeMap::new();
        for id in std::iter::once(&merge.into).chain(from) {
            if self.entity(ns, id).await?.is_none() {
                return Err(Error::invalid("entity id to merge from is invalid"));
            }
            let (lines, _) = self.lines(&keys::entity_aliases(ns, id), "", ALIASES_MAX).await?;
            for (accessor, opened) in lines {
                let alias = decode::<NameEntry>(&keys::entity_alias(ns, id, &accessor)?, &opened)?.value.id;
                let Some(other) = taken.insert(accessor.clone(), alias.clone()) else { continue };
                let kept = [&other, &alias].into_iter().filter(|alias| merge.keep.contains(alias)).count();
                if kept != 1 {
                    let text = format!(
                        "toEntity and at least one fromEntity have aliases with the same mount accessor {accessor:?}: \
                         {other:?} and {alias:?}; merge one entity at a time, with the id of the alias that stays in \
                         conflicting_alias_ids_to_keep"
                    );
                    return Err(Error::Invalid(text.into()));
                }
            }
        }
        Ok(())
    }

    pub(super) async fn mark_merge(&self, ns: &str, id: &str, merge: &Merge) -> Result<(), Lost> {
        let into = self.entity(ns, &merge.into).await?;
        let into = into.ok_or_else(|| Error::invalid("entity id to merge to is invalid"))?;
        let from = self.entity(ns, id).await?;
        let from = from.ok_or_else(|| Error::invalid("entity id to merge from is invalid"))?;
        let state = EntityState::Merging { into: merge.into.clone(), keep: merge.keep.clone() };
        let entry = EntityEntry { state, updated: self.now_nanos(), ..from.value };
        let mut changes = self.changes(ns).await?;
        changes.expect(Self::expect_entity(ns, &into)?);
        self.free_name(&keys::entity_names(ns), &entry.name, id, &mut changes).await?;
        changes.replace(keys::entity(ns, id)?, from.revision, encode(&entry)?);
        changes.create(keys::entity_merged(ns, &merge.into, id)?, Vec::new());
        self.promise(ns, &["entity/", id].concat(), &mut changes).await?;
        self.commit(changes).await?;
        Ok(())
    }

    /// Moves some of what hangs on an entity to the one that it stands for, or to nobody when that one has gone.
    pub(super) async fn merge_some(&self, ns: &str, found: &Found<EntityEntry>) -> Result<Step, Lost> {
        let id = found.value.id.as_str();
        let EntityState::Merging { into, keep } = &found.value.state else { return Ok(Step::Done) };
        let (target, _) = self.entity_behind(ns, into).await?;
        let Some(target) = target else { return self.abandon(ns, found, into).await };
        let mut changes = Changes::new();
        changes.expect(Self::expect_entity(ns, found)?);
        changes.expect(Self::expect_entity(ns, &target)?);
        let to = target.value.id.as_str();
        if self.move_one_alias(ns, id, to, keep, &mut changes).await?
            || self.move_groups(ns, id, to, &mut changes).await?
            || self.move_factors(ns, id, to, &mut changes).await?
        {
            self.commit(changes).await?;
            return Ok(Step::Moved);
        }
        if self.move_merged(ns, id, to, &mut changes).await? {
            self.commit(changes).await?;
            return Ok(Step::Moved);
        }
        let state = EntityState::Merged { into: to.to_owned() };
        // What it was is told by the one that it stands for.
        let entry = EntityEntry { state, metadata: None, policies: Vec::new(), ..found.value.clone() };
        let mut changes = Changes::new();
        changes.expect(Self::expect_entity(ns, &target)?);
        changes.replace(keys::entity(ns, id)?, found.revision, encode(&entry)?);
        self.delete_if_there(keys::entity_membership(ns, id)?, &mut changes).await?;
        if to != into {
            self.delete_if_there(keys::entity_merged(ns, into, id)?, &mut changes).await?;
            changes.create(keys::entity_merged(ns, to, id)?, Vec::new());
        }
        self.commit(changes).await?;
        Ok(Step::Done)
    }

    /// The entity that it was to go into has gone: it goes too.
    async fn abandon(&self, ns: &str, found: &Found<EntityEntry>, into: &str) -> Result<Step, Lost> {
        let id = found.value.id.as_str();
        let entry = EntityEntry { state: EntityState::Removing, ..found.value.clone() };
        let mut changes = Changes::new();
        changes.replace(keys::entity(ns, id)?, found.revision, encode(&entry)?);
        self.delete_if_there(keys::entity_merged(ns, into, id)?, &mut changes).await?;
        self.commit(changes).await?;
        Ok(Step::Moved)
    }

    /// Moves one alias, or drops one of two at the same mount; false when there are none.
    async fn move_one_alias(
        &self,
        ns: &str,
        id: &str,
        to: &str,
        keep: &[String],
        changes: &mut Changes,
    ) -> Result<bool, Error> {
        let (lines, _) = self.lines(&keys::entity_aliases(ns, id), "", 1).await?;
        let Some((accessor, opened)) = lines.into_iter().next() else { return Ok(false) };
        let line = keys::entity_alias(ns, id, &accessor)?;
        let own = decode::<NameEntry>(&line, &opened)?.value.id;
        let Some(own) = self.alias(ns, Of::Entity, &own).await? else {
            changes.delete(line, opened.revision);
            return Ok(true);
        };
        let other = self.alias_of(ns, to, &accessor).await?.map(|found| found.value.id);
        let other = match other {
            Some(other) => self.alias(ns, Of::Entity, &other).await?,
            None => None,
        };
        if let Some(other) = other {
            // One of the two stays: the one that was asked for, or the target's.
            let loser = if keep.contains(&own.value.id) { other } else { own };
            self.delete_alias_parts(ns, &loser.value, loser.revision, changes).await?;
            return Ok(true);
        }
        let mut merged_from = own.value.merged_from.clone();
        merged_from.push(id.to_owned());
        let excess = merged_from.len().saturating_sub(MERGED_FROM_MAX);
        merged_from.drain(..excess);
        let updated = self.now_nanos();
        let after = AliasEntry { canonical_id: to.to_owned(), merged_from, updated, ..own.value.clone() };
        self.move_alias(ns, Move { of: Of::Entity, before: Some(own), after }, changes).await?;
        Ok(true)
    }

    /// Moves some memberships; false when there are none.
    async fn move_groups(&self, ns: &str, id: &str, to: &str, changes: &mut Changes) -> Result<bool, Error> {
        let (lines, _) = self.lines(&keys::entity_groups(ns, id), "", STEP / 2).await?;
        let mut is_turned = false;
        for (group, opened) in &lines {
            let via = self.via(ns, id, group, opened)?;
            changes.delete(keys::entity_group(ns, id, group)?, opened.revision);
            self.delete_if_there(keys::group_member(ns, group, id)?, changes).await?;
            let [is_there] = self.store.revisions_of([keys::group_member(ns, group, to)?]).await?;
            if is_there.is_some() {
                continue;
            }
            let Some(found) = self.group(ns, group).await? else { continue };
            changes.expect(Self::expect_group(ns, group, found.revision)?);
            self.put_line(ns, group, to, via, changes)?;
            is_turned = true;
        }
        if is_turned {
            self.turn_membership(ns, to, changes).await?;
        }
        Ok(!lines.is_empty())
    }

    /// Lets some that went into this one stand for the other at once; false when there are none.
    async fn move_merged(&self, ns: &str, id: &str, to: &str, changes: &mut Changes) -> Result<bool, Error> {
        let (lines, _) = self.lines(&keys::entities_merged(ns, id), "", STEP).await?;
        for (from, opened) in &lines {
            changes.delete(keys::entity_merged(ns, id, from)?, opened.revision);
            let Some(stored) = self.stored_entity(ns, from).await? else { continue };
            let state = match &stored.value.state {
                EntityState::Merged { .. } => EntityState::Merged { into: to.to_owned() },
                EntityState::Merging { keep, .. } => EntityState::Merging { into: to.to_owned(), keep: keep.clone() },
                EntityState::Live | EntityState::Removing => continue,
            };
            let entry = EntityEntry { state, ..stored.value };
            changes.replace(keys::entity(ns, from)?, stored.revision, encode(&entry)?);
            let key = keys::entity_merged(ns, to, from)?;
            match self.store.revisions_of([key.clone()]).await? {
                [Some(revision)] => changes.expect(Expectation::At(key, revision)),
                [None] => changes.create(key, Vec::new()),
            };
        }
        Ok(!lines.is_empty())
    }
}

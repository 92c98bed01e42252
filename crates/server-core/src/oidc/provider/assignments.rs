//! Assignments: who may use an application.

use barrier::Changes;
use framework::Error;

use super::entry::AssignmentEntry;
use crate::identity::{Who, again};
use crate::keys;
use crate::oidc::{ANY, Kind, Oidc, check_name, checked_list};
use crate::store::{Lost, encode};

/// The assignment of everybody, which is there without being made.
pub(in crate::oidc) const ALLOW_ALL: &str = "allow_all";

impl Oidc {
    /// The assignment of this name.
    pub(in crate::oidc) async fn assignment(&self, ns: &str, name: &str) -> Result<Option<AssignmentEntry>, Error> {
        if name == ALLOW_ALL {
            let any = || vec![ANY.to_owned()];
            return Ok(Some(AssignmentEntry { v: 1, entity_ids: any(), group_ids: any() }));
        }
        Ok(self.named(ns, Kind::Assignment, name).await?.map(|found| found.value))
    }

    /// Makes or changes an assignment; what is absent stays.
    pub(in crate::oidc) async fn write_assignment(
        &self,
        ns: &str,
        name: &str,
        entities: Option<&[String]>,
        groups: Option<&[String]>,
    ) -> Result<(), Error> {
        check_name(Kind::Assignment, name)?;
        if name == ALLOW_ALL {
            return Err(Error::Invalid(format!("modification of assignment {name:?} not allowed").into()));
        }
        again!(self.try_write_assignment(ns, name, entities, groups))
    }

    async fn try_write_assignment(
        &self,
        ns: &str,
        name: &str,
        entities: Option<&[String]>,
        groups: Option<&[String]>,
    ) -> Result<(), Lost> {
        let found = self.named::<AssignmentEntry>(ns, Kind::Assignment, name).await?;
        let revision = found.as_ref().map(|found| found.revision);
        let before = found.map(|found| found.value);
        let mut entry = before.unwrap_or_else(|| AssignmentEntry { v: 1, ..AssignmentEntry::default() });
        if let Some(entities) = entities {
            entry.entity_ids = checked_list("entity_ids", entities)?;
        }
        if let Some(groups) = groups {
            entry.group_ids = checked_list("group_ids", groups)?;
        }
        let mut changes = self.changes(ns).await?;
        changes.set(keys::oidc(ns, Kind::Assignment.word(), name)?, revision, encode(&entry)?);
        self.commit(changes).await?;
        Ok(())
    }

    /// Removes an assignment that no client has; no error when there is none.
    pub(in crate::oidc) async fn delete_assignment(&self, ns: &str, name: &str) -> Result<(), Error> {
        if name == ALLOW_ALL {
            return Err(Error::Invalid(format!("deletion of assignment {name:?} not allowed").into()));
        }
        again!(self.try_delete_assignment(ns, name))
    }

    async fn try_delete_assignment(&self, ns: &str, name: &str) -> Result<(), Lost> {
        let Some(found) = self.named::<AssignmentEntry>(ns, Kind::Assignment, name).await? else { return Ok(()) };
        let mut changes = Changes::new();
        self.expect_unused(ns, Kind::Assignment, name, &[Kind::Client], &mut changes).await?;
        changes.delete(keys::oidc(ns, Kind::Assignment.word(), name)?, found.revision);
        self.commit(changes).await?;
        Ok(())
    }

    /// Whether one of these assignments is for somebody: by themselves, or by a group that they are in, also through
    /// others. Only the built-in assignment is for everybody: an id is an id, also where it is `*`.
    pub(in crate::oidc) async fn is_assigned(
        &self,
        ns: &str,
        who: &Who,
        assignments: &[String],
    ) -> Result<bool, Error> {
        for name in assignments {
            if name == ALLOW_ALL {
                return Ok(true);
            }
            let Some(assignment) = self.assignment(ns, name).await? else { continue };
            let by_group = who.groups.iter().any(|group| assignment.group_ids.contains(&group.entry.id));
            if by_group || assignment.entity_ids.contains(&who.entity.id) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

//! Entities, groups and aliases as the API shows them.

use framework::Error;
use framework::view::from_stored;
use serde_json::{Map, Value, json};

use super::aliases::Of;
use super::entry::{AliasEntry, EntityEntry, GroupEntry, NameEntry};
use super::{ALIASES_MAX, Identities, Places};
use crate::keys;
use crate::store::decode;

/// The most members that a reply shows, and that a list counts.
const MEMBERS_SHOWN_MAX: usize = 10_000;

/// A part of a reply, with what the caller should know about it.
pub(super) struct Shown {
    pub(super) data: Value,
    pub(super) warnings: Vec<String>,
}

impl Identities {
    pub(super) async fn show_entity(&self, ns: &str, entry: &EntityEntry) -> Result<Shown, Error> {
        let id = entry.id.as_str();
        let groups = self.groups_of(ns, id, &mut Vec::new()).await?;
        let ids = |is_direct: bool| -> Vec<&str> {
            groups.iter().filter(|it| it.is_direct == is_direct).map(|it| it.entry.id.as_str()).collect()
        };
        let (direct, inherited) = (ids(true), ids(false));
        let all = [direct.clone(), inherited.clone()].concat();
        let merged = self.names_below(&keys::entities_merged(ns, id), MEMBERS_SHOWN_MAX).await?;
        let data = json!({
            "id": id,
            "name": entry.name,
            "metadata": entry.metadata,
            "policies": entry.policies,
            "disabled": entry.is_disabled,
            "namespace_id": ns,
            "merged_entity_ids": (!merged.is_empty()).then_some(merged),
            "creation_time": from_stored(entry.created).to_string(),
            "last_update_time": from_stored(entry.updated).to_string(),
            "aliases": self.aliases_shown(ns, id).await?,
            "direct_group_ids": direct,
            "inherited_group_ids": inherited,
            "group_ids": all,
            "mfa_secrets": {},
        });
        Ok(Shown { data, warnings: Vec::new() })
    }

    async fn aliases_shown(&self, ns: &str, entity: &str) -> Result<Vec<Value>, Error> {
        let (lines, _) = self.lines(&keys::entity_aliases(ns, entity), "", ALIASES_MAX).await?;
        let (mut shown, mut places) = (Vec::new(), Places::new());
        for (accessor, opened) in lines {
            let id = decode::<NameEntry>(&keys::entity_alias(ns, entity, &accessor)?, &opened)?.value.id;
            if let Some(alias) = self.alias(ns, Of::Entity, &id).await? {
                shown.push(self.show_alias(ns, Of::Entity, &alias.value, &mut places).await?);
            }
        }
        Ok(shown)
    }

    pub(super) async fn show_alias(
        &self,
        ns: &str,
        of: Of,
        alias: &AliasEntry,
        places: &mut Places,
    ) -> Result<Value, Error> {
        let place = self.mount_of(ns, &alias.mount_accessor, places).await?;
        let merged = &alias.merged_from;
        let mut shown = json!({
            "id": alias.id,
            "canonical_id": alias.canonical_id,
            "name": alias.name,
            "mount_accessor": alias.mount_accessor,
            "mount_path": place.path,
            "mount_type": place.engine_type,
            "metadata": alias.metadata,
            "merged_from_canonical_ids": (!merged.is_empty()).then_some(merged),
            "namespace_id": ns,
            "creation_time": from_stored(alias.created).to_string(),
            "last_update_time": from_stored(alias.updated).to_string(),
        });
        if let Some(fields) = shown.as_object_mut().filter(|_| of == Of::Entity) {
            fields.insert("custom_metadata".to_owned(), json!(alias.custom_metadata));
            fields.insert("local".to_owned(), json!(place.is_local));
        }
        Ok(shown)
    }

    pub(super) async fn show_group(&self, ns: &str, group: &GroupEntry) -> Result<Shown, Error> {
        let id = group.id.as_str();
        let mut entities = self.names_below(&keys::group_members(ns, id), MEMBERS_SHOWN_MAX).await?;
        let mut warnings = Vec::new();
        if entities.len() > MEMBERS_SHOWN_MAX {
            entities.truncate(MEMBERS_SHOWN_MAX);
            warnings.push(format!("member_entity_ids shows the first {MEMBERS_SHOWN_MAX} members only"));
        }
        let alias = match &group.alias {
            Some(alias) => self.alias(ns, Of::Group, alias).await?,
            None => None,
        };
        let alias = match alias {
            Some(alias) => self.show_alias(ns, Of::Group, &alias.value, &mut Places::new()).await?,
            None => json!({}),
        };
        let data = json!({
            "id": id,
            "name": group.name,
            "type": group.kind.name(),
            "metadata": group.metadata,
            "policies": group.policies,
            "namespace_id": ns,
            "member_entity_ids": entities,
            "member_group_ids": self.names_below(&keys::group_children(ns, id), MEMBERS_SHOWN_MAX).await?,
            "parent_group_ids": self.names_below(&keys::group_parents(ns, id), MEMBERS_SHOWN_MAX).await?,
            "alias": alias,
            "creation_time": from_stored(group.created).to_string(),
            "last_update_time": from_stored(group.updated).to_string(),
            "modify_index": group.writes,
        });
        Ok(Shown { data, warnings })
    }

    /// What a list of entities tells of one.
    pub(super) async fn entity_info(
        &self,
        ns: &str,
        id: &str,
        shown: (&str, &str),
        places: &mut Places,
    ) -> Result<Value, Error> {
        let mut info = Map::from_iter([(shown.0.to_owned(), json!(shown.1))]);
        let (lines, _) = self.lines(&keys::entity_aliases(ns, id), "", ALIASES_MAX).await?;
        let mut aliases = Vec::new();
        for (accessor, opened) in lines {
            let line = decode::<NameEntry>(&keys::entity_alias(ns, id, &accessor)?, &opened)?.value;
            let place = self.mount_of(ns, &accessor, places).await?;
            aliases.push(json!({
                "id": line.id, "name": line.name, "mount_accessor": accessor,
                "mount_path": place.path, "mount_type": place.engine_type,
            }));
        }
        if !aliases.is_empty() {
            info.insert("aliases".to_owned(), json!(aliases));
        }
        Ok(info.into())
    }

    /// What a list of groups tells of one.
    pub(super) async fn group_info(
        &self,
        ns: &str,
        id: &str,
        shown: (&str, &str),
        places: &mut Places,
    ) -> Result<Value, Error> {
        let members = self.names_below(&keys::group_members(ns, id), MEMBERS_SHOWN_MAX).await?.len();
        let parents = self.names_below(&keys::group_parents(ns, id), MEMBERS_SHOWN_MAX).await?.len();
        let mut info = json!({
            shown.0: shown.1,
            "num_member_entities": members.min(MEMBERS_SHOWN_MAX),
            "num_parent_groups": parents,
        });
        let alias = match self.group(ns, id).await?.and_then(|group| group.value.alias) {
            Some(alias) => self.alias(ns, Of::Group, &alias).await?,
            None => None,
        };
        if let (Some(alias), Some(info)) = (alias, info.as_object_mut()) {
            info.insert("alias".to_owned(), alias_info(self, (ns, Of::Group), &alias.value, places).await?);
        }
        Ok(info)
    }
}

/// What a list tells of an alias.
pub(super) async fn alias_info(
    identities: &Identities,
    (ns, of): (&str, Of),
    alias: &AliasEntry,
    places: &mut Places,
) -> Result<Value, Error> {
    let place = identities.mount_of(ns, &alias.mount_accessor, places).await?;
    let mut info = json!({
        "id": alias.id, "name": alias.name, "canonical_id": alias.canonical_id,
        "mount_accessor": alias.mount_accessor, "mount_path": place.path, "mount_type": place.engine_type,
    });
    if let Some(fields) = info.as_object_mut().filter(|_| of == Of::Entity) {
        fields.insert("custom_metadata".to_owned(), json!(alias.custom_metadata));
        fields.insert("local".to_owned(), json!(place.is_local));
    }
    Ok(info)
}

//! The values of `{{identity.…}}` in policies (Vault's documentation, “templated policies”).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use framework::Error;
use policy::Policy;

use super::aliases::Of;
use super::entry::{AliasEntry, GroupEntry, NameEntry, Texts};
use super::who::ReadFrom;
use super::{Identities, Who};
use crate::keys;

/// The part of a selector in front of an alias's mount accessor.
const ALIASES: &str = "identity.entity.aliases.";

/// All that the templates of some policies can name of one entity.
pub(crate) struct Values<'w> {
    who: &'w Who,
    /// By mount accessor.
    aliases: BTreeMap<String, AliasEntry>,
}

impl Identities {
    /// The values that these policies name of somebody; adds what they are read from.
    pub(crate) async fn values<'w>(
        &self,
        ns: &str,
        who: &'w Who,
        policies: impl Iterator<Item = &Arc<Policy>>,
        read_from: &mut ReadFrom,
    ) -> Result<Values<'w>, Error> {
        let accessors: BTreeSet<String> = policies
            .filter(|policy| policy.is_templated())
            .flat_map(|policy| policy.selectors())
            .filter_map(|selector| selector.strip_prefix(ALIASES)?.split_once('.'))
            .map(|(accessor, _)| accessor.to_owned())
            .collect();
        let aliases = self.aliases_at(ns, &who.entity.id, accessors, read_from).await?;
        Ok(Values { who, aliases })
    }

    /// The aliases that an entity has at the mounts of these accessors; adds what they are read from.
    pub(crate) async fn aliases_at(
        &self,
        ns: &str,
        entity: &str,
        accessors: BTreeSet<String>,
        read_from: &mut ReadFrom,
    ) -> Result<BTreeMap<String, AliasEntry>, Error> {
        let mut aliases = BTreeMap::new();
        for accessor in accessors {
            let line = keys::entity_alias(ns, entity, &accessor)?;
            let found = self.store.get::<NameEntry>(&line).await?;
            read_from.push((line, found.as_ref().map(|found| found.revision)));
            let Some(found) = found else { continue };
            let alias = self.alias(ns, Of::Entity, &found.value.id).await?;
            let key = keys::alias(ns, Of::Entity.word(), &found.value.id)?;
            read_from.push((key, alias.as_ref().map(|alias| alias.revision)));
            if let Some(alias) = alias {
                aliases.insert(accessor, alias.value);
            }
        }
        Ok(aliases)
    }
}

impl Values<'_> {
    /// The value of a selector; `None` for one that names nothing.
    pub(crate) fn get(&self, selector: &str) -> Option<String> {
        let rest = selector.strip_prefix("identity.")?;
        match rest.strip_prefix("entity.") {
            Some(rest) => self.of_entity(rest),
            None => self.of_group(rest.strip_prefix("groups.")?),
        }
    }

    fn of_entity(&self, rest: &str) -> Option<String> {
        let entity = &self.who.entity;
        match rest {
            "id" => return Some(entity.id.clone()),
            "name" => return Some(entity.name.clone()),
            _ => {}
        }
        if let Some(name) = rest.strip_prefix("metadata.") {
            return text(entity.metadata.as_ref(), name);
        }
        let (accessor, rest) = rest.strip_prefix("aliases.")?.split_once('.')?;
        let alias = self.aliases.get(accessor)?;
        match rest {
            "id" => Some(alias.id.clone()),
            "name" => Some(alias.name.clone()),
            _ => match rest.strip_prefix("metadata.") {
                Some(name) => text(alias.metadata.as_ref(), name),
                None => text(alias.custom_metadata.as_ref(), rest.strip_prefix("custom_metadata.")?),
            },
        }
    }

    /// A value of a group that the entity is in: what others are in is nothing to tell a policy's author of.
    fn of_group(&self, rest: &str) -> Option<String> {
        let mut groups = self.who.groups.iter().map(|group| &group.entry);
        if let Some(rest) = rest.strip_prefix("ids.") {
            let (id, rest) = rest.split_once('.')?;
            return of(groups.find(|group| group.id == id)?, rest);
        }
        let (name, rest) = rest.strip_prefix("names.")?.split_once('.')?;
        of(groups.find(|group| group.name == name)?, rest)
    }
}

fn of(group: &GroupEntry, rest: &str) -> Option<String> {
    match rest {
        "id" => Some(group.id.clone()),
        "name" => Some(group.name.clone()),
        _ => text(group.metadata.as_ref(), rest.strip_prefix("metadata.")?),
    }
}

fn text(texts: Option<&Texts>, name: &str) -> Option<String> {
    texts?.get(name).cloned()
}

//! Whom a token is about: the entity as it is now, its groups, those that it is in through others included, and the
//! aliases that a template asks for. And the selectors by which a template asks.

use std::collections::{BTreeMap, BTreeSet};

use api::Timestamp;
use framework::Error;
use serde_json::{Map, Value, json};

use crate::identity::entry::{AliasEntry, GroupEntry, Texts};
use crate::identity::{Identities, Who};

/// A parameter of a template.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Selector {
    Entity(Fact),
    Alias {
        accessor: String,
        fact: Fact,
    },
    GroupIds,
    GroupNames,
    GroupById {
        id: String,
        fact: Fact,
    },
    GroupByName {
        name: String,
        fact: Fact,
    },
    /// Seconds since 1970, with so many nanoseconds on top.
    Now(i64),
}

/// What is asked of an entity, an alias or a group.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Fact {
    Id,
    Name,
    /// One text, or all.
    Metadata(Option<String>),
    /// The same that whoever manages identities says of an alias.
    CustomMetadata(Option<String>),
}

/// Somebody, as far as templates ask.
pub(super) struct Known<'w> {
    who: &'w Who,
    /// By mount accessor.
    aliases: BTreeMap<String, AliasEntry>,
    now: Timestamp,
}

impl Selector {
    /// Reads a parameter.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it means nothing.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text).ok_or_else(|| {
            Error::Invalid(format!("error parsing template: {text:?} names nothing that is known of somebody").into())
        })
    }

    fn read(text: &str) -> Option<Self> {
        match text {
            "identity.entity.groups.ids" => return Some(Self::GroupIds),
            "identity.entity.groups.names" => return Some(Self::GroupNames),
            "time.now" => return Some(Self::Now(0)),
            _ => {}
        }
        let nanos = |text: &str| i64::try_from(api::duration::parse(text).ok()?.as_nanos()).ok();
        if let Some(rest) = text.strip_prefix("time.now.plus.") {
            return nanos(rest).map(Self::Now);
        }
        if let Some(rest) = text.strip_prefix("time.now.minus.") {
            return nanos(rest).map(|nanos| Self::Now(-nanos));
        }
        if let Some(rest) = text.strip_prefix("identity.entity.aliases.") {
            let (accessor, rest) = rest.split_once('.')?;
            return Some(Self::Alias { accessor: accessor.to_owned(), fact: Fact::read(rest)? });
        }
        if let Some(rest) = text.strip_prefix("identity.entity.") {
            return Fact::read(rest).filter(|fact| !matches!(fact, Fact::CustomMetadata(_))).map(Self::Entity);
        }
        let of_group = |rest: &str| {
            let (group, rest) = rest.split_once('.')?;
            let fact = Fact::read(rest).filter(|fact| !matches!(fact, Fact::CustomMetadata(_)))?;
            Some((group.to_owned(), fact))
        };
        if let Some((id, fact)) = text.strip_prefix("identity.groups.ids.").and_then(of_group) {
            return Some(Self::GroupById { id, fact });
        }
        let (name, fact) = text.strip_prefix("identity.groups.names.").and_then(of_group)?;
        Some(Self::GroupByName { name, fact })
    }

    /// The mount whose alias it asks about.
    pub(super) fn accessor(&self) -> Option<&str> {
        match self {
            Self::Alias { accessor, .. } => Some(accessor),
            _ => None,
        }
    }
}

impl Fact {
    fn read(text: &str) -> Option<Self> {
        match text {
            "id" => return Some(Self::Id),
            "name" => return Some(Self::Name),
            "metadata" => return Some(Self::Metadata(None)),
            "custom_metadata" => return Some(Self::CustomMetadata(None)),
            _ => {}
        }
        match text.strip_prefix("metadata.") {
            Some(name) => Some(Self::Metadata(Some(name.to_owned()))),
            None => Some(Self::CustomMetadata(Some(text.strip_prefix("custom_metadata.")?.to_owned()))),
        }
    }

    /// What is not known is empty (documented Vault behavior).
    fn of(&self, id: &str, name: &str, metadata: Option<&Texts>, custom: Option<&Texts>) -> Value {
        let texts = |texts: Option<&Texts>, name: &Option<String>| match name {
            Some(name) => json!(texts.and_then(|texts| texts.get(name)).map_or("", String::as_str)),
            None => texts.map_or_else(|| Map::new().into(), |texts| json!(texts)),
        };
        match self {
            Self::Id => json!(id),
            Self::Name => json!(name),
            Self::Metadata(name) => texts(metadata, name),
            Self::CustomMetadata(name) => texts(custom, name),
        }
    }
}

impl<'w> Known<'w> {
    /// What templates that ask for the aliases at these mounts may say of somebody.
    pub(super) async fn read(
        identities: &Identities,
        ns: &str,
        who: &'w Who,
        accessors: BTreeSet<String>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let aliases = identities.aliases_at(ns, &who.entity.id, accessors, &mut Vec::new()).await?;
        Ok(Self { who, aliases, now })
    }

    pub(super) fn value(&self, selector: &Selector) -> Value {
        let groups = || self.who.groups.iter().map(|group| &group.entry);
        match selector {
            Selector::Entity(fact) => {
                let entity = &self.who.entity;
                fact.of(&entity.id, &entity.name, entity.metadata.as_ref(), None)
            }
            Selector::Alias { accessor, fact } => match self.aliases.get(accessor) {
                Some(alias) => fact.of(&alias.id, &alias.name, alias.metadata.as_ref(), alias.custom_metadata.as_ref()),
                None => fact.of("", "", None, None),
            },
            Selector::GroupIds => sorted(groups().map(|group| group.id.as_str())),
            Selector::GroupNames => sorted(groups().map(|group| group.name.as_str())),
            Selector::GroupById { id, fact } => of_group(groups().find(|group| group.id == *id), fact),
            Selector::GroupByName { name, fact } => of_group(groups().find(|group| group.name == *name), fact),
            Selector::Now(nanos) => {
                let nanos = self.now.unix_nanos().saturating_add(i128::from(*nanos));
                json!(i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or_default())
            }
        }
    }
}

/// What others are in is nothing to tell the author of a template of: an unknown group is empty too.
fn of_group(group: Option<&GroupEntry>, fact: &Fact) -> Value {
    match group {
        Some(group) => fact.of(&group.id, &group.name, group.metadata.as_ref(), None),
        None => fact.of("", "", None, None),
    }
}

fn sorted<'t>(texts: impl Iterator<Item = &'t str>) -> Value {
    let mut texts: Vec<_> = texts.collect();
    texts.sort_unstable();
    json!(texts)
}

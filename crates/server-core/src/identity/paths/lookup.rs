//! `identity/lookup`: an entity or a group by one of its properties. Nothing found is 204, as a write that has nothing to
//! say (documented Vault behavior).

use framework::{Context, Error, Path, Reply, fields};

use super::ns;
use crate::identity::Identities;
use crate::identity::aliases::Of;

pub(super) fn paths() -> Vec<Path<Identities>> {
    vec![
        Path::new("lookup/entity", "An entity by one of its properties.").update(entity, "Show the entity."),
        Path::new("lookup/group", "A group by one of its properties.").update(group, "Show the group."),
    ]
}

fields! {
    /// One property.
    struct Lookup {
        /// Name of the entity or group.
        name: String = String::new(),
        /// Id of the entity or group.
        id: String = String::new(),
        /// Id of its alias.
        alias_id: String = String::new(),
        /// Name of its alias; needs alias_mount_accessor.
        alias_name: String = String::new(),
        /// Accessor of its alias's mount; needs alias_name.
        alias_mount_accessor: String = String::new(),
    }
}

/// The one property that is asked by.
enum By {
    Id(String),
    Name(String),
    Alias(String),
    AliasName { accessor: String, name: String },
}

impl Lookup {
    fn by(self) -> Result<By, Error> {
        let Self { name, id, alias_id, alias_name, alias_mount_accessor: accessor } = self;
        let mut ways = Vec::new();
        ways.extend((!id.is_empty()).then_some(By::Id(id)));
        ways.extend((!name.is_empty()).then_some(By::Name(name)));
        ways.extend((!alias_id.is_empty()).then_some(By::Alias(alias_id)));
        match (alias_name.is_empty(), accessor.is_empty()) {
            (true, true) => {}
            (false, false) => ways.push(By::AliasName { accessor, name: alias_name }),
            _ => return Err(Error::invalid("both 'alias_name' and 'alias_mount_accessor' needs to be set")),
        }
        match (ways.pop(), ways.is_empty()) {
            (None, _) => Err(Error::invalid("query parameters not supplied")),
            (Some(way), true) => Ok(way),
            _ => Err(Error::invalid("query parameter conflict; please supply distinct set of query parameters")),
        }
    }
}

/// The id of the entity or group that an alias is of.
async fn behind(identities: &Identities, ns: &str, of: Of, by: &By) -> Result<Option<String>, Error> {
    let alias = match by {
        By::Alias(id) => identities.alias(ns, of, id).await?,
        By::AliasName { accessor, name } => identities.alias_named(ns, of, accessor, name).await?,
        By::Id(id) => return Ok(Some(id.clone())),
        By::Name(_) => None,
    };
    Ok(alias.map(|alias| alias.value.canonical_id))
}

async fn entity(identities: &Identities, context: &Context, input: Lookup) -> Result<Reply, Error> {
    let (ns, by) = (ns(context), input.by()?);
    let found = match &by {
        By::Name(name) => identities.entity_named(ns, name).await?,
        by => match behind(identities, ns, Of::Entity, by).await? {
            Some(id) => identities.entity(ns, &id).await?,
            None => None,
        },
    };
    match found {
        Some(found) => Ok(identities.show_entity(ns, &found.value).await?.into()),
        None => Ok(Reply::empty()),
    }
}

async fn group(identities: &Identities, context: &Context, input: Lookup) -> Result<Reply, Error> {
    let (ns, by) = (ns(context), input.by()?);
    let found = match &by {
        By::Name(name) => identities.group_named(ns, name).await?,
        by => match behind(identities, ns, Of::Group, by).await? {
            Some(id) => identities.group(ns, &id).await?,
            None => None,
        },
    };
    match found {
        Some(found) => Ok(identities.show_group(ns, &found.value).await?.into()),
        None => Ok(Reply::empty()),
    }
}

//! What may be stored in entities, groups and aliases: the documented bounds of metadata, and our own of names and lists.

use framework::Error;

use super::entry::Texts;
use crate::policies::{RESERVED, ROOT, sanitize_name};

/// The longest name of an entity or a group.
const NAME_BYTES_MAX: usize = 512;
/// The longest name of an alias: a distinguished name of a directory may be long.
const ALIAS_NAME_BYTES_MAX: usize = 1_024;
/// The most pairs of metadata (documented Vault limit).
const METADATA_PAIRS_MAX: usize = 64;
/// The longest name in metadata (documented Vault limit).
const METADATA_KEY_BYTES_MAX: usize = 128;
/// The longest value in metadata (documented Vault limit).
const METADATA_VALUE_BYTES_MAX: usize = 512;
/// The most policies of one entity or group.
const POLICIES_MAX: usize = 256;

pub(super) fn name(what: &str, name: &str) -> Result<(), Error> {
    bounded(what, name, NAME_BYTES_MAX)
}

/// Names of aliases are looked up [folded](super::fold): one with white space around it would be somebody else's, who has
/// the name without.
pub(crate) fn alias_name(name: &str) -> Result<(), Error> {
    bounded("alias name", name, ALIAS_NAME_BYTES_MAX)?;
    if name.trim() != name {
        return Err(Error::invalid("alias name must not begin or end with white space"));
    }
    Ok(())
}

fn bounded(what: &str, name: &str, most: usize) -> Result<(), Error> {
    let length = name.len();
    if name.trim().is_empty() {
        return Err(Error::Invalid(format!("{what} must not be empty").into()));
    }
    if length > most {
        return Err(Error::Invalid(format!("{what} has {length} bytes, the most is {most}").into()));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::Invalid(format!("{what} must not hold control characters").into()));
    }
    Ok(())
}

pub(super) fn metadata(texts: &Texts) -> Result<(), Error> {
    let count = texts.len();
    if count > METADATA_PAIRS_MAX {
        return Err(Error::Invalid(
            format!("metadata must contain at most {METADATA_PAIRS_MAX} key/value pairs, not {count}").into(),
        ));
    }
    for (key, value) in texts {
        if key.is_empty() || key.len() > METADATA_KEY_BYTES_MAX {
            let text = format!("length of a metadata key must be 1 to {METADATA_KEY_BYTES_MAX} bytes");
            return Err(Error::Invalid(text.into()));
        }
        if value.len() > METADATA_VALUE_BYTES_MAX {
            let text = format!("length of metadata value for key {key:?} must be at most {METADATA_VALUE_BYTES_MAX}");
            return Err(Error::Invalid(text.into()));
        }
    }
    Ok(())
}

/// Policies as they are stored: lower case, sorted, without doubles. `root` belongs to nobody in particular.
pub(super) fn policies(names: &[String]) -> Result<Vec<String>, Error> {
    let mut names: Vec<_> = names.iter().map(|name| sanitize_name(name)).filter(|name| !name.is_empty()).collect();
    names.sort();
    names.dedup();
    if names.iter().any(|name| name == ROOT) {
        return Err(Error::invalid("policies cannot contain root"));
    }
    if let Some(name) = names.iter().find(|name| RESERVED.contains(&name.as_str())) {
        return Err(Error::Invalid(format!("cannot assign policy \"{name}\"").into()));
    }
    if names.len() > POLICIES_MAX {
        let count = names.len();
        return Err(Error::Invalid(format!("{count} policies, the most is {POLICIES_MAX}").into()));
    }
    Ok(names)
}

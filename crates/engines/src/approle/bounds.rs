//! What names, ids and metadata may be: everything here ends up in storage keys, in tokens and in policy templates.

use std::collections::BTreeMap;

use framework::{Error, cidr::Cidr};
use secret::Secret;

use crate::names;

/// The longest role id, in bytes: it is the name of an alias, and whose logins are counted.
const ROLE_ID_BYTES_MAX: usize = 512;
/// The longest secret id, in bytes (documented Vault bound).
const SECRET_ID_BYTES_MAX: usize = 4_096;
/// How much can be noted with a secret id, as with an alias of an entity: pairs, and bytes of a key and a value.
const METADATA_PAIRS_MAX: usize = 64;
const METADATA_KEY_BYTES_MAX: usize = 128;
const METADATA_VALUE_BYTES_MAX: usize = 512;

/// A role's name as it is stored, in lower case.
pub(super) fn role_name(name: &str) -> Result<String, Error> {
    names::check("role", name)
}

/// A role id that somebody chooses.
pub(super) fn role_id(role_id: &str) -> Result<String, Error> {
    let role_id = role_id.trim();
    if role_id.is_empty() || role_id.len() > ROLE_ID_BYTES_MAX || role_id.contains(char::is_control) {
        let text =
            format!("invalid role_id supplied: it has 1 to {ROLE_ID_BYTES_MAX} bytes without control characters");
        return Err(Error::Invalid(text.into()));
    }
    Ok(role_id.to_owned())
}

/// A secret id as it is hashed: white space around it does not count, as at a login. `None` for one that is empty.
///
/// # Errors
/// When it is too long.
pub(super) fn secret_id(secret_id: Option<Secret<String>>) -> Result<Option<Secret<String>>, Error> {
    let Some(secret_id) = secret_id else { return Ok(None) };
    let trimmed = secret_id.expose().trim();
    if trimmed.len() > SECRET_ID_BYTES_MAX {
        return Err(Error::Invalid(format!("a secret id has at most {SECRET_ID_BYTES_MAX} bytes").into()));
    }
    Ok(Some(trimmed).filter(|text| !text.is_empty()).map(|text| Secret::new(text.to_owned())))
}

/// What is noted with a secret id, and comes into its tokens' metadata.
pub(super) fn metadata(metadata: &BTreeMap<String, String>) -> Result<(), Error> {
    let is_long = |(key, value): (&String, &String)| {
        key.is_empty() || key.len() > METADATA_KEY_BYTES_MAX || value.len() > METADATA_VALUE_BYTES_MAX
    };
    if metadata.len() > METADATA_PAIRS_MAX || metadata.iter().any(is_long) {
        let text = format!(
            "metadata has at most {METADATA_PAIRS_MAX} keys of 1 to {METADATA_KEY_BYTES_MAX} bytes, with values of at \
             most {METADATA_VALUE_BYTES_MAX}"
        );
        return Err(Error::Invalid(text.into()));
    }
    Ok(())
}

/// A secret id can narrow the networks of its role, and not leave them. A role without any leaves the choice free.
pub(super) fn within(asked: &[Cidr], role: &[Cidr]) -> Result<(), Error> {
    let is_within = role.is_empty() || asked.iter().all(|one| role.iter().any(|of_role| of_role.covers(*one)));
    let text = "failed to verify subset relationship between CIDR blocks on the role and CIDR blocks on the secret ID";
    if is_within { Ok(()) } else { Err(Error::invalid(text)) }
}

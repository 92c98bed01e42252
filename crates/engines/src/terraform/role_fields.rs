//! What can be said of a role, what of it makes sense, and how it is shown.

use std::time::Duration;

use framework::{Error, fields};
use serde_json::{Map, Value, json};

use super::entry::{Owner, RoleEntry, TokenType};

/// The longest id and name of an owner, and the longest description, in bytes: with the letters behind it a token's own
/// still fits.
const ID_BYTES_MAX: usize = 128;
const DESCRIPTION_BYTES_MAX: usize = 200;

fields! {
    /// Makes a role or changes it; what is absent stays as it is.
    pub(super) struct WriteRole {
        /// Name of the role, in upper or lower case.
        name: String,
        /// The type of its tokens: user, organization, team or team_legacy. It follows from the owner if it is absent.
        credential_type: Option<String>,
        /// What stands in front of the descriptions of tokens, for users and teams.
        description: Option<String>,
        /// Name of the organization, in place of a user. With a team it is the one that the team is in.
        organization: Option<String>,
        /// The most that a token lives; the mount's if zero.
        max_ttl: Option<Duration>,
        /// Id of the team, in place of a user.
        team_id: Option<String>,
        /// How long a token lives if it is not renewed; the mount's if zero.
        ttl: Option<Duration>,
        /// Id of the user.
        user_id: Option<String>,
    }
}

/// Takes over what is said of a role.
///
/// # Errors
/// [`Error::Invalid`] for what makes no sense, alone or together.
pub(super) fn apply(input: &WriteRole, role: &mut RoleEntry) -> Result<(), Error> {
    match input.credential_type.as_deref() {
        None => {}
        Some("") => role.written_type = None,
        Some(text) => {
            let unknown = "unrecognized credential type: it is user, organization, team or team_legacy";
            role.written_type = Some(TokenType::parse(text).ok_or_else(|| Error::invalid(unknown))?);
        }
    }
    for (given, stored) in [
        (&input.organization, &mut role.organization),
        (&input.team_id, &mut role.team_id),
        (&input.user_id, &mut role.user_id),
        (&input.description, &mut role.description),
    ] {
        if let Some(text) = given {
            text.trim().clone_into(stored);
        }
    }
    role.ttl_secs = input.ttl.map_or(role.ttl_secs, |ttl| ttl.as_secs());
    role.max_ttl_secs = input.max_ttl.map_or(role.max_ttl_secs, |ttl| ttl.as_secs());
    check(role)
}

fn check(role: &RoleEntry) -> Result<(), Error> {
    let has = |text: &String| !text.is_empty();
    if has(&role.user_id) && (has(&role.organization) || has(&role.team_id)) {
        return Err(Error::invalid("cannot provide a user_id in combination with organization or team_id"));
    }
    if ![&role.user_id, &role.organization, &role.team_id].into_iter().any(has) {
        return Err(Error::invalid("must provide an organization name, team id, or user id"));
    }
    if role.max_ttl_secs != 0 && role.ttl_secs > role.max_ttl_secs {
        return Err(Error::invalid("ttl cannot be greater than max_ttl"));
    }
    let token_type = role.token_type();
    let has_terms = has(&role.description) || role.ttl_secs != 0 || role.max_ttl_secs != 0;
    if token_type == TokenType::TeamLegacy && has_terms {
        let text = "cannot provide description, ttl, or max_ttl with credential_type = team_legacy, try credential_type \
                    = team.";
        return Err(Error::invalid(text));
    }
    let missing = match token_type {
        TokenType::User if !has(&role.user_id) => "credential_type = user needs a user_id",
        TokenType::Organization if !has(&role.organization) => "credential_type = organization needs an organization",
        TokenType::Organization if has(&role.team_id) => "credential_type = organization has no team_id",
        TokenType::Team if !has(&role.team_id) => "credential_type = team needs a team_id",
        TokenType::TeamLegacy if !has(&role.team_id) => "credential_type = team_legacy needs a team_id",
        _ => return check_texts(role),
    };
    Err(Error::invalid(missing))
}

/// Ids become parts of URLs.
fn check_texts(role: &RoleEntry) -> Result<(), Error> {
    for (id, text) in [
        (&role.organization, "invalid value for organization"),
        (&role.team_id, "invalid value for team ID"),
        (&role.user_id, "invalid value for user ID"),
    ] {
        let is_sound = id.bytes().all(|it| it.is_ascii_alphanumeric() || b"-._".contains(&it));
        if !is_sound || id.len() > ID_BYTES_MAX || matches!(id.as_str(), "." | "..") {
            return Err(Error::invalid(text));
        }
    }
    if role.description.len() > DESCRIPTION_BYTES_MAX || role.description.contains(char::is_control) {
        return Err(Error::Invalid(
            format!("description has at most {DESCRIPTION_BYTES_MAX} bytes and no control characters").into(),
        ));
    }
    Ok(())
}

/// A role as it is read, without its token.
pub(super) fn show(name: &str, role: &RoleEntry) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("name".to_owned(), json!(name));
    shown.insert("ttl".to_owned(), json!(role.ttl_secs));
    shown.insert("max_ttl".to_owned(), json!(role.max_ttl_secs));
    for (key, text) in [
        ("description", &role.description),
        ("organization", &role.organization),
        ("team_id", &role.team_id),
        ("user_id", &role.user_id),
    ] {
        if !text.is_empty() {
            shown.insert(key.to_owned(), json!(text));
        }
    }
    if !matches!(role.owner(), Owner::Organization(_)) {
        shown.insert("credential_type".to_owned(), json!(role.token_type().name()));
    }
    shown
}

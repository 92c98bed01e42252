//! Finding a token that may have been made by its description, which no other has.
//!
//! A list that does not show it proves that there is none only if the root token would see it, and if nobody can be making
//! it any more.

use std::time::Duration;

use api::Timestamp;
use framework::{Context, Error};

use super::entry::Owner;
use super::saas::{Failure, Saas};

/// After how long nothing can come any more of a request that was sent: longer than any proxy in between keeps one.
const SETTLED_AFTER: Duration = Duration::from_secs(60);

/// The id of the token with this description, if there is one. `organization` is where a team is, or empty.
///
/// # Errors
/// When the API does not tell, and as long as it may still be made.
pub(super) async fn described(
    saas: &Saas<'_>,
    context: &Context,
    (owner, organization, description): (&Owner, &str, &str),
    intended: Timestamp,
) -> Result<Option<String>, Error> {
    let found = search(saas, owner, organization, description).await.map_err(|it| it.told("error finding token"))?;
    if found.is_none() {
        settled(context, intended)?;
    }
    Ok(found)
}

/// Refuses as long as a request of then may still be at work on the other side.
///
/// # Errors
/// Until a minute has passed.
pub(super) fn settled(context: &Context, intended: Timestamp) -> Result<(), Error> {
    if context.now().since(intended) < SETTLED_AFTER {
        return Err(Error::world("undo a token that may have been made", "it may still be on its way"));
    }
    Ok(())
}

async fn search(
    saas: &Saas<'_>,
    owner: &Owner,
    organization: &str,
    description: &str,
) -> Result<Option<String>, Failure> {
    match owner {
        Owner::User(id) => {
            // Tokens of somebody else are not shown, and that is no error (documented).
            if saas.whose().await? != *owner {
                return Err(Failure::unseen());
            }
            let listed = saas.tokens(&format!("users/{id}/authentication-tokens"), "").await?;
            Ok(listed.into_iter().find(|it| it.description == description).map(|it| it.id))
        }
        other => {
            let organizations = match organization {
                "" => organizations(saas).await?,
                name => vec![name.to_owned()],
            };
            let query = named(&saas.team_name(other.id()).await?);
            let mut is_seen = false;
            for name in organizations {
                match in_organization(saas, &name, &query, other.id(), description).await {
                    Ok(Some(id)) => return Ok(Some(id)),
                    Ok(None) => is_seen = true,
                    // Not the one: the root token manages another.
                    Err(failure) if failure.is_missing() => {}
                    Err(failure) => return Err(failure),
                }
            }
            if is_seen { Ok(None) } else { Err(Failure::unseen()) }
        }
    }
}

/// Where a team can be: where the root token is from, else everywhere that it sees.
async fn organizations(saas: &Saas<'_>) -> Result<Vec<String>, Failure> {
    match saas.whose().await? {
        Owner::Organization(name) => Ok(vec![name]),
        _ => saas.organizations().await,
    }
}

async fn in_organization(
    saas: &Saas<'_>,
    organization: &str,
    query: &str,
    team: &str,
    description: &str,
) -> Result<Option<String>, Failure> {
    let listed = saas.tokens(&format!("organizations/{organization}/team-tokens"), query).await?;
    Ok(listed.into_iter().find(|it| it.team == team && it.description == description).map(|it| it.id))
}

/// What shortens a list to the tokens of teams of this name; a name that cannot stand in a query as it is shortens nothing.
fn named(team: &str) -> String {
    let is_plain = team.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.'));
    if is_plain && !team.is_empty() { format!("q={team}&") } else { String::new() }
}

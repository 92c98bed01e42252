//! Handing out: a new token of a user or team that ends with its lease, or the one that an organization has.

use std::time::Duration;

use api::Timestamp;
use framework::{Context, Error, Grant, Held, Limits, Path, Reply, Segment};
use serde_json::json;

use super::entry::{Lease, LentNote, RoleEntry, known_config, known_role};
use super::roles::Named;
use super::{LENT, Terraform, find};
use crate::names;

/// How many random letters and digits tell the descriptions of tokens apart.
const SUFFIX_LETTERS: usize = 20;

pub(super) fn path() -> Path<Terraform> {
    Path::new("creds/{name}", "A token of a role.")
        .folded_param("name", Segment::Name, "Name of the role, in upper or lower case.")
        .makes_leases()
        .read(make, "Make a token for a lease, or show the one that the role has.")
        .update(make, "Make a token for a lease, or show the one that the role has.")
}

async fn make(engine: &Terraform, context: &Context, input: Named) -> Result<Reply, Error> {
    let name = names::check("role", &input.name)?;
    let (role, _) = known_role(&context.view, &name).await?;
    if role.token_type().is_single() { show(&name, &role) } else { lend(engine, context, name, &role).await }
}

/// The token that is kept with the role.
fn show(name: &str, role: &RoleEntry) -> Result<Reply, Error> {
    let single = role.single.as_ref().ok_or_else(|| Error::invalid("the role has no token: rotate it"))?;
    let mut data = json!({
        "organization": role.organization, "role": name, "team_id": role.team_id, "token": single.token,
        "token_id": single.token_id,
    });
    if !role.description.is_empty() {
        data["description"] = json!(role.description);
    }
    Ok(Reply::data(data))
}

async fn lend(engine: &Terraform, context: &Context, name: String, role: &RoleEntry) -> Result<Reply, Error> {
    let (config, _) = known_config(&context.view).await?;
    let saas = engine.saas(&config, &context.env)?;
    let (owner, now) = (role.owner(), context.now().truncate_to_secs());
    let max_ttl = max_ttl(context, role);
    let asked = now.plus(max_ttl);
    let description = format!("{}({})", role.description, context.env.base62(SUFFIX_LETTERS));
    let note = LentNote {
        v: 1,
        owner: owner.clone(),
        organization: role.organization.clone(),
        description: description.clone(),
    };
    let intent = context.intend(LENT, &note).await?;
    let made = match saas.make(&owner, &description, Some(asked)).await {
        Ok(made) => made,
        Err(failure) => {
            if failure.is_certain {
                context.withdraw(intent);
            }
            return Err(failure.told("error creating Terraform token"));
        }
    };
    // The organization may allow less than was asked for; no lease is longer than its token.
    let ends = made.ends.map_or(asked, |ends| ends.min(asked));
    let kept = Lease { v: 1, token_id: made.id.clone(), role: name, owner, ends };
    let mut data = json!({ "token": made.token.expose(), "token_id": made.id });
    if !role.description.is_empty() || !role.team_id.is_empty() {
        data["description"] = json!(description);
    }
    if !role.team_id.is_empty() {
        data["expired_at"] = json!(ends);
    }
    let (ttl, longest) = (Duration::from_secs(role.ttl_secs), ends.since(now));
    Ok(Reply::data(data).granting(Grant::new(LENT, &kept)?.lasting(ttl, longest).fulfilling(intent)))
}

/// The most that a token of a role lives: what the role says, within what the mount does.
fn max_ttl(context: &Context, role: &RoleEntry) -> Duration {
    let most = context.mount.max_lease_ttl;
    match role.max_ttl_secs {
        0 => most,
        secs => most.min(Duration::from_secs(secs)),
    }
}

/// What the role allows now, within the life of the token itself.
pub(super) async fn limits(_: &Terraform, context: &Context, held: Held) -> Result<Limits, Error> {
    let lease: Lease = held.data()?;
    let (role, _) = known_role(&context.view, &lease.role).await?;
    let max_ttl = max_ttl(context, &role).min(lease.ends.since(held.issued));
    if max_ttl.is_zero() {
        return Err(Error::invalid("past the max TTL, cannot renew"));
    }
    Ok(Limits { ttl: Duration::from_secs(role.ttl_secs), max_ttl })
}

pub(super) async fn revoke(engine: &Terraform, context: &Context, held: Held) -> Result<(), Error> {
    let lease: Lease = held.data()?;
    let (config, _) = known_config(&context.view).await?;
    let saas = engine.saas(&config, &context.env)?;
    saas.end(&lease.token_id).await.map_err(|failure| failure.told("error revoking token"))
}

/// Ends the token that was announced, if it was made.
pub(super) async fn undo(engine: &Terraform, context: &Context, held: Held) -> Result<(), Error> {
    let note: LentNote = held.data()?;
    let (config, _) = known_config(&context.view).await?;
    let saas = engine.saas(&config, &context.env)?;
    let sought = (&note.owner, note.organization.as_str(), note.description.as_str());
    let intended: Timestamp = held.issued;
    match find::described(&saas, context, sought, intended).await? {
        Some(id) => saas.end(&id).await.map_err(|failure| failure.told("error revoking token")),
        None => Ok(()),
    }
}

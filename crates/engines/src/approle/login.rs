//! Logging in with a role id and a secret id, and what a renewal asks.
//!
//! A login that is refused costs the same reads whether the role is there or not: where nothing is found, the next read
//! is for something that cannot be there. A use of the secret id is taken away in the commit that makes the token: what is
//! refused, here or afterwards, takes none, and none counts for two.

use std::net::IpAddr;

use framework::cidr::{Cidr, admit, networks_of};
use framework::terms::TokenTerms;
use framework::view::{ViewChanges, encode, to_stored};
use framework::{Alias, Context, Error, Login, Path, Renewing, Reply, Stored, fields};
use secret::{Secret, is_equal};
use serde::{Deserialize, Serialize};

use super::entry::{
    RoleEntry, RoleIdEntry, Salt, SecretEntry, find_role, find_secret, remove_secret, role_place, secret_place,
};
use super::{AppRole, bounds};

/// The name and the own id of nobody's role: no role has them.
const NOBODY: &str = "-";

/// What is noted of a login.
#[derive(Serialize, Deserialize)]
struct Note {
    role: String,
    /// The role's own id: one of the same name that is made later is another.
    id: String,
}

fields! {
    /// A machine that wants in.
    struct Enter {
        /// The role's id for logins.
        role_id: Option<String>,
        /// A secret id of the role.
        secret_id: Option<Secret<String>> => secret,
    }
}

fields! {
    /// Names a role by its role id.
    struct ByRoleId {
        /// The role's id for logins.
        role_id: Option<String>,
    }
}

/// A role that a login has named, and what it was read from.
struct Named {
    name: String,
    role: RoleEntry,
    stored: Stored,
}

/// A secret id that a login has shown.
struct Shown {
    hash: String,
    secret: (SecretEntry, Stored),
    /// What the token is bound to.
    token_cidrs: Vec<Cidr>,
}

pub(super) fn path() -> Path<AppRole> {
    Path::new("login", "Log in with a role id and a secret id.")
        .unauthenticated()
        .role::<ByRoleId>(role)
        .user::<ByRoleId>(user)
        .update(enter, "Log in.")
}

/// Whose login it is, whether or not there is such a role.
async fn user(_: &AppRole, _: &Context, input: ByRoleId) -> Result<Option<String>, Error> {
    Ok(input.role_id.and_then(|role_id| bounds::role_id(&role_id).ok()))
}

async fn role(_: &AppRole, context: &Context, input: ByRoleId) -> Result<Option<String>, Error> {
    let Some(role_id) = input.role_id.and_then(|role_id| bounds::role_id(&role_id).ok()) else { return Ok(None) };
    let salt = Salt::find(&context.view).await?.unwrap_or_else(Salt::of_nobody);
    let Some(stored) = context.view.get(&salt.role_id_place(&role_id)).await? else { return Ok(None) };
    Ok(Some(stored.json::<RoleIdEntry>()?.role))
}

async fn enter(_: &AppRole, context: &Context, input: Enter) -> Result<Reply, Error> {
    let role_id = input.role_id.filter(|role_id| !role_id.trim().is_empty());
    let role_id = role_id.ok_or_else(|| Error::invalid("missing role_id"))?;
    let role_id = bounds::role_id(&role_id).map_err(|_| refused())?;
    let secret_id = bounds::secret_id(input.secret_id).map_err(|_| refused())?;
    Ok(decide(context, &role_id, secret_id.as_ref()).await?.into())
}

/// One text for a role id that is nobody's and a secret id that is not the role's. Clients search for it.
fn refused() -> Error {
    Error::BadCredentials("invalid role or secret ID".into())
}

async fn decide(context: &Context, role_id: &str, secret_id: Option<&Secret<String>>) -> Result<Login, Error> {
    let salt = Salt::find(&context.view).await?.unwrap_or_else(Salt::of_nobody);
    let mut named = find_by_role_id(context, &salt, role_id).await?;
    if let Some(bare) = named.take_if(|named| !named.role.binds_secret_id) {
        let is_welcome = check_networks(context, &[], &bare.role, &bare.role.terms.bound_cidrs).is_ok();
        if is_welcome {
            return login(context, &bare, None);
        }
        // From elsewhere nothing has been proven: there is no such role, and that is what it costs and is told.
    }
    // Whether there is such a role is not told by what is asked for next.
    let secret_id = secret_id.ok_or_else(|| Error::invalid("missing secret_id"))?;
    let own_id = named.as_ref().map_or(NOBODY, |named| named.role.id.as_str());
    let hash = salt.secret_id(own_id, secret_id);
    let secret = find_secret(context, own_id, &hash).await?;
    let (Some(named), Some(secret)) = (named, secret) else { return Err(refused()) };
    let token_cidrs = token_cidrs(&named.role, &secret.0)?;
    check_networks(context, &networks_of(&secret.0.cidrs), &named.role, &token_cidrs)?;
    let shown = Shown { hash, secret, token_cidrs };
    login(context, &named, Some(&shown))?.with_changes(one_use(context, &named.role, &shown).await?)
}

async fn find_by_role_id(context: &Context, salt: &Salt, role_id: &str) -> Result<Option<Named>, Error> {
    let name = match context.view.get(&salt.role_id_place(role_id)).await? {
        Some(stored) => stored.json::<RoleIdEntry>()?.role,
        None => NOBODY.to_owned(),
    };
    let found = find_role(&context.view, &name).await?;
    let found = found.filter(|(role, _)| is_equal(&role.role_id, role_id));
    Ok(found.map(|(role, stored)| Named { name, role, stored }))
}

/// What the tokens of a secret id are bound to: its own networks, as far as they are still within the role's, or the
/// role's. None at all would bind nobody.
fn token_cidrs(role: &RoleEntry, secret: &SecretEntry) -> Result<Vec<Cidr>, Error> {
    let of_role = &role.terms.bound_cidrs;
    if secret.token_cidrs.is_empty() {
        return Ok(of_role.clone());
    }
    let mut left = networks_of(&secret.token_cidrs);
    left.retain(|one| bounds::within(&[*one], of_role).is_ok());
    if left.is_empty() { Err(Error::Denied) } else { Ok(left) }
}

fn check_networks(context: &Context, of_secret: &[Cidr], role: &RoleEntry, of_token: &[Cidr]) -> Result<(), Error> {
    let remote: Option<IpAddr> = context.connection.remote.map(|remote| remote.ip().to_canonical());
    let place = remote.map(|remote| remote.to_string()).unwrap_or_default();
    if !admit(of_secret, remote) {
        let text = format!("source address {place:?} unauthorized through CIDR restrictions on the secret ID");
        return Err(Error::Invalid(text.into()));
    }
    if !admit(&networks_of(&role.bound_cidrs), remote) {
        let text = format!("source address {place:?} unauthorized by CIDR restrictions on the role");
        return Err(Error::Invalid(text.into()));
    }
    // The core will ask this again for the token, when the use would be gone.
    if admit(of_token, remote) { Ok(()) } else { Err(Error::Denied) }
}

/// The login as the core is told of it. It expects the role, and a secret id that is not counted, as they were read; one
/// that is counted is changed with it.
fn login(context: &Context, named: &Named, shown: Option<&Shown>) -> Result<Login, Error> {
    let Named { name, role, stored } = named;
    let mut terms = role.terms.clone();
    let mut metadata = Default::default();
    if let Some(Shown { secret: (secret, _), token_cidrs, .. }) = shown {
        terms.bound_cidrs.clone_from(token_cidrs);
        metadata = secret.metadata.clone();
    }
    let login = Login::new("", terms, &Note { role: name.clone(), id: role.id.clone() })?;
    // What is noted with a secret id does not make it another role's.
    let mut login = Login { metadata, ..login }.with_metadata("role_name", name).with_role(name);
    login.alias = Some(Alias { name: role.role_id.clone(), metadata: Some(login.metadata.clone()) });
    let login = login.decided_from(&context.view, &role_place(name), &stored.value)?;
    match shown {
        Some(Shown { hash, secret: (secret, stored), .. }) if secret.num_uses == 0 => {
            login.decided_from(&context.view, &secret_place(&role.id, hash), &stored.value)
        }
        _ => Ok(login),
    }
}

/// What takes one use of a secret id away, and with the last one the secret id. Of two logins at once one meets the
/// conflict, and is decided again by what is left.
async fn one_use<'c>(context: &'c Context, role: &RoleEntry, shown: &Shown) -> Result<ViewChanges<'c>, Error> {
    let Shown { hash, secret, .. } = shown;
    let changes = context.view.changes();
    match secret.0.num_uses {
        0 => Ok(changes),
        1 => remove_secret(&context.view, changes, (&role.id, hash), secret).await,
        left => {
            let (entry, stored) = secret;
            let entry = SecretEntry { num_uses: left - 1, updated: to_stored(context.now()), ..entry.clone() };
            Ok(changes.replace(&secret_place(&role.id, hash), stored.revision(), encode(&entry)?))
        }
    }
}

/// A role that is gone does not keep its tokens alive, nor does one of the same name that was made since.
pub(super) async fn renew(_: &AppRole, context: &Context, renewing: Renewing) -> Result<TokenTerms, Error> {
    let Note { role: name, id } = renewing.data()?;
    let found = find_role(&context.view, &name).await?.filter(|(role, _)| role.id == id);
    let (role, _) =
        found.ok_or_else(|| Error::Invalid(format!("role {name:?} does not exist during renewal").into()))?;
    Ok(role.terms)
}

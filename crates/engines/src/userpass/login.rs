//! Logging in, and what a renewal asks.

use framework::terms::TokenTerms;
use framework::view::encode;
use framework::{Context, Error, Login, Path, Renewing, Reply, Segment, fields};
use secret::Secret;
use serde::{Deserialize, Serialize};

use super::Userpass;
use super::entry::{UserEntry, find, place};
use super::users::{Named, check_name};

/// What is noted of a login.
#[derive(Serialize, Deserialize)]
struct Note {
    username: String,
}

fields! {
    /// Somebody who wants in.
    struct Enter {
        /// Name of the user.
        username: String,
        /// Password of the user.
        password: Option<Secret<String>> => secret,
    }
}

pub(super) fn path() -> Path<Userpass> {
    Path::new("login/{username}", "Log in with a username and password.")
        .folded_param("username", Segment::Name, "Name of the user.")
        .unauthenticated()
        .user::<Named>(user)
        .update(enter, "Log in.")
}

/// Whose login it is, whether or not there is such a user.
async fn user(_: &Userpass, _: &Context, input: Named) -> Result<Option<String>, Error> {
    Ok(check_name(&input.username).ok())
}

async fn enter(method: &Userpass, context: &Context, input: Enter) -> Result<Reply, Error> {
    let password = input.password.filter(|password| !password.expose().is_empty());
    let password = password.ok_or_else(|| Error::invalid("missing password"))?;
    let username = check_name(&input.username).map_err(|_| refused())?;
    let found = find(&context.view, &username).await?;
    let hash = found.as_ref().map(|(user, _)| user.hash.as_str());
    if !method.hashing.fits(password.clone(), hash).await? {
        return Err(refused());
    }
    let Some((user, stored)) = found else { return Err(refused()) };
    let hash = method.hashing.renewed(&context.env, password, &user.hash).await?;
    let login = Login::new(&username, user.terms.clone(), &Note { username: username.clone() })?;
    let login = login.with_metadata("username", &username);
    let place = place(&username);
    let login = match hash {
        None => login.decided_from(&context.view, &place, &stored.value)?,
        Some(hash) => {
            let user = encode(&UserEntry { hash, ..user })?;
            login.with_changes(context.view.changes().replace(&place, stored.revision(), user))?
        }
    };
    Ok(login.into())
}

/// One text for a wrong name and a wrong password. Clients search for it.
fn refused() -> Error {
    Error::BadCredentials("invalid username or password".into())
}

/// A user who is gone, or whose policies are others by now, does not keep the token alive.
pub(super) async fn renew(_: &Userpass, context: &Context, renewing: Renewing) -> Result<TokenTerms, Error> {
    let Note { username } = renewing.data()?;
    let Some((user, _)) = find(&context.view, &username).await? else {
        return Err(Error::invalid("the user is gone, not renewing"));
    };
    if !user.terms.still_gives(&renewing.policies) {
        return Err(Error::invalid("policies have changed, not renewing"));
    }
    Ok(user.terms)
}

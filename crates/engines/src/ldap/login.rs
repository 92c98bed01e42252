//! Logging in, and what a renewal asks.

use std::collections::{BTreeMap, BTreeSet};

use framework::path::fold;
use framework::terms::TokenTerms;
use framework::{Alias, Context, Error, Login, Path, Renewed, Renewing, Reply, Segment, Stored, fields};
use secret::{Secret, sha256};
use serde::{Deserialize, Serialize};

use super::Ldap;
use super::entry::{CONFIG, ConfigEntry, GroupEntry, UserEntry, config, group_place, user_place};
use super::mapped::{NAME_BYTES_MAX, canonical};
use super::person::{Nobody, Person, Question, ask};
use super::settings::Settings;

/// The longest password that is asked about, in bytes.
const PASSWORD_BYTES_MAX: usize = 4_096;
/// Of how many groups the token is made only if they are as they were read: a commit holds only so many expectations.
const GROUPS_EXPECTED_MAX: usize = 32;

/// What is noted of a login.
#[derive(Serialize, Deserialize)]
struct Note {
    username: String,
}

fields! {
    /// Names somebody.
    struct Named {
        /// Name of the user.
        username: String,
    }
}

fields! {
    /// Somebody who wants in.
    struct Enter {
        /// Name of the user, as the directory knows it.
        username: String,
        /// Password of the user.
        password: Option<Secret<String>> => secret,
    }
}

/// What somebody is given.
struct Granted {
    terms: TokenTerms,
    /// All their groups, as they are spelled.
    groups: Vec<String>,
    /// What it was read from, by its storage name.
    read: Vec<(String, Stored)>,
}

pub(super) fn path() -> Path<Ldap> {
    Path::new("login/{username}", "Log in with a name and password of the directory.")
        .folded_param("username", Segment::Name, "Name of the user.")
        .unauthenticated()
        .user::<Named>(user)
        .update(enter, "Log in.")
}

/// Whose login it is, whether or not there is such a user. Spellings that directories take for one are one.
async fn user(_: &Ldap, _: &Context, input: Named) -> Result<Option<String>, Error> {
    Ok(canonical(&input.username, false).ok())
}

async fn enter(method: &Ldap, context: &Context, input: Enter) -> Result<Reply, Error> {
    let (entry, stored) = configured(context).await?;
    let password = input.password.filter(|password| !password.expose().is_empty());
    let text = "password cannot be of zero length when passwordless binds are being denied";
    let password = password.ok_or_else(|| Error::invalid(text))?;
    if password.expose().len() > PASSWORD_BYTES_MAX {
        return Err(refused());
    }
    let username = canonical(&input.username, entry.has_case_sensitive_names).map_err(|_| refused())?;
    let person = person(method, context, &entry, &stored, &username, Some(&password)).await;
    let person = person.map_err(|nobody| match nobody {
        Nobody::Refused => refused(),
        nobody => unasked(nobody),
    })?;
    let group_dn = entry.group_dn.clone();
    let has_groups = !person.groups.is_empty();
    let granted = granted(context, entry, &username, person.groups).await?;
    let mut login = Login::new(&username, granted.terms, &Note { username: username.clone() })?;
    let metadata = BTreeMap::from([("name".to_owned(), username.clone())]);
    login.alias = Some(Alias { name: person.alias, metadata: Some(metadata) });
    login = login.with_metadata("username", &username).in_groups(granted.groups);
    login = login.decided_from(&context.view, CONFIG, &stored.value)?;
    for (place, stored) in granted.read {
        login = login.decided_from(&context.view, &place, &stored.value)?;
    }
    let reply = Reply::from(login);
    if has_groups {
        return Ok(reply);
    }
    let text =
        format!("no LDAP groups found in groupDN {group_dn:?}; only policies from locally-defined groups available");
    Ok(reply.warn(text))
}

/// A user whom the directory does not know any more, or whose policies are others by now, does not keep the token alive.
/// The groups are those of now.
pub(super) async fn renew(method: &Ldap, context: &Context, renewing: Renewing) -> Result<Renewed, Error> {
    let Note { username } = renewing.data()?;
    let (entry, stored) = configured(context).await?;
    let person = person(method, context, &entry, &stored, &username, None).await;
    let person = person.map_err(|nobody| match nobody {
        Nobody::Refused => Error::invalid("the directory does not tell of the user any more, not renewing"),
        nobody => unasked(nobody),
    })?;
    let granted = granted(context, entry, &username, person.groups).await?;
    if !granted.terms.still_gives(&renewing.policies) {
        return Err(Error::invalid("policies have changed, not renewing"));
    }
    Ok(Renewed { terms: granted.terms, groups: Some(granted.groups) })
}

async fn configured(context: &Context) -> Result<(ConfigEntry, Stored), Error> {
    config(&context.view).await?.ok_or_else(|| Error::invalid("ldap backend not configured"))
}

async fn person(
    method: &Ldap,
    context: &Context,
    entry: &ConfigEntry,
    stored: &Stored,
    username: &str,
    password: Option<&Secret<String>>,
) -> Result<Person, Nobody> {
    let settings = Settings::of(entry.clone()).map_err(Nobody::Unasked)?;
    let directory = method.directories.of(&context.mount.uuid);
    let _place = directory.place().map_err(Nobody::Unasked)?;
    let _place_of_all = method.directories.place().map_err(Nobody::Unasked)?;
    let of = sha256(stored.bytes());
    ask(&directory, &Question { env: &context.env, settings: &settings, of, username, password }).await
}

/// What the mount, the groups and the mapping of the user give together (documented Vault behavior).
async fn granted(context: &Context, entry: ConfigEntry, username: &str, told: Vec<String>) -> Result<Granted, Error> {
    let spelled = |name: &str| if entry.has_case_sensitive_names { name.trim().to_owned() } else { fold(name) };
    let place = user_place(username);
    let stored = context.view.get(&place).await?;
    let user = stored.as_ref().map(Stored::json::<UserEntry>).transpose()?;
    let mut read: Vec<_> = stored.map(|stored| (place, stored)).into_iter().collect();
    let (mapped, own) = user.map(|user| (user.groups, user.policies)).unwrap_or_default();
    let groups: Vec<_> = mapped.into_iter().chain(told).collect();
    // A longer name is none that anything could be mapped to.
    let names: BTreeSet<_> = groups.iter().map(|name| spelled(name)).filter(|it| it.len() <= NAME_BYTES_MAX).collect();
    let places: Vec<_> = names.iter().map(|name| group_place(name)).collect();
    let mut policies: BTreeSet<_> = entry.terms.policies.iter().cloned().chain(own).collect();
    for (place, stored) in places.iter().zip(context.view.get_list(&places).await?) {
        let Some(stored) = stored else { continue };
        policies.extend(stored.json::<GroupEntry>()?.policies);
        if read.len() <= GROUPS_EXPECTED_MAX {
            read.push((place.clone(), stored));
        }
    }
    let terms = TokenTerms { policies: policies.into_iter().collect(), ..entry.terms };
    Ok(Granted { terms, groups, read })
}

/// One text for a wrong name and a wrong password. Clients search for it.
fn refused() -> Error {
    Error::BadCredentials("ldap operation failed: failed to bind as user".into())
}

/// The directory has not answered: that is nobody's fault who logs in.
fn unasked(nobody: Nobody) -> Error {
    match nobody {
        Nobody::Unasked(error) => error,
        nobody => Error::WorldShown {
            shown: "the LDAP directory could not be asked about the user: the server's log says why".into(),
            source: Box::new(nobody),
        },
    }
}

//! `static-role/{name}`: one client that is kept, and when its secret is rotated.

use std::time::Duration;

use framework::rotation::{self, First};
use framework::view::{CommitError, Listing, encode};
use framework::{Context, Error, Path, Reply, Schedule, Segment, fields, retry};
use serde_json::{Map, json};

use super::Genesys;
use super::entry::{Own, Recipe, STATIC_CLIENTS, STATIC_ROLES, StaticClientEntry, StaticEntry, find, place};
use super::making::{self, KeptNote, fresh_name, make_kept, validity};
use super::role_divisions::{self, RoleDivisions, is_id};
use super::roles::{RoleName, RoleNames, check_validity, described};
use super::static_creds;
use crate::names;

/// What their rotations are planned under, in front of the role's name.
pub(super) const ROTATIONS: &str = "static-role/";
/// How long access tokens of a client live when nobody says.
const VALIDITY: Duration = Duration::from_secs(3_600);

fields! {
    /// A static role. What is absent stays as it was.
    struct WriteStaticRole {
        /// Name of the role.
        name: String,
        /// The client that is kept: one that is there. Its secret is replaced at once, since nobody can tell it. Without it, the role makes one.
        oauth_client_id: Option<String>,
        /// The roles of Genesys Cloud that the client holds which the role makes, each in a division or in all: a list of objects with role_id and division_id, or of texts `role:division`.
        role_divisions: Option<RoleDivisions>,
        /// How long access tokens of that client live, from 5 minutes to 48 hours; an hour by default.
        access_token_validity: Option<Duration>,
        /// What that client is described with in Genesys Cloud.
        description: Option<String>,
        /// How often the secret is rotated.
        rotation_period: Option<Duration>,
        /// When the secret is rotated, in place of a period: five fields as cron knows them, in UTC.
        rotation_schedule: Option<String>,
        /// With a schedule: for how long after its time the secret may be rotated, from one hour; without it, as soon as it can be.
        rotation_window: Option<Duration>,
    }
}

pub(super) fn list() -> Path<Genesys> {
    Path::new("static-role/", "All static roles.").list(list_names, "List the names of the static roles.")
}

pub(super) fn item() -> Path<Genesys> {
    Path::new("static-role/{name}", "A client that is kept, and when its secret is rotated.")
        .folded_param("name", Segment::Name, "Name of the role.")
        .makes_leases()
        .exists(exists)
        .read(read, "Show the role.")
        .update(write, "Make or change the role.")
        .delete(delete, "Remove the role, and the client if the role has made it.")
}

async fn exists(_: &Genesys, context: &Context, input: RoleName) -> Result<bool, Error> {
    Ok(context.view.get(&place(STATIC_ROLES, &names::check("role", &input.name)?)).await?.is_some())
}

async fn list_names(_: &Genesys, context: &Context, input: RoleNames) -> Result<Reply, Error> {
    Ok(Reply::list(context.view.list(STATIC_ROLES, &Listing::new(input.after, input.limit)).await?))
}

async fn read(_: &Genesys, context: &Context, input: RoleName) -> Result<Reply, Error> {
    let name = names::check("role", &input.name)?;
    let found = find::<StaticEntry>(&context.view, &place(STATIC_ROLES, &name)).await?;
    let (role, _) = found.ok_or(Error::NotFound)?;
    let mut shown = Map::from_iter([("oauth_client_id".to_owned(), json!(role.client_id))]);
    if let Some(Own { recipe, .. }) = &role.own {
        shown.insert("role_divisions".to_owned(), json!(recipe.role_divisions));
        shown.insert("access_token_validity".to_owned(), json!(recipe.validity_secs));
        shown.insert("description".to_owned(), json!(recipe.description));
    }
    if let Some(status) = rotation::status(&context.view, &[ROTATIONS, &name].concat()).await? {
        shown.extend(status.schedule.iter().flat_map(Schedule::show));
        shown.insert("last_vault_rotation".to_owned(), json!(status.last.map(|time| time.to_string())));
    }
    Ok(Reply::data(shown.into()))
}

async fn write(genesys: &Genesys, context: &Context, input: WriteStaticRole) -> Result<Reply, Error> {
    let name = names::check("role", &input.name)?;
    let schedule = Schedule::of_fields(input.rotation_period, input.rotation_schedule.clone(), input.rotation_window)?;
    match find::<StaticEntry>(&context.view, &place(STATIC_ROLES, &name)).await? {
        Some((role, _)) => change(genesys, context, &name, role, &input, schedule).await,
        None => {
            let schedule = schedule.ok_or_else(|| {
                Error::invalid("one of rotation_schedule or rotation_period must be provided to create a static role")
            })?;
            match (&input.oauth_client_id, &input.role_divisions) {
                (Some(_), Some(_)) => Err(Error::invalid("give oauth_client_id or role_divisions, and not both")),
                (Some(id), None) => adopt(genesys, context, &name, id, schedule).await,
                (None, Some(RoleDivisions(pairs))) => {
                    let secs = input.access_token_validity.map_or(0, |validity| validity.as_secs());
                    check_validity(secs)?;
                    role_divisions::check(pairs)?;
                    let description = described(String::new(), input.description.as_deref())?;
                    let validity_secs = validity(secs, VALIDITY);
                    let recipe = Recipe { role_divisions: pairs.clone(), validity_secs, description };
                    create(genesys, context, &name, recipe, schedule).await
                }
                (None, None) => Err(Error::invalid(
                    "give oauth_client_id to keep a client that is there, or role_divisions to have one made",
                )),
            }
        }
    }
}

/// Takes over a client that is there. Its secret is not known, so that it is replaced at once.
async fn adopt(genesys: &Genesys, context: &Context, name: &str, id: &str, schedule: Schedule) -> Result<Reply, Error> {
    if !is_id(id) {
        return Err(Error::invalid("oauth_client_id must be the id of an OAuth client"));
    }
    let root = genesys.root(context).await?;
    if root.config.client_id == id {
        return Err(Error::invalid("the engine works with this client itself: its secret is rotated with rotate-root"));
    }
    let client = root.get(&root.token, id).await?;
    let client = client.ok_or_else(|| Error::invalid("Genesys Cloud has no client with this oauth_client_id"))?;
    if client.state != "active" {
        return Err(Error::invalid("the client of oauth_client_id is not active"));
    }
    let role = StaticEntry { v: 1, client_id: client.id, client_secret: String::new(), own: None };
    store(context, name, &role, schedule, First::At(context.now())).await?;
    static_creds::rotate_first(genesys, context, name, client.grant_type == "CLIENT-CREDENTIALS").await
}

/// Makes a client. It is announced before, and its secret is stored with the role.
async fn create(
    genesys: &Genesys,
    context: &Context,
    name: &str,
    recipe: Recipe,
    schedule: Schedule,
) -> Result<Reply, Error> {
    let root = genesys.root(context).await?;
    let note = KeptNote::new(&fresh_name(context, &root.config.name_prefix, name), &place(STATIC_ROLES, name));
    let (made, intent) = make_kept(&root, context, &note, &recipe).await?;
    let own = Own { name: note.name().to_owned(), recipe };
    let role = StaticEntry { v: 1, client_id: made.id, client_secret: made.secret, own: Some(own) };
    store(context, name, &role, schedule, First::Fresh).await?;
    context.withdraw(intent);
    Ok(Reply::empty())
}

async fn store(
    context: &Context,
    name: &str,
    role: &StaticEntry,
    schedule: Schedule,
    first: First,
) -> Result<(), Error> {
    let (at, owner_at) = (place(STATIC_ROLES, name), place(STATIC_CLIENTS, &role.client_id));
    let owner = StaticClientEntry { v: 1, role: name.to_owned() };
    retry!(_ => {
        let [before, taken] = context.view.get_all([&at, &owner_at]).await?;
        if let Some(taken) = taken {
            // A commit of ours whose answer was lost looks like this.
            let is_ours = taken.json::<StaticClientEntry>()?.role == name && before.is_some();
            let text = "another static role keeps this client: two would make each other's secrets useless";
            return if is_ours { Ok(()) } else { Err(Error::invalid(text).into()) };
        }
        if before.is_some() {
            return Err(Error::Busy("the role was made by somebody else meanwhile, try again".into()).into());
        }
        let changes = context.view.changes().create(&at, encode(role)?).create(&owner_at, encode(&owner)?);
        let rotation = [ROTATIONS, name].concat();
        rotation::plan(context, &rotation, Some(schedule.clone()), first, changes).await?.commit().await?;
        Ok(())
    })
}

/// Changes a role that is there: its schedule, and what its client is made of if the role has made it.
async fn change(
    genesys: &Genesys,
    context: &Context,
    name: &str,
    role: StaticEntry,
    input: &WriteStaticRole,
    schedule: Option<Schedule>,
) -> Result<Reply, Error> {
    if input.oauth_client_id.as_ref().is_some_and(|id| *id != role.client_id) {
        return Err(Error::invalid("oauth_client_id cannot be changed: delete the role, and make another one"));
    }
    let recipe = role.own.as_ref().map(|own| changed(&own.recipe, input)).transpose()?;
    if recipe.is_none() && (input.role_divisions.is_some() || input.access_token_validity.is_some()) {
        return Err(Error::invalid("the client was there before the role, and is not changed by it"));
    }
    if let (Some(own), Some(recipe)) = (&role.own, &recipe)
        && own.recipe != *recipe
    {
        let root = genesys.root(context).await?;
        root.change(&root.token, &role.client_id, &own.name, recipe).await?;
    }
    let at = place(STATIC_ROLES, name);
    retry!(_ => {
        let Some((mut role, stored)) = find::<StaticEntry>(&context.view, &at).await? else {
            return Err(Error::Busy("the role was removed meanwhile".into()).into());
        };
        if let (Some(own), Some(recipe)) = (&mut role.own, &recipe) {
            own.recipe.clone_from(recipe);
        }
        let changes = context.view.changes().replace(&at, stored.revision(), encode(&role)?);
        let changes = match &schedule {
            Some(schedule) => {
                let (rotation, first) = ([ROTATIONS, name].concat(), First::Fresh);
                rotation::plan(context, &rotation, Some(schedule.clone()), first, changes).await?
            }
            None => changes,
        };
        changes.commit().await?;
        Ok(())
    })?;
    Ok(Reply::empty())
}

fn changed(before: &Recipe, input: &WriteStaticRole) -> Result<Recipe, Error> {
    let mut recipe = before.clone();
    if let Some(RoleDivisions(pairs)) = &input.role_divisions {
        role_divisions::check(pairs)?;
        recipe.role_divisions.clone_from(pairs);
    }
    if let Some(said) = input.access_token_validity {
        check_validity(said.as_secs())?;
        recipe.validity_secs = validity(said.as_secs(), VALIDITY);
    }
    recipe.description = described(recipe.description, input.description.as_deref())?;
    Ok(recipe)
}

/// A client that the role has made goes first: while Genesys Cloud refuses, the role stays. One that was there before is
/// left as it is, with the last secret.
async fn delete(genesys: &Genesys, context: &Context, input: RoleName) -> Result<Reply, Error> {
    let name = names::check("role", &input.name)?;
    let at = place(STATIC_ROLES, &name);
    let Some((role, _)) = find::<StaticEntry>(&context.view, &at).await? else { return Ok(Reply::empty()) };
    if role.own.is_some() {
        let root = genesys.root(context).await?;
        making::remove(&root, context, &role.client_id, None).await?;
    }
    let outcome: Result<(), Error> = retry!(_ => {
        let Some((there, stored)) = find::<StaticEntry>(&context.view, &at).await? else { return Ok(()) };
        if there.client_id != role.client_id {
            return Err(CommitError::from(Error::Busy("the role was made anew meanwhile".into())));
        }
        let owner_at = place(STATIC_CLIENTS, &role.client_id);
        let mut changes = context.view.changes().delete(&at, stored.revision());
        if let Some(owner) = context.view.get(&owner_at).await? {
            changes = changes.delete(&owner_at, owner.revision());
        }
        rotation::forget(context, &[ROTATIONS, &name].concat(), changes).await?.commit().await?;
        Ok(())
    });
    outcome.map(|()| Reply::empty())
}

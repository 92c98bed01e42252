//! An auth method that lets everybody in, with the token and the groups that they ask for; some once.

use std::collections::BTreeMap;
use std::sync::Arc;

use framework::terms::{TokenFields, TokenTerms};
use framework::{
    Context, Engine, Error, FieldSet as _, Input, Login, Mounted, Path, Renewed, Renewing, Reply, Segment, fields,
    retry,
};

fields! {
    /// Somebody at the door; the rest is what their token is to get.
    struct Visitor {
        /// Who.
        name: String,
        /// Whether nobody but a user is let in.
        must_be_known: bool = false,
        /// The groups that they say they are in.
        groups: Option<Vec<String>>,
        /// Whether the user is one no longer afterwards.
        once: bool = false,
        ..rest
    }
}

/// A method that lets everybody in, with the token that they ask for.
pub(super) fn door(_: &BTreeMap<String, String>) -> Result<Arc<dyn Mounted>, Error> {
    let row = |template| Path::new(template, "Somebody.").param("name", Segment::Name, "Who.");
    let paths = [
        row("login/{name}").unauthenticated().update(enter, "Come in."),
        row("closed/{name}").update(enter, "Come in where nobody may."),
        row("users/{name}").update(be_known, "Be known.").delete(be_forgotten, "Be forgotten."),
        Path::new("shut", "Nobody stays.").update(shut, "Shut the door."),
        row("groups/{name}").update(be_grouped, "Be in other groups at the next renewal."),
    ];
    let engine = Engine::auth("door", "Opens to everybody.").paths(paths).on_renewal(stay);
    engine.mount(()).map_err(|source| Error::world("make it", source))
}

async fn enter((): &(), context: &Context, visitor: Visitor) -> Result<Reply, Error> {
    let mut terms = TokenTerms::default();
    terms.apply(&TokenFields::decode(&mut Input::new(BTreeMap::new(), visitor.rest))?)?;
    let name = visitor.name.to_lowercase();
    let user = context.view.get(&name).await?;
    if visitor.must_be_known && user.is_none() {
        return Err(Error::invalid("nobody knows you"));
    }
    let mut login = Login::new(&visitor.name, terms.clone(), &terms)?.with_metadata("who", &visitor.name);
    login.groups = visitor.groups;
    if let Some(user) = user {
        login = match visitor.once {
            true => login.with_changes(context.view.changes().delete(&name, user.revision()))?,
            false => login.decided_from(&context.view, &name, &user.value)?,
        };
    }
    Ok(login.into())
}

async fn be_known((): &(), context: &Context, visitor: Visitor) -> Result<Reply, Error> {
    retry!(_ => {
        let known = context.view.get(&visitor.name).await?.map(|stored| stored.revision());
        context.view.changes().put(&visitor.name, known, b"{}".to_vec()).commit().await?;
        Ok(Reply::empty())
    })
}

async fn be_forgotten((): &(), context: &Context, visitor: Visitor) -> Result<Reply, Error> {
    retry!(_ => {
        let Some(user) = context.view.get(&visitor.name).await? else { return Ok(Reply::empty()) };
        context.view.changes().delete(&visitor.name, user.revision()).commit().await?;
        Ok(Reply::empty())
    })
}

async fn shut((): &(), context: &Context, _: framework::input::Nothing) -> Result<Reply, Error> {
    let shut = context.view.changes().create("shut/", b"{}".to_vec()).commit().await;
    shut.map(|_| Reply::empty()).map_err(|_| Error::invalid("it is shut"))
}

async fn stay((): &(), context: &Context, renewing: Renewing) -> Result<Renewed, Error> {
    if context.view.get("shut/").await?.is_some() {
        return Err(Error::invalid("the door is shut, not renewing"));
    }
    // All are in the same groups, once somebody has said in which.
    let groups = context.view.get("groups/").await?.map(|stored| stored.json()).transpose()?;
    Ok(Renewed { terms: renewing.data()?, groups })
}

async fn be_grouped((): &(), context: &Context, visitor: Visitor) -> Result<Reply, Error> {
    retry!(_ => {
        let known = context.view.get("groups/").await?.map(|stored| stored.revision());
        let groups = framework::view::encode(&visitor.groups)?;
        context.view.changes().put("groups/", known, groups).commit().await?;
        Ok(Reply::empty())
    })
}

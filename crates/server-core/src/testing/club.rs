//! An auth method whose logins are for roles and of users: for what depends on them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use framework::terms::TokenTerms;
use framework::{Auth, Context, Engine, Error, Mounted, Path, Reply, Segment, fields};
use secret::Secret;
use serde_json::json;

fields! {
    /// Who comes.
    struct Knock {
        /// As what.
        role: Option<String>,
    }
}

fields! {
    /// A member.
    struct Member {
        /// By name.
        name: String,
    }
}

fields! {
    /// A member with the password.
    struct Login {
        /// By name.
        name: String,
        /// It is the same for all.
        password: Secret<String> => secret,
    }
}

pub(super) fn make(_: &BTreeMap<String, String>) -> Result<Arc<dyn Mounted>, Error> {
    let paths = [
        Path::new("login", "The door.").unauthenticated().role::<Knock>(role).update(knock, "Knock."),
        Path::new("enter", "The door that opens.").unauthenticated().role::<Knock>(role).update(enter, "Come in."),
        Path::new("login/{name}", "The door of the members.")
            .folded_param("name", Segment::Name, "Who comes.")
            .unauthenticated()
            .user::<Member>(user)
            .update(login, "Come in."),
    ];
    Engine::auth("club", "Knows roles.").paths(paths).mount(()).map_err(|source| Error::world("make it", source))
}

async fn role((): &(), _: &Context, input: Knock) -> Result<Option<String>, Error> {
    Ok(input.role)
}

async fn knock((): &(), _: &Context, _: Knock) -> Result<Reply, Error> {
    Ok(Reply::data(json!({ "answer": "nobody is in" })))
}

async fn enter((): &(), _: &Context, input: Knock) -> Result<Reply, Error> {
    let terms = TokenTerms { policies: vec!["default".to_owned()], ttl_secs: 3600, ..TokenTerms::default() };
    let login = framework::Login::new("somebody", terms, &())?;
    Ok(Reply::from(match &input.role {
        Some(role) => login.with_role(role),
        None => login,
    }))
}

async fn user((): &(), _: &Context, input: Member) -> Result<Option<String>, Error> {
    Ok(Some(framework::path::fold(&input.name)))
}

/// Lets everybody in who has the password, but those whose names begin with `no`.
async fn login((): &(), _: &Context, input: Login) -> Result<Reply, Error> {
    if input.password.expose() != "secret" || input.name.starts_with("no") {
        return Err(Error::BadCredentials("invalid username or password".into()));
    }
    let auth = Auth {
        client_token: Secret::new("none".to_owned()),
        accessor: String::new(),
        policies: Vec::new(),
        token_policies: Vec::new(),
        identity_policies: Vec::new(),
        metadata: None,
        ttl: Duration::ZERO,
        renewable: false,
        entity_id: String::new(),
        token_type: "batch",
        is_orphan: true,
        num_uses: 0,
    };
    Ok(auth.into())
}

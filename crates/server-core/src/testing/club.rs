//! An auth method whose logins are for roles: for what depends on them.

use std::collections::BTreeMap;
use std::sync::Arc;

use framework::{Context, Engine, Error, Mounted, Path, Reply, Segment, fields};
use serde_json::json;

fields! {
    /// Who comes.
    struct Knock {
        /// As what.
        role: Option<String>,
    }
}

fields! {
    /// Who comes, by the path.
    struct KnockAs {
        /// As what.
        role: String,
    }
}

pub(super) fn make(_: &BTreeMap<String, String>) -> Result<Arc<dyn Mounted>, Error> {
    let paths = [
        Path::new("login", "The door.").unauthenticated().role::<Knock>(role).update(knock, "Knock."),
        Path::new("login/{role}", "The same door.")
            .folded_param("role", Segment::Name, "As what.")
            .unauthenticated()
            .update(knock_as, "Knock."),
    ];
    Engine::auth("club", "Knows roles.").paths(paths).mount(()).map_err(|source| Error::world("make it", source))
}

async fn role((): &(), _: &Context, input: Knock) -> Result<Option<String>, Error> {
    Ok(input.role)
}

async fn knock((): &(), _: &Context, _: Knock) -> Result<Reply, Error> {
    Ok(Reply::data(json!({ "answer": "nobody is in" })))
}

async fn knock_as((): &(), _: &Context, _: KnockAs) -> Result<Reply, Error> {
    Ok(Reply::data(json!({ "answer": "nobody is in" })))
}

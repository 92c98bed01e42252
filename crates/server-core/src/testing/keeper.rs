//! An engine whose secrets are rotated where they are in use, over the outsides of [`super::outside`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use framework::rotation::{self, First, Rotating};
use framework::view::encode;
use framework::{Context, Engine, Error, Mounted, Path, Reply, Schedule, Segment, fields, retry};
use serde_json::json;

use super::outside::Outside;

fields! {
    /// A secret to be kept.
    struct Keep {
        /// Its name.
        name: String,
        /// How often it is rotated.
        rotation_period: Option<Duration>,
    }
}

fields! {
    /// Names a secret.
    struct Named {
        /// Its name.
        name: String,
    }
}

/// Keeps secrets of the outside that the option `outside` names.
pub(super) fn make(options: &BTreeMap<String, String>) -> Result<Arc<dyn Mounted>, Error> {
    let outside = Outside::named(options.get("outside").map_or("", String::as_str));
    let kept = Path::new("kept/{name}", "A secret.").param("name", Segment::Name, "Its name.");
    let now = Path::new("rotate/{name}", "A secret.").param("name", Segment::Name, "Its name.");
    Engine::secrets("keeper", "Keeps secrets.")
        .paths([kept.read(read, "Read it.").update(keep, "Keep one."), now.update(rotate_now, "Rotate it.")])
        .on_rotation(rotate)
        .mount(outside)
        .map_err(|source| Error::world("make it", source))
}

async fn keep(_: &Arc<Outside>, context: &Context, input: Keep) -> Result<Reply, Error> {
    let schedule = Schedule::of_fields(input.rotation_period, None, None)?;
    retry!(_ => {
        let (first, changes) = (First::At(context.now()), context.view.changes());
        rotation::plan(context, &input.name, schedule.clone(), first, changes).await?.commit().await
    })?;
    Ok(Reply::empty())
}

async fn read(_: &Arc<Outside>, context: &Context, input: Named) -> Result<Reply, Error> {
    let status = rotation::status(&context.view, &input.name).await?.ok_or(Error::NotFound)?;
    let secret = context.view.get(&input.name).await?.map(|stored| stored.json::<u64>()).transpose()?;
    let ttl = status.ttl(context.now()).as_secs();
    Ok(Reply::data(json!({ "secret": secret, "ttl": ttl, "failures": status.failures })))
}

async fn rotate_now(outside: &Arc<Outside>, context: &Context, input: Named) -> Result<Reply, Error> {
    let rotating = rotation::claim(context, &input.name).await?;
    let outcome = rotate(outside, context, rotating.clone()).await;
    rotating.settle(context, outcome.as_ref().copied()).await?;
    outcome.map(|()| Reply::empty())
}

async fn rotate(outside: &Arc<Outside>, context: &Context, rotating: Rotating) -> Result<(), Error> {
    rotating.begins();
    let fresh = outside.replace(&rotating.name).await?;
    retry!(_ => {
        let known = context.view.get(&rotating.name).await?.map(|stored| stored.revision());
        let changes = context.view.changes().put(&rotating.name, known, encode(&fresh)?);
        rotating.finish(context, changes).await?.commit().await?;
        Ok(())
    })
}

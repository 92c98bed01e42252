//! KV version 2: every write under a path makes a new version; old ones can be read, deleted, brought back and
//! destroyed.
//!
//! `entry`, `page` and `marks` are what is stored, `sweep` what waits for its time or takes several commits, the other files are
//! one resource each. A write costs one read and one commit; a read costs two reads, or none when they are cached.

use std::sync::Arc;

use framework::{Context, Engine, Error, Mounted, Path, Reply, Segment, Status, fields};

use crate::builtin;
use crate::secrets::Folder;

mod config;
mod data;
mod detailed;
mod entry;
mod marks;
mod metadata;
mod page;
mod sweep;
mod upgrade;
mod versions;

const HELP: &str = "\
KV version 2 keeps several versions of the JSON object under each path. Writing makes a new version, the oldest go when
there are too many. A version can be deleted and brought back, or destroyed for good. `data/` holds the objects,
`metadata/` what is known about them and their names.";

/// The most versions that one secret keeps.
pub const VERSIONS_MAX: u32 = 24_000;
/// How many versions are kept when nothing is set (documented Vault behavior).
pub const VERSIONS_DEFAULT: u32 = 10;

/// There is no state in memory: everything is in storage.
#[derive(Debug)]
struct Versioned;

/// The engine.
///
/// # Errors
/// Never while its table is sound.
pub fn make() -> Result<Arc<dyn Mounted>, Error> {
    let engine = Engine::secrets("kv", HELP)
        .paths([config::item(), data::item(), data::subkeys(), metadata::item(), detailed::item()])
        .paths([versions::delete(), versions::undelete(), versions::destroy(), misdirected()])
        .on_due(sweep::run)
        .on_upgrade(upgrade::FROM, upgrade::run);
    builtin::mount(engine, Versioned)
}

/// Paths as version 1 has them: nothing is there, and the reply says why, since clients show its warning.
fn misdirected() -> Path<Versioned> {
    Path::new("{path}", "Answers with a hint to paths of version 1.")
        .param("path", Segment::Rest, "A path that does not begin with one of the others.")
        .read::<Anything>(hint, "Tells where secrets are.")
        .update::<Anything>(hint, "Tells where secrets are.")
        .patch::<Anything>(hint, "Tells where secrets are.")
        .delete::<Anything>(hint, "Tells where secrets are.")
        .list::<Folder>(hint_at_names, "Tells where names are.")
        .scan::<Folder>(hint_at_names, "Tells where names are.")
}

fields! {
    /// Whatever a request for version 1 carries.
    struct Anything {
        /// Location of the secret.
        path: Option<String>,
        ..rest
    }
}

async fn hint(_: &Versioned, _: &Context, _: Anything) -> Result<Reply, Error> {
    misdirection()
}

async fn hint_at_names(_: &Versioned, _: &Context, _: Folder) -> Result<Reply, Error> {
    misdirection()
}

fn misdirection() -> Result<Reply, Error> {
    let text = "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to \
                use: secrets are below data/, their names and history below metadata/.";
    Ok(Reply::empty().warn(text).with_status(Status::Gone))
}

#[cfg(test)]
mod tests;

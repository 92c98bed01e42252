//! OAuth clients of Genesys Cloud (an engine of our own): made for a caller and taken back, or kept and rotated in place.
//! Their secrets are born in the server, stored before they are shown, and never pass through anybody's state files.
//!
//! A client has one secret, which Genesys Cloud shows once; asked for another one, it forgets the first at once. So what is
//! made is announced first under a name that is drawn at random, by which it is found whatever became of the answer; and
//! what is rotated is claimed first, and done again until a secret is known. Nothing is taken for gone that may only
//! not be visible yet.

use std::sync::Arc;

use framework::{Context, Engine, Error, Mounted, Rotating, SecretKind};

use crate::builtin::{self, Options};

mod answers;
mod cloud;
mod config;
mod creds;
mod entry;
mod making;
mod region;
mod role_divisions;
mod roles;
mod root;
mod shared;
mod static_creds;
mod static_roles;
mod tokens;

use cloud::Connections;
use tokens::RootTokens;

const HELP: &str = "\
OAuth clients of Genesys Cloud. config names the organization and the client that the engine works with. A role below \
role/ says what is made at creds/: a client of the caller's own with its secret, or an access token of a client that the \
role shares. static-role/ keeps one client and rotates its secret, which is read at static-creds/.";

/// What the engine holds in memory: connections, and access tokens of its own that are found again when they are gone.
pub(crate) struct Genesys {
    connections: Connections,
    tokens: RootTokens,
}

/// The engine. It has no options.
///
/// # Errors
/// Never while its table is sound.
pub fn make(_: &Options) -> Result<Arc<dyn Mounted>, Error> {
    let engine = Engine::secrets("genesyscloud", HELP)
        .paths([config::path(), root::path(), roles::list(), roles::item(), creds::path()])
        .paths([static_roles::list(), static_roles::item(), static_creds::path(), static_creds::rotate_path()])
        .secret(SecretKind::new(creds::CLIENT, creds::revoke_client).undo(creds::undo_client).limits(creds::limits))
        .secret(SecretKind::new(creds::TOKEN, creds::revoke_token))
        .secret(SecretKind::new(making::KEPT, making::revoke_kept).undo(making::undo_kept))
        .on_rotation(rotate);
    builtin::mount(engine, Genesys { connections: Connections::default(), tokens: RootTokens::default() })
}

/// Rotates what is claimed: the engine's own client, or that of a static role.
async fn rotate(genesys: &Genesys, context: &Context, rotating: Rotating) -> Result<(), Error> {
    match rotating.name.strip_prefix(static_roles::ROTATIONS) {
        Some(role) => static_creds::rotate(genesys, context, &rotating, role).await,
        None => root::rotate(genesys, context, &rotating).await,
    }
}

#[cfg(test)]
mod tests;

//! The rows of a node in recovery mode. Whoever reads them must know that everything here but `sys/raw` is for anybody.

use std::sync::Arc;

use framework::input::Nothing;
use framework::router::TableError;
use framework::{Context, Engine, Error, Mounted, Path, Reply};
use serde_json::json;

use super::rescue::Rescue;
use crate::node::Node;
use crate::sys::RawPart;
use crate::sys::generate_root::{Begin, Give};
use crate::sys::health::{self, Health};
use crate::sys::{raw, seal};

const HELP: &str = "What is answered in recovery mode.";

/// What the rows need.
pub(super) struct RecoveryPart {
    pub(super) rescue: Arc<Rescue>,
    pub(super) node: Node,
    pub(super) raw: RawPart,
}

/// The table with its state.
pub(super) fn engine(part: RecoveryPart) -> Result<Arc<dyn Mounted>, TableError> {
    Engine::secrets("system", HELP)
        .paths(open_rows())
        .paths(raw::paths().into_iter().map(|path| path.within(|part: &RecoveryPart| &part.raw)))
        .mount(part)
}

fn open_rows() -> Vec<Path<RecoveryPart>> {
    vec![
        Path::new("health", "That this node serves nobody, as a status code.")
            .while_sealed()
            .urgent()
            .read(read_health, "Show the node's state; the status code says it too."),
        Path::new("seal-status", "The state of the seal.")
            .while_sealed()
            .urgent()
            .read(read_status, "Show the state of the seal."),
        Path::new("generate-recovery-token/attempt", "The attempt to generate a recovery token.")
            .while_sealed()
            .read(read_attempt, "Show how far it is.")
            .update(write_attempt, "Begin one; the one-time password is shown this once.")
            .delete(delete_attempt, "Give it up."),
        Path::new("generate-recovery-token/update", "Takes the shares that authorize a recovery token, one at a time.")
            .while_sealed()
            .update(write_update, "Give a share; with the last one comes the encoded token."),
    ]
}

/// Never well: whoever sends requests here because of it would get no answer. The barrier's state is told as it is.
async fn read_health(part: &RecoveryPart, context: &Context, input: Health) -> Result<Reply, Error> {
    let status = part.rescue.seal_status().await?;
    let mut body = health::body(&status, &part.node, context);
    if let Some(body) = body.as_object_mut() {
        body.insert("recovery_mode".to_owned(), json!(true));
    }
    Ok(Reply::data(body).bare().with_status(input.code(status.initialized, false)?))
}

async fn read_status(part: &RecoveryPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    let status = part.rescue.seal_status().await?;
    Ok(Reply::data(seal::status_body(&status, &part.node)).bare())
}

async fn read_attempt(part: &RecoveryPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    Ok(Reply::data(part.rescue.status().await?).bare())
}

async fn write_attempt(part: &RecoveryPart, _: &Context, input: Begin) -> Result<Reply, Error> {
    Ok(Reply::data(part.rescue.begin(input.cover()).await?).bare())
}

async fn delete_attempt(part: &RecoveryPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    part.rescue.cancel().await;
    Ok(Reply::empty())
}

async fn write_update(part: &RecoveryPart, _: &Context, input: Give) -> Result<Reply, Error> {
    let share = input.share()?;
    Ok(Reply::data(part.rescue.give(share, input.nonce().to_owned()).await?).bare())
}

//! What an operator asks of a node when it behaves oddly: the machine, the requests under way, the versions that have
//! run here.

use std::sync::Arc;

use api::Timestamp;
use framework::input::Nothing;
use framework::view::from_stored;
use framework::{Context, Error, Opening, Operation, Path, Reply};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use crate::in_flight::{InFlight, Shown};
use crate::process::Host;
use crate::store::Store;
use crate::versions;

/// For these endpoints.
pub(crate) struct HostPart {
    host: Arc<dyn Host>,
    /// One look at the machine at a time: it may hang on a broken disk, and must not take a thread each time.
    looking: Arc<Semaphore>,
    in_flight: Arc<InFlight>,
    store: Store,
}

impl HostPart {
    pub(crate) fn new(host: Arc<dyn Host>, in_flight: Arc<InFlight>, store: Store) -> Self {
        Self { host, looking: Arc::new(Semaphore::new(1)), in_flight, store }
    }
}

pub(super) fn paths() -> Vec<Path<HostPart>> {
    vec![
        Path::new("host-info", "The machine that this node runs on.")
            .root_only()
            .read(read_host, "Show its processors, memory, disks and system."),
        Path::new("in-flight-req", "The requests that this node is answering.")
            .urgent()
            .root_only()
            .opened_by(Opening::InFlightRequests)
            .read(read_requests, "Show them by their ids."),
        Path::new("version-history", "The versions that have run on this store.")
            .root_only()
            .list(list_versions, "List them, the earliest first."),
    ]
}

async fn read_host(part: &HostPart, context: &Context, _: Nothing) -> Result<Reply, Error> {
    let failed = |source| Error::world("look at the machine", source);
    let turn = Arc::clone(&part.looking).acquire_owned().await;
    let turn = turn.map_err(|source| Error::world("wait for a look at the machine", source))?;
    let host = Arc::clone(&part.host);
    // A disk may take its time, and must not hold up other requests meanwhile. The turn ends with the look, whether or
    // not the caller is still there.
    let look = tokio::task::spawn_blocking(move || {
        let described = host.describe();
        drop(turn);
        described
    });
    let mut data = look.await.map_err(failed)?;
    data.insert("timestamp".to_owned(), json!(context.now().to_string()));
    Ok(Reply::data(data.into()))
}

async fn read_requests(part: &HostPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    let data: Map<_, _> = part.in_flight.all().into_iter().map(|it| (it.id.clone(), show(&it))).collect();
    Ok(Reply::data(data.into()))
}

fn show(request: &Shown) -> Value {
    json!({
        "start_time": Timestamp::from(request.start).to_string(),
        "client_remote_address": request.remote.map(|it| it.to_string()).unwrap_or_default(),
        "request_path": format!("/v1/{}", request.path),
        "request_method": method(request.operation),
        // Who is behind a token is not known before there are entities, and a token's own names are not for others.
        "client_id": "",
    })
}

/// The verb that clients send for the operation; a write may have come as `PUT`, too.
fn method(operation: Operation) -> &'static str {
    match operation {
        Operation::Read | Operation::Help => "GET",
        Operation::Create | Operation::Update => "POST",
        Operation::Patch => "PATCH",
        Operation::Delete => "DELETE",
        Operation::List => "LIST",
        Operation::Scan => "SCAN",
    }
}

async fn list_versions(part: &HostPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    let (mut keys, mut info, mut previous) = (Vec::new(), Map::new(), Value::Null);
    for entry in versions::all(&part.store).await? {
        let shown = json!({
            "previous_version": previous,
            "timestamp_installed": from_stored(entry.installed).to_string(),
            "build_date": entry.build_date,
        });
        info.insert(entry.version.clone(), shown);
        previous = json!(entry.version);
        keys.push(entry.version);
    }
    Ok(Reply::data(json!({ "keys": keys, "key_info": info })))
}

#[cfg(test)]
mod tests;

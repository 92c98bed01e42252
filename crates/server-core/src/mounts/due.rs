//! Lines of the due index that engines put there: whose line is it, is that mount still there, then the engine's hook.
//!
//! An engine's line expects nothing of the mount later: when the mount has gone, the line goes without a word.

use std::sync::Arc;

use async_trait::async_trait;
use framework::context::{Caller, Connection, Headers};
use framework::{Context, Due, Error};

use super::{LiveMount, Mounts};
use crate::due::{Line, Owner, drop_line};

/// The word in the due index's keys.
pub(crate) const DUE_KIND: &str = "engine";

/// What engines have put off.
pub(crate) struct EngineWork(pub(crate) Arc<Mounts>);

#[async_trait]
impl Owner for EngineWork {
    fn kind(&self) -> &'static str {
        DUE_KIND
    }

    /// Calls the engine. The mount is asked for anew each time, so that a settings change counts from the next line on.
    async fn fire(&self, line: Line) -> Result<(), Error> {
        let Self(mounts) = self;
        let uuid = line.id.split_once('/').map_or(line.id.as_str(), |(uuid, _)| uuid);
        let Some(mount) = mounts.load(&line.namespace, uuid).await? else {
            return drop_line(&mounts.store, line).await;
        };
        let [stored] = mounts.store.get_all([line.key.clone()]).await?;
        // Another node was faster.
        let Some(stored) = stored.filter(|stored| stored.revision == line.revision) else { return Ok(()) };
        let context = mounts.work_context(&line.namespace, &mount).await?;
        mount.engine.due(&context, Due::new(line.key, line.revision, stored.value)).await
    }
}

impl Mounts {
    /// What an engine is given for work that nobody has asked for.
    pub(crate) async fn work_context(&self, ns: &str, mount: &LiveMount) -> Result<Context, Error> {
        Ok(Context {
            view: mount.view(),
            env: self.env.clone(),
            mount: Arc::clone(&mount.mount),
            namespace: self.namespaces.of_work(ns).await?,
            caller: Caller::default(),
            connection: Arc::new(Connection::default()),
            wrap_ttl: None,
            headers: Headers::default(),
            request_id: self.env.uuid(),
            path: String::new(),
            intents: None,
        })
    }
}

#[cfg(test)]
mod tests;

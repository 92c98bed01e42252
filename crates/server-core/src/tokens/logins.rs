//! Tokens that come from logins: they go when the mount of the login is disabled, or leaves the path that they were made
//! at.
//!
//! A disabled mount's liveness is marked, and every use of a token looks at that of the mount that it comes from: so all
//! of them are refused from the commit on that disables the mount, batch tokens too. What is stored of the others, and
//! what hangs on them, goes afterwards, page by page, from a line in the due index that keeps the place. A login that was
//! judged before and stores its token later loses: its commit expects the unmarked liveness.

use std::sync::Arc;

use async_trait::async_trait;
use barrier::Changes;
use framework::Error;
use serde::{Deserialize, Serialize};
use storage::{Key, KeyRange};

use super::revoke::{Child, Outcome};
use super::{Sources, Tokens};
use crate::due::{Line, Owner, drop_line};
use crate::keys;
use crate::mounts::entry::{LiveEntry, LiveState, Settings};
use crate::store::{Lost, encode};

/// The word in the due index's keys.
const DUE_KIND: &str = "logins";
/// How many tokens one turn ends, so that a mount with many does not keep everything else waiting.
const PAGE: usize = 100;

/// Which tokens of a mount are to end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// All: the mount is being removed.
    Removed(String),
    /// Those that were made at another path than the mount's own.
    Moved(String),
}

/// What the line holds: how far its work has come. Nothing of it is lost with a node.
#[derive(Default, Serialize, Deserialize)]
struct Progress {
    v: u32,
    /// The storage name of the last token that was looked at.
    after: String,
    /// Whether one before that could not be ended, so that another round is needed.
    has_failed: bool,
}

/// Ends the tokens of mounts.
pub(crate) struct Logins(pub(crate) Arc<Tokens>);

impl Ending {
    /// The line in the due index that sees to it.
    pub(crate) fn line(&self, ns: &str, nanos: i64) -> Result<Key, Error> {
        let (word, uuid) = match self {
            Self::Removed(uuid) => ("removed/", uuid),
            Self::Moved(uuid) => ("moved/", uuid),
        };
        keys::due(nanos, ns, DUE_KIND, &[word, uuid].concat())
    }

    fn parse(id: &str) -> Option<Self> {
        match id.split_once('/')? {
            ("removed", uuid) => Some(Self::Removed(uuid.to_owned())),
            ("moved", uuid) => Some(Self::Moved(uuid.to_owned())),
            _ => None,
        }
    }

    fn mount(&self) -> &str {
        let (Self::Removed(uuid) | Self::Moved(uuid)) = self;
        uuid
    }
}

#[async_trait]
impl Owner for Logins {
    fn kind(&self) -> &'static str {
        DUE_KIND
    }

    /// Ends one page of tokens and moves the place on in the line.
    async fn fire(&self, line: Line) -> Result<(), Error> {
        let store = &self.0.store;
        let damaged = || Error::world("end the tokens of a mount", "the line cannot be read");
        let ending = Ending::parse(&line.id).ok_or_else(damaged)?;
        let [stored] = store.get_all([line.key.clone()]).await?;
        // Another node was faster.
        let Some(stored) = stored.filter(|stored| stored.revision == line.revision) else { return Ok(()) };
        let progress = match stored.value.expose().as_slice() {
            [] => Progress::default(),
            note => serde_json::from_slice(note).map_err(|_| damaged())?,
        };
        let (progress, is_last) = self.0.end_page(&line.namespace, &ending, progress).await?;
        if is_last && !progress.has_failed {
            return drop_line(store, line).await;
        }
        let next = if is_last { Progress::default() } else { progress };
        let mut changes = Changes::new();
        changes.replace(line.key, line.revision, encode(&next)?);
        match store.commit(changes).await {
            // Once all the others are gone, those that failed are tried again, later with each time.
            Ok(_) if is_last => Err(Error::world("end the tokens of a mount", "some are left")),
            Ok(_) | Err(Lost::Race(_)) => Ok(()),
            Err(Lost::Failed(error)) => Err(error),
        }
    }
}

impl Tokens {
    /// Whether the mount of a token's login is there and not being removed; adds it to what the token was resolved from.
    /// No login is fine.
    pub(super) async fn comes_from(&self, ns: &str, mount: &str, sources: &mut Sources) -> Result<bool, Error> {
        if mount.is_empty() {
            return Ok(true);
        }
        let key = keys::mount_live(ns, mount)?;
        let live = self.store.get::<LiveEntry>(&key).await?.filter(|live| live.value.state == LiveState::Live);
        let is_live = live.is_some();
        sources.add(key, live.map(|live| live.revision));
        Ok(is_live)
    }

    /// Ends the page of tokens behind `progress`; tells whether it was the last one.
    async fn end_page(&self, ns: &str, ending: &Ending, mut progress: Progress) -> Result<(Progress, bool), Error> {
        let uuid = ending.mount();
        let spared = match ending {
            Ending::Removed(_) => None,
            Ending::Moved(_) => match self.store.get::<Settings>(&keys::mount(ns, uuid)?).await? {
                Some(settings) => Some(["auth/", &settings.value.path].concat()),
                // It is being removed, which has a line of its own.
                None => return Ok((progress, true)),
            },
        };
        let live_key = keys::mount_live(ns, uuid)?;
        let [live] = self.store.revisions_of([live_key.clone()]).await?;
        let folder = keys::mount_tokens(ns, uuid)?;
        let mut range = KeyRange::prefix(&folder);
        if !progress.after.is_empty() {
            let after = keys::mount_token(ns, uuid, &progress.after)?;
            range.start = after.successor().unwrap_or(after);
        }
        let (page, next) = self.store.keys(range, PAGE).await?;
        for (key, revision) in page {
            let name = key.as_bytes().get(folder.as_bytes().len()..).unwrap_or_default();
            let hash = String::from_utf8_lossy(name).into_owned();
            progress.after.clone_from(&hash);
            let child = Child { name: hash, key, revision, parent: (live_key.clone(), live) };
            match self.end_login(ns, child, spared.as_deref()).await {
                Ok(()) => {}
                Err(Error::Sealed) => return Err(Error::Sealed),
                // One that fails must not save those behind it.
                Err(error) => {
                    tracing::warn!(%error, "a token of a mount could not be ended and will be tried again");
                    progress.has_failed = true;
                }
            }
        }
        progress.v = 1;
        Ok((progress, next.is_none()))
    }

    /// Ends a token that a line of its mount names, unless it was made below `spared`.
    async fn end_login(&self, ns: &str, login: Child, spared: Option<&str>) -> Result<(), Error> {
        if let Some(spared) = spared
            && let Some(stored) = self.stored(ns, &login.name).await?
            && stored.entry.value.path.starts_with(spared)
        {
            return Ok(());
        }
        if !self.revoke_child(ns, &login).await? {
            // A line without its token is left over from a damage, or somebody else has just changed something.
            let parent = login.parent();
            if self.delete_all([(login.key, login.revision)], parent).await? == Outcome::Raced {
                return Err(framework::view::contended());
            }
        }
        Ok(())
    }
}

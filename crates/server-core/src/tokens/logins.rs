//! Many tokens at once: those that come from logins go when the mount of the login is disabled, or leaves the path that
//! they were made at, and an operator ends those that were made below a path.
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
use storage::{Key, KeyRange, Revision};

use super::revoke::{Child, Children, Outcome};
use super::{Sources, Stored, Tokens};
use crate::due::{Line, Owner, drop_line};
use crate::keys;
use crate::mounts::entry::{LiveEntry, LiveState, Settings};
use crate::store::{Lost, encode};

/// The word in the due index's keys.
const DUE_KIND: &str = "logins";
/// How many tokens one turn ends, so that a mount with many does not keep everything else waiting.
const PAGE: usize = 100;

/// Stands for all mounts in a line.
const ANY_MOUNT: &str = "-";

/// Which tokens are to end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// All of a mount that is being removed.
    Removed(String),
    /// Those of a mount that were made at another path than the mount's own.
    Moved(String),
    /// Those that were made below a path, which ends in `/`, before the line was. All of them come from the mount, if
    /// one is named.
    Below { mount: Option<String>, path: String },
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

/// What becomes of the tokens of a page.
enum Page<'e> {
    /// They end with their mount, but those that were made below `spared`.
    OfMount { liveness: (Key, Option<Revision>), spared: Option<String> },
    /// Those end that were made below a path until a time, in nanoseconds since 1970.
    Below { path: &'e str, until: i64 },
}

/// Ends the tokens of mounts and below paths.
pub(crate) struct Logins(pub(crate) Arc<Tokens>);

impl Ending {
    /// The line in the due index that sees to it.
    pub(crate) fn line(&self, ns: &str, nanos: i64) -> Result<Key, Error> {
        let id = match self {
            Self::Removed(uuid) => ["removed/", uuid].concat(),
            Self::Moved(uuid) => ["moved/", uuid].concat(),
            Self::Below { mount, path } => {
                ["below/", mount.as_deref().unwrap_or(ANY_MOUNT), "/", path.as_str()].concat()
            }
        };
        keys::due(nanos, ns, DUE_KIND, &id)
    }

    fn parse(id: &str) -> Option<Self> {
        match id.split_once('/')? {
            ("removed", uuid) => Some(Self::Removed(uuid.to_owned())),
            ("moved", uuid) => Some(Self::Moved(uuid.to_owned())),
            ("below", rest) => {
                let (mount, path) = rest.split_once('/')?;
                let mount = Some(mount).filter(|mount| *mount != ANY_MOUNT).map(str::to_owned);
                Some(Self::Below { mount, path: path.to_owned() })
            }
            _ => None,
        }
    }

    /// The keys that end in the storage names of the tokens.
    pub(super) fn folder(&self, ns: &str) -> Result<Key, Error> {
        match self {
            Self::Removed(uuid) | Self::Moved(uuid) | Self::Below { mount: Some(uuid), .. } => {
                keys::mount_tokens(ns, uuid)
            }
            Self::Below { mount: None, .. } => keys::all_of(ns, "token"),
        }
    }
}

#[async_trait]
impl Owner for Logins {
    fn kind(&self) -> &'static str {
        DUE_KIND
    }

    async fn fire(&self, line: Line) -> Result<(), Error> {
        self.0.turn(line).await
    }
}

impl Tokens {
    /// Ends one page of tokens and moves the place on in the line.
    async fn turn(&self, line: Line) -> Result<(), Error> {
        let store = &self.store;
        let damaged = || Error::world("end the tokens of a mount", "the line cannot be read");
        let ending = Ending::parse(&line.id).ok_or_else(damaged)?;
        let [stored] = store.get_all([line.key.clone()]).await?;
        // Another node was faster.
        let Some(stored) = stored.filter(|stored| stored.revision == line.revision) else { return Ok(()) };
        let progress = match stored.value.expose().as_slice() {
            [] => Progress::default(),
            note => serde_json::from_slice(note).map_err(|_| damaged())?,
        };
        let (progress, is_last) = self.end_page(&line, &ending, progress).await?;
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

    /// Ends the tokens that were made below a path; all of them come from the mount, if one is named. Those that never
    /// end are no leases, and stay. At once: the first failure is told, and what failed is tried again later.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn end_below(&self, ns: &str, ending: &Ending, is_sync: bool) -> Result<(), Error> {
        let key = ending.line(ns, self.now_nanos())?;
        let mut changes = Changes::new();
        self.promise(key.clone(), &mut changes).await?;
        match self.store.commit(changes).await {
            // Somebody else asked for the same just now.
            Ok(_) | Err(Lost::Race(_)) => {}
            Err(Lost::Failed(error)) => return Err(error),
        }
        // The worker may be at it as well: whoever is faster moves the line on.
        while is_sync
            && let [Some(revision)] = self.store.revisions_of([key.clone()]).await?
            && let Some((_, line)) = Line::parse(&key, revision)
        {
            self.turn(line).await?;
        }
        Ok(())
    }

    /// Ends the page of tokens behind `progress`; tells whether it was the last one.
    async fn end_page(&self, line: &Line, ending: &Ending, mut progress: Progress) -> Result<(Progress, bool), Error> {
        let ns = line.namespace.as_str();
        let Some(page) = self.page_of(line, ending).await? else { return Ok((progress, true)) };
        let folder = ending.folder(ns)?;
        let mut range = KeyRange::prefix(&folder);
        if !progress.after.is_empty() {
            let after = keys::prefix(&[&String::from_utf8_lossy(folder.as_bytes()), progress.after.as_str()].concat())?;
            range.start = after.successor().unwrap_or(after);
        }
        let (keys, next) = self.store.keys(range, PAGE).await?;
        for (key, revision) in keys {
            let name = key.as_bytes().get(folder.as_bytes().len()..).unwrap_or_default();
            let hash = String::from_utf8_lossy(name).into_owned();
            progress.after.clone_from(&hash);
            let ended = match &page {
                Page::OfMount { liveness, spared } => {
                    let child = Child { name: hash, key, revision, parent: liveness.clone() };
                    self.end_login(ns, child, spared.as_deref()).await
                }
                Page::Below { path, until } => self.end_one_below(ns, &hash, path, *until).await,
            };
            match ended {
                Ok(()) => {}
                Err(Error::Sealed) => return Err(Error::Sealed),
                // One that fails must not save those behind it.
                Err(error) => {
                    tracing::warn!(%error, "one of many tokens could not be ended and will be tried again");
                    progress.has_failed = true;
                }
            }
        }
        progress.v = 1;
        Ok((progress, next.is_none()))
    }

    /// What is to be done with each token of a page; `None` when there is nothing to do any more.
    async fn page_of<'e>(&self, line: &Line, ending: &'e Ending) -> Result<Option<Page<'e>>, Error> {
        let ns = line.namespace.as_str();
        let (uuid, spared) = match ending {
            Ending::Below { path, .. } => {
                return Ok(Some(Page::Below { path, until: line.time().unwrap_or(i64::MAX) }));
            }
            Ending::Removed(uuid) => (uuid, None),
            Ending::Moved(uuid) => match self.store.get::<Settings>(&keys::mount(ns, uuid)?).await? {
                Some(settings) => (uuid, Some(["auth/", &settings.value.path].concat())),
                // It is being removed, which has a line of its own.
                None => return Ok(None),
            },
        };
        let key = keys::mount_live(ns, uuid)?;
        let [live] = self.store.revisions_of([key.clone()]).await?;
        Ok(Some(Page::OfMount { liveness: (key, live), spared }))
    }

    /// Ends a token if it was made below a path and not after the order to do so, and would end some day.
    async fn end_one_below(&self, ns: &str, hash: &str, path: &str, until: i64) -> Result<(), Error> {
        let Some(Stored { entry, state }) = self.stored(ns, hash).await? else { return Ok(()) };
        let is_meant = is_below(&entry.value.path, path) && entry.value.created <= until;
        if is_meant && state.value.expires.is_some() {
            self.revoke(ns, hash, Children::Revoke).await?;
        }
        Ok(())
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

/// Whether a token that was made at `path` is below a folder, which ends in `/`, or was made at its very name.
pub(super) fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

//! Who holds a value: lines that engines make beside what they store (see `framework::view::fingerprints`), and the
//! question that they answer.
//!
//! The hash is keyed, and the namespace is part of what is hashed: equal values of two tenants have nothing in common.
//! A question takes whole values and is answered with paths that the caller may read anyway. Whoever may not must learn
//! nothing: the answer is the same, and so are the calls to the store, whether a value is held or not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use barrier::Changes;
use env::Env;
use framework::view::fingerprints::Fingerprints;
use framework::{Context, Error, Kind, Operation};
use storage::{Key, KeyRange, WRITES_MAX};

use crate::attempts::allowance::{Allowance, VALUES};
use crate::cluster::Identity;
use crate::keys;
use crate::mounts::entry::{LiveEntry, LiveState, Settings};
use crate::store::{Lost, Store, decode};

/// How many lines of one value one call of the store gives, and the most places that a caller is told of it.
const LINES_MAX: usize = 1_000;
/// How many such calls are made for one value: what lies behind is not looked at. It is far more than one who wants to
/// know whether others hold a value, too, can afford to write for each guess.
const PAGES_MAX: usize = 100;
/// How many keys one call of a sweep looks at, and how many calls one turn of it makes.
const SWEEP_PAGE: usize = 1_000;
const SWEEP_PAGES_MAX: usize = 100;
/// The mount's option that switches fingerprints off, and what it says then.
const OPTION: &str = "fingerprints";
const OFF: &str = "false";
/// No mount: asked for beside those that were found, so that a question without any costs the same.
const NO_MOUNT: &str = "00000000-0000-0000-0000-000000000000";

/// How the fingerprints of a mount are spelled.
pub(crate) struct Spelling {
    pub(crate) identity: Arc<Identity>,
    pub(crate) namespace: String,
    pub(crate) uuid: String,
    pub(crate) is_on: bool,
}

impl Fingerprints for Spelling {
    fn hash(&self, value: &str) -> Result<String, Error> {
        Ok(self.identity.cluster()?.value_hash(&self.namespace, value))
    }

    fn key(&self, hash: &str, path: &str) -> Result<Key, Error> {
        keys::fingerprint(&self.namespace, hash, &self.uuid, path)
    }

    fn is_on(&self) -> bool {
        self.is_on
    }
}

impl Settings {
    /// Whether what is written in the mount gets fingerprints, and whether anybody is told of them.
    pub(crate) fn has_fingerprints(&self) -> bool {
        self.options.get(OPTION).is_none_or(|it| it != OFF)
    }
}

/// Answers who holds a value.
pub(crate) struct Holders {
    store: Store,
    identity: Arc<Identity>,
    allowance: Allowance,
}

/// A value that is held somewhere, as a line says it.
struct Line {
    /// Which of the values.
    value: usize,
    uuid: String,
    path: String,
}

impl Holders {
    pub(crate) fn new(store: Store, env: Env, identity: Arc<Identity>) -> Self {
        Self { store, identity, allowance: Allowance::new(env, VALUES) }
    }

    /// For each of the values the paths in the caller's namespace that it can be read at, as far as the caller may
    /// read them, sorted.
    ///
    /// # Errors
    /// [`Error::TooMany`] when this node was asked for too many lately; otherwise when the storage fails.
    pub(crate) async fn find(&self, context: &Context, values: &[String]) -> Result<Vec<BTreeSet<String>>, Error> {
        self.allowance.take_many(u32::try_from(values.len()).unwrap_or(u32::MAX))?;
        let ns = context.namespace.id.as_str();
        let (mut lines, mut rest) = (Vec::new(), Vec::new());
        for (value, text) in values.iter().enumerate() {
            let folder = keys::fingerprints(ns, &self.identity.cluster()?.value_hash(ns, text))?;
            let (page, next) = self.store.keys(KeyRange::prefix(&folder), LINES_MAX).await?;
            lines.extend(page.iter().filter_map(|(key, _)| Line::parse(value, &folder, key)));
            rest.extend(next.map(|next| (value, folder, next)));
        }
        let mut found = vec![BTreeSet::new(); values.len()];
        self.add_allowed(context, lines, &mut found).await?;
        // What the caller may not read must not take the place of what he may: or the number of those that he is told of
        // tells that there are others.
        for (value, folder, next) in rest {
            let mut range = KeyRange { start: next, ..KeyRange::prefix(&folder) };
            for _ in 1..PAGES_MAX {
                if found.get(value).is_some_and(|paths| paths.len() >= LINES_MAX) {
                    break;
                }
                let (page, next) = self.store.keys(range.clone(), LINES_MAX).await?;
                let lines = page.iter().filter_map(|(key, _)| Line::parse(value, &folder, key)).collect();
                self.add_allowed(context, lines, &mut found).await?;
                let Some(next) = next else { break };
                range.start = next;
            }
        }
        Ok(found)
    }

    /// Adds the paths of those lines that the caller may read at, to what was found of each value.
    async fn add_allowed(
        &self,
        context: &Context,
        lines: Vec<Line>,
        found: &mut [BTreeSet<String>],
    ) -> Result<(), Error> {
        let mounts = self.mount_paths(context.namespace.id.as_str(), &lines).await?;
        let Some(judge) = &context.caller.judge else { return Ok(()) };
        for line in lines {
            let Some(mount) = mounts.get(&line.uuid) else { continue };
            let path = [mount, line.path.as_str()].concat();
            if judge.allows(Operation::Read, &context.namespace.full_path(&path))
                && let Some(paths) = found.get_mut(line.value).filter(|paths| paths.len() < LINES_MAX)
            {
                paths.insert(path);
            }
        }
        Ok(())
    }

    /// The paths of those mounts that are alive and have fingerprints.
    async fn mount_paths(&self, ns: &str, lines: &[Line]) -> Result<BTreeMap<String, String>, Error> {
        let mut uuids: BTreeSet<&str> = lines.iter().map(|line| line.uuid.as_str()).collect();
        uuids.insert(NO_MOUNT);
        let mut wanted = Vec::with_capacity(uuids.len() * 2);
        for uuid in &uuids {
            wanted.extend([keys::mount(ns, uuid)?, keys::mount_live(ns, uuid)?]);
        }
        let mut entries = wanted.iter().zip(self.store.get_list(&wanted).await?);
        let mut paths = BTreeMap::new();
        for uuid in uuids {
            let (Some((key, settings)), Some((live_key, live))) = (entries.next(), entries.next()) else { continue };
            let (Some(settings), Some(live)) = (settings, live) else { continue };
            let settings = decode::<Settings>(key, &settings)?.value;
            let is_live = decode::<LiveEntry>(live_key, &live)?.value.state == LiveState::Live;
            if is_live && settings.has_fingerprints() && settings.kind() == Kind::Secrets {
                paths.insert(uuid.to_owned(), settings.path);
            }
        }
        Ok(paths)
    }
}

impl Line {
    /// A line below `folder`, which is of one value.
    fn parse(value: usize, folder: &Key, key: &Key) -> Option<Self> {
        let rest = std::str::from_utf8(key.as_bytes().get(folder.as_bytes().len()..)?).ok()?;
        let (uuid, path) = rest.split_once('/')?;
        Some(Self { value, uuid: uuid.to_owned(), path: path.to_owned() })
    }
}

/// Removes the lines of a mount that goes, from `from` on, which is where an earlier turn stopped. They lie by value and
/// not by mount, so this looks at those of the whole namespace, keys only; tells where the next turn goes on.
///
/// # Errors
/// When the storage fails.
pub(crate) async fn forget_mount(store: &Store, ns: &str, uuid: &str, from: Option<Key>) -> Result<Option<Key>, Error> {
    let prefix = keys::all_of(ns, keys::FINGERPRINT)?;
    let mut range = KeyRange::prefix(&prefix);
    range.start = from.filter(|from| *from > range.start).unwrap_or(range.start);
    let is_of_mount = |key: &Key| {
        let rest = key.as_bytes().get(prefix.as_bytes().len()..).unwrap_or_default();
        rest.split(|byte| *byte == b'/').nth(1) == Some(uuid.as_bytes())
    };
    for _ in 0..SWEEP_PAGES_MAX {
        let (page, next) = store.keys(range.clone(), SWEEP_PAGE).await?;
        let lines: Vec<_> = page.into_iter().filter(|(key, _)| is_of_mount(key)).collect();
        for some in lines.chunks(WRITES_MAX) {
            let mut changes = Changes::new();
            for (key, revision) in some {
                changes.delete(key.clone(), *revision);
            }
            match store.commit(changes).await {
                // A race is with another node that does the same: the next sight of the page shows what is left.
                Ok(_) => {}
                Err(Lost::Race(_)) => return Ok(Some(range.start)),
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        match next {
            Some(next) => range.start = next,
            None => return Ok(None),
        }
    }
    Ok(Some(range.start))
}

/// Removes those of a namespace that goes, before its mounts: so each of them finds none of its own to look for. Some in
/// one turn; says whether none is left.
///
/// # Errors
/// When the storage fails.
pub(crate) async fn forget_namespace(store: &Store, ns: &str) -> Result<bool, Error> {
    let prefix = keys::all_of(ns, keys::FINGERPRINT)?;
    for _ in 0..SWEEP_PAGES_MAX {
        let (page, _) = store.keys(KeyRange::prefix(&prefix), WRITES_MAX).await?;
        if page.is_empty() {
            return Ok(true);
        }
        let mut changes = Changes::new();
        for (key, revision) in page {
            changes.delete(key, revision);
        }
        match store.commit(changes).await {
            // A race is with another node that does the same: look again at what is left.
            Ok(_) | Err(Lost::Race(_)) => {}
            Err(Lost::Failed(error)) => return Err(error),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;

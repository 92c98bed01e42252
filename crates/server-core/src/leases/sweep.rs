//! Taking back many leases: all below a path, all of a mount, all of a token. Page by page, from a line in the due index
//! that stays until the last page is done, so that a crash is taken up again.
//!
//! A sweep that nobody waits for only marks the leases; each then has its own line, its own tries and its own end. What
//! is made after the sweep was asked for is left alone.

use std::sync::Arc;

use async_trait::async_trait;
use barrier::{Changes, Opened};
use framework::Error;
use framework::view::COMMIT_TRIES;
use storage::{Key, KeyRange, Revision};

use super::entry::LeaseEntry;
use super::revoke::{Known, Marking, Outside};
use super::{IndexEntry, Leases, Place};
use crate::due::{Line, Look, Owner, drop_line};
use crate::keys;
use crate::store::{Found, Lost, Store, decode};

/// The word in the due index's keys.
const DUE_KIND: &str = "leases";
/// How many entries one storage call of a sweep asks for.
const PAGE: usize = 100;

/// Which leases.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Sweep {
    /// Below a path, which ends in `/`.
    Prefix(String),
    /// The same, whatever the outside says.
    Force(String),
    /// Of a mount that is being removed.
    Mount(String),
    /// Of a mount that was moved: those of its old path.
    Moved(String),
}

/// The sweeps that are due.
pub(crate) struct Sweeps(pub(crate) Arc<Leases>);

impl Sweep {
    /// The sweep's line in the due index.
    pub(crate) fn line(&self, ns: &str, nanos: i64) -> Result<Key, Error> {
        let (word, of) = match self {
            Self::Prefix(path) => ("prefix/", path),
            Self::Force(path) => ("force/", path),
            Self::Mount(uuid) => ("mount/", uuid),
            Self::Moved(uuid) => ("moved/", uuid),
        };
        keys::due(nanos, ns, DUE_KIND, &[word, of].concat())
    }

    fn parse(id: &str) -> Option<Self> {
        let (word, of) = id.split_once('/')?;
        let of = of.to_owned();
        match word {
            "prefix" => Some(Self::Prefix(of)),
            "force" => Some(Self::Force(of)),
            "mount" => Some(Self::Mount(of)),
            "moved" => Some(Self::Moved(of)),
            _ => None,
        }
    }
}

#[async_trait]
impl Owner for Sweeps {
    fn kind(&self) -> &'static str {
        DUE_KIND
    }

    async fn fire(&self, line: Line) -> Result<(), Error> {
        self.look(line).await.map(drop)
    }

    async fn look(&self, line: Line) -> Result<Look, Error> {
        let sweep = Sweep::parse(&line.id).ok_or_else(|| Error::world("sweep leases", "the line cannot be read"))?;
        self.0.start(sweep, line);
        Ok(Look::UnderWay)
    }
}

impl Leases {
    /// Revokes all leases below a path, or the one of this id. At once: the first failure is told, and what failed is
    /// tried again later.
    ///
    /// # Errors
    /// When the store fails; when it is to be done at once, the first that an engine says.
    pub(crate) async fn revoke_prefix(&self, ns: &str, prefix: &str, is_sync: bool) -> Result<(), Error> {
        if self.find(ns, prefix).await?.is_some() {
            return self.revoke(ns, prefix, is_sync).await;
        }
        let line = self.promise(ns, Sweep::Prefix(folder(prefix)?)).await?;
        if is_sync { self.sweep_now(ns, &folder(prefix)?, line, Outside::MustAgree).await } else { Ok(()) }
    }

    /// Removes all leases below a path, or the one of this id, whether or not the outside takes back what they stand for.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn revoke_force(&self, ns: &str, prefix: &str) -> Result<(), Error> {
        if let Some(place) = self.place(ns, prefix)?
            && let Some(found) = self.load(&place).await?.filter(|found| found.value.is_granted)
        {
            return self.take_back(vec![Known::new(place, found)], Outside::MayRefuse).await.0;
        }
        let line = self.promise(ns, Sweep::Force(folder(prefix)?)).await?;
        self.sweep_now(ns, &folder(prefix)?, line, Outside::MayRefuse).await
    }

    /// Stores that a sweep is to be done.
    async fn promise(&self, ns: &str, sweep: Sweep) -> Result<Line, Error> {
        for _ in 0..COMMIT_TRIES {
            let key = sweep.line(ns, self.now_nanos())?;
            let line = |revision| Line { key: key.clone(), revision, namespace: ns.to_owned(), id: String::new() };
            if let [Some(revision)] = self.store.revisions_of([key.clone()]).await? {
                return Ok(line(revision));
            }
            let mut changes = Changes::new();
            changes.create(key.clone(), Vec::new());
            match self.store.commit(changes).await {
                Ok(receipt) => return Ok(line(receipt.revision)),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    async fn sweep_now(&self, ns: &str, path: &str, line: Line, outside: Outside) -> Result<(), Error> {
        // The worker of this node leaves the line alone meanwhile; should this request be cut off, it comes to it.
        let _entered = Entered::new(self, &line.key);
        let until = self.now_nanos();
        let outcome = self.take_back_below(ns, path, until, outside).await;
        if !matches!(outcome, Err(Error::Sealed)) {
            drop_line(&self.store, line).await?;
        }
        outcome
    }

    /// Takes back page by page, asking the outside. One that fails does not keep the others.
    async fn take_back_below(&self, ns: &str, path: &str, until: i64, mut outside: Outside) -> Result<(), Error> {
        let mut range = KeyRange::prefix(&keys::leases(ns, path)?);
        let mut first = Ok(());
        loop {
            let (page, next) = self.store.page(range.clone(), PAGE).await?;
            let mut leases = known(ns, page)?;
            leases.retain(|known| known.found.value.is_granted && known.found.value.issued <= until);
            while !leases.is_empty() {
                let rest = leases.split_off(leases.len().min(Marking::LEASES_MAX));
                let (done, is_silent) = self.take_back(std::mem::replace(&mut leases, rest), outside).await;
                if let Err(Error::Sealed) = done {
                    return Err(Error::Sealed);
                }
                first = first.and(done);
                if is_silent && outside == Outside::MayRefuse {
                    outside = Outside::IsGone;
                }
            }
            match next {
                Some(next) => range.start = next,
                None => return first,
            }
        }
    }

    /// Does a sweep that is due, and takes its line away.
    pub(super) async fn sweep(&self, sweep: &Sweep, line: Line) -> Result<(), Error> {
        let ns = line.namespace.clone();
        let until = line.time().unwrap_or(i64::MAX);
        match sweep {
            Sweep::Prefix(path) => self.mark_below(&ns, path, until).await?,
            // What the outside refuses is no failure here.
            Sweep::Force(path) => self.take_back_below(&ns, path, until, Outside::MayRefuse).await?,
            Sweep::Mount(uuid) => self.mark_of_mount(&ns, uuid, "").await?,
            Sweep::Moved(uuid) => {
                if let Some(mount) = self.mounts.load(&ns, uuid).await? {
                    self.mark_of_mount(&ns, uuid, &mount.settings.path).await?;
                }
            }
        }
        drop_line(&self.store, line).await
    }

    async fn mark_below(&self, ns: &str, path: &str, until: i64) -> Result<(), Error> {
        let mut range = KeyRange::prefix(&keys::leases(ns, path)?);
        loop {
            let (page, next) = self.store.page(range.clone(), PAGE).await?;
            let mut leases = known(ns, page)?;
            leases.retain(|known| known.found.value.issued <= until);
            self.mark_all(leases).await?;
            match next {
                Some(next) => range.start = next,
                None => return Ok(()),
            }
        }
    }

    /// Marks the leases of a mount but those below `spared`, if that is not empty.
    async fn mark_of_mount(&self, ns: &str, uuid: &str, spared: &str) -> Result<(), Error> {
        let mut range = KeyRange::prefix(&keys::mount_leases(ns, uuid)?);
        loop {
            let (page, next) = self.store.page(range.clone(), PAGE).await?;
            let mut leases = lines_to_leases(&self.store, ns, page).await?.0;
            leases.retain(|known| spared.is_empty() || !known.place.path.starts_with(spared));
            self.mark_all(leases).await?;
            match next {
                Some(next) => range.start = next,
                None => return Ok(()),
            }
        }
    }

    /// Marks leases, a commit's worth at a time; those that somebody else changes meanwhile one by one.
    async fn mark_all(&self, mut leases: Vec<Known>) -> Result<(), Error> {
        while !leases.is_empty() {
            let rest = leases.split_off(leases.len().min(Marking::LEASES_MAX));
            let some = std::mem::replace(&mut leases, rest);
            let mut marking = Marking::new(&self.store, self.now_nanos());
            for Known { place, found, .. } in &some {
                marking.add(place, Found { value: found.value.clone(), revision: found.revision }).await?;
            }
            let mut changes = Changes::new();
            marking.finish(&mut changes).await?;
            if changes.is_empty() {
                continue;
            }
            match self.store.commit(changes).await {
                Ok(_) => {}
                Err(Lost::Race(_)) => {
                    for known in some {
                        self.mark(&known.place).await?;
                    }
                }
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The changes that take one page of leases from a token that goes: each is marked and no longer hangs on it. Nothing when
/// none is left. The caller adds what it expects of the token.
pub(crate) async fn release_page(store: &Store, ns: &str, token: &str, now: i64) -> Result<Option<Changes>, Error> {
    let (page, _) = store.page(KeyRange::prefix(&keys::token_leases(ns, token)?), Marking::LEASES_MAX).await?;
    if page.is_empty() {
        return Ok(None);
    }
    let (leases, strays) = lines_to_leases(store, ns, page).await?;
    let mut marking = Marking::new(store, now);
    for known in leases {
        // The token's own line goes with the mark, unless the lease was marked for another reason and has lost it.
        marking.add(&known.place, known.found).await?;
    }
    let mut changes = Changes::new();
    marking.finish(&mut changes).await?;
    for (key, revision) in strays {
        changes.delete(key, revision);
    }
    Ok(Some(changes))
}

/// The leases that lines name, and the lines that name none.
async fn lines_to_leases(
    store: &Store,
    ns: &str,
    lines: Vec<(Key, Opened)>,
) -> Result<(Vec<Known>, Vec<(Key, Revision)>), Error> {
    let mut places = Vec::with_capacity(lines.len());
    for (key, opened) in lines {
        let index = decode::<IndexEntry>(&key, &opened)?.value;
        let Some(name) = last(&key) else { continue };
        places.push((index.place(ns, name), key, opened.revision));
    }
    let keys = places.iter().map(|(place, ..)| place.key()).collect::<Result<Vec<_>, _>>()?;
    let found = store.get_list(&keys).await?;
    let (mut leases, mut strays) = (Vec::new(), Vec::new());
    for ((place, line, revision), (key, opened)) in places.into_iter().zip(keys.iter().zip(found)) {
        match opened {
            Some(opened) => leases.push(Known::new(place, decode(key, &opened)?)),
            None => strays.push((line, revision)),
        }
    }
    Ok((leases, strays))
}

/// Leases as a page of their entries holds them.
pub(super) fn known(ns: &str, page: Vec<(Key, Opened)>) -> Result<Vec<Known>, Error> {
    let head = keys::leases(ns, "")?.as_bytes().len();
    let mut leases = Vec::with_capacity(page.len());
    for (key, opened) in page {
        let behind = key.as_bytes().get(head..).and_then(|behind| std::str::from_utf8(behind).ok());
        let Some((path, name)) = behind.and_then(|behind| behind.rsplit_once('/')) else { continue };
        let place = Place { ns: ns.to_owned(), path: path.to_owned(), name: name.to_owned() };
        leases.push(Known::new(place, decode::<LeaseEntry>(&key, &opened)?));
    }
    Ok(leases)
}

/// What stands behind the last `/` of a key.
pub(crate) fn last(key: &Key) -> Option<String> {
    let text = std::str::from_utf8(key.as_bytes()).ok()?;
    text.rsplit_once('/').map(|(_, last)| last.to_owned())
}

/// A prefix as a folder.
pub(crate) fn folder(prefix: &str) -> Result<String, Error> {
    let prefix = prefix.trim_matches('/');
    if prefix.is_empty() || prefix.len() > super::PATH_BYTES_MAX {
        return Err(Error::invalid("the prefix is empty or too long"));
    }
    Ok([prefix, "/"].concat())
}

/// A line that a request of this node is working on.
struct Entered<'l> {
    leases: &'l Leases,
    key: Option<Key>,
}

impl<'l> Entered<'l> {
    fn new(leases: &'l Leases, key: &Key) -> Self {
        Self { leases, key: leases.work.enter(key).then(|| key.clone()) }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.leases.work.leave(key);
        }
    }
}

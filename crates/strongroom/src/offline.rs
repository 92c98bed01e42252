//! Backups of a server that does not run: saved from its storage folder, and restored to one.
//!
//! Nobody here has a key. So a backup that is saved here has no MAC, and what a restore has to change behind the barrier
//! it leaves to the next unseal, by a marker in clear. It must never take a backup for good that its sums, its cluster or
//! its MAC speak against, as far as these can be judged without a key.

use std::io::{self, Read};
use std::path::Path;

use api::Timestamp;
use backup::file::{self, Stop};
use backup::{Header, Lineage, Reader, Section, Summary};
use bytes::Bytes;
use cli::offline::{Failed, Offline, Restore as Order, Restored};
use env::Env;
use server_core::backups::{CLUSTER_KEY, Copy, FEATURE_LEVEL, lineage_of};
use server_core::restored;
use storage::{CommitId, Entry, Key, Position, Revision, Storage};
use storage_embedded::{Embedded, Options, Replaces, Restore};

use crate::server::VERSION;

/// What the command line calls.
pub(crate) const OFFLINE: Offline = Offline { save_backup: save, restore_backup: restore };

/// Why a store could not be saved or restored.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot start")]
    Runtime(#[source] io::Error),
    #[error("there is no store in {0}")]
    NoStore(String),
    #[error("the store is not of an initialized server")]
    Uninitialized,
    #[error("cannot read the store")]
    Read(#[source] storage::Error),
    #[error("cannot open {0}")]
    Open(String, #[source] io::Error),
    #[error(
        "the backup has no MAC, so nobody can tell whether it was changed: if you trust where it comes from, take it with \
         -allow-unsigned"
    )]
    Unsigned,
    #[error("the backup has feature level {0}, this release reads up to {FEATURE_LEVEL}")]
    TooNew(u32),
    #[error("the backup is of cluster {backup}, the store that is there of {store}: move that away first")]
    OtherCluster { backup: Lineage, store: Lineage },
    #[error("the backup is not of the cluster that its header names")]
    Mislabeled,
    #[error("there is a store in {0} already: replace it with -force")]
    Exists(String),
    #[error("cannot write the store")]
    Write(#[source] storage_embedded::Error),
    #[error("the backup holds a key that no store can have")]
    Key,
}

fn save(folder: &Path, file: &Path) -> Result<Summary, Failed> {
    let runtime = runtime()?;
    let env = Env::real();
    let store = open_existing(folder, &env)?;
    let mut copy = runtime.block_on(begin(&store, &env))?;
    let saved = file::save(file, |out| {
        while let Some(bytes) = runtime.block_on(copy.next()).map_err(|error| Stop::Source(Failure::Read(error)))? {
            out.write_all(&bytes)?;
        }
        Ok(())
    });
    drop(copy);
    runtime.block_on(store.close()).map_err(Failure::Read)?;
    Ok(saved?)
}

/// The store of a folder, which must be there: opening one that is not would make it.
fn open_existing(folder: &Path, env: &Env) -> Result<Embedded, Failed> {
    if !storage_embedded::is_there(folder)? {
        return Err(Failure::NoStore(folder.display().to_string()).into());
    }
    Ok(Embedded::open(folder, Options::default(), env)?)
}

async fn begin(store: &Embedded, env: &Env) -> Result<Copy, Failure> {
    let lineage = lineage(store).await?;
    let export = store.export().await.map_err(Failure::Read)?;
    let header = Header {
        v: backup::FORMAT,
        made: Timestamp::from(env.now()).to_string(),
        made_by: format!("Strongroom {VERSION}"),
        lineage,
        cluster_id: None,
        position: export.position().0,
        feature_level: FEATURE_LEVEL,
    };
    Ok(Copy::begin(export, &header, None))
}

async fn lineage(store: &Embedded) -> Result<Lineage, Failure> {
    let found = store.read(&[CLUSTER_KEY]).await.map_err(Failure::Read)?;
    let found = found.entries.into_iter().next().flatten();
    found.as_ref().map(lineage_of).ok_or(Failure::Uninitialized)
}

fn restore(order: &Order) -> Result<Restored, Failed> {
    let env = Env::real();
    let opened = || file::open(&order.file).map_err(|source| Failure::Open(order.file.display().to_string(), source));
    // Once from end to end before anything is touched, so that a damaged backup costs nothing.
    let known = backup::inspect(opened()?)?;
    if known.header.feature_level > FEATURE_LEVEL {
        return Err(Failure::TooNew(known.header.feature_level).into());
    }
    if known.trailer.proof.is_none() && !order.takes_unsigned {
        return Err(Failure::Unsigned.into());
    }
    let mut warnings = Vec::new();
    if storage_embedded::is_there(&order.folder)? {
        if !order.replaces {
            return Err(Failure::Exists(order.folder.display().to_string()).into());
        }
        compare_clusters(order, &known, &env, &mut warnings)?;
    }
    let replaces = if order.replaces { Replaces::AnyStore } else { Replaces::Nothing };
    let restore = Restore::begin(&order.folder, replaces, &env).map_err(Failure::Write)?;
    fill(restore, Reader::open(opened()?)?, &known, order.keeps_tokens, &env)?;
    Ok(Restored { backup: known, warnings })
}

/// A store of another cluster is not replaced. One that cannot be read may be just why this one is restored.
fn compare_clusters(order: &Order, known: &Summary, env: &Env, warnings: &mut Vec<String>) -> Result<(), Failed> {
    let runtime = runtime()?;
    let found = match open_existing(&order.folder, env) {
        Ok(store) => runtime.block_on(async {
            let found = lineage(&store).await;
            // Nothing was written; what cannot be closed is replaced now.
            drop(store.close().await);
            found.map_err(Failed::from)
        }),
        Err(error) if is_in_use(&error) => return Err(error),
        Err(error) => Err(error),
    };
    match found {
        Ok(store) if store == known.header.lineage => Ok(()),
        Ok(store) => Err(Failure::OtherCluster { backup: known.header.lineage, store }.into()),
        Err(error) => {
            warnings.push(format!("The store that was there could not be read, so it was not compared: {error}"));
            Ok(())
        }
    }
}

fn is_in_use(error: &Failed) -> bool {
    error.downcast_ref::<storage_embedded::Error>().is_some_and(|it| matches!(it, storage_embedded::Error::InUse(_)))
}

/// Fills the new store and has it count, with the marker for the next unseal.
fn fill(
    mut restore: Restore,
    mut reader: Reader<impl Read>,
    known: &Summary,
    mut keeps_tokens: bool,
    env: &Env,
) -> Result<(), Failed> {
    let mut lineage = None;
    while let Some(section) = reader.next()? {
        let mut entries = entries(&section)?;
        lineage = lineage.or(entries.iter().find(|entry| entry.key == CLUSTER_KEY).map(lineage_of));
        if let Some(at) = entries.iter().position(|entry| entry.key == restored::MARKER_KEY) {
            // It was restored before and not unsealed since: what was asked for then still has to be done.
            keeps_tokens &= !restored::ends_tokens(&entries.remove(at).value);
        }
        restore.add(&entries).map_err(Failure::Write)?;
    }
    // Read twice, and perhaps changed in between.
    let read = reader.finish()?;
    if read != *known || lineage != Some(known.header.lineage) {
        return Err(Failure::Mislabeled.into());
    }
    let position = Position(known.header.position + 1);
    let marker = Entry {
        key: restored::MARKER_KEY,
        value: Bytes::from(restored::marker(env, known, keeps_tokens)?),
        revision: Revision(position.0),
        commit: CommitId(env.random()),
    };
    restore.add(&[marker]).map_err(Failure::Write)?;
    Ok(restore.finish(position).map_err(Failure::Write)?)
}

fn entries(section: &Section<'_>) -> Result<Vec<Entry>, Failure> {
    let entry = |record: backup::Record<'_>| {
        let key = Key::new(Bytes::copy_from_slice(record.key)).map_err(|_| Failure::Key)?;
        let (revision, commit) = (Revision(record.revision), CommitId(record.commit));
        Ok(Entry { key, value: Bytes::copy_from_slice(record.value), revision, commit })
    };
    section.records().map(entry).collect()
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)
}

#[cfg(test)]
mod tests;

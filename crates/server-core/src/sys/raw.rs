//! `sys/raw`: stored entries as they are behind the barrier, for the day on which nothing else helps. There only where
//! the operator's configuration says so.
//!
//! What the keys of everything hang on is out of reach: it must never leave the barrier, and a wrong byte in it loses the
//! store. The table of audit devices has to stay one, or nobody could ask anything any more. Whoever writes here goes past what engines check, liveness included; every write still expects what was there.

use std::sync::Arc;

use barrier::{Barrier, PLAINTEXT_BYTES_MAX, Scan};
use data_encoding::BASE64;
use framework::input::Nothing;
use framework::view::{CommitError, LIST_NAMES_MAX, Listing};
use framework::{Context, Error, Path, Reply, Segment, View, fields, retry};
use serde_json::json;
use storage::{Key, KeyRange, Revision};

use crate::audit_log::AuditLog;
use crate::keys;
use crate::store::Store;

/// Keys that begin like this are refused: the seal, the root key, the keyring, the recovery key's verifier, the cluster's
/// keys, and what a restore leaves. The first and the last are in clear, past the barrier.
const PROTECTED: [&str; 6] =
    ["core/seal", "core/root-key", "core/keyring", "core/recovery", "core/cluster", "core/restored"];
/// The most folders that there are at the top of the store.
const TOP_MAX: usize = 1_000;

/// For this endpoint.
pub(crate) struct RawPart {
    /// Whether the operator wants it; otherwise its rows do not exist.
    pub(super) is_wanted: bool,
    store: Store,
    /// Of the whole store.
    view: View,
    /// Who depends on the table of audit devices; nobody on a node that records nothing.
    audit: Option<Arc<AuditLog>>,
}

impl RawPart {
    pub(crate) fn new(store: &Store, is_wanted: bool) -> Self {
        let view = View::new(store.barrier().clone(), "", Vec::new());
        Self { is_wanted, store: store.clone(), view, audit: None }
    }

    /// With a look at what is written in place of the table of audit devices, or whether that is deleted.
    pub(crate) fn guarded_by(self, audit: Arc<AuditLog>) -> Self {
        Self { audit: Some(audit), ..self }
    }

    async fn check_audit(&self, key: &Key, at: Option<Revision>, with: Option<&[u8]>) -> Result<(), CommitError> {
        match &self.audit {
            Some(audit) if *key == keys::AUDIT => audit.check_replacement(at, with).await,
            _ => Ok(()),
        }
    }
}

/// The rows.
pub(crate) fn paths() -> Vec<Path<RawPart>> {
    vec![
        Path::new("raw", "Stored entries as they are behind the barrier.")
            .sudo()
            .root_only()
            .list(list_top, "List what all keys begin with."),
        Path::new("raw/{path}", "Stored entries as they are behind the barrier.")
            .param("path", Segment::Rest, "Key of the entry.")
            .sudo()
            .root_only()
            .exists::<Entry>(exists)
            .read::<ReadEntry>(read, "Read an entry.")
            .update::<WriteEntry>(write, "Store an entry in place of what is there.")
            .delete::<Entry>(delete, "Delete an entry.")
            .list::<Folder>(list, "List the keys and folders in a folder."),
    ]
}

fields! {
    /// Names an entry.
    struct Entry {
        /// Key of the entry.
        path: String,
    }
}

fields! {
    /// Names an entry to be read.
    struct ReadEntry {
        /// Key of the entry.
        path: String,
        /// base64, for values that are no text; empty for text.
        encoding: String = String::new(),
        /// Kept for other clients: no value is stored compressed.
        compressed: bool = true,
    }
}

fields! {
    /// Stores an entry.
    struct WriteEntry {
        /// Key of the entry.
        path: String,
        /// The value, as text or as `encoding` says.
        value: String = String::new(),
        /// base64, for values that are no text; empty for text.
        encoding: String = String::new(),
        /// Must be empty: no value is stored compressed.
        compression_type: String = String::new(),
    }
}

fields! {
    /// Names a folder.
    struct Folder {
        /// Start of the keys.
        path: String,
        /// Show what is behind this.
        after: String = String::new(),
        /// The most to be shown.
        limit: u64 = 0,
    }
}

async fn exists(part: &RawPart, _: &Context, input: Entry) -> Result<bool, Error> {
    // Not opened: what does not open can be replaced all the same.
    let [found] = part.store.revisions_of([part.view.key(&input.path)?]).await?;
    Ok(found.is_some())
}

async fn read(part: &RawPart, _: &Context, input: ReadEntry) -> Result<Reply, Error> {
    check(&input.path, "read")?;
    let is_base64 = is_base64(&input.encoding)?;
    let stored = part.view.get(&input.path).await?.ok_or(Error::NotFound)?;
    let value = if is_base64 {
        BASE64.encode(stored.bytes())
    } else {
        let text = std::str::from_utf8(stored.bytes());
        text.map_err(|_| Error::invalid("the value is no text: read it with encoding=base64"))?.to_owned()
    };
    Ok(Reply::data(json!({ "value": value })))
}

async fn write(part: &RawPart, _: &Context, input: WriteEntry) -> Result<Reply, Error> {
    check(&input.path, "write")?;
    if !input.compression_type.is_empty() {
        return Err(Error::invalid("compression_type must be empty: values are stored as they are"));
    }
    let value = if is_base64(&input.encoding)? {
        BASE64.decode(input.value.as_bytes()).map_err(|_| Error::invalid("value is not base64"))?
    } else {
        input.value.into_bytes()
    };
    if value.len() > PLAINTEXT_BYTES_MAX {
        return Err(Error::Invalid(format!("an entry has at most {PLAINTEXT_BYTES_MAX} bytes").into()));
    }
    let key = part.view.key(&input.path)?;
    retry!(_ => {
        // Asked for without opening it: what is there may be just what does not open.
        let [known] = part.store.revisions_of([key.clone()]).await?;
        part.check_audit(&key, known, Some(&value)).await?;
        part.view.changes().put(&input.path, known, value.clone()).commit().await
    })?;
    Ok(Reply::empty())
}

async fn delete(part: &RawPart, _: &Context, input: Entry) -> Result<Reply, Error> {
    check(&input.path, "delete")?;
    let key = part.view.key(&input.path)?;
    retry!(_ => {
        if let [Some(revision)] = part.store.revisions_of([key.clone()]).await? {
            part.check_audit(&key, Some(revision), None).await?;
            part.view.changes().delete(&input.path, revision).commit().await?;
        }
        Ok(())
    })?;
    Ok(Reply::empty())
}

async fn list_top(part: &RawPart, _: &Context, _: Nothing) -> Result<Reply, Error> {
    top(part.store.barrier()).await
}

async fn list(part: &RawPart, _: &Context, input: Folder) -> Result<Reply, Error> {
    let folder = match input.path.trim_end_matches('/') {
        "" => return top(part.store.barrier()).await,
        folder => [folder, "/"].concat(),
    };
    let limit = usize::try_from(input.limit).ok().filter(|limit| *limit > 0).map(|limit| limit.min(LIST_NAMES_MAX));
    let names = part.view.list(&folder, &Listing { after: input.after, limit }).await?;
    Ok(Reply::list(names))
}

/// What every key begins with.
async fn top(barrier: &Barrier) -> Result<Reply, Error> {
    let start = Key::new([0].as_slice().to_vec()).map_err(|source| Error::world("list the store", source))?;
    let scan = Scan::range(KeyRange { start, end: None }, TOP_MAX).keys_only().folders(0);
    let page = barrier.scan(&scan).await.map_err(framework::view::from_barrier)?;
    let name = |item: &barrier::Item| match item {
        barrier::Item::Key(key, _) | barrier::Item::Folder(key) => {
            Some(String::from_utf8_lossy(key.as_bytes()).into_owned())
        }
        barrier::Item::Entry(..) | barrier::Item::Unreadable { .. } => None,
    };
    Ok(Reply::list(page.items.iter().filter_map(name).collect()))
}

fn check(path: &str, verb: &str) -> Result<(), Error> {
    if is_protected(path) { Err(Error::Invalid(format!("cannot {verb} '{path}'").into())) } else { Ok(()) }
}

fn is_protected(path: &str) -> bool {
    PROTECTED.iter().any(|prefix| path.starts_with(prefix))
}

fn is_base64(encoding: &str) -> Result<bool, Error> {
    match encoding {
        "" => Ok(false),
        "base64" => Ok(true),
        other => Err(Error::Invalid(format!("invalid encoding '{other}'").into())),
    }
}

#[cfg(test)]
mod tests;

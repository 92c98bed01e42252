//! A small engine for the tests of this crate: notes under names, with a secret, a sudo path and a public one.

use std::collections::BTreeMap;
use std::sync::Arc;

use secret::Secret;
use serde_json::json;

use crate::field::{Change, SignedNanos};
use crate::input::Nothing;
use crate::view::{Listing, encode};
use crate::{Context, Engine, Error, Mounted, Path, Reply, Segment, fields, retry};

const HELP: &str = "Keeps short notes under names.";

/// The state: a part, so that `within` has something to take.
pub(crate) struct Notes {
    pub(crate) shelf: Shelf,
}

/// What the handlers get.
pub(crate) struct Shelf {
    /// How long a note may be, in bytes.
    pub(crate) bytes_max: usize,
}

fields! {
    /// Names a note.
    struct Name {
        /// Name of the note.
        name: String,
    }
}

fields! {
    /// Writes a note.
    struct WriteNote {
        /// Name of the note.
        name: String,
        /// The text.
        text: Secret<String> => secret,
        /// Words to find it by.
        tags: Vec<String> = Vec::new(),
        /// Kind of note.
        r#type: Option<String>,
    }
}

fields! {
    /// Changes a note.
    struct PatchNote {
        /// Name of the note.
        name: String,
        /// Words to find it by; null removes them.
        tags: Change<Vec<String>>,
        /// How long it is kept, or below zero for ever.
        kept: Change<SignedNanos>,
    }
}

fields! {
    /// Which notes to list.
    struct ListNotes {
        /// Lists only the names after this one.
        after: String = String::new(),
        /// The most names to list.
        limit: Option<u64>,
    }
}

fields! {
    /// Anything.
    struct Anything {
        /// Location of the box.
        path: String,
        ..rest
    }
}

pub(crate) fn rows() -> Vec<Path<Notes>> {
    let notes = Path::new("notes/{name}", "One note.")
        .param("name", Segment::Name, "Name of the note.")
        .exists::<Name>(exists)
        .read::<Name>(read, "Read a note.")
        .update::<WriteNote>(write, "Write a note.")
        .patch::<PatchNote>(patch, "Change a note.")
        .delete::<Name>(delete, "Delete a note.");
    let list = Path::new("notes", "All notes.").list::<ListNotes>(list, "List the notes.");
    let count = Path::new("count", "How many notes there are.").sudo().read::<Nothing>(count, "Count the notes.");
    let boxes = Path::new("box/{path}", "What is sent, sent back.")
        .param("path", Segment::Rest, "Location of the box.")
        .unauthenticated()
        .update::<Anything>(echo, "Send the names of all values back.");
    [notes, list, count, boxes].into_iter().map(|path| path.within(|notes: &Notes| &notes.shelf)).collect()
}

pub(crate) fn engine() -> Arc<dyn Mounted> {
    Engine::secrets("notes", HELP)
        .paths(rows())
        .mount(Notes { shelf: Shelf { bytes_max: 1000 } })
        .expect("a sound table")
}

async fn exists(_: &Shelf, context: &Context, input: Name) -> Result<bool, Error> {
    Ok(context.view.get(&input.name).await?.is_some())
}

async fn read(_: &Shelf, context: &Context, input: Name) -> Result<Reply, Error> {
    let stored = context.view.get(&input.name).await?.ok_or(Error::NotFound)?;
    Ok(Reply::raw(stored.raw()?))
}

async fn write(shelf: &Shelf, context: &Context, input: WriteNote) -> Result<Reply, Error> {
    let text = input.text.expose();
    if text.len() > shelf.bytes_max {
        return Err(Error::invalid("note is too long"));
    }
    let note = json!({ "text": text, "tags": input.tags, "type": input.r#type });
    retry!(_ => {
        let known = context.view.get(&input.name).await?.map(|stored| stored.revision());
        context.view.changes().put(&input.name, known, encode(&note)?).commit().await
    })?;
    Ok(Reply::empty())
}

async fn patch(_: &Shelf, context: &Context, input: PatchNote) -> Result<Reply, Error> {
    let mut tags = vec!["old".to_owned()];
    input.tags.apply(&mut tags, Vec::new());
    let mut kept = SignedNanos(0);
    input.kept.apply(&mut kept, SignedNanos(-1));
    Ok(Reply::data(json!({ "path": context.path, "name": input.name, "tags": tags, "kept": kept.0 })))
}

async fn delete(_: &Shelf, context: &Context, input: Name) -> Result<Reply, Error> {
    retry!(_ => {
        if let Some(stored) = context.view.get(&input.name).await? {
            context.view.changes().delete(&input.name, stored.revision()).commit().await?;
        }
        Ok(())
    })?;
    Ok(Reply::empty())
}

async fn list(_: &Shelf, context: &Context, input: ListNotes) -> Result<Reply, Error> {
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    Ok(Reply::list(context.view.list("", &Listing { after: input.after, limit }).await?))
}

async fn count(_: &Shelf, context: &Context, _: Nothing) -> Result<Reply, Error> {
    Ok(Reply::data(json!({ "count": context.view.list("", &Listing::default()).await?.len() })))
}

async fn echo(_: &Shelf, _: &Context, input: Anything) -> Result<Reply, Error> {
    let values: BTreeMap<_, _> = input.rest.into_iter().collect();
    Ok(Reply::data(json!({ "captured": input.path, "sent": values })))
}

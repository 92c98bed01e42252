//! `detailed-metadata/`: names together with what is known of each (OpenBao's path).
//!
//! Whoever may list names here need not be allowed to read what is known of each: that is judged one by one, by the
//! path at which it would be read alone.

use framework::{Context, Error, Operation, Path, Reply, Segment};
use serde_json::{Map, Value, json};

use super::Versioned;
use super::entry::{HISTORIES, History, decode};
use super::metadata::show_history;
use crate::secrets::Folder;

/// The most names in one reply; beyond it the caller has to page.
const NAMES_MAX: usize = 10_000;
/// The most stored bytes that one reply is made from; beyond it the caller has to page.
const STORED_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How many histories are read at a time.
const READ_AT_ONCE: usize = 100;
/// Where a history alone is read.
const METADATA: &str = "metadata/";

pub(super) fn item() -> Path<Versioned> {
    Path::new("detailed-metadata/{path}", "Names of secrets together with what is known of each.")
        .param("path", Segment::Rest, "Location of the folder.")
        .harmless_reads()
        .list::<Folder>(list, "List the secrets and folders in a folder, with what is known of the secrets.")
        .scan::<Folder>(scan, "List all secrets below a folder, however deep, with what is known of them.")
}

async fn list(_: &Versioned, context: &Context, input: Folder) -> Result<Reply, Error> {
    let folder = input.name();
    let names = context.view.list(&[HISTORIES, &folder].concat(), &input.listing()).await?;
    describe(context, &folder, names).await
}

async fn scan(_: &Versioned, context: &Context, input: Folder) -> Result<Reply, Error> {
    let folder = input.name();
    let names = input.scan_names(context, HISTORIES, METADATA).await?;
    describe(context, &folder, names).await
}

/// Adds what is known of the names to them. One that has gone since it was listed stays a name.
async fn describe(context: &Context, folder: &str, names: Vec<String>) -> Result<Reply, Error> {
    if names.len() > NAMES_MAX {
        return Err(too_much());
    }
    let may_read = |name: &&String| {
        !name.ends_with('/') && context.may(Operation::Read, &[METADATA, folder, name.as_str()].concat())
    };
    let readable: Vec<_> = names.iter().filter(may_read).collect();
    let (mut about, mut stored_bytes) = (Map::new(), 0);
    for some in readable.chunks(READ_AT_ONCE) {
        let entries: Vec<_> = some.iter().map(|name| [HISTORIES, folder, name.as_str()].concat()).collect();
        for (name, stored) in some.iter().zip(context.view.get_list(&entries).await?) {
            let Some(stored) = stored else { continue };
            stored_bytes += stored.bytes().len();
            if stored_bytes > STORED_BYTES_MAX {
                return Err(too_much());
            }
            about.insert((*name).clone(), show(&decode(&stored)?.history));
        }
    }
    Ok(Reply::data(json!({ "keys": names, "key_info": about })))
}

/// Everything but the versions.
fn show(history: &History) -> Value {
    let mut shown = history.settings.show();
    shown.extend(show_history(history));
    Value::Object(shown)
}

fn too_much() -> Error {
    Error::Invalid(format!("more than {NAMES_MAX} names or 32 MiB: list in pages with \"limit\" and \"after\"").into())
}

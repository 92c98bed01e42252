//! The `storage` stanza.

use std::path::PathBuf;

use hcl::Block;

use super::error::{ConfigError, Problem};
use super::reader::Reader;

/// Where data is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Storage {
    /// In memory: gone when the process ends.
    Memory,
    /// In a folder of this machine.
    Embedded {
        /// The folder.
        path: PathBuf,
        /// What the store may keep of it in memory, in bytes; absent: its own default.
        cache_size_bytes: Option<usize>,
    },
}

const OURS: &str =
    "ours are \"embedded\", which keeps data in a folder of this machine, and \"memory\", which forgets it";
const INSTEAD: &str =
    "write storage \"embedded\" { path = \"…\" }: it keeps data in a folder of this machine, in a format of its own";
const KEYS: &[&str] = &["cache_size_bytes", "path"];

/// The most that the store may keep in memory: a tebibyte, to catch slips.
const CACHE_BYTES_MAX: usize = 1 << 40;

pub(super) fn parse(reader: &mut Reader<'_>, block: &Block<'_>) -> Result<Storage, ConfigError> {
    let (kind, line) = (super::server::label(block), block.position.line);
    match kind {
        "memory" | "inmem" => {
            for item in &block.body.items {
                reader.foreign(item, "in storage \"memory\"", &[], &[], &[])?;
            }
            Ok(Storage::Memory)
        }
        "embedded" => embedded(reader, block),
        _ => {
            let remedy = if matches!(kind, "raft" | "file") { INSTEAD } else { OURS };
            Err(reader.error(line, Problem::UnknownKind { stanza: "storage", kind: kind.to_owned(), remedy }))
        }
    }
}

fn embedded(reader: &mut Reader<'_>, block: &Block<'_>) -> Result<Storage, ConfigError> {
    const PLACE: &str = "in storage \"embedded\"";
    let (mut path, mut cache_size_bytes) = (None, None);
    for item in &block.body.items {
        match item.name() {
            "path" => path = Some(PathBuf::from(reader.some_text(item)?)),
            "cache_size_bytes" => cache_size_bytes = reader.count(item, CACHE_BYTES_MAX)?,
            _ => reader.foreign(item, PLACE, KEYS, &[], &[])?,
        }
    }
    let missing = || reader.error(block.position.line, Problem::NoKey { place: "storage \"embedded\"", key: "path" });
    Ok(Storage::Embedded { path: path.ok_or_else(missing)?, cache_size_bytes })
}

//! The keys of the log's file, at the top level.

use std::path::PathBuf;
use std::time::Duration;

use hcl::Item;

use super::error::ConfigError;
use super::reader::Reader;

/// The default of Vault.
const ROTATE_AFTER: Duration = Duration::from_secs(24 * 3600);
/// The most bytes and old files that can be asked for.
const BYTES_MAX: usize = 1 << 40;
const FILES_MAX: usize = 1 << 20;
/// The name in a folder.
const NAME_DEFAULT: &str = "vault.log";
const EXTENSION_DEFAULT: &str = "log";

/// A file for the log, and when it makes room for the next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogFile {
    /// As it is written: a folder ends in `/`, and a name may have no extension.
    pub path: PathBuf,
    /// Past this many bytes; absent: however long it gets.
    pub rotate_bytes: Option<u64>,
    /// After this time.
    pub rotate_after: Duration,
    /// How many of the old ones are kept; absent: all of them.
    pub old_files_max: Option<usize>,
}

impl LogFile {
    /// The file that is meant (documented Vault behavior): a folder gets one of the default name, a name without an
    /// extension the default one.
    #[must_use]
    pub fn whole_path(&self) -> PathBuf {
        if self.path.as_os_str().to_string_lossy().ends_with('/') {
            return self.path.join(NAME_DEFAULT);
        }
        if self.path.extension().is_some() { self.path.clone() } else { self.path.with_extension(EXTENSION_DEFAULT) }
    }
}

/// What the files said so far. Without a path the rest means nothing, as in Vault.
#[derive(Default)]
pub(super) struct Draft {
    path: Option<PathBuf>,
    bytes: Option<usize>,
    after: Option<Duration>,
    files: Option<usize>,
}

impl Draft {
    pub(super) fn take(&mut self, reader: &Reader<'_>, item: &Item) -> Result<bool, ConfigError> {
        match item.name() {
            "log_file" => self.path = Some(PathBuf::from(reader.text(item)?)).filter(|it| !it.as_os_str().is_empty()),
            "log_rotate_bytes" => self.bytes = reader.count(item, BYTES_MAX)?,
            "log_rotate_duration" => self.after = reader.duration(item)?,
            "log_rotate_max_files" => {
                let is_none = reader.text(item).is_ok_and(|text| text == "-1");
                self.files = if is_none { Some(0) } else { reader.count(item, FILES_MAX)? };
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn finish(self) -> Option<LogFile> {
        let Self { path, bytes, after, files } = self;
        Some(LogFile {
            path: path?,
            rotate_bytes: bytes.map(|bytes| bytes as u64),
            rotate_after: after.unwrap_or(ROTATE_AFTER),
            old_files_max: files,
        })
    }
}

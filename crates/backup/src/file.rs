//! A backup as a file: it has its name only once it is whole, read back and on the disk.

use std::fs::{File, Permissions};
use std::io::{self, BufReader, BufWriter, Seek as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::{Error, Summary, inspect};

/// For its owner alone: it is encrypted, and tells names all the same.
const MODE: u32 = 0o600;
/// How much is read or written at once, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// Why there is no file. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum SaveError<E> {
    /// The name is taken: no backup is ever overwritten.
    #[error("{} exists already: a backup overwrites nothing", .0.display())]
    Exists(PathBuf),
    /// The file could not be made, written or made durable.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Whoever was to write it could not go on.
    #[error(transparent)]
    Source(E),
    /// What was written is no whole backup.
    #[error("what came is no whole backup")]
    Check(#[source] Error),
}

/// Why a writer that was handed out stopped.
#[derive(Debug)]
pub enum Stop<E> {
    /// The file took no more.
    Write(io::Error),
    /// There was no more to be had.
    Source(E),
}

impl<E> From<io::Error> for Stop<E> {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// Opens a backup for [`Reader::open`](crate::Reader::open).
///
/// # Errors
/// When the file cannot be opened.
pub fn open(path: &Path) -> io::Result<BufReader<File>> {
    Ok(BufReader::with_capacity(BUFFER_BYTES, File::open(path)?))
}

/// Has `write` make a backup in a file beside `path`, makes it durable, reads it back, and gives it its name if that is
/// still free. A process that is killed on the way leaves `.NAME.*.partial` behind and nothing under the name.
///
/// # Errors
/// See [`SaveError`].
pub fn save<E>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Stop<E>>,
) -> Result<Summary, SaveError<E>> {
    let failed = |source| SaveError::Write { path: path.to_owned(), source };
    if path.symlink_metadata().is_ok() {
        return Err(SaveError::Exists(path.to_owned()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::IsADirectory.into()))?;
    let prefix = format!(".{}.", name.to_string_lossy());
    let mut partial = tempfile::Builder::new();
    partial.prefix(&prefix).suffix(".partial").permissions(Permissions::from_mode(MODE));
    let partial = partial.tempfile_in(folder).map_err(failed)?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, partial.as_file());
    let written = write(&mut out).and_then(|()| Ok(out.flush()?));
    // What is left in the buffer after a failure must not be tried again.
    drop(out.into_parts());
    match written {
        Ok(()) => {}
        Err(Stop::Write(source)) => return Err(failed(source)),
        Err(Stop::Source(source)) => return Err(SaveError::Source(source)),
    }
    partial.as_file().sync_all().map_err(failed)?;
    partial.as_file().rewind().map_err(failed)?;
    let summary = inspect(BufReader::with_capacity(BUFFER_BYTES, partial.as_file())).map_err(SaveError::Check)?;
    partial.persist_noclobber(path).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => SaveError::Exists(path.to_owned()),
        _ => failed(error.error),
    })?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(summary)
}

#[cfg(test)]
mod tests;

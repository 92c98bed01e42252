//! A file that records are appended to; standard output and the void as special paths.
//!
//! A hang-up signal has it opened anew, which is how logs are rotated. A file that was deleted is made again: records
//! that nobody can find any more would be no records. A record that the disk took in part only gets an end of line
//! before the next, and the next one says so.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::{Batch, Sink, Written};

/// Where a file device writes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FileTarget {
    pub(crate) path: PathBuf,
    /// The file's mode; none leaves that of a file that is there.
    pub(crate) mode: Option<u32>,
    /// Whether a record counts as taken only once it is on the disk.
    pub(crate) is_synced: bool,
}

/// The mode of a file that is made when none is wanted.
const MODE: u32 = 0o600;

pub(super) fn sink(target: &FileTarget) -> Box<dyn Sink> {
    match target.path.to_str() {
        Some("stdout") => Box::new(Stdout),
        Some("discard") => Box::new(Discard),
        _ => Box::new(Appended { target: target.clone(), file: None, is_cut: false }),
    }
}

struct Appended {
    target: FileTarget,
    file: Option<File>,
    /// The file may end in the middle of a line.
    is_cut: bool,
}

impl Appended {
    /// The file, opened if it is not or is gone.
    fn file(&mut self) -> io::Result<&mut File> {
        let is_there = self.file.as_ref().is_some_and(|file| !is_deleted(file));
        if !is_there {
            self.file = None;
            let file = open(&self.target)?;
            self.is_cut = !ends_in_line(&file, &self.target.path)?;
            return Ok(self.file.insert(file));
        }
        self.file.as_mut().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// Ends a line that was cut, so that the next record begins one.
    fn mend(&mut self) -> io::Result<()> {
        if self.is_cut {
            self.file()?.write_all(b"\n")?;
            self.is_cut = false;
        }
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        let file = self.file().map_err(|error| (0, error))?;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match file.write(rest) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }
}

impl Sink for Appended {
    fn prepare(&mut self) -> bool {
        // A file that cannot be opened is told of by the write.
        self.file().is_ok() && self.is_cut
    }

    fn write(&mut self, batch: &Batch) -> Written {
        if let Err(error) = self.mend() {
            return Written::nothing(error);
        }
        if let Err((bytes, error)) = self.append(&batch.bytes) {
            let written = Written::cut(batch, bytes, error);
            self.is_cut = written.is_torn;
            return written;
        }
        if self.target.is_synced
            && let Some(Err(error)) = self.file.as_ref().map(File::sync_data)
        {
            // What the kernel could not write it may have forgotten, so that a second try says nothing.
            self.file = None;
            return Written { taken: 0, failure: Some(error), ..Written::all(batch) };
        }
        Written::all(batch)
    }

    fn reopen(&mut self) {
        self.file = None;
    }

    fn describe(&self) -> String {
        format!("file {}", self.target.path.display())
    }
}

/// Whether no name leads to the file any more.
fn is_deleted(file: &File) -> bool {
    file.metadata().is_ok_and(|it| it.nlink() == 0)
}

fn open(target: &FileTarget) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.append(true).create(true).mode(target.mode.unwrap_or(MODE)).open(&target.path)?;
    let metadata = file.metadata()?;
    if let Some(mode) = target.mode
        && metadata.is_file()
        && metadata.permissions().mode() & 0o7777 != mode
    {
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    Ok(file)
}

/// Whether the file is empty or ends in an end of line. What is no regular file or cannot be read is believed to.
fn ends_in_line(file: &File, path: &Path) -> io::Result<bool> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(true);
    }
    let Ok(mut reader) = File::open(path) else { return Ok(true) };
    let mut last = [0];
    let is_read = reader.seek(SeekFrom::End(-1)).and_then(|_| reader.read_exact(&mut last));
    Ok(is_read.is_err() || last == *b"\n")
}

/// Standard output, for supervisors that collect it.
struct Stdout;

impl Sink for Stdout {
    fn write(&mut self, batch: &Batch) -> Written {
        let mut out = io::stdout().lock();
        match out.write_all(&batch.bytes).and_then(|()| out.flush()) {
            Ok(()) => Written::all(batch),
            Err(error) => Written::nothing(error),
        }
    }

    fn reopen(&mut self) {}

    fn describe(&self) -> String {
        "standard output".to_owned()
    }
}

/// Takes everything and keeps nothing, for measuring.
struct Discard;

impl Sink for Discard {
    fn write(&mut self, batch: &Batch) -> Written {
        Written::all(batch)
    }

    fn reopen(&mut self) {}

    fn describe(&self) -> String {
        "nowhere".to_owned()
    }
}

#[cfg(test)]
mod tests;

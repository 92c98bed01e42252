//! The log's file, beside standard error: it begins anew when it has grown or aged enough, and the old one keeps its
//! name with the time behind it (documented Vault behavior). What cannot be written to it is still on standard error;
//! the log never stops the server.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use env::Env;

use crate::config::LogFile;

/// Whoever reads the log is the operator.
const MODE: u32 = 0o600;

/// How long after a rotation that failed the next one is tried: each line would, otherwise.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The file of now.
pub(super) struct Rotating {
    path: PathBuf,
    settings: LogFile,
    env: Env,
    current: Mutex<Current>,
}

struct Current {
    file: File,
    bytes: u64,
    /// Of the monotonic clock.
    opened: Duration,
    /// When it may be rotated again, on the same clock; at once unless that has failed.
    rotatable: Duration,
}

impl Rotating {
    /// Opens the file, behind what is in it.
    ///
    /// # Errors
    /// When it cannot be had.
    pub(super) fn open(settings: LogFile, env: Env) -> io::Result<Self> {
        let path = settings.whole_path();
        let current = Mutex::new(Current::open(&path, &env)?);
        Ok(Self { path, settings, env, current })
    }

    /// Where it is, with the name that it was given if it was given none.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file of this name anew: somebody else has moved the old one away.
    ///
    /// # Errors
    /// When it cannot be had; then lines still go to the old one.
    pub(super) fn reopen(&self) -> io::Result<()> {
        *self.current() = Current::open(&self.path, &self.env)?;
        Ok(())
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, line: &[u8]) -> io::Result<()> {
        let mut current = self.current();
        let now = self.env.monotonic();
        let is_old = now.saturating_sub(current.opened) >= self.settings.rotate_after;
        let would_be = current.bytes.saturating_add(line.len() as u64);
        let is_full = self.settings.rotate_bytes.is_some_and(|most| would_be > most) && current.bytes > 0;
        if (is_old || is_full) && now >= current.rotatable {
            match self.rotate() {
                Ok(fresh) => *current = fresh,
                // The old one goes on, even if it has another name by now.
                Err(_) => current.rotatable = now.saturating_add(RETRY_AFTER),
            }
        }
        current.file.write_all(line)?;
        current.bytes = current.bytes.saturating_add(line.len() as u64);
        Ok(())
    }

    fn rotate(&self) -> io::Result<Current> {
        let nanos = self.env.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        match fs::rename(&self.path, self.old(&nanos.to_string())) {
            Ok(()) => {}
            // A rotation came so far and no further, or somebody else has moved it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let current = Current::open(&self.path, &self.env)?;
        self.prune();
        Ok(current)
    }

    /// The name of an old file.
    fn old(&self, time: &str) -> PathBuf {
        let (stem, extension) = self.parts();
        self.path.with_file_name(format!("{stem}-{time}.{extension}"))
    }

    fn parts(&self) -> (String, String) {
        let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        (text(self.path.file_stem()), text(self.path.extension()))
    }

    /// Removes the oldest of the old files, as many as there are too many. One that stays behind is tried again when the
    /// next one comes.
    fn prune(&self) {
        let Some(keep) = self.settings.old_files_max else { return };
        let (stem, extension) = self.parts();
        let time = |name: &str| -> Option<u128> {
            let name = name.strip_prefix(&stem)?.strip_prefix('-')?;
            name.strip_suffix(&extension)?.strip_suffix('.')?.parse().ok()
        };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let Ok(entries) = fs::read_dir(folder) else { return };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut times: Vec<_> = names.filter_map(|name| time(&name)).collect();
        times.sort_unstable();
        for time in times.iter().rev().skip(keep) {
            drop(fs::remove_file(self.old(&time.to_string())));
        }
    }
}

impl Current {
    fn open(path: &Path, env: &Env) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(MODE).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { file, bytes, opened: env.monotonic(), rotatable: Duration::ZERO })
    }
}

/// One line a call, as the log's layer writes.
impl Write for &Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.append(line).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Rig {
        folder: tempfile::TempDir,
        clock: std::sync::Arc<env::simulated::SimulatedClock>,
        file: Rotating,
    }

    fn rig(name: &str, rotate_bytes: Option<u64>, old_files_max: Option<usize>) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let (env, clock) = env::simulated::env(1);
        let path = PathBuf::from(format!("{}/{name}", folder.path().display()));
        let rotate_after = Duration::from_secs(60);
        let file = Rotating::open(LogFile { path, rotate_bytes, rotate_after, old_files_max }, env).unwrap();
        Rig { folder, clock, file }
    }

    impl Rig {
        fn write(&self, line: &str) {
            self.clock.advance(Duration::from_secs(1));
            (&self.file).write_all(line.as_bytes()).unwrap();
        }

        /// The files, the oldest first and the one of now last, with what is in them.
        fn files(&self) -> Vec<(String, String)> {
            let entries = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
            let mut files: Vec<_> = entries
                .map(|path| {
                    let name = path.file_name().unwrap().to_string_lossy().into_owned();
                    (name, fs::read_to_string(path).unwrap())
                })
                .collect();
            files.sort();
            files
        }

        fn texts(&self) -> Vec<String> {
            self.files().into_iter().map(|(_, text)| text).collect()
        }
    }

    #[test]
    fn a_file_that_has_grown_or_aged_enough_makes_room_for_the_next() {
        let rig = rig("a", Some(8), None);
        for line in ["1111\n", "22\n", "3\n", "long enough alone\n", "5\n"] {
            rig.write(line);
        }
        assert_eq!(rig.texts(), ["1111\n22\n", "3\n", "long enough alone\n", "5\n"]);
        rig.clock.advance(Duration::from_secs(60));
        rig.write("6\n");
        assert_eq!(rig.texts().len(), 5);
        let names: Vec<_> = rig.files().into_iter().map(|(name, _)| name).collect();
        assert!(names.iter().rev().skip(1).all(|name| name.starts_with("a-") && name.ends_with(".log")), "{names:?}");
        assert_eq!(names.last().map(String::as_str), Some("a.log"));
    }

    #[test]
    fn a_file_that_cannot_make_room_goes_on_and_makes_it_later() {
        let rig = rig("c", Some(8), None);
        rig.write("1111\n");
        // In its place nothing can be made: the old name goes away, and no new one comes.
        let moved = rig.folder.path().join("moved");
        fs::rename(rig.file.path(), &moved).unwrap();
        fs::create_dir(rig.file.path()).unwrap();
        fs::write(rig.file.path().join("x"), "").unwrap();
        let nanos = rig.file.env.now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(1);
        let target = rig.file.old(&nanos.as_nanos().to_string());
        fs::write(&target, "a file does not make room for a folder").unwrap();
        rig.write("2222\n");
        rig.write("3333\n");
        assert_eq!(fs::read_to_string(&moved).unwrap(), "1111\n2222\n3333\n");
        // Later there is room again.
        fs::remove_dir_all(rig.file.path()).unwrap();
        rig.clock.advance(RETRY_AFTER);
        rig.write("4444\n");
        assert_eq!(fs::read_to_string(rig.file.path()).unwrap(), "4444\n");
        assert_eq!(fs::read_to_string(&moved).unwrap(), "1111\n2222\n3333\n");
    }

    #[test]
    fn only_so_many_old_files_are_kept_and_no_others_are_touched() {
        for (most, left) in [(Some(0), 0), (Some(2), 2), (None, 4)] {
            let rig = rig("b.txt", Some(1), most);
            fs::write(rig.folder.path().join("b-notes.txt"), "mine").unwrap();
            for _ in 0..5 {
                rig.write("line\n");
            }
            assert_eq!(rig.texts().len(), left + 2, "{most:?}: {:?}", rig.files());
            assert!(rig.files().contains(&("b-notes.txt".to_owned(), "mine".to_owned())));
        }
    }

    #[test]
    fn what_somebody_else_moved_away_is_let_go_when_told_so() {
        let rig = rig("", None, None);
        assert!(rig.file.path().ends_with("vault.log"));
        rig.write("1\n");
        fs::rename(rig.file.path(), rig.folder.path().join("moved")).unwrap();
        rig.write("2\n");
        rig.file.reopen().unwrap();
        rig.write("3\n");
        assert_eq!(rig.files(), [("moved".into(), "1\n2\n".into()), ("vault.log".into(), "3\n".into())]);
    }
}

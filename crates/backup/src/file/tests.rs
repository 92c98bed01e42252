use std::convert::Infallible;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{SaveError, Stop, save};
use crate::tests::{backup, entries};
use crate::{Error, inspect};

fn names(folder: &Path) -> Vec<String> {
    let names = folder.read_dir().expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().expect("text")).collect();
    names.sort();
    names
}

#[test]
fn a_saved_backup_is_whole_and_for_its_owner_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("monday.backup");
    let bytes = backup(&entries());
    let summary = save::<Infallible>(&path, |out| Ok(out.write_all(&bytes)?)).expect("a backup");
    assert_eq!(std::fs::read(&path).expect("a file"), bytes);
    assert_eq!(inspect(bytes.as_slice()).expect("a backup"), summary);
    assert_eq!(path.metadata().expect("a file").permissions().mode() & 0o777, 0o600);
    assert_eq!(names(folder.path()), ["monday.backup"]);
}

#[test]
fn nothing_is_overwritten_also_when_the_name_is_taken_meanwhile() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a");
    std::fs::write(&path, "mine").expect("a file");
    let never = |_: &mut dyn io::Write| -> Result<(), Stop<Infallible>> { panic!("nothing is asked of the server") };
    assert!(matches!(save(&path, never), Err(SaveError::Exists(taken)) if taken == path));
    let other = folder.path().join("b");
    let raced = save::<Infallible>(&other, |out| {
        std::fs::write(&other, "faster")?;
        Ok(out.write_all(&backup(&[]))?)
    });
    assert!(matches!(raced, Err(SaveError::Exists(_))));
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), "mine");
    assert_eq!(std::fs::read_to_string(&other).expect("a file"), "faster");
    assert_eq!(names(folder.path()), ["a", "b"]);
}

#[test]
fn what_fails_on_the_way_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a");
    let bytes = backup(&entries());
    let cut = save::<Infallible>(&path, |out| Ok(out.write_all(&bytes[..bytes.len() - 1])?));
    assert!(matches!(cut, Err(SaveError::Check(Error::Cut { .. }))));
    let full = save::<Infallible>(&path, |out| {
        out.write_all(&bytes[..100])?;
        Err(io::Error::from(io::ErrorKind::StorageFull).into())
    });
    assert!(matches!(full, Err(SaveError::Write { source, .. }) if source.kind() == io::ErrorKind::StorageFull));
    let lost = save(&path, |_| Err(Stop::Source("the connection")));
    assert!(matches!(lost, Err(SaveError::Source("the connection"))));
    assert!(names(folder.path()).is_empty());
}

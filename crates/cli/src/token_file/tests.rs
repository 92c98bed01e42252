//! Where the token is kept and who can read it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{path, read, write};

#[test]
fn the_path_comes_from_the_environment() {
    let env = |name: &str| match name {
        "HOME" => Some("/home/me".to_owned()),
        _ => None,
    };
    assert_eq!(path(&env).as_deref(), Some(Path::new("/home/me/.vault-token")));
    let env = |name: &str| (name == "BAO_TOKEN_PATH").then(|| "/run/token".to_owned());
    assert_eq!(path(&env).as_deref(), Some(Path::new("/run/token")));
    assert_eq!(path(&|_| None), None);
}

#[test]
fn a_token_is_kept_for_the_user_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    assert!(read(&path).expect("readable").is_none());
    std::fs::write(&path, "hvs.old \n").expect("writable");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("mine");
    assert_eq!(read(&path).expect("readable").expect("a token").expose(), "hvs.old");

    write(&path, &"hvs.new".into()).expect("writable");
    assert_eq!(read(&path).expect("readable").expect("a token").expose(), "hvs.new");
    assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
    std::fs::write(&path, "\n").expect("writable");
    assert!(read(&path).expect("readable").is_none());
}

#[test]
fn a_token_that_cannot_be_kept_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = folder.path().join("token");
    std::fs::create_dir(&taken).expect("a folder");
    assert!(write(&taken, &"hvs.new".into()).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

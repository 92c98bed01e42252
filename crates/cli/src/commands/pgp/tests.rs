//! The forms of key files.

use super::{read, read_all};

#[test]
fn every_form_of_a_file_gives_the_same_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("writable");
        path.to_str().expect("a text").to_owned()
    };
    let key = "mQ==";
    let armor =
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\nVersion: x\n\nmQ\n==\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n";
    let files = [
        file("binary", &[0x99]),
        file("base64", b"mQ==\n"),
        file("armored", armor.replace("mQ\n==", "mQ==").as_bytes()),
        file("bare", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\nmQ==\n-----END PGP PUBLIC KEY BLOCK-----\n"),
    ];
    for file in &files {
        assert_eq!(read(file).expect("a key"), key, "{file}");
        assert_eq!(read(&format!("@{file}")).expect("a key"), key, "{file}");
    }
    assert_eq!(read_all(&[files.join(", ")]).expect("keys"), [key; 4]);

    let cut = file("cut", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n");
    for (file, problem) in [
        (cut.as_str(), "not whole"),
        (&file("text", b"not a key"), "neither a binary"),
        (&file("empty", b""), "neither a binary"),
        ("/nowhere/at/all", "/nowhere/at/all"),
        ("keybase:user", "not fetched"),
    ] {
        let failure = read(file).expect_err("refused");
        assert!(failure.message.contains(problem), "{}", failure.message);
    }
}

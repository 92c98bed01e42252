//! `operator backup`, against a server that answers with a backup, and with stand-ins for the store.

use backup::{Encoder, Header, Lineage, Record, Summary, inspect};
use client::testing::{Answer, Server};
use serde_json::Value;

use super::{Stage, refusal, reply};
use crate::offline::{Offline, Restore, Restored};

/// In place of the binary's own functions: it has one folder with a store, and tells what it was asked for.
pub(super) const OFFLINE: Offline = Offline {
    save_backup: |folder, _| match folder.to_str() {
        Some("/data") => Ok(summary()),
        _ => Err("there is no store".into()),
    },
    restore_backup: |order| {
        let Restore { replaces, keeps_tokens, takes_unsigned, .. } = order;
        let asked = format!("{replaces} {keeps_tokens} {takes_unsigned}");
        Ok(Restored { backup: summary(), warnings: vec![asked] })
    },
};

fn bytes(key: Option<(u32, &[u8])>) -> Vec<u8> {
    let header = Header {
        v: 1,
        made: "2026-01-02T03:04:05Z".to_owned(),
        made_by: "Strongroom 0.0.0".to_owned(),
        lineage: Lineage([0xab; 16]),
        cluster_id: Some("c1".to_owned()),
        position: 7,
        feature_level: 1,
    };
    let mut out = Vec::new();
    let mut encoder = Encoder::begin(&header, &mut out);
    encoder.add(&Record { key: b"core/seal", revision: 1, commit: [1; 16], value: b"value" }, &mut out);
    encoder.finish(key, &mut out);
    out
}

fn summary() -> Summary {
    inspect(bytes(None).as_slice()).expect("a backup")
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn names(&self) -> Vec<String> {
        let names = self.0.path().read_dir().expect("a folder").map(|entry| entry.expect("an entry").file_name());
        names.map(|name| name.into_string().expect("text")).collect()
    }
}

#[test]
fn a_backup_is_saved_as_the_server_sends_it_and_told_of() {
    let (folder, sent) = (Folder::new(), bytes(Some((3, &[1; 32]))));
    let answer = sent.clone();
    let server = Server::start(move |_| Answer::bytes(&answer));
    let file = folder.file("a.backup");
    let ended = Stage::at(&server).run(&format!("operator backup save {file}"));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert_eq!(std::fs::read(&file).expect("a file"), sent);
    assert!(ended.stdout.starts_with(&format!("Success! Saved the backup: {file}\n")), "{}", ended.stdout);
    assert_eq!(server.lines(), ["GET /v1/sys/storage/backup"]);
    let ended = Stage::default().run(&format!("operator backup inspect -format=json {file}"));
    let told: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    for (name, value) in [("cluster_id", "c1"), ("entries", "1"), ("position", "7"), ("mac_term", "3")] {
        assert_eq!(told[name].to_string().trim_matches('"'), value, "{name}");
    }
    assert_eq!(told["bytes"].to_string(), sent.len().to_string());
}

#[test]
fn what_is_cut_refused_or_taken_leaves_no_file() {
    let (folder, sent) = (Folder::new(), bytes(None));
    let file = folder.file("a.backup");
    let save = format!("operator backup save {file}");
    let cut = sent[..sent.len() - 1].to_vec();
    let server = Server::start(move |_| Answer::bytes(&cut));
    let ended = Stage::at(&server).run(&save);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("is cut off at byte"), "{}", ended.stderr);
    let server = Server::start(|_| refusal(403, "permission denied"));
    let ended = Stage::at(&server).run(&save);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("permission denied"), "{}", ended.stderr);
    let server = Server::start(|_| Answer::bytes(b"<html>hello</html>"));
    let ended = Stage::at(&server).run(&save);
    assert!(ended.stderr.contains("this is no backup of Strongroom"), "{}", ended.stderr);
    assert!(folder.names().is_empty(), "{:?}", folder.names());
    std::fs::write(&file, "mine").expect("a file");
    let ended = Stage::at(&server).run(&save);
    assert!(ended.stderr.contains("exists already"), "{}", ended.stderr);
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "mine");
}

#[test]
fn a_server_is_asked_for_the_mac_and_for_nothing_else() {
    let folder = Folder::new();
    let (signed, plain) = (folder.file("signed"), folder.file("plain"));
    std::fs::write(&signed, bytes(Some((3, &[1; 32])))).expect("a file");
    std::fs::write(&plain, bytes(None)).expect("a file");
    for (answer, code, text) in [
        (r#"{"genuine":true,"same_cluster":true}"#, 0, "Success!"),
        (r#"{"genuine":false,"same_cluster":true}"#, 1, "The backup was changed"),
        (r#"{"genuine":false,"same_cluster":false}"#, 1, "of another cluster"),
        ("{}", 1, "of another cluster"),
    ] {
        let server = Server::start(move |_| reply(answer));
        let ended = Stage::at(&server).run(&format!("operator backup verify {signed}"));
        assert_eq!(ended.code, code, "{answer}");
        assert!([ended.stdout, ended.stderr].concat().contains(text), "{answer}");
        assert_eq!(server.lines(), ["PUT /v1/sys/storage/backup-verify"]);
        let body: Value = serde_json::from_str(&server.received()[0].body).expect("JSON");
        assert_eq!((body["lineage"].as_str(), body["term"].as_u64()), (Some("ab".repeat(16).as_str()), Some(3)));
        assert_eq!(body.as_object().expect("an object").len(), 5);
    }
    let ended = Stage::default().run(&format!("operator backup verify {plain}"));
    assert_eq!((ended.code, ended.stderr.contains("has no MAC")), (1, true));
}

#[test]
fn damage_is_told_with_its_place() {
    let folder = Folder::new();
    let file = folder.file("a");
    let mut changed = bytes(None);
    let last = changed.len() - 1;
    changed[last - 200] ^= 1;
    std::fs::write(&file, changed).expect("a file");
    let ended = Stage::default().run(&format!("operator backup inspect {file}"));
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains(" at byte "), "{}", ended.stderr);
    let ended = Stage::default().run("operator backup inspect /nowhere/at/all");
    assert!(ended.stderr.contains("Error reading /nowhere/at/all"), "{}", ended.stderr);
}

#[test]
fn the_store_of_a_server_that_does_not_run_is_for_the_binary() {
    let ended = Stage::default().run("operator backup save -data=/data new.backup");
    assert_eq!((ended.code, ended.stdout.contains("Success!")), (0, true));
    let ended = Stage::default().run("operator backup save -data=/elsewhere new.backup");
    assert_eq!((ended.code, ended.stderr.as_str()), (1, "Error saving the backup: there is no store\n"));
    for (flags, asked) in [("", "false false false\n"), ("-force -keep-tokens -allow-unsigned", "true true true\n")] {
        let ended = Stage::default().run(&format!("operator backup restore -data=/data {flags} a.backup"));
        assert_eq!((ended.code, ended.stderr.as_str()), (0, asked));
    }
    let ended = Stage::default().run("operator backup restore a.backup");
    assert_eq!((ended.code, ended.stderr.contains("-data=FOLDER")), (1, true));
}

//! `golden/terraform/` has what Terraform 1.11.4 made of its `main.tf`: a state with one password, and a saved plan to
//! change it, alone and as `terraform show -json` prints it.

use std::io::Write;
use std::path::PathBuf;

use client::testing::{Received, Server};
use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::*;
use crate::tests::{Stage, reply};

/// In the state.
const OLD: &str = "correct horse battery staple";
/// What the plan would change it to.
const NEW: &str = "another value of some length";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/terraform").join(name)
}

/// The places of a value in a file, without the file.
fn places(name: &str, value: &str) -> Vec<String> {
    let mut values = Values::default();
    document::collect("f", &fs::read(golden(name)).unwrap(), &mut values).unwrap();
    let places = values.iter().find(|(it, _)| *it == value).map(|(_, places)| places.clone()).unwrap_or_default();
    places.into_iter().map(|(file, place)| format!("{file}: {place}")).collect()
}

/// A server that holds the old password.
fn holder() -> Server {
    Server::start(|request: &Received| {
        assert_eq!(request.line(), "PUT /v1/sys/fingerprints/lookup");
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let values = body["values"].as_array().unwrap();
        assert!(
            values.len() <= QUESTION_VALUES_MAX && values.iter().all(|it| it.as_str().unwrap().chars().count() >= 16)
        );
        let held = values.iter().position(|value| value == OLD);
        let held = held.map(|value| json!({ "value": value, "paths": ["kv/data/app", "kv/data/b"] }));
        reply(&json!({ "held": held.into_iter().collect::<Vec<_>>() }).to_string())
    })
}

#[test]
fn values_are_found_where_terraform_puts_them() {
    let instance = "terraform_data.app[\"blue\"]";
    let state = [
        "f: output.password".to_owned(),
        format!("f: {instance}.input.value.login.password"),
        format!("f: {instance}.input.value.plain[0]"),
        format!("f: {instance}.output.value.login.password"),
        format!("f: {instance}.output.value.plain[0]"),
    ];
    assert_eq!(places("terraform.tfstate", OLD), state);
    assert_eq!(places("terraform.tfstate", NEW), [""; 0]);
    let plan = places("plan.tfplan", NEW);
    let expected = [format!("f: {instance}.input.login.password"), "f: var.password".to_owned()];
    assert!(expected.iter().all(|place| plan.contains(place)), "{plan:#?}");
    let copies = state.map(|place| place.replace("f: ", "f (tfstate): "));
    let old = places("plan.tfplan", OLD);
    assert!(copies.iter().all(|place| old.contains(place)), "{old:#?}");
    let shown = places("plan.json", NEW);
    let expected = [format!("f: {instance}.values.input.login.password"), "f: variables.password.value".to_owned()];
    assert!(expected.iter().all(|place| shown.contains(place)), "{shown:#?}");
}

#[test]
fn what_is_held_is_told_without_the_value_and_the_exit_code_says_so() {
    let server = holder();
    let stage = Stage::at(&server);
    let folder = golden("");
    for line in [
        format!("terraform scan {}", golden("terraform.tfstate").display()),
        format!("terraform scan -format=json {}", folder.display()),
        format!("terraform scan {} {}", golden("plan.json").display(), golden("plan.tfplan").display()),
    ] {
        let ended = stage.run(&line);
        assert_eq!((ended.code, ended.stderr.as_str()), (EXIT_HELD, ""), "{line}");
        assert!(
            ended.stdout.contains("kv/data/app") && ended.stdout.contains("terraform_data.app"),
            "{}",
            ended.stdout
        );
        assert!(!ended.stdout.contains(OLD) && !ended.stdout.contains(NEW), "{}", ended.stdout);
    }
    let state = fs::read_to_string(golden("terraform.tfstate")).unwrap();
    let ended = Stage::at(&server).stdin(&state).run("terraform scan -");
    assert!(ended.code == EXIT_HELD && ended.stdout.contains("standard input"), "{}", ended.stdout);
    let ended = Stage::at(&server).stdin(&state.replace(OLD, NEW)).run("terraform scan -");
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert!(ended.stdout.starts_with("None of ") && ended.stdout.contains("Files read: 1."), "{}", ended.stdout);
}

#[test]
fn what_cannot_be_read_or_asked_is_an_error_and_not_a_clean_result() {
    let server = holder();
    for (stdin, text) in [("{", "it is neither a saved plan nor JSON"), ("PK\u{3}\u{4}", "damaged zip archive")] {
        let ended = Stage::at(&server).stdin(stdin).run("terraform scan -");
        assert!(ended.code == 1 && ended.stderr.contains(text), "{stdin}: {}", ended.stderr);
    }
    let ended = Stage::at(&server).run("terraform scan /none/such/file");
    assert!(ended.code == 1 && ended.stderr.contains("/none/such/file"), "{}", ended.stderr);
    let refusing = Server::start(|_| client::testing::Answer::new(403, r#"{"errors":["permission denied"]}"#));
    let ended = Stage::at(&refusing).stdin(r#"{"a":"a value that is long"}"#).run("terraform scan -");
    assert!(ended.code == 2 && ended.stderr.contains("permission denied"), "{}", ended.stderr);
}

/// A zip archive with these members, deflated.
fn archive(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::best());
        deflated.write_all(content).unwrap();
        let packed = deflated.finish().unwrap();
        let at = u32::try_from(archive.len()).unwrap();
        let sizes = [u32::try_from(packed.len()).unwrap(), u32::try_from(content.len()).unwrap()];
        let head = [&[20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sizes[0].to_le_bytes(), &sizes[1].to_le_bytes()]
            .concat();
        let name_bytes = u16::try_from(name.len()).unwrap().to_le_bytes();
        archive.extend([&b"PK\x03\x04"[..], &head, &name_bytes, &[0, 0], name.as_bytes(), &packed].concat());
        directory.extend(
            [&b"PK\x01\x02\x14\0"[..], &head, &name_bytes, &[0; 12], &at.to_le_bytes(), name.as_bytes()].concat(),
        );
    }
    let (count, at) = (u16::try_from(members.len()).unwrap().to_le_bytes(), u32::try_from(archive.len()).unwrap());
    let bytes = u32::try_from(directory.len()).unwrap().to_le_bytes();
    [archive, directory, [&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &bytes, &at.to_le_bytes(), &[0, 0]].concat()]
        .concat()
}

#[test]
fn an_archive_that_would_not_end_is_refused() {
    let state = json!({ "version": 4, "resources": [], "outputs": { "a": { "value": OLD } } }).to_string();
    let fine = archive(&[("tfstate", state.into_bytes())]);
    let mut values = Values::default();
    document::collect("f", &fine, &mut values).unwrap();
    assert_eq!(values.len(), 1);
    let bomb = archive(&[("a", vec![0; 30 << 20]), ("tfstate", vec![b' '; 3 << 20])]);
    assert!(bomb.len() < 100_000 && document::collect("f", &bomb, &mut values).is_err());
}

#[test]
fn damage_anywhere_is_an_error_or_leaves_something_out_but_is_no_panic() {
    let whole = fs::read(golden("plan.tfplan")).unwrap();
    for length in 0..whole.len() {
        let mut values = Values::default();
        let cut = document::collect("f", whole.get(..length).unwrap(), &mut values);
        assert!(cut.is_err() || length == 0, "cut at {length}");
    }
    let members = zip::members(&whole).unwrap();
    let plan = &members.iter().find(|(name, _)| name == "tfplan").unwrap().1;
    for at in 0..plan.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = plan.clone();
            damaged[at] ^= flip;
            plan::collect("f", &damaged, &mut Values::default()).ok();
        }
    }
    let deep = [vec![0x91; 5_000], vec![0xc0]].concat();
    assert_eq!(msgpack::strings(&deep, "", &mut |_, _| {}), None);
}

use std::path::Path;

use super::*;
use crate::sample;
use crate::testing::golden;

#[test]
fn the_document_describes_every_row() {
    let engine = sample::engine();
    let section = Section { mount: MountPath::Fixed("notes/"), prefix: "notes", tag: "secrets", specs: engine.specs() };
    let text = serde_json::to_string_pretty(&document([&section])).unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/openapi/golden/sample.json");
    golden(&file, &text);
}

#[test]
fn a_mount_path_can_be_a_parameter() {
    let engine = sample::engine();
    let mount = MountPath::Parameter { before: "auth/", name: "notes_mount_path", default: "notes" };
    let section = Section { mount, prefix: "notes", tag: "auth", specs: engine.specs() };
    let document = document([&section]);
    let item = &document["paths"]["/auth/{notes_mount_path}/notes/{name}"];
    let names: Vec<_> = item["parameters"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["name", "notes_mount_path"]);
    assert_eq!(item["parameters"][1]["schema"]["default"], "notes");
}

#[test]
fn operation_ids_are_unique() {
    let engine = sample::engine();
    let section =
        |path| Section { mount: MountPath::Fixed(path), prefix: "same", tag: "secrets", specs: engine.specs() };
    let document = document([&section("a/"), &section("b/")]);
    let mut ids = Vec::new();
    for item in document["paths"].as_object().unwrap().values() {
        ids.extend(item.as_object().unwrap().values().filter_map(|it| it.get("operationId").cloned()));
    }
    let count = ids.len();
    let distinct: BTreeSet<_> = ids.iter().map(Value::to_string).collect();
    assert_eq!((count, distinct.len()), (14, 14));
    assert!(distinct.contains("\"same-read-count-2\""));
}

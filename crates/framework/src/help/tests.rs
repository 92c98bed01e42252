use std::path::Path;

use super::*;
use crate::openapi::MountPath;
use crate::sample;
use crate::testing::{golden, show};

fn text(path: &str) -> String {
    let engine = sample::engine();
    let section = Section { mount: MountPath::Fixed("notes/"), prefix: "notes", tag: "secrets", specs: engine.specs() };
    let shown = show(answer(&*engine, &section, path));
    assert_eq!(shown["shape"], "Bare");
    assert_eq!(shown["data"]["see_also"], json!([]));
    assert_eq!(shown["data"]["openapi"]["openapi"], "3.0.2");
    shown["data"]["help"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn help_says_what_a_path_takes() {
    let pages = ["", "notes/a", "count", "box/a/b"].map(text);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/help/golden/sample.txt");
    golden(&file, &pages.join("\n----------------\n\n"));
}

#[test]
fn help_shows_only_the_path_that_was_asked_for() {
    let engine = sample::engine();
    let section = Section { mount: MountPath::Fixed("notes/"), prefix: "notes", tag: "secrets", specs: engine.specs() };
    let shown = show(answer(&*engine, &section, "count"));
    let paths = shown["data"]["openapi"]["paths"].as_object().unwrap();
    assert_eq!(paths.keys().collect::<Vec<_>>(), ["/notes/count"]);
}

#[test]
fn there_is_no_help_for_what_is_not_there() {
    let engine = sample::engine();
    let section = Section { mount: MountPath::Fixed("notes/"), prefix: "notes", tag: "secrets", specs: engine.specs() };
    assert!(matches!(answer(&*engine, &section, "nowhere"), Err(Error::Unrouted(_))));
}

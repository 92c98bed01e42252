//! The goldens that every engine of this crate has: its help, its OpenAPI description, and a page of `docs/api/` for those
//! whose page is written here.

use std::path::PathBuf;
use std::sync::Arc;

use framework::help::{engine_text, page_text, path_text};
use framework::openapi::{MountPath, Section, document};
use framework::testing::golden;
use framework::{Kind, Mounted};

/// Compares the help and the description of an engine with the files in `folder`, which lies below `src`.
pub(crate) fn check(engine: &Arc<dyn Mounted>, prefix: &str, folder: &str) {
    let mut help = engine_text(&**engine);
    for spec in engine.specs() {
        help.push_str(&format!("\n----------------\n\n{}", path_text(spec, spec.template)));
    }
    golden(&file(folder, "help.txt"), &help);
    let (before, tag) = match engine.kind() {
        Kind::Secrets => ("", "secrets"),
        Kind::Auth => ("auth/", "auth"),
    };
    let mount = format!("{before}{prefix}/");
    let section = Section { mount: MountPath::Fixed(&mount), prefix, tag, specs: engine.specs() };
    let text = api::json::to_string_pretty(&document([&section])).expect("JSON is JSON");
    golden(&file(folder, "openapi.json"), &text);
}

/// A file in a golden folder.
pub(crate) fn file(folder: &str, name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "src", folder, "golden", name].iter().collect()
}

/// Compares `docs/api/<engine>.md` with what the engine's table says.
pub(crate) fn check_page(engine: &Arc<dyn Mounted>) {
    let (name, before) = (engine.type_name(), if engine.kind() == Kind::Auth { "auth/" } else { "" });
    let file: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", "docs", "api", &format!("{name}.md")].iter().collect();
    golden(&file, &page_text(&**engine, &format!("{before}{name}/")));
}

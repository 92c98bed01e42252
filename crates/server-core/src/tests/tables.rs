//! Goldens of the core's own tables. A difference in `access.txt` is a security review.

use std::path::PathBuf;
use std::sync::Arc;

use framework::help::{engine_text, path_text};
use framework::openapi::{MountPath, document};
use framework::testing::golden;
use framework::{Access, Mounted, Operation, Service as _};
use serde_json::json;

use crate::request::section;
use crate::testing::{Bench, denied, sealed};

pub(super) fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "src", "golden", name].iter().collect()
}

pub(crate) async fn tables() -> [(&'static str, Arc<dyn Mounted>); 3] {
    let bench = Bench::new().await;
    let fixed = |name| bench.core.pipeline.mounts.fixed(name).expect("it lives in the core");
    [("sys/", fixed("system")), ("auth/token/", fixed("token")), ("identity/", fixed("identity"))]
}

#[tokio::test]
async fn who_may_call_what_is_a_list_that_somebody_has_looked_at() {
    let mut text = String::from(
        "Rows that need no token, answer while sealed, need sudo, take the token of a wrapped reply, answer while overloaded, are opened by a listener, or see the header Authorization.\n",
    );
    for (mount, engine) in tables().await {
        for spec in engine.specs() {
            let access = spec.access;
            let marks = [
                (access.works_while_sealed, "while sealed"),
                (access.is_unauthenticated && !access.works_while_sealed, "no token"),
                (access.is_sudo, "sudo"),
                (access.takes_wrapping_token, "wrapping token"),
                (access.is_urgent, "while overloaded"),
                (access.opening.is_some(), "no token where the listener says so"),
                (access.takes_authorization, "sees Authorization"),
            ];
            let marks: Vec<_> = marks.into_iter().filter_map(|(is_so, word)| is_so.then_some(word)).collect();
            if !marks.is_empty() {
                let operations: Vec<_> = spec.operations.keys().map(|operation| operation.name()).collect();
                text.push_str(&format!("{mount}{} [{}]: {}\n", spec.template, operations.join(" "), marks.join(", ")));
            }
        }
    }
    golden(&file("access.txt"), &text);
}

#[tokio::test]
async fn the_tables_describe_themselves() {
    for (mount, engine) in tables().await {
        let name = mount.trim_end_matches('/').replace('/', "-");
        let mut help = engine_text(&*engine);
        for spec in engine.specs() {
            help.push_str(&format!("\n----------------\n\n{}", path_text(spec, spec.template)));
        }
        golden(&file(&format!("{name}-help.txt")), &help);
        let section = section(&*engine, MountPath::Fixed(mount));
        let text = api::json::to_string_pretty(&document([&section])).expect("JSON is JSON");
        golden(&file(&format!("{name}-openapi.json")), &text);
    }
}

#[tokio::test]
async fn the_front_door_is_told_which_rows_are_urgent() {
    let bench = Bench::new().await;
    for (path, operation, access) in rows().await {
        assert_eq!(bench.core.is_urgent(operation, &path), access.is_urgent, "{operation} {path}");
        let reads_body = operation.has_body() || (operation == Operation::Delete && access.reads_delete_body);
        assert_eq!(bench.core.reads_body(operation, &path), reads_body, "{operation} {path}");
    }
    for path in ["", "sys/", "kv/health", "auth/health", "sys/nothing", "ns/sys/health"] {
        assert!(!bench.core.is_urgent(Operation::Read, path), "{path}");
    }
    assert!(!bench.core.is_urgent(Operation::Delete, "sys/health"));
}

/// Every row with a path that leads there, and one of its operations.
async fn rows() -> Vec<(String, Operation, Access)> {
    let mut rows = Vec::new();
    for (mount, engine) in tables().await {
        for spec in engine.specs() {
            let segments = spec.template.split('/').map(|segment| if segment.starts_with('{') { "x" } else { segment });
            let path = segments.collect::<Vec<_>>().join("/");
            assert!(!path.contains('{'), "{path} has a parameter within a segment");
            rows.extend(spec.operations.keys().map(|operation| (format!("{mount}{path}"), *operation, spec.access)));
        }
    }
    rows
}

#[tokio::test]
async fn each_row_keeps_the_access_that_its_table_says() {
    let bench = Bench::new().await;
    let all_but_sudo = "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\"] }";
    let strong = bench.token_for("strong", all_but_sudo).await;
    let weak = bench.token_for("weak", "path \"elsewhere\" { capabilities = [\"read\"] }").await;
    for (path, operation, access) in rows().await.into_iter().filter(|(path, ..)| !path.ends_with("-self")) {
        let nobody = bench.nobody().call(operation, &path, json!({})).await;
        let without = bench.with(&weak).call(operation, &path, json!({})).await;
        let is_open = access.is_unauthenticated && path != "sys/internal/ui/mounts/x";
        assert_eq!(nobody == denied(), !is_open, "{operation} {path} without a token: {nobody}");
        assert_eq!(without == denied(), !access.is_unauthenticated, "{operation} {path} without rights: {without}");
        if access.is_sudo {
            assert_eq!(bench.with(&strong).call(operation, &path, json!({})).await, denied(), "{operation} {path}");
        }
    }
    bench.core.seal().await;
    for (path, operation, access) in rows().await {
        for client in [bench.root(), bench.nobody()] {
            let reply = client.call(operation, &path, json!({})).await;
            assert_eq!(reply != sealed(), access.works_while_sealed, "{operation} {path} while sealed: {reply}");
        }
    }
}

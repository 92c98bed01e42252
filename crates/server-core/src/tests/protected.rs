//! The paths that Vault protects beyond their verb, against our tables: a row for one of them has to ask for `sudo`.

use framework::Operation;
use framework::testing::golden;

use super::tables::{file, tables};

/// The documented list (“root-protected API endpoints”), each with names for what varies. Two of them belong to an engine,
/// `<pki mount>/root` and `<pki mount>/root/sign-self-issued`, and are for that engine's own table.
const PROTECTED: [&str; 37] = [
    "auth/token/accessors",
    "auth/token/revoke-orphan",
    "sys/audit",
    "sys/audit/x",
    "sys/auth/x",
    "sys/auth/x/tune",
    "sys/config/auditing/request-headers",
    "sys/config/auditing/request-headers/x",
    "sys/config/cors",
    "sys/config/ui/headers",
    "sys/config/ui/headers/x",
    "sys/internal/inspect/router/x",
    "sys/leases",
    "sys/leases/lookup/x/",
    "sys/leases/revoke-force/x",
    "sys/leases/revoke-prefix/x",
    "sys/plugins/catalog/secret",
    "sys/plugins/catalog/secret/x",
    "sys/plugins/catalog/x",
    "sys/plugins/runtimes/catalog",
    "sys/plugins/runtimes/catalog/container/x",
    "sys/raw",
    "sys/raw/",
    "sys/raw/x",
    "sys/raw/x/y",
    "sys/remount",
    "sys/replication/dr/primary/secondary-token",
    "sys/replication/performance/primary/secondary-token",
    "sys/replication/primary/secondary-token",
    "sys/replication/reindex",
    "sys/revoke-force/x",
    "sys/revoke-prefix/x",
    "sys/rotate",
    "sys/seal",
    "sys/step-down",
    "sys/storage/raft/snapshot-auto/config",
    "sys/storage/raft/snapshot-auto/config/x",
];

const OPERATIONS: [Operation; 6] =
    [Operation::Read, Operation::Update, Operation::Patch, Operation::Delete, Operation::List, Operation::Scan];

#[tokio::test]
async fn whatever_vault_protects_asks_for_sudo_here_too() {
    let mut text = String::from("Root-protected paths, and whether they exist here.\n");
    let tables = tables().await;
    for path in PROTECTED {
        let (mount, engine) =
            tables.iter().find(|(mount, _)| path.starts_with(mount)).expect("all of them are in the core's tables");
        let behind = &path[mount.len()..];
        let rows = OPERATIONS.into_iter().filter_map(|it| Some((it, engine.route(it, behind).ok()?)));
        let mut operations = Vec::new();
        for (operation, route) in rows {
            assert!(route.access.is_sudo, "{operation} of {path} needs .sudo()");
            operations.push(operation.name());
        }
        let state =
            if operations.is_empty() { "not here".to_owned() } else { format!("sudo [{}]", operations.join(" ")) };
        text.push_str(&format!("{path}: {state}\n"));
    }
    golden(&file("protected.txt"), &text);
}

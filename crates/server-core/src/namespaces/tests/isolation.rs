//! No call of a token of one namespace does anything in its sibling. The tables are walked, so that a row that is added
//! later is tried as well, and fails the test until somebody has said how it is called.

use framework::{Access, Operation};
use serde_json::{Value, json};

use super::{ALL, make, token_in};
use crate::testing::{Bench, denied, dump};
use crate::tests::tables::tables;

/// One call of a row.
struct Call {
    operation: Operation,
    path: String,
    body: Value,
}

/// Things in a namespace that calls are about.
struct Fixture {
    accessor: String,
    token: String,
    lease: String,
    /// The accessor of the auth method.
    gate: String,
    entity: String,
    alias: String,
    group: String,
    group_alias: String,
    /// An MFA method.
    method: String,
}

/// Rows that are not about a namespace: the node and the cluster, and what needs no token at all.
fn is_for_nobody(access: Access) -> bool {
    access.is_unauthenticated || access.is_root_only
}

/// What a parameter of a template stands for.
fn parameter<'f>(template: &str, name: &str, fixture: &'f Fixture) -> Option<&'f str> {
    Some(match (template, name) {
        ("entity/id/{id}", _) => &fixture.entity,
        ("entity-alias/id/{id}", _) => &fixture.alias,
        ("group/id/{id}", _) => &fixture.group,
        ("group-alias/id/{id}", _) => &fixture.group_alias,
        ("entity/name/{name}" | "group/name/{name}", _) => "who",
        ("oidc/scope/{name}" | "oidc/assignment/{name}" | "oidc/client/{name}", _) => "x",
        ("oidc/provider/{name}" | "oidc/provider/{name}/authorize", _) => "p",
        ("oidc/key/{name}" | "oidc/key/{name}/rotate", _) => "k",
        ("oidc/role/{name}" | "oidc/token/{name}", _) => "r",
        ("mfa/method/{method_id}" | "mfa/method/totp/{method_id}", _) => &fixture.method,
        ("mfa/login-enforcement/{name}", _) => "e",
        ("mounts/{path}" | "mounts/{path}/tune", _) => "secret",
        ("auth/{path}" | "auth/{path}/tune", _) => "gate",
        ("policies/acl/{name}" | "policy/{name}", _) => "some",
        ("policies/password/{name}" | "policies/password/{name}/generate", _) => "pw",
        ("namespaces/{path}" | "namespaces/api-lock/lock/{path}" | "namespaces/api-lock/unlock/{path}", _) => "inner",
        ("remount/status/{migration_id}", _) => "00000000-0000-4000-8000-000000000000",
        ("roles/{role_name}" | "create/{role_name}", _) => "role",
        (_, "url_lease_id") => "db/lend/app/x",
        (_, "prefix") => "db/lend",
        (_, "source") => "platform",
        (_, "mount_accessor") => "auth_gate_00000000",
        (_, "alias_identifier") => "ada",
        (_, "urlbytes") => "8",
        (_, "urlalgorithm") => "sha2-256",
        _ => return None,
    })
}

/// The body that makes the call a good one; `None` for a row that nobody has looked at yet.
fn body(template: &str, operation: Operation, fixture: &Fixture) -> Option<Value> {
    if !operation.has_body() {
        return Some(json!({}));
    }
    Some(match template {
        "mounts/{path}" => json!({ "type": "kv" }),
        "auth/{path}" => json!({ "type": "gate" }),
        "mounts/{path}/tune" | "auth/{path}/tune" => json!({ "description": "changed" }),
        "policies/acl/{name}" | "policy/{name}" => {
            json!({ "policy": "path \"changed\" { capabilities = [\"read\"] }" })
        }
        "policies/password/{name}" => json!({ "policy": "length = 21\nrule \"charset\" { charset = \"abc\" }" }),
        "policies/explain" => json!({ "path": "secret/x" }),
        "capabilities" => json!({ "token": fixture.token, "paths": "secret/x" }),
        "capabilities-self" => json!({ "paths": "secret/x" }),
        "capabilities-accessor" => json!({ "accessor": fixture.accessor, "paths": "secret/x" }),
        "fingerprints/lookup" => json!({ "values": ["a value that nobody holds"] }),
        "remount" => json!({ "from": "secret", "to": "moved" }),
        "namespaces/{path}" => json!({ "custom_metadata": { "a": "b" } }),
        "namespaces/api-lock/lock" | "namespaces/api-lock/lock/{path}" => json!({}),
        "namespaces/api-lock/unlock" | "namespaces/api-lock/unlock/{path}" => json!({ "unlock_key": "x" }),
        "tools/hash" | "tools/hash/{urlalgorithm}" => json!({ "input": "aGVsbG8=" }),
        "tools/random" | "tools/random/{source}" | "tools/random/{source}/{urlbytes}" => json!({}),
        "wrapping/wrap" => json!({ "x": 1 }),
        "wrapping/unwrap" | "wrapping/rewrap" => json!({ "token": "hvs.none" }),
        "create" | "create-orphan" => json!({ "policies": "all" }),
        "create/{role_name}" => json!({}),
        "roles/{role_name}" => json!({ "orphan": true }),
        // Of leases there are rows of the same names below `sys/`.
        "lookup" | "renew" | "revoke" | "revoke-orphan" => json!({ "token": fixture.token, "lease_id": fixture.lease }),
        "leases/lookup" | "leases/renew" | "leases/revoke" => json!({ "lease_id": fixture.lease }),
        "leases/tidy" | "locked-users/{mount_accessor}/unlock/{alias_identifier}" => json!({}),
        _ if template.ends_with("{url_lease_id}") || template.ends_with("{prefix}") => json!({}),
        "lookup-accessor" | "renew-accessor" | "revoke-accessor" => json!({ "accessor": fixture.accessor }),
        "lookup-self" | "renew-self" | "revoke-self" | "tidy" => json!({}),
        "entity" | "entity/id/{id}" | "entity/name/{name}" | "group" | "group/id/{id}" | "group/name/{name}" => {
            json!({ "policies": "all" })
        }
        "entity/batch-delete" => json!({ "entity_ids": fixture.entity }),
        "entity/merge" => json!({ "from_entity_ids": "x", "to_entity_id": fixture.entity }),
        "entity-alias" | "entity-alias/id/{id}" => {
            json!({ "name": "alias", "mount_accessor": fixture.gate, "custom_metadata": { "a": "b" } })
        }
        "group-alias" | "group-alias/id/{id}" => json!({ "name": "new", "mount_accessor": fixture.gate }),
        "oidc/config" => json!({ "issuer": "https://vault.test" }),
        "oidc/key/{name}" => json!({ "allowed_client_ids": "x" }),
        "oidc/key/{name}/rotate" => json!({}),
        "oidc/role/{name}" => json!({ "ttl": "1h" }),
        "oidc/scope/{name}" => json!({ "description": "changed" }),
        "oidc/assignment/{name}" => json!({ "entity_ids": fixture.entity }),
        "oidc/client/{name}" => json!({ "redirect_uris": "https://changed.test" }),
        "oidc/provider/{name}" => json!({ "scopes_supported": "x" }),
        "oidc/provider/{name}/authorize" => json!({ "client_id": "x" }),
        "oidc/introspect" => json!({ "token": "x" }),
        "mfa/method/totp" | "mfa/method/totp/{method_id}" => json!({ "issuer": "changed" }),
        "mfa/method/totp/generate" | "mfa/method/totp/admin-generate" | "mfa/method/totp/admin-destroy" => {
            json!({ "method_id": fixture.method, "entity_id": fixture.entity })
        }
        "mfa/login-enforcement/{name}" => {
            json!({ "mfa_method_ids": fixture.method, "identity_entity_ids": fixture.entity })
        }
        "lookup/entity" => json!({ "id": fixture.entity }),
        "lookup/group" => json!({ "id": fixture.group }),
        _ => return None,
    })
}

async fn furnish(bench: &Bench, ns: &str) -> Fixture {
    let root = bench.root().within(ns);
    make(bench, ns, "inner").await;
    for (path, about) in [
        ("sys/mounts/secret", json!({ "type": "kv" })),
        ("sys/auth/gate", json!({ "type": "gate" })),
        ("sys/policies/acl/some", json!({ "policy": ALL })),
        ("sys/policies/password/pw", json!({ "policy": "length = 20\nrule \"charset\" { charset = \"abc\" }" })),
        ("auth/token/roles/role", json!({ "orphan": true, "allowed_policies": "all" })),
        ("secret/x", json!({ "x": 1 })),
        ("identity/oidc/key/k", json!({ "algorithm": "ES256", "allowed_client_ids": "*" })),
        ("identity/oidc/role/r", json!({ "key": "k" })),
        ("identity/oidc/scope/x", json!({})),
        ("identity/oidc/assignment/x", json!({})),
        ("identity/oidc/client/x", json!({ "key": "k" })),
        ("identity/oidc/provider/p", json!({})),
        ("sys/mounts/db", json!({ "type": "lender", "options": { "outside": format!("isolation {ns}") } })),
    ] {
        let reply = root.write(path, about).await;
        assert!(reply.get("refused").is_none(), "{path}: {reply}");
    }
    let made = root.write("auth/token/create", json!({ "policies": "some", "ttl": "1h" })).await;
    let text = |field: &str| made["auth"][field].as_str().expect("a token").to_owned();
    let lent = root.read("db/lend/app").await;
    let lease = lent["lease"]["id"].as_str().unwrap_or_else(|| panic!("no lease: {lent}")).to_owned();
    let gate = root.read("sys/auth/gate").await["data"]["accessor"].as_str().expect("every mount has one").to_owned();
    let make = async |path: &str, about: Value| {
        let made = root.write(path, about).await;
        made["data"]["id"].as_str().unwrap_or_else(|| panic!("{path}: {made}")).to_owned()
    };
    let entity = make("identity/entity", json!({ "name": "who" })).await;
    let about = json!({ "name": "alias", "mount_accessor": gate, "canonical_id": entity });
    let alias = make("identity/entity-alias", about).await;
    let about = json!({ "name": "who", "type": "external" });
    let group = make("identity/group", about).await;
    let about = json!({ "name": "alias", "mount_accessor": gate, "canonical_id": group });
    let group_alias = make("identity/group-alias", about).await;
    let (accessor, token) = (text("accessor"), text("client_token"));
    let made = root.write("identity/mfa/method/totp", json!({ "issuer": "x" })).await;
    let method = made["data"]["method_id"].as_str().unwrap_or_else(|| panic!("no method: {made}")).to_owned();
    let about = json!({ "mfa_method_ids": method, "auth_method_types": "gate" });
    assert_eq!(root.write("identity/mfa/login-enforcement/e", about).await, json!({}));
    Fixture { accessor, token, lease, gate, entity, alias, group, group_alias, method }
}

/// Every row of the core's tables with all its operations, and what operators mount and every token has.
async fn calls(fixture: &Fixture) -> Vec<Call> {
    let mut calls = Vec::new();
    for (mount, engine) in tables().await {
        for spec in engine.specs().iter().filter(|spec| !is_for_nobody(spec.access)) {
            let segments = spec.template.split('/').map(|segment| {
                let name = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}'));
                name.map_or(segment, |name| {
                    parameter(spec.template, name, fixture)
                        .unwrap_or_else(|| panic!("what is {name} in {}?", spec.template))
                })
            });
            let path = format!("{mount}{}", segments.collect::<Vec<_>>().join("/"));
            for operation in spec.operations.keys() {
                let body = body(spec.template, *operation, fixture);
                let body = body.unwrap_or_else(|| panic!("no input for {operation} {mount}{}", spec.template));
                calls.push(Call { operation: *operation, path: path.clone(), body });
            }
        }
    }
    for path in ["secret/x", "cubbyhole/x", "db/lend/app"] {
        for operation in [Operation::Update, Operation::Read, Operation::Delete] {
            calls.push(Call { operation, path: path.to_owned(), body: json!({ "x": 2 }) });
        }
        let folder = format!("{}/", path.rsplit_once('/').map_or(path, |(folder, _)| folder));
        calls.push(Call { operation: Operation::List, path: folder, body: json!({}) });
    }
    calls
}

#[tokio::test]
async fn every_call_is_for_tokens_of_its_own_namespace_and_changes_nothing_for_those_of_its_sibling() {
    let count = {
        let bench = Bench::new().await;
        make(&bench, "", "mine").await;
        calls(&furnish(&bench, "mine").await).await.len()
    };
    assert!(count > 60, "{count} calls: the tables are larger than that");
    for number in 0..count {
        // Each call begins with the same things: some take them away.
        let bench = Bench::new().await;
        bench.core.seals.worker.stop().await;
        for ns in ["mine", "theirs"] {
            make(&bench, "", ns).await;
        }
        let fixture = furnish(&bench, "mine").await;
        furnish(&bench, "theirs").await;
        let own = token_in(&bench, "mine", "all", ALL).await;
        let sibling = token_in(&bench, "theirs", "all", ALL).await;
        let Call { operation, path, body } = calls(&fixture).await.swap_remove(number);
        let before = dump(&*bench.storage, "").await;
        for path in [path.clone(), format!("mine/{path}")] {
            let namespace = if path.starts_with("mine/") { "" } else { "mine" };
            let refused = bench.with(&sibling).within(namespace).call(operation, &path, body.clone()).await;
            assert_eq!(refused, denied(), "{operation} {path} by the sibling");
            // The child may not act in the namespace above either.
            let above = bench.with(&sibling).call(operation, path.trim_start_matches("mine/"), body.clone()).await;
            assert_eq!(above, denied(), "{operation} {path} in the root");
        }
        assert_eq!(dump(&*bench.storage, "").await, before, "{operation} {path} changed something");
        let reply = bench.with(&own).within("mine").call(operation, &path, body).await;
        assert_ne!(reply, denied(), "{operation} {path} by a token of its own namespace");
    }
}

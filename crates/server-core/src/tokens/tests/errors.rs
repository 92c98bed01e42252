//! What the rows of `auth/token` answer to whatever they refuse, as a golden: clients look for these texts.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use framework::Operation;
use framework::testing::golden;
use serde_json::{Value, json};

use crate::testing::Bench;

/// Callers by the names that the golden has for them.
struct Cast {
    bench: Bench,
    callers: Vec<(&'static str, String)>,
}

impl Cast {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let text = "path \"auth/token/*\" { capabilities = [\"create\", \"update\", \"read\", \"delete\", \"list\"] }";
        bench.root().write("sys/policies/acl/plain", json!({ "policy": text })).await;
        let role = json!({
            "allowed_policies": "a,b", "allowed_policies_glob": "x-*", "disallowed_policies": "b", "orphan": true,
            "token_num_uses": 3, "allowed_entity_aliases": "web-*",
        });
        bench.root().write("auth/token/roles/r", role).await;
        bench.root().write("auth/token/roles/gone", json!({})).await;
        let plain = json!({ "policies": "plain", "ttl": "1h" });
        let plain = bench.token(plain).await;
        let root = bench.root();
        let callers = vec![
            ("root", bench.root.clone()),
            ("plain", plain.clone()),
            ("weak", bench.token(json!({ "policies": "none", "no_default_policy": true, "ttl": "1h" })).await),
            ("limited", bench.token(json!({ "policies": "plain", "num_uses": 900, "ttl": "1h" })).await),
            ("ending-root", bench.token(json!({ "ttl": "1h" })).await),
            ("fixed", bench.token(json!({ "policies": "plain", "renewable": false, "ttl": "1h" })).await),
            ("old", bench.token(json!({ "policies": "plain", "explicit_max_ttl": "1s", "ttl": "1h" })).await),
            ("of-role", root.create("create/gone", json!({ "policies": "plain", "ttl": "1h" })).await),
            ("batch", bench.with(&plain).create("create", json!({ "type": "batch", "ttl": "1h" })).await),
            ("nobody", String::new()),
            ("unknown", "hvs.unknown".to_owned()),
            ("elsewhere", "hvs.unknown.abcde".to_owned()),
            ("unsealable", "hvb.AQAAAAEAAAAAAAAA".to_owned()),
        ];
        bench.root().delete("auth/token/roles/gone").await;
        bench.clock.advance(Duration::from_millis(500));
        Self { bench, callers }
    }

    fn token(&self, name: &str) -> &str {
        self.callers.iter().find_map(|(known, token)| (*known == name).then_some(token.as_str())).expect("in the cast")
    }

    /// The answer, if it is a refusal. `@name` in the body stands for a caller's token.
    async fn refusal(&self, caller: &str, operation: Operation, path: &str, about: &Value) -> Option<String> {
        let mut about = about.clone();
        for value in about.as_object_mut().into_iter().flat_map(|fields| fields.values_mut()) {
            if let Some(name) = value.as_str().and_then(|text| text.strip_prefix('@')) {
                *value = json!(self.token(name));
            }
        }
        let client = match self.token(caller) {
            "" => self.bench.nobody(),
            token => self.bench.with(token),
        };
        let reply = client.call(operation, &format!("auth/token/{path}"), about).await;
        reply["refused"].as_str().map(str::to_owned)
    }
}

fn writes() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("nobody", "lookup-self", json!({})),
        ("unknown", "lookup-self", json!({})),
        ("elsewhere", "lookup-self", json!({})),
        ("unsealable", "lookup-self", json!({})),
        ("weak", "create", json!({})),
        ("weak", "create/r", json!({})),
        ("weak", "revoke-orphan", json!({ "token": "x" })),
        ("plain", "revoke-orphan", json!({ "token": "x" })),
        ("plain", "create", json!({ "policies": "other" })),
        ("plain", "create", json!({ "policies": "root" })),
        ("plain", "create", json!({ "id": "mine" })),
        ("plain", "create", json!({ "no_parent": true })),
        ("plain", "create", json!({ "period": "1h" })),
        ("plain", "create", json!({ "type": "x" })),
        ("plain", "create", json!({ "ttl": "-1h" })),
        ("plain", "create", json!({ "ttl": "soon" })),
        ("plain", "create", json!({ "explicit_max_ttl": -1 })),
        ("plain", "create", json!({ "num_uses": -1 })),
        ("plain", "create", json!({ "meta": 5 })),
        ("plain", "create", json!({ "entity_alias": "web-1" })),
        ("plain", "create/none", json!({})),
        ("plain", "create/r", json!({})),
        ("plain", "create/r", json!({ "policies": "c" })),
        ("plain", "create/r", json!({ "policies": "b" })),
        ("plain", "create/r", json!({ "policies": "a", "type": "batch" })),
        ("plain", "create/r", json!({ "entity_alias": "app" })),
        ("plain", "create/r", json!({ "entity_alias": "web-1" })),
        ("root", "create", json!({ "id": "hvs.x" })),
        ("root", "create", json!({ "id": "a.b" })),
        ("root", "create", json!({ "policies": "response-wrapping" })),
        ("root", "create", json!({ "type": "batch" })),
        ("plain", "create", json!({ "type": "batch", "num_uses": 1 })),
        ("plain", "create", json!({ "type": "batch", "explicit_max_ttl": "1h" })),
        ("root", "create", json!({ "type": "batch", "policies": "a", "period": "1h" })),
        ("root", "create", json!({ "type": "batch", "policies": "a", "id": "x" })),
        ("limited", "create", json!({})),
        ("batch", "create", json!({})),
        ("ending-root", "create", json!({})),
        ("plain", "lookup", json!({ "token": "unknown" })),
        ("plain", "lookup", json!({ "token": "@unsealable" })),
        ("plain", "lookup-accessor", json!({ "accessor": "unknown" })),
        ("plain", "lookup-accessor", json!({})),
        ("plain", "renew", json!({})),
        ("plain", "renew", json!({ "token": "unknown" })),
        ("plain", "renew", json!({ "token": "@batch" })),
        ("plain", "renew-accessor", json!({ "accessor": "unknown" })),
        ("plain", "renew-accessor", json!({})),
        ("root", "renew-self", json!({})),
        ("batch", "renew-self", json!({})),
        ("fixed", "renew-self", json!({})),
        ("old", "renew-self", json!({})),
        ("of-role", "renew-self", json!({})),
        ("plain", "revoke", json!({})),
        ("plain", "revoke", json!({ "token": "@batch" })),
        ("root", "revoke-orphan", json!({ "token": "@batch" })),
        ("batch", "revoke-self", json!({})),
        ("plain", "revoke-accessor", json!({ "accessor": "unknown" })),
        ("plain", "revoke-accessor", json!({})),
        ("plain", "roles/x", json!({ "path_suffix": "/" })),
        ("plain", "roles/x", json!({ "token_type": "x" })),
        ("plain", "roles/x", json!({ "token_bound_cidrs": "here" })),
        ("plain", "roles/x", json!({ "token_type": "batch" })),
        ("plain", "roles/x", json!({ "token_period": "soon" })),
        ("plain", "lookup/hvs.abc", json!({})),
        ("plain", "renew/hvs.abc", json!({})),
        ("plain", "revoke/hvs.abc", json!({})),
        ("plain", "nothing", json!({})),
    ]
}

#[tokio::test]
async fn every_refusal_has_its_words() {
    let cast = Cast::new().await;
    let mut text = String::from("Who writes what where, and how it is refused.\n");
    for (caller, path, about) in writes() {
        let refusal = cast.refusal(caller, Operation::Update, path, &about).await;
        let refusal = refusal.unwrap_or_else(|| panic!("{caller} {path} {about} was answered"));
        writeln!(text, "{caller} {path} {about}\n    {refusal}").expect("a string takes all");
    }
    text.push_str("\nOther operations.\n");
    for (caller, operation, path) in [
        ("plain", Operation::Read, "roles/none"),
        ("plain", Operation::List, "accessors"),
        ("plain", Operation::Read, "create"),
        ("plain", Operation::Delete, "lookup-self"),
        ("plain", Operation::Read, "lookup/hvs.abc"),
    ] {
        let refusal = cast.refusal(caller, operation, path, &json!({})).await;
        let refusal = refusal.unwrap_or_else(|| panic!("{caller} {operation} {path} was answered"));
        writeln!(text, "{caller} {operation} {path}\n    {refusal}").expect("a string takes all");
    }
    let file = [env!("CARGO_MANIFEST_DIR"), "src", "golden", "auth-token-refusals.txt"].iter().collect::<PathBuf>();
    golden(&file, &text);
}

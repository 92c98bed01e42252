use std::time::Duration;

use framework::Operation;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::testing::{Bench, denied, invalid};

const SHOP: &str = r#"
path "secret/*" {
  capabilities = ["read", "list"]
}
path "secret/keys/*" {
  capabilities = ["deny"]
}
path "secret/one" {
  capabilities = ["update"]
  required_parameters = ["a"]
  allowed_parameters = { "a" = ["x*", 1], "b" = [] }
  denied_parameters = { "b" = ["no"] }
}
path "secret/wrapped" {
  capabilities = ["read"]
  min_wrapping_ttl = "1m"
  max_wrapping_ttl = "1h"
}
path "sys/seal" {
  capabilities = ["update"]
}
"#;

async fn explained(bench: &Bench, token: &str, about: Value) -> Value {
    let mut about = about;
    about["token"] = json!(token);
    bench.root().write("sys/policies/explain", about).await["data"].take()
}

#[tokio::test]
async fn an_answer_names_the_rule_its_policy_and_its_line() {
    let bench = Bench::new().await;
    let token = bench.token_for("shop", SHOP).await;
    let answer = explained(&bench, &token, json!({ "path": "secret/a/b", "operation": "read" })).await;
    let rule = json!({ "policy": "shop", "path": "secret/*", "line": 2, "capabilities": ["list", "read"] });
    let expected = json!({
        "allowed": true, "sudo": false, "reason": "rule \"secret/*\" of policy \"shop\" line 2 grants read",
        "rule": rule, "would_allow": [], "policies": ["shop"],
    });
    assert_eq!(answer, expected);
    let nothing = explained(&bench, &token, json!({ "path": "/other", "operation": "list" })).await;
    let expected = json!({
        "allowed": false, "sudo": false, "reason": "no rule of any policy matches the path", "rule": null,
        "would_allow": ["with this rule in one of the policies: path \"other/\" { capabilities = [\"list\"] }"],
        "policies": ["shop"],
    });
    assert_eq!(nothing, expected);
    let root = bench.root().write("sys/policies/explain", json!({ "path": "x", "operation": "GET" })).await;
    let expected = json!({
        "allowed": true, "sudo": true, "reason": "the root policy allows everything", "rule": null, "would_allow": [],
        "policies": ["root"],
    });
    assert_eq!(root["data"], expected);
}

#[tokio::test]
async fn a_refusal_tells_what_would_have_allowed_it() {
    let bench = Bench::new().await;
    let token = bench.token_for("shop", SHOP).await;
    let one = "rule \"secret/one\" of policy \"shop\" line 8";
    let add = |name: &str, rule: &str| format!("with \"{name}\" added to the capabilities of {rule}");
    let own = |path: &str, names: &str| {
        format!("with this rule in one of the policies: path \"{path}\" {{ capabilities = [{names}] }}")
    };
    let any = "rule \"secret/*\" of policy \"shop\" line 2";
    let keys = "rule \"secret/keys/*\" of policy \"shop\" line 5";
    let cases = [
        (
            json!({ "path": "secret/a", "operation": "delete" }),
            format!("{any} is the most specific one and does not grant delete"),
            vec![add("delete", any), own("secret/a", "\"delete\", \"list\", \"read\"")],
        ),
        (
            json!({ "path": "secret/keys/a", "operation": "read" }),
            format!("{keys} denies everything"),
            vec![
                format!("with \"read\" in place of the \"deny\" in {keys}"),
                own("secret/keys/a", "\"read\""),
                format!("without rule \"secret/keys/*\", which goes before {any} that grants \"read\""),
            ],
        ),
        (
            json!({ "path": "secret/one", "operation": "update" }),
            format!("{one} requires parameter \"a\""),
            vec!["with one of these values for parameter \"a\": \"x*\", 1".to_owned()],
        ),
        (
            json!({ "path": "secret/one", "operation": "update", "parameters": { "b": "no", "c": 1 } }),
            format!("{one} requires parameter \"a\""),
            vec![
                "without parameter \"c\" in the request and with one of these values for parameter \"a\": \"x*\", 1 and \
                 with another value for parameter \"b\" than \"no\""
                    .to_owned(),
            ],
        ),
        (
            json!({ "path": "secret/one", "operation": "update", "parameters": { "A": "y" } }),
            format!("{one} does not allow parameter \"A\" or its value"),
            vec!["with one of these values for parameter \"A\": \"x*\", 1".to_owned()],
        ),
        (
            json!({ "path": "secret/one", "operation": "update", "parameters": { "a": 1, "c": 1 } }),
            format!("{one} does not allow parameter \"c\" or its value"),
            vec!["without parameter \"c\" in the request".to_owned()],
        ),
        (
            json!({ "path": "secret/one", "operation": "update", "parameters": { "a": 1, "b": "no" } }),
            format!("{one} denies parameter \"b\" or its value"),
            vec!["with another value for parameter \"b\" than \"no\"".to_owned()],
        ),
        (
            json!({ "path": "secret/wrapped", "operation": "read", "wrap_ttl": "2h" }),
            "rule \"secret/wrapped\" of policy \"shop\" line 14 wants the reply wrapped for 1m to 1h".to_owned(),
            vec!["with the reply wrapped for 1m to 1h, and not for 2h".to_owned()],
        ),
        (
            json!({ "path": "secret/wrapped", "operation": "read", "wrap_ttl": 0 }),
            "rule \"secret/wrapped\" of policy \"shop\" line 14 wants the reply wrapped for 1m to 1h".to_owned(),
            vec!["with the reply wrapped for 1m to 1h".to_owned()],
        ),
        (
            json!({ "path": "sys/seal", "operation": "update" }),
            "the path takes sudo on top: rule \"sys/seal\" of policy \"shop\" line 19 is the most specific one and does \
             not grant sudo"
                .to_owned(),
            vec![add("sudo", "rule \"sys/seal\" of policy \"shop\" line 19")],
        ),
        (
            json!({ "path": "sys/step-down", "operation": "update" }),
            "no rule of any policy matches the path".to_owned(),
            vec![own("sys/step-down", "\"sudo\", \"update\"")],
        ),
    ];
    for (about, reason, would_allow) in cases {
        let answer = explained(&bench, &token, about.clone()).await;
        assert_eq!(answer["allowed"], false, "{about}");
        assert_eq!(answer["reason"], json!(reason), "{about}");
        assert_eq!(answer["would_allow"], json!(would_allow), "{about}");
    }
    let wrapped = json!({ "path": "secret/wrapped", "operation": "read", "wrap_ttl": "5m" });
    assert_eq!(explained(&bench, &token, wrapped).await["allowed"], true);
    let open = explained(&bench, &token, json!({ "path": "sys/health", "operation": "read" })).await;
    assert_eq!((&open["allowed"], &open["reason"]), (&json!(true), &json!("the path needs no token")));
}

#[tokio::test]
async fn of_several_policies_the_one_that_restricts_is_named() {
    let bench = Bench::new().await;
    let write = async |name: &str, text: &str| {
        bench.root().write(&format!("sys/policies/acl/{name}"), json!({ "policy": text })).await;
    };
    write("open", "path \"secret/a\" { capabilities = [\"update\", \"sudo\"] }").await;
    write("strict", "\n\npath \"secret/a\" { capabilities = [\"read\"] required_parameters = [\"why\"] }").await;
    let token = bench.token(json!({ "policies": ["open", "strict", "gone"], "no_default_policy": true })).await;
    let answer = explained(&bench, &token, json!({ "path": "secret/a", "operation": "update" })).await;
    let rule = json!({ "policy": "strict", "path": "secret/a", "line": 3, "capabilities": ["read", "sudo", "update"] });
    assert_eq!((&answer["rule"], &answer["sudo"]), (&rule, &json!(true)));
    let gone = "if policy \"gone\", which the token has, existed and allowed it";
    assert_eq!(answer["would_allow"], json!(["with parameter \"why\" in the request", gone]));
}

#[tokio::test]
async fn a_path_is_taken_as_a_log_has_it_and_is_read_when_nothing_is_said() {
    let bench = Bench::new().await;
    let token = bench.token_for("shop", SHOP).await;
    let plain = explained(&bench, &token, json!({ "path": "secret/a", "operation": "read" })).await;
    for path in ["secret/a", "/secret/a", "/v1/secret/a", "v1/secret/a"] {
        assert_eq!(explained(&bench, &token, json!({ "path": path })).await, plain, "{path}");
    }
    assert_eq!(plain["allowed"], true);
    let twice = explained(&bench, &token, json!({ "path": "/v1/v1/secret/a" })).await;
    assert_eq!(twice["allowed"], false, "only one is no part of the path");
}

#[tokio::test]
async fn of_a_name_with_several_spellings_the_one_that_is_meant_is_advised() {
    let bench = Bench::new().await;
    let token = bench.token_for("shop", "path \"sys/policies/acl/shop\" { capabilities = [\"read\"] }").await;
    let spelled = "with the path spelled \"sys/policies/acl/shop\"";
    let about = |operation: &str| json!({ "path": "sys/policies/acl/Shop", "operation": operation });
    assert_eq!(explained(&bench, &token, about("read")).await["would_allow"], json!([spelled]));
    let add = "with \"delete\" added to the capabilities of rule \"sys/policies/acl/shop\" of policy \"shop\" line 1";
    let both = json!([format!("{spelled} and {add}")]);
    assert_eq!(explained(&bench, &token, about("delete")).await["would_allow"], both);
}

#[tokio::test]
async fn only_whoever_may_read_the_policies_gets_an_answer() {
    let bench = Bench::new().await;
    let asked = bench.root().write("sys/policies/acl/one", json!({ "policy": SHOP })).await;
    assert_eq!(asked, json!({}));
    bench.root().write("sys/policies/acl/two", json!({ "policy": SHOP })).await;
    let made = bench.root().write("auth/token/create", json!({ "policies": ["one", "two"] })).await;
    let (token, accessor) = (&made["auth"]["client_token"], &made["auth"]["accessor"]);
    let about = |by: &str, value: &Value| json!({ "path": "secret/a", "operation": "read", by: value });
    let rules = |policies: &str| format!("path \"sys/policies/explain\" {{ capabilities = [\"update\"] }}\n{policies}");
    let read = |path: &str| format!("path \"{path}\" {{ capabilities = [\"read\"] }}\n");
    let all = [read("sys/policies/acl/one"), read("sys/policy/two"), read("sys/policies/acl/default")].concat();
    let may = bench.token_for("may", &rules(&all)).await;
    assert_eq!(bench.with(&may).write("sys/policies/explain", about("token", token)).await["data"]["allowed"], true);
    let by_accessor = bench.with(&may).write("sys/policies/explain", about("accessor", accessor)).await;
    assert_eq!(by_accessor["data"]["policies"], json!(["default", "one", "two"]));
    // One of the policies is not readable; nothing is told of the token, or of whether it is one.
    let some = bench.token_for("some", &rules(&read("sys/policies/acl/+").replace('+', "one"))).await;
    for (by, value) in [
        ("token", token),
        ("accessor", accessor),
        ("token", &json!("hvs.unknown")),
        ("accessor", &json!("unknown")),
        // Its own token too: whoever has a policy need not know its text.
        ("token", &json!("")),
    ] {
        assert_eq!(bench.with(&some).write("sys/policies/explain", about(by, value)).await, denied(), "{by} {value}");
    }
    for (by, value) in [("token", "hvs.unknown"), ("accessor", "unknown")] {
        assert_eq!(bench.root().write("sys/policies/explain", about(by, &json!(value))).await, denied());
    }
    assert_eq!(bench.nobody().write("sys/policies/explain", about("token", token)).await, denied());
    let itself = bench.token_for("itself", &rules(&read("sys/policies/acl/itself"))).await;
    let own = bench.with(&itself).write("sys/policies/explain", json!({ "path": "a", "operation": "read" })).await;
    assert_eq!(own["data"]["policies"], json!(["itself"]));
}

#[tokio::test]
async fn it_does_not_tell_what_is_mounted() {
    let bench = Bench::new().await;
    let reader = "path \"sys/policies/*\" { capabilities = [\"read\", \"update\"] }";
    let asker = bench.token_for("asker", reader).await;
    let asked = bench.token_for("asked", "path \"auth/gate/*\" { capabilities = [\"read\", \"update\"] }").await;
    let about = json!({ "token": asked, "path": "auth/gate/config", "operation": "read" });
    let before = bench.with(&asker).write("sys/policies/explain", about.clone()).await;
    bench.root().write("sys/auth/gate", json!({ "type": "gate" })).await;
    assert_eq!(bench.with(&asker).write("sys/policies/explain", about.clone()).await, before);
    // Who may see the mount learns that this path takes sudo.
    assert_eq!(bench.root().write("sys/policies/explain", about).await["data"]["allowed"], false);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_in_words() {
    let bench = Bench::new().await;
    let ask = async |about: Value| bench.root().write("sys/policies/explain", about).await;
    let write = "operation \"PUT\" is create where nothing is yet, and update elsewhere: say which";
    assert_eq!(ask(json!({ "path": "a", "operation": "PUT" })).await, invalid(write));
    let unknown = "unknown operation \"sudo\": create, read, update, patch, delete, list or scan";
    assert_eq!(ask(json!({ "path": "a", "operation": "sudo" })).await, invalid(unknown));
    assert_eq!(ask(json!({ "path": "/", "operation": "read" })).await, invalid("path must have 1 to 8192 bytes"));
    let both = json!({ "path": "a", "operation": "read", "token": "a", "accessor": "b" });
    assert_eq!(ask(both).await, invalid("give a token or an accessor, not both"));
    assert_eq!(ask(json!({})).await, invalid("missing required field \"path\""));
    let empty = invalid("the path has an empty segment: two slashes in a row");
    let dots = invalid("the path has a segment that is only dots, . or ..");
    for (path, refusal) in [
        ("//a", &empty),
        ("/v1//a", &empty),
        ("a//b", &empty),
        ("a//", &empty),
        ("./a", &dots),
        ("a/./b", &dots),
        ("/v1/a/..", &dots),
    ] {
        assert_eq!(ask(json!({ "path": path })).await, *refusal, "{path}");
    }
}

/// Paths of all kinds whose requests change nothing that the next one would notice.
const PATHS: [&str; 14] = [
    "secret/a",
    "secret/a/b",
    "secret/c/",
    "secret/",
    "none/a",
    "sys/health",
    "sys/step-down",
    "sys/key-status",
    "sys/none",
    "auth/token/accessors",
    "auth/gate/login",
    "auth/gate/config",
    "auth/none/a",
    "cubbyhole/a",
];

fn rules() -> impl Strategy<Value = Vec<(String, Vec<&'static str>)>> {
    let path = prop::sample::select(vec![
        "*",
        "secret/*",
        "secret/+",
        "secret/a",
        "secret/a/+",
        "secret/+/b",
        "secret/c",
        "secret/c/",
        "+/a",
        "sys/*",
        "sys/step-down",
        "sys/+",
        "auth/*",
        "auth/token/accessors",
        "auth/token/+",
        "auth/gate/+",
        "+/gate/config",
        "cubbyhole/*",
        "none/a",
    ]);
    let capability = prop::sample::select(vec!["create", "read", "update", "delete", "list", "sudo"]);
    let capabilities = prop_oneof![
        6 => prop::collection::vec(capability, 0..5),
        1 => Just(vec!["deny"]),
    ];
    prop::collection::vec((path.prop_map(str::to_owned), capabilities), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_explanation_and_the_pipeline_never_differ(
        rules in rules(),
        parameters in any::<bool>(),
        wrap_ttl in prop::sample::select(vec![None, Some(30), Some(90)]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(agree(&rules, parameters, wrap_ttl));
    }
}

async fn agree(rules: &[(String, Vec<&'static str>)], parameters: bool, wrap_ttl: Option<u64>) {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    bench.root().write("sys/auth/gate", json!({ "type": "gate" })).await;
    let text: String = rules
        .iter()
        .map(|(path, capabilities)| {
            let more = match path.chars().last() {
                Some('+') => "required_parameters = [\"p\"]",
                Some('a' | '/') => "max_wrapping_ttl = \"1m\"",
                Some('b' | 'c') => "min_wrapping_ttl = \"1m\"",
                _ => "",
            };
            format!("path {path:?} {{ capabilities = {capabilities:?} {more} }}\n")
        })
        .collect();
    let token = bench.token_for("random", &text).await;
    let data = if parameters { json!({ "p": 1 }) } else { json!({}) };
    let operations =
        [Operation::Create, Operation::Read, Operation::Update, Operation::Delete, Operation::List, Operation::Patch];
    for path in PATHS {
        for operation in operations {
            let about = json!({
                "path": path, "operation": operation.name(), "parameters": data, "wrap_ttl": wrap_ttl,
            });
            let answer = explained(&bench, &token, about).await;
            // A write is an update of what is there: put it there, so that the pipeline finds it.
            if operation == Operation::Update && path.starts_with("secret/") {
                bench.root().write(path, json!({ "x": 1 })).await;
            }
            if path == "cubbyhole/a" && operation == Operation::Update {
                continue;
            }
            let client = bench.with(&token);
            let mut request = client.request(operation, path, data.clone());
            request.wrap_ttl = wrap_ttl.map(Duration::from_secs);
            let reply = client.send(request).await;
            assert_eq!(answer["allowed"], json!(reply != denied()), "{operation} {path} with\n{text}{answer}\n{reply}");
        }
    }
}

//! The order of the stages: what is said to whom before anything else is said.

use framework::Operation;
use serde_json::{Value, json};

use crate::testing::{Bench, denied, invalid, refused};

#[tokio::test]
async fn a_denial_tells_nothing_of_what_is_there() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    bench.root().write("secret/a", json!({ "x": 1 })).await;
    let token = bench.token_for("nothing", "path \"elsewhere\" { capabilities = [\"read\"] }").await;
    let long = "x".repeat(3000);
    let paths = [
        "secret/a",
        "secret/none",
        "none/a",
        "secret",
        "sys/mounts",
        "sys/none",
        "sys/mounts/secret",
        "sys/seal",
        "sys/policies/acl/root",
        "sys/policies/acl/none",
        "auth/token/accessors",
        "auth/none/login",
        "auth/gate/x",
        &format!("secret/{long}"),
        &format!("none/{long}"),
        &long,
    ];
    let operations = [Operation::Read, Operation::List, Operation::Update, Operation::Delete, Operation::Patch];
    for client in [bench.with(&token), bench.nobody(), bench.with("unknown")] {
        for path in paths {
            for operation in operations {
                assert_eq!(client.call(operation, path, json!({})).await, denied(), "{operation} {path}");
            }
        }
    }
}

#[tokio::test]
async fn who_may_is_told_what_is_wrong_with_the_route() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    let unrouted = |text: &str| refused("Unrouted", text);
    let text = "no handler for route \"none/a\". route entry not found.";
    assert_eq!(bench.root().read("none/a").await, unrouted(text));
    assert_eq!(bench.root().read("sys/none").await, unrouted("unsupported path"));
    let unsupported = refused("UnsupportedOperation", "unsupported operation");
    assert_eq!(bench.root().delete("sys/seal").await, unsupported);
    assert_eq!(bench.root().read("auth/token/create").await, unsupported);
    assert_eq!(bench.root().read("secret/a").await, refused("NotFound", "not found"));
}

#[tokio::test]
async fn a_path_too_long_for_the_store_is_the_caller_s_mistake_for_who_may_write() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    let path = format!("secret/{}", "x".repeat(3000));
    assert_eq!(bench.root().write(&path, json!({ "x": 1 })).await, invalid("path is too long: 3000 bytes"));
}

#[tokio::test]
async fn create_and_update_are_told_apart_by_what_exists() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    let maker = bench.token_for("maker", "path \"secret/*\" { capabilities = [\"create\"] }").await;
    let changer = bench.token_for("changer", "path \"secret/*\" { capabilities = [\"update\"] }").await;
    let (maker, changer) = (bench.with(&maker), bench.with(&changer));
    assert_eq!(changer.write("secret/a", json!({ "x": 1 })).await, denied());
    assert_eq!(maker.write("secret/a", json!({ "x": 1 })).await, json!({}));
    assert_eq!(maker.write("secret/a", json!({ "x": 2 })).await, denied());
    assert_eq!(changer.write("secret/a", json!({ "x": 2 })).await, json!({}));
    // A row that cannot tell counts every write as an update.
    let create = bench.token_for("c", "path \"auth/token/create\" { capabilities = [\"create\"] }").await;
    assert_eq!(bench.with(&create).write("auth/token/create", json!({})).await, denied());
}

#[tokio::test]
async fn lists_are_judged_alike_with_and_without_the_slash_at_the_end() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    bench.root().write("secret/folder/a", json!({ "x": 1 })).await;
    let rules = ["secret/folder", "secret/folder/", "secret/folder/*", "secret/+/", "secret/+", "secret/fol*"];
    for (number, rule) in rules.into_iter().enumerate() {
        let text = format!("path \"{rule}\" {{ capabilities = [\"list\"] }}");
        let token = bench.token_for(&format!("list{number}"), &text).await;
        let expected = json!({ "data": { "keys": ["a"] } });
        assert_eq!(bench.with(&token).list("secret/folder/").await, expected, "{rule}");
        assert_eq!(bench.with(&token).list("secret/folder").await, expected, "{rule}");
        assert_eq!(bench.with(&token).list("secret/other/").await == denied(), !rule.contains('+'), "{rule}");
    }
}

#[tokio::test]
async fn sudo_rows_need_sudo_on_top() {
    let bench = Bench::new().await;
    let plain = bench.token_for("plain", "path \"*\" { capabilities = [\"read\", \"update\", \"list\"] }").await;
    let all = "path \"*\" { capabilities = [\"read\", \"update\", \"list\", \"sudo\"] }";
    let sudo = bench.token_for("sudo", all).await;
    assert_eq!(bench.with(&plain).list("auth/token/accessors").await, denied());
    assert_ne!(bench.with(&sudo).list("auth/token/accessors").await, denied());
    assert_eq!(bench.with(&plain).write("sys/step-down", json!({})).await, denied());
    assert_eq!(bench.with(&sudo).write("sys/step-down", json!({})).await, json!({}));
    assert_eq!(bench.with(&plain).read("sys/auth/token").await, denied());
    assert_ne!(bench.with(&sudo).read("sys/auth/token").await, denied());
    assert_ne!(bench.with(&plain).read("sys/auth").await, denied());
}

#[tokio::test]
async fn rows_without_a_token_answer_everybody_and_know_who_has_one() {
    let bench = Bench::new().await;
    bench.root().write("sys/auth/gate", json!({ "type": "gate" })).await;
    let token = bench.token(json!({ "display_name": "me", "policies": "default" })).await;
    let knock = |seen: &str| json!({ "data": { "seen": seen, "is_sudo": false, "has_token": false } });
    assert_eq!(bench.nobody().write("auth/gate/login", json!({})).await, knock(""));
    assert_eq!(bench.with("bad").write("auth/gate/login", json!({})).await, knock(""));
    assert_eq!(bench.with("").write("auth/gate/login", json!({})).await, knock(""));
    assert_eq!(bench.with(&token).write("auth/gate/login", json!({})).await, knock("token-me"));
    assert_eq!(bench.nobody().read("auth/gate/config").await, denied());
    assert_eq!(bench.with(&token).read("auth/gate/config").await, denied());
    let sudo = bench.root().read("auth/gate/config").await;
    assert_eq!(sudo, json!({ "data": { "seen": "root", "is_sudo": true, "has_token": false } }));
}

#[tokio::test]
async fn help_is_for_every_valid_token() {
    let bench = Bench::new().await;
    let token = bench.token_for("nothing", "path \"elsewhere\" { capabilities = [\"read\"] }").await;
    for path in ["sys/mounts/x", "sys/seal", "auth/token/accessors", "cubbyhole/x", "sys/", "auth/token"] {
        let help = bench.with(&token).help(path).await;
        assert!(help["data"]["help"].as_str().is_some_and(|text| !text.is_empty()), "{path}: {help}");
        assert_eq!(bench.with("bad").help(path).await, denied(), "{path}");
        assert_eq!(bench.nobody().help(path).await, denied(), "{path}");
    }
}

#[tokio::test]
async fn a_deny_of_a_policy_s_name_cannot_be_spelled_around() {
    let bench = Bench::new().await;
    bench.root().write("sys/policies/acl/admin", json!({ "policy": "path \"a\" { capabilities = [\"read\"] }" })).await;
    let text = "
        path \"sys/policies/acl/*\" { capabilities = [\"create\", \"update\", \"read\", \"delete\"] }
        path \"sys/policies/acl/admin\" { capabilities = [\"deny\"] }
        path \"sys/policy/*\" { capabilities = [\"create\", \"update\", \"read\", \"delete\"] }
        path \"sys/policy/admin\" { capabilities = [\"deny\"] }
        path \"sys/policies/explain\" { capabilities = [\"update\"] }";
    let token = bench.token_for("delegate", text).await;
    let delegate = bench.with(&token);
    let all = "path \"*\" { capabilities = [\"read\"] }";
    for folder in ["sys/policies/acl", "sys/policy"] {
        for name in ["admin", "Admin", "ADMIN", "admin ", " Admin", "admin/"] {
            let path = format!("{folder}/{name}");
            assert_eq!(delegate.read(&path).await, denied(), "{path}");
            assert_eq!(delegate.write(&path, json!({ "policy": all })).await, denied(), "{path}");
            assert_eq!(delegate.delete(&path).await, denied(), "{path}");
            let asked = json!({ "path": path, "operation": "read" });
            let told = delegate.write("sys/policies/explain", asked).await["data"].take();
            assert_eq!(told["allowed"], json!(false), "{path}: {told}");
        }
        let other = delegate.write(&format!("{folder}/Other"), json!({ "policy": all })).await;
        assert_eq!(other["warnings"], json!(["policy name was converted to lower case"]));
    }
}

#[tokio::test]
async fn the_root_namespace_has_many_names() {
    let bench = Bench::new().await;
    for (namespace, is_there) in
        [("", true), ("root", true), ("root/", true), ("/", true), ("team", false), ("a/b/", false)]
    {
        for path in ["auth/token/lookup-self", "sys/mounts", "sys/none"] {
            let mut request = bench.root().request(Operation::Read, path, json!({}));
            namespace.clone_into(&mut request.namespace);
            let not_found = refused("Unrouted", "namespace not found");
            assert_eq!(bench.root().send(request).await != not_found, is_there, "{namespace:?} {path}");
        }
    }
}

#[tokio::test]
async fn probes_are_answered_whatever_namespace_they_name() {
    let bench = Bench::new().await;
    for path in ["sys/health", "sys/seal-status", "sys/leader", "sys/init"] {
        let mut request = bench.nobody().request(Operation::Read, path, json!({}));
        "team/a".clone_into(&mut request.namespace);
        assert_eq!(bench.nobody().send(request).await, bench.nobody().read(path).await, "{path}");
    }
}

#[tokio::test]
async fn parameters_of_a_policy_are_looked_at() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    let text =
        "path \"secret/*\" { capabilities = [\"create\", \"update\"]\n allowed_parameters = { \"a\" = [\"1\"] } }";
    let token = bench.token_for("params", text).await;
    assert_eq!(bench.with(&token).write("secret/x", json!({ "a": "1" })).await, json!({}));
    assert_eq!(bench.with(&token).write("secret/x", json!({ "a": "2" })).await, denied());
    assert_eq!(bench.with(&token).write("secret/x", json!({ "a": "1", "b": "1" })).await, denied());
}

#[tokio::test]
async fn capabilities_say_what_the_pipeline_does() {
    let bench = Bench::new().await;
    let text =
        "path \"secret/*\" { capabilities = [\"read\", \"list\"] }\npath \"secret/no\" { capabilities = [\"deny\"] }";
    bench.root().write("sys/policies/acl/some", json!({ "policy": text })).await;
    let token = bench.token(json!({ "policies": ["some"] })).await;
    let own =
        bench.with(&token).write("sys/capabilities-self", json!({ "paths": ["secret/a", "secret/no", "x"] })).await;
    let expected = json!({ "secret/a": ["list", "read"], "secret/no": ["deny"], "x": ["deny"] });
    assert_eq!(own["data"], expected);
    let one = bench.root().write("sys/capabilities", json!({ "token": token, "path": "secret/a" })).await;
    assert_eq!(one["data"], json!({ "capabilities": ["list", "read"], "secret/a": ["list", "read"] }));
    let accessor: Value = bench.with(&token).lookup().await["accessor"].take();
    let one =
        bench.root().write("sys/capabilities-accessor", json!({ "accessor": accessor, "paths": "secret/a" })).await;
    assert_eq!(one["data"]["capabilities"], json!(["list", "read"]));
    let root = bench.root().write("sys/capabilities-self", json!({ "paths": "a" })).await;
    assert_eq!(root["data"]["capabilities"], json!(["root"]));
    for (path, about, expected) in [
        ("capabilities", json!({ "token": "bad", "paths": "a" }), invalid("invalid token")),
        ("capabilities", json!({ "token": "", "paths": "a" }), invalid("missing token")),
        ("capabilities", json!({ "paths": "a" }), invalid("missing token")),
        ("capabilities", json!({ "token": token }), invalid("paths must be supplied")),
        ("capabilities-self", json!({}), invalid("paths must be supplied")),
        ("capabilities-accessor", json!({ "paths": "a" }), invalid("missing accessor")),
        (
            "capabilities-accessor",
            json!({ "accessor": "bad", "paths": "a" }),
            refused("DeniedBecause", "invalid accessor"),
        ),
    ] {
        assert_eq!(bench.root().write(&format!("sys/{path}"), about.clone()).await, expected, "{path} {about}");
    }
}

#[tokio::test]
async fn a_cubbyhole_belongs_to_one_token() {
    let bench = Bench::new().await;
    let (one, two) = (bench.token(json!({})).await, bench.token(json!({})).await);
    assert_eq!(bench.with(&one).write("cubbyhole/a", json!({ "x": 1 })).await, json!({}));
    assert_eq!(bench.with(&one).read("cubbyhole/a").await, json!({ "data": { "x": 1 } }));
    for other in [bench.with(&two), bench.root()] {
        assert_eq!(other.read("cubbyhole/a").await, refused("NotFound", "not found"));
        assert_eq!(other.list("cubbyhole/").await, json!({ "data": { "keys": [] } }));
    }
    assert_eq!(bench.nobody().read("cubbyhole/a").await, denied());
}

#[tokio::test]
async fn a_slash_at_the_end_gets_round_no_rule() {
    let bench = Bench::new().await;
    bench.mount("kv1").await;
    let text = "path \"sys/mounts/*\" { capabilities = [\"read\", \"delete\"] }
                path \"sys/mounts/kv1\" { capabilities = [\"deny\"] }
                path \"auth/token/*\" { capabilities = [\"read\"] }
                path \"auth/token/lookup-self\" { capabilities = [\"deny\"] }";
    let token = bench.token_for("sly", text).await;
    let sly = bench.with(&token);
    for path in ["sys/mounts/kv1", "sys/mounts/kv1/", "auth/token/lookup-self", "auth/token/lookup-self/"] {
        assert_eq!(sly.read(path).await, denied(), "{path}");
    }
    assert_eq!(sly.delete("sys/mounts/kv1/").await, denied());
    assert_eq!(bench.root().read("auth/token/lookup-self/").await, refused("Unrouted", "unsupported path"));
    // The command line disables mounts with a slash behind the name.
    assert_eq!(bench.root().delete("sys/mounts/kv1/").await, json!({}));
    assert_eq!(bench.root().read("sys/mounts/kv1").await, invalid("No secret engine mount at kv1/"));
}

#[tokio::test]
async fn help_does_not_tell_what_is_mounted_to_those_who_may_do_nothing_there() {
    let bench = Bench::new().await;
    bench.mount("kv1").await;
    let token = bench.token_for("stranger", "path \"elsewhere/*\" { capabilities = [\"read\"] }").await;
    let help = async |token: &str, path: &str| {
        let client = bench.with(token);
        client.send(client.request(Operation::Help, path, json!({}))).await
    };
    for path in ["kv1/a", "none/a"] {
        assert_eq!(help(&token, path).await, denied(), "{path}");
    }
    let user = bench.token_for("user", "path \"kv1/team/*\" { capabilities = [\"read\"] }").await;
    assert!(help(&user, "kv1/a").await["data"]["help"].is_string());
    // Whoever may do something there is told what a read tells as well.
    let owner = bench.token_for("owner", "path \"none/*\" { capabilities = [\"read\"] }").await;
    let nothing = refused("Unrouted", "no handler for route \"none/a\". route entry not found.");
    for token in [owner.as_str(), bench.root.as_str()] {
        assert_eq!(help(token, "none/a").await, nothing);
        assert_eq!(bench.with(token).read("none/a").await, nothing);
    }
    assert_eq!(help(&owner, "nothing/a").await, denied());
    assert!(help(&token, "auth/token/create").await["data"]["help"].is_string());
}

#[tokio::test]
async fn a_row_without_the_operation_says_so_to_those_who_may() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    for (operation, path) in [
        (Operation::Scan, "sys/policies/acl/"),
        (Operation::Patch, "secret/a"),
        (Operation::Patch, "sys/policies/acl/a"),
        (Operation::Update, "sys/key-status"),
    ] {
        let answer = bench.root().call(operation, path, json!({})).await;
        assert_eq!(answer, refused("UnsupportedOperation", "unsupported operation"), "{operation} {path}");
        assert_eq!(bench.nobody().call(operation, path, json!({})).await, denied(), "{operation} {path}");
    }
}

#[tokio::test]
async fn a_scan_needs_a_capability_of_its_own_and_shows_what_may_be_read() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    for path in ["a", "b/c", "b/d"] {
        bench.root().write(&format!("secret/{path}"), json!({ "x": 1 })).await;
    }
    let scan = async |token: &str| bench.with(token).call(Operation::Scan, "secret/", json!({})).await;
    assert_eq!(scan(&bench.root).await["data"]["keys"], json!(["a", "b/c", "b/d"]));
    let lister = bench.token_for("lister", r#"path "secret/*" { capabilities = ["read", "list"] }"#).await;
    assert_eq!(scan(&lister).await, denied());
    let scanner = r#"path "secret/" { capabilities = ["scan"] }"#;
    let blind = bench.token_for("blind", scanner).await;
    assert_eq!(scan(&blind).await["data"]["keys"], json!([]));
    let text = format!(
        r#"{scanner} path "secret/b/*" {{ capabilities = ["read"] }} path "secret/b/d" {{ capabilities = ["deny"] }}"#
    );
    let reader = bench.token_for("reader", &text).await;
    assert_eq!(scan(&reader).await["data"]["keys"], json!(["b/c"]));
    // A rule that asks for more than the path does not open it here.
    let text = format!(
        r#"{scanner} path "secret/a" {{ capabilities = ["read"] min_wrapping_ttl = "1s" max_wrapping_ttl = "1m" }}"#
    );
    let wrapper = bench.token_for("wrapper", &text).await;
    assert_eq!(scan(&wrapper).await["data"]["keys"], json!([]));
}

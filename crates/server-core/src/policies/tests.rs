use std::sync::Arc;

use serde_json::json;
use storage::memory::Memory;
use storage::rival::Rival;
use storage::{Batch, CommitId, Key};

use crate::testing::{Bench, invalid, refused, unless_hung};

const TEXT: &str = "path \"a\" { capabilities = [\"read\"] }";

#[tokio::test]
async fn policies_are_written_read_listed_and_deleted() {
    let bench = Bench::new().await;
    let root = bench.root();
    assert_eq!(root.write("sys/policies/acl/mine", json!({ "policy": TEXT })).await, json!({}));
    assert_eq!(root.read("sys/policies/acl/mine").await, json!({ "data": { "name": "mine", "policy": TEXT } }));
    assert_eq!(root.read("sys/policy/mine").await, json!({ "data": { "name": "mine", "rules": TEXT } }));
    let names = json!(["default", "mine", "root"]);
    assert_eq!(root.list("sys/policies/acl").await, json!({ "data": { "keys": names } }));
    let old = json!({ "data": { "keys": names, "policies": names } });
    assert_eq!(root.list("sys/policy/").await, old);
    assert_eq!(root.read("sys/policy").await, old);
    for _ in 0..2 {
        assert_eq!(root.delete("sys/policies/acl/mine").await, json!({}));
        assert_eq!(root.read("sys/policies/acl/mine").await, refused("NotFound", "not found"));
    }
}

#[tokio::test]
async fn names_are_lower_case_and_whoever_wrote_them_otherwise_is_told() {
    let bench = Bench::new().await;
    let warned = bench.root().write("sys/policies/acl/Team/Mine", json!({ "policy": TEXT })).await;
    assert_eq!(warned, json!({ "warnings": ["policy name was converted to lower case"] }));
    assert_eq!(bench.root().read("sys/policies/acl/TEAM/mine").await["data"]["name"], "team/mine");
    bench.root().delete("sys/policies/acl/TEAM/MINE").await;
    assert_eq!(bench.keys("ns/root/policy/").await, ["ns/root/policy/default"]);
}

#[tokio::test]
async fn the_server_s_own_policies_are_protected() {
    let bench = Bench::new().await;
    for name in ["root", "Root", "response-wrapping", "control-group"] {
        let path = format!("sys/policies/acl/{name}");
        let name = name.to_lowercase();
        let refusal = invalid(&format!("cannot update \"{name}\" policy"));
        assert_eq!(bench.root().write(&path, json!({ "policy": TEXT })).await, refusal);
        assert_eq!(bench.root().delete(&path).await, invalid(&format!("cannot delete \"{name}\" policy")));
    }
    assert_eq!(bench.root().delete("sys/policies/acl/default").await, invalid("cannot delete \"default\" policy"));
    assert_eq!(bench.root().write("sys/policies/acl/default", json!({ "policy": TEXT })).await, json!({}));
    assert_eq!(bench.root().read("sys/policies/acl/root").await["data"], json!({ "name": "root", "policy": "" }));
}

#[tokio::test]
async fn texts_may_be_base64_or_under_the_older_name() {
    let bench = Bench::new().await;
    let encoded = data_encoding::BASE64.encode(TEXT.as_bytes());
    bench.root().write("sys/policies/acl/mine", json!({ "policy": encoded })).await;
    assert_eq!(bench.root().read("sys/policies/acl/mine").await["data"]["policy"], TEXT);
    bench.root().write("sys/policy/older", json!({ "rules": TEXT })).await;
    assert_eq!(bench.root().read("sys/policy/older").await["data"]["rules"], TEXT);
}

#[tokio::test]
async fn what_is_no_policy_is_refused_with_the_place_of_the_mistake() {
    let bench = Bench::new().await;
    let missing = invalid("'policy' parameter not supplied or empty");
    assert_eq!(bench.root().write("sys/policies/acl/mine", json!({})).await, missing);
    assert_eq!(bench.root().write("sys/policies/acl/mine", json!({ "policy": "  " })).await, missing);
    let text = "path \"a\" { capabilities = [\"read\"] }\n\npath \"b\" { capabilities = [\"reed\"] }";
    let reply = bench.root().write("sys/policies/acl/mine", json!({ "policy": text })).await;
    let reply = reply["refused"].as_str().expect("a refusal").to_owned();
    assert!(reply.starts_with("Invalid: failed to parse policy: ") && reply.contains("3"), "{reply}");
    let long = format!("# {}\n{TEXT}", "x".repeat(256 * 1024));
    let reply = bench.root().write("sys/policies/acl/mine", json!({ "policy": long })).await;
    assert_eq!(reply, invalid(&format!("policy has {} bytes, the most is 262144", long.len())));
    let path = format!("sys/policies/acl/{}", "x".repeat(513));
    let reply = bench.root().write(&path, json!({ "policy": TEXT })).await;
    assert_eq!(reply, invalid("policy name has 513 bytes, the most is 512"));
    assert_eq!(bench.keys("ns/root/policy/").await, ["ns/root/policy/default"]);
}

#[tokio::test]
async fn a_damaged_policy_gives_nothing_and_can_be_replaced() {
    let bench = Bench::new().await;
    bench.root().write("sys/policies/acl/mine", json!({ "policy": TEXT })).await;
    let token = bench.token(json!({ "policies": "mine" })).await;
    let key = Key::new(b"ns/root/policy/mine".to_vec()).expect("a key");
    let snapshot = bench.storage.read(std::slice::from_ref(&key)).await.expect("it can be read");
    let revision = snapshot.entries[0].as_ref().expect("it is there").revision;
    let batch = Batch::new(CommitId([7; 16])).replace(key, revision, b"garbage".as_slice());
    bench.storage.commit(&batch).await.expect("it can be written");
    let storage = Arc::clone(&bench.storage);
    let bench = bench.crashed(storage).await;
    let refusal = bench.with(&token).read("a").await;
    assert!(refusal["refused"].as_str().is_some_and(|text| text.starts_with("World")), "{refusal}");
    assert_eq!(bench.root().write("sys/policies/acl/mine", json!({ "policy": TEXT })).await, json!({}));
    assert!(bench.with(&token).read("a").await["refused"].as_str().is_some_and(|text| text.starts_with("Unrouted")));
}

#[tokio::test]
async fn what_would_not_be_enforced_is_refused_and_not_stored() {
    let bench = Bench::new().await;
    let rules = [
        ("mfa_methods", r#"mfa_methods = ["duo"]"#),
        ("control_group", r#"control_group = { factor "ops" { identity { group_names = ["ops"] approvals = 1 } } }"#),
        ("pagination_limit", "pagination_limit = 10"),
        ("list_scan_response_keys_filter_path", r#"list_scan_response_keys_filter_path = "a/{{ .key }}""#),
    ];
    for (key, rule) in rules {
        let text = format!("# About a.\npath \"a\" {{\n capabilities = [\"read\", \"list\"]\n {rule}\n}}");
        let refusal =
            format!("the rule for \"a\" on line 2 has \"{key}\", which this release does not enforce: leave it out");
        assert_eq!(bench.root().write("sys/policies/acl/strict", json!({ "policy": text })).await, invalid(&refusal));
    }
    assert_eq!(bench.root().read("sys/policies/acl/strict").await, refused("NotFound", "not found"));
}

#[tokio::test]
async fn lists_page_and_root_is_where_its_name_belongs() {
    let bench = Bench::new().await;
    for name in ["alpha", "sigma", "team/a", "zeta"] {
        bench.root().write(&format!("sys/policies/acl/{name}"), json!({ "policy": TEXT })).await;
    }
    let all = ["alpha", "default", "root", "sigma", "team/a", "zeta"];
    for (after, limit, expected) in [
        ("", 0, &all[..]),
        ("", -1, &all),
        ("", 2, &all[..2]),
        ("", 3, &all[..3]),
        ("default", 2, &all[2..4]),
        ("root", 2, &all[3..5]),
        ("rooster", 1, &all[2..3]),
        ("sigma", 100, &all[4..]),
        ("zeta", 1, &[]),
        ("\u{10ffff}", 0, &[]),
    ] {
        for path in ["sys/policies/acl", "sys/policy"] {
            let page = json!({ "after": after, "limit": limit });
            let reply = bench.root().call(framework::Operation::List, path, page).await;
            assert_eq!(reply["data"]["keys"], json!(expected), "{path} after {after:?}, {limit}");
        }
    }
}

#[tokio::test]
async fn a_repeated_attribute_is_taken_with_a_warning() {
    let bench = Bench::new().await;
    let text = "path \"a\" {\n capabilities = [\"read\"]\n capabilities = [\"list\"]\n}";
    let warned = bench.root().write("sys/policies/acl/mine", json!({ "policy": text })).await;
    let warning =
        "line 3: path \"a\": key \"capabilities\" is given twice; give it once, newer releases of Vault refuse this";
    assert_eq!(warned, json!({ "warnings": [warning] }));
    let token = bench.token(json!({ "policies": "mine" })).await;
    let capabilities = bench.with(&token).write("sys/capabilities-self", json!({ "paths": "a" })).await;
    assert_eq!(capabilities["data"]["a"], json!(["list", "read"]));
}

#[tokio::test]
async fn a_rival_node_only_makes_a_writer_try_again() {
    let memory = Arc::new(Memory::new());
    let mut bench = Bench::fresh(Arc::clone(&memory) as _, barrier::CacheMode::ReadThrough);
    bench.init().await;
    let rival = Arc::new(Rival::new(memory, 5, 60));
    let bench = bench.crashed(Arc::clone(&rival) as _).await;
    let password = |number: u32| format!("length = {}\nrule \"charset\" {{ charset = \"a\" }}", 10 + number);
    let acl = |number: u32| format!("path \"a{number}\" {{ capabilities = [\"read\"] }}");
    let work = async {
        for number in 0..20 {
            for (path, text) in [("acl/mine", acl(number)), ("password/mine", password(number))] {
                let path = format!("sys/policies/{path}");
                assert_eq!(bench.root().write(&path, json!({ "policy": text })).await, json!({}));
                assert_eq!(bench.root().read(&path).await["data"]["policy"], json!(text));
            }
        }
        for path in ["sys/policies/acl/mine", "sys/policies/password/mine"] {
            assert_eq!(bench.root().delete(path).await, json!({}));
            assert_eq!(bench.root().read(path).await, refused("NotFound", "not found"));
        }
    };
    unless_hung(work).await.expect("nobody waits for ever");
    assert!(rival.strikes() > 20, "{} strikes", rival.strikes());
}

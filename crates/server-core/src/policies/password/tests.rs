use serde_json::json;

use crate::testing::{Bench, denied, invalid, refused};

const TEXT: &str =
    "length = 12\nrule \"charset\" {\n charset = \"abc\"\n}\nrule \"charset\" {\n charset = \"012\"\n min-chars = 2\n}";

#[tokio::test]
async fn password_policies_are_written_read_listed_and_deleted() {
    let bench = Bench::new().await;
    let root = bench.root();
    assert_eq!(root.list("sys/policies/password").await, json!({ "data": { "keys": [] } }));
    assert_eq!(root.write("sys/policies/password/Mine", json!({ "policy": TEXT })).await, json!({}));
    let encoded = data_encoding::BASE64.encode(TEXT.as_bytes());
    for name in ["a/b", "zeta"] {
        assert_eq!(root.write(&format!("sys/policies/password/{name}"), json!({ "policy": encoded })).await, json!({}));
    }
    assert_eq!(root.read("sys/policies/password/Mine").await, json!({ "data": { "policy": TEXT } }));
    assert_eq!(root.read("sys/policies/password/a/b").await, json!({ "data": { "policy": TEXT } }));
    assert_eq!(root.list("sys/policies/password").await["data"]["keys"], json!(["Mine", "a/b", "zeta"]));
    let page = root.call(framework::Operation::List, "sys/policies/password", json!({ "after": "Mine", "limit": 1 }));
    assert_eq!(page.await["data"]["keys"], json!(["a/b"]));
    let keys = ["ns/root/password-policy/Mine", "ns/root/password-policy/a/b", "ns/root/password-policy/zeta"];
    assert_eq!(bench.keys("ns/root/password-policy/").await, keys);
    let wider = "length = 8\nrule \"charset\" { charset = \"x\" }";
    assert_eq!(root.write("sys/policies/password/Mine", json!({ "policy": wider })).await, json!({}));
    assert_eq!(root.read("sys/policies/password/Mine/generate").await, json!({ "data": { "password": "xxxxxxxx" } }));
    for _ in 0..2 {
        assert_eq!(root.delete("sys/policies/password/Mine").await, json!({}));
        for path in ["sys/policies/password/Mine", "sys/policies/password/Mine/generate"] {
            assert_eq!(root.read(path).await, refused("NotFound", "not found"));
        }
    }
}

#[tokio::test]
async fn generated_passwords_keep_the_rules_and_are_not_stored() {
    let bench = Bench::new().await;
    bench.root().write("sys/policies/password/mine", json!({ "policy": TEXT })).await;
    let before = bench.keys("").await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let reply = bench.root().read("sys/policies/password/mine/generate").await;
        let password = reply["data"]["password"].as_str().expect("a password").to_owned();
        assert_eq!(password.chars().count(), 12);
        assert!(password.chars().all(|it| "abc012".contains(it)), "{password}");
        assert!(password.chars().filter(|it| it.is_ascii_digit()).count() >= 2, "{password}");
        seen.insert(password);
    }
    assert!(seen.len() > 40, "{} of 50 differ", seen.len());
    assert_eq!(bench.keys("").await, before);
}

#[tokio::test]
async fn a_policy_by_which_nothing_can_be_generated_is_refused_and_not_stored() {
    let bench = Bench::new().await;
    let write = async |policy: &str| bench.root().write("sys/policies/password/bad", json!({ "policy": policy })).await;
    assert_eq!(write(" ").await, invalid("missing policy"));
    let short = "invalid password policy: length must be 4 to 100 characters";
    assert_eq!(write("length = 2\nrule \"charset\" { charset = \"a\" }").await, invalid(short));
    let narrow =
        "length = 20\nrule \"charset\" { charset = \"a\" min-chars = 20 }\nrule \"charset\" { charset = \"bcdefghi\" }";
    let text = "unable to generate password from provided policy: no password that fulfills all rules came up in 5000 \
                tries: are the rules impossible?";
    assert_eq!(write(narrow).await, invalid(text));
    let long = format!("# {}", "x".repeat(256 * 1024));
    assert_eq!(write(&long).await, invalid(&format!("policy has {} bytes, the most is 262144", long.len())));
    assert_eq!(bench.keys("ns/root/password-policy/").await, Vec::<String>::new());
}

#[tokio::test]
async fn who_may_generate_need_not_see_the_policy() {
    let bench = Bench::new().await;
    bench.root().write("sys/policies/password/mine", json!({ "policy": TEXT })).await;
    let rule = "path \"sys/policies/password/+/generate\" { capabilities = [\"read\"] }";
    let token = bench.token_for("draw", rule).await;
    assert!(bench.with(&token).read("sys/policies/password/mine/generate").await["data"]["password"].is_string());
    assert_eq!(bench.with(&token).read("sys/policies/password/mine").await, denied());
    assert_eq!(bench.nobody().read("sys/policies/password/mine/generate").await, denied());
}

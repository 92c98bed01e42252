//! Token roles: what they are, and what tokens come out of them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use storage::memory::Memory;
use storage::rival::Rival;

use crate::testing::{Bench, denied, invalid, late, refused};

/// What a role is when nothing is said about it.
fn fresh(name: &str) -> Value {
    json!({
        "name": name, "allowed_policies": [], "allowed_policies_glob": [], "disallowed_policies": [],
        "disallowed_policies_glob": [], "allowed_entity_aliases": [], "orphan": false, "renewable": true,
        "path_suffix": "", "token_type": "default-service", "token_period": 0, "period": 0,
        "token_explicit_max_ttl": 0, "explicit_max_ttl": 0, "token_no_default_policy": false,
    })
}

async fn write(bench: &Bench, name: &str, about: Value) -> Value {
    bench.root().write(&format!("auth/token/roles/{name}"), about).await
}

async fn read(bench: &Bench, name: &str) -> Value {
    bench.root().read(&format!("auth/token/roles/{name}")).await["data"].take()
}

/// Somebody who may make tokens of any role, with the policies `maker`, `a` and `default`.
async fn maker(bench: &Bench) -> String {
    let text = "path \"auth/token/create/+\" { capabilities = [\"create\", \"update\"] }\n\
                path \"auth/token/create\" { capabilities = [\"create\", \"update\"] }";
    bench.root().write("sys/policies/acl/maker", json!({ "policy": text })).await;
    bench.token(json!({ "policies": ["maker", "a"] })).await
}

async fn policies(bench: &Bench, token: &str, about: Value) -> Value {
    let reply = bench.with(token).write("auth/token/create/r", about).await;
    if reply["refused"].is_string() { reply["refused"].clone() } else { reply["auth"]["policies"].clone() }
}

#[tokio::test]
async fn a_role_is_made_changed_in_part_listed_and_removed() {
    let bench = Bench::new().await;
    let root = bench.root();
    assert_eq!(root.read("auth/token/roles/ci").await, refused("NotFound", "not found"));
    assert_eq!(root.list("auth/token/roles").await, json!({ "data": { "keys": [] } }));
    assert_eq!(write(&bench, "ci", json!({})).await, json!({}));
    assert_eq!(read(&bench, "ci").await, fresh("ci"));
    let about = json!({
        "allowed_policies": "B, a,a", "disallowed_policies_glob": ["X*"], "orphan": "true", "token_period": "90m",
        "path_suffix": "v1.2", "token_num_uses": 5, "token_no_default_policy": true, "renewable": false,
        "allowed_entity_aliases": ["Web-*"], "token_type": "service", "token_explicit_max_ttl": 7200,
    });
    assert_eq!(write(&bench, "ci", about).await, json!({}));
    let mut expected = fresh("ci");
    for (field, value) in [
        ("allowed_policies", json!(["a", "b"])),
        ("disallowed_policies_glob", json!(["x*"])),
        ("orphan", json!(true)),
        ("token_period", json!(5400)),
        ("path_suffix", json!("v1.2")),
        ("token_num_uses", json!(5)),
        ("token_no_default_policy", json!(true)),
        ("renewable", json!(false)),
        ("allowed_entity_aliases", json!(["web-*"])),
        ("token_type", json!("service")),
        ("token_explicit_max_ttl", json!(7200)),
    ] {
        expected[field] = value;
    }
    assert_eq!(read(&bench, "ci").await, expected);
    assert_eq!(write(&bench, "ci", json!({ "path_suffix": "", "token_num_uses": 0 })).await, json!({}));
    expected["path_suffix"] = json!("");
    expected.as_object_mut().expect("an object").remove("token_num_uses");
    assert_eq!(read(&bench, "ci").await, expected, "what was not named stays");
    write(&bench, "a", json!({})).await;
    write(&bench, "b", json!({})).await;
    assert_eq!(root.list("auth/token/roles/").await, json!({ "data": { "keys": ["a", "b", "ci"] } }));
    let page = root.call(framework::Operation::List, "auth/token/roles", json!({ "after": "a", "limit": "1" })).await;
    assert_eq!(page, json!({ "data": { "keys": ["b"] } }));
    assert_eq!(root.delete("auth/token/roles/ci").await, json!({}));
    assert_eq!(root.delete("auth/token/roles/ci").await, json!({}), "twice is no error");
    assert_eq!(root.read("auth/token/roles/ci").await, refused("NotFound", "not found"));
    assert_eq!(bench.keys("ns/root/token-role/").await, ["ns/root/token-role/a", "ns/root/token-role/b"]);
}

#[tokio::test]
async fn older_names_are_taken_and_shown_until_the_newer_ones_are_written() {
    let bench = Bench::new().await;
    let about = json!({ "period": "1h", "explicit_max_ttl": "2h", "bound_cidrs": "10.0.0.0/8,::1/128" });
    write(&bench, "r", about).await;
    let role = read(&bench, "r").await;
    for (name, value) in [
        ("period", json!(3600)),
        ("token_period", json!(3600)),
        ("explicit_max_ttl", json!(7200)),
        ("token_explicit_max_ttl", json!(7200)),
        ("bound_cidrs", json!(["10.0.0.0/8", "::1"])),
        ("token_bound_cidrs", json!(["10.0.0.0/8", "::1"])),
    ] {
        assert_eq!(role[name], value, "{name}");
    }
    let about = json!({
        "token_period": "3h", "period": "4h", "token_explicit_max_ttl": 0, "token_bound_cidrs": ["127.0.0.1"],
    });
    write(&bench, "r", about).await;
    let role = read(&bench, "r").await;
    assert_eq!((&role["token_period"], &role["period"]), (&json!(10800), &json!(0)));
    assert_eq!((&role["token_explicit_max_ttl"], &role["explicit_max_ttl"]), (&json!(0), &json!(0)));
    assert_eq!((&role["token_bound_cidrs"], &role["bound_cidrs"]), (&json!(["127.0.0.1"]), &json!(null)));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let bench = Bench::new().await;
    let suffix =
        "invalid path_suffix: at least three letters, digits, '_', '-' or '.', with '-' and '.' only between others";
    let batch = |what: &str| format!("'token_type' cannot be 'batch' when role is set to generate {what}");
    for (about, text) in [
        (json!({ "path_suffix": "ab" }), suffix.to_owned()),
        (json!({ "path_suffix": "-abc" }), suffix.to_owned()),
        (json!({ "path_suffix": "a/bc" }), suffix.to_owned()),
        (
            json!({ "token_type": "x" }),
            "invalid token_type \"x\": must be \"service\", \"batch\", \"default-service\" or \"default-batch\""
                .to_owned(),
        ),
        (
            json!({ "token_bound_cidrs": ["10.0.0.0/8", "here"] }),
            "token_bound_cidrs: \"here\" is neither an IP address nor a network such as 10.0.0.0/8".to_owned(),
        ),
        (
            json!({ "allowed_policies": (0..1001).map(|number| number.to_string()).collect::<Vec<_>>() }),
            "allowed_policies has 1001 entries, the most is 1000".to_owned(),
        ),
        (
            json!({ "allowed_policies_glob": ["x".repeat(513)] }),
            "allowed_policies_glob: a name has 513 bytes, the most is 512".to_owned(),
        ),
        (json!({ "token_type": "batch" }), batch("non-orphan tokens")),
        (json!({ "token_type": "batch", "orphan": true }), batch("renewable tokens")),
        (
            json!({ "token_type": "batch", "orphan": true, "renewable": false, "token_period": "1h" }),
            batch("periodic tokens"),
        ),
        (
            json!({ "token_type": "batch", "orphan": true, "renewable": false, "token_explicit_max_ttl": "1h" }),
            batch("tokens with an explicit max TTL"),
        ),
        (
            json!({ "token_type": "batch", "orphan": true, "renewable": false, "token_num_uses": 1 }),
            batch("tokens with a limited use count"),
        ),
    ] {
        assert_eq!(write(&bench, "r", about.clone()).await, invalid(&text), "{about}");
        assert_eq!(read(&bench, "r").await, json!(null), "{about}");
    }
    let long = write(&bench, "r", json!({ "token_explicit_max_ttl": "800h" })).await;
    let text = "token_explicit_max_ttl of 2880000 seconds is longer than the mount's maximum of 2764800";
    assert_eq!(long, json!({ "warnings": [text] }));
}

#[tokio::test]
async fn a_role_s_lists_decide_about_policies_whatever_its_maker_has() {
    let bench = Bench::new().await;
    let token = maker(&bench).await;
    let (yes, no_default) = (|names: Value| names, json!({ "no_default_policy": true }));
    let subset = |asked: &str, allowed: &str, globs: &str| {
        json!(format!(
            "Invalid: token policies ({asked}) must be subset of the role's allowed policies ({allowed}) or glob policies ({globs})"
        ))
    };
    let forbidden = |name: &str| json!(format!("Invalid: token policy \"{name}\" is disallowed by this role"));
    let cases = [
        // By name: all of them when none are asked.
        (json!({ "allowed_policies": "x,y" }), json!({}), yes(json!(["default", "x", "y"]))),
        (json!({ "allowed_policies": "x,y" }), no_default.clone(), yes(json!(["x", "y"]))),
        (json!({ "allowed_policies": "x,y" }), json!({ "policies": "X" }), yes(json!(["default", "x"]))),
        (
            json!({ "allowed_policies": "x,y" }),
            json!({ "policies": "x,a" }),
            subset(r#"["x" "a" "default"]"#, r#"["x" "y" "default"]"#, "[]"),
        ),
        (json!({ "allowed_policies": "x", "token_no_default_policy": true }), json!({}), yes(json!(["x"]))),
        (
            json!({ "allowed_policies": "x", "token_no_default_policy": true }),
            json!({ "policies": "default" }),
            subset(r#"["default"]"#, r#"["x"]"#, "[]"),
        ),
        // By glob: what is asked, and nothing by itself.
        (json!({ "allowed_policies_glob": "dev-*" }), json!({ "policies": "dev-1" }), yes(json!(["default", "dev-1"]))),
        (json!({ "allowed_policies_glob": "dev-*" }), json!({}), yes(json!(["default"]))),
        (
            json!({ "allowed_policies_glob": "dev-*", "allowed_policies": "x" }),
            json!({ "policies": "dev-1,prod" }),
            subset(r#"["dev-1" "prod" "default"]"#, r#"["x" "default"]"#, r#"["dev-*"]"#),
        ),
        // Forbidden ones: the maker's, or whatever is asked.
        (json!({ "disallowed_policies": "root" }), json!({}), yes(json!(["a", "default", "maker"]))),
        (json!({ "disallowed_policies": "root" }), json!({ "policies": "x" }), yes(json!(["default", "x"]))),
        (json!({ "disallowed_policies": "x" }), json!({ "policies": "x" }), forbidden("x")),
        (json!({ "disallowed_policies_glob": "pro*" }), json!({ "policies": "prod" }), forbidden("prod")),
        (json!({ "disallowed_policies": "default" }), json!({ "policies": "x" }), yes(json!(["x"]))),
        (json!({ "disallowed_policies_glob": "def*" }), json!({ "policies": "x" }), yes(json!(["x"]))),
        (json!({ "disallowed_policies": "default" }), json!({}), forbidden("default")),
        (json!({ "allowed_policies": "x,y", "disallowed_policies": "y" }), json!({}), forbidden("y")),
        // None at all: as without a role.
        (json!({}), json!({}), yes(json!(["a", "default", "maker"]))),
        (json!({}), json!({ "policies": "a" }), yes(json!(["a", "default"]))),
        (json!({}), json!({ "policies": "x" }), json!("Invalid: child policies must be subset of parent")),
        (json!({ "token_no_default_policy": true }), json!({ "policies": "a" }), yes(json!(["a"]))),
        // Never more than anybody may give.
        (
            json!({ "allowed_policies": "root" }),
            json!({}),
            json!("Invalid: root tokens may not be created without parent token being root"),
        ),
        (
            json!({ "allowed_policies_glob": "*" }),
            json!({ "policies": "response-wrapping" }),
            json!("Invalid: cannot assign policy \"response-wrapping\""),
        ),
    ];
    for (role, about, expected) in cases {
        bench.root().delete("auth/token/roles/r").await;
        write(&bench, "r", role.clone()).await;
        assert_eq!(policies(&bench, &token, about.clone()).await, expected, "{about} by {role}");
    }
    write(&bench, "r", json!({ "allowed_policies": "root", "disallowed_policies": [] })).await;
    assert_eq!(policies(&bench, &bench.root, json!({})).await, json!(["root"]), "root makes root by a role too");
}

#[tokio::test]
async fn the_token_of_a_role_is_what_the_role_says() {
    let bench = Bench::new().await;
    let token = maker(&bench).await;
    let role = json!({
        "orphan": true, "renewable": false, "path_suffix": "v1.2", "token_num_uses": 5, "token_period": "2h",
        "token_explicit_max_ttl": "10h",
    });
    write(&bench, "r", role).await;
    let auth = bench.with(&token).write("auth/token/create/r", json!({ "num_uses": 9 })).await["auth"].take();
    for (field, value) in [
        ("orphan", json!(true)),
        ("renewable", json!(false)),
        ("num_uses", json!(5)),
        ("lease_duration", json!(7200)),
        ("token_type", json!("service")),
    ] {
        assert_eq!(auth[field], value, "{field}");
    }
    let lookup = bench.root().write("auth/token/lookup", json!({ "token": auth["client_token"] })).await["data"].take();
    for (field, value) in [
        ("path", json!("auth/token/create/r/v1.2")),
        ("role", json!("r")),
        ("orphan", json!(true)),
        ("period", json!(7200)),
        ("explicit_max_ttl", json!(36000)),
        ("num_uses", json!(5)),
        ("renewable", json!(false)),
    ] {
        assert_eq!(lookup[field], value, "{field}");
    }
    // The lesser of what is asked and what the role gives.
    write(&bench, "r", json!({ "orphan": false, "renewable": true, "token_period": 0, "path_suffix": "" })).await;
    let less = json!({ "num_uses": 2, "explicit_max_ttl": "3h", "ttl": "9h", "renewable": true });
    let child = bench.with(&token).create("create/r", less).await;
    let lookup = bench.root().write("auth/token/lookup", json!({ "token": child })).await["data"].take();
    for (field, value) in [
        ("path", json!("auth/token/create/r")),
        ("orphan", json!(false)),
        ("explicit_max_ttl", json!(10800)),
        ("ttl", json!(10800)),
        ("num_uses", json!(2)),
        ("renewable", json!(true)),
    ] {
        assert_eq!(lookup[field], value, "{field}");
    }
    let more = json!({ "explicit_max_ttl": "30h" });
    let child = bench.with(&token).create("create/r", more).await;
    let lookup = bench.root().write("auth/token/lookup", json!({ "token": child })).await["data"].take();
    assert_eq!(lookup["explicit_max_ttl"], 36000);
    bench.root().write("auth/token/revoke", json!({ "token": token })).await;
    assert_eq!(
        bench.root().write("auth/token/lookup", json!({ "token": child })).await,
        refused("DeniedBecause", "bad token"),
        "it was no orphan"
    );
}

#[tokio::test]
async fn a_role_gives_no_rights_that_need_sudo_and_no_alias_but_those_it_names() {
    let bench = Bench::new().await;
    let token = maker(&bench).await;
    write(&bench, "r", json!({ "allowed_entity_aliases": "web-*" })).await;
    for (path, about, text) in [
        ("create/none", json!({}), "unknown role none"),
        ("create/r", json!({ "period": "1h" }), "root or sudo privileges required to create periodic token"),
        ("create/r", json!({ "id": "mine" }), "root or sudo privileges required to specify token id"),
        ("create/r", json!({ "entity_alias": "app" }), "invalid 'entity_alias' value"),
        ("create", json!({ "entity_alias": "web-1" }), "'entity_alias' is only allowed in combination with token role"),
    ] {
        let reply = bench.with(&token).write(&format!("auth/token/{path}"), about.clone()).await;
        assert_eq!(reply, invalid(text), "{path} {about}");
    }
    let known = bench.with(&token).write("auth/token/create/r", json!({ "entity_alias": "Web-1" })).await;
    assert!(known["auth"]["entity_id"].as_str().is_some_and(|id| !id.is_empty()), "{known}");
    // Whether there is a parent is for the role to say, so asking for none is neither refused nor granted.
    let reply = bench.with(&token).write("auth/token/create/r", json!({ "no_parent": true })).await;
    assert_eq!(reply["auth"]["orphan"], false);
    let nobody = bench.token(json!({ "policies": "a" })).await;
    for path in ["create/r", "create/none", "roles/r", "roles/none"] {
        assert_eq!(bench.with(&nobody).write(&format!("auth/token/{path}"), json!({})).await, denied());
    }
}

#[tokio::test]
async fn a_renewal_honors_the_role_as_it_is_then() {
    let bench = Bench::new().await;
    write(&bench, "r", json!({ "token_period": "1h", "token_explicit_max_ttl": "10h" })).await;
    let token = bench.root().create("create/r", json!({ "policies": "default" })).await;
    let renewed = async |increment: Value| {
        let reply = bench.with(&token).write("auth/token/renew-self", json!({ "increment": increment })).await;
        if reply["refused"].is_string() { reply } else { reply["auth"]["lease_duration"].clone() }
    };
    assert_eq!(renewed(json!(60)).await, 3600);
    write(&bench, "r", json!({ "token_period": "2h" })).await;
    assert_eq!(renewed(json!(60)).await, 7200);
    write(&bench, "r", json!({ "token_period": 0 })).await;
    assert_eq!(renewed(json!(60)).await, 60, "no longer periodic");
    write(&bench, "r", json!({ "token_explicit_max_ttl": "30m" })).await;
    assert_eq!(renewed(json!("1h")).await, 1800);
    // What the token was promised to end by is not prolonged by a role.
    write(&bench, "r", json!({ "token_explicit_max_ttl": "20h" })).await;
    assert_eq!(renewed(json!("19h")).await, 36000);
    bench.root().delete("auth/token/roles/r").await;
    assert_eq!(renewed(json!(60)).await, invalid("original token role \"r\" could not be found, not renewing"));
    bench.clock.advance(Duration::from_secs(3600));
    assert_eq!(bench.with(&token).lookup().await["ttl"], 9 * 3600, "it lives on as it is");
}

#[tokio::test]
async fn no_token_is_made_by_a_role_as_it_was() {
    // Another node takes a policy away at every possible moment of the creation: the token has it exactly if it was
    // made before.
    let mut outcomes = (0, 0);
    for turns in 0..30 {
        let mut one = Bench::fresh(Arc::new(crate::testing::Yielding(Memory::new())), barrier::CacheMode::ReadThrough);
        one.init().await;
        let two = one.beside().await;
        write(&one, "r", json!({ "allowed_policies": "x,y" })).await;
        let before = one.keys("ns/root/token/").await.len();
        let change = late(turns, async {
            write(&two, "r", json!({ "allowed_policies": "x" })).await;
            one.keys("ns/root/token/").await.len() > before
        });
        let root = one.root();
        let make = late(12, root.write("auth/token/create/r", json!({})));
        let (made, was_made_before) = tokio::join!(make, change);
        let has_old = made["auth"]["policies"] == json!(["default", "x", "y"]);
        assert!(has_old || made["auth"]["policies"] == json!(["default", "x"]), "{made}");
        assert!(!has_old || was_made_before, "{turns} turns");
        if has_old { outcomes.0 += 1 } else { outcomes.1 += 1 }
    }
    assert!(outcomes.0 > 0 && outcomes.1 > 0, "both orders were seen: {outcomes:?}");
}

#[tokio::test]
async fn a_rival_node_only_makes_roles_try_again() {
    let memory = Arc::new(Memory::new());
    let mut bench = Bench::fresh(Arc::clone(&memory) as _, barrier::CacheMode::ReadThrough);
    bench.init().await;
    let rival = Arc::new(Rival::new(memory, 11, 60));
    let bench = bench.crashed(Arc::clone(&rival) as _).await;
    for number in 0..20 {
        assert_eq!(write(&bench, "r", json!({ "token_num_uses": number })).await, json!({}));
        let reply = bench.root().write("auth/token/create/r", json!({ "num_uses": 50 })).await;
        // A rival that rewrites the caller's liveness or the namespace's is taken for a change of it.
        if reply["auth"].is_object() {
            assert_eq!(reply["auth"]["num_uses"], if number == 0 { 50 } else { number });
        } else {
            assert!(
                reply == denied() || reply["refused"].as_str().is_some_and(|it| it.contains("concurrent")),
                "{reply}"
            );
        }
        assert_eq!(bench.root().delete("auth/token/roles/r").await, json!({}));
        assert_eq!(read(&bench, "r").await, json!(null));
    }
    assert!(rival.strikes() > 20, "{} strikes", rival.strikes());
}

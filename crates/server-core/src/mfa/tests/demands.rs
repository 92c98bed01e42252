//! Whose logins need a second factor, and which.

use std::time::Duration;

use serde_json::{Value, json};

use super::{bench, demanding, enroll, entity, knock, knock_with, made, prove, text, token, waiting};
use crate::testing::{Client, invalid, refused};

async fn enforce(root: &Client<'_>, name: &str, about: Value) {
    made(root, &format!("identity/mfa/login-enforcement/{name}"), about).await;
}

#[tokio::test]
async fn an_enforcement_is_for_whom_any_of_its_lists_names() {
    let (bench, method) = bench().await;
    let (root, nobody) = (bench.root(), bench.nobody());
    made(&root, "sys/auth/club", json!({ "type": "club" })).await;
    let (bob, _ann) = (entity(&root, &nobody, "bob").await, entity(&root, &nobody, "ann").await);
    let group = async |about: Value| text(&root.write("identity/group", about).await, "id");
    let devs = group(json!({ "name": "devs", "member_entity_ids": [bob] })).await;
    let all = group(json!({ "name": "all", "member_group_ids": [devs] })).await;
    let accessor = text(&root.read("sys/auth/door").await, "accessor");
    let lists = [
        ("auth_method_accessors", accessor, true),
        ("auth_method_types", "door".to_owned(), true),
        ("identity_group_ids", devs, false),
        ("identity_group_ids", all, false),
        ("identity_entity_ids", bob, false),
    ];
    for (list, item, is_for_ann) in lists {
        enforce(&root, "one", json!({ "mfa_method_ids": [method], list: [item] })).await;
        waiting(&knock(&nobody, "bob", json!({})).await);
        let reply = knock(&nobody, "ann", json!({})).await;
        assert_eq!(reply.get("mfa").is_some(), is_for_ann, "{list} {item}: {reply}");
        let reply = nobody.write("auth/club/enter", json!({})).await;
        assert!(reply.get("auth").is_some(), "{list} {item} at another mount: {reply}");
        assert_eq!(root.delete("identity/mfa/login-enforcement/one").await, json!({}));
        token(&knock(&nobody, "bob", json!({})).await);
    }
}

#[tokio::test]
async fn an_enforcement_is_made_shown_changed_and_checked() {
    let (bench, method) = bench().await;
    let (root, path) = (bench.root(), "identity/mfa/login-enforcement/staff");
    let accessor = text(&root.read("sys/auth/door").await, "accessor");
    made(&root, path, json!({ "mfa_method_ids": [method], "auth_method_accessors": [accessor] })).await;
    made(&root, path, json!({ "mfa_method_ids": method, "auth_method_types": "door,club" })).await;
    let shown = root.read(path).await["data"].take();
    let expected = json!({
        "id": shown["id"], "name": "staff", "namespace_id": "root", "namespace_path": "", "mfa_method_ids": [method],
        "auth_method_accessors": [accessor], "auth_method_types": ["door", "club"], "identity_group_ids": [],
        "identity_entity_ids": [],
    });
    assert_eq!(shown, expected);
    let listed = root.list("identity/mfa/login-enforcement").await;
    assert_eq!(listed["data"], json!({ "keys": ["staff"], "key_info": { "staff": expected } }));
    let for_nobody =
        "One of auth_method_accessors, auth_method_types, identity_group_ids, identity_entity_ids must be specified";
    let cases = [
        (json!({ "auth_method_types": "door" }), "missing method ids"),
        (json!({ "mfa_method_ids": [method] }), for_nobody),
        (json!({ "mfa_method_ids": [method], "auth_method_types": [] }), for_nobody),
        (
            json!({ "mfa_method_ids": ["x"], "auth_method_types": "door" }),
            "one of the provided method ids doesn't exist",
        ),
        (
            json!({ "mfa_method_ids": [method], "auth_method_types": "x" }),
            "one of the provided auth method types doesn't exist",
        ),
        (
            json!({ "mfa_method_ids": [method], "auth_method_accessors": "x" }),
            "one of the provided auth method accessors doesn't exist",
        ),
        (
            json!({ "mfa_method_ids": [method], "identity_group_ids": "x" }),
            "one of the provided group ids doesn't exist",
        ),
        (
            json!({ "mfa_method_ids": [method], "identity_entity_ids": "x" }),
            "one of the provided entity ids doesn't exist",
        ),
    ];
    for (about, text) in cases {
        assert_eq!(root.write("identity/mfa/login-enforcement/new", about.clone()).await, invalid(text), "{about}");
    }
    assert_eq!(root.delete(path).await, json!({}));
    assert_eq!(root.delete(path).await, json!({}));
    assert_eq!(root.read(path).await, refused("NotFound", "not found"));
}

#[tokio::test]
async fn each_demand_has_to_be_met_by_any_of_its_methods() {
    let (bench, phone) = demanding().await;
    let (root, nobody) = (bench.root(), bench.nobody());
    let about = json!({ "issuer": "strongroom", "method_name": "key" });
    let key = text(&root.write("identity/mfa/method/totp", about).await, "method_id");
    let key = enroll(&root, &key, &phone.entity).await;
    let both = json!({ "mfa_method_ids": [phone.method, key.method], "auth_method_types": "door" });
    enforce(&root, "either", both).await;
    let reply = knock(&nobody, "bob", json!({})).await;
    let request = waiting(&reply);
    assert_eq!(reply["mfa"]["constraints"]["either"].as_array().map(Vec::len), Some(2), "{reply}");
    // The one that is good for one of the two demands is not enough.
    let payload = json!({ "key": [key.code(&bench, 0)] });
    let refusal = prove(&nobody, &request, payload.clone()).await;
    assert!(refusal["refused"].as_str().is_some_and(|text| text.contains("enforcement staff")), "{refusal}");
    // One code meets both demands that name its method; and what was right before is still unused.
    let payload = json!({ "key": [key.code(&bench, 0)], "phone": [phone.code(&bench, 0)] });
    token(&prove(&nobody, &request, payload).await);
    bench.clock.advance(Duration::from_secs(60));
    let along = [format!("phone:{}", phone.code(&bench, 0))];
    token(&knock_with(&nobody, "bob", &along).await);
    // Of two methods the second does when the first is wrong; the wrong code counts.
    assert_eq!(root.delete("identity/mfa/login-enforcement/staff").await, json!({}));
    let along = [format!("phone:{}", phone.wrong(&bench)), format!("key:{}", key.code(&bench, 0))];
    token(&knock_with(&nobody, "bob", &along).await);
    let tries = bench.keys("ns/root/mfa-tries/").await;
    assert_eq!(tries.len(), 2, "{tries:?}");
}

#[tokio::test]
async fn who_has_no_secret_gets_in_nowhere() {
    let (bench, phone) = demanding().await;
    let nobody = bench.nobody();
    let request = waiting(&knock(&nobody, "ann", json!({})).await);
    let payload = json!({ &phone.method: [phone.code(&bench, 0)] });
    let reply = prove(&nobody, &request, payload).await;
    let text = reply["refused"].as_str().unwrap_or_default();
    assert!(text.contains("MFA secret for method name \"phone\" not present in entity"), "{reply}");
}

#[tokio::test]
async fn what_a_namespace_demands_holds_below_it() {
    let (bench, method) = bench().await;
    let (root, nobody) = (bench.root(), bench.nobody());
    for ns in ["team", "team/inner", "other"] {
        let (above, name) = ns.rsplit_once('/').unwrap_or(("", ns));
        let made = root.clone().within(above).write(&format!("sys/namespaces/{name}"), json!({})).await;
        text(&made, "id");
        made_door(&root.clone().within(ns)).await;
    }
    let (inner, at_inner) = (root.clone().within("team/inner"), nobody.clone().within("team/inner"));
    let bob = entity(&inner, &at_inner, "bob").await;
    // A method of above may be used below, and is not shown there.
    let phone = enroll(&inner, &method, &bob).await;
    assert_eq!(inner.read(&format!("identity/mfa/method/{method}")).await, refused("NotFound", "not found"));
    let about = json!({ "mfa_method_ids": [method], "identity_entity_ids": [bob] });
    enforce(&root.clone().within("team"), "below", about.clone()).await;
    let elsewhere = root.clone().within("other").write("identity/mfa/login-enforcement/x", about).await;
    assert_eq!(elsewhere, invalid("one of the provided entity ids doesn't exist"));
    let own = text(&inner.write("identity/mfa/method/totp", json!({ "issuer": "inner" })).await, "method_id");
    let about = json!({ "mfa_method_ids": [own], "auth_method_types": "door" });
    let upwards = root.clone().within("team").write("identity/mfa/login-enforcement/x", about).await;
    assert_eq!(upwards, invalid("one of the provided method ids doesn't exist"));
    let request = waiting(&knock(&at_inner, "bob", json!({})).await);
    for elsewhere in ["", "team", "other"] {
        let payload = json!({ &method: [phone.code(&bench, 0)] });
        let reply = prove(&nobody.clone().within(elsewhere), &request, payload).await;
        assert_eq!(reply, invalid("invalid request ID"), "in {elsewhere:?}");
    }
    token(&prove(&at_inner, &request, json!({ "phone": [phone.code(&bench, 0)] })).await);
    token(&knock(&nobody.clone().within("other"), "bob", json!({})).await);
    token(&knock(&nobody.clone().within("team"), "bob", json!({})).await);
    // What is demanded for a type holds for all mounts below; two demands of one name are told apart.
    enforce(&root, "below", json!({ "mfa_method_ids": [method], "auth_method_types": "door" })).await;
    let reply = knock(&at_inner, "bob", json!({})).await;
    let names: Vec<_> = reply["mfa"]["constraints"].as_object().expect("demands").keys().cloned().collect();
    assert_eq!(names, ["below", "below (root)"]);
    // A login that waits in a namespace that is locked does not end in a token.
    let request = waiting(&reply);
    bench.clock.advance(Duration::from_secs(60));
    let locked = root.write("sys/namespaces/api-lock/lock/team", json!({})).await;
    let key = text(&locked, "unlock_key");
    let payload = json!({ "phone": [phone.code(&bench, 0)] });
    let reply = prove(&at_inner, &request, payload.clone()).await;
    assert!(reply["refused"].is_string() && reply.get("auth").is_none(), "{reply}");
    let unlocked = root.write("sys/namespaces/api-lock/unlock/team", json!({ "unlock_key": key })).await;
    assert_eq!(unlocked, json!({}));
    token(&prove(&at_inner, &request, payload).await);
    // What used a method from a namespace that has gone does not keep it.
    assert_eq!(root.delete("identity/mfa/login-enforcement/below").await, json!({}));
    for (above, name) in [("team", "inner"), ("", "team")] {
        root.clone().within(above).delete(&format!("sys/namespaces/{name}")).await;
        bench.settle().await;
    }
    assert_eq!(root.delete(&format!("identity/mfa/method/totp/{method}")).await, json!({}));
}

async fn made_door(root: &Client<'_>) {
    made(root, "sys/auth/door", json!({ "type": "door" })).await;
}

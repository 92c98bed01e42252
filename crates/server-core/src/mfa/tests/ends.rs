//! What ends a login that waits, and what takes secrets along.

use std::time::Duration;

use framework::Operation;
use serde_json::{Value, json};

use super::{USED, WRONG, demanding, enroll, knock, knock_with, made, prove, text, token, unmet, waiting};
use crate::mfa::waiting::TTL;
use crate::testing::{denied, invalid, refused};

#[tokio::test]
async fn a_login_waits_five_minutes_and_leaves_nothing() {
    let (bench, phone) = demanding().await;
    let nobody = bench.nobody();
    let request = waiting(&knock(&nobody, "bob", json!({})).await);
    bench.clock.advance(TTL);
    let payload = json!({ "phone": [phone.code(&bench, 0)] });
    assert_eq!(prove(&nobody, &request, payload).await, invalid("invalid request ID"));
    bench.settle().await;
    let left: Vec<_> = bench.keys("").await.into_iter().filter(|key| key.contains("/mfa-login/")).collect();
    assert!(left.is_empty() && bench.keys("ns/root/mfa-waiting/").await.is_empty(), "{left:?}");
    assert!(bench.keys("due/").await.iter().all(|key| !key.contains("/mfa/")));
}

#[tokio::test]
async fn the_oldest_of_too_many_logins_makes_room() {
    let (bench, phone) = demanding().await;
    let nobody = bench.nobody();
    let mut requests = Vec::new();
    for _ in 0..25 {
        requests.push(waiting(&knock(&nobody, "bob", json!({})).await));
        bench.clock.advance(Duration::from_millis(1));
    }
    for part in ["mfa-login", "mfa-waiting"] {
        assert_eq!(bench.keys(&format!("ns/root/{part}/")).await.len(), 20, "{part}");
    }
    assert_eq!(bench.keys("due/").await.iter().filter(|key| key.contains("/mfa/")).count(), 20);
    let payload = json!({ "phone": [phone.code(&bench, 0)] });
    assert_eq!(prove(&nobody, &requests[4], payload.clone()).await, invalid("invalid request ID"));
    token(&prove(&nobody, &requests[5], payload).await);
}

#[tokio::test]
async fn what_the_first_step_was_decided_from_must_not_have_changed() {
    let (bench, phone) = demanding().await;
    let (root, nobody) = (bench.root(), bench.nobody());
    let code = |later| json!({ "phone": [phone.code(&bench, later)] });
    made(&root, "auth/door/users/bob", json!({})).await;
    let request = waiting(&knock(&nobody, "bob", json!({})).await);
    assert_eq!(root.delete("auth/door/users/bob").await, json!({}));
    let changed = refused("DeniedBecause", "what the login was decided from has changed meanwhile: log in again");
    assert_eq!(prove(&nobody, &request, code(0)).await, changed);
    // A use is taken by the first step: who begins twice has to have two.
    made(&root, "auth/door/users/bob", json!({})).await;
    let once = json!({ "once": true, "must_be_known": true });
    let request = waiting(&knock(&nobody, "bob", once.clone()).await);
    assert_eq!(knock(&nobody, "bob", once).await, invalid("nobody knows you"));
    token(&prove(&nobody, &request, code(0)).await);
}

#[tokio::test]
async fn a_login_ends_with_its_mount_its_entity_and_its_secret() {
    let (bench, phone) = demanding().await;
    let (root, nobody) = (bench.root(), bench.nobody());
    let code = json!({ "phone": [phone.code(&bench, 0)] });
    let path = format!("identity/entity/id/{}", phone.entity);
    let request = waiting(&knock(&nobody, "bob", json!({})).await);
    made(&root, &path, json!({ "disabled": true })).await;
    assert_eq!(prove(&nobody, &request, code.clone()).await, denied());
    made(&root, &path, json!({ "disabled": false })).await;
    let about = json!({ "method_id": phone.method, "entity_id": phone.entity });
    made(&root, "identity/mfa/method/totp/admin-destroy", about).await;
    let reply = prove(&nobody, &request, code.clone()).await;
    assert!(reply["refused"].as_str().is_some_and(|text| text.contains("not present in entity")), "{reply}");
    let phone = enroll(&root, &phone.method, &phone.entity).await;
    let code = json!({ "phone": [phone.code(&bench, 0)] });
    // A mount that is enabled again at the same path is another one.
    root.delete("sys/auth/door").await;
    assert_eq!(prove(&nobody, &request, code.clone()).await, denied());
    made(&root, "sys/auth/door", json!({ "type": "door" })).await;
    assert_eq!(prove(&nobody, &request, code).await, denied());
}

#[tokio::test]
async fn a_login_that_nobody_demands_a_second_factor_of_any_more_begins_anew() {
    let (bench, phone) = demanding().await;
    let nobody = bench.nobody();
    let request = waiting(&knock(&nobody, "bob", json!({})).await);
    assert_eq!(bench.root().delete("identity/mfa/login-enforcement/staff").await, json!({}));
    let text = "no login enforcement is for this login any more: log in again";
    let payload = json!({ "phone": [phone.code(&bench, 0)] });
    assert_eq!(prove(&nobody, &request, payload).await, invalid(text));
    token(&knock(&nobody, "bob", json!({})).await);
}

#[tokio::test]
async fn a_secret_goes_with_its_entity_and_moves_with_a_merge() {
    let (bench, phone) = demanding().await;
    let (root, nobody) = (bench.root(), bench.nobody());
    token(&knock_with(&nobody, "bob", &[format!("phone:{}", phone.code(&bench, 0))]).await);
    let request = waiting(&knock(&nobody, "bob", json!({})).await);
    let other = text(&root.write("identity/entity", json!({ "name": "other" })).await, "id");
    let merge = json!({ "from_entity_ids": [phone.entity], "to_entity_id": other });
    assert_eq!(root.write("identity/entity/merge", merge).await, json!({}));
    let used = unmet("staff", USED, &phone.method);
    assert_eq!(prove(&nobody, &request, json!({ "phone": [phone.code(&bench, 0)] })).await, used, "as it was");
    let done = prove(&nobody, &request, json!({ "phone": [phone.code(&bench, 1)] })).await;
    assert_eq!(done["auth"]["entity_id"], json!(other));
    // Of two secrets of one method the target's own stays.
    let third = text(&root.write("identity/entity", json!({ "name": "third" })).await, "id");
    let own = enroll(&root, &phone.method, &third).await;
    let merge = json!({ "from_entity_ids": [other], "to_entity_id": third });
    assert_eq!(root.write("identity/entity/merge", merge).await, json!({}));
    bench.clock.advance(Duration::from_secs(90));
    let old = [format!("phone:{}", phone.code(&bench, 0))];
    assert_eq!(knock_with(&nobody, "bob", &old).await, unmet("staff", WRONG, &phone.method));
    token(&knock_with(&nobody, "bob", &[format!("phone:{}", own.code(&bench, 0))]).await);
    assert_eq!(root.delete(&format!("identity/entity/id/{third}")).await, json!({}));
    for part in ["mfa-secret", "mfa-tries", "mfa-enrolled"] {
        assert!(bench.keys(&format!("ns/root/{part}/")).await.is_empty(), "{part}");
    }
}

#[tokio::test]
async fn a_login_that_waits_is_not_wrapped_and_its_end_may_be() {
    let (bench, phone) = demanding().await;
    let nobody = bench.nobody();
    let wrapped = async |path: &str, about: Value| {
        let mut request = nobody.request(Operation::Update, path, about);
        request.wrap_ttl = Some(Duration::from_secs(60));
        nobody.answer(request).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let reply = wrapped("auth/door/login/bob", json!({})).await;
    assert!(reply.wrap_info.is_none() && reply.auth.is_none());
    let request = reply.mfa.expect("it waits").request_id;
    let about = json!({ "mfa_request_id": request, "mfa_payload": { "phone": [phone.code(&bench, 0)] } });
    let reply = wrapped("sys/mfa/validate", about).await;
    assert!(reply.auth.is_none(), "the token is inside");
    assert!(reply.wrap_info.expect("wrapped").wrapped_accessor.is_some());
}

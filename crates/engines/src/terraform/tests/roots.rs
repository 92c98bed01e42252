//! Replacing the token in the configuration.

use simulators::terraform_cloud::OWNERS;
use simulators::{Fault, Rule};

use super::*;

const BY_HAND: &str = "the token before was written by hand and is not revoked: revoke it in Terraform Cloud";

#[tokio::test]
async fn a_root_token_is_replaced_by_one_that_nobody_knows() {
    for (root, of, id) in [(Root::User, "user", USER), (Root::Owners, "team", OWNERS)] {
        let world = World::new(root).await;
        let about = json!({ "token_owner_type": of, "owner_id": id, "last_vault_rotation": "2030-01-01T00:00:00Z" });
        let first = world.harness.write("rotate-root", json!({})).await;
        assert_eq!(first, json!({ "data": about, "warnings": [BY_HAND] }));
        assert_eq!(world.live(), 1);
        let second = world.harness.write("rotate-root", json!({})).await;
        assert_eq!(second, json!({ "data": about }));
        assert_eq!((world.live(), world.harness.intended()), (1, 0), "the first has ended");
        let shown = world.harness.read("config").await["data"].take();
        assert_eq!((&shown["owner_id"], shown["token"].is_null()), (&json!(id), true));
        world.role("org", json!({ "organization": ORGANIZATION })).await;
    }
}

#[tokio::test]
async fn an_organizations_root_token_ends_with_the_next() {
    let world = World::new(Root::Organization).await;
    assert_eq!(world.harness.write("config", json!({ "explicit_max_ttl": "1h" })).await, json!({}));
    let rotated = world.harness.write("rotate-root", json!({})).await;
    assert_eq!((&rotated["data"]["token_owner_type"], &rotated["warnings"]), (&json!("organization"), &Value::Null));
    let live = world.cloud.live();
    assert_eq!(live.len(), 1, "it has one");
    assert_eq!(live.iter().map(|it| it.expires).collect::<Vec<_>>(), [Some(1_893_459_600_000)]);
    world.role("ci", json!({ "team_id": TEAM, "credential_type": "team" })).await;
    assert!(world.creds("ci").await["data"]["token"].is_string(), "the new one works");
}

#[tokio::test]
async fn a_rotation_that_fails_keeps_the_old_token() {
    for rule in [
        Rule::once("POST", "users", Fault::Cut),
        Rule::once("POST", "users", Fault::Status(503)),
        Rule { calls: 2, ..Rule::always("GET", "account", Fault::Status(401)) },
    ] {
        let world = World::new(Root::User).await;
        let is_late = rule.method == "GET";
        if is_late {
            // The first question whose token it is goes well, the one with the new token does not.
            world.cloud.fail(Rule::once("GET", "account", Fault::Slow(Duration::ZERO)));
            world.cloud.fail(Rule::once("GET", "account", Fault::Status(401)));
        } else {
            world.cloud.fail(rule.clone());
        }
        let failed = world.harness.write("rotate-root", json!({})).await;
        assert_eq!(failed["error"], "world", "{rule:?}: {failed}");
        world.cloud.heal();
        world.advance(Duration::from_secs(60));
        world.harness.sweep().await.expect("what was made is found");
        assert_eq!((world.live(), world.harness.intended()), (0, 0), "{rule:?}");
        world.role("me", json!({ "user_id": USER })).await;
        assert!(world.creds("me").await["data"]["token"].is_string(), "the old one works");
    }
}

#[tokio::test]
async fn the_one_before_ends_later_when_it_cannot_end_now() {
    let world = World::new(Root::User).await;
    world.harness.write("rotate-root", json!({})).await;
    world.cloud.fail(Rule::always("DELETE", "", Fault::Status(503)));
    assert!(world.harness.write("rotate-root", json!({})).await["data"].is_object());
    assert_eq!((world.live(), world.harness.intended()), (2, 1));
    world.cloud.heal();
    world.harness.sweep().await.expect("it ends");
    assert_eq!((world.live(), world.harness.intended()), (1, 0));
    world.role("me", json!({ "user_id": USER })).await;
    assert!(world.creds("me").await["data"]["token"].is_string(), "and it was the right one");
}

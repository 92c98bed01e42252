//! Tokens of users and teams: made, renewed, revoked.

use simulators::terraform_cloud::{OTHER_USER, PolicyEffect};
use simulators::{Fault, Rule};

use super::*;

#[tokio::test]
async fn a_users_token_is_a_lease_and_ends_with_it() {
    let world = World::new(Root::User).await;
    world.role("me", json!({ "user_id": USER, "ttl": "3m", "max_ttl": "1h" })).await;
    let made = world.creds("Me").await;
    assert_eq!(
        made["grant"],
        json!({ "kind": "terraform_token", "ttl_secs": 180, "max_ttl_secs": 3600, "renewable": true })
    );
    let (token, id) = (text_of(&made["data"]["token"]), text_of(&made["data"]["token_id"]));
    assert_eq!(made["data"].as_object().map(Map::len), Some(2), "a user's token has nothing else");
    assert!(world.cloud.knows(&token) && id.starts_with("at-"));
    let [listed] = &world.cloud.orphans(&[])[..] else { panic!("there is one") };
    assert_eq!(listed.expires, i64::try_from(START_SECS + 3_600).ok().map(|secs| secs * 1_000), "it ends by itself");
    assert_eq!((world.harness.lent(), world.harness.intended()), (1, 0));
    world.harness.revoke(0).await.expect("it is revoked");
    assert!(!world.cloud.knows(&token));
}

#[tokio::test]
async fn teams_have_many_tokens_with_descriptions_of_their_own() {
    let world = World::new(Root::Organization).await;
    world.role("ci", json!({ "team_id": TEAM, "credential_type": "team", "description": "deploy bot" })).await;
    let (first, second) = (world.creds("ci").await, world.creds("ci").await);
    for made in [&first, &second] {
        let data = &made["data"];
        assert!(text_of(&data["description"]).starts_with("deploy bot("), "{data}");
        assert_eq!(data["expired_at"], "2030-02-02T00:00:00Z", "the mount's 32 days");
        assert!(world.cloud.knows(&text_of(&data["token"])));
    }
    assert_ne!(first["data"]["description"], second["data"]["description"]);
    world.harness.revoke(0).await.expect("it is revoked");
    assert_eq!(world.live(), 1);
}

#[tokio::test]
async fn a_token_that_is_gone_is_done_only_while_the_root_token_works() {
    let world = World::new(Root::User).await;
    world.role("me", json!({ "user_id": USER })).await;
    let id = text_of(&world.creds("me").await["data"]["token_id"]);
    world.cloud.remove(&id);
    assert_eq!(world.harness.write("config", json!({ "token": "wrong" })).await, json!({}));
    let refused = world.harness.revoke(0).await.expect_err("nobody can tell");
    assert_eq!(refused.to_string(), "error revoking token: unauthorized");
    let root = world.cloud.root(Root::User);
    assert_eq!(world.harness.write("config", json!({ "token": root })).await, json!({}));
    world.harness.revoke(0).await.expect("it is gone");
}

#[tokio::test]
async fn a_renewal_stays_within_the_role_and_the_life_of_the_token() {
    let world = World::new(Root::User).await;
    world.role("me", json!({ "user_id": USER, "max_ttl": "1h" })).await;
    world.creds("me").await;
    world.role("me", json!({ "ttl": "10m", "max_ttl": "10h" })).await;
    let limits = world.harness.limits(0).await.expect("it is there").expect("it says");
    assert_eq!((limits.ttl, limits.max_ttl), (Duration::from_secs(600), Duration::from_secs(3_600)));
    world.role("me", json!({ "max_ttl": "20m" })).await;
    let limits = world.harness.limits(0).await.expect("it is there").expect("it says");
    assert_eq!(limits.max_ttl, Duration::from_secs(1_200));
    assert_eq!(world.harness.delete("role/me").await, json!({}));
    assert_eq!(world.harness.limits(0).await.expect_err("the role is gone").to_string(), "role \"me\" not found");
    world.harness.revoke(0).await.expect("it needs no role");
}

#[tokio::test]
async fn an_organization_that_allows_less_is_followed() {
    let world = World::new(Root::User).await;
    world.role("me", json!({ "user_id": USER, "max_ttl": "10h" })).await;
    world.cloud.limit_lives("user", 3_600_000, PolicyEffect::Clamps);
    assert_eq!(world.creds("me").await["grant"]["max_ttl_secs"], json!(3600));
    world.cloud.limit_lives("user", 3_600_000, PolicyEffect::Refuses);
    let text = "error creating Terraform token: invalid attributes\n\nExpired at exceeds the maximum that the organization \
                allows";
    assert_eq!(text_of(&world.creds("me").await["text"]).split(": ").take(2).collect::<Vec<_>>().join(": "), text);
}

#[tokio::test]
async fn what_the_other_side_says_is_told_and_tokens_are_not() {
    let world = World::new(Root::User).await;
    world.role("other", json!({ "user_id": OTHER_USER })).await;
    world.role("me", json!({ "user_id": USER })).await;
    let not_found = world.creds("other").await;
    assert!(text_of(&not_found["text"]).starts_with("error creating Terraform token: resource not found"));
    for (status, text) in [
        (401, "unauthorized"),
        (403, "refused"),
        (503, "internal server error\n\nsomething went wrong on our side"),
        (429, "Too many requests\n\nYou have exceeded the API's rate limit."),
    ] {
        world.cloud.fail(Rule::always("POST", "users", Fault::Status(status)));
        let refused = world.creds("me").await;
        let expected = format!("error creating Terraform token: {text}");
        assert!(text_of(&refused["text"]).starts_with(&expected), "{refused}");
        world.cloud.heal();
    }
    let issued = world.cloud.issued();
    assert!(issued.iter().all(|token| !not_found.to_string().contains(token)));
}

#[tokio::test]
async fn a_limit_of_the_rate_is_waited_out() {
    let world = World::new(Root::User).await;
    world.role("me", json!({ "user_id": USER })).await;
    world.cloud.fail(Rule { calls: 3, ..Rule::always("POST", "users", Fault::Status(429)) });
    assert!(world.creds("me").await["data"]["token"].is_string());
    assert_eq!(world.cloud.asked().len(), 4);
}

#[tokio::test]
async fn what_was_refused_for_certain_is_not_asked_for_again() {
    let world = World::new(Root::User).await;
    world.role("me", json!({ "user_id": USER })).await;
    world.cloud.fail(Rule::always("POST", "users", Fault::Status(404)));
    world.creds("me").await;
    assert_eq!((world.cloud.asked().len(), world.harness.intended()), (1, 0));
}

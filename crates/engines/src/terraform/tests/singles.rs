//! The tokens of organizations, and of teams without descriptions.

use simulators::terraform_cloud::{MANAGERS, OWNERS};
use simulators::{Fault, Rule};

use super::*;

#[tokio::test]
async fn an_organizations_token_is_kept_until_it_is_rotated() {
    let world = World::new(Root::User).await;
    world.role("org", json!({ "organization": ORGANIZATION })).await;
    let first = world.creds("org").await;
    let data = json!({ "organization": ORGANIZATION, "role": "org", "team_id": "", "token": first["data"]["token"],
        "token_id": first["data"]["token_id"] });
    assert_eq!(first, json!({ "data": data }), "it is no lease");
    world.role("ORG", json!({ "organization": ORGANIZATION, "ttl": "1h" })).await;
    assert_eq!(world.creds("org").await, first, "a role that is written again keeps it");
    assert_eq!(world.harness.write("rotate-role/Org", json!({})).await, json!({}));
    let second = world.creds("org").await;
    assert_ne!(first["data"]["token_id"], second["data"]["token_id"]);
    let works = [&first, &second].map(|made| world.cloud.knows(&text_of(&made["data"]["token"])));
    assert_eq!((works, world.live(), world.harness.intended()), ([false, true], 1, 0));
    let read = world.harness.read("role/org").await["data"].take();
    assert_eq!(read, json!({ "name": "org", "ttl": 3600, "max_ttl": 0, "organization": ORGANIZATION }));
    let left = json!({ "warnings": ["the token that this role handed out until now is not revoked"] });
    assert_eq!(world.harness.delete("role/org").await, left);
}

#[tokio::test]
async fn a_team_has_one_token_without_a_description() {
    let world = World::new(Root::Managers).await;
    world.role("team", json!({ "team_id": TEAM })).await;
    assert_eq!(world.harness.read("role/team").await["data"]["credential_type"], "team_legacy");
    let first = world.creds("team").await;
    assert_eq!((&first["data"]["team_id"], &first["data"]["organization"]), (&json!(TEAM), &json!("")));
    let changed = world.harness.write("role/team", json!({ "team_id": OWNERS })).await;
    assert_eq!(changed["warnings"].as_array().map(Vec::len), Some(1), "the token of the other team lives on");
    assert_ne!(world.creds("team").await["data"]["token"], first["data"]["token"]);
}

#[tokio::test]
async fn only_single_tokens_are_rotated() {
    let world = World::new(Root::User).await;
    world.role("me", json!({ "user_id": USER })).await;
    world.role("ci", json!({ "team_id": TEAM, "credential_type": "team" })).await;
    let team = "cannot rotate credentials for credential_type = team token roles. Only works for credential_type = \
                team_legacy.";
    for (name, text) in
        [("nobody", "missing role entry"), ("me", "cannot rotate credentials for user roles"), ("ci", team)]
    {
        assert_eq!(world.harness.write(&format!("rotate-role/{name}"), json!({})).await, invalid(text));
    }
}

#[tokio::test]
async fn the_token_in_config_is_never_replaced_by_a_role() {
    for (root, role) in [
        (Root::Organization, json!({ "organization": ORGANIZATION })),
        (Root::Managers, json!({ "team_id": MANAGERS })),
    ] {
        let world = World::new(root).await;
        if root == Root::Managers {
            // With a token of its own that has no description, the team's root token could be that one.
            world.role("first", role.clone()).await;
        }
        let refused = world.harness.write("role/a", role).await;
        assert!(text_of(&refused["text"]).starts_with("the token in config is this owner's"), "{refused}");
        assert_eq!(world.harness.read("role/a").await, json!({ "error": "not found" }));
    }
}

#[tokio::test]
async fn a_role_whose_token_was_refused_is_not_stored() {
    let world = World::new(Root::Team).await;
    let refused = world.harness.write("role/org", json!({ "organization": ORGANIZATION })).await;
    assert!(text_of(&refused["text"]).starts_with("error creating Terraform token: resource not found"), "{refused}");
    assert_eq!(world.harness.read("role/org").await, json!({ "error": "not found" }));
    assert_eq!((world.live(), world.harness.intended()), (0, 0));
}

#[tokio::test]
async fn many_rotations_that_were_cut_off_make_one_token() {
    let world = World::new(Root::User).await;
    world.role("org", json!({ "organization": ORGANIZATION })).await;
    // Each is cut off, and nothing can be found out at once.
    world.cloud.fail(Rule::always("POST", "authentication-token", Fault::Cut));
    for _ in 0..5 {
        world.harness.write("rotate-role/org", json!({})).await;
    }
    world.cloud.heal();
    assert!(world.harness.intended() > 1);
    world.advance(Duration::from_secs(120));
    drop(world.cloud.asked());
    world.harness.sweep().await.expect("the first makes a token, and the others see it");
    let made = world.cloud.asked().into_iter().filter(|it| it.starts_with("POST")).count();
    let handed_out = world.creds("org").await;
    assert!(world.cloud.knows(&text_of(&handed_out["data"]["token"])));
    assert_eq!((made, world.live(), world.harness.intended()), (1, 1, 0));
}

#[tokio::test]
async fn a_lost_answer_leaves_no_token_that_nobody_knows() {
    let world = World::new(Root::User).await;
    world.cloud.fail(Rule::once("POST", "authentication-token", Fault::Cut));
    let lost = world.harness.write("role/org", json!({ "organization": ORGANIZATION })).await;
    assert_eq!(lost["error"], "world", "{lost}");
    assert_eq!((world.live(), world.harness.intended()), (0, 0), "there is no role, so the token has ended");
    world.role("org", json!({ "organization": ORGANIZATION })).await;
    world.cloud.fail(Rule::once("POST", "authentication-token", Fault::Cut));
    world.harness.write("rotate-role/org", json!({})).await;
    let made = world.creds("org").await;
    assert!(world.cloud.knows(&text_of(&made["data"]["token"])), "the role got another one");
    assert_eq!((world.live(), world.harness.intended()), (1, 0));
}

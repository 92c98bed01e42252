//! Static roles and the engine's own client: secrets that are rotated where they are in use.

use framework::rotation::CLAIM_PATIENCE;

use super::*;

async fn shown(world: &World) -> Value {
    world.read("static-creds/kept").await["data"].take()
}

/// The client that the role tells.
async fn kept(world: &World) -> Credentials {
    let shown = shown(world).await;
    let text = |name: &str| shown[name].as_str().unwrap_or_else(|| panic!("no {name}: {shown}")).to_owned();
    Credentials { id: text("client_id"), secret: text("client_secret") }
}

#[tokio::test]
async fn a_client_that_was_there_is_taken_over_and_rotated() {
    let world = World::new().await;
    let before = world.cloud.make_client("billing", &[ROLE]);
    let role = json!({ "oauth_client_id": before.id, "rotation_period": "1h" });
    assert_eq!(world.write("static-role/kept", role).await, json!({}));
    let first = kept(&world).await;
    assert!(world.knows(&first) && !world.knows(&before), "nobody knew it: it is another one at once");
    assert_eq!(world.cloud.live_tokens(), 0, "what it was tried with has ended");
    let seen = shown(&world).await;
    assert_eq!((&seen["rotation_period"], &seen["api_url"]), (&json!(3600), &json!(world.cloud.url())));
    assert!(seen["last_vault_rotation"].is_string() && seen["next_vault_rotation"].is_string(), "{seen}");
    assert!((3590..3637).contains(&seen["ttl"].as_u64().expect("seconds")), "{seen}");
    world.pass(3_700);
    world.settle().await;
    let second = kept(&world).await;
    assert!(world.knows(&second) && second != first);
    assert_eq!(world.write("rotate-role/kept", json!({})).await, json!({}));
    let third = kept(&world).await;
    assert!(world.knows(&third) && third != second);
    assert_eq!(world.delete("static-role/kept").await, json!({}));
    assert!(world.knows(&third), "it was there before the role, and is left alone");
    world.pass(86_400);
    world.settle().await;
    assert!(world.knows(&third));
    let again = json!({ "oauth_client_id": before.id, "rotation_schedule": "0 3 * * SUN", "rotation_window": "2h" });
    assert_eq!(world.write("static-role/kept", again).await, json!({}));
    let role = world.read("static-role/kept").await["data"].take();
    assert_eq!((&role["rotation_schedule"], &role["rotation_window"]), (&json!("0 3 * * SUN"), &json!(7200)));
}

#[tokio::test]
async fn a_client_that_the_role_makes_goes_with_it() {
    let world = World::new().await;
    let role = json!({ "role_divisions": ROLE, "rotation_period": "1h", "access_token_validity": "10m" });
    assert_eq!(world.write("static-role/kept", role).await, json!({}));
    assert_eq!((world.made(), world.harness.intended()), (1, 0));
    let first = kept(&world).await;
    assert!(world.knows(&first));
    assert!(shown(&world).await["last_vault_rotation"].is_string(), "it was fresh then");
    drop(world.cloud.asked());
    let change = json!({ "access_token_validity": "20m", "description": "billing", "rotation_period": "2h" });
    assert_eq!(world.write("static-role/kept", change).await, json!({}));
    assert!(world.cloud.asked().iter().any(|asked| asked.starts_with("PUT ")));
    let role = world.read("static-role/kept").await["data"].take();
    assert_eq!((&role["access_token_validity"], &role["description"]), (&json!(1200), &json!("billing")));
    assert_eq!(role["rotation_period"], json!(7200));
    assert_eq!(world.harness.list("static-role/").await, json!({ "data": { "keys": ["kept"] } }));
    world.cloud.fail(Rule::always("DELETE", "/oauth/clients", Fault::Status(403)));
    assert!(world_text(&world.delete("static-role/kept").await).contains("API Error: 403"));
    assert!(world.read("static-role/kept").await["data"].is_object(), "what Genesys Cloud keeps is known");
    world.cloud.heal();
    assert_eq!(world.delete("config").await, json!({}));
    let unset = refused("the engine is not configured yet: write config first");
    assert_eq!(world.delete("static-role/kept").await, unset, "nor what nobody could delete");
    world.configure().await;
    assert_eq!(world.delete("static-role/kept").await, json!({}));
    assert_eq!((world.made(), world.read("static-role/kept").await), (0, json!({ "error": "not found" })));
    assert!(world.harness.due_lines().await.expect("it reads").is_empty());
}

#[tokio::test]
async fn a_rotation_whose_answer_is_lost_is_done_again_until_a_secret_is_known() {
    let world = World::new().await;
    let role = json!({ "role_divisions": ROLE, "rotation_schedule": "0 3 * * *", "rotation_window": "1h" });
    assert_eq!(world.write("static-role/kept", role).await, json!({}));
    let first = kept(&world).await;
    world.write("config", json!({ "max_retries": 0 })).await;
    world.cloud.fail(Rule { calls: 3, ..Rule::once("POST", "/secret", Fault::Cut) });
    let reply = world.write("rotate-role/kept", json!({})).await;
    assert!(world_text(&reply).contains("Genesys Cloud does not answer"), "{reply}");
    assert!(!world.knows(&first), "it was replaced all the same");
    let seen = world.read("static-creds/kept").await;
    let warning = seen["warnings"][0].as_str().unwrap_or_default();
    assert!(warning.starts_with("rotating the secret has failed 1 times, so that it may be dead"), "{seen}");
    for _ in 0..3 {
        world.pass(60);
        world.settle().await;
    }
    assert!(world.knows(&kept(&world).await), "far outside of its window");
    assert_eq!(world.read("static-creds/kept").await["warnings"], Value::Null);
}

#[tokio::test]
async fn a_rotation_that_is_refused_leaves_the_secret_that_works() {
    let world = World::new().await;
    let role = json!({ "role_divisions": ROLE, "rotation_period": "1h" });
    assert_eq!(world.write("static-role/kept", role).await, json!({}));
    let first = kept(&world).await;
    world.write("config", json!({ "max_retries": 0 })).await;
    world.cloud.fail(Rule::always("POST", "/secret", Fault::Status(403)));
    world.pass(3_700);
    world.settle().await;
    assert!(world.knows(&first) && kept(&world).await == first);
    let reply = world.write("rotate-role/kept", json!({})).await;
    assert!(world_text(&reply).contains("API Error: 403"), "{reply}");
    world.cloud.heal();
    world.pass(600);
    world.settle().await;
    let second = kept(&world).await;
    assert!(world.knows(&second) && second != first);
}

#[tokio::test]
async fn the_first_rotation_is_tried_again_when_it_fails() {
    let world = World::new().await;
    let before = world.cloud.make_client("billing", &[ROLE]);
    world.write("config", json!({ "max_retries": 0 })).await;
    world.cloud.fail(Rule::once("POST", "/secret", Fault::Cut));
    let role = json!({ "oauth_client_id": before.id, "rotation_period": "1h" });
    let reply = world.write("static-role/kept", role).await;
    let warning = reply["warnings"][0].as_str().unwrap_or_default();
    assert!(warning.starts_with("the role is there; its first rotation failed, and is tried again"), "{reply}");
    let none = world.read("static-creds/kept").await;
    assert!(world_text(&none).starts_with("the first rotation of this role has not succeeded yet"), "{none}");
    world.pass(60);
    world.settle().await;
    assert!(world.knows(&kept(&world).await));
}

#[tokio::test]
async fn a_new_secret_that_is_not_taken_yet_is_waited_for() {
    let world = World::new().await;
    world.cloud.switch(|switches| switches.secret_millis = 5_000);
    let before = world.cloud.make_client("billing", &[ROLE]);
    let role = json!({ "oauth_client_id": before.id, "rotation_period": "1h" });
    assert_eq!(world.write("static-role/kept", role).await, json!({}));
    world.cloud.switch(|switches| switches.secret_millis = 60_000);
    let reply = world.write("rotate-role/kept", json!({})).await;
    let warning = reply["warnings"][0].as_str().unwrap_or_default();
    assert!(warning.starts_with("the new secret is stored and not taken yet"), "{reply}");
    assert!(world.knows(&kept(&world).await));
}

#[tokio::test]
async fn the_engine_s_own_secret_is_rotated_and_nobody_else_knows_it() {
    let world = World::with_role(json!({})).await;
    assert_eq!(world.write("rotate-root", json!({})).await, json!({}));
    assert!(!world.knows(&world.root), "the secret that was written is dead");
    world.pass(90_000);
    world.client().await;
    assert_eq!(world.write("rotate-root", json!({})).await, json!({}));
    world.pass(90_000);
    world.client().await;
    assert_eq!(world.delete("config").await, json!({}));
    assert!(world.harness.due_lines().await.expect("it reads").is_empty());
}

#[tokio::test]
async fn an_answer_to_rotate_root_that_is_lost_locks_nobody_out() {
    let world = World::with_role(json!({})).await;
    world.write("config", json!({ "max_retries": 0 })).await;
    world.cloud.fail(Rule::once("POST", "/secret", Fault::Cut));
    let reply = world.write("rotate-root", json!({})).await;
    assert!(world_text(&reply).contains("does not answer"), "{reply}");
    assert!(!world.knows(&world.root));
    // Nobody has the secret: the token that is stored goes on without.
    let other = engine();
    let world = World { harness: world.harness.with_engine(other), ..world };
    world.client().await;
    world.pass(60);
    world.settle().await;
    world.pass(90_000);
    world.client().await;
}

#[tokio::test]
async fn a_node_that_dies_while_it_rotates_the_root_leaves_it_to_another() {
    let world = World::with_role(json!({})).await;
    let context = world.harness.context("");
    let claim = framework::rotation::claim(&context, "root").await.expect("nobody is at it");
    claim.begins();
    let busy = world.write("rotate-root", json!({})).await;
    assert_eq!(busy, json!({ "error": "it is being rotated at the moment, try again" }));
    drop(claim);
    world.pass(CLAIM_PATIENCE.as_secs());
    world.settle().await;
    assert!(!world.knows(&world.root));
    world.pass(90_000);
    world.client().await;
}

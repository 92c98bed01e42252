//! Lost answers, and a store that fails at every call: whatever happens, after a sweep no token lives that nobody knows.

use framework::testing::Fault as StoreFault;
use framework::testing::{Call, Faulty};
use simulators::{Fault, Rule};

use super::*;

#[tokio::test]
async fn a_token_whose_answer_was_lost_is_found_and_ended() {
    for (root, role) in [
        (Root::User, json!({ "user_id": USER, "description": "me" })),
        (Root::User, json!({ "team_id": TEAM, "credential_type": "team" })),
        (Root::Managers, json!({ "team_id": TEAM, "credential_type": "team" })),
        (Root::Organization, json!({ "team_id": TEAM, "credential_type": "team", "organization": ORGANIZATION })),
    ] {
        let world = World::new(root).await;
        world.role("a", role.clone()).await;
        world.creds("a").await;
        world.cloud.fail(Rule::once("POST", "", Fault::Cut));
        let lost = world.creds("a").await;
        assert_eq!(lost["error"], "world", "{lost}");
        // It is undone with the request.
        assert_eq!((world.live(), world.harness.intended()), (1, 0), "{role}");
    }
}

#[tokio::test]
async fn what_may_still_come_is_waited_for() {
    let world = World::new(Root::User).await;
    world.role("me", json!({ "user_id": USER })).await;
    world.cloud.fail(Rule::once("POST", "", Fault::Status(502)));
    world.creds("me").await;
    assert_eq!(world.harness.intended(), 1, "it may be on its way");
    assert!(world.harness.sweep().await.is_err());
    world.advance(Duration::from_secs(60));
    world.harness.sweep().await.expect("nothing comes any more");
    assert_eq!(world.harness.intended(), 0);
}

#[tokio::test]
async fn a_list_that_does_not_show_everything_proves_nothing() {
    let world = World::new(Root::User).await;
    world.role("me", json!({ "user_id": USER })).await;
    world.cloud.fail(Rule::once("POST", "", Fault::Cut));
    world.cloud.fail(Rule::always("GET", "", Fault::Status(503)));
    world.creds("me").await;
    world.cloud.heal();
    // A token of the organization sees no tokens of users, and the API says so with an empty list.
    let other = world.cloud.root(Root::Organization);
    assert_eq!(world.harness.write("config", json!({ "token": other })).await, json!({}));
    world.advance(Duration::from_secs(600));
    assert!(world.harness.sweep().await.is_err());
    assert_eq!((world.live(), world.harness.intended()), (1, 1));
    let root = world.cloud.root(Root::User);
    assert_eq!(world.harness.write("config", json!({ "token": root })).await, json!({}));
    world.harness.sweep().await.expect("it is found");
    assert_eq!((world.live(), world.harness.intended()), (0, 0));
}

/// Everything that makes a token.
const MAKERS: [&str; 4] = ["role/org", "rotate-role/kept", "creds/me", "rotate-root"];

async fn make_it(world: &World, path: &str) -> Value {
    let data = if path == "role/org" { json!({ "organization": ORGANIZATION }) } else { json!({}) };
    world.harness.write(path, data).await
}

async fn prepared() -> (World, Arc<Faulty>) {
    let (harness, faulty) = Harness::faulty(engine()).await;
    let world = World::with(harness, Root::User).await;
    world.role("me", json!({ "user_id": USER })).await;
    world.role("kept", json!({ "team_id": TEAM })).await;
    (world, faulty)
}

/// The ids of the tokens that the mount knows of, beside those of leases.
async fn known(world: &World) -> usize {
    let mut known = 0;
    for role in ["org", "kept"] {
        let made = world.creds(role).await;
        if made["data"].is_object() {
            assert!(world.cloud.knows(&text_of(&made["data"]["token"])), "{role} hands out a token that works");
            known += 1;
        }
    }
    let rotated = world.harness.read("config").await["data"]["owner_id"].is_string();
    known + usize::from(rotated) + world.harness.lent()
}

#[tokio::test]
async fn a_store_that_fails_leaves_no_token_that_nobody_knows() {
    for path in MAKERS {
        for call in [Call::Read, Call::Commit] {
            for fault in [StoreFault::Fail, StoreFault::LoseAnswer] {
                for nth in 1..=4 {
                    let (world, faulty) = prepared().await;
                    faulty.fail_nth(call, nth, fault);
                    world.patiently(make_it(&world, path)).await;
                    faulty.calm();
                    world.advance(Duration::from_secs(120));
                    world.patiently(world.harness.sweep()).await.expect("the sweep comes through");
                    let place = format!("{path}, {call:?} {nth} with {fault:?}");
                    assert_eq!((world.live(), world.harness.intended()), (known(&world).await, 0), "{place}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_rotation_that_loses_a_race_leaves_the_winners_token() {
    let (harness, rival) = Harness::rivaled(engine(), 7, 60).await;
    let world = World::with(harness, Root::User).await;
    for round in 0..20 {
        world.role("me", json!({ "user_id": USER, "ttl": round })).await;
        make_it(&world, "role/org").await;
        make_it(&world, "rotate-role/org").await;
        make_it(&world, "creds/me").await;
    }
    world.advance(Duration::from_secs(120));
    world.harness.sweep().await.expect("the sweep comes through");
    assert!(rival.strikes() > 0);
    let made = world.creds("org").await;
    assert!(world.cloud.knows(&text_of(&made["data"]["token"])));
    assert_eq!(world.live(), 1 + world.harness.lent());
}

//! What roles give: clients of the caller's own, and access tokens.

use super::*;

#[tokio::test]
async fn a_client_is_made_for_a_caller_and_taken_back() {
    let world = World::with_role(json!({ "max_ttl": "2h", "description": "lease of app" })).await;
    let reply = world.read("creds/app").await;
    let grant = json!({ "kind": "client", "ttl_secs": 3600, "max_ttl_secs": 7200, "renewable": true });
    assert_eq!(reply["grant"], grant, "{reply}");
    let text = |name: &str| reply["data"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(text("token_url"), format!("{}/oauth/token", world.cloud.url()));
    assert_eq!(text("api_url"), world.cloud.url());
    let client = Credentials { id: text("client_id"), secret: text("client_secret") };
    assert!(world.knows(&client));
    let live = world.cloud.orphans(&[]);
    assert_eq!((live.len(), live[0].state), (1, "active"));
    assert!(live[0].name.starts_with("vault-app-"), "{}", live[0].name);
    assert_eq!((world.harness.intended(), world.harness.lent()), (0, 1));
    drop(world.cloud.asked());
    world.revoke(0).await.expect("it goes");
    let path = format!("/api/v2/oauth/clients/{}", client.id);
    let asked = ["GET", "PUT", "DELETE"].map(|method| format!("{method} {path}"));
    assert_eq!(world.cloud.asked(), asked, "inactive before it is deleted");
    assert_eq!(world.made(), 0);
}

#[tokio::test]
async fn a_renewal_asks_the_role_as_it_is_now() {
    let world = World::with_role(json!({})).await;
    world.client().await;
    world.write("role/app", json!({ "ttl": "10m", "max_ttl": "30m" })).await;
    let limits = world.harness.limits(0).await.expect("it is there").expect("it says so");
    assert_eq!((limits.ttl.as_secs(), limits.max_ttl.as_secs()), (600, 1800));
    assert_eq!(world.delete("role/app").await, json!({}));
    let error = world.harness.limits(0).await.expect_err("the role is gone");
    assert_eq!(error.to_string(), "the role of this lease was removed: it cannot be renewed");
    assert_eq!(world.read("creds/app").await, refused("there is no such role"));
    world.revoke(0).await.expect("it goes all the same");
    assert_eq!(world.made(), 0);
}

#[tokio::test]
async fn an_organization_that_agrees_with_itself_late_is_waited_for() {
    let world = World::with_role(json!({})).await;
    world.cloud.switch(|switches| switches.visibility_millis = 5_000);
    let client = world.client().await;
    assert!(world.knows(&client));
    world.revoke(0).await.expect("it goes");
    assert_eq!(world.made(), 0);
    // What takes longer than anybody waits is handed out with a warning: its secret is shown this once.
    world.cloud.switch(|switches| switches.visibility_millis = 60_000);
    let reply = world.read("creds/app").await;
    assert!(reply["warnings"][0].as_str().is_some_and(|text| text.contains("does not show the client yet")), "{reply}");
    let early = world.revoke(1).await.expect_err("what is not seen yet is not gone");
    assert!(early.contains("looked for again"), "{early}");
    assert_eq!(world.made(), 1);
    world.pass(60);
    world.revoke(1).await.expect("it is seen now");
    assert_eq!(world.made(), 0);
}

#[tokio::test]
async fn what_somebody_has_removed_is_gone_only_as_long_as_the_engine_s_own_client_works() {
    let world = World::with_role(json!({})).await;
    let client = world.client().await;
    world.cloud.remove(&client.id);
    world.cloud.replace_secret(&world.root.id);
    world.pass(86_400);
    let error = world.revoke(0).await.expect_err("the root's secret is wrong");
    assert!(error.contains("Auth Error: 401 - invalid_client (client not found)"), "{error}");
    world.keeps_secrets(&error);
    let root = world.cloud.make_client("another", &[ADMIN_ROLE]);
    world.write("config", json!({ "client_id": root.id, "client_secret": root.secret })).await;
    world.revoke(0).await.expect("now it is gone");
}

#[tokio::test]
async fn access_tokens_come_from_one_client_that_the_role_shares() {
    let world = World::with_role(json!({ "credential_type": "access_token", "access_token_validity": "10m" })).await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        let reply = world.read("creds/app").await;
        let text = reply["data"]["access_token"].as_str().unwrap_or_else(|| panic!("no token: {reply}")).to_owned();
        assert_eq!((&reply["data"]["expires_in"], &reply["data"]["token_type"]), (&json!(599), &json!("bearer")));
        let grant = json!({ "kind": "access_token", "ttl_secs": 599, "max_ttl_secs": 599, "renewable": false });
        assert_eq!(reply["grant"], grant, "a lease is no longer than its token");
        tokens.push(text);
    }
    assert_eq!((world.made(), world.harness.intended()), (1, 0), "one client for all");
    assert!(tokens.iter().all(|token| world.cloud.knows(token)));
    world.revoke(0).await.expect("it goes");
    assert_eq!(tokens.iter().map(|token| world.cloud.knows(token)).collect::<Vec<_>>(), [false, true, true]);
    world.pass(600);
    world.revoke(1).await.expect("what has ended has ended");
    let shared = world.cloud.orphans(&[])[0].id.clone();
    world.write("role/app", json!({ "access_token_validity": "20m" })).await;
    assert_eq!(world.read("creds/app").await["data"]["expires_in"], json!(1199), "the client follows the role");
    assert_eq!(world.cloud.orphans(&[])[0].id, shared);
    // Somebody gives it another secret, and then removes it.
    world.cloud.replace_secret(&shared);
    assert!(world.read("creds/app").await["data"]["access_token"].is_string());
    let shared = world.cloud.orphans(&[])[0].id.clone();
    world.cloud.remove(&shared);
    assert!(world.read("creds/app").await["data"]["access_token"].is_string());
    assert_eq!(world.made(), 1);
    assert_eq!(world.delete("role/app").await, json!({}));
    assert_eq!((world.made(), world.harness.intended()), (0, 0), "the shared client goes with its role");
}

#[tokio::test]
async fn without_a_validity_tokens_live_as_long_as_the_lease() {
    let world = World::with_role(json!({ "credential_type": "access_token" })).await;
    for (ttl, lasts) in [("1h", 3599), ("1m", 299), ("72h", 172_799)] {
        world.write("role/app", json!({ "ttl": ttl })).await;
        let reply = world.read("creds/app").await;
        assert_eq!(reply["data"]["expires_in"], json!(lasts), "{ttl}: {reply}");
    }
}

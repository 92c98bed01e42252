//! What goes wrong outside and in the store: clear words, no secrets in them, and nothing that nobody knows of.

use framework::testing::{Call, Fault as StoreFault};

use super::*;

#[tokio::test]
async fn the_vendor_s_own_words_are_told_and_never_a_secret() {
    let world = World::with_role(json!({})).await;
    world.write("config", json!({ "max_retries": 0 })).await;
    for (status, words) in [
        (401, "API Error: 401 - Invalid login credentials."),
        (403, "API Error: 403 - Unable to perform the requested action. You are missing the following permission(s)"),
        (404, "API Error: 404 - The requested resource was not found."),
        (429, "API Error: 429 - Rate limit exceeded the maximum. Retry the request in [1] seconds"),
        (500, "API Error: 500 - The server encountered an unexpected condition."),
        (503, "API Error: 503 - Service Unavailable"),
    ] {
        world.cloud.fail(Rule::once("POST", "/oauth/clients", Fault::Status(status)));
        let reply = world.read("creds/app").await;
        assert!(world_text(&reply).starts_with(&format!("Genesys Cloud: {words}")), "{status}: {reply}");
        world.keeps_secrets(&reply.to_string());
        assert_eq!(world.made(), 0);
        assert_eq!(world.harness.intended(), usize::from(status >= 500), "what was refused for certain was not made");
        world.sweep().await;
        assert_eq!(world.harness.intended(), 0);
    }
}

#[tokio::test]
async fn wrong_credentials_of_the_engine_are_told_as_such() {
    let world = World::with_role(json!({})).await;
    for status in [400, 401] {
        world.cloud.switch(|switches| switches.wrong_client_status = status);
        world.write("config", json!({ "client_secret": "marker-7f3a9c" })).await;
        let reply = world.read("creds/app").await;
        let text = world_text(&reply);
        assert!(text.contains(&format!("Auth Error: {status} - invalid_client (client not found)")), "{text}");
        assert!(!text.contains("marker"), "{text}");
    }
    let plain = world.cloud.make_client("plain", &[ROLE]);
    world.write("config", json!({ "client_id": plain.id, "client_secret": plain.secret })).await;
    let reply = world.read("creds/app").await;
    assert!(world_text(&reply).contains("missing the following permission(s): [oauth:client:add]"), "{reply}");
    world.write("config", json!({ "client_id": world.root.id, "client_secret": world.root.secret })).await;
    world.write("role/app", json!({ "role_divisions": FOREIGN_ROLE })).await;
    let reply = world.read("creds/app").await;
    assert!(world_text(&reply).contains("You cannot grant a role that you do not have."), "{reply}");
    assert_eq!((world.made(), world.harness.intended()), (0, 0));
}

#[tokio::test]
async fn limits_and_failures_that_do_no_harm_are_tried_again() {
    let world = World::with_role(json!({})).await;
    for (method, path, fault) in [
        ("POST", "/oauth/token", Fault::Status(400)),
        ("POST", "/oauth/token", Fault::Cut),
        ("POST", "/oauth/clients", Fault::Status(429)),
        ("GET", "/oauth/clients", Fault::Status(503)),
        ("GET", "/oauth/clients", Fault::Cut),
    ] {
        // The engine's own token has ended.
        world.pass(90_000);
        world.cloud.fail(Rule { calls: 2, ..Rule::once(method, path, fault.clone()) });
        let reply = world.read("creds/app").await;
        assert!(reply["data"]["client_secret"].is_string(), "{method} {path} {fault:?}: {reply}");
        world.cloud.heal();
    }
    assert_eq!((world.made(), world.harness.lent(), world.harness.intended()), (5, 5, 0));
    for (number, method) in ["GET", "PUT", "DELETE"].into_iter().enumerate() {
        world.cloud.fail(Rule { calls: 2, ..Rule::once(method, "/oauth/clients", Fault::Status(502)) });
        world.revoke(number).await.expect("it goes");
    }
    assert_eq!(world.made(), 2);
}

#[tokio::test]
async fn what_was_made_without_an_answer_is_found_and_removed() {
    for fault in [Fault::Cut, Fault::Body("no JSON".to_owned()), Fault::Status(504)] {
        let world = World::with_role(json!({})).await;
        for page in [None, Some(2)] {
            world.cloud.switch(|switches| switches.page = page);
            world.cloud.fail(Rule::once("POST", "/oauth/clients", fault.clone()));
            let reply = world.read("creds/app").await;
            world.keeps_secrets(&reply.to_string());
            assert!(world_text(&reply).starts_with("Genesys Cloud"), "{reply}");
            world.sweep().await;
            assert_eq!((world.made(), world.harness.intended()), (0, 0), "{fault:?}");
        }
    }
}

#[tokio::test]
async fn an_orphan_that_is_not_seen_yet_is_not_taken_for_none() {
    let world = World::with_role(json!({})).await;
    world.cloud.switch(|switches| switches.visibility_millis = 60_000);
    world.cloud.fail(Rule::once("POST", "/oauth/clients", Fault::Cut));
    world.read("creds/app").await;
    assert_eq!((world.made(), world.harness.intended()), (1, 1));
    world.patiently(world.harness.sweep()).await.expect_err("it cannot know yet");
    assert_eq!((world.made(), world.harness.intended()), (1, 1));
    world.pass(60);
    world.patiently(world.harness.sweep()).await.expect("it is seen now");
    assert_eq!((world.made(), world.harness.intended()), (0, 0));
}

#[tokio::test]
async fn an_outside_that_is_down_keeps_what_is_to_be_revoked() {
    let world = World::with_role(json!({})).await;
    world.client().await;
    world.cloud.fail(Rule::always("", "/api/", Fault::Status(503)));
    let error = world.revoke(0).await.expect_err("it is down");
    assert!(error.contains("API Error: 503"), "{error}");
    let reply = world.read("creds/app").await;
    assert!(world_text(&reply).contains("API Error: 503"));
    world.cloud.heal();
    world.revoke(0).await.expect("it is back");
    world.sweep().await;
    assert_eq!((world.made(), world.harness.intended()), (0, 0));
}

/// Each commit of a request, lost in each way: Genesys Cloud holds what the engine has stored or lent, and nothing else.
#[tokio::test]
async fn whatever_the_store_does_nothing_is_made_that_nobody_knows() {
    let static_role = json!({ "role_divisions": ROLE, "rotation_period": "1h" });
    for fault in [StoreFault::Fail, StoreFault::LoseCall, StoreFault::LoseAnswer] {
        for nth in 1..=2 {
            for credential in ["client", "access_token", "static"] {
                let (harness, faulty) = Harness::faulty(engine()).await;
                let world = World::over(harness).await;
                world.make_role(json!({ "credential_type": credential.replace("static", "client") })).await;
                faulty.fail_nth(Call::Commit, nth, fault);
                let reply = match credential {
                    "static" => world.write("static-role/kept", static_role.clone()).await,
                    _ => world.read("creds/app").await,
                };
                faulty.calm();
                world.keeps_secrets(&reply["text"].to_string());
                world.sweep().await;
                let place = format!("{fault:?} {nth} {credential}: {reply}");
                let is_kept = match credential {
                    "client" => reply["grant"].is_object(),
                    "access_token" => world.harness.view().get("shared/app").await.expect("it reads").is_some(),
                    _ => world.harness.view().get("static-role/kept").await.expect("it reads").is_some(),
                };
                assert_eq!((world.made(), world.harness.intended()), (usize::from(is_kept), 0), "{place}");
            }
        }
    }
}

#[tokio::test]
async fn a_rival_changes_nothing() {
    for seed in 0..10 {
        let (harness, _) = Harness::rivaled(engine(), seed, 60).await;
        let world = World::over(harness).await;
        world.make_role(json!({ "credential_type": "access_token" })).await;
        for path in ["creds/app", "creds/app"] {
            assert!(world.read(path).await["data"]["access_token"].is_string());
        }
        let kept = json!({ "role_divisions": ROLE, "rotation_period": "1h" });
        assert_eq!(world.write("static-role/kept", kept).await, json!({}));
        assert_eq!(world.write("rotate-role/kept", json!({})).await, json!({}));
        assert_eq!(world.write("rotate-root", json!({})).await, json!({}));
        let shown = world.read("static-creds/kept").await["data"].take();
        let text = |name: &str| shown[name].as_str().expect("a text");
        assert!(world.cloud.takes(text("client_id"), text("client_secret")));
        assert_eq!(world.delete("static-role/kept").await, json!({}));
        assert_eq!(world.delete("role/app").await, json!({}));
        world.sweep().await;
        assert_eq!((world.made(), world.harness.intended()), (0, 0));
    }
}

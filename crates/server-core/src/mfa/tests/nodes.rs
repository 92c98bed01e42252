//! Several nodes, writers that are faster, and crashes.

use std::sync::Arc;
use std::time::Duration;

use barrier::CacheMode;
use serde_json::json;
use storage::counting::Call;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;
use storage::rival::Rival;

use super::{Phone, USED, demand, enroll, entity, furnish, knock, knock_with, made, prove, unmet, waiting};
use crate::mfa::waiting::TTL;
use crate::testing::{Bench, Yielding, invalid, patiently};

/// Two nodes over one store, bob's second factor, and his code of now.
async fn two_nodes() -> (Bench, Bench, Phone) {
    let mut one = Bench::fresh(Arc::new(Yielding(Memory::new())), CacheMode::ReadThrough);
    one.init().await;
    let method = furnish(&one.root()).await;
    let bob = entity(&one.root(), &one.nobody(), "bob").await;
    let phone = enroll(&one.root(), &method, &bob).await;
    demand(&one.root(), "staff", &method).await;
    let two = one.beside().await;
    (one, two, phone)
}

#[tokio::test]
async fn a_login_that_one_node_keeps_is_completed_on_another_once() {
    let (one, two, phone) = two_nodes().await;
    let request = waiting(&knock(&one.nobody(), "bob", json!({})).await);
    // Different codes, so that it is the login itself that is used once.
    let payloads = [0, 1].map(|later| json!({ "phone": [phone.code(&one, later)] }));
    let (at_one, at_two) = (one.nobody(), two.nobody());
    let (first, second) =
        tokio::join!(prove(&at_one, &request, payloads[0].clone()), prove(&at_two, &request, payloads[1].clone()));
    let replies = [&first, &second];
    assert_eq!(replies.iter().filter(|reply| reply.get("auth").is_some()).count(), 1, "{replies:?}");
    assert!(replies.iter().any(|reply| **reply == invalid("invalid request ID")), "{replies:?}");
}

#[tokio::test]
async fn of_two_who_bring_one_code_at_once_one_gets_in() {
    let (one, two, phone) = two_nodes().await;
    for later in [0, 1] {
        let along = [format!("phone:{}", phone.code(&one, later))];
        let (at_one, at_two) = (one.nobody(), two.nobody());
        let (first, second) = tokio::join!(knock_with(&at_one, "bob", &along), knock_with(&at_two, "bob", &along));
        let replies = [&first, &second];
        assert_eq!(replies.iter().filter(|reply| reply.get("auth").is_some()).count(), 1, "{replies:?}");
        assert!(replies.iter().any(|reply| **reply == unmet("staff", USED, &phone.method)), "{replies:?}");
    }
}

#[tokio::test]
async fn however_many_guess_at_once_each_guess_is_counted() {
    let (one, two, phone) = two_nodes().await;
    let wrong = [format!("phone:{}", phone.wrong(&one))];
    let (at_one, at_two) = (one.nobody(), two.nobody());
    for _ in 0..4 {
        tokio::join!(knock_with(&at_one, "bob", &wrong), knock_with(&at_two, "bob", &wrong));
    }
    let right = [format!("phone:{}", phone.code(&one, 0))];
    let reply = knock_with(&at_two, "bob", &right).await;
    assert!(reply["refused"].as_str().is_some_and(|text| text.contains("maximum TOTP validation attempts")), "{reply}");
}

#[tokio::test]
async fn rivals_only_make_it_slower() {
    let rival = Arc::new(Rival::new(Arc::new(Memory::new()), 7, 30));
    let mut bench = Bench::fresh(Arc::clone(&rival) as _, CacheMode::ReadThrough);
    bench.init().await;
    let (root, nobody) = (bench.root(), bench.nobody());
    let method = furnish(&root).await;
    let bob = entity(&root, &nobody, "bob").await;
    let phone = enroll(&root, &method, &bob).await;
    demand(&root, "staff", &method).await;
    let (mut done, mut begun) = (0, 0);
    while done < 10 {
        begun += 1;
        assert!(begun < 50, "{done} of {begun} logins came through");
        // A rival that touches the mount's own liveness looks like one who disables it: have it loaded anew.
        made(&root, "sys/auth/door/tune", json!({ "description": begun.to_string() })).await;
        let reply = knock(&nobody, "bob", json!({})).await;
        let Some(request) = reply["mfa"]["request_id"].as_str() else { continue };
        let payload = json!({ "phone": [phone.code(&bench, 0)] });
        let reply = prove(&nobody, request, payload).await;
        done += usize::from(reply.get("auth").is_some());
        bench.clock.advance(Duration::from_secs(30));
    }
    assert!(rival.strikes() > 0, "nobody was in the way");
    assert_eq!(root.delete("identity/mfa/login-enforcement/staff").await, json!({}));
    assert_eq!(root.delete(&format!("identity/mfa/method/totp/{method}")).await, json!({}));
    bench.clock.advance(TTL);
    bench.settle().await;
    let left: Vec<_> = bench.keys("").await.into_iter().filter(|key| key.contains("mfa")).collect();
    assert_eq!(left, ["ns/root/mfa"]);
}

/// A node that dies while it completes a login has made its token, or has left it to wait: never both, never neither.
#[tokio::test]
async fn a_node_that_dies_completes_a_login_wholly_or_not_at_all() {
    for fault in [Fault::CutBefore, Fault::CutAfter] {
        let memory = Arc::new(Memory::new());
        let (env, _) = env::simulated::env(1);
        let faulty = Arc::new(Faulty::new(Arc::clone(&memory) as _, env));
        let bench = Bench::over(Arc::clone(&faulty) as _).await;
        bench.core.seals.worker.stop().await;
        let method = furnish(&bench.root()).await;
        let bob = entity(&bench.root(), &bench.nobody(), "bob").await;
        let phone = enroll(&bench.root(), &method, &bob).await;
        demand(&bench.root(), "staff", &method).await;
        let request = waiting(&knock(&bench.nobody(), "bob", json!({})).await);
        let before = bench.keys("ns/root/token/").await.len();
        faulty.fail_nth(Call::Commit, 1, fault);
        let payload = json!({ "phone": [phone.code(&bench, 0)] });
        let nobody = bench.nobody();
        let reply = patiently(&bench.clock, prove(&nobody, &request, payload)).await;
        assert!(reply.get("auth").is_none(), "{fault:?}: nobody knows what was done: {reply}");
        let next = bench.crashed(memory).await;
        next.core.seals.worker.stop().await;
        let payload = json!({ "phone": [phone.code(&next, 1)] });
        let reply = prove(&next.nobody(), &request, payload).await;
        match fault {
            Fault::CutBefore => assert!(reply.get("auth").is_some(), "it waits: {reply}"),
            _ => assert_eq!(reply, invalid("invalid request ID"), "it was completed"),
        }
        assert_eq!(next.keys("ns/root/token/").await.len(), before + 1, "{fault:?}");
    }
}

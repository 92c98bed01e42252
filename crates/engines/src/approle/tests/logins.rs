//! Logging in: who gets in, who does not, and what it costs.

use std::sync::Arc;

use framework::Renewing;
use framework::testing::{Call, Fault, Harness};
use framework::view::Listing;
use serde_json::{Value, json};

use super::{engine, issue, log_in, log_in_from, patiently, refused, role_id, with_role, wrong};

#[tokio::test]
async fn the_token_is_the_roles_and_says_so() {
    let harness = with_role(json!({ "token_policies": "a", "token_ttl": "1h", "token_type": "batch" })).await;
    let id = role_id(&harness, "app").await;
    let metadata = json!({ "team": "north", "role_name": "root" });
    let issued = issue(&harness, json!({ "metadata": metadata })).await;
    let spaced = json!(format!(" {}\n", issued["secret_id"].as_str().unwrap_or_default()));
    let login = log_in(&harness, &format!(" {id} "), &spaced).await["login"].take();
    assert_eq!((&login["alias"], &login["display_name"]), (&json!(id), &json!("")));
    assert_eq!(login["metadata"], json!({ "role_name": "app", "team": "north" }), "the role's name is the server's");
    assert_eq!((&login["terms"]["token_policies"], &login["terms"]["token_ttl"]), (&json!(["a"]), &json!(3600)));
    assert_eq!((&login["terms"]["token_type"], &login["note"]["role"]), (&json!("batch"), &json!("app")));
    assert_eq!(login["expected"], 2, "the role and the secret id, as they were read");
    assert!(!login.to_string().contains(issued["secret_id"].as_str().expect("told")), "nothing of it is kept");
}

#[tokio::test]
async fn who_does_not_know_both_is_told_the_same() {
    let harness = with_role(json!({})).await;
    let id = role_id(&harness, "app").await;
    harness.write("role/other", json!({ "role_id": "other" })).await;
    let secret = issue(&harness, json!({})).await["secret_id"].take();
    let nobody = "00000000-0000-4000-8000-000000000000";
    let missing = refused("missing secret_id");
    for (data, answer) in [
        (json!({}), refused("missing role_id")),
        (json!({ "role_id": " ", "secret_id": secret }), refused("missing role_id")),
        (json!({ "role_id": id }), missing.clone()),
        (json!({ "role_id": id, "secret_id": " " }), missing.clone()),
        (json!({ "role_id": nobody }), missing),
        (json!({ "role_id": nobody, "secret_id": secret }), wrong()),
        (json!({ "role_id": id, "secret_id": nobody }), wrong()),
        (json!({ "role_id": "other", "secret_id": secret }), wrong()),
        (json!({ "role_id": "app", "secret_id": secret }), wrong()),
        (json!({ "role_id": id, "secret_id": "x".repeat(5000) }), wrong()),
        (json!({ "role_id": "x".repeat(5000), "secret_id": secret }), wrong()),
        (json!({ "role_id": "../role/app", "secret_id": secret }), wrong()),
    ] {
        assert_eq!(harness.write("login", data.clone()).await, answer, "{data}");
    }
    assert_eq!(
        log_in(&Harness::new(engine()).await, nobody, &secret).await,
        wrong(),
        "also where there is no role at all"
    );
}

#[tokio::test]
async fn a_role_that_is_not_there_costs_the_same_reads() {
    let (harness, counting) = Harness::counted(engine()).await;
    harness.write("role/app", json!({})).await;
    let id = role_id(&harness, "app").await;
    let mut costs = Vec::new();
    for (role_id, secret_id) in [(id.as_str(), "s1"), ("nobody", "s2"), ("nobody-else", "s3"), (&id, "s4")] {
        let mut names = harness.view().scan("", &Listing::default(), |_| true).await.expect("names");
        names.push("role/-".to_owned());
        harness.make_cold(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        counting.take();
        assert_eq!(log_in(&harness, role_id, &json!(secret_id)).await, wrong());
        let tally = counting.take();
        costs.push((tally.reads, tally.scans, tally.commits));
    }
    assert_eq!(costs, [(4, 0, 0); 4]);
}

#[tokio::test]
async fn networks_are_kept_to_and_cost_no_use() {
    let harness = with_role(json!({ "secret_id_bound_cidrs": "10.0.0.0/8", "token_bound_cidrs": "10.1.0.0/16" })).await;
    let id = role_id(&harness, "app").await;
    let issued =
        issue(&harness, json!({ "num_uses": 2, "cidr_list": "10.1.2.0/24", "token_bound_cidrs": "10.1.2.3" })).await;
    let data = json!({ "role_id": id, "secret_id": issued["secret_id"] });
    let of_secret = |from: &str| {
        refused(&format!("source address \"{from}\" unauthorized through CIDR restrictions on the secret ID"))
    };
    for (from, answer) in [
        ("10.1.3.1", of_secret("10.1.3.1")),
        ("[::ffff:10.1.3.1]", of_secret("10.1.3.1")),
        ("10.1.2.4", json!({ "error": "permission denied" })),
    ] {
        assert_eq!(log_in_from(&harness, from, data.clone()).await, answer, "{from}");
    }
    // A connection without an address is in no network.
    assert_eq!(log_in(&harness, &id, &issued["secret_id"]).await, of_secret(""));
    let login = log_in_from(&harness, "10.1.2.3", data.clone()).await["login"].take();
    assert_eq!(login["terms"]["token_bound_cidrs"], json!(["10.1.2.3"]), "the secret id's in place of the role's");
    assert!(log_in_from(&harness, "10.1.2.3", data.clone()).await["login"].is_object(), "refusals took no use");
    assert_eq!(log_in_from(&harness, "10.1.2.3", data).await, wrong());
    // A role that is narrowed later takes its secret ids along.
    let wide = issue(&harness, json!({ "token_bound_cidrs": "10.1.2.0/24,10.1.3.0/24" })).await["secret_id"].take();
    for (of_role, left) in [("10.1.3.0/24", Some(json!(["10.1.3.0/24"]))), ("10.1.4.0/24", None)] {
        harness.write("role/app", json!({ "token_bound_cidrs": of_role })).await;
        let reply = log_in_from(&harness, "10.1.3.1", json!({ "role_id": id, "secret_id": wide })).await;
        assert_eq!(reply["login"]["terms"].get("token_bound_cidrs").cloned(), left, "{of_role}: {reply}");
    }
    harness.write("role/app", json!({ "token_bound_cidrs": "10.1.0.0/16" })).await;
    // Without one of its own the role's hold.
    let issued = issue(&harness, json!({})).await;
    let data = json!({ "role_id": id, "secret_id": issued["secret_id"] });
    let text = "source address \"11.0.0.1\" unauthorized by CIDR restrictions on the role";
    assert_eq!(log_in_from(&harness, "11.0.0.1", data.clone()).await, refused(text));
    assert_eq!(log_in_from(&harness, "10.2.0.1", data.clone()).await, json!({ "error": "permission denied" }));
    assert!(log_in_from(&harness, "10.1.0.1", data).await["login"].is_object());
}

#[tokio::test]
async fn a_role_id_is_enough_where_networks_take_the_place_of_secret_ids() {
    let harness = with_role(json!({ "bind_secret_id": false, "secret_id_bound_cidrs": "127.0.0.1/32" })).await;
    let id = role_id(&harness, "app").await;
    let login = log_in_from(&harness, "127.0.0.1", json!({ "role_id": id })).await["login"].take();
    assert_eq!((&login["metadata"], &login["expected"]), (&json!({ "role_name": "app" }), &json!(1)));
    assert!(
        log_in_from(&harness, "127.0.0.1", json!({ "role_id": id, "secret_id": "any" })).await["login"].is_object()
    );
    // From elsewhere it is told the same as a role id of nobody, and no secret id makes up for it.
    for role_id in [id.as_str(), "nobody"] {
        let bare = log_in_from(&harness, "127.0.0.2", json!({ "role_id": role_id })).await;
        assert_eq!(bare, refused("missing secret_id"), "{role_id}");
        let guess = json!({ "role_id": role_id, "secret_id": "any" });
        assert_eq!(log_in_from(&harness, "127.0.0.2", guess).await, wrong(), "{role_id}");
    }
    harness.write("role/app", json!({ "bind_secret_id": true })).await;
    let secret = issue(&harness, json!({})).await["secret_id"].take();
    harness.write("role/app", json!({ "bind_secret_id": false })).await;
    let shown = json!({ "role_id": id, "secret_id": secret });
    assert_eq!(log_in_from(&harness, "127.0.0.2", shown).await, wrong());
}

#[tokio::test]
async fn a_login_is_decided_by_what_is_there_when_it_is_carried_out() {
    let elsewhere = "source address \"\" unauthorized by CIDR restrictions on the role";
    for (meanwhile, answer, left) in [
        ("the role goes away", wrong(), None),
        ("the role is narrowed", refused(elsewhere), Some(2)),
        ("the secret id goes away", wrong(), None),
        ("somebody else logs in", json!("in"), Some(0)),
    ] {
        let (harness, gate) = Harness::gated(engine()).await;
        harness.write("role/app", json!({})).await;
        let id = role_id(&harness, "app").await;
        let secret = issue(&harness, json!({ "num_uses": 2 })).await["secret_id"].take();
        let named = json!({ "secret_id": secret });
        gate.close();
        let (mut login, ()) = tokio::join!(log_in(&harness, &id, &secret), async {
            gate.reached().await;
            match meanwhile {
                "the role goes away" => harness.delete("role/app").await,
                "the role is narrowed" => {
                    harness.write("role/app", json!({ "secret_id_bound_cidrs": "10.0.0.0/8" })).await
                }
                "the secret id goes away" => harness.write("role/app/secret-id/destroy", named.clone()).await,
                _ => log_in(&harness, &id, &secret).await,
            };
            gate.open();
        });
        if login["login"].is_object() {
            login = json!("in");
        }
        assert_eq!(login, answer, "{meanwhile}");
        let seen = harness.write("role/app/secret-id/lookup", named).await;
        match left {
            Some(uses) if uses > 0 => assert_eq!(seen["data"]["secret_id_num_uses"], uses, "{meanwhile}"),
            _ => assert!(seen["data"].is_null(), "{meanwhile}: {seen}"),
        }
    }
}

#[tokio::test]
async fn uses_are_counted_and_the_last_one_removes_the_secret_id() {
    let harness = with_role(json!({ "secret_id_num_uses": 3 })).await;
    let id = role_id(&harness, "app").await;
    let issued = issue(&harness, json!({})).await;
    for left in [2, 1] {
        let login = log_in(&harness, &id, &issued["secret_id"]).await["login"].take();
        assert_eq!(login["expected"], 1, "the secret id has been written: the role alone");
        let seen = harness.write("role/app/secret-id/lookup", json!({ "secret_id": issued["secret_id"] })).await;
        assert_eq!(seen["data"]["secret_id_num_uses"], left);
    }
    assert!(log_in(&harness, &id, &issued["secret_id"]).await["login"].is_object());
    assert_eq!(log_in(&harness, &id, &issued["secret_id"]).await, wrong());
    assert_eq!(harness.list("role/app/secret-id/").await, json!({ "data": { "keys": [] } }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_logins_at_once_as_many_get_in_as_there_are_uses() {
    for uses in [1, 1, 1, 1, 5, 10] {
        let harness = Arc::new(with_role(json!({})).await);
        let id = role_id(&harness, "app").await;
        let secret = issue(&harness, json!({ "num_uses": uses })).await["secret_id"].take();
        let logins: Vec<_> = (0..40)
            .map(|_| {
                let (harness, id, secret) = (Arc::clone(&harness), id.clone(), secret.clone());
                tokio::spawn(async move { log_in(&harness, &id, &secret).await })
            })
            .collect();
        let mut entered = 0;
        for login in logins {
            let reply = login.await.expect("no login panics");
            entered += u64::from(reply["login"].is_object());
        }
        // Who lost too many races in a row was told to come again, and has used nothing.
        let left = harness.write("role/app/secret-id/lookup", json!({ "secret_id": secret })).await;
        let left = left["data"]["secret_id_num_uses"].as_u64().unwrap_or_default();
        assert_eq!(entered + left, uses);
        assert!(entered > 0);
    }
}

#[tokio::test]
async fn a_use_that_was_taken_is_gone_whatever_the_store_answers() {
    for fault in [Fault::Fail, Fault::LoseCall, Fault::LoseAnswer] {
        let (harness, faulty) = Harness::faulty(engine()).await;
        harness.write("role/app", json!({})).await;
        let id = role_id(&harness, "app").await;
        let secret = issue(&harness, json!({ "num_uses": 1 })).await["secret_id"].take();
        faulty.fail_nth(Call::Commit, 1, fault);
        let first = patiently(&harness, log_in(&harness, &id, &secret)).await;
        faulty.calm();
        let replies = [first, log_in(&harness, &id, &secret).await, log_in(&harness, &id, &secret).await];
        let entered = replies.iter().filter(|reply| reply["login"].is_object()).count();
        assert!(entered <= 1, "{fault:?}: {replies:?}");
        assert_eq!(replies[2], wrong(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_renewal_looks_at_the_role_again() {
    let harness = with_role(json!({ "token_policies": "a", "token_period": "1h" })).await;
    let id = role_id(&harness, "app").await;
    let secret = issue(&harness, json!({ "num_uses": 1 })).await["secret_id"].take();
    let note = log_in(&harness, &id, &secret).await["login"]["note"].take();
    let renew = async || {
        let note = serde_json::value::to_raw_value(&note).expect("JSON is JSON");
        let renewing = Renewing::new(note, vec!["a".to_owned(), "default".to_owned()]);
        let renewed = harness.engine().renew_login(&harness.context(""), renewing).await;
        renewed.map(|renewed| renewed.terms.period_secs).map_err(|error| error.to_string())
    };
    assert_eq!(renew().await, Ok(3600));
    harness.write("role/app", json!({ "token_period": "2h", "role_id": "another" })).await;
    assert_eq!(renew().await, Ok(7200));
    harness.delete("role/app").await;
    let gone = Err("role \"app\" does not exist during renewal".to_owned());
    assert_eq!(renew().await, gone);
    harness.write("role/app", json!({ "token_policies": "a" })).await;
    assert_eq!(renew().await, gone, "one of the same name is another role");
}

#[tokio::test]
async fn who_logs_in_is_told_before_anything_is_proven() {
    let harness = with_role(json!({ "role_id": "of-app" })).await;
    let engine = harness.engine();
    let route = engine.route(framework::Operation::Update, "login").expect("a row");
    for (role_id, user, role) in [
        (json!(" of-app "), Some("of-app"), Some("app")),
        (json!("nobody"), Some("nobody"), None),
        (json!(""), None, None),
        (json!("x".repeat(600)), None, None),
        (Value::Null, None, None),
    ] {
        let data = framework::testing::object(json!({ "role_id": role_id, "secret_id": "s" }));
        let context = harness.context("login");
        assert_eq!(engine.user(&context, &route, &data).await.ok().flatten().as_deref(), user, "{role_id}");
        assert_eq!(engine.role(&context, &route, &data).await.ok().flatten().as_deref(), role, "{role_id}");
    }
}

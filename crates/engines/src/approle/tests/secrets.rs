//! Secret ids: made, looked at, removed, and what they may be.

use framework::testing::{Call, Fault, Harness};
use framework::view::Listing;
use serde_json::{Value, json};

use super::{engine, issue, log_in, patiently, refused, role_id, text, with_role};

/// What a lookup shows, without the times.
async fn seen(harness: &Harness, by: &str, value: &Value) -> Value {
    let (path, name) = match by {
        "accessor" => ("role/app/secret-id-accessor/lookup", "secret_id_accessor"),
        _ => ("role/app/secret-id/lookup", "secret_id"),
    };
    let mut seen = harness.write(path, json!({ name: value })).await;
    if let Some(data) = seen.get_mut("data").and_then(Value::as_object_mut) {
        data.retain(|name, _| !name.ends_with("_time"));
    }
    seen
}

#[tokio::test]
async fn a_secret_id_is_told_once_and_known_by_its_accessor() {
    let harness = with_role(json!({ "secret_id_num_uses": 5, "secret_id_ttl": "1h" })).await;
    let wanted = json!({ "metadata": "{\"team\":\"a\"}", "cidr_list": ["127.0.0.1"], "num_uses": 2, "ttl": 60,
        "token_bound_cidrs": "127.0.0.0/8" });
    let issued = issue(&harness, wanted).await;
    assert_eq!((&issued["secret_id_num_uses"], &issued["secret_id_ttl"]), (&json!(2), &json!(60)));
    let known = json!({ "data": {
        "cidr_list": ["127.0.0.1"], "metadata": { "team": "a" }, "secret_id_accessor": issued["secret_id_accessor"],
        "secret_id_num_uses": 2, "secret_id_ttl": 60, "token_bound_cidrs": ["127.0.0.0/8"],
    } });
    assert_eq!(seen(&harness, "accessor", &issued["secret_id_accessor"]).await, known);
    assert_eq!(seen(&harness, "secret id", &issued["secret_id"]).await, known);
    let times = harness.write("role/app/secret-id/lookup", json!({ "secret_id": issued["secret_id"] })).await;
    let time = |name: &str| text(&times["data"][name]).parse::<api::Timestamp>().expect("a time").unix_secs();
    assert_eq!(time("expiration_time") - time("creation_time"), 60);
    assert_eq!(
        harness.list("role/app/secret-id/").await,
        json!({ "data": { "keys": [issued["secret_id_accessor"]] } })
    );
    // What is said of the role when nothing is asked for.
    let plain = issue(&harness, json!({})).await;
    assert_eq!((&plain["secret_id_num_uses"], &plain["secret_id_ttl"]), (&json!(5), &json!(3600)));
}

#[tokio::test]
async fn secret_ids_are_removed_by_themselves_and_by_accessor() {
    let harness = with_role(json!({})).await;
    let id = role_id(&harness, "app").await;
    for (path, name) in [("secret-id", "secret_id"), ("secret-id-accessor", "secret_id_accessor")] {
        let issued = issue(&harness, json!({})).await;
        assert!(log_in(&harness, &id, &issued["secret_id"]).await["login"].is_object());
        let path = format!("role/app/{path}/destroy");
        assert_eq!(harness.write(&path, json!({ name: issued[name] })).await, json!({}), "{path}");
        assert_eq!(log_in(&harness, &id, &issued["secret_id"]).await, super::wrong());
        assert_eq!(seen(&harness, "secret id", &issued["secret_id"]).await, json!({}));
        let gone = json!({ "error": "failed to find accessor entry for secret_id_accessor" });
        assert_eq!(seen(&harness, "accessor", &issued["secret_id_accessor"]).await, gone);
        let again = if name == "secret_id" { json!({}) } else { gone };
        assert_eq!(harness.write(&path, json!({ name: issued[name] })).await, again, "{path}");
        assert_eq!(harness.list("role/app/secret-id/").await, json!({ "data": { "keys": [] } }));
        let issued = issue(&harness, json!({})).await;
        assert_eq!(harness.delete(&format!("{path}?{name}={}", text(&issued[name]))).await, json!({}));
        assert_eq!(log_in(&harness, &id, &issued["secret_id"]).await, super::wrong());
    }
    let stored = harness.view().scan("", &Listing::default(), |_| true).await.expect("names");
    let rest: Vec<_> =
        stored.iter().filter(|name| name.starts_with("secret/") || name.starts_with("accessor/")).collect();
    assert!(rest.is_empty(), "{rest:?}");
}

#[tokio::test]
async fn a_secret_id_of_ones_own_is_taken_once() {
    let harness = with_role(json!({})).await;
    let id = role_id(&harness, "app").await;
    let chosen = json!({ "secret_id": " mine ", "ttl": "1m" });
    let issued = harness.write("role/app/custom-secret-id", chosen.clone()).await["data"].take();
    assert_eq!(issued["secret_id"], "mine");
    assert_eq!(
        harness.write("role/app/custom-secret-id", chosen.clone()).await,
        refused("secret_id is already registered")
    );
    assert!(log_in(&harness, &id, &json!("mine")).await["login"].is_object());
    assert!(log_in(&harness, &id, &json!("\tmine\n")).await["login"].is_object(), "white space does not count");
    // The same for another role is another secret id.
    harness.write("role/other", json!({ "role_id": "other" })).await;
    assert_eq!(log_in(&harness, "other", &json!("mine")).await, super::wrong());
    assert!(harness.write("role/other/custom-secret-id", chosen.clone()).await["data"].is_object());
    assert!(log_in(&harness, "other", &json!("mine")).await["login"].is_object());
    // Its time being over it is nobody's, also before it is cleared away.
    harness.clock().advance(std::time::Duration::from_secs(60));
    assert_eq!(log_in(&harness, &id, &json!("mine")).await, super::wrong());
    assert_eq!(seen(&harness, "secret id", &json!("mine")).await, json!({}));
    assert!(harness.write("role/app/custom-secret-id", chosen).await["data"].is_object());
    assert!(log_in(&harness, &id, &json!("mine")).await["login"].is_object());
    harness.settle().await.expect("what is due is done");
    assert!(
        log_in(&harness, &id, &json!("mine")).await["login"].is_object(),
        "the line of the one before takes nothing"
    );
    let keys = harness.list("role/app/secret-id/").await["data"]["keys"].take();
    assert_eq!(keys.as_array().map(Vec::len), Some(1), "and leaves no accessor: {keys}");
}

#[tokio::test]
async fn a_secret_id_keeps_to_what_its_role_says() {
    let harness =
        with_role(json!({ "secret_id_num_uses": 5, "secret_id_ttl": "1h", "secret_id_bound_cidrs": "10.0.0.0/8",
        "token_bound_cidrs": "10.1.0.0/16" }))
        .await;
    let uses = "num_uses cannot be higher than the role's secret_id_num_uses";
    let ttl = "ttl cannot be longer than the role's secret_id_ttl";
    let subset =
        "failed to verify subset relationship between CIDR blocks on the role and CIDR blocks on the secret ID";
    let bound = "metadata has at most 64 keys of 1 to 128 bytes, with values of at most 512";
    let many: serde_json::Map<_, _> = (0..65).map(|number| (format!("k{number}"), json!("v"))).collect();
    for (wanted, text) in [
        (json!({ "num_uses": 0 }), uses),
        (json!({ "num_uses": 6 }), uses),
        (json!({ "ttl": 0 }), ttl),
        (json!({ "ttl": "61m" }), ttl),
        (json!({ "cidr_list": "11.0.0.0/8" }), subset),
        (json!({ "cidr_list": "10.0.0.0/7" }), subset),
        (json!({ "cidr_list": "10.1.0.0/16,::1" }), subset),
        (json!({ "token_bound_cidrs": "10.0.0.0/8" }), subset),
        (json!({ "cidr_list": "somewhere" }), "'cidr_list' must hold IP addresses and networks such as 10.0.0.0/8"),
        (json!({ "metadata": many }), bound),
        (json!({ "metadata": { "k": "v".repeat(513) } }), bound),
        (json!({ "metadata": { "k".repeat(129): "v" } }), bound),
    ] {
        assert_eq!(harness.write("role/app/secret-id", wanted.clone()).await, refused(text), "{wanted}");
    }
    assert_eq!(
        issue(&harness, json!({ "cidr_list": "10.2.0.0/16", "num_uses": 5, "ttl": "1h" })).await["secret_id_ttl"],
        3600
    );
    // The mount's longest time holds for all.
    let harness =
        Harness::new(engine()).await.with_mount(|mount| mount.max_lease_ttl = std::time::Duration::from_secs(60));
    harness.write("role/app", json!({})).await;
    assert_eq!(issue(&harness, json!({ "ttl": "1h" })).await["secret_id_ttl"], 60);
    assert_eq!(issue(&harness, json!({})).await["secret_id_ttl"], 0);
    let constraint = json!({ "bind_secret_id": false, "token_bound_cidrs": "127.0.0.1" });
    harness.write("role/app", constraint).await;
    assert_eq!(harness.write("role/app/secret-id", json!({})).await, refused("bind_secret_id is not set on the role"));
}

#[tokio::test]
async fn a_secret_id_is_whole_or_not_there_whatever_the_store_answers() {
    for call in [Call::Read, Call::Commit] {
        for (fault, nth) in
            [Fault::Fail, Fault::LoseCall, Fault::LoseAnswer].into_iter().flat_map(|it| [(it, 1), (it, 2)])
        {
            let (harness, faulty) = Harness::faulty(engine()).await;
            harness.write("role/app", json!({})).await;
            let issued = issue(&harness, json!({ "ttl": "1h" })).await;
            faulty.fail_nth(call, nth, fault);
            let wanted = json!({ "secret_id": "mine", "ttl": "1h" });
            patiently(&harness, harness.write("role/app/custom-secret-id", wanted)).await;
            let gone = json!({ "secret_id": issued["secret_id"] });
            patiently(&harness, harness.write("role/app/secret-id/destroy", gone)).await;
            faulty.calm();
            let names = harness.view().scan("", &Listing::default(), |_| true).await.expect("names");
            let count = |folder: &str| names.iter().filter(|name| name.starts_with(folder)).count();
            assert_eq!(count("secret/"), count("accessor/"), "{call:?} {nth} with {fault:?}: {names:?}");
            for accessor in names.iter().filter_map(|name| name.strip_prefix("accessor/")?.split('/').next_back()) {
                let known = seen(&harness, "accessor", &json!(accessor)).await;
                assert_eq!(known["data"]["secret_id_accessor"], accessor, "{call:?} {nth} with {fault:?}");
            }
        }
    }
}

#[tokio::test]
async fn no_secret_id_is_made_for_a_role_that_goes_away_or_is_narrowed_meanwhile() {
    let subset =
        "failed to verify subset relationship between CIDR blocks on the role and CIDR blocks on the secret ID";
    for (narrowed, text) in [
        (None, "role \"app\" does not exist"),
        (Some(json!({ "secret_id_bound_cidrs": "11.0.0.0/8" })), subset),
        (Some(json!({ "token_bound_cidrs": "11.0.0.0/8" })), subset),
        (Some(json!({ "secret_id_num_uses": 4 })), "num_uses cannot be higher than the role's secret_id_num_uses"),
        (Some(json!({ "secret_id_ttl": "1m" })), "ttl cannot be longer than the role's secret_id_ttl"),
    ] {
        let (harness, gate) = Harness::gated(engine()).await;
        harness.write("role/app", json!({})).await;
        let wanted = json!({ "secret_id": "mine", "cidr_list": "10.0.0.0/8", "token_bound_cidrs": "10.0.0.0/8",
            "num_uses": 5, "ttl": "1h" });
        gate.close();
        let (issued, changed) = tokio::join!(harness.write("role/app/custom-secret-id", wanted), async {
            gate.reached().await;
            let changed = match &narrowed {
                None => harness.delete("role/app").await,
                Some(narrowed) => harness.write("role/app", narrowed.clone()).await,
            };
            gate.open();
            changed
        });
        assert_eq!((issued, changed), (refused(text), json!({})), "{narrowed:?}");
        let names = harness.view().scan("", &Listing::default(), |_| true).await.expect("names");
        let left: Vec<_> =
            names.iter().filter(|name| name.starts_with("secret/") || name.starts_with("accessor/")).collect();
        assert!(left.is_empty(), "{narrowed:?}: {left:?}");
    }
}

#[tokio::test]
async fn secret_ids_are_made_and_used_although_others_are_often_faster() {
    for seed in 0..10 {
        let (harness, rival) = Harness::rivaled(engine(), seed, 80).await;
        harness.write("role/app", json!({})).await;
        let before = rival.strikes();
        let issued = issue(&harness, json!({ "num_uses": 1 })).await;
        let id = role_id(&harness, "app").await;
        assert!(log_in(&harness, &id, &issued["secret_id"]).await["login"].is_object(), "seed {seed}");
        assert_eq!(log_in(&harness, &id, &issued["secret_id"]).await, super::wrong(), "seed {seed}");
        assert!(seed > 0 || rival.strikes() > before, "nobody was in the way");
    }
}

#[tokio::test]
async fn networks_are_shown_as_they_were_written() {
    let written = json!(["10.1.2.3/32", "10.2.0.0/16", "FD00::1/128", "::1"]);
    let harness = with_role(json!({ "secret_id_bound_cidrs": written, "token_bound_cidrs": "10.1.2.3/32" })).await;
    for path in ["role/app", "role/app/secret-id-bound-cidrs"] {
        assert_eq!(harness.read(path).await["data"]["secret_id_bound_cidrs"], written, "{path}");
    }
    assert_eq!(harness.read("role/app/bound-cidr-list").await["data"]["bound_cidr_list"], written);
    let networks = json!({ "cidr_list": ["10.1.2.3/32", "FD00::1"], "token_bound_cidrs": "10.1.2.3/32" });
    let issued = issue(&harness, networks).await;
    let shown = seen(&harness, "secret id", &issued["secret_id"]).await["data"].take();
    assert_eq!(shown["cidr_list"], json!(["10.1.2.3/32", "FD00::1"]));
    assert_eq!(shown["token_bound_cidrs"], json!(["10.1.2.3/32"]));
    // Of tokens alone the mask of a single address is left out (documented Vault behavior).
    assert_eq!(harness.read("role/app").await["data"]["token_bound_cidrs"], json!(["10.1.2.3"]));
}

#[tokio::test]
async fn a_time_below_a_second_does_not_become_for_ever() {
    let harness = with_role(json!({ "secret_id_ttl": "500ms", "token_ttl": "1ms" })).await;
    let role = harness.read("role/app").await["data"].take();
    assert_eq!((&role["secret_id_ttl"], &role["token_ttl"]), (&json!(1), &json!(1)));
    harness.write("role/app/secret-id-ttl", json!({ "secret_id_ttl": "0" })).await;
    let issued = issue(&harness, json!({ "ttl": "300ms" })).await;
    assert_eq!(issued["secret_id_ttl"], 1);
    harness.clock().advance(std::time::Duration::from_secs(1));
    assert_eq!(log_in(&harness, &role_id(&harness, "app").await, &issued["secret_id"]).await, super::wrong());
}

//! What goes on by itself.

use std::time::Duration;

use framework::testing::{Call, Fault, Harness};
use framework::view::{Due, Listing};
use secret::SecretBytes;
use serde_json::json;

use super::{engine, issue, log_in, role_id, with_role, wrong};

/// Everything that is stored of secret ids.
async fn stored(harness: &Harness) -> Vec<String> {
    let names = harness.view().scan("", &Listing::default(), |_| true).await.expect("names");
    names.into_iter().filter(|name| !name.starts_with("role") && name != "salt").collect()
}

async fn lines(harness: &Harness) -> usize {
    harness.due_lines().await.expect("lines").len()
}

#[tokio::test]
async fn a_secret_id_whose_time_is_over_is_removed() {
    let harness = with_role(json!({})).await;
    let id = role_id(&harness, "app").await;
    let short = issue(&harness, json!({ "ttl": "1m" })).await["secret_id"].take();
    let long = issue(&harness, json!({ "ttl": "1h" })).await["secret_id"].take();
    let used_up = issue(&harness, json!({ "ttl": "1m", "num_uses": 1 })).await["secret_id"].take();
    assert!(log_in(&harness, &id, &used_up).await["login"].is_object());
    harness.clock().advance(Duration::from_secs(59));
    harness.settle().await.expect("what is due is done");
    assert!(log_in(&harness, &id, &short).await["login"].is_object());
    harness.clock().advance(Duration::from_secs(1));
    assert_eq!(log_in(&harness, &id, &short).await, wrong());
    assert_eq!(stored(&harness).await.len(), 4);
    harness.settle().await.expect("what is due is done");
    assert_eq!((stored(&harness).await.len(), lines(&harness).await), (2, 1));
    assert!(log_in(&harness, &id, &long).await["login"].is_object());
}

#[tokio::test]
async fn the_secret_ids_of_a_role_go_with_it() {
    let harness = with_role(json!({ "role_id": "of-app" })).await;
    let mut secret = json!(null);
    for _ in 0..250 {
        secret = issue(&harness, json!({})).await["secret_id"].take();
    }
    harness.delete("role/app").await;
    assert_eq!(log_in(&harness, "of-app", &secret).await, wrong());
    assert_eq!(stored(&harness).await.len(), 500, "they are cleared away afterwards");
    // One of the same name and id has none of them.
    harness.write("role/app", json!({ "role_id": "of-app" })).await;
    assert_eq!(log_in(&harness, "of-app", &secret).await, wrong());
    assert_eq!(harness.list("role/app/secret-id/").await, json!({ "data": { "keys": [] } }));
    let own = issue(&harness, json!({})).await["secret_id"].take();
    harness.settle().await.expect("what is due is done");
    assert_eq!((stored(&harness).await.len(), lines(&harness).await), (2, 0));
    assert!(log_in(&harness, "of-app", &own).await["login"].is_object());
}

#[tokio::test]
async fn what_a_crash_leaves_undone_is_done_afterwards() {
    let mut nth = 1;
    loop {
        let (harness, faulty) = Harness::faulty(engine()).await;
        harness.write("role/app", json!({})).await;
        for _ in 0..100 {
            issue(&harness, json!({})).await;
        }
        harness.delete("role/app").await;
        faulty.fail_nth(Call::Commit, nth, Fault::Fail);
        let is_done = harness.settle().await.is_ok();
        faulty.calm();
        harness.settle().await.expect("what is due is done");
        assert_eq!((stored(&harness).await.len(), lines(&harness).await), (0, 0), "after commit {nth}");
        if is_done {
            break;
        }
        nth += 1;
    }
    assert!(nth > 4, "the role was cleared away in {nth} commits");
}

#[tokio::test]
async fn a_tidy_removes_what_has_expired_and_nothing_else() {
    let harness = with_role(json!({})).await;
    harness.write("role/other", json!({})).await;
    for number in 0..120 {
        let ttl = if number % 2 == 0 { "1m" } else { "0" };
        issue(&harness, json!({ "ttl": ttl })).await;
        harness.write("role/other/secret-id", json!({ "ttl": ttl })).await;
    }
    harness.clock().advance(Duration::from_secs(60));
    let begun = harness.write("tidy/secret-id", json!({})).await;
    assert_eq!(begun["status"], "Accepted");
    assert!(begun["warnings"][0].as_str().is_some_and(|text| text.starts_with("Tidy operation successfully started")));
    let second = harness.write("tidy/secret-id", json!({})).await;
    assert_eq!(second["warnings"], json!(["Tidy operation already in progress."]));
    harness.settle().await.expect("what is due is done");
    assert_eq!((stored(&harness).await.len(), lines(&harness).await), (240, 0), "half of them, with their accessors");
    let third = harness.write("tidy/secret-id", json!({})).await;
    assert_eq!(third["warnings"], begun["warnings"], "the one before has ended");
}

#[tokio::test]
async fn a_secret_id_that_cannot_be_read_does_not_keep_the_others() {
    let harness = with_role(json!({})).await;
    issue(&harness, json!({ "ttl": "1m" })).await;
    let view = harness.view();
    let changes = view.changes().create("secret/-/-", b"{\"v\":1}".to_vec());
    changes.commit().await.expect("nothing is there");
    harness.clock().advance(Duration::from_secs(60));
    harness.write("tidy/secret-id", json!({})).await;
    harness.settle().await.expect("what is due is done");
    assert_eq!(
        (stored(&harness).await, lines(&harness).await),
        (vec!["secret/-/-".to_owned()], 0),
        "the tidy has ended"
    );
}

#[tokio::test]
async fn a_clock_that_goes_back_takes_no_secret_id_out_of_sight() {
    let harness = with_role(json!({})).await;
    let issued = issue(&harness, json!({ "ttl": "1h" })).await;
    let line = harness.due_lines().await.expect("lines").remove(0);
    let name = stored(&harness).await.into_iter().find_map(|name| name.strip_prefix("secret/").map(str::to_owned));
    let (role, hash) = name.as_deref().and_then(|name| name.split_once('/')).expect("a secret id");
    // The line was found when the clock was an hour ahead, and is looked at when it no longer is.
    let look = async |accessor: &serde_json::Value| {
        let note = json!({ "work": "expired", "role": role, "hash": hash, "accessor": accessor });
        let due = Due::new(line.0.clone(), line.1, SecretBytes::new(note.to_string().into_bytes()));
        harness.engine().due(&harness.context(""), due).await.expect("the store is well");
    };
    look(&issued["secret_id_accessor"]).await;
    assert_eq!(lines(&harness).await, 1, "it is still to be looked at");
    harness.clock().advance(Duration::from_secs(3_600));
    harness.settle().await.expect("what is due is done");
    assert_eq!((stored(&harness).await.len(), lines(&harness).await), (0, 0));
}

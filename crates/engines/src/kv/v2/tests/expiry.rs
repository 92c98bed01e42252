use super::*;

/// A secret whose first version is deleted after an hour.
async fn with_an_hour(harness: &Harness) {
    harness.write("config", json!({ "delete_version_after": "1h" })).await;
    assert_eq!(put(harness, "a", json!({ "x": 1 })).await, 1);
}

async fn is_gone(harness: &Harness, version: u64) -> bool {
    harness.read(&format!("data/a?version={version}")).await["status"] == "Gone"
}

/// Sets the clock back by two hours.
fn back(harness: &Harness) {
    harness.clock().jump_wall(-7_200_000_000_000);
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_clock_that_is_set_back_brings_no_version_back() {
    let harness = harness().await;
    with_an_hour(&harness).await;
    assert_eq!(harness.due_lines().await.unwrap().len(), 1);
    harness.clock().advance(HOUR);
    harness.settle().await.unwrap();
    assert_eq!(harness.due_lines().await.unwrap(), []);
    back(&harness);
    assert!(is_gone(&harness, 1).await);
    let deleted = harness.read("data/a").await["data"]["metadata"]["deletion_time"].clone();
    assert_eq!(deleted, "2030-01-01T01:00:00Z", "the time is the one that was promised");
}

#[tokio::test]
async fn a_clock_that_is_set_back_takes_no_deletion_back() {
    let harness = harness().await;
    put(&harness, "a", json!({ "x": 1 })).await;
    harness.delete("data/a").await;
    back(&harness);
    assert!(is_gone(&harness, 1).await);
}

#[tokio::test]
async fn a_version_that_was_brought_back_stays() {
    let harness = harness().await;
    with_an_hour(&harness).await;
    harness.write("undelete/a", json!({ "versions": [1] })).await;
    harness.clock().advance(2 * HOUR);
    harness.settle().await.unwrap();
    assert!(!is_gone(&harness, 1).await);
    assert_eq!(harness.due_lines().await.unwrap(), []);
}

#[tokio::test]
async fn one_that_expired_and_was_marked_comes_back_like_any_other() {
    let harness = harness().await;
    with_an_hour(&harness).await;
    harness.clock().advance(2 * HOUR);
    harness.settle().await.unwrap();
    harness.write("undelete/a", json!({ "versions": [1] })).await;
    assert_eq!(harness.read("data/a").await["data"]["metadata"]["deletion_time"], "");
    assert_eq!(harness.read("data/a").await["data"]["data"], json!({ "x": 1 }));
}

#[tokio::test]
async fn lines_of_what_has_gone_go() {
    for (operation, what, data) in [
        (Operation::Delete, "metadata/a", json!({})),
        (Operation::Update, "destroy/a", json!({ "versions": [1] })),
        (Operation::Delete, "data/a", json!({})),
    ] {
        let harness = harness().await;
        with_an_hour(&harness).await;
        harness.call(operation, what, object(data)).await.unwrap();
        let before = harness.read("metadata/a").await;
        harness.clock().advance(HOUR);
        harness.settle().await.unwrap();
        assert_eq!(harness.read("metadata/a").await, before, "{what}");
        assert_eq!(harness.due_lines().await.unwrap(), [], "{what}");
    }
}

#[tokio::test]
async fn a_line_is_about_the_secret_that_it_was_made_for() {
    let harness = harness().await;
    with_an_hour(&harness).await;
    harness.delete("metadata/a").await;
    harness.write("config", json!({ "delete_version_after": "0s" })).await;
    put(&harness, "a", json!({ "x": "new" })).await;
    harness.clock().advance(HOUR);
    harness.settle().await.unwrap();
    assert!(!is_gone(&harness, 1).await);
}

#[tokio::test]
async fn a_version_whose_record_is_in_a_page_is_marked_there() {
    let harness = harness().await;
    with_an_hour(&harness).await;
    harness.write("config", json!({ "delete_version_after": "0s", "max_versions": 500 })).await;
    for x in 2..=200 {
        put(&harness, "a", json!({ "x": x })).await;
    }
    harness.clock().advance(HOUR);
    harness.settle().await.unwrap();
    back(&harness);
    assert!(is_gone(&harness, 1).await);
    assert!(!is_gone(&harness, 2).await);
}

#[tokio::test]
async fn a_mark_that_fails_is_made_later() {
    let (harness, faulty) = Harness::faulty(engine()).await;
    with_an_hour(&harness).await;
    harness.clock().advance(HOUR);
    faulty.fail_nth(Call::Commit, 1, Fault::Fail);
    assert!(harness.settle().await.is_err());
    assert!(is_gone(&harness, 1).await, "reads look at the clock");
    assert_eq!(harness.due_lines().await.unwrap().len(), 1);
    harness.settle().await.unwrap();
    assert_eq!(harness.due_lines().await.unwrap(), []);
}

#[tokio::test]
async fn marks_are_made_under_a_rival() {
    for seed in 0..20 {
        let (harness, _) = Harness::rivaled(engine(), seed, 60).await;
        with_an_hour(&harness).await;
        harness.clock().advance(HOUR);
        harness.settle().await.unwrap();
        back(&harness);
        assert!(is_gone(&harness, 1).await, "seed {seed}");
    }
}

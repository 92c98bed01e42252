use serde_json::json;

use super::*;
use crate::sample;
use crate::testing::Harness;

async fn view_with(names: &[&str]) -> (Harness, View) {
    let harness = Harness::new(sample::engine()).await;
    let view = harness.view();
    for name in names {
        view.changes().create(name, b"{}".to_vec()).commit().await.expect("a fresh name");
    }
    (harness, view)
}

async fn list(view: &View, folder: &str, after: &str, limit: Option<usize>) -> Vec<String> {
    view.list(folder, &Listing { after: after.to_owned(), limit }).await.expect("the store answers")
}

#[tokio::test]
async fn lists_fold_folders_and_page() {
    let (_harness, view) = view_with(&["a", "b", "b/c", "b/d/e", "f/g", "h"]).await;
    assert_eq!(list(&view, "", "", None).await, ["a", "b", "b/", "f/", "h"]);
    assert_eq!(list(&view, "b/", "", None).await, ["c", "d/"]);
    assert_eq!(list(&view, "", "b", None).await, ["b/", "f/", "h"]);
    assert_eq!(list(&view, "", "b/", Some(1)).await, ["f/"]);
    assert_eq!(list(&view, "", "", Some(2)).await, ["a", "b"]);
    assert_eq!(list(&view, "none/", "", None).await, [""; 0]);
    assert_eq!(list(&view, "", "zzz", None).await, [""; 0]);
}

#[tokio::test]
async fn several_entries_are_read_in_the_order_asked_for() {
    let (_harness, view) = view_with(&["a", "c"]).await;
    let [a, b, c] = view.get_all(["a", "b", "c"]).await.unwrap();
    assert!(a.is_some() && b.is_none() && c.is_some());
}

#[tokio::test]
async fn stale_and_surplus_writes_conflict() {
    let (_harness, view) = view_with(&["a"]).await;
    let old = view.get("a").await.unwrap().unwrap().revision();
    view.changes().replace("a", old, b"{}".to_vec()).commit().await.unwrap();
    let is_conflict = |outcome| matches!(outcome, Err(CommitError::Conflict));
    assert!(is_conflict(view.changes().replace("a", old, b"{}".to_vec()).commit().await));
    assert!(is_conflict(view.changes().delete("a", old).commit().await));
    assert!(is_conflict(view.changes().create("a", b"{}".to_vec()).commit().await));
    assert!(is_conflict(view.changes().create("b", b"{}".to_vec()).expect_at("a", old).commit().await));
    assert!(view.get("b").await.unwrap().is_none());
}

#[tokio::test]
async fn nothing_is_written_into_a_mount_that_goes_away() {
    let (harness, view) = view_with(&["a"]).await;
    harness.mark_removed().await;
    let outcome = view.changes().create("b", b"{}".to_vec()).commit().await;
    assert!(matches!(outcome, Err(CommitError::Failed(Error::Unrouted(_)))));
    assert!(view.get("a").await.unwrap().is_some(), "reading what is left does no harm");
}

#[tokio::test]
async fn a_name_that_is_too_long_is_the_callers_mistake() {
    let (_harness, view) = view_with(&[]).await;
    let name = "x".repeat(3000);
    assert!(matches!(view.get(&name).await, Err(Error::Invalid(_))));
    let outcome = view.changes().create(&name, b"{}".to_vec()).commit().await;
    assert!(matches!(outcome, Err(CommitError::Failed(Error::Invalid(_)))));
}

#[tokio::test]
async fn pages_tell_names_and_revisions() {
    let (_harness, view) = view_with(&["a/1", "a/2", "b"]).await;
    let names: Vec<_> = view.page("a/", 10).await.unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a/1", "a/2"]);
    assert_eq!(view.page("a/", 1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_part_of_a_view_sees_only_that_part() {
    let (_harness, view) = view_with(&["a/1"]).await;
    assert!(view.below("a/").get("1").await.unwrap().is_some());
    assert!(view.below("b/").get("1").await.unwrap().is_none());
}

#[tokio::test]
async fn a_stored_entry_is_decoded_or_the_worlds_mistake() {
    let (_harness, view) = view_with(&[]).await;
    view.changes().create("good", encode(&json!({ "a": 1 })).unwrap()).commit().await.unwrap();
    view.changes().create("bad", b"{".to_vec()).commit().await.unwrap();
    let good = view.get("good").await.unwrap().unwrap();
    assert_eq!(good.raw().unwrap().get(), r#"{"a":1}"#);
    assert_eq!(good.json::<serde_json::Value>().unwrap(), json!({ "a": 1 }));
    let bad = view.get("bad").await.unwrap().unwrap();
    assert!(matches!(bad.raw(), Err(Error::World { .. })));
    assert!(matches!(bad.json::<serde_json::Value>(), Err(Error::World { .. })));
}

#[tokio::test]
async fn lost_races_are_tried_again_and_end() {
    let mut tries = 0;
    let won = crate::retry!(number => {
        tries += 1;
        if number < 3 { Err(CommitError::Conflict) } else { Ok(number) }
    });
    assert_eq!((won.ok(), tries), (Some(3), 4));
    let lost: Result<(), _> = crate::retry!(_ => { Err(CommitError::Conflict) });
    assert!(matches!(lost, Err(Error::Busy(_))));
    let failed: Result<(), _> = crate::retry!(_ => { Err(Error::NotFound.into()) });
    assert!(matches!(failed, Err(Error::NotFound)));
}

#[test]
fn times_survive_storage() {
    let time: Timestamp = "2030-01-02T03:04:05.000000006Z".parse().unwrap();
    assert_eq!(from_stored(to_stored(time)), time);
}

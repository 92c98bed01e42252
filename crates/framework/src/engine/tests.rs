use serde_json::json;

use super::*;
use crate::path::Segment;
use crate::sample;
use crate::testing::{Harness, object, show};

#[tokio::test]
async fn unknown_and_hidden_values_are_warned_about() {
    let harness = Harness::new(sample::engine()).await;
    let reply = harness.patch("notes/a", json!({ "name": "b", "tags": [], "color": 1, "age": 2 })).await;
    let replaced =
        "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [name]";
    assert_eq!(
        reply,
        json!({
            "data": { "path": "notes/a", "name": "a", "tags": [], "kept": 0 },
            "warnings": ["Endpoint ignored these unrecognized parameters: [age color]", replaced],
        })
    );
}

#[tokio::test]
async fn nothing_to_say_stays_nothing_to_say() {
    let harness = Harness::new(sample::engine()).await;
    assert_eq!(harness.write("notes/a", json!({ "text": "hi", "color": 1 })).await, json!({}));
}

#[tokio::test]
async fn free_form_takes_everything() {
    let harness = Harness::new(sample::engine()).await;
    let reply = harness.write("box/a/b", json!({ "path": 1, "x": [2] })).await;
    assert_eq!(reply, json!({ "data": { "captured": "a/b", "sent": { "path": 1, "x": [2] } } }));
}

#[tokio::test]
async fn paths_lead_to_rows_and_operations() {
    let engine = sample::engine();
    let route = engine.route(Operation::Read, "notes/a").unwrap();
    assert_eq!(route.params, BTreeMap::from([("name", "a".to_owned())]));
    assert!(route.knows_existence && !route.access.is_sudo);
    assert!(engine.route(Operation::Read, "count").unwrap().access.is_sudo);
    assert!(engine.route(Operation::Update, "box/a").unwrap().access.is_unauthenticated);
    assert!(engine.route(Operation::Create, "notes/a").is_ok(), "create and update share a row");
    assert!(engine.route(Operation::Help, "notes/a").is_ok());
    assert!(engine.route(Operation::List, "notes/").is_ok());
    let refused = |operation, path| engine.route(operation, path).unwrap_err().to_string();
    assert_eq!(refused(Operation::Update, "count"), "unsupported operation");
    assert_eq!(refused(Operation::Scan, "notes"), "unsupported operation");
    assert_eq!(refused(Operation::Read, "nowhere"), "unsupported path");
}

#[tokio::test]
async fn existence_is_told_where_it_is_known() {
    let harness = Harness::new(sample::engine()).await;
    let (engine, context) = (harness.engine(), harness.context("notes/a"));
    let route = engine.route(Operation::Update, "notes/a").unwrap();
    assert!(!engine.exists(&context, &route, &Map::new()).await.unwrap());
    harness.write("notes/a", json!({ "text": "hi" })).await;
    assert!(engine.exists(&context, &route, &Map::new()).await.unwrap());
    let unknowing = engine.route(Operation::Read, "count").unwrap();
    assert!(engine.exists(&context, &unknowing, &Map::new()).await.unwrap(), "what cannot be told counts as an update");
}

#[tokio::test]
async fn handlers_get_the_part_of_the_state_that_they_are_for() {
    let harness = Harness::new(sample::engine()).await;
    let reply = harness.write("notes/a", json!({ "text": "x".repeat(1001) })).await;
    assert_eq!(reply, json!({ "error": "invalid", "text": "note is too long" }));
}

#[tokio::test]
async fn a_route_of_another_table_is_refused() {
    let harness = Harness::new(sample::engine()).await;
    let mut route = harness.engine().route(Operation::Read, "count").unwrap();
    route.index = 99;
    let result = harness.engine().handle(&harness.context("count"), route, Operation::Read, object(json!({}))).await;
    assert_eq!(show(result), json!({ "error": "unsupported operation" }));
}

#[test]
fn an_ambiguous_table_does_not_mount() {
    let row = |template| {
        let path: Path<()> = Path::new(template, "A path.");
        path.param("x", Segment::Name, "A name.")
    };
    let engine = Engine::auth("twice", "Has a path twice.").paths([row("a/{x}"), row("a/{x}")]);
    assert!(matches!(engine.mount(()), Err(TableError::Ambiguous(..))));
}

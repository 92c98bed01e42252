use framework::view::ENTRY_BYTES_MAX;

use super::*;
use crate::kv::v1;

/// Names that the next version uses for other things, and ordinary ones.
const NAMES: [&str; 6] = ["a", "config", "meta/a", "data/a", "page/a", "secret/a/b"];

/// A mount of version 1 with these secrets, now of version 2 and not upgraded yet.
async fn version_1(harness: Harness, names: &[String]) -> Harness {
    for name in names {
        assert_eq!(harness.write(name, json!({ "n": name })).await, json!({}), "{name}");
    }
    harness.with_engine(engine())
}

async fn of_version_1(names: &[String]) -> Harness {
    version_1(Harness::new(v1::make().unwrap()).await, names).await
}

fn names(texts: impl IntoIterator<Item = impl ToString>) -> Vec<String> {
    texts.into_iter().map(|text| text.to_string()).collect()
}

async fn check(harness: &Harness, names: &[String]) {
    for name in names {
        let reply = harness.read(&format!("data/{name}")).await["data"].clone();
        assert_eq!((&reply["data"], &reply["metadata"]["version"]), (&json!({ "n": name }), &json!(1)), "{name}");
    }
    let mut sorted = names.to_vec();
    sorted.sort();
    assert_eq!(harness.scan("metadata").await["data"]["keys"], json!(sorted));
    assert_eq!(stored_count(harness).await, 2 * names.len().min(500), "a history and a version of each");
}

#[tokio::test]
async fn each_secret_becomes_a_first_version() {
    let names = names(NAMES);
    let harness = of_version_1(&names).await;
    harness.clock().advance(Duration::from_secs(60));
    harness.upgrade().await.unwrap();
    check(&harness, &names).await;
    let metadata = harness.read("metadata/a").await["data"].clone();
    assert_eq!(metadata["created_time"], "2030-01-01T00:01:00Z");
    assert_eq!(metadata["versions"]["1"]["created_time"], "2030-01-01T00:01:00Z");
    assert_eq!(put(&harness, "a", json!({ "n": 2 })).await, 2);
    harness.upgrade().await.unwrap();
    assert_eq!(harness.read("data/a").await["data"]["metadata"]["version"], 2, "once is enough");
}

#[tokio::test]
async fn thousands_of_secrets_are_taken_over_page_by_page() {
    let names = names(0..2_000);
    let harness = of_version_1(&names).await;
    harness.upgrade().await.unwrap();
    for name in ["0", "1000", "1999"] {
        assert_eq!(harness.read(&format!("data/{name}")).await["data"]["data"], json!({ "n": name }));
    }
    assert_eq!(harness.scan("metadata").await["data"]["keys"].as_array().map(Vec::len), Some(2_000));
    assert_eq!(harness.view().names_between("secret/", "secret0", 1).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_as_large_as_it_may_be_is_taken_over() {
    let harness = Harness::new(v1::make().unwrap()).await;
    let large = json!({ "x": "y".repeat(ENTRY_BYTES_MAX - 8) });
    let long = "z".repeat(1_900);
    for name in ["a", "b", long.as_str()] {
        assert_eq!(harness.write(name, large.clone()).await, json!({}));
    }
    let harness = harness.with_engine(engine());
    harness.upgrade().await.unwrap();
    for name in ["a", "b", long.as_str()] {
        assert_eq!(harness.read(&format!("data/{name}")).await["data"]["data"], large);
    }
}

#[tokio::test]
async fn an_upgrade_goes_on_wherever_it_breaks_off() {
    let names = names(0..100);
    for nth in 1.. {
        let (harness, faulty) = Harness::faulty(v1::make().unwrap()).await;
        let harness = version_1(harness, &names).await;
        faulty.fail_nth(Call::Commit, nth, Fault::Fail);
        let is_done = harness.upgrade().await.is_ok();
        faulty.calm();
        harness.upgrade().await.unwrap();
        check(&harness, &names).await;
        if is_done {
            assert!(nth > 3, "{nth} commits are fewer than this test is about");
            break;
        }
    }
}

#[tokio::test]
async fn an_upgrade_under_a_rival_loses_nothing() {
    let names = names(0..40);
    for seed in 0..10 {
        let (harness, _) = Harness::rivaled(v1::make().unwrap(), seed, 60).await;
        let harness = version_1(harness, &names).await;
        harness.upgrade().await.unwrap();
        check(&harness, &names).await;
    }
}

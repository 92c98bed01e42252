use std::sync::Arc;
use std::time::Duration;

use barrier::CacheMode;
use barrier::seal::Device;
use framework::Operation;
use framework::rotation::CLAIM_PATIENCE;
use serde_json::{Value, json};
use storage::counting::Call;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;

use crate::testing::outside::{Mood, Outside};
use crate::testing::{Bench, denied, hours, patiently, refused};

async fn keeping(bench: &Bench, path: &str, outside: &str) -> Arc<Outside> {
    let about = json!({ "type": "keeper", "options": { "outside": outside } });
    assert_eq!(bench.root().write(&format!("sys/mounts/{path}"), about).await, json!({}));
    let keep = json!({ "rotation_period": "1h" });
    assert_eq!(bench.root().write(&format!("{path}/kept/app"), keep).await, json!({}));
    Outside::named(outside)
}

async fn kept(bench: &Bench, path: &str) -> Value {
    bench.root().read(&format!("{path}/kept/app")).await["data"].take()
}

async fn failing(bench: &Bench) -> Value {
    bench.root().read("sys/rotations/failing").await["data"].take()
}

/// Everything that is stored of rotations.
async fn left(bench: &Bench) -> Vec<String> {
    let all = bench.keys("").await;
    all.into_iter().filter(|key| key.contains("/rotation") || key.contains("/rotate/")).collect()
}

#[tokio::test]
async fn the_worker_rotates_what_is_due() {
    let bench = Bench::new().await;
    let outside = keeping(&bench, "db", "rotated").await;
    bench.settle().await;
    assert_eq!((kept(&bench, "db").await["secret"].take(), outside.secret("app")), (json!(1), 1));
    bench.clock.advance(Duration::from_secs(3700));
    bench.settle().await;
    assert_eq!((kept(&bench, "db").await["secret"].take(), outside.secret("app")), (json!(2), 2));
    assert_eq!(failing(&bench).await, json!({ "rotation_count": 0, "rotations": [] }));
    assert_eq!((bench.core.metrics.rotated.count(), bench.core.metrics.rotation_failed.count()), (2, 0));
    assert_eq!(bench.root().write("db/rotate/app", json!({})).await, json!({}));
    assert_eq!((kept(&bench, "db").await["secret"].take(), outside.secret("app")), (json!(3), 3));
}

#[tokio::test]
async fn what_fails_is_listed_until_it_is_done() {
    let bench = Bench::new().await;
    let outside = keeping(&bench, "db", "failing").await;
    bench.settle().await;
    outside.when_making(Mood::Refuses);
    bench.clock.advance(Duration::from_secs(3700));
    bench.settle().await;
    let listed = failing(&bench).await;
    let one = &listed["rotations"][0];
    assert_eq!((&listed["rotation_count"], &one["failures"]), (&json!(1), &json!(1)), "{listed}");
    assert_eq!((&one["mount_path"], &one["name"]), (&json!("db/"), &json!("app")));
    assert_eq!((&one["mount_type"], &one["error"]), (&json!("keeper"), &json!("ask the outside: it refuses")));
    assert!(one["last_vault_rotation"].is_string() && one["next_vault_rotation"].is_string(), "{one}");
    assert_eq!(kept(&bench, "db").await["secret"], json!(1), "the secret that works is still there");
    assert_eq!(bench.core.metrics.rotation_failed.count(), 1);
    let again = bench.root().write("db/rotate/app", json!({})).await;
    assert_eq!(again, refused("World", "ask the outside: it refuses"));
    assert_eq!(failing(&bench).await["rotations"][0]["failures"], json!(2), "tries by hand count");
    outside.when_making(Mood::Well);
    bench.clock.advance(Duration::from_secs(30));
    bench.settle().await;
    assert_eq!(failing(&bench).await["rotation_count"], json!(0));
    assert_eq!(kept(&bench, "db").await["failures"], json!(0));
}

#[tokio::test]
async fn the_list_of_failures_pages_and_is_for_operators() {
    let bench = Bench::new().await;
    for number in 0..3 {
        let outside = keeping(&bench, &format!("db{number}"), &format!("paged {number}")).await;
        outside.when_making(Mood::Refuses);
    }
    bench.settle().await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    for round in 0..3 {
        let page =
            bench.root().call(Operation::Read, "sys/rotations/failing", json!({ "limit": 1, "after": after })).await;
        assert_eq!(page["warnings"].is_array(), round < 2, "{page}");
        let one = &page["data"]["rotations"][0];
        after = one["id"].as_str().expect("an id").to_owned();
        seen.push(one["mount_path"].clone());
    }
    seen.sort_by_key(Value::to_string);
    assert_eq!(seen, [json!("db0/"), json!("db1/"), json!("db2/")]);
    let reader = bench.token_for("reader", "path \"sys/rotations/*\" { capabilities = [\"read\"] }").await;
    assert_eq!(bench.with(&reader).read("sys/rotations/failing").await, denied());
}

#[tokio::test]
async fn an_outside_that_does_not_answer_keeps_nobody_else_waiting() {
    let bench = Bench::new().await;
    let stuck = keeping(&bench, "stuck", "does not answer").await;
    stuck.when_making(Mood::Stalls);
    let well = keeping(&bench, "well", "answers").await;
    patiently(&bench.clock, bench.settle()).await;
    assert_eq!((stuck.secret("app"), well.secret("app")), (0, 1));
    assert_eq!(kept(&bench, "well").await["secret"], json!(1));
    let error = failing(&bench).await["rotations"][0]["error"].take();
    assert_eq!(error, json!("rotate a secret: no answer from outside within 80 seconds"));
}

#[tokio::test]
async fn of_two_nodes_one_rotates() {
    let memory = Arc::new(Memory::new());
    let mut bench = Bench::fresh_with(Arc::clone(&memory) as _, CacheMode::ReadThrough, Device::Shamir);
    bench.init().await;
    let outside = keeping(&bench, "db", "two nodes").await;
    let other = bench.beside().await;
    for round in 1..=5 {
        tokio::join!(bench.settle(), other.settle());
        assert_eq!(outside.secret("app"), round);
        assert_eq!(kept(&other, "db").await["secret"], json!(round));
        bench.clock.advance(Duration::from_secs(3700));
    }
}

#[tokio::test]
async fn a_crash_at_any_commit_of_a_rotation_ends_with_the_secret_that_counts() {
    for nth in 1_u64..=8 {
        let (env, _) = env::simulated::env(1);
        let memory = Arc::new(Memory::new());
        let faulty = Arc::new(Faulty::new(Arc::clone(&memory) as _, env));
        let bench = Bench::over(Arc::clone(&faulty) as _).await;
        let outside = keeping(&bench, "db", &format!("crash {nth}")).await;
        bench.settle().await;
        bench.clock.advance(Duration::from_secs(3700));
        let fault = if nth % 2 == 0 { Fault::CutAfter } else { Fault::CutBefore };
        faulty.fail_nth(Call::Commit, nth.div_ceil(2), fault);
        patiently(&bench.clock, bench.settle_unless_broken()).await;
        let bench = bench.crashed(memory as _).await;
        bench.clock.advance(CLAIM_PATIENCE);
        bench.settle().await;
        let seen = kept(&bench, "db").await;
        assert_eq!(seen["secret"], json!(outside.secret("app")), "cut {nth}");
        assert!(seen["secret"].as_u64().is_some_and(|secret| secret > 1), "cut {nth}");
        assert_eq!(left(&bench).await.len(), 2, "an entry and its line: {:?}", left(&bench).await);
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_mount_that_is_disabled() {
    let bench = Bench::new().await;
    let outside = keeping(&bench, "db", "disabled").await;
    outside.when_making(Mood::Refuses);
    bench.settle().await;
    assert_eq!(left(&bench).await.len(), 3, "an entry, its line, and that it is failing");
    assert_eq!(bench.root().delete("sys/mounts/db").await, json!({}));
    bench.settle().await;
    bench.clock.advance(hours(2));
    bench.settle().await;
    assert_eq!(left(&bench).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_sealed_node_rotates_nothing() {
    let bench = Bench::new().await;
    let outside = keeping(&bench, "db", "sealed").await;
    bench.core.seal().await;
    bench.clock.advance(hours(2));
    bench.unseal().await;
    bench.settle().await;
    assert_eq!(outside.secret("app"), 1, "once for all that was missed");
}

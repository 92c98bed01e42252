use std::sync::Mutex;

use serde_json::{Value, json};

use super::*;
use crate::testing::{Fault, Harness};
use crate::{Engine, Mounted, Path, Reply, Segment, fields};
use storage::counting::Call;

/// An outside that knows one secret, and an engine that stores it.
#[derive(Default)]
struct Outside {
    secret: Mutex<u64>,
    mood: Mutex<Mood>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Mood {
    #[default]
    Well,
    Refuses,
    /// Does it, and nobody hears of it.
    Cuts,
    /// The engine does not store what it got.
    Forgets,
}

fields! {
    /// What is kept.
    struct Keep {
        /// Its name.
        name: String,
        /// How often it is rotated.
        rotation_period: Option<Duration>,
        /// When it is rotated.
        rotation_schedule: Option<String>,
        /// For how long it may be rotated then.
        rotation_window: Option<Duration>,
    }
}

fields! {
    /// Names one.
    struct Named {
        /// Its name.
        name: String,
    }
}

fn engine(outside: &Arc<Outside>) -> Arc<dyn Mounted> {
    let kept = Path::new("kept/{name}", "A secret.").param("name", Segment::Name, "Its name.");
    let now = Path::new("rotate/{name}", "A secret.").param("name", Segment::Name, "Its name.");
    Engine::secrets("keeper", "Keeps secrets.")
        .paths([
            kept.update(keep, "Keep one.").read(read, "Read it.").delete(remove, "Remove it."),
            now.update(rotate_now, "Rotate it."),
        ])
        .on_rotation(rotate)
        .mount(Arc::clone(outside))
        .expect("a sound table")
}

async fn keep(_: &Arc<Outside>, context: &Context, input: Keep) -> Result<Reply, Error> {
    let schedule = Schedule::of_fields(input.rotation_period, input.rotation_schedule, input.rotation_window)?;
    retry!(_ => {
        let changes = plan(context, &input.name, schedule.clone(), First::At(context.now()), context.view.changes()).await?;
        changes.commit().await
    })?;
    Ok(Reply::empty())
}

async fn read(_: &Arc<Outside>, context: &Context, input: Named) -> Result<Reply, Error> {
    let status = status(&context.view, &input.name).await?.ok_or(Error::NotFound)?;
    let stored = context.view.get(&input.name).await?.map(|stored| stored.json::<u64>()).transpose()?;
    Ok(Reply::data(json!({
        "secret": stored, "ttl": status.ttl(context.now()).as_secs(), "failures": status.failures,
        "error": status.error, "is_planned": status.next.is_some(),
    })))
}

async fn remove(_: &Arc<Outside>, context: &Context, input: Named) -> Result<Reply, Error> {
    retry!(_ => {
        let changes = forget(context, &input.name, context.view.changes()).await?;
        let changes = match context.view.get(&input.name).await? {
            Some(stored) => changes.delete(&input.name, stored.revision()),
            None => changes,
        };
        changes.commit().await
    })?;
    Ok(Reply::empty())
}

async fn rotate_now(outside: &Arc<Outside>, context: &Context, input: Named) -> Result<Reply, Error> {
    let rotating = claim(context, &input.name).await?;
    let outcome = rotate(outside, context, rotating.clone()).await;
    rotating.settle(context, outcome.as_ref().copied()).await?;
    outcome.map(|()| Reply::empty())
}

async fn rotate(outside: &Arc<Outside>, context: &Context, rotating: Rotating) -> Result<(), Error> {
    let mood = *outside.mood.lock().unwrap();
    if mood == Mood::Refuses {
        return Err(Error::world("rotate it", "the outside says no"));
    }
    rotating.begins();
    let fresh = {
        let mut secret = outside.secret.lock().unwrap();
        *secret += 1;
        *secret
    };
    match mood {
        Mood::Cuts => return Err(Error::world("rotate it", "the line is dead")),
        Mood::Forgets => return Ok(()),
        Mood::Well | Mood::Refuses => {}
    }
    retry!(_ => {
        let known = context.view.get(&rotating.name).await?.map(|stored| stored.revision());
        let changes = context.view.changes().put(&rotating.name, known, encode(&fresh)?);
        rotating.finish(context, changes).await?.commit().await?;
        Ok(())
    })
}

impl Outside {
    fn says(&self) -> Value {
        json!(*self.secret.lock().unwrap())
    }

    fn feels(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

async fn keeper() -> (Harness, Arc<Outside>) {
    let outside = Arc::default();
    (Harness::new(engine(&outside)).await, outside)
}

async fn shown(harness: &Harness) -> Value {
    harness.read("kept/a").await["data"].take()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[tokio::test]
async fn a_period_is_kept() {
    let (harness, outside) = keeper().await;
    assert_eq!(harness.write("kept/a", json!({ "rotation_period": "1h" })).await, json!({}));
    harness.settle().await.unwrap();
    let before = shown(&harness).await;
    assert_eq!(before["secret"], json!(1));
    assert!((3600..3637).contains(&before["ttl"].as_u64().unwrap()), "{before}");
    harness.clock().advance(secs(3599));
    harness.settle().await.unwrap();
    assert_eq!(shown(&harness).await["secret"], json!(1), "not before its time");
    harness.clock().advance(secs(38));
    harness.settle().await.unwrap();
    assert_eq!((shown(&harness).await["secret"].take(), outside.says()), (json!(2), json!(2)));
    assert_eq!(harness.write("kept/a", json!({ "rotation_period": "2h" })).await, json!({}));
    assert!((7200..7273).contains(&shown(&harness).await["ttl"].as_u64().unwrap()), "counted from the last time");
    assert_eq!(harness.write("kept/a", json!({})).await, json!({}));
    let seen = shown(&harness).await;
    assert_eq!((&seen["is_planned"], &seen["ttl"]), (&json!(false), &json!(0)));
    harness.clock().advance(secs(100_000));
    harness.settle().await.unwrap();
    assert_eq!(shown(&harness).await["secret"], json!(2), "nobody asks for it any more");
    assert_eq!(harness.write("rotate/a", json!({})).await, json!({}));
    assert_eq!(shown(&harness).await["secret"], json!(3));
}

#[tokio::test]
async fn what_fails_is_kept_told_and_tried_again() {
    let (harness, outside) = keeper().await;
    harness.write("kept/a", json!({ "rotation_period": "1h" })).await;
    harness.settle().await.unwrap();
    for mood in [Mood::Refuses, Mood::Cuts, Mood::Forgets] {
        outside.feels(mood);
        harness.clock().advance(secs(3700));
        let mut waits = Vec::new();
        for failures in 1..=8_u64 {
            harness.settle().await.unwrap();
            let seen = shown(&harness).await;
            assert_eq!(seen["failures"], json!(failures), "{seen}");
            assert!(!seen["error"].as_str().unwrap().is_empty(), "{seen}");
            waits.push(seen["ttl"].as_u64().unwrap());
            harness.clock().advance(secs(waits.last().copied().unwrap()));
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 600, 600]);
        outside.feels(Mood::Well);
        harness.settle().await.unwrap();
        let seen = shown(&harness).await;
        assert_eq!((&seen["secret"], &seen["failures"], &seen["error"]), (&outside.says(), &json!(0), &json!("")));
        assert_eq!(
            harness.view().read_keys([Rotations.failing("a").unwrap()]).await.unwrap().map(|it| it.is_some()),
            [false]
        );
    }
}

/// The keys of a harness.
struct Rotations;

impl Rotations {
    fn failing(&self, name: &str) -> Option<Key> {
        Key::new(format!("rotation-failed/{name}").into_bytes()).ok()
    }
}

#[tokio::test]
async fn what_was_begun_and_never_settled_is_taken_up_by_another() {
    let (harness, outside) = keeper().await;
    harness.write("kept/a", json!({ "rotation_schedule": "0 3 * * *", "rotation_window": "1h" })).await;
    harness.settle().await.unwrap();
    // The clock starts at midnight.
    harness.clock().advance(secs(3 * 3600 + 30));
    let context = harness.context("");
    let rotating = claim(&context, "a").await.expect("nobody is at it");
    rotating.begins();
    *outside.secret.lock().unwrap() += 1;
    // kill -9: the stored secret is dead now, and nobody knows the other one.
    drop(rotating);
    assert_eq!(
        harness.write("rotate/a", json!({})).await,
        json!({ "error": "it is being rotated at the moment, try again" })
    );
    harness.settle().await.unwrap();
    assert_eq!(shown(&harness).await["secret"], json!(1), "the claim holds");
    // Far beyond the window: what is dead cannot wait for the next day.
    harness.clock().advance(secs(2 * 3600));
    harness.settle().await.unwrap();
    assert_eq!(shown(&harness).await["secret"], outside.says());
}

#[tokio::test]
async fn whoever_is_too_slow_stores_nothing() {
    let (harness, outside) = keeper().await;
    harness.write("kept/a", json!({ "rotation_period": "1h" })).await;
    harness.settle().await.unwrap();
    let context = harness.context("");
    let slow = claim(&context, "a").await.expect("nobody is at it");
    harness.clock().advance(CLAIM_PATIENCE);
    harness.settle().await.unwrap();
    let seen = shown(&harness).await;
    assert_eq!(seen["secret"], outside.says());
    let late = slow.finish(&context, context.view.changes()).await;
    assert!(matches!(late, Err(Error::Busy(_))));
    let why = Error::world("rotate it", "late");
    assert_eq!(slow.settle(&context, Err(&why)).await.unwrap(), Tried::TakenOver);
    assert_eq!(shown(&harness).await, seen, "no failure of theirs is told of it");
    let gone = claim(&context, "a").await.expect("nobody is at it");
    assert_eq!(harness.delete("kept/a").await, json!({}));
    assert!(gone.finish(&context, context.view.changes()).await.is_err(), "what is removed is not rotated any more");
    assert_eq!(gone.settle(&context, Err(&why)).await.unwrap(), Tried::TakenOver);
    assert_eq!(harness.read("kept/a").await, json!({ "error": "not found" }));
}

#[tokio::test]
async fn a_window_that_has_passed_waits_for_the_next_one() {
    let (harness, outside) = keeper().await;
    harness.write("kept/a", json!({ "rotation_schedule": "0 3 * * *", "rotation_window": "1h" })).await;
    harness.settle().await.unwrap();
    // Nobody was there from three to four.
    harness.clock().advance(secs(5 * 3600));
    harness.settle().await.unwrap();
    let seen = shown(&harness).await;
    assert_eq!((&seen["secret"], &outside.says()), (&json!(1), &json!(1)));
    assert!((22 * 3600..22 * 3600 + 20).contains(&seen["ttl"].as_u64().unwrap()), "{seen}");
    harness.clock().advance(secs(22 * 3600 + 30));
    harness.settle().await.unwrap();
    assert_eq!(shown(&harness).await["secret"], json!(2));
    // Refused within the window, until it is over.
    outside.feels(Mood::Refuses);
    harness.clock().advance(secs(86_400));
    for _ in 0..60 {
        harness.settle().await.unwrap();
        harness.clock().advance(secs(120));
    }
    let seen = shown(&harness).await;
    assert!(
        seen["ttl"].as_u64().unwrap() > 70_000,
        "it waits for the next day, and still tells that it failed: {seen}"
    );
    assert!(seen["failures"].as_u64().unwrap() > 5);
    // Without an answer nobody knows which secret is right: that cannot wait.
    outside.feels(Mood::Cuts);
    harness.clock().advance(secs(seen["ttl"].as_u64().unwrap() + 30));
    for _ in 0..60 {
        harness.settle().await.unwrap();
        harness.clock().advance(secs(120));
    }
    assert!(shown(&harness).await["ttl"].as_u64().unwrap() <= 600);
    outside.feels(Mood::Well);
    harness.clock().advance(secs(600));
    harness.settle().await.unwrap();
    assert_eq!(shown(&harness).await["secret"], outside.says());
}

#[tokio::test]
async fn a_clock_that_jumps_rotates_once_and_goes_on() {
    let (harness, _) = keeper().await;
    harness.write("kept/a", json!({ "rotation_period": "1h" })).await;
    harness.settle().await.unwrap();
    let year = 366 * 86_400 * 1_000_000_000;
    harness.clock().jump_wall(year);
    harness.settle().await.unwrap();
    assert_eq!(shown(&harness).await["secret"], json!(2), "once for all the times that were missed");
    harness.clock().jump_wall(-year);
    harness.settle().await.unwrap();
    assert_eq!(shown(&harness).await["secret"], json!(2));
    assert_eq!(harness.write("rotate/a", json!({})).await, json!({}), "by hand it goes on");
    assert!(shown(&harness).await["ttl"].as_u64().unwrap() < 3700);
}

#[tokio::test]
async fn every_failure_of_the_store_is_survived() {
    for fault in [Fault::Fail, Fault::LoseCall, Fault::LoseAnswer] {
        for call in [Call::Read, Call::Scan, Call::Commit] {
            for nth in 1..=6 {
                let outside = Arc::default();
                let (harness, faulty) = Harness::faulty(engine(&outside)).await;
                harness.write("kept/a", json!({ "rotation_period": "1h" })).await;
                harness.settle().await.unwrap();
                harness.clock().advance(secs(3700));
                faulty.fail_nth(call, nth, fault);
                drop(patiently(&harness, harness.settle()).await);
                faulty.calm();
                harness.clock().advance(CLAIM_PATIENCE);
                harness.settle().await.unwrap();
                let seen = shown(&harness).await;
                assert_eq!(seen["secret"], outside.says(), "{fault:?} {call:?} {nth}");
                assert!(seen["secret"].as_u64().unwrap() > 1, "{fault:?} {call:?} {nth}");
                assert_eq!(seen["failures"], json!(0), "{fault:?} {call:?} {nth}");
            }
        }
    }
}

/// Turns the clock as long as the store has the work wait.
async fn patiently<T>(harness: &Harness, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::task::yield_now() => harness.clock().advance(Duration::from_millis(100)),
        }
    }
}

#[tokio::test]
async fn a_rival_changes_nothing() {
    for seed in 0..20 {
        let outside = Arc::default();
        let (harness, rival) = Harness::rivaled(engine(&outside), seed, 60).await;
        assert_eq!(harness.write("kept/a", json!({ "rotation_period": "1h" })).await, json!({}));
        for _ in 0..3 {
            harness.settle().await.unwrap();
            assert_eq!(harness.write("rotate/a", json!({})).await, json!({}));
            harness.clock().advance(secs(3700));
        }
        assert_eq!(shown(&harness).await["secret"], outside.says());
        assert_eq!(harness.delete("kept/a").await, json!({}));
        assert!(rival.strikes() > 0);
    }
}

#[tokio::test]
async fn what_was_stored_once_can_always_be_read() {
    let stored = include_bytes!("golden/v1.json");
    let status = Status::of_stored(stored).expect("it decodes");
    assert_eq!(status.schedule, Some(Schedule::Cron { text: "0 0 * * SAT".to_owned(), window_secs: 3600 }));
    assert_eq!((status.failures, status.error.as_str()), (2, "ask the outside: it says no"));
    assert_eq!(status.next.map(|next| next.to_string()).as_deref(), Some("2030-01-05T00:00:10Z"));
    let plain = Status::of_stored(br#"{"v":1,"schedule":{"period":{"secs":60}},"last":1,"due":2,"line":2}"#).unwrap();
    assert_eq!(plain.schedule, Some(Schedule::Period { secs: 60 }));
}

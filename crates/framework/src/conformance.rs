//! What every engine must keep, checked by one suite that every engine's tests run.
//!
//! The table is described, lists page, complaints never repeat what was sent; and a scripted session survives every
//! failure of the store, one call at a time, and a rival who rewrites entries between each read and commit. For tests
//! only: it panics where an engine fails.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use storage::Storage;
use storage::counting::{Call, Counting};
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;
use storage::rival::Rival;

use crate::engine::Mounted;
use crate::error::Error;
use crate::path::{PathSpec, Segment};
use crate::reply::Reply;
use crate::request::Operation;
use crate::testing::{Harness, chain, object, parse_query, show};

/// How far the clock goes each time that a step waits for it.
const TICK: Duration = Duration::from_millis(100);
/// How often a step may wait before it counts as stuck.
const TICKS_MAX: usize = 100_000;
/// How often the session runs against a rival, each time with another seed.
const RIVAL_ROUNDS: u64 = 20;
/// In how many of a hundred commits the rival is faster.
const RIVAL_PERCENT: u64 = 60;
/// What is sent where it does not belong, and must not come back in a complaint.
const MARKER: &str = "marker-7f3a9c";

/// One request of a scripted session.
#[derive(Clone, Debug)]
pub struct Step {
    operation: Operation,
    path: String,
    data: Map<String, Value>,
}

impl Step {
    /// A read; a query stands behind `?`.
    #[must_use]
    pub fn read(path: &str) -> Self {
        Self::ask(Operation::Read, path)
    }

    /// A list; a query stands behind `?`.
    #[must_use]
    pub fn list(path: &str) -> Self {
        Self::ask(Operation::List, path)
    }

    /// A scan; a query stands behind `?`.
    #[must_use]
    pub fn scan(path: &str) -> Self {
        Self::ask(Operation::Scan, path)
    }

    /// A removal; a query stands behind `?`.
    #[must_use]
    pub fn delete(path: &str) -> Self {
        Self::ask(Operation::Delete, path)
    }

    /// A write of an object.
    #[must_use]
    pub fn write(path: &str, data: Value) -> Self {
        Self { operation: Operation::Update, path: path.to_owned(), data: object(data) }
    }

    /// A merge of an object.
    #[must_use]
    pub fn patch(path: &str, data: Value) -> Self {
        Self { operation: Operation::Patch, path: path.to_owned(), data: object(data) }
    }

    fn ask(operation: Operation, path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Self { operation, path: path.to_owned(), data: parse_query(query) }
    }

    fn is_question(&self) -> bool {
        matches!(self.operation, Operation::Read | Operation::List | Operation::Scan)
    }
}

/// Runs the whole suite. `session` should reach every path and operation of the engine, and end in a state that its
/// reads and lists tell; every step must succeed, or be refused, the same way each time.
///
/// # Panics
/// When the engine fails.
pub async fn check(make: impl Fn() -> Arc<dyn Mounted>, session: &[Step]) {
    check_descriptions(&*make());
    check_complaints(&Harness::new(make()).await).await;
    check_lists(&Harness::new(make()).await, session).await;
    check_faults(&make, session).await;
    check_rival(&make, session).await;
}

/// Every path, parameter, operation and field says in a whole sentence what it is.
fn check_descriptions(engine: &dyn Mounted) {
    check_sentence(engine.type_name(), engine.help());
    assert!(!engine.specs().is_empty(), "the table of {} is empty", engine.type_name());
    for spec in engine.specs() {
        let place = spec.template;
        check_sentence(place, spec.description);
        assert!(!spec.operations.is_empty(), "{place} has no operation");
        for param in &spec.params {
            check_sentence(&format!("{place} {}", param.name), param.description);
        }
        for (operation, about) in &spec.operations {
            let place = format!("{operation} {place}");
            check_sentence(&place, about.description);
            for field in &about.fields {
                check_sentence(&format!("{place} {}", field.name), &field.description);
            }
            let has = |name| about.fields.iter().any(|field| field.name == name);
            let is_list = matches!(operation, Operation::List | Operation::Scan);
            assert!(!is_list || (has("after") && has("limit")), "{place} does not page");
        }
    }
}

fn check_sentence(place: &str, text: &str) {
    let is_sentence = text.starts_with(|c: char| c.is_uppercase() || c == '`') && text.trim_end().ends_with('.');
    assert!(is_sentence, "{place}: \"{text}\" is no whole sentence");
}

/// Whatever is sent to any field, no complaint about it repeats it.
async fn check_complaints(harness: &Harness) {
    for spec in harness.engine().specs() {
        let path = sample_path(spec);
        for (operation, about) in &spec.operations {
            for field in &about.fields {
                for value in [json!(MARKER), json!([{ MARKER: MARKER }]), json!({ MARKER: [MARKER] }), json!(-7)] {
                    let data = Map::from_iter([(field.name.to_owned(), value)]);
                    if let Err(error) = harness.call(*operation, &path, data).await {
                        let texts = [chain(&error), format!("{error:?}")];
                        let is_silent = texts.iter().all(|text| !text.contains(MARKER));
                        assert!(is_silent, "{operation} {path} repeats the value of {}", field.name);
                    }
                }
            }
        }
    }
}

/// A path that a template matches.
fn sample_path(spec: &PathSpec) -> String {
    spec.params.iter().fold(spec.template.to_owned(), |path, param| {
        let sample = match param.segment {
            Segment::Name => "sample",
            Segment::Rest => "sample/deep",
        };
        path.replace(&format!("{{{}}}", param.name), sample)
    })
}

/// The pages of each list of the session, taken one name at a time, are the whole list.
async fn check_lists(harness: &Harness, session: &[Step]) {
    for step in session {
        let whole = show(run(harness, step).await);
        if !matches!(step.operation, Operation::List | Operation::Scan) || !step.data.is_empty() {
            continue;
        }
        let whole = keys(&whole);
        let mut paged = Vec::new();
        for _ in 0..=whole.len() {
            let mut data = Map::from_iter([("limit".to_owned(), json!(1))]);
            if let Some(last) = paged.last() {
                data.insert("after".to_owned(), json!(last));
            }
            let page = keys(&show(run(harness, &Step { data, ..step.clone() }).await));
            assert!(page.len() <= 1, "list {} gives more names than its limit", step.path);
            paged.extend(page);
        }
        assert_eq!(paged, whole, "the pages of list {} are not the list", step.path);
    }
}

fn keys(shown: &Value) -> Vec<String> {
    let keys = shown.pointer("/data/keys").and_then(Value::as_array);
    keys.into_iter().flatten().filter_map(|key| key.as_str().map(str::to_owned)).collect()
}

/// For each call to the store and each way in which it can fail: the step is refused or succeeds, a second try without
/// the fault goes as it would have gone, and the end is the same.
async fn check_faults(make: &impl Fn() -> Arc<dyn Mounted>, session: &[Step]) {
    let counting = Arc::new(Counting::new(Arc::new(Memory::new())));
    let harness = Harness::over(Arc::clone(&counting) as Arc<dyn Storage>, make()).await;
    counting.take();
    let clean = run_all(&harness, session).await;
    let expected = observe(&harness, session).await;
    let tally = counting.take();
    let plans = [
        (Call::Read, tally.reads, [Fault::Fail, Fault::LoseAnswer].as_slice()),
        (Call::Scan, tally.scans, &[Fault::Fail]),
        (Call::Commit, tally.commits, &[Fault::Fail, Fault::Full, Fault::LoseCall, Fault::LoseAnswer]),
    ];
    for (call, count, faults) in plans {
        for fault in faults {
            for nth in 1..=count {
                let place = format!("{call:?} {nth} with {fault:?}");
                let (env, _) = env::simulated::env(1);
                let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env));
                let harness = Harness::over(Arc::clone(&faulty) as Arc<dyn Storage>, make()).await;
                faulty.fail_nth(call, nth, *fault);
                for (step, clean) in session.iter().zip(&clean) {
                    check_step(&harness, step, clean, &place).await;
                }
                faulty.calm();
                assert_eq!(observe(&harness, session).await, expected, "the end differs after {place}");
            }
        }
    }
}

/// Runs a step, and once more if it failed where it had not; then it must go as it did without faults.
async fn check_step(harness: &Harness, step: &Step, clean: &Value, place: &str) {
    let first = run(harness, step).await;
    if is_refusal_of_the_world(&first) {
        let second = show(run(harness, step).await);
        let is_same_kind = second.get("error") == clean.get("error");
        assert!(is_same_kind, "{place}: {step:?} tried again gives {second}, without the fault {clean}");
    } else {
        assert_eq!(&mask(show(first)), clean, "{place}: {step:?} goes differently");
    }
}

fn is_refusal_of_the_world(result: &Result<Reply, Error>) -> bool {
    matches!(result, Err(Error::World { .. } | Error::WorldShown { .. } | Error::Busy(_)))
}

/// Somebody else rewrites entries between reads and commits: everything goes as without.
async fn check_rival(make: &impl Fn() -> Arc<dyn Mounted>, session: &[Step]) {
    let harness = Harness::new(make()).await;
    let clean = run_all(&harness, session).await;
    let mut strikes = 0;
    for seed in 0..RIVAL_ROUNDS {
        let rival = Arc::new(Rival::new(Arc::new(Memory::new()), seed, RIVAL_PERCENT));
        let harness = Harness::over(Arc::clone(&rival) as Arc<dyn Storage>, make()).await.without_liveness();
        assert_eq!(run_all(&harness, session).await, clean, "a rival with seed {seed} changes the outcome");
        strikes += rival.strikes();
    }
    assert!(strikes > 0, "the session has no write that a rival could disturb");
}

async fn run_all(harness: &Harness, session: &[Step]) -> Vec<Value> {
    let mut outcomes = Vec::new();
    for step in session {
        outcomes.push(mask(show(run(harness, step).await)));
    }
    outcomes
}

/// What the reads and lists of the session tell at its end.
async fn observe(harness: &Harness, session: &[Step]) -> Vec<Value> {
    let questions: Vec<_> = session.iter().filter(|step| step.is_question()).cloned().collect();
    run_all(harness, &questions).await
}

async fn run(harness: &Harness, step: &Step) -> Result<Reply, Error> {
    patiently(harness, harness.call(step.operation, &step.path, step.data.clone())).await
}

/// Turns the clock as long as the work waits, since some of it sleeps between two tries.
async fn patiently<T>(harness: &Harness, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    for _ in 0..TICKS_MAX {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::task::yield_now() => harness.clock().advance(TICK),
        }
    }
    work.await
}

/// The same with every time of day replaced, since the clock moves by as much as the store makes a step wait.
fn mask(value: Value) -> Value {
    match value {
        Value::String(text) if text.parse::<api::Timestamp>().is_ok() => json!("a time"),
        Value::Array(items) => items.into_iter().map(mask).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, mask(value))).collect(),
        value => value,
    }
}

#[cfg(test)]
mod tests;

//! Random sessions, compared after every step with a model that is too simple to be wrong.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// The most steps of a session.
const STEPS_MAX: usize = 40;
/// Version numbers that steps speak of: some will not be there.
const NUMBERS: std::ops::Range<u64> = 1..12;

#[derive(Clone, Debug)]
enum Action {
    Write(Option<u64>),
    DeleteLatest,
    Delete(Vec<u64>),
    Undelete(Vec<u64>),
    Destroy(Vec<u64>),
    Keep(usize),
    Remove,
    Restore,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum State {
    Live,
    Deleted,
    Destroyed,
}

#[derive(Default)]
struct Model {
    current: u64,
    kept: usize,
    exists: bool,
    versions: BTreeMap<u64, State>,
}

impl Model {
    /// Whether the step is accepted.
    fn apply(&mut self, action: &Action) -> bool {
        match action {
            Action::Write(cas) if cas.is_some_and(|cas| cas != self.current) => return false,
            Action::Write(_) => {
                self.exists = true;
                self.current += 1;
                self.versions.insert(self.current, State::Live);
                let kept = if self.kept == 0 { VERSIONS_DEFAULT as usize } else { self.kept };
                while self.versions.len() > kept {
                    self.versions.pop_first();
                }
            }
            Action::DeleteLatest => self.change(&[self.current], State::Live, State::Deleted),
            Action::Delete(numbers) => self.change(numbers, State::Live, State::Deleted),
            Action::Undelete(numbers) => self.change(numbers, State::Deleted, State::Live),
            Action::Destroy(numbers) => {
                self.change(numbers, State::Live, State::Destroyed);
                self.change(numbers, State::Deleted, State::Destroyed);
            }
            Action::Keep(count) => (self.exists, self.kept) = (true, *count),
            Action::Remove => *self = Self::default(),
            Action::Restore => {}
        }
        true
    }

    fn change(&mut self, numbers: &[u64], from: State, to: State) {
        for (number, state) in &mut self.versions {
            if numbers.contains(number) && *state == from {
                *state = to;
            }
        }
    }

    /// The fingerprints of what the versions hold that are not destroyed, as the harness spells them.
    fn fingerprints(&self) -> Vec<String> {
        let held = self.versions.iter().filter(|(_, state)| **state != State::Destroyed);
        let ends: BTreeSet<_> = held.flat_map(|(number, _)| [*number, number % 3]).collect();
        let hex = |number: u64| format!("{number:08}").bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        ends.into_iter().map(|number| format!("{}/data/a", hex(number))).collect()
    }

    /// One history, and the data of each version that is not destroyed.
    fn stored_count(&self) -> usize {
        usize::from(self.exists) + self.versions.values().filter(|state| **state != State::Destroyed).count()
    }
}

/// What a version holds: something of its own, and something that others hold as well.
fn content(number: u64) -> Value {
    json!({ "n": number, "own": format!("a value alone {number:08}"), "shared": format!("a value of some {:08}", number % 3) })
}

async fn act(harness: &Harness, action: &Action, number: u64) -> Value {
    let versions = |numbers: &[u64]| json!({ "versions": numbers });
    match action {
        Action::Write(None) => harness.write("data/a", json!({ "data": content(number) })).await,
        Action::Write(Some(cas)) => {
            harness.write("data/a", json!({ "data": content(number), "options": { "cas": cas } })).await
        }
        Action::DeleteLatest => harness.delete("data/a").await,
        Action::Delete(numbers) => harness.write("delete/a", versions(numbers)).await,
        Action::Undelete(numbers) => harness.write("undelete/a", versions(numbers)).await,
        Action::Destroy(numbers) => harness.write("destroy/a", versions(numbers)).await,
        Action::Keep(count) => harness.write("metadata/a", json!({ "max_versions": count })).await,
        Action::Remove => harness.delete("metadata/a").await,
        Action::Restore => {
            restore(harness).await;
            json!({})
        }
    }
}

/// What a read of the version tells, in the model's words.
async fn state_of(harness: &Harness, number: u64) -> Option<State> {
    let reply = harness.read(&format!("data/a?version={number}")).await;
    if reply.get("error").is_some() {
        assert_eq!(reply, missing());
        return None;
    }
    let is_destroyed = reply["data"]["metadata"]["destroyed"] == json!(true);
    Some(match reply.get("status") {
        Some(_) if is_destroyed => State::Destroyed,
        Some(_) => State::Deleted,
        None => {
            assert_eq!(reply["data"]["data"], content(number), "a version has the data that was written");
            State::Live
        }
    })
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let numbers = || vec(NUMBERS, 1..4);
    let action = prop_oneof![
        8 => Just(Action::Write(None)),
        2 => (0..12_u64).prop_map(|cas| Action::Write(Some(cas))),
        1 => Just(Action::DeleteLatest),
        2 => numbers().prop_map(Action::Delete),
        2 => numbers().prop_map(Action::Undelete),
        2 => numbers().prop_map(Action::Destroy),
        1 => (0..6_usize).prop_map(Action::Keep),
        1 => Just(Action::Remove),
        1 => Just(Action::Restore),
    ];
    vec(action, 1..STEPS_MAX)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_secret_behaves_like_the_model(actions in actions()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
        runtime.block_on(async {
            let harness = harness().await;
            let mut model = Model::default();
            for action in &actions {
                let accepted = act(&harness, action, model.current + 1).await.get("error").is_none();
                assert_eq!(accepted, model.apply(action), "{action:?}");
                for number in NUMBERS {
                    assert_eq!(state_of(&harness, number).await, model.versions.get(&number).copied(), "{number}");
                }
                assert_eq!(stored_count(&harness).await, model.stored_count(), "after {action:?}");
                assert_eq!(harness.fingerprints().await.unwrap(), model.fingerprints(), "after {action:?}");
            }
        });
    }
}

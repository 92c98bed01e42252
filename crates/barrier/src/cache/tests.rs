//! The proof in the module's notes, played through: every order of steps of several commits and reads.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use proptest::prelude::*;
use storage::{Key, Position, Revision};

use super::{Cache, Generation, Stored};
use crate::fixture::key;
use crate::stamp::Stamp;

const CACHE_BYTES: usize = 64 * 1024;
const NAMES: [&str; 3] = ["a", "b", "c"];

fn stored(number: u64) -> Stored {
    Stored { value: Bytes::from(number.to_string()), revision: Revision(number) }
}

fn offer(cache: &Cache, name: &str, number: u64, position: u64) {
    cache.offer(cache.generation(), &key(name), Some(&stored(number)), Position(position));
}

fn cached(cache: &Cache, name: &str) -> Option<Option<Stored>> {
    cache.lookup(&[key(name)]).map(|mut found| found.remove(0))
}

#[test]
fn an_offer_as_of_before_a_write_is_refused() {
    let cache = Cache::new(CACHE_BYTES);
    let keys = [key("a")];
    let generation = cache.generation();
    cache.begin(keys.iter());
    cache.publish(generation, [(&keys[0], Some(stored(5)))].into_iter(), Position(5));
    offer(&cache, "a", 4, 4);
    assert_eq!(cached(&cache, "a"), Some(Some(stored(5))));
    offer(&cache, "a", 5, 6);
    assert_eq!(cached(&cache, "a"), Some(Some(stored(5))));
}

#[test]
fn keys_of_a_commit_in_progress_are_answered_by_the_store() {
    let cache = Cache::new(CACHE_BYTES);
    let keys = [key("a")];
    offer(&cache, "a", 1, 1);
    cache.begin(keys.iter());
    assert_eq!(cached(&cache, "a"), None);
    offer(&cache, "a", 1, 9);
    assert_eq!(cached(&cache, "a"), None);
    cache.release(keys.iter());
    offer(&cache, "a", 1, 9);
    assert_eq!(cached(&cache, "a"), Some(Some(stored(1))));
}

#[test]
fn two_commits_on_one_key_must_both_end() {
    let cache = Cache::new(CACHE_BYTES);
    let keys = [key("a")];
    let generation = cache.generation();
    cache.begin(keys.iter());
    cache.begin(keys.iter());
    cache.publish(generation, [(&keys[0], Some(stored(2)))].into_iter(), Position(2));
    assert_eq!(cached(&cache, "a"), None, "the other may have written since");
    cache.publish(generation, [(&keys[0], Some(stored(1)))].into_iter(), Position(1));
    assert_eq!(cached(&cache, "a"), None, "the earlier one ends later and does not win");
}

#[test]
fn a_commit_that_was_traced_leaves_nothing_and_keeps_older_answers_out() {
    let cache = Cache::new(CACHE_BYTES);
    let keys = [key("a")];
    cache.begin(keys.iter());
    cache.end(keys.iter(), Position(6));
    assert_eq!(cached(&cache, "a"), None);
    offer(&cache, "a", 5, 5);
    assert_eq!(cached(&cache, "a"), None, "it may have been overwritten at the sixth");
    offer(&cache, "a", 6, 6);
    assert_eq!(cached(&cache, "a"), Some(Some(stored(6))));
}

#[test]
fn absent_keys_are_remembered_too() {
    let cache = Cache::new(CACHE_BYTES);
    cache.offer(cache.generation(), &key("a"), None, Position(1));
    assert_eq!(cached(&cache, "a"), Some(None));
    assert_eq!(cached(&cache, "b"), None);
}

#[test]
fn what_was_read_before_a_drop_of_everything_does_not_come_in_after_it() {
    let cache = Cache::new(CACHE_BYTES);
    let before = cache.generation();
    offer(&cache, "a", 1, 1);
    cache.clear();
    assert_eq!(cached(&cache, "a"), None);
    cache.offer(before, &key("a"), Some(&stored(1)), Position(1));
    assert_eq!(cached(&cache, "a"), None);
}

#[test]
fn the_bound_is_in_bytes_and_holds() {
    let cache = Cache::new(CACHE_BYTES);
    let whole = Bytes::from(vec![0; 1024]);
    for number in 0..1000 {
        let value = Stored { value: whole.slice(..512), revision: Revision(number) };
        cache.offer(cache.generation(), &key(&format!("k{number}")), Some(&value), Position(1));
    }
    assert!(cache.entries.weight() <= CACHE_BYTES as u64);
    assert!(cache.entries.len() > 40, "it is used");
    assert!(whole.is_unique(), "slices of something larger are copied");
}

#[test]
fn a_stamp_stays_until_a_commit_begins_and_is_another_one_when_it_has_ended() {
    let cache = Cache::new(CACHE_BYTES);
    let keys = [key("a"), key("b")];
    let first = cache.stamp();
    assert!(first.is_some());
    offer(&cache, "a", 1, 1);
    assert_eq!(cache.stamp(), first, "reading changes nothing");
    for is_refused in [true, false] {
        let before = cache.stamp();
        cache.begin(keys.iter());
        assert_eq!(cache.stamp(), None, "it may be written at any time");
        if is_refused {
            cache.release(keys.iter());
        } else {
            cache.end(keys.iter(), Position(2));
        }
        assert!(cache.stamp().is_some());
        assert_ne!(cache.stamp(), before);
    }
    let before = cache.stamp();
    cache.clear();
    assert_ne!(cache.stamp(), before);
}

#[test]
fn after_an_unknown_outcome_there_is_no_stamp_any_more() {
    let cache = Cache::new(CACHE_BYTES);
    let (lost, other) = ([key("a")], [key("b")]);
    cache.begin(lost.iter());
    for _ in 0..3 {
        cache.begin(other.iter());
        cache.release(other.iter());
        assert_eq!(cache.stamp(), None);
    }
}

#[test]
fn hits_and_misses_are_counted() {
    let cache = Cache::new(CACHE_BYTES);
    assert_eq!(cached(&cache, "a"), None);
    offer(&cache, "a", 1, 1);
    assert!(cached(&cache, "a").is_some());
    let usage = cache.usage();
    assert_eq!((usage.hits, usage.misses), (1, 1));
    assert!(usage.bytes > 0 && usage.bytes <= CACHE_BYTES as u64, "{usage:?}");
}

/// A store of numbers, and commits and reads at any stage.
struct Model {
    cache: Cache,
    store: BTreeMap<&'static str, u64>,
    position: u64,
    commits: Vec<Commit>,
    reads: Vec<Read>,
    /// What was stored at each stamp.
    stamped: Vec<(Stamp, BTreeMap<&'static str, u64>)>,
}

struct Commit {
    keys: Vec<&'static str>,
    generation: Generation,
    /// Where it went through, and the number that it wrote.
    done: Option<u64>,
}

struct Read {
    generation: Generation,
    snapshot: BTreeMap<&'static str, u64>,
    position: u64,
}

#[derive(Debug, Clone)]
enum Step {
    Begin(Vec<&'static str>),
    Write(usize),
    End(usize),
    Trace(usize),
    Refuse(usize),
    LoseTrack(usize),
    Read,
    Offer(usize, Vec<&'static str>),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let names = || proptest::sample::subsequence(NAMES.to_vec(), 1..=NAMES.len());
    let step = prop_oneof![
        4 => names().prop_map(Step::Begin),
        4 => (0..4_usize).prop_map(Step::Write),
        4 => (0..4_usize).prop_map(Step::End),
        2 => (0..4_usize).prop_map(Step::Trace),
        1 => (0..4_usize).prop_map(Step::Refuse),
        1 => (0..40_usize).prop_map(Step::LoseTrack),
        4 => Just(Step::Read),
        6 => (0..4_usize, names()).prop_map(|(read, names)| Step::Offer(read, names)),
        1 => Just(Step::Clear),
    ];
    proptest::collection::vec(step, 1..60)
}

impl Model {
    fn take(&mut self, step: Step) {
        match step {
            Step::Begin(keys) => {
                let generation = self.cache.generation();
                let written: Vec<Key> = keys.iter().map(|name| key(name)).collect();
                self.cache.begin(written.iter());
                self.commits.push(Commit { keys, generation, done: None });
            }
            Step::Write(index) => {
                let Some(commit) = self.commits.get_mut(index).filter(|commit| commit.done.is_none()) else { return };
                self.position += 1;
                commit.done = Some(self.position);
                self.store.extend(commit.keys.iter().map(|name| (*name, self.position)));
            }
            Step::End(index) if self.commits.get(index).is_some_and(|commit| commit.done.is_some()) => {
                let commit = self.commits.swap_remove(index);
                let number = commit.done.unwrap();
                let written: Vec<Key> = commit.keys.iter().map(|name| key(name)).collect();
                let written = written.iter().map(|key| (key, Some(stored(number))));
                self.cache.publish(commit.generation, written, Position(number));
            }
            // Its answer was lost, and it is found now, whatever was written since.
            Step::Trace(index) if self.commits.get(index).is_some_and(|commit| commit.done.is_some()) => {
                let commit = self.commits.swap_remove(index);
                let written: Vec<Key> = commit.keys.iter().map(|name| key(name)).collect();
                self.cache.end(written.iter(), Position(self.position));
            }
            Step::Refuse(index) if self.commits.get(index).is_some_and(|commit| commit.done.is_none()) => {
                let commit = self.commits.swap_remove(index);
                let written: Vec<Key> = commit.keys.iter().map(|name| key(name)).collect();
                self.cache.release(written.iter());
            }
            // It stays at its stage for ever, and may yet write: nobody will know.
            Step::LoseTrack(index) if index < self.commits.len() => {
                let commit = self.commits.remove(index);
                self.position += 1;
                self.store.extend(commit.keys.iter().map(|name| (*name, self.position)));
            }
            Step::Read => {
                let (generation, snapshot) = (self.cache.generation(), self.store.clone());
                self.reads.push(Read { generation, snapshot, position: self.position });
            }
            Step::Offer(index, names) => {
                let Some(read) = self.reads.get(index) else { return };
                for name in names {
                    let found = read.snapshot.get(name).map(|number| stored(*number));
                    self.cache.offer(read.generation, &key(name), found.as_ref(), Position(read.position));
                }
            }
            Step::Clear => self.cache.clear(),
            Step::End(_) | Step::Trace(_) | Step::Refuse(_) | Step::LoseTrack(_) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn whatever_the_order_of_steps_what_is_cached_is_what_is_stored(steps in steps()) {
        let cache = Cache::new(CACHE_BYTES);
        let mut model = Model { cache, store: BTreeMap::new(), position: 0, commits: Vec::new(), reads: Vec::new(), stamped: Vec::new() };
        for step in steps {
            model.take(step);
            if let Some(stamp) = model.cache.stamp() {
                for (_, then) in model.stamped.iter().filter(|(known, _)| *known == stamp) {
                    prop_assert_eq!(then, &model.store, "what was stored at the same stamp");
                }
                model.stamped.push((stamp, model.store.clone()));
            }
            for name in NAMES {
                if let Some(found) = cached(&model.cache, name) {
                    prop_assert_eq!(found, model.store.get(name).map(|number| stored(*number)), "{}", name);
                }
            }
        }
    }
}

#[test]
fn hits_on_several_keys_are_of_one_moment() {
    const COMMITS: u64 = 20_000;
    let cache = Cache::new(CACHE_BYTES);
    let keys = [key("a"), key("b")];
    // The store: both keys hold the number of the last commit.
    let store = Mutex::new(0);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let read = || {
            while !is_over.load(Ordering::SeqCst) {
                let generation = cache.generation();
                if let Some(found) = cache.lookup(&keys) {
                    assert_eq!(found[0], found[1], "one from before a commit, one from after it");
                } else {
                    let number = *store.lock().unwrap();
                    keys.iter().for_each(|key| cache.offer(generation, key, Some(&stored(number)), Position(number)));
                }
            }
        };
        let readers = [scope.spawn(read), scope.spawn(read)];
        for number in 1..=COMMITS {
            let generation = cache.generation();
            cache.begin(keys.iter());
            *store.lock().unwrap() = number;
            cache.publish(generation, keys.iter().map(|key| (key, Some(stored(number)))), Position(number));
        }
        is_over.store(true, Ordering::SeqCst);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    assert_eq!(cache.lookup(&keys), Some(vec![Some(stored(COMMITS)); 2]));
}

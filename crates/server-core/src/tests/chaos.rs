//! A seeded life of tokens on a store that fails, loses answers and loses nodes: whatever was acknowledged holds, and in
//! the end nothing is left over.

use std::sync::Arc;
use std::time::Duration;

use env::simulated::SeededRandom;
use serde_json::{Value, json};
use storage::faulty::{Chances, Faulty};
use storage::memory::Memory;

use crate::testing::{Bench, denied, patiently};

const SEEDS: u64 = 25;
const STEPS: usize = 80;
const CHANCES: Chances = Chances { fail: 15, lose_call: 10, lose_answer: 10 };

/// What is known of a token that somebody was given.
struct Known {
    token: String,
    parent: Option<usize>,
    expires: Duration,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Alive,
    /// A revocation was asked for and nobody knows what came of it.
    Doubtful,
    Gone,
}

struct World {
    seed: u64,
    bench: Bench,
    memory: Arc<Memory>,
    /// Between the present node and the store.
    faulty: Arc<Faulty>,
    random: SeededRandom,
    tokens: Vec<Known>,
}

impl World {
    async fn new(seed: u64) -> Self {
        let (env, _) = env::simulated::env(seed);
        let memory = Arc::new(Memory::new());
        let faulty = Arc::new(Faulty::new(Arc::clone(&memory) as _, env));
        let bench = Bench::over(Arc::clone(&faulty) as _).await;
        faulty.fail_by_chance(seed, CHANCES);
        Self { seed, bench, memory, faulty, random: SeededRandom::new(seed), tokens: Vec::new() }
    }

    fn pick(&self) -> Option<usize> {
        let bound = u64::try_from(self.tokens.len()).ok().filter(|bound| *bound > 0)?;
        usize::try_from(self.random.below(bound)).ok()
    }

    /// A token is as good as the worst above it.
    fn fate(&self, index: usize) -> Fate {
        let known = &self.tokens[index];
        let own = if known.expires <= self.bench.env.monotonic() { Fate::Gone } else { known.fate };
        let above = known.parent.map_or(Fate::Alive, |parent| match self.fate(parent) {
            // Its children go when the worker comes to them, not at once.
            Fate::Gone if self.tokens[parent].fate != Fate::Gone => Fate::Doubtful,
            fate => fate,
        });
        [own, above].into_iter().find(|fate| *fate == Fate::Gone).unwrap_or(if own == Fate::Alive {
            above
        } else {
            own
        })
    }

    async fn step(&mut self) {
        match self.random.below(10) {
            0..=3 => self.create().await,
            4 => self.revoke().await,
            5 => self.bench.clock.advance(Duration::from_secs(60 * self.random.below(20))),
            6..=8 => self.look().await,
            _ => self.crash().await,
        }
    }

    async fn create(&mut self) {
        let parent = self.pick().filter(|_| self.random.below(3) > 0);
        let token = parent.map_or(self.bench.root.as_str(), |parent| self.tokens[parent].token.as_str()).to_owned();
        let fate_before = parent.map_or(Fate::Alive, |parent| self.fate(parent));
        let ttl = Duration::from_secs(60 * (1 + self.random.below(120)));
        let asked = self.bench.env.monotonic();
        let about = json!({ "ttl": ttl.as_secs() });
        let client = self.bench.with(&token);
        let reply = patiently(&self.bench.clock, client.write("auth/token/create", about)).await;
        let Some(token) = reply["auth"]["client_token"].as_str().map(str::to_owned) else { return };
        assert_ne!(fate_before, Fate::Gone, "seed {}: made under a token that is gone", self.seed);
        let client = self.bench.with(&token);
        patiently(&self.bench.clock, client.write("cubbyhole/a", json!({ "x": 1 }))).await;
        // The store's hiccups may have taken a while, so this is the earliest moment.
        self.tokens.push(Known { token, parent, expires: asked + ttl, fate: Fate::Alive });
    }

    async fn revoke(&mut self) {
        let Some(index) = self.pick() else { return };
        let root = self.bench.root();
        let about = json!({ "token": self.tokens[index].token });
        let reply = patiently(&self.bench.clock, root.write("auth/token/revoke", about)).await;
        let fate = if reply == json!({}) { Fate::Gone } else { Fate::Doubtful };
        if self.tokens[index].fate != Fate::Gone {
            self.tokens[index].fate = fate;
        }
    }

    async fn look(&mut self) {
        let Some(index) = self.pick() else { return };
        let before = self.fate(index);
        let client = self.bench.with(&self.tokens[index].token);
        let reply = patiently(&self.bench.clock, client.read("auth/token/lookup-self")).await;
        self.check(index, before, &reply);
    }

    fn check(&self, index: usize, before: Fate, reply: &Value) {
        let is_slack = self.tokens[index].expires + Duration::from_secs(60) > self.bench.env.monotonic();
        match before {
            // Made a little later than the earliest moment, it lives as much longer.
            Fate::Gone if self.tokens[index].fate != Fate::Gone && is_slack => {}
            Fate::Gone => assert!(reply["data"].is_null(), "seed {}: {index} is gone, but answers", self.seed),
            Fate::Alive if self.fate(index) == Fate::Alive => {
                assert_ne!(*reply, denied(), "seed {}: {index} is alive, but refused", self.seed);
            }
            Fate::Alive | Fate::Doubtful => {}
        }
    }

    async fn crash(&mut self) {
        // The old node's last commits may still be under way: nothing of them comes through any more.
        self.faulty.cut();
        let (env, _) = env::simulated::env(self.random.next());
        self.faulty = Arc::new(Faulty::new(Arc::clone(&self.memory) as _, env));
        let storage = Arc::clone(&self.faulty) as _;
        let fresh = Bench::fresh(Arc::new(Memory::new()), barrier::CacheMode::SoleWriter);
        let old = std::mem::replace(&mut self.bench, fresh);
        self.bench = old.crashed(storage).await;
        self.faulty.fail_by_chance(self.random.next(), CHANCES);
    }
}

#[tokio::test]
async fn what_was_acknowledged_holds_and_nothing_is_left_over() {
    let (mut made, mut gone) = (0, 0);
    for seed in 0..SEEDS {
        let mut world = World::new(seed).await;
        let before = world.bench.keys("ns/").await;
        for _ in 0..STEPS {
            world.step().await;
        }
        world.crash().await;
        world.faulty.calm();
        world.bench.settle().await;
        for index in 0..world.tokens.len() {
            let fate = world.fate(index);
            made += 1;
            gone += usize::from(fate == Fate::Gone);
            let client = world.bench.with(&world.tokens[index].token);
            let reply = client.read("auth/token/lookup-self").await;
            world.check(index, fate, &reply);
        }
        world.bench.clock.advance(Duration::from_secs(24 * 3600));
        world.bench.settle().await;
        assert_eq!(world.bench.keys("ns/").await, before, "seed {seed}");
        assert_eq!(world.bench.keys("due/").await, Vec::<String>::new(), "seed {seed}");
    }
    assert!(made > 300 && gone > 50, "{made} tokens, {gone} of them gone: the test has lost its teeth");
}

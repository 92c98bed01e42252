use std::collections::BTreeMap;

use barrier::Changes;
use storage::counting::Call;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;

use super::*;
use crate::testing::Bench;

/// Takes lines away, except for those whose id says otherwise; counts its turns by id.
struct Counter {
    store: Store,
    turns: Mutex<BTreeMap<String, usize>>,
}

impl Counter {
    fn turns(&self, id: &str) -> usize {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied().unwrap_or(0)
    }
}

#[async_trait]
impl Owner for Counter {
    fn kind(&self) -> &'static str {
        "test"
    }

    async fn fire(&self, line: Line) -> Result<(), Error> {
        *self.turns.lock().unwrap_or_else(PoisonError::into_inner).entry(line.id.clone()).or_default() += 1;
        if line.id.starts_with("bad") {
            return Err(Error::world("fire", "it is bad"));
        }
        let mut changes = Changes::new();
        changes.delete(line.key, line.revision);
        self.store.commit(changes).await.map(drop).map_err(Error::from)
    }
}

fn counter(bench: &Bench) -> Arc<Counter> {
    Arc::new(Counter { store: bench.core.seals.store.clone(), turns: Mutex::default() })
}

async fn put(bench: &Bench, nanos: i64, ids: impl IntoIterator<Item = String>) {
    let mut changes = Changes::new();
    for id in ids {
        changes.create(keys::due(nanos, "root", "test", &id).expect("a short id"), Vec::new());
    }
    bench.core.seals.store.commit(changes).await.expect("nothing is in the way");
}

/// Lets every task run until all of them wait for the clock.
async fn rest() {
    for _ in 0..5_000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn lines_fire_when_their_time_has_come_and_not_before() {
    let bench = Bench::new().await;
    let counter = counter(&bench);
    let owners: Vec<Arc<dyn Owner>> = vec![Arc::clone(&counter) as _];
    let (_stop, stopped) = watch::channel(false);
    put(&bench, 100, ["early".to_owned()]).await;
    put(&bench, 101, ["late".to_owned()]).await;
    let store = &bench.core.seals.store;
    let mut places = Places::default();
    assert_eq!(pass(store, &owners, 100, &stopped, &mut places).await.expect("it can be read"), Next::AtOnce);
    assert_eq!((counter.turns("early"), counter.turns("late")), (1, 0));
    assert_eq!(pass(store, &owners, 100, &stopped, &mut places).await.expect("it can be read"), Next::Later);
    assert_eq!(pass(store, &owners, 101, &stopped, &mut places).await.expect("it can be read"), Next::AtOnce);
    assert_eq!((counter.turns("early"), counter.turns("late")), (1, 1));
}

#[tokio::test]
async fn lines_that_fail_do_not_keep_the_others_waiting_however_many_they_are() {
    let bench = Bench::new().await;
    let counter = counter(&bench);
    let owners: Vec<Arc<dyn Owner>> = vec![Arc::clone(&counter) as _];
    let (_stop, stopped) = watch::channel(false);
    // All of them come before the good one in its shard; together they are more than a pass takes.
    let good = keys::due(0, "root", "test", "good").expect("a short id");
    let shard = String::from_utf8_lossy(good.as_bytes()).into_owned();
    let shard = shard.split('/').nth(1).unwrap_or_default().to_owned();
    let is_there = |id: &String| {
        let key = keys::due(1, "root", "test", id).expect("a short id");
        String::from_utf8_lossy(key.as_bytes()).starts_with(&format!("due/{shard}/"))
    };
    let bad: Vec<_> = (0..).map(|number| format!("bad{number}")).filter(is_there).take(LINES_MAX + 50).collect();
    for some in bad.chunks(90) {
        put(&bench, 1, some.iter().cloned()).await;
    }
    put(&bench, 2, ["good".to_owned()]).await;
    let store = &bench.core.seals.store;
    let mut places = Places::default();
    let mut passes = 0;
    while pass(store, &owners, 10, &stopped, &mut places).await.expect("it can be read") != Next::Later {
        passes += 1;
        assert!(passes < 10, "the worker would never rest");
    }
    assert_eq!(counter.turns("good"), 1);
    assert!(bad.iter().all(|id| (1..=2).contains(&counter.turns(id))), "each bad line gets its turn");
}

#[tokio::test]
async fn a_line_that_fails_is_tried_again_later_with_each_time() {
    let bench = Bench::new().await;
    let counter = counter(&bench);
    let owners: Vec<Arc<dyn Owner>> = vec![Arc::clone(&counter) as _];
    let (_stop, stopped) = watch::channel(false);
    put(&bench, 1, ["bad".to_owned()]).await;
    let store = &bench.core.seals.store;
    let mut places = Places::default();
    // As the worker does it: once a second, for an hour.
    for second in 1..=3600 {
        let now = second * 1_000_000_000;
        assert_eq!(pass(store, &owners, now, &stopped, &mut places).await.expect("it can be read"), Next::Later);
    }
    // 1 + 2 + 4 + … + 256 seconds, and from there every 300.
    assert_eq!(counter.turns("bad"), 10 + (3600 - 512) / 300);
}

/// Gives the first so many lines to tasks that never end.
struct Full(Mutex<usize>);

#[async_trait]
impl Owner for Full {
    fn kind(&self) -> &'static str {
        "test"
    }

    async fn fire(&self, line: Line) -> Result<(), Error> {
        self.look(line).await.map(drop)
    }

    async fn look(&self, _: Line) -> Result<Look, Error> {
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = *room > 0;
        *room = room.saturating_sub(1);
        Ok(if has_room { Look::Taken } else { Look::UnderWay })
    }
}

#[tokio::test]
async fn the_worker_rests_while_more_is_due_than_there_is_room_for() {
    let bench = Bench::new().await;
    let (_stop, stopped) = watch::channel(false);
    // Some shard has more lines than a pass takes of it.
    let lines = LINES_MAX * 2 * usize::from(DUE_SHARDS);
    for some in (0..lines).map(|number| number.to_string()).collect::<Vec<_>>().chunks(90) {
        put(&bench, 1, some.iter().cloned()).await;
    }
    let owners: Vec<Arc<dyn Owner>> = vec![Arc::new(Full(Mutex::new(1)))];
    let mut places = Places::default();
    let mut next = async || pass(&bench.core.seals.store, &owners, 10, &stopped, &mut places).await;
    assert_eq!(next().await.expect("it can be read"), Next::AtOnce, "there was room, and there is more");
    assert_eq!(next().await.expect("it can be read"), Next::Soon, "nothing can be done");
}

#[tokio::test]
async fn a_line_of_nobody_and_one_that_is_none_are_left_alone() {
    let bench = Bench::new().await;
    let owners: Vec<Arc<dyn Owner>> = vec![counter(&bench) as _];
    let (_stop, stopped) = watch::channel(false);
    let mut changes = Changes::new();
    changes.create(keys::due(1, "root", "unknown", "x").expect("a short id"), Vec::new());
    changes.create(keys::prefix("due/00/0000000000000001").expect("a short key"), Vec::new());
    bench.core.seals.store.commit(changes).await.expect("nothing is in the way");
    let mut places = Places::default();
    let next = pass(&bench.core.seals.store, &owners, 10, &stopped, &mut places).await.expect("it can be read");
    assert_eq!(next, Next::Later);
    assert_eq!(bench.keys("due/").await.len(), 2);
}

#[tokio::test]
async fn the_worker_survives_a_store_that_fails_and_goes_on() {
    let (env, _) = env::simulated::env(9);
    let faulty = Arc::new(Faulty::new(Arc::new(Memory::new()), env));
    let bench = Bench::over(Arc::clone(&faulty) as _).await;
    rest().await;
    bench.token(serde_json::json!({ "ttl": "1m" })).await;
    faulty.fail_nth(Call::Scan, 1, Fault::Fail);
    bench.clock.advance(Duration::from_secs(61));
    rest().await;
    assert!(!bench.keys("due/").await.is_empty(), "the scan failed, so nothing was done");
    bench.clock.advance(PAUSE);
    rest().await;
    assert_eq!(bench.keys("due/").await, Vec::<String>::new());
}

#[tokio::test]
async fn the_worker_stops_at_seal_and_starts_again_at_unseal() {
    let bench = Bench::new().await;
    bench.token(serde_json::json!({ "ttl": "1m" })).await;
    bench.core.seal().await;
    bench.clock.advance(Duration::from_secs(120));
    rest().await;
    assert_eq!(bench.keys("due/").await.len(), 1, "nobody works while sealed");
    bench.unseal().await;
    rest().await;
    assert_eq!(bench.keys("due/").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_core_that_is_let_go_leaves_no_worker_behind() {
    let bench = Bench::new().await;
    bench.token(serde_json::json!({ "ttl": "1m" })).await;
    let Bench { core, clock, storage, .. } = bench;
    rest().await;
    drop(core);
    clock.advance(Duration::from_secs(120));
    rest().await;
    assert_eq!(crate::testing::dump(&*storage, "due/").await.len(), 1);
}

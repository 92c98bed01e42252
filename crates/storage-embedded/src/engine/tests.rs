//! Power cuts: at a thousand seeded points, after each of which everything acknowledged must be there and nothing half.
//!
//! The same harness runs over a disk that lies about its syncs and must find the losses, so that it is known to look.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use env::Env;
use env::simulated::{self, SeededRandom};
use storage::{Batch, CommitId, Entry, Expectation, Key, Outcome, Position, Revision, Write};

use super::{Engine, Failure, Room};
use crate::Options;
use crate::log::LOG_BYTES;
use crate::medium::Medium;
use crate::power::{Cut, Disk, Honesty, SHORT_LOG_BYTES};
use crate::takeover::Takeover;

/// Power cuts of a run over an honest disk.
const CUTS: u64 = 1_000;
/// The latest step of a cut: a group takes two with a record in the log, some twenty without.
const STEPS_MAX: u64 = 100;
/// The latest step of a sync that fails: early, while the file still grows often.
const LOST_SYNC_STEPS_MAX: u64 = 120;
/// Keys that the work is about: few, so that they are replaced and deleted too.
const NAMES: u64 = 40;

type Contents = BTreeMap<Key, Entry>;

/// What a store may hold: as of which position, and what.
#[derive(Clone, Default, PartialEq, Debug)]
struct Model {
    position: Position,
    contents: Contents,
}

impl Model {
    /// The batches applied by the rules, without a store.
    fn apply(&mut self, batches: &[Batch]) {
        for batch in batches {
            if !batch.expectations.iter().all(|it| self.holds(it)) {
                continue;
            }
            self.position = Position(self.position.0 + 1);
            for write in &batch.writes {
                let (key, revision) = (write.key().clone(), Revision(self.position.0));
                match write.value().cloned() {
                    Some(value) => self.contents.insert(key.clone(), Entry { key, value, revision, commit: batch.id }),
                    None => self.contents.remove(&key),
                };
            }
        }
    }

    fn holds(&self, expectation: &Expectation) -> bool {
        match expectation {
            Expectation::Absent(key) => !self.contents.contains_key(key),
            Expectation::At(key, at) => self.contents.get(key).is_some_and(|entry| entry.revision == *at),
            Expectation::NoneIn(range) => !self.contents.keys().any(|key| range.contains(key)),
        }
    }

    /// A group of batches; those behind the first may meet what it has changed, and conflict.
    fn group(&self, random: &SeededRandom) -> Vec<Batch> {
        (0..=random.below(4)).map(|_| self.batch(random)).collect()
    }

    fn batch(&self, random: &SeededRandom) -> Batch {
        let mut batch = Batch::new(CommitId(u128::from(random.next()).to_be_bytes()));
        for _ in 0..=random.below(5) {
            let key = Key::new(format!("key/{:02}", random.below(NAMES)).into_bytes()).unwrap();
            if batch.writes.iter().any(|write| *write.key() == key) {
                continue;
            }
            let length = usize::try_from(random.below(if random.below(8) == 0 { 20_000 } else { 600 })).unwrap();
            let value = vec![u8::try_from(random.below(256)).unwrap(); length];
            batch = match self.contents.get(&key) {
                None => batch.create(key, value),
                Some(entry) if random.below(3) == 0 => batch.delete(key, entry.revision),
                Some(entry) => batch.replace(key, entry.revision, value),
            };
        }
        batch
    }
}

/// Never the same salt twice, as it is outside.
fn env() -> Env {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    simulated::env(NEXT.fetch_add(1, Ordering::Relaxed)).0
}

fn open(disk: &Disk) -> Result<Engine, String> {
    let medium: Arc<dyn Medium> = Arc::new(disk.clone());
    let options = Options { cache_bytes: 1024 * 1024, ..Options::default() };
    Engine::open(&medium, &options, &env(), 1).map_err(|error| format!("the store does not open: {error}: {error:?}"))
}

fn contents(engine: &Engine) -> Result<Model, String> {
    let trouble = |trouble| format!("the store cannot be read: {trouble:?}");
    let view = engine.view();
    let mut contents = Contents::new();
    let mut told = Bound::Unbounded;
    loop {
        let page = view.copy(&told).map_err(trouble)?;
        let Some(last) = page.last() else { break };
        told = Bound::Excluded(last.key.clone());
        contents.extend(page.into_iter().map(|entry| (entry.key.clone(), entry)));
    }
    Ok(Model { position: view.position(), contents })
}

/// One life of a store: what was acknowledged, and what was under way when it ended.
struct Life {
    acknowledged: Model,
    under_way: Model,
}

impl Life {
    fn check(&self, found: &Model) -> Result<(), String> {
        if *found == self.acknowledged || *found == self.under_way {
            return Ok(());
        }
        Err(format!(
            "found {} entries at {:?}, acknowledged {} at {:?}, under way {} at {:?}",
            found.contents.len(),
            found.position,
            self.acknowledged.contents.len(),
            self.acknowledged.position,
            self.under_way.contents.len(),
            self.under_way.position,
        ))
    }
}

/// An engine and the takeover that somebody beside it has begun, or will.
struct Busy<'a> {
    engine: &'a mut Engine,
    takeover: Option<Takeover>,
}

impl Busy<'_> {
    fn commit(&mut self, group: &[Batch]) -> Result<Vec<Outcome>, Failure> {
        let batches: Vec<&Batch> = group.iter().collect();
        if self.engine.make_room(&batches)? == Room::Occupied {
            self.take_over()?;
            assert_eq!(self.engine.make_room(&batches)?, Room::Ready, "the other log is free now");
        }
        self.engine.commit(&batches)
    }

    /// Ends the takeover, if there is one.
    fn take_over(&mut self) -> Result<(), Failure> {
        let Some(takeover) = self.takeover.take().or_else(|| self.engine.takeover()) else { return Ok(()) };
        takeover.run().and_then(|()| self.engine.taken_over()).map_err(Failure::Refused)
    }

    /// Somebody begins it now and then, and ends it some groups later.
    fn meanwhile(&mut self, random: &SeededRandom) -> Result<(), Failure> {
        match random.below(4) {
            0 => self.take_over(),
            1 if self.takeover.is_none() => {
                self.takeover = self.engine.takeover();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Works until a group or a takeover fails.
fn live(engine: &mut Engine, start: Model, random: &SeededRandom) -> Life {
    let mut acknowledged = start;
    let mut busy = Busy { engine, takeover: None };
    for _ in 0..10_000 {
        let group = acknowledged.group(random);
        let mut under_way = acknowledged.clone();
        under_way.apply(&group);
        match busy.commit(&group) {
            Ok(outcomes) => {
                let committed = outcomes.iter().filter(|it| matches!(it, Outcome::Committed(_))).count() as u64;
                assert_eq!(acknowledged.position.0 + committed, under_way.position.0, "the model agrees");
                acknowledged = under_way;
            }
            Err(_) => return Life { acknowledged, under_way },
        }
        if busy.meanwhile(random).is_err() {
            return Life { under_way: acknowledged.clone(), acknowledged };
        }
    }
    unreachable!("the power goes before")
}

/// Cuts the power at a point drawn from the seed, sometimes again while the store recovers, and looks.
fn survive(base: &Disk, honesty: Honesty, seed: u64) -> Result<(), String> {
    let random = SeededRandom::new(seed);
    let disk = base.copy(honesty);
    let mut start = Model::default();
    // The second life starts from what the first one left.
    for _ in 0..2 {
        let mut engine = open(&disk)?;
        let cut = [Cut::DropAll, Cut::Tear, Cut::Scatter, Cut::KeepAll][usize::try_from(random.below(4)).unwrap()];
        disk.cut_after(1 + random.below(STEPS_MAX), cut, random.next());
        let life = live(&mut engine, start, &random);
        drop(engine);
        disk.restart();
        // Up to three cuts while it recovers.
        for _ in 0..random.below(4) {
            disk.cut_after(1 + random.below(12), cut, random.next());
            let recovered = open(&disk);
            if !disk.is_dark() {
                disk.cut_now(cut, random.next());
            }
            drop(recovered);
            disk.restart();
        }
        let engine = open(&disk)?;
        let found = contents(&engine)?;
        life.check(&found)?;
        start = found;
        if random.below(2) == 0 {
            engine.close().map_err(|trouble| format!("the store does not close: {trouble:?}"))?;
        } else {
            drop(engine);
        }
    }
    check_whole(&disk, &start)
}

/// Every page of the file is sound, also those that nobody has looked at.
fn check_whole(disk: &Disk, expected: &Model) -> Result<(), String> {
    let medium: Arc<dyn Medium> = Arc::new(disk.clone());
    let options = Options { checks_whole_file: true, ..Options::default() };
    let engine = Engine::open(&medium, &options, &env(), 1).map_err(|error| format!("the file is damaged: {error}"))?;
    if contents(&engine)? == *expected { Ok(()) } else { Err("the check changed what is there".to_owned()) }
}

/// As [`survive`]; a panic of the database is a loss too.
fn outcome(base: &Disk, honesty: Honesty, seed: u64) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| survive(base, honesty, seed))).unwrap_or(Err("it panicked".to_owned()))
}

fn assert_all_survive(seeds: std::ops::Range<u64>, log_bytes: usize) {
    let base = Disk::with_log(log_bytes);
    for seed in seeds {
        if let Err(loss) = outcome(&base, Honesty::Honest, seed) {
            panic!("seed {seed}: {loss}");
        }
    }
}

// In four parts, so that they run side by side: behind a log that hardly ever has room for a record, one that begins
// anew every few commits, one that does so now and then, and one that hardly ever does.
#[test]
fn acknowledged_commits_survive_power_cuts_1() {
    assert_all_survive(0..CUTS / 4, 2 * 1024);
}

#[test]
fn acknowledged_commits_survive_power_cuts_2() {
    assert_all_survive(CUTS / 4..CUTS / 2, SHORT_LOG_BYTES);
}

#[test]
fn acknowledged_commits_survive_power_cuts_3() {
    assert_all_survive(CUTS / 2..CUTS * 3 / 4, 100 * 1024);
}

#[test]
fn acknowledged_commits_survive_power_cuts_4() {
    assert_all_survive(CUTS * 3 / 4..CUTS, LOG_BYTES / 4);
}

#[test]
fn a_disk_that_lies_about_its_syncs_is_found_out() {
    let base = Disk::formatted();
    let lost = (0..40).filter(|seed| outcome(&base, Honesty::Lying, *seed).is_err()).count();
    // Where every write happens to survive there is nothing to find.
    assert!(lost >= 20, "only {lost} of 40 cuts on a lying disk were noticed");
}

/// A sync fails, which the kernel reports once; the store is opened again, and then the power goes.
fn survive_lost_sync(base: &Disk, seed: u64, forgets: bool) -> Result<(), String> {
    let random = SeededRandom::new(seed);
    let disk = base.copy(Honesty::Honest);
    let mut engine = open(&disk)?;
    disk.lose_sync_after(1 + random.below(LOST_SYNC_STEPS_MAX));
    let life = live(&mut engine, Model::default(), &random);
    if random.below(2) == 0 {
        drop(engine);
    } else {
        // The process is killed, so that the database does not even try to close.
        std::mem::forget(engine);
    }
    if forgets {
        disk.forget_unsynced();
    }
    let mut engine = open(&disk)?;
    let mut after = contents(&engine)?;
    life.check(&after)?;
    for _ in 0..random.below(3) {
        let group = after.group(&random);
        after.apply(&group);
        let mut busy = Busy { engine: &mut engine, takeover: None };
        busy.commit(&group).map_err(|failure: Failure| format!("{failure:?}"))?;
    }
    disk.cut_now(Cut::DropAll, random.next());
    drop(engine);
    disk.restart();
    let left = contents(&open(&disk)?)?;
    if left != after {
        return Err(format!("{:?} was shown after the failed sync, {:?} is left", after.position, left.position));
    }
    check_whole(&disk, &after)
}

#[test]
fn what_is_there_after_a_failed_sync_is_durable() {
    let base = Disk::formatted();
    for seed in 0..200 {
        if let Err(loss) = survive_lost_sync(&base, seed, false) {
            panic!("seed {seed}: {loss}");
        }
    }
}

#[test]
fn a_failed_sync_that_is_not_mended_is_found_out() {
    let base = Disk::formatted();
    let survives = |seed: &u64| {
        catch_unwind(AssertUnwindSafe(|| survive_lost_sync(&base, *seed, true))).is_ok_and(|outcome| outcome.is_ok())
    };
    let lost = (0..200).filter(|seed| !survives(seed)).count();
    assert!(lost > 0, "the disk kept what it had lost");
}

#[test]
fn a_power_cut_while_a_failed_sync_is_mended_loses_nothing() {
    let base = Disk::formatted();
    for seed in 0..100 {
        let random = SeededRandom::new(seed);
        let disk = base.copy(Honesty::Honest);
        let mut engine = open(&disk).unwrap();
        disk.lose_sync_after(1 + random.below(LOST_SYNC_STEPS_MAX));
        let life = live(&mut engine, Model::default(), &random);
        drop(engine);
        disk.cut_after(1 + random.below(4), Cut::Scatter, random.next());
        drop(open(&disk));
        if !disk.is_dark() {
            disk.cut_now(Cut::Scatter, random.next());
        }
        disk.restart();
        let found = contents(&open(&disk).unwrap()).unwrap();
        life.check(&found).unwrap_or_else(|loss| panic!("seed {seed}: {loss}"));
    }
}

/// The process is killed, which leaves what it wrote in the kernel's cache; the next one shows that to readers, and then
/// the power goes.
fn survive_kill(base: &Disk, seed: u64) -> Result<(), String> {
    let random = SeededRandom::new(seed);
    let disk = base.copy(Honesty::Honest);
    let mut engine = open(&disk)?;
    disk.kill_after(1 + random.below(STEPS_MAX));
    let life = live(&mut engine, Model::default(), &random);
    std::mem::forget(engine);
    disk.revive();
    let engine = open(&disk)?;
    let shown = contents(&engine)?;
    life.check(&shown)?;
    disk.cut_now(Cut::DropAll, random.next());
    std::mem::forget(engine);
    disk.restart();
    let left = contents(&open(&disk)?)?;
    if left != shown {
        return Err(format!("{:?} was shown after the kill, {:?} is left", shown.position, left.position));
    }
    check_whole(&disk, &shown)
}

#[test]
fn what_is_there_after_a_kill_is_durable() {
    for log_bytes in [2 * 1024, SHORT_LOG_BYTES, LOG_BYTES / 4] {
        let base = Disk::with_log(log_bytes);
        for seed in 0..100 {
            if let Err(loss) = survive_kill(&base, seed) {
                panic!("seed {seed} behind {log_bytes} bytes of log: {loss}");
            }
        }
    }
}

#[test]
fn batches_of_one_group_see_each_other() {
    let disk = Disk::formatted();
    let mut engine = open(&disk).unwrap();
    let key = Key::constant("k");
    let id = |number| CommitId([number; 16]);
    let first = Batch::new(id(1)).create(key.clone(), "1");
    let second = Batch::new(id(2)).create(key.clone(), "2");
    let third = Batch::new(id(3)).replace(key.clone(), Revision(1), "3");
    let fresh = Batch { writes: vec![Write::PutFresh(key.clone(), "4".into())], ..Batch::new(id(4)) };
    let outcomes = engine.commit(&[&first, &second, &third, &fresh]).unwrap();
    let positions: Vec<Option<Position>> = outcomes
        .iter()
        .map(|it| if let Outcome::Committed(receipt) = it { Some(receipt.position) } else { None })
        .collect();
    assert_eq!(positions, [Some(Position(1)), None, Some(Position(2)), None]);
    assert_eq!(outcomes[1], Outcome::Conflict(vec![key.clone()]));
    let found = contents(&engine).unwrap();
    assert_eq!((&found.contents[&key].value[..], found.position), (&b"3"[..], Position(2)));
}

#[test]
fn a_group_that_only_conflicts_writes_nothing() {
    let disk = Disk::formatted();
    let mut engine = open(&disk).unwrap();
    let batch = Batch::new(CommitId([1; 16])).replace(Key::constant("k"), Revision(7), "1");
    let steps = disk.steps();
    let outcomes = engine.commit(&[&batch, &batch]).unwrap();
    assert_eq!(outcomes, vec![Outcome::Conflict(vec![Key::constant("k")]); 2]);
    assert_eq!((engine.position(), disk.steps()), (Position(0), steps));
}

/// A batch that makes one key, of a length that the logs below have room for four of.
fn batch(number: u8) -> Batch {
    let key = Key::new(format!("k{number}").into_bytes()).unwrap();
    Batch::new(CommitId([number; 16])).create(key, vec![number; 300])
}

fn commit_one(engine: &mut Engine, number: u8) -> Room {
    let batch = batch(number);
    let room = engine.make_room(&[&batch]).unwrap();
    if room == Room::Ready {
        assert!(matches!(engine.commit(&[&batch]).unwrap()[..], [Outcome::Committed(_)]));
    }
    room
}

#[test]
fn commits_go_on_while_a_full_log_is_taken_over_and_wait_when_both_are_full() {
    let disk = Disk::with_log(2 * 1024);
    let mut engine = open(&disk).unwrap();
    let mut made = 0;
    while commit_one(&mut engine, made) == Room::Ready {
        made += 1;
    }
    assert_eq!(made, 8, "four in each log");
    let (before, view) = (contents(&engine).unwrap(), engine.view());
    assert_eq!(before.contents.len(), 8);
    let takeover = engine.takeover().unwrap();
    assert!(engine.takeover().is_none(), "it is under way");
    takeover.run().unwrap();
    assert_eq!(contents(&engine).unwrap(), before, "as long as nobody says so, it is found in memory");
    engine.taken_over().unwrap();
    assert_eq!(contents(&engine).unwrap(), before, "and now in the database");
    assert_eq!(commit_one(&mut engine, made), Room::Ready);
    assert_eq!(engine.view().read(&[batch(1).writes[0].key().clone()]).unwrap().entries.len(), 1);
    assert!(view.read(&[batch(8).writes[0].key().clone()]).unwrap().entries[0].is_none(), "an older view");
    let after = contents(&engine).unwrap();
    std::mem::forget(engine);
    assert_eq!(contents(&open(&disk).unwrap()).unwrap(), after, "from both logs");
}

#[test]
fn a_log_that_lacks_what_the_other_one_follows_on_is_a_loss() {
    let disk = Disk::with_log(2 * 1024);
    let mut engine = open(&disk).unwrap();
    for number in 0..6 {
        assert_eq!(commit_one(&mut engine, number), Room::Ready);
    }
    std::mem::forget(engine);
    // The last record of the first log, which nothing behind it in the same file gives away.
    disk.damage_log(512 + 3 * crate::log::record_bytes(&[&batch(0)]) + 100, &[0x5a]);
    let loss = open(&disk).err().unwrap();
    assert!(loss.contains("goes on at 5, but it is at 3"), "{loss}");
}

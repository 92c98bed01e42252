//! The suite, and what only a store on disk can do.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use env::simulated::SeededRandom;
use env::{Env, simulated};
use storage::conformance::watches::COMMITS;
use storage::{Batch, Change, CommitId, Entry, Key, Outcome, Position, Receipt, Storage};
use tempfile::TempDir;

use crate::medium::Medium;
use crate::power::{Cut, Disk, Honesty};
use crate::writer::MEND_PAUSE;
use crate::{Embedded, Error, Options};

const KEY: Key = Key::constant("k");

async fn make() -> (Arc<dyn Storage>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { history_commits: COMMITS - 1, ..Options::default() };
    (Arc::new(Embedded::open(folder.path(), options, &Env::real()).unwrap()), folder)
}

storage::conformance!(make);

/// The suite once more behind a log that is full after a few commits, so that most of what it finds lies in the
/// database and the rest in front of it.
mod behind_a_short_log {
    use std::sync::Arc;

    use env::Env;
    use storage::Storage;
    use storage::conformance::watches::COMMITS;

    use crate::power::Disk;
    use crate::{Embedded, Options};

    async fn make() -> (Arc<dyn Storage>, ()) {
        let options = Options { history_commits: COMMITS - 1, ..Options::default() };
        let disk = Arc::new(Disk::with_log(2 * 1024));
        (Arc::new(Embedded::start(disk, options, &Env::real()).unwrap()), ())
    }

    storage::conformance!(make);
}

fn open(folder: &Path) -> Result<Embedded, Error> {
    Embedded::open(folder, Options::default(), &Env::real())
}

fn start(disk: &Disk) -> Embedded {
    Embedded::start(Arc::new(disk.clone()), Options::default(), &Env::real()).unwrap()
}

fn create(number: u64, bytes: usize) -> Batch {
    let key = Key::new(format!("key/{number:06}").into_bytes()).unwrap();
    Batch::new(CommitId(u128::from(number).to_be_bytes())).create(key, vec![7; bytes])
}

async fn commit(store: &Embedded, batch: &Batch) -> Receipt {
    match store.commit(batch).await.unwrap() {
        Outcome::Committed(receipt) => receipt,
        outcome => panic!("{outcome:?}"),
    }
}

async fn entries(store: &Embedded) -> Vec<Entry> {
    let mut export = store.export().await.unwrap();
    let mut entries = Vec::new();
    loop {
        match export.next().await.unwrap() {
            page if page.is_empty() => return entries,
            page => entries.extend(page),
        }
    }
}

#[tokio::test]
async fn what_was_committed_is_there_after_closing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let receipt = commit(&store, &create(1, 100)).await;
    let before = entries(&store).await;
    store.close().await.unwrap();
    let store = open(folder.path()).unwrap();
    assert_eq!(entries(&store).await, before);
    assert_eq!(store.now().await.unwrap(), receipt.position);
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    for number in 0..20 {
        commit(&store, &create(number, 5_000)).await;
    }
    // The files as they are while the store is open are what a kill leaves.
    let copy = tempfile::tempdir().unwrap();
    for name in ["store.redb", "store.log", "store-2.log"] {
        std::fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    let killed = open(copy.path()).unwrap();
    assert_eq!(entries(&killed).await, entries(&store).await);
    commit(&killed, &create(20, 1)).await;
}

#[tokio::test]
async fn no_revision_returns_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let store = open(folder.path()).unwrap();
        let receipt = commit(&store, &Batch::new(CommitId([1; 16])).create(KEY, "same")).await;
        commit(&store, &Batch::new(CommitId([2; 16])).delete(KEY, receipt.revision)).await;
        assert!(!seen.contains(&receipt.revision));
        seen.push(receipt.revision);
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_watch_from_before_a_restart_is_gone_unless_nothing_happened() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let first = commit(&store, &create(1, 1)).await.position;
    let last = commit(&store, &create(2, 1)).await.position;
    store.close().await.unwrap();
    let store = open(folder.path()).unwrap();
    assert_eq!(store.watch(first).await.unwrap().next().await.unwrap(), Change::Gone);
    assert_eq!(store.watch(last).await.unwrap().next().await.unwrap(), Change::Progress(last));
}

#[tokio::test]
async fn a_store_that_is_open_cannot_be_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    assert!(matches!(open(folder.path()), Err(Error::InUse(path)) if path == folder.path()));
    store.close().await.unwrap();
    open(folder.path()).unwrap().close().await.unwrap();
}

#[tokio::test]
async fn a_closed_store_refuses_everything() {
    let (disk, key) = (Disk::formatted(), [KEY]);
    let store = start(&disk);
    let mut watch = store.watch(Position(0)).await.unwrap();
    watch.next().await.unwrap();
    store.close().await.unwrap();
    store.close().await.unwrap();
    assert!(matches!(store.read(&key).await, Err(storage::Error::Closed)));
    assert!(matches!(store.commit(&create(1, 1)).await, Err(storage::Error::Closed)));
    assert!(matches!(store.now().await, Err(storage::Error::Closed)));
    assert!(matches!(watch.next().await, Err(storage::Error::Closed)));
}

#[tokio::test]
async fn commits_that_waited_are_finished_before_the_store_closes() {
    let disk = Disk::formatted();
    let store = Arc::new(start(&disk));
    let waiting: Vec<_> = (0..50)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.commit(&create(number, 100)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    store.close().await.unwrap();
    let mut committed = 0;
    for answer in waiting {
        match answer.await.unwrap() {
            Ok(Outcome::Committed(_)) => committed += 1,
            answer => assert!(matches!(answer, Err(storage::Error::Closed) | Ok(Outcome::Unknown)), "{answer:?}"),
        }
    }
    assert!(entries(&start(&disk)).await.len() >= committed);
}

#[tokio::test]
async fn only_the_owner_can_look_into_the_folder() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("data/store");
    open(&folder).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("store.redb")), 0o600);
    assert_eq!(mode(&folder.join("lock")), 0o600);
}

#[tokio::test]
async fn a_store_that_was_never_finished_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("store.redb.new"), b"cut off in the middle").unwrap();
    let store = open(folder.path()).unwrap();
    assert_eq!(store.now().await.unwrap(), Position(0));
    assert!(!folder.path().join("store.redb.new").exists());
}

#[tokio::test]
async fn a_store_that_was_cut_off_behind_its_log_is_made_anew() {
    let made = tempfile::tempdir().unwrap();
    open(made.path()).unwrap().close().await.unwrap();
    let whole = std::fs::read(made.path().join("store.log")).unwrap();
    for log in [vec![], vec![0; 4096], vec![0; whole.len()], whole[..300].to_vec(), whole[..4096].to_vec(), whole] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("store.log"), log).unwrap();
        let store = open(folder.path()).unwrap();
        commit(&store, &create(1, 100)).await;
    }
}

#[tokio::test]
async fn a_log_with_commits_whose_database_is_gone_is_never_taken_for_a_new_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    commit(&store, &create(1, 100)).await;
    store.close().await.unwrap();
    let (database, log) = (folder.path().join("store.redb"), folder.path().join("store.log"));
    std::fs::rename(&database, folder.path().join("elsewhere")).unwrap();
    let before = std::fs::read(&log).unwrap();
    let error = open(folder.path()).err().unwrap();
    assert_eq!(error.to_string(), "the store is corrupt: store.redb is missing, but its log holds commits");
    assert!(!database.exists());
    assert!(std::fs::read(&log).unwrap() == before, "left as it was");
    std::fs::rename(folder.path().join("elsewhere"), &database).unwrap();
    assert_eq!(entries(&open(folder.path()).unwrap()).await.len(), 1);
}

#[test]
fn a_file_that_is_not_a_store_is_never_taken_for_an_empty_one() {
    for content in [&b""[..], b"x", &[0; 4096], &[0; 200_000]] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("store.redb"), content).unwrap();
        let length = content.len();
        assert!(matches!(open(folder.path()), Err(Error::Corrupt(_) | Error::Open(_))), "{length} bytes");
        assert_eq!(std::fs::read(folder.path().join("store.redb")).unwrap(), content, "left as it was");
    }
}

#[test]
fn a_database_without_our_tables_is_not_a_store() {
    let folder = tempfile::tempdir().unwrap();
    redb::Database::create(folder.path().join("store.redb")).unwrap();
    assert!(matches!(open(folder.path()), Err(Error::Corrupt(_))));
}

#[test]
fn a_store_of_a_later_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = redb::Database::create(folder.path().join("store.redb")).unwrap();
    crate::format::create(&database).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(crate::format::META).unwrap().insert("format", 2).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = open(folder.path()).err().unwrap();
    assert_eq!(error.to_string(), "the store has format 2, this version reads up to 1");
}

#[tokio::test]
async fn damage_is_found_by_a_check_of_the_whole_file() {
    let whole = Disk::formatted();
    let store = start(&whole);
    for number in 0..50 {
        commit(&store, &create(number, 2_000)).await;
    }
    store.close().await.unwrap();
    let options = Options { checks_whole_file: true, ..Options::default() };
    let check = |disk: &Disk| Embedded::start(Arc::new(disk.copy(Honesty::Honest)), options.clone(), &Env::real());
    assert_eq!(entries(&check(&whole).unwrap()).await.len(), 50);
    let mut found = 0;
    for offset in (4096..whole.length() - 4096).step_by(4096) {
        let damaged = whole.copy(Honesty::Honest);
        damaged.damage(offset + 100, &[0x5a; 64]);
        match check(&damaged) {
            Err(Error::Corrupt(_)) => found += 1,
            Err(error) => panic!("{error:?}"),
            // Pages that hold nothing may hold anything.
            Ok(store) => assert_eq!(entries(&store).await.len(), 50, "damage at {offset} went unseen"),
        }
    }
    assert!(found >= 20, "only {found} damaged pages were found");
}

#[tokio::test]
async fn acknowledged_commits_survive_power_cuts_while_a_log_is_taken_over() {
    for seed in 0..100 {
        let random = SeededRandom::new(seed);
        let disk = Disk::with_log(4 * 1024);
        let store = Arc::new(start(&disk));
        let cut = [Cut::DropAll, Cut::Tear, Cut::Scatter, Cut::KeepAll][usize::try_from(random.below(4)).unwrap()];
        disk.cut_after(1 + random.below(400), cut, random.next());
        let callers = (0..4_u64).map(|caller| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut certain = Vec::new();
                for number in 0..1_000 {
                    let batch = create(caller * 1_000 + number, 300);
                    let Ok(Outcome::Committed(_)) = store.commit(&batch).await else { break };
                    certain.push(batch.id);
                }
                certain
            })
        });
        let callers: Vec<_> = callers.collect();
        let mut certain = Vec::new();
        for caller in callers {
            certain.extend(caller.await.unwrap());
        }
        assert!(disk.is_dark(), "the power goes before");
        // What the disk refuses does not matter: the writer has let go of it.
        drop(store.close().await);
        disk.restart();
        let found = entries(&start(&disk)).await;
        assert!(certain.iter().all(|id| found.iter().any(|entry| entry.commit == *id)), "seed {seed}");
        assert!(found.len() <= certain.len() + 4, "seed {seed}: what nobody was told of is at most under way");
    }
}

#[tokio::test]
async fn a_second_log_that_is_gone_is_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).unwrap().close().await.unwrap();
    std::fs::remove_file(folder.path().join("store-2.log")).unwrap();
    let error = open(folder.path()).err().unwrap();
    assert_eq!(error.to_string(), "the store is corrupt: store-2.log is missing");
}

#[tokio::test]
async fn a_full_disk_refuses_commits_and_answers_reads_until_there_is_room() {
    for (room, bytes) in [(0, 400_000), (0, 20_000), (70_000, 400_000), (5_000, 3_000)] {
        let disk = Disk::formatted();
        let store = start(&disk);
        let mut written = 0;
        for number in 0..10 {
            commit(&store, &create(number, 1_000)).await;
            written += 1;
        }
        disk.leave_room(room);
        let mut refused = 0;
        for number in 10..200 {
            match store.commit(&create(number, bytes)).await {
                Ok(Outcome::Committed(_)) => written += 1,
                Err(storage::Error::Full) => refused += 1,
                answer => panic!("room {room}, {bytes} bytes: {answer:?}"),
            }
            assert_eq!(entries(&store).await.len(), written, "reads go on, and nothing refused is there");
            if refused == 5 {
                break;
            }
        }
        assert_eq!(refused, 5);
        disk.leave_room(1 << 30);
        commit(&store, &create(1_000, bytes)).await;
        assert_eq!(entries(&store).await.len(), written + 1);
    }
}

#[tokio::test]
async fn a_failed_sync_is_never_acknowledged_and_the_store_goes_on() {
    for steps in 0..12 {
        let disk = Disk::formatted();
        let store = start(&disk);
        commit(&store, &create(1, 1_000)).await;
        disk.lose_sync_after(steps);
        let mut certain = vec![1];
        let mut failed = 0;
        for number in 2..10 {
            match store.commit(&create(number, 1_000)).await {
                Ok(Outcome::Committed(_)) => certain.push(number),
                Ok(Outcome::Unknown) | Err(storage::Error::Unavailable { .. }) => failed += 1,
                answer => panic!("{answer:?}"),
            }
        }
        assert_eq!(failed, 1, "at step {steps}");
        let found = entries(&store).await;
        for number in certain {
            assert!(found.iter().any(|entry| entry.commit == create(number, 1).id), "{number} at step {steps}");
        }
    }
}

#[tokio::test]
async fn a_commit_of_unclear_outcome_ends_the_watches_that_may_have_missed_it() {
    for steps in 0..12 {
        let disk = Disk::formatted();
        let store = start(&disk);
        let from = commit(&store, &create(1, 10)).await.position;
        let mut watch = store.watch(from).await.unwrap();
        disk.lose_sync_after(steps);
        let mut made = vec![];
        for number in 2..8 {
            if let Outcome::Committed(receipt) = store.commit(&create(number, 10)).await.unwrap_or(Outcome::Unknown) {
                made.push(receipt.position);
            }
        }
        let now = store.now().await.unwrap();
        let is_whole = now.0 == from.0 + made.len() as u64;
        let mut told = vec![];
        loop {
            match watch.next().await.unwrap() {
                Change::Changed(at, _) => told.push(at),
                Change::Progress(at) if at < now => {}
                Change::Progress(_) => break assert!(is_whole && told == made, "at step {steps}: {told:?}"),
                Change::Gone => break assert!(!is_whole, "at step {steps}"),
            }
        }
    }
}

#[tokio::test]
async fn a_broken_disk_is_unavailable_until_it_works_again() {
    let disk = Disk::formatted();
    let store = start(&disk);
    commit(&store, &create(1, 10)).await;
    disk.set_broken(true);
    for _ in 0..3 {
        let answer = store.commit(&create(2, 10)).await;
        assert!(matches!(answer, Err(storage::Error::Unavailable { .. }) | Ok(Outcome::Unknown)), "{answer:?}");
        assert!(matches!(store.read(&[KEY]).await, Err(storage::Error::Unavailable { .. })));
    }
    disk.set_broken(false);
    commit(&store, &create(3, 10)).await;
    assert_eq!(entries(&store).await.len(), 2);
}

#[tokio::test]
async fn calls_do_not_each_have_the_whole_store_written_again() {
    let (env, clock) = simulated::env(1);
    let disk = Disk::formatted();
    let store = Embedded::start(Arc::new(disk.clone()), Options::default(), &env).unwrap();
    commit(&store, &create(1, 10)).await;
    disk.set_unsynced(true);
    disk.set_broken(true);
    drop(store.commit(&create(2, 10)).await);
    disk.set_broken(false);
    let steps = disk.steps();
    for _ in 0..3 {
        assert!(matches!(store.read(&[KEY]).await, Err(storage::Error::Unavailable { .. })));
        assert!(matches!(store.commit(&create(3, 10)).await, Err(storage::Error::Unavailable { .. })));
    }
    assert_eq!(disk.steps(), steps, "the disk is left alone");
    clock.advance(MEND_PAUSE);
    commit(&store, &create(4, 10)).await;
    assert_eq!(entries(&store).await.len(), 2);
    assert!(!disk.is_unsynced());
}

#[tokio::test]
async fn a_store_whose_disk_works_again_is_found_by_readers_alone() {
    let disk = Disk::formatted();
    let store = start(&disk);
    commit(&store, &create(1, 10)).await;
    disk.set_broken(true);
    drop(store.commit(&create(2, 10)).await);
    disk.set_broken(false);
    // The reader that finds the store down has it opened again, and one of the next ones finds it open.
    while store.read(&[KEY]).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!((1..=2).contains(&entries(&store).await.len()), "the second commit may have gone through");
}

#[tokio::test]
async fn a_store_of_the_first_format_opens_forever() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/stored");
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(golden.join("v1.redb"), folder.path().join("store.redb")).unwrap();
    // The log is kept without the zeros that it ends with. It holds the last commit, which the database lacks.
    let mut log = std::fs::read(golden.join("v1.log")).unwrap();
    log.resize(1024 * 1024, 0);
    std::fs::write(folder.path().join("store.log"), log).unwrap();
    let options = Options { checks_whole_file: true, ..Options::default() };
    let store = Embedded::open(folder.path(), options, &Env::real()).unwrap();
    let found: Vec<String> = entries(&store).await.iter().map(|entry| format!("{entry:?}")).collect();
    let expected = std::fs::read_to_string(golden.join("v1.txt"));
    assert!(folder.path().join("store-2.log").exists(), "there was one log then");
    assert_eq!(format!("{:?}\n{}\n", store.now().await.unwrap(), found.join("\n")), expected.unwrap());
}

//! Many leases at once: below a path, of a token, of a mount.

use super::*;
use crate::testing::Client;

/// More than a commit and a page hold.
const MANY: usize = 230;
/// What one token may well have.
const VERY_MANY: usize = 2_500;

async fn borrow(client: &Client<'_>, count: usize) {
    for _ in 0..count {
        id(&client.call(Operation::Read, "db/lend/app", json!({})).await);
    }
}

#[tokio::test]
async fn a_prefix_is_revoked_over_many_pages_and_nothing_beside_it() {
    let (bench, outside) = lending("prefix").await;
    mount(&bench, "db2", "prefix").await;
    borrow(&bench.root(), MANY).await;
    let beside = id(&bench.root().read("db/lend/application").await);
    let elsewhere = id(&bench.root().read("db2/lend/app").await);
    let reply = bench.root().write("sys/leases/revoke-prefix/db/lend/app", json!({ "sync": false })).await;
    assert_eq!(reply, json!({ "status": "Accepted" }));
    bench.settle().await;
    assert_eq!(outside.things(), 2);
    borrow(&bench.root(), MANY).await;
    assert_eq!(bench.root().write("sys/leases/revoke-prefix/db/lend/app/", json!({})).await, json!({}));
    assert_eq!(outside.things(), 2);
    for id in [beside, elsewhere] {
        assert_eq!(revoke(&bench, &id, true).await, json!({}));
    }
    assert_eq!((outside.things(), left(&bench).await), (0, vec![]));
}

#[tokio::test]
async fn a_token_takes_its_leases_along_page_by_page() {
    let (bench, outside) = lending("of a token").await;
    let token = bench.token(json!({ "policies": ["root"], "ttl": "1h" })).await;
    let child = bench.with(&token).create("create", json!({ "ttl": "1h" })).await;
    borrow(&bench.with(&token), VERY_MANY).await;
    borrow(&bench.with(&child), 3).await;
    let own = lent(&bench).await;
    assert_eq!(bench.root().write("auth/token/revoke", json!({ "token": token })).await, json!({}));
    let kept = left(&bench).await;
    assert!(
        !kept.iter().any(|key| key.contains("/token-lease/") && !key.contains(&own_hash(&kept))),
        "none hangs on it"
    );
    bench.settle().await;
    assert_eq!(outside.things(), 1, "that of another token");
    assert_eq!(revoke(&bench, &own, true).await, json!({}));
    assert_eq!(left(&bench).await, Vec::<String>::new());
}

/// The hash of the one lease that still hangs on a token.
fn own_hash(keys: &[String]) -> String {
    let hanging: Vec<_> = keys.iter().filter(|key| key.contains("/token-lease/")).collect();
    assert_eq!(hanging.len(), 1, "{hanging:?}");
    hanging[0].rsplit_once('/').expect("a key has parts").1.to_owned()
}

#[tokio::test]
async fn a_token_that_expires_takes_its_leases_along() {
    let (bench, outside) = lending("of an expired token").await;
    let token = bench.token(json!({ "policies": ["root"], "ttl": "1h" })).await;
    borrow(&bench.with(&token), 25).await;
    bench.clock.advance(hours(1));
    bench.settle().await;
    assert_eq!((outside.things(), left(&bench).await), (0, vec![]));
}

#[tokio::test]
async fn a_disabled_mount_takes_its_leases_back_before_its_data_goes() {
    let (bench, outside) = lending("disabled").await;
    borrow(&bench.root(), MANY).await;
    outside.when_removing(Mood::Refuses);
    assert_eq!(bench.root().delete("sys/mounts/db").await, json!({}));
    bench.settle().await;
    assert_eq!(outside.things(), MANY);
    mount(&bench, "db", "disabled").await;
    let fresh = lent(&bench).await;
    outside.when_removing(Mood::Well);
    bench.clock.advance(Duration::from_secs(10));
    bench.settle().await;
    assert_eq!(outside.things(), 1, "the new mount at the path keeps its lease");
    assert_eq!(revoke(&bench, &fresh, true).await, json!({}));
    assert_eq!(left(&bench).await, Vec::<String>::new());
    let removing = bench.keys("due/").await.into_iter().filter(|key| key.contains("/mount/")).count();
    assert_eq!(removing, 0, "the mount's own sweep came to its end");
}

#[tokio::test]
async fn a_mount_whose_leases_are_stuck_waits_for_an_operator() {
    let (bench, outside) = lending("stuck").await;
    lent(&bench).await;
    outside.when_removing(Mood::Refuses);
    bench.root().delete("sys/mounts/db").await;
    for _ in 0..ATTEMPTS_MAX {
        bench.settle().await;
        bench.clock.advance(hours(1));
    }
    let listed = bench.root().call(Operation::Read, "sys/leases", json!({ "type": "irrevocable" })).await;
    assert_eq!(listed["data"]["lease_count"], json!(1));
    assert_eq!(bench.root().write("sys/leases/revoke-force/db", json!({})).await, json!({}));
    bench.settle().await;
    assert_eq!(left(&bench).await, Vec::<String>::new());
    assert!(!bench.keys("due/").await.iter().any(|key| key.contains("/mount/")));
}

#[tokio::test]
async fn a_moved_mount_takes_back_the_leases_of_its_old_path() {
    let (bench, outside) = lending("moved").await;
    borrow(&bench.root(), 3).await;
    bench.root().write("sys/remount", json!({ "from": "db", "to": "new" })).await;
    let kept = id(&bench.root().read("new/lend/app").await);
    bench.settle().await;
    bench.clock.advance(hours(1));
    bench.settle().await;
    assert_eq!(outside.things(), 1);
    assert!(kept.starts_with("new/lend/app/"));
    assert_eq!(revoke(&bench, &kept, true).await, json!({}));
    assert_eq!(left(&bench).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_crash_at_any_commit_of_a_sweep_is_taken_up_again() {
    for nth in 1_u64.. {
        let (env, _) = env::simulated::env(1);
        let memory = Arc::new(Memory::new());
        let faulty = Arc::new(Faulty::new(Arc::clone(&memory) as _, env));
        let bench = Bench::over(Arc::clone(&faulty) as _).await;
        let name = format!("swept {nth}");
        mount(&bench, "db", &name).await;
        let token = bench.token(json!({ "policies": ["root"], "ttl": "1h" })).await;
        borrow(&bench.with(&token), 40).await;
        faulty.fail_nth(Call::Commit, nth.div_ceil(2), if nth % 2 == 0 { Fault::CutAfter } else { Fault::CutBefore });
        let root = bench.root();
        let revoked = root.write("auth/token/revoke", json!({ "token": token }));
        let reply = patiently(&bench.clock, revoked).await;
        let bench = bench.crashed(memory as _).await;
        let is_asked = reply == json!({}) || bench.with(&token).read("auth/token/lookup-self").await == denied();
        bench.settle().await;
        if is_asked {
            let things = Outside::named(&name).things();
            assert_eq!((things, left(&bench).await), (0, vec![]), "cut {nth}");
        }
        if reply == json!({}) {
            assert!(nth > 6, "the mark, three pages and the token");
            break;
        }
    }
}

#[tokio::test]
async fn two_nodes_at_the_same_leases_do_no_harm() {
    let mut one = Bench::fresh(Arc::new(crate::testing::Yielding(Memory::new())), barrier::CacheMode::ReadThrough);
    one.init().await;
    mount(&one, "db", "two nodes").await;
    let two = one.beside().await;
    borrow(&one.root(), 60).await;
    let about = json!({ "sync": false });
    one.root().write("sys/leases/revoke-prefix/db", about.clone()).await;
    tokio::join!(one.settle(), two.settle());
    one.settle().await;
    assert_eq!((Outside::named("two nodes").things(), left(&one).await), (0, vec![]));
}

#[tokio::test]
async fn a_pass_gives_lost_lines_back_and_drops_those_that_name_nothing() {
    let (bench, outside) = lending("tidied").await;
    id(&lend(&bench, &bench.root, json!({ "ttl": 60 })).await);
    let leases = &bench.core.seals.leases;
    assert_eq!(leases.tidy("root").await.expect("the store is well"), 0, "nothing is wrong");
    let store = &bench.core.seals.store;
    let due = bench.keys("due/").await.into_iter().find(|key| key.contains("/lease/")).expect("a lease has a line");
    let due = storage::Key::new(due.into_bytes()).expect("it was stored");
    let mut changes = barrier::Changes::new();
    let [revision] = store.revisions_of([due.clone()]).await.expect("the store is well");
    changes.delete(due, revision.expect("it is there"));
    let stray = crate::keys::mount_lease("root", "gone", "nothing").expect("a short key");
    changes.create(stray, br#"{"v":1,"path":"db"}"#.to_vec());
    store.commit(changes).await.expect("nobody else writes");
    assert_eq!(leases.tidy("root").await.expect("the store is well"), 2);
    bench.clock.advance(Duration::from_secs(61));
    bench.settle().await;
    assert_eq!((outside.things(), left(&bench).await), (0, vec![]));
}

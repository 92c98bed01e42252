//! Tokens of logins: they go with the mount that they come from, whatever happens meanwhile.

use std::sync::Arc;
use std::time::Duration;

use barrier::Changes;
use framework::{Error, Kind as MountKind};
use serde_json::{Value, json};
use storage::Storage;
use storage::counting::Call;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;

use crate::leases::INTENT_PATIENCE;
use crate::mounts::LiveMount;
use crate::testing::{Bench, Yielding, denied, dump, hours, late, patiently, refused};
use crate::tokens::create::{Login, NewToken};
use crate::tokens::kind::Kind;
use crate::tokens::tidy::Tally;

/// More than two pages of a sweep hold.
const MANY: usize = 250;

pub(super) async fn enable(bench: &Bench, path: &str) {
    assert_eq!(bench.root().write(&format!("sys/auth/{path}"), json!({ "type": "gate" })).await, json!({}));
}

async fn disable(bench: &Bench, path: &str) -> Value {
    bench.root().delete(&format!("sys/auth/{path}")).await
}

async fn mounted(bench: &Bench, path: &str) -> Arc<LiveMount> {
    let found = bench.core.seals.mounts.at("root", MountKind::Auth, &format!("{path}/")).await;
    found.expect("the store is well").expect("it is mounted")
}

/// What a login at a mount stores once it has been judged.
async fn log_in(bench: &Bench, mount: &LiveMount, kind: Kind) -> Result<String, Error> {
    let new = NewToken {
        kind,
        policies: vec!["default".to_owned()],
        path: format!("auth/{}login", mount.settings.path),
        display_name: "somebody".to_owned(),
        ttl: hours(1),
        is_renewable: kind == Kind::Service,
        login: Some(Login {
            mount: mount.uuid.clone(),
            liveness: mount.liveness.clone(),
            expected: Vec::new(),
            changes: Changes::new(),
            note: None,
            role: None,
        }),
        ..NewToken::default()
    };
    let created = bench.core.seals.tokens.create("root", new).await?;
    Ok(created.token.expose().clone())
}

pub(super) async fn log_in_often(bench: &Bench, path: &str, count: usize) -> Vec<String> {
    let mount = mounted(bench, path).await;
    let mut tokens = Vec::new();
    for _ in 0..count {
        tokens.push(log_in(bench, &mount, Kind::Service).await.expect("the mount is there"));
    }
    tokens
}

pub(super) async fn is_alive(bench: &Bench, token: &str) -> bool {
    bench.with(token).lookup().await != json!(null)
}

/// Everything that is stored but what became of moves.
async fn left(bench: &Bench) -> Vec<String> {
    stored(&*bench.storage).await
}

async fn stored(storage: &dyn Storage) -> Vec<String> {
    let all = dump(storage, "").await.into_iter().map(|(key, _)| key);
    all.filter(|key| !key.contains("remount/")).collect()
}

#[tokio::test]
async fn a_disabled_mount_refuses_its_tokens_at_once_and_sweeps_them_afterwards() {
    let bench = Bench::new().await;
    enable(&bench, "other").await;
    let [kept] = log_in_often(&bench, "other", 1).await.try_into().expect("one");
    let before = left(&bench).await;
    enable(&bench, "here").await;
    let tokens = log_in_often(&bench, "here", MANY).await;
    let child = bench.root().create("create", json!({ "ttl": "1h" })).await;
    let mount = mounted(&bench, "here").await;
    let batch = log_in(&bench, &mount, Kind::Batch).await.expect("the mount is there");
    bench.with(&tokens[7]).write("cubbyhole/a", json!({ "x": 1 })).await;
    for token in tokens.iter().chain([&batch]) {
        assert!(is_alive(&bench, token).await);
    }
    let accessor = bench.with(&tokens[0]).lookup().await["accessor"].take();
    assert_eq!(disable(&bench, "here").await, json!({}));
    for token in tokens.iter().chain([&batch]) {
        assert_eq!(bench.with(token).read("auth/token/lookup-self").await, denied());
    }
    let renewed = bench.root().write("auth/token/renew-accessor", json!({ "accessor": accessor })).await;
    assert_eq!(renewed, refused("DeniedBecause", "invalid accessor"), "nobody else can keep it either");
    assert!(is_alive(&bench, &kept).await && is_alive(&bench, &child).await);
    bench.root().write("auth/token/revoke", json!({ "token": child })).await;
    bench.settle().await;
    assert_eq!(left(&bench).await, before);
    enable(&bench, "here").await;
    for token in [&tokens[0], &batch] {
        assert_eq!(bench.with(token).read("auth/token/lookup-self").await, denied(), "another mount of that path");
    }
}

#[tokio::test]
async fn what_hangs_on_a_token_of_a_login_goes_with_the_mount() {
    let bench = Bench::new().await;
    let before = left(&bench).await;
    let policy = r#"path "auth/token/*" { capabilities = ["create", "update"] }"#;
    bench.root().write("sys/policies/acl/default", json!({ "policy": policy })).await;
    enable(&bench, "here").await;
    let [token] = log_in_often(&bench, "here", 1).await.try_into().expect("one");
    let child = bench.with(&token).create("create", json!({ "ttl": "10m" })).await;
    let batch = bench.with(&token).create("create", json!({ "ttl": "10m", "type": "batch" })).await;
    let is_known = async |token: &str| {
        bench.root().write("auth/token/lookup", json!({ "token": token })).await["data"].is_object()
    };
    assert!(is_known(&child).await && is_known(&batch).await);
    assert_eq!(disable(&bench, "here").await, json!({}));
    assert!(!is_known(&batch).await, "it ends with its parent, at once");
    bench.settle().await;
    assert!(!is_known(&child).await);
    assert_eq!(left(&bench).await, before);
}

#[tokio::test]
async fn an_ended_token_leaves_no_line_at_its_mount() {
    let bench = Bench::new().await;
    enable(&bench, "here").await;
    let before = bench.keys("").await;
    let tokens = log_in_often(&bench, "here", 3).await;
    assert_eq!(bench.keys("ns/root/mount-token/").await.len(), 3);
    bench.with(&tokens[0]).write("auth/token/revoke-self", json!({})).await;
    bench.root().write("auth/token/revoke", json!({ "token": tokens[1] })).await;
    bench.clock.advance(hours(1));
    bench.settle().await;
    assert_eq!(bench.keys("").await, before);
}

#[tokio::test]
async fn a_login_that_was_judged_before_the_mount_went_gets_nothing() {
    let bench = Bench::new().await;
    let before = left(&bench).await;
    enable(&bench, "here").await;
    let mount = mounted(&bench, "here").await;
    assert_eq!(disable(&bench, "here").await, json!({}));
    for is_swept in [false, true] {
        for kind in [Kind::Service, Kind::Batch] {
            let outcome = log_in(&bench, &mount, kind).await;
            assert!(matches!(outcome, Err(Error::Denied)), "swept: {is_swept}, {kind:?}");
        }
        bench.settle().await;
    }
    assert_eq!(left(&bench).await, before);
}

#[tokio::test]
async fn of_logins_on_one_node_during_the_sweep_on_another_none_survives() {
    let mut has_won = [false; 2];
    for turns in (0..120).step_by(6) {
        let mut one = Bench::fresh(Arc::new(Yielding(Memory::new())), barrier::CacheMode::ReadThrough);
        one.init().await;
        let two = one.beside().await;
        let before = left(&one).await;
        enable(&one, "here").await;
        log_in_often(&one, "here", 12).await;
        let mount = mounted(&two, "here").await;
        let logins = late(turns, async {
            let mut tokens = Vec::new();
            for _ in 0..12 {
                tokens.extend(log_in(&two, &mount, Kind::Service).await.ok());
            }
            tokens
        });
        let sweep = late(20, async {
            assert_eq!(disable(&one, "here").await, json!({}));
            tokio::join!(one.settle(), two.settle());
        });
        let (tokens, ()) = tokio::join!(logins, sweep);
        has_won[usize::from(tokens.is_empty())] = true;
        for token in &tokens {
            assert!(!is_alive(&one, token).await && !is_alive(&two, token).await, "{turns}");
        }
        one.settle().await;
        assert_eq!(left(&one).await, before, "{turns}");
    }
    assert_eq!(has_won, [true; 2], "some logins came before, some after");
}

/// Disables a mount with so many tokens, on a node that dies at the `nth` chance; tells whether it came through.
async fn cut(tokens: usize, nth: u64) -> bool {
    let (env, _) = env::simulated::env(1);
    let memory = Arc::new(Memory::new());
    let faulty = Arc::new(Faulty::new(Arc::clone(&memory) as _, env));
    let bench = Bench::over(Arc::clone(&faulty) as _).await;
    bench.core.seals.worker.stop().await;
    let before = left(&bench).await;
    enable(&bench, "here").await;
    let made = log_in_often(&bench, "here", tokens).await;
    faulty.fail_nth(
        Call::Commit,
        nth.div_ceil(2),
        if nth.is_multiple_of(2) { Fault::CutAfter } else { Fault::CutBefore },
    );
    let reply = patiently(&bench.clock, disable(&bench, "here")).await;
    let owners = bench.core.seals.owners();
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let mut places = crate::due::Places::default();
    for _ in 0..4 {
        let now = bench.core.seals.tokens.now_nanos();
        let pass = crate::due::pass(&bench.core.seals.store, &owners, now, &stopped, &mut places);
        let _cut = patiently(&bench.clock, pass).await;
        patiently(&bench.clock, bench.core.seals.leases.quiet()).await;
    }
    let has_come_through = stored(&*memory).await == before;
    let bench = bench.crashed(memory as _).await;
    let is_asked = reply == json!({}) || bench.keys("ns/root/at/auth/here").await.is_empty();
    if is_asked {
        for token in &made {
            assert_eq!(bench.with(token).read("auth/token/lookup-self").await, denied(), "cut {nth}");
        }
    } else {
        assert!(is_alive(&bench, &made[0]).await, "cut {nth}");
        assert_eq!(disable(&bench, "here").await, json!({}));
    }
    bench.settle().await;
    assert_eq!(left(&bench).await, before, "cut {nth}");
    has_come_through
}

#[tokio::test]
async fn a_crash_at_any_commit_of_a_sweep_is_taken_up_again() {
    let mut nth = 1;
    while !cut(2, nth).await {
        nth += 1;
        assert!(nth < 100, "it never comes through");
    }
    // The mount's mark; a mark and a removal for each token; the line of the tokens, that of the leases, the mount's.
    assert_eq!(nth, 2 * 8, "a cut behind the last of eight commits");
}

#[tokio::test]
async fn a_crash_on_any_page_of_a_sweep_is_taken_up_again() {
    for nth in [150, 2 * 201, 2 * 202, 2 * 203, 700] {
        assert!(!cut(MANY, nth).await, "cut {nth}");
    }
}

#[tokio::test]
async fn a_moved_mount_ends_the_tokens_of_its_old_path_alone() {
    let bench = Bench::new().await;
    enable(&bench, "here").await;
    let before = mounted(&bench, "here").await;
    let old = log_in_often(&bench, "here", MANY).await;
    let about = json!({ "from": "auth/here", "to": "auth/there" });
    assert!(bench.root().write("sys/remount", about).await["data"]["migration_id"].is_string());
    let fresh = log_in_often(&bench, "there", MANY).await;
    bench.settle().await;
    for token in &old {
        assert!(!is_alive(&bench, token).await);
    }
    // A request that found the mount at its old path.
    let stray = log_in(&bench, &before, Kind::Service).await.expect("the mount lives on");
    bench.clock.advance(INTENT_PATIENCE + Duration::from_secs(1));
    bench.settle().await;
    assert!(!is_alive(&bench, &stray).await);
    for token in &fresh {
        assert!(is_alive(&bench, token).await);
    }
    assert_eq!(bench.keys("ns/root/mount-token/").await.len(), MANY);
}

#[tokio::test]
async fn a_pass_ends_tokens_whose_mount_is_gone_and_drops_lines_of_none() {
    let bench = Bench::new().await;
    enable(&bench, "here").await;
    let before = bench.keys("ns/root/token").await;
    let [token] = log_in_often(&bench, "here", 1).await.try_into().expect("one");
    let tokens = &bench.core.seals.tokens;
    assert_eq!(tokens.tidy("root").await.expect("the store is well"), Tally::default());
    let store = &bench.core.seals.store;
    let live = mounted(&bench, "here").await.liveness.0.clone();
    let [revision] = store.revisions_of([live.clone()]).await.expect("the store is well");
    let mut changes = barrier::Changes::new();
    changes.delete(live, revision.expect("it is there"));
    changes.create(crate::keys::mount_token("root", "gone", "nothing").expect("a short key"), Vec::new());
    store.commit(changes).await.expect("nobody else writes");
    assert!(!is_alive(&bench, &token).await, "refused before the pass");
    assert_eq!(tokens.tidy("root").await.expect("the store is well"), Tally { removed: 1, ended: 1, failed: 0 });
    assert_eq!(bench.keys("ns/root/token").await, before);
    assert_eq!(bench.keys("ns/root/mount-token/").await, Vec::<String>::new());
}

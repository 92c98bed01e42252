use std::sync::Arc;

use barrier::CacheMode;
use serde_json::json;
use storage::counting::Call;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;
use storage::rival::Rival;

use super::{ALL, data, make, token_in};
use crate::testing::outside::Outside;
use crate::testing::{Bench, Client, denied, dump, hours, invalid, patiently, refused};

/// Something of every kind.
async fn furnish(bench: &Bench, ns: &str, outside: &str) -> String {
    let root = bench.root().within(ns);
    root.write("sys/mounts/secret", json!({ "type": "kv" })).await;
    root.write("sys/auth/gate", json!({ "type": "gate" })).await;
    root.write("sys/policies/password/pw", json!({ "policy": "length = 20" })).await;
    root.write("auth/token/roles/r", json!({ "orphan": true, "allowed_entity_aliases": "*" })).await;
    let entity = root.write("auth/token/create/r", json!({ "entity_alias": "who" })).await["auth"]["entity_id"].take();
    root.write("identity/group", json!({ "name": "team", "member_entity_ids": [entity] })).await;
    let lender = json!({ "type": "lender", "options": { "outside": outside } });
    assert_eq!(root.write("sys/mounts/db", lender).await, json!({}));
    // One goes with a token of the namespace, one with a token from above.
    root.read("db/lend/app").await;
    for number in 0..7 {
        root.write(&format!("secret/{number}"), json!({ "x": number })).await;
    }
    let token = token_in(bench, ns, "all", ALL).await;
    let client = bench.with(&token).within(ns);
    client.write("cubbyhole/x", json!({ "x": 1 })).await;
    client.read("db/lend/app").await;
    client.create("create", json!({ "ttl": "1h", "num_uses": 5 })).await;
    token
}

async fn is_gone(client: &Client<'_>, name: &str) -> bool {
    client.read(&format!("sys/namespaces/{name}")).await == refused("NotFound", "not found")
}

#[tokio::test]
async fn nothing_of_a_deleted_namespace_is_left_but_what_was_there_before() {
    let bench = Bench::new().await;
    // Or else it is at a line when the test looks.
    bench.core.seals.worker.stop().await;
    let root = bench.root();
    make(&bench, "", "other").await;
    let before = bench.keys("").await;
    let id = make(&bench, "", "team").await;
    let token = furnish(&bench, "team", "deleted").await;
    make(&bench, "team", "inner").await;
    let has_children = "cannot delete the namespace \"team/\": it has namespaces below it";
    assert_eq!(root.delete("sys/namespaces/team").await, invalid(has_children));
    root.clone().within("team").delete("sys/namespaces/inner").await;
    bench.settle().await;
    root.write("sys/namespaces/api-lock/lock/team", json!({})).await;
    let in_progress = data(&json!({ "status": "in-progress" }));
    assert_eq!(root.delete("sys/namespaces/team").await, in_progress);
    assert_eq!(root.delete("sys/namespaces/team").await, in_progress);
    // From the reply on it is as if there were none, but its name is not free yet.
    for client in [bench.with(&token).within("team"), bench.with(&token)] {
        assert_eq!(client.read("secret/1").await, denied());
        assert_eq!(client.read("auth/token/lookup-self").await, denied());
    }
    assert_eq!(root.clone().within("team").read("secret/1").await, refused("Unrouted", "namespace not found"));
    assert_eq!(root.read("sys/namespaces/team").await["data"]["tainted"], json!(true));
    let busy = invalid("the namespace is being deleted: try again when it is gone");
    assert_eq!(root.write("sys/namespaces/team", json!({})).await, busy);
    bench.settle().await;
    assert!(is_gone(&root, "team").await);
    assert_eq!(Outside::named("deleted").things(), 0, "what its engines had made");
    assert_eq!(root.delete("sys/namespaces/team").await, json!({}));
    let mut left = bench.keys("").await;
    // A line for a time to come is looked at when it has come; it leads to nothing, and goes.
    left.retain(|key| !key.starts_with("due/"));
    let mut expected = before;
    expected.retain(|key| !key.starts_with("due/"));
    assert_eq!(left, expected);
    assert_ne!(make(&bench, "", "team").await, id);
    assert_eq!(bench.with(&token).within("team").read("auth/token/lookup-self").await, denied());
}

#[tokio::test]
async fn what_was_under_way_in_it_leaves_nothing_behind() {
    let memory = Arc::new(Memory::new());
    let mut bench = Bench::fresh(memory, CacheMode::ReadThrough);
    bench.init().await;
    let id = make(&bench, "", "team").await;
    let token = furnish(&bench, "team", "under way").await;
    let beside = bench.beside().await;
    let client = bench.with(&token).within("team");
    // A request whose token and mount were found before the deletion commits after it.
    let deletion = beside.root().delete("sys/namespaces/team").await;
    assert_eq!(deletion, data(&json!({ "status": "in-progress" })));
    for (path, body) in [
        ("sys/policies/acl/late", json!({ "policy": ALL })),
        ("sys/mounts/late", json!({ "type": "kv" })),
        ("auth/token/create", json!({ "policies": "all" })),
        ("auth/token/roles/late", json!({})),
        ("sys/namespaces/late", json!({})),
        ("secret/late", json!({ "x": 1 })),
    ] {
        assert_eq!(client.write(path, body).await, denied(), "{path}");
    }
    // The services themselves, as whoever is past the first stages calls them.
    let seals = &bench.core.seals;
    assert!(seals.policies.write(&id, "late", ALL).await.is_err());
    let namespace = framework::Namespace { id: id.clone(), path: "team/".to_owned() };
    assert!(seals.mounts.namespaces.create(&namespace, "late", None).await.is_err());
    beside.settle().await;
    assert_eq!(bench.keys(&format!("ns/{id}/")).await, Vec::<String>::new());
    assert!(is_gone(&bench.root(), "team").await);
}

/// How many commits a deletion may take before the test gives up.
const COMMITS_MAX: u64 = 200;

/// A node whose store can be cut off, and that store.
async fn fragile(seed: u64) -> (Bench, Arc<Faulty>, Arc<Memory>) {
    let memory = Arc::new(Memory::new());
    let (env, _) = env::simulated::env(seed);
    let faulty = Arc::new(Faulty::new(Arc::clone(&memory) as _, env));
    let bench = Bench::over(Arc::clone(&faulty) as _).await;
    bench.core.seals.worker.stop().await;
    (bench, faulty, memory)
}

/// Everything but lines for a time to come.
async fn entries(bench: &Bench) -> Vec<String> {
    let mut keys = bench.keys("").await;
    keys.retain(|key| !key.starts_with("due/"));
    keys
}

#[tokio::test]
async fn a_node_that_dies_at_any_commit_of_a_deletion_leaves_the_rest_to_the_next() {
    for fault in [Fault::CutBefore, Fault::CutAfter] {
        let mut is_done = false;
        for nth in 1..=COMMITS_MAX {
            let (bench, faulty, memory) = fragile(nth).await;
            let before = entries(&bench).await;
            make(&bench, "", "team").await;
            let outside = format!("{fault:?} {nth}");
            let token = furnish(&bench, "team", &outside).await;
            faulty.fail_nth(Call::Commit, nth, fault);
            let root = bench.root();
            let deletion = async {
                root.delete("sys/namespaces/team").await;
                bench.settle_unless_broken().await;
            };
            patiently(&bench.clock, deletion).await;
            is_done = faulty.calls() > 0 && dump(&*memory, "core/namespace/").await.is_empty();
            faulty.cut();
            let next = bench.crashed(memory).await;
            next.core.seals.worker.stop().await;
            // Whether the deletion was told or not: asked for again it comes to the same end.
            next.root().delete("sys/namespaces/team").await;
            assert_eq!(next.with(&token).within("team").read("secret/1").await, denied(), "{fault:?} {nth}");
            next.clock.advance(hours(1));
            next.settle().await;
            assert!(is_gone(&next.root(), "team").await, "{fault:?} {nth}");
            assert_eq!(entries(&next).await, before, "{fault:?} {nth}");
            assert_eq!(Outside::named(&outside).things(), 0, "{fault:?} {nth}");
            if is_done {
                assert!(nth > 5, "a deletion takes several commits");
                break;
            }
        }
        assert!(is_done, "it never came to its end");
    }
}

#[tokio::test]
async fn a_namespace_is_made_wholly_or_not_at_all() {
    for fault in [Fault::Fail, Fault::LoseCall, Fault::LoseAnswer, Fault::CutBefore, Fault::CutAfter] {
        let (bench, faulty, memory) = fragile(1).await;
        let before = entries(&bench).await;
        faulty.fail_nth(Call::Commit, 1, fault);
        let root = bench.root();
        let reply = patiently(&bench.clock, root.write("sys/namespaces/team", json!({}))).await;
        faulty.cut();
        let next = bench.crashed(memory).await;
        let is_there = !is_gone(&next.root(), "team").await;
        assert!(is_there || entries(&next).await == before, "{fault:?}: {reply}");
        assert!(is_there || reply.get("refused").is_some(), "{fault:?}: it was told that it is there");
        make(&next, "", "team").await;
        let mounts = next.root().within("team").read("sys/mounts").await;
        assert!(mounts["data"]["sys/"].is_object() && mounts["data"]["cubbyhole/"].is_object(), "{fault:?}: {mounts}");
    }
}

#[tokio::test]
async fn two_nodes_that_make_and_delete_the_same_one_come_to_one_end() {
    for seed in 0..8 {
        let memory = Arc::new(Memory::new());
        let mut one = Bench::fresh(Arc::clone(&memory) as _, CacheMode::ReadThrough);
        one.init().await;
        let two = one.beside_over(Arc::new(Rival::new(memory, seed, 20))).await;
        for node in [&one, &two] {
            node.core.seals.worker.stop().await;
        }
        let before = entries(&one).await;
        let (first, second) = (one.root(), two.root());
        let (a, b) =
            tokio::join!(first.write("sys/namespaces/team", json!({})), second.write("sys/namespaces/team", json!({})));
        let id = make(&one, "", "team").await;
        for made in [a, b] {
            assert!(made.get("refused").is_some() || made["data"]["id"] == json!(id), "seed {seed}: {made}");
        }
        let token = furnish(&one, "team", &format!("two nodes {seed}")).await;
        tokio::join!(first.delete("sys/namespaces/team"), second.delete("sys/namespaces/team"));
        first.delete("sys/namespaces/team").await;
        for node in [&one, &two] {
            assert_eq!(node.with(&token).within("team").read("secret/1").await, denied(), "seed {seed}");
        }
        tokio::join!(one.settle(), two.settle());
        one.clock.advance(hours(2));
        one.settle().await;
        assert!(is_gone(&second, "team").await, "seed {seed}");
        assert_eq!(entries(&one).await, before, "seed {seed}");
    }
}

use std::sync::Arc;
use std::time::Duration;

use framework::{Limits, Operation};
use serde_json::{Value, json};
use storage::counting::Call;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;

use super::revoke::ATTEMPTS_MAX;
use crate::testing::outside::{Mood, Outside};
use crate::testing::{Bench, denied, hours, invalid, patiently, refused, unless_hung};

mod intents;
mod sweeps;

/// A node with a lender at `db/` whose outside has this name.
async fn lending(name: &str) -> (Bench, Arc<Outside>) {
    let bench = Bench::new().await;
    mount(&bench, "db", name).await;
    (bench, Outside::named(name))
}

async fn mount(bench: &Bench, path: &str, outside: &str) {
    let about = json!({ "type": "lender", "options": { "outside": outside } });
    assert_eq!(bench.root().write(&format!("sys/mounts/{path}"), about).await, json!({}));
}

async fn lend(bench: &Bench, token: &str, about: Value) -> Value {
    bench.with(token).call(Operation::Read, "db/lend/app", about).await
}

/// Lends one to the root token; gives the lease's id.
async fn lent(bench: &Bench) -> String {
    id(&lend(bench, &bench.root, json!({})).await)
}

fn id(reply: &Value) -> String {
    reply["lease"]["id"].as_str().unwrap_or_else(|| panic!("no lease: {reply}")).to_owned()
}

async fn lookup(bench: &Bench, id: &str) -> Value {
    bench.root().write("sys/leases/lookup", json!({ "lease_id": id })).await
}

async fn renew(bench: &Bench, id: &str, increment: u64) -> Value {
    bench.root().write("sys/leases/renew", json!({ "lease_id": id, "increment": increment })).await
}

async fn revoke(bench: &Bench, id: &str, is_sync: bool) -> Value {
    bench.root().write("sys/leases/revoke", json!({ "lease_id": id, "sync": is_sync })).await
}

/// Everything that is stored of leases: none of it may be left in the end.
async fn left(bench: &Bench) -> Vec<String> {
    let all = bench.keys("").await;
    all.into_iter().filter(|key| ["lease", "irrevocable"].iter().any(|word| key.contains(word))).collect()
}

#[tokio::test]
async fn a_secret_comes_with_a_lease_that_can_be_looked_up() {
    let (bench, outside) = lending("looked up").await;
    let reply = lend(&bench, &bench.root, json!({ "ttl": 60 })).await;
    let id = id(&reply);
    assert!(id.starts_with("db/lend/app/") && id.len() == "db/lend/app/".len() + 24, "{id}");
    assert_eq!(reply["lease"], json!({ "id": id, "renewable": true, "duration": 60 }));
    assert_eq!(outside.things(), 1);
    let data = lookup(&bench, &id).await["data"].take();
    assert_eq!((&data["id"], &data["ttl"], &data["renewable"]), (&json!(id), &json!(60), &json!(true)));
    assert_eq!(data["last_renewal"], Value::Null);
    assert!(!left(&bench).await.iter().any(|key| key.contains(&id[12..])), "the id is stored nowhere in clear");
    for none in ["db/lend/app/aaaaaaaaaaaaaaaaaaaaaaaa", "nothing", "db/lend/app/", &format!("{id}.x1y2z3")] {
        assert_eq!(lookup(&bench, none).await, invalid("invalid lease"), "{none}");
        assert_eq!(renew(&bench, none, 0).await, invalid("lease not found"), "{none}");
        assert_eq!(revoke(&bench, none, true).await, json!({}), "what is not there is revoked");
    }
    assert_eq!(lookup(&bench, "").await, invalid("lease_id must be specified"));
}

#[tokio::test]
async fn ttls_are_capped_with_a_warning() {
    let (bench, _) = lending("capped").await;
    let capped = "TTL of \"2h\" exceeded the effective max_ttl of \"1h\"; TTL value is capped accordingly";
    let reply = lend(&bench, &bench.root, json!({ "ttl": "2h", "max_ttl": "1h" })).await;
    assert_eq!((&reply["lease"]["duration"], &reply["warnings"]), (&json!(3600), &json!([capped])));
    let reply = lend(&bench, &bench.root, json!({})).await;
    assert_eq!(reply["lease"]["duration"], json!(768 * 3600), "the mount's default");
}

#[tokio::test]
async fn a_renewal_counts_from_now_and_stops_at_the_maximum() {
    let (bench, outside) = lending("renewed").await;
    let id = id(&lend(&bench, &bench.root, json!({ "ttl": "1h", "max_ttl": "2h" })).await);
    bench.clock.advance(Duration::from_secs(1800));
    let reply = renew(&bench, &id, 60).await;
    assert_eq!(reply["lease"], json!({ "id": id, "renewable": true, "duration": 60 }), "an increment may shorten it");
    assert_eq!(renew(&bench, &id, 0).await["lease"]["duration"], json!(3600), "nothing asked is what was granted");
    let reply = renew(&bench, &id, 7200).await;
    assert_eq!(reply["lease"]["duration"], json!(5400));
    assert!(reply["warnings"][0].as_str().is_some_and(|text| text.starts_with("TTL of \"2h\" exceeded")), "{reply}");
    assert!(lookup(&bench, &id).await["data"]["last_renewal"].is_string());
    bench.clock.advance(hours(1));
    bench.settle().await;
    assert_eq!(outside.things(), 1, "the earlier line of the shorter time does not end it");
    outside.limit(Limits { ttl: hours(1), max_ttl: hours(1) });
    assert_eq!(renew(&bench, &id, 0).await, invalid("past the max TTL, cannot renew"), "the role as it is now");
    bench.clock.advance(hours(1));
    assert_eq!(renew(&bench, &id, 0).await, invalid("lease not found"), "over, though nobody has taken it back yet");
    bench.settle().await;
    assert_eq!((outside.things(), left(&bench).await), (0, vec![]));
    let fixed = lend(&bench, &bench.root, json!({ "renewable": false })).await;
    assert_eq!(fixed["lease"]["renewable"], json!(false));
    assert_eq!(renew(&bench, &self::id(&fixed), 0).await, invalid("lease is not renewable"));
}

#[tokio::test]
async fn every_form_of_the_endpoints_reaches_the_lease() {
    let (bench, outside) = lending("forms").await;
    for path in ["sys/leases/renew", "sys/renew"] {
        let id = lent(&bench).await;
        assert_eq!(bench.root().write(&format!("{path}/{id}"), json!({})).await["lease"]["id"], json!(id));
        assert_eq!(bench.root().write(path, json!({ "lease_id": id })).await["lease"]["id"], json!(id));
        assert_eq!(bench.root().write(path, json!({})).await, invalid("lease_id must be specified"));
    }
    for path in ["sys/leases/revoke", "sys/revoke"] {
        let id = lent(&bench).await;
        assert_eq!(bench.root().write(&format!("{path}/{id}"), json!({})).await, json!({}));
        assert_eq!(lookup(&bench, &id).await, invalid("invalid lease"));
        let id = lent(&bench).await;
        let later = bench.root().write(path, json!({ "lease_id": id, "sync": false })).await;
        assert_eq!(later, json!({ "status": "Accepted" }));
        assert_eq!(renew(&bench, &id, 0).await, invalid("lease not found"), "from the reply on");
        bench.settle().await;
        assert_eq!(lookup(&bench, &id).await, invalid("invalid lease"));
    }
    for path in ["sys/leases/revoke-prefix", "sys/revoke-prefix", "sys/leases/revoke-force", "sys/revoke-force"] {
        lent(&bench).await;
        let before = outside.things();
        assert_eq!(bench.root().write(&format!("{path}/db/lend"), json!({})).await, json!({}));
        assert!(outside.things() < before && outside.things() == 0, "{path}");
        let id = lent(&bench).await;
        assert_eq!(
            bench.root().write(&format!("{path}/{id}"), json!({})).await,
            json!({}),
            "a whole id is a prefix too"
        );
        assert_eq!(outside.things(), 0, "{path}");
    }
    assert_eq!(left(&bench).await, Vec::<String>::new());
}

#[tokio::test]
async fn leases_are_listed_by_path_in_pages() {
    let (bench, _) = lending("listed").await;
    let mut tails = Vec::new();
    for _ in 0..5 {
        tails.push(lent(&bench).await.rsplit_once('/').expect("it has a path").1.to_owned());
    }
    let keys = async |path: &str| bench.root().list(path).await["data"]["keys"].take();
    assert_eq!(keys("sys/leases/lookup/").await, json!(["db/"]));
    assert_eq!(keys("sys/leases/lookup/db").await, json!(["lend/"]));
    assert_eq!(keys("sys/leases/lookup/db/lend").await, json!(["app/"]));
    let whole = keys("sys/leases/lookup/db/lend/app").await;
    let (mut paged, mut after) = (Vec::new(), String::new());
    loop {
        let about = json!({ "after": after, "limit": 2 });
        let page = bench.root().call(Operation::List, "sys/leases/lookup/db/lend/app/", about).await;
        let page = page["data"]["keys"].as_array().cloned().unwrap_or_default();
        let Some(last) = page.last().and_then(Value::as_str) else { break };
        after = last.to_owned();
        paged.extend(page);
    }
    assert_eq!(Value::Array(paged.clone()), whole);
    let mut names: Vec<_> = paged.iter().filter_map(Value::as_str).collect();
    names.sort_unstable();
    tails.sort_unstable();
    assert_eq!(names, tails);
    let reader = bench.token_for("lister", "path \"sys/leases/lookup/*\" { capabilities = [\"list\"] }").await;
    assert_eq!(bench.with(&reader).list("sys/leases/lookup/db").await, denied(), "it needs sudo");
}

#[tokio::test]
async fn what_the_outside_refuses_is_tried_again_and_ends_up_irrevocable() {
    let (bench, outside) = lending("refusing").await;
    let (id, other) = (lent(&bench).await, lent(&bench).await);
    outside.when_removing(Mood::Refuses);
    let reply = revoke(&bench, &id, true).await;
    assert_eq!(reply, refused("World", "ask the outside: it refuses"));
    for attempt in 1..ATTEMPTS_MAX {
        let before = outside.removals();
        bench.settle().await;
        assert_eq!(outside.removals(), before, "not before its time");
        bench.clock.advance(Duration::from_secs(10 * 2_u64.pow(attempt - 1)));
        bench.settle().await;
        assert_eq!(outside.removals(), before + 1, "attempt {attempt}");
    }
    bench.clock.advance(hours(1));
    bench.settle().await;
    assert_eq!(outside.removals(), ATTEMPTS_MAX as usize, "nobody tries any more");
    let listed = bench.root().call(Operation::Read, "sys/leases", json!({ "type": "irrevocable" })).await;
    let lease = json!({ "lease_id": id, "error": "ask the outside: it refuses" });
    assert_eq!(listed["data"], json!({ "lease_count": 1, "leases": [lease] }));
    let counted = bench.root().call(Operation::Read, "sys/leases/count", json!({ "type": "irrevocable" })).await;
    let accessor = bench.root().read("sys/mounts/db").await["data"]["accessor"].take();
    assert_eq!(counted["data"]["counts"][accessor.as_str().unwrap_or_default()], json!(1));
    assert_eq!(bench.root().read("sys/leases").await, invalid("'type' must be \"irrevocable\""));
    assert_eq!(lookup(&bench, &id).await["data"]["revoke_error"], json!("ask the outside: it refuses"));
    // By hand it fails as before, stays in the list, and goes once the outside is well.
    assert_eq!(revoke(&bench, &id, true).await, refused("World", "ask the outside: it refuses"));
    let listed =
        bench.root().call(Operation::Read, "sys/leases", json!({ "type": "irrevocable", "limit": "none" })).await;
    assert_eq!(listed["data"]["lease_count"], json!(1));
    outside.when_removing(Mood::Well);
    assert_eq!(revoke(&bench, &id, true).await, json!({}));
    assert_eq!(revoke(&bench, &other, true).await, json!({}));
    assert_eq!((outside.things(), left(&bench).await), (0, vec![]));
}

#[tokio::test]
async fn an_outside_that_stalls_keeps_no_other_waiting() {
    let (bench, stalling) = lending("stalling").await;
    mount(&bench, "other", "not stalling").await;
    let other = Outside::named("not stalling");
    lend(&bench, &bench.root, json!({ "ttl": 60 })).await;
    bench.root().call(Operation::Read, "other/lend/app", json!({ "ttl": 60 })).await;
    stalling.when_removing(Mood::Stalls);
    bench.clock.advance(Duration::from_secs(61));
    assert!(unless_hung(bench.settle()).await.is_none(), "the call is under way");
    assert_eq!((stalling.things(), other.things()), (1, 0));
    stalling.when_removing(Mood::Well);
    bench.clock.advance(Duration::from_secs(31));
    bench.settle().await;
    bench.clock.advance(Duration::from_secs(11));
    bench.settle().await;
    assert_eq!((stalling.things(), left(&bench).await), (0, vec![]));
}

#[tokio::test]
async fn force_forgets_what_the_outside_keeps() {
    let (bench, outside) = lending("forced").await;
    for _ in 0..3 {
        lent(&bench).await;
    }
    outside.when_removing(Mood::Refuses);
    let reply = bench.root().write("sys/leases/revoke-prefix/db", json!({})).await;
    assert_eq!(reply, refused("World", "ask the outside: it refuses"));
    assert_eq!(bench.root().write("sys/leases/revoke-force/db", json!({})).await, json!({}));
    assert_eq!((outside.things(), left(&bench).await), (3, vec![]));
}

#[tokio::test]
async fn a_lease_goes_with_the_last_use_of_its_token() {
    let (bench, outside) = lending("last use").await;
    let token = bench.token(json!({ "policies": ["root"], "num_uses": 2, "ttl": "1h" })).await;
    id(&lend(&bench, &token, json!({})).await);
    let text = "Secret cannot be returned; token had one use left, so leased credentials were immediately revoked.";
    assert_eq!(lend(&bench, &token, json!({})).await, invalid(text));
    bench.settle().await;
    assert_eq!((outside.things(), left(&bench).await), (0, vec![]));
}

#[tokio::test]
async fn leases_of_a_batch_token_end_with_it_and_go_with_its_parent() {
    let (bench, outside) = lending("batch").await;
    let policy =
        "path \"db/*\" { capabilities = [\"read\"] }\npath \"auth/token/create\" { capabilities = [\"update\"] }";
    let parent = bench.token_for("db", policy).await;
    let batch = bench.with(&parent).create("create", json!({ "type": "batch", "ttl": "10m" })).await;
    let reply = lend(&bench, &batch, json!({ "ttl": "1h" })).await;
    assert_eq!(reply["lease"]["duration"], json!(600));
    assert_eq!(renew(&bench, &id(&reply), 3600).await["lease"]["duration"], json!(600));
    bench.root().write("auth/token/revoke", json!({ "token": parent })).await;
    bench.settle().await;
    assert_eq!((outside.things(), left(&bench).await), (0, vec![]));
}

#[tokio::test]
async fn expired_leases_are_found_after_a_restart() {
    let memory: Arc<Memory> = Arc::new(Memory::new());
    let bench = Bench::over(Arc::clone(&memory) as _).await;
    mount(&bench, "db", "restarted").await;
    let outside = Outside::named("restarted");
    for _ in 0..30 {
        lend(&bench, &bench.root, json!({ "ttl": 60 })).await;
    }
    let bench = bench.crashed(memory as _).await;
    bench.clock.advance(Duration::from_secs(61));
    bench.settle().await;
    assert_eq!((outside.things(), left(&bench).await), (0, vec![]));
}

#[tokio::test]
async fn a_crash_at_any_commit_of_a_revocation_loses_nothing() {
    for nth in 1_u64.. {
        let (env, _) = env::simulated::env(1);
        let memory = Arc::new(Memory::new());
        let faulty = Arc::new(Faulty::new(Arc::clone(&memory) as _, env));
        let bench = Bench::over(Arc::clone(&faulty) as _).await;
        let name = format!("crashed {nth}");
        mount(&bench, "db", &name).await;
        let (outside, id) = (Outside::named(&name), lent(&bench).await);
        let fault = if nth % 2 == 0 { Fault::CutAfter } else { Fault::CutBefore };
        faulty.fail_nth(Call::Commit, nth.div_ceil(2), fault);
        let reply = patiently(&bench.clock, revoke(&bench, &id, true)).await;
        let bench = bench.crashed(memory as _).await;
        if reply == json!({}) {
            assert!(nth > 2, "a revocation has two commits at least");
            assert_eq!((outside.things(), left(&bench).await), (0, vec![]));
            break;
        }
        bench.settle().await;
        let is_asked = left(&bench).await.is_empty();
        assert_eq!(outside.things(), usize::from(!is_asked), "cut {nth}: there is a lease or there is no thing");
    }
}

use std::time::Duration;

use serde_json::{Value, json};
use storage::counting::Call;
use storage::faulty::{Fault, Faulty};
use storage::memory::Memory;

use super::*;
use crate::testing::{Bench, Yielding, denied, invalid, late, refused, unless_hung};

async fn enable(bench: &Bench, path: &str, about: Value) -> Value {
    bench.root().write(&format!("sys/mounts/{path}"), about).await
}

fn kv() -> Value {
    json!({ "type": "kv" })
}

#[test]
fn candidates_are_the_paths_that_a_mount_could_have() {
    let check = |path: &str, expected: &[&str]| assert_eq!(candidates(path).collect::<Vec<_>>(), expected, "{path}");
    check("", &[]);
    check("/", &[]);
    check("a", &["a"]);
    check("a/", &["a"]);
    check("a/b/c", &["a", "a/b", "a/b/c"]);
    check("a/b/", &["a", "a/b"]);
    let deep = "x/".repeat(40);
    assert_eq!(candidates(&deep).count(), PATH_SEGMENTS_MAX);
    let long = format!("a/{}/c", "x".repeat(3000));
    check(&long, &["a"]);
    let longest = "x".repeat(PATH_BYTES_MAX - 1);
    check(&longest, &[&longest]);
    assert!(change::parse_path(&longest).is_ok() && change::parse_path(&format!("{longest}x")).is_err());
}

#[tokio::test]
async fn a_mount_is_shown_with_all_that_clients_read() {
    let bench = Bench::new().await;
    let about = json!({
        "type": "kv-v2", "description": "d", "local": true, "seal_wrap": true,
        "config": { "default_lease_ttl": "1h", "max_lease_ttl": 7200, "listing_visibility": "unauth", "force_no_cache": true },
    });
    assert_eq!(enable(&bench, "team/kv", about).await, json!({}));
    let mut shown = bench.root().read("sys/mounts/team/kv").await["data"].take();
    let accessor = shown["accessor"].take();
    let digits = accessor.as_str().and_then(|it| it.strip_prefix("kv_")).expect("an accessor").to_owned();
    assert!(digits.len() == 8 && digits.bytes().all(|it| it.is_ascii_hexdigit()), "{digits}");
    assert_eq!(shown["uuid"].take().as_str().map(str::len), Some(36));
    let expected = json!({
        "type": "kv", "description": "d", "accessor": null, "uuid": null, "local": true, "seal_wrap": true,
        "external_entropy_access": false, "options": { "version": "2" }, "plugin_version": "",
        "running_plugin_version": "", "running_sha256": "", "deprecation_status": "supported",
        "config": {
            "default_lease_ttl": 3600, "max_lease_ttl": 7200, "force_no_cache": true, "listing_visibility": "unauth",
        },
    });
    assert_eq!(shown, expected);
    let tuned = bench.root().read("sys/mounts/team/kv/tune").await["data"].take();
    assert_eq!((&tuned["default_lease_ttl"], &tuned["max_lease_ttl"]), (&json!(3600), &json!(7200)));
}

#[tokio::test]
async fn a_new_server_has_its_four_mounts() {
    let bench = Bench::new().await;
    let mounts = bench.root().read("sys/mounts").await["data"].take();
    let types: Vec<_> =
        mounts.as_object().expect("mounts").iter().map(|(path, it)| (path.as_str(), &it["type"])).collect();
    assert_eq!(
        types,
        [("cubbyhole/", &json!("cubbyhole")), ("identity/", &json!("identity")), ("sys/", &json!("system"))]
    );
    assert_eq!(mounts["sys/"]["options"], json!(null));
    assert_eq!(mounts["sys/"]["config"]["default_lease_ttl"], 0);
    let auth = bench.root().read("sys/auth").await["data"].take();
    assert_eq!(auth["token/"]["type"], "token");
    assert!(auth["token/"]["accessor"].as_str().is_some_and(|it| it.starts_with("auth_token_")));
    assert_eq!(auth["token/"]["config"]["token_type"], "default-service");
    let tuned = bench.root().read("sys/auth/token/tune").await["data"].take();
    assert_eq!(tuned["max_lease_ttl"], 768 * 3600);
}

#[tokio::test]
async fn a_path_is_taken_once_and_mounts_do_not_nest() {
    let bench = Bench::new().await;
    assert_eq!(enable(&bench, "a/b", kv()).await, json!({}));
    assert_eq!(enable(&bench, "a/b/", kv()).await, invalid("path is already in use at a/b/"));
    assert_eq!(enable(&bench, "a/b/c", kv()).await, invalid("path is already in use at a/b/"));
    assert_eq!(enable(&bench, "a", kv()).await, invalid("existing mount at a/b/"));
    assert_eq!(enable(&bench, "a/bc", kv()).await, json!({}));
    let auth = bench.root().write("sys/auth/token", json!({ "type": "gate" })).await;
    assert_eq!(auth, invalid("path is already in use at auth/token/"));
    assert_eq!(bench.root().write("sys/auth/a/b", json!({ "type": "gate" })).await, json!({}), "kinds do not meet");
    for path in ["sys", "cubbyhole"] {
        assert_eq!(enable(&bench, path, kv()).await, invalid(&format!("path is already in use at {path}/")));
    }
    for path in ["sys/x", "auth/x", "cubbyhole/x", "identity/x", "audit/x"] {
        let reserved = path.split_inclusive('/').next().expect("a segment");
        let text = format!("cannot mount under \"{reserved}\": it belongs to the server");
        assert_eq!(enable(&bench, path, kv()).await, invalid(&text));
    }
}

#[tokio::test]
async fn two_nodes_cannot_nest_mounts_between_them() {
    let pairs = [("a", "a/b"), ("a/b", "a"), ("a", "a")];
    for ((first, second), turns) in pairs.into_iter().flat_map(|pair| (0..12).map(move |turns| (pair, turns))) {
        let mut one = Bench::fresh(Arc::new(Yielding(Memory::new())), barrier::CacheMode::ReadThrough);
        one.init().await;
        let two = one.beside().await;
        let (first, second) = tokio::join!(late(6, enable(&one, first, kv())), late(turns, enable(&two, second, kv())));
        assert_eq!([first, second].iter().filter(|reply| **reply == json!({})).count(), 1, "{turns}");
        let mounts = two.root().read("sys/mounts").await["data"].take();
        assert_eq!(mounts.as_object().map(serde_json::Map::len), Some(4));
    }
}

#[tokio::test]
async fn what_cannot_be_mounted_says_why() {
    let bench = Bench::new().await;
    assert_eq!(enable(&bench, "x", json!({})).await, invalid("backend type must be specified as a string"));
    let text = "plugin not found in the catalog: no secrets engine of the type \"pki\"; there are: kv, lender, keeper";
    assert_eq!(enable(&bench, "x", json!({ "type": "pki" })).await, invalid(text));
    let text = "mount type of \"cubbyhole\" is not mountable";
    assert_eq!(enable(&bench, "x", json!({ "type": "cubbyhole" })).await, invalid(text));
    let about = json!({ "type": "kv", "options": { "version": "9" } });
    assert_eq!(enable(&bench, "x", about).await, invalid("no version \"9\" of kv"));
    let about = json!({ "type": "kv", "config": { "default_lease_ttl": "2h", "max_lease_ttl": "1h" } });
    let text = "the default lease TTL of 7200 seconds is longer than the max lease TTL of 3600 seconds";
    assert_eq!(enable(&bench, "x", about).await, invalid(text));
    for path in ["a//b", "a/./b", "a/../b", "a b", "\u{7f}", &"x".repeat(500), &"x/".repeat(17)] {
        let reply = enable(&bench, path, kv()).await;
        assert!(reply["refused"].as_str().is_some_and(|it| it.starts_with("Invalid: invalid mount path: ")), "{reply}");
    }
    assert_eq!(bench.keys("ns/root/mount/").await.len(), 4);
}

#[tokio::test]
async fn a_mount_that_is_not_there_is_named_in_the_words_that_clients_look_for() {
    let bench = Bench::new().await;
    let root = bench.root();
    assert_eq!(root.read("sys/mounts/none").await, invalid("No secret engine mount at none/"));
    assert_eq!(root.read("sys/auth/none").await, invalid("No auth engine at none/"));
    assert_eq!(root.read("sys/mounts/none/tune").await, invalid("cannot fetch sysview for path \"none/\""));
    let tuned = root.write("sys/mounts/none/tune", json!({ "description": "x" })).await;
    assert_eq!(tuned, invalid("No secret engine mount at none/"));
    assert_eq!(root.delete("sys/mounts/none").await, json!({}));
}

#[tokio::test]
async fn tuning_is_seen_by_the_next_request_of_a_loaded_mount() {
    let bench = Bench::new().await;
    let issue = async || {
        bench.root().write("auth/token/create", json!({ "policies": "default" })).await["auth"]["lease_duration"].take()
    };
    assert_eq!(issue().await, 768 * 3600);
    bench.root().write("sys/auth/token/tune", json!({ "default_lease_ttl": "1h" })).await;
    assert_eq!(issue().await, 3600);
    bench.root().write("sys/auth/token/tune", json!({ "default_lease_ttl": "system", "description": "new" })).await;
    assert_eq!(issue().await, 768 * 3600);
    assert_eq!(bench.root().read("sys/auth").await["data"]["token/"]["description"], "new");
}

#[tokio::test]
async fn tuning_refuses_what_does_not_fit_and_keeps_what_is_left_out() {
    let bench = Bench::new().await;
    enable(&bench, "kv", json!({ "type": "kv", "description": "kept", "options": { "version": "1" } })).await;
    let tune = async |about: Value| bench.root().write("sys/mounts/kv/tune", about).await;
    let text = "the default lease TTL of 7200 seconds is longer than the max lease TTL of 3600 seconds";
    assert_eq!(tune(json!({ "default_lease_ttl": "2h", "max_lease_ttl": "1h" })).await, invalid(text));
    assert_eq!(tune(json!({ "options": { "version": "3" } })).await, invalid("no version \"3\" of kv"));
    let refusal = tune(json!({ "listing_visibility": "everybody" })).await;
    assert!(refusal["refused"].as_str().is_some_and(|it| it.contains("listing_visibility")), "{refusal}");
    assert!(tune(json!({ "default_lease_ttl": "soon" })).await["refused"].is_string());
    assert_eq!(tune(json!({ "max_lease_ttl": 3600, "audit_non_hmac_request_keys": "a,b" })).await, json!({}));
    assert_eq!(tune(json!({ "listing_visibility": "hidden" })).await, json!({}));
    let tuned = bench.root().read("sys/mounts/kv/tune").await["data"].take();
    let expected = json!({
        "description": "kept", "default_lease_ttl": 3600, "max_lease_ttl": 3600, "force_no_cache": false,
        "listing_visibility": "hidden", "audit_non_hmac_request_keys": ["a", "b"], "options": { "version": "1" },
    });
    assert_eq!(tuned, expected);
}

#[tokio::test]
async fn the_server_s_own_mounts_cannot_be_disabled() {
    let bench = Bench::new().await;
    for (path, name) in
        [("sys/mounts/sys", "sys/"), ("sys/mounts/cubbyhole/", "cubbyhole/"), ("sys/auth/token", "token/")]
    {
        let text = format!("cannot disable \"{name}\": it is part of the server");
        assert_eq!(bench.root().delete(path).await, invalid(&text));
    }
}

#[tokio::test]
async fn a_disabled_mount_is_gone_at_once_and_its_data_a_little_later() {
    let bench = Bench::new().await;
    let before = bench.keys("").await;
    bench.mount("secret").await;
    for number in 0..250 {
        bench.root().write(&format!("secret/{number}"), json!({ "x": 1 })).await;
    }
    assert_eq!(bench.root().delete("sys/mounts/secret").await, json!({}));
    let unrouted = refused("Unrouted", "no handler for route \"secret/1\". route entry not found.");
    assert_eq!(bench.root().read("secret/1").await, unrouted);
    assert_eq!(bench.root().write("secret/1", json!({ "x": 1 })).await, unrouted);
    assert_eq!(bench.keys("ns/root/data/").await.len(), 250);
    // The same path again sees nothing of what was there.
    bench.mount("secret").await;
    assert_eq!(bench.root().list("secret/").await, json!({ "data": { "keys": [] } }));
    bench.root().write("secret/1", json!({ "x": 2 })).await;
    bench.settle().await;
    assert_eq!(bench.keys("ns/root/data/").await.len(), 1, "the new one's");
    assert_eq!(bench.root().read("secret/1").await, json!({ "data": { "x": 2 } }));
    bench.root().delete("sys/mounts/secret").await;
    bench.settle().await;
    assert_eq!(bench.keys("").await, before);
}

#[tokio::test]
async fn nothing_is_written_below_a_mount_that_is_disabled_meanwhile() {
    let mut outcomes = (0, 0);
    for turns in 0..30 {
        let mut one = Bench::fresh(Arc::new(Yielding(Memory::new())), barrier::CacheMode::ReadThrough);
        one.init().await;
        let two = one.beside().await;
        let before = one.keys("").await;
        one.mount("secret").await;
        let client = one.root();
        let write = late(15, client.write("secret/a", json!({ "x": 1 })));
        let root = two.root();
        let (written, disabled) = tokio::join!(write, late(turns, root.delete("sys/mounts/secret")));
        assert_eq!(disabled, json!({}));
        if written == json!({}) {
            outcomes.0 += 1;
        } else {
            outcomes.1 += 1;
        }
        two.settle().await;
        assert_eq!(two.keys("").await, before, "{turns}: {written}");
    }
    assert!(outcomes.0 > 0 && outcomes.1 > 0, "{outcomes:?}");
}

#[tokio::test]
async fn a_removal_survives_a_crash_at_every_commit() {
    for nth in 1.. {
        let memory = Arc::new(Memory::new());
        let (env, _) = env::simulated::env(9);
        let faulty = Arc::new(Faulty::new(Arc::clone(&memory) as _, env));
        let bench = Bench::over(Arc::clone(&faulty) as _).await;
        // So that it is the work that hits the fault.
        bench.core.seals.worker.stop().await;
        let before = bench.keys("").await;
        bench.mount("secret").await;
        for number in 0..150 {
            bench.root().write(&format!("secret/{number}"), json!({ "x": 1 })).await;
        }
        faulty.fail_nth(Call::Commit, nth, Fault::LoseAnswer);
        let work = async {
            bench.root().delete("sys/mounts/secret").await;
            bench.settle().await;
        };
        let is_done = unless_hung(work).await.is_some();
        faulty.cut();
        if is_done {
            // The mark, the line of the leases, two pages, the liveness.
            assert_eq!(nth - 1, 5);
            return;
        }
        let bench = bench.crashed(memory).await;
        assert!(bench.root().read("secret/1").await["refused"].as_str().is_some_and(|it| it.starts_with("Unrouted")));
        bench.settle().await;
        assert_eq!(bench.keys("").await, before, "after a crash behind commit {nth}");
    }
}

#[tokio::test]
async fn what_a_user_interface_asks_first_shows_what_the_caller_may_see() {
    let bench = Bench::new().await;
    enable(&bench, "open", json!({ "type": "kv", "config": { "listing_visibility": "unauth" }, "description": "d" }))
        .await;
    enable(&bench, "team/kv", json!({ "type": "kv", "options": { "version": 2 } })).await;
    enable(&bench, "hidden", kv()).await;
    let people = json!({ "type": "userpass", "description": "p", "config": { "listing_visibility": "unauth" } });
    assert_eq!(bench.root().write("sys/auth/people", people).await, json!({}));
    assert_eq!(bench.root().write("sys/auth/others", json!({ "type": "userpass" })).await, json!({}));
    let token = bench.token_for("team", "path \"team/kv/data/a\" { capabilities = [\"read\"] }").await;
    let ui = "sys/internal/ui/mounts";
    let open = json!({ "open/": { "type": "kv", "description": "d", "options": null } });
    let people = json!({ "people/": { "type": "userpass", "description": "p", "options": null } });
    assert_eq!(bench.nobody().read(ui).await["data"], json!({ "secret": open, "auth": people }));
    assert_eq!(bench.with("bad").read(ui).await["data"], json!({ "secret": open, "auth": people }));
    let mut seen = bench.with(&token).read(ui).await["data"].take();
    assert!(seen["auth"]["people/"]["accessor"].is_string() && seen["auth"].get("others/").is_none(), "{seen}");
    bench.root().write("sys/auth/people/tune", json!({ "listing_visibility": "hidden" })).await;
    assert_eq!(
        bench.nobody().read(ui).await["data"]["auth"],
        json!({}),
        "the page for logins does not show it any more"
    );
    assert_eq!(seen["secret"]["open/"]["description"], "d");
    assert!(seen["secret"]["open/"]["uuid"].is_string(), "what is listed for everybody is shown whole to a token");
    assert_eq!(seen["secret"]["team/kv/"]["options"], json!({ "version": "2" }));
    assert!(seen["secret"]["team/kv/"]["accessor"].is_string());
    assert_eq!(seen["secret"].take().as_object().map(serde_json::Map::len), Some(2));
    let one = bench.with(&token).read("sys/internal/ui/mounts/team/kv/data/a").await["data"].take();
    assert_eq!(
        (&one["path"], &one["type"], &one["options"]["version"]),
        (&json!("team/kv/"), &json!("kv"), &json!("2"))
    );
    let refusal = |path: &str| {
        let text = "preflight capability check returned 403, please ensure client's policies grant access to path";
        refused("DeniedBecause", &format!("{text} \"{path}/\""))
    };
    for path in ["hidden/a", "hidden", "none/a", "none", "sys/mounts"] {
        assert_eq!(bench.with(&token).read(&format!("sys/internal/ui/mounts/{path}")).await, refusal(path), "{path}");
        assert_eq!(bench.nobody().read(&format!("sys/internal/ui/mounts/{path}")).await, denied());
        assert_eq!(bench.with("bad").read(&format!("sys/internal/ui/mounts/{path}")).await, denied());
    }
    let long = "x".repeat(3000);
    assert_eq!(bench.with(&token).read(&format!("sys/internal/ui/mounts/{long}")).await, refusal(&long));
}

#[tokio::test]
async fn the_openapi_document_shows_what_the_caller_may_see() {
    let bench = Bench::new().await;
    bench.mount("secret").await;
    let paths = async |document: Value| {
        let paths = document["data"]["paths"].as_object().expect("paths").clone();
        paths.keys().filter(|path| !path.starts_with("/sys/")).cloned().collect::<Vec<_>>()
    };
    let nobody = bench.nobody().read("sys/internal/specs/openapi").await;
    assert!(nobody["data"]["paths"]["/sys/seal-status"].is_object());
    assert_eq!(paths(nobody).await, Vec::<String>::new());
    let root = paths(bench.root().read("sys/internal/specs/openapi").await).await;
    assert!(root.contains(&"/secret/{path}".to_owned()) && root.contains(&"/auth/token/create".to_owned()), "{root:?}");
    let about = json!({ "generic_mount_paths": true });
    bench.mount("another").await;
    let generic = paths(bench.root().write("sys/internal/specs/openapi", about).await).await;
    assert!(generic.contains(&"/{kv_mount_path}/{path}".to_owned()), "{generic:?}");
}

#[tokio::test]
async fn more_mounts_than_are_kept_loaded_are_found_all_the_same() {
    let bench = Bench::new().await;
    for number in 0..30 {
        bench.mount(&format!("m{number}")).await;
        bench.root().write(&format!("m{number}/a"), json!({ "n": number })).await;
    }
    bench.clock.advance(Duration::from_secs(1));
    for number in (0..30).rev() {
        assert_eq!(bench.root().read(&format!("m{number}/a")).await, json!({ "data": { "n": number } }));
    }
}

#[tokio::test]
async fn auth_methods_are_shown_and_tuned_below_mounts_too() {
    let bench = Bench::new().await;
    let root = bench.root();
    assert_eq!(root.write("sys/mounts/auth/token/tune", json!({ "default_lease_ttl": "1h" })).await, json!({}));
    let tuned = root.read("sys/mounts/auth/token/tune").await;
    assert_eq!(tuned["data"]["default_lease_ttl"], 3600);
    assert_eq!(tuned, root.read("sys/auth/token/tune").await);
    assert_eq!(root.read("sys/mounts/auth/token").await, root.read("sys/auth/token").await);
    assert_eq!(root.read("sys/mounts/auth/none").await, invalid("No auth engine at none/"));
}

#[tokio::test]
async fn a_version_of_an_engine_cannot_be_chosen() {
    let bench = Bench::new().await;
    let refusal = invalid("engines are part of the server and have its version: leave plugin_version out");
    let about = json!({ "type": "kv", "plugin_version": "v1.0.0" });
    assert_eq!(bench.root().write("sys/mounts/x", about).await, refusal);
}

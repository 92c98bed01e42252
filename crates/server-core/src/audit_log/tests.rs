//! Audit devices over whole nodes: what is recorded, what never is, and what happens when nothing can be.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::audit::read;
use barrier::CacheMode;
use framework::{HeaderSource, Operation};
use serde_json::{Value, json};
use storage::memory::Memory;
use tempfile::TempDir;

use crate::testing::{Bench, denied, invalid, refused};

mod declared;
mod stop;
mod trouble;

/// In every secret of these tests.
const CANARY: &str = "canary-8f2e";

struct Log {
    folder: TempDir,
}

impl Log {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn options(&self, name: &str) -> Value {
        json!({ "type": "file", "options": { "file_path": self.path(name).display().to_string() } })
    }

    /// A node that has one file device.
    async fn bench(&self) -> Bench {
        let bench = Bench::new().await;
        assert_eq!(bench.root().write("sys/audit/file", self.options("log")).await, json!({}));
        bench
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn records(&self, name: &str) -> Vec<Value> {
        let text = self.text(name);
        for line in text.lines() {
            assert!(read(line.as_bytes()).is_some(), "it is chained: {line}");
        }
        text.lines().map(|line| serde_json::from_str(line).expect("a record is JSON")).collect()
    }

    /// The last records, and none before.
    fn last<const N: usize>(&self, name: &str) -> [Value; N] {
        let mut records = self.records(name);
        let last = records.split_off(records.len().saturating_sub(N));
        last.try_into().unwrap_or_else(|few| panic!("fewer records than {N}: {few:?}"))
    }
}

/// Type, operation and path of a record, and its error.
fn short(record: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let request = &record["request"];
    let parts = [&record["type"], &request["operation"], &request["path"], &record["error"]].map(text);
    parts.join(" ").trim_end().to_owned()
}

#[tokio::test]
async fn a_request_is_recorded_before_and_its_answer_after() {
    let log = Log::new();
    let bench = log.bench().await;
    assert_eq!(log.records("log").iter().map(short).collect::<Vec<_>>(), ["request update sys/audit/test"]);
    bench.mount("secret").await;
    bench.root().write("secret/app", json!({ "password": CANARY })).await;
    let [request, response] = log.last("log");
    assert_eq!([short(&request), short(&response)], ["request create secret/app", "response create secret/app"]);
    assert_eq!(request["auth"], response["auth"]);
    assert_eq!(request["auth"]["policies"], json!(["root"]));
    let root = json!([{ "name": "root", "namespace_id": "root", "type": "acl" }]);
    assert_eq!(request["auth"]["policy_results"], json!({ "allowed": true, "granting_policies": root }));
    // As in Vault's own records of a root token.
    assert_eq!(request["request"]["client_id"], "0DHqvq2D77kL2/JTPSZkTMJbkFVmUu0TzMi0jiXcFy8=");
    assert_eq!(request["request"]["mount_point"], "secret/");
    assert_eq!(
        (&request["request"]["mount_type"], &request["request"]["mount_class"]),
        (&"kv".into(), &"secret".into())
    );
    assert_eq!(request["request"]["namespace"], json!({ "id": "root" }));
    let hash = async |text: &str| {
        let reply = bench.root().write("sys/audit-hash/file", json!({ "input": text })).await;
        reply["data"]["hash"].clone()
    };
    assert_eq!(request["request"]["data"], json!({ "password": hash(CANARY).await }));
    assert_eq!(request["request"]["client_token"], hash(&bench.root).await);
}

#[tokio::test]
async fn refusals_are_recorded_as_far_as_they_came() {
    let log = Log::new();
    let bench = log.bench().await;
    let weak = bench.token_for("weak", r#"path "secret/ok" { capabilities = ["read"] }"#).await;
    let cases = [
        (Some(weak.as_str()), "secret/no", "permission denied"),
        (Some("hvs.unknown"), "secret/no", "permission denied"),
        (None, "secret/no", "permission denied"),
    ];
    for (token, path, error) in cases {
        let client = token.map_or_else(|| bench.nobody(), |token| bench.with(token));
        assert_eq!(client.read(path).await, denied());
        let [request, response] = log.last("log");
        let expected = ["request", "response"].map(|kind| format!("{kind} read {path} {error}"));
        assert_eq!([short(&request), short(&response)], expected);
        assert_eq!(request["request"]["client_token"].is_string(), token.is_some());
    }
    // What leads nowhere is told of as well, and so is what an engine does not understand.
    bench.root().read("nowhere/x").await;
    assert!(short(&log.last::<1>("log")[0]).contains("no handler for route"));
    bench.root().write("auth/token/create", json!({ "ttl": "soon" })).await;
    let [request, response] = log.last("log");
    assert_eq!(short(&request), "request update auth/token/create");
    assert!(response["error"].is_string() && request["error"].is_null());
}

#[tokio::test]
async fn the_policies_that_allow_a_request_are_told() {
    let log = Log::new();
    let bench = log.bench().await;
    bench.mount("secret").await;
    bench.token_for("other", r#"path "secret/app" { capabilities = ["update"] }"#).await;
    bench.token_for("reader", r#"path "secret/app" { capabilities = ["read"] }"#).await;
    let both = bench.token(json!({ "policies": ["other", "reader"], "no_default_policy": true })).await;
    let results = async |operation: Operation, path: &str| {
        bench.with(&both).call(operation, path, json!({ "a": "b" })).await;
        let [request, response] = log.last("log");
        assert_eq!(request["auth"], response["auth"]);
        assert_eq!(request["auth"]["policies"], json!(["other", "reader"]));
        request["auth"]["policy_results"].clone()
    };
    let by = |name: &str| {
        let policy = json!({ "name": name, "namespace_id": "root", "type": "acl" });
        json!({ "allowed": true, "granting_policies": [policy] })
    };
    assert_eq!(results(Operation::Read, "secret/app").await, by("reader"));
    assert_eq!(results(Operation::Update, "secret/app").await, json!({ "allowed": false }), "it would be created");
    bench.root().write("secret/app", json!({ "a": "b" })).await;
    assert_eq!(results(Operation::Update, "secret/app").await, by("other"));
    assert_eq!(results(Operation::Delete, "secret/app").await, json!({ "allowed": false }));
}

#[tokio::test]
async fn a_token_is_written_alike_whatever_becomes_of_the_devices() {
    let log = Log::new();
    let bench = log.bench().await;
    let token = bench.token(json!({ "policies": ["default"], "display_name": "me" })).await;
    let auth = async |name: &str| {
        bench.with(&token).lookup().await;
        let [request, response] = log.last(name);
        assert_eq!(request["auth"], response["auth"]);
        assert_eq!(request["auth"]["client_token"], request["request"]["client_token"]);
        request["auth"].clone()
    };
    let first = auth("log").await;
    assert_eq!((first.clone(), &first["display_name"]), (auth("log").await, &"token-me".into()));
    bench.root().write("sys/audit/second", log.options("second")).await;
    bench.root().delete("sys/audit/file").await;
    let second = auth("second").await;
    assert_ne!(first["client_token"], second["client_token"], "each device has a salt of its own");
    assert_eq!(first["policies"], second["policies"]);
}

#[tokio::test]
async fn a_wrapping_token_is_hashed_alike_in_whichever_form_it_comes() {
    let log = Log::new();
    let bench = log.bench().await;
    for is_signed_first in [true, false] {
        let mut request = bench.root().request(Operation::Update, "sys/wrapping/wrap", json!({ "x": 1 }));
        request.wrap_ttl = Some(Duration::from_secs(60));
        request.wrap_format = framework::WrapFormat::Jwt;
        let signed = bench.root().answer(request).await.expect("it is wrapped").wrap_info.expect("so it is told");
        let signed = signed.token.expose().clone();
        let claims = data_encoding::BASE64URL_NOPAD.decode(signed.split('.').nth(1).expect("claims").as_bytes());
        let claims: Value = serde_json::from_slice(&claims.expect("base64url")).expect("JSON");
        let plain = claims["jti"].as_str().expect("the token").to_owned();
        let hash = bench.root().write("sys/audit-hash/file", json!({ "input": plain })).await["data"]["hash"].clone();
        let forms = if is_signed_first { [&signed, &plain] } else { [&plain, &signed] };
        for form in forms {
            let shown = bench.with(form).read("sys/wrapping/lookup").await;
            assert_eq!(shown["data"]["creation_ttl"], json!(60), "{shown}");
            for record in log.last::<2>("log") {
                assert_eq!((&record["auth"]["client_token"], &record["request"]["client_token"]), (&hash, &hash));
            }
        }
    }
}

#[tokio::test]
async fn no_secret_stands_in_clear() {
    let log = Log::new();
    let bench = log.bench().await;
    bench.root().write("sys/audit/second", log.options("second")).await;
    let root = bench.root();
    bench.mount("secret").await;
    root.write("secret/app", json!({ "a": CANARY, "list": [CANARY, { "b": CANARY }], "c": { "d": CANARY } })).await;
    let read = root.read("secret/app").await;
    assert_eq!(read["data"]["a"], CANARY, "the session really handles it");
    let mut secrets = vec![CANARY.to_owned(), bench.root.clone()];
    root.write("cubbyhole/mine", json!({ "x": CANARY })).await;
    root.read("cubbyhole/mine").await;
    root.write("auth/token/create", json!({ "id": CANARY, "ttl": { "a": CANARY } })).await;
    let token = bench.token(json!({ "policies": ["default"], "num_uses": 2 })).await;
    bench.with(&token).lookup().await;
    bench.root().write("auth/token/lookup", json!({ "token": token })).await;
    secrets.push(token);
    let batch = bench.token(json!({ "type": "batch", "policies": ["default"] })).await;
    bench.with(&batch).lookup().await;
    secrets.push(batch);
    let mut request = root.request(Operation::Read, "secret/app", json!({}));
    request.wrap_ttl = Some(Duration::from_secs(60));
    let wrapped = root.answer(request).await.expect("it can be read");
    let wrapping = wrapped.wrap_info.expect("it is wrapped").token.expose().clone();
    let opened = bench.with(&wrapping).write("sys/wrapping/unwrap", json!({})).await;
    assert!(opened.to_string().contains(CANARY), "{opened}");
    bench.nobody().write("sys/wrapping/unwrap", json!({ "token": wrapping })).await;
    secrets.push(wrapping);
    bench.nobody().write("sys/unseal", json!({ "key": CANARY })).await;
    bench.with(CANARY).read("secret/app").await;
    let kept = root.write("auth/token/create", json!({ "meta": { "who": "me" } })).await;
    secrets.push(kept["auth"]["client_token"].as_str().expect("a token").to_owned());
    let accessor = kept["auth"]["accessor"].as_str().expect("an accessor").to_owned();
    root.write("auth/token/lookup-accessor", json!({ "accessor": accessor })).await;
    secrets.push(accessor);
    let text = [log.text("log"), log.text("second")];
    assert!(text.iter().all(|text| text.lines().count() > 30), "both have the session");
    for secret in &secrets {
        assert!(text.iter().all(|text| !text.contains(secret.as_str())), "{secret} stands in clear");
    }
}

#[tokio::test]
async fn nothing_passes_that_no_device_records() {
    let log = Log::new();
    let bench = Bench::new().await;
    bench.mount("secret").await;
    fs::create_dir(log.path("inner")).expect("made");
    bench.root().write("sys/audit/file", log.options("inner/log")).await;
    bench.root().write("secret/app", json!({ "a": "before" })).await;
    fs::remove_dir_all(log.path("inner")).expect("it is there");
    let why = "No such file or directory (os error 2)";
    let shown = format!("internal error: no audit device could record the request: {why}");
    let shown = shown.as_str();
    let failed = bench.root().write("secret/app", json!({ "a": "after" })).await;
    assert_eq!(failed, refused("WorldShown", shown));
    assert_eq!(bench.root().read("secret/app").await, refused("WorldShown", shown));
    assert_eq!(bench.nobody().read("secret/app").await, refused("WorldShown", shown));
    assert!(bench.nobody().read("sys/seal-status").await.get("refused").is_none(), "probes are answered");
    fs::create_dir(log.path("inner")).expect("made");
    assert_eq!(bench.root().read("secret/app").await["data"]["a"], "before", "the engine has not run");
    let records = log.records("inner/log");
    assert!(records[0]["chain"]["lost"].as_u64().is_some_and(|lost| lost >= 3), "{}", records[0]);
}

#[tokio::test]
async fn one_device_that_takes_the_record_is_enough() {
    let log = Log::new();
    let bench = log.bench().await;
    fs::create_dir(log.path("inner")).expect("made");
    bench.root().write("sys/audit/second", log.options("inner/log")).await;
    fs::remove_dir_all(log.path("inner")).expect("it is there");
    bench.mount("secret").await;
    assert_eq!(bench.root().write("secret/app", json!({ "a": "b" })).await, json!({}));
    let [_, response] = log.last("log");
    assert_eq!(short(&response), "response create secret/app");
}

#[tokio::test]
async fn devices_that_stand_still_are_waited_for_only_so_long() {
    let log = Log::new();
    let bench = Bench::new().await;
    let fifo = log.path("fifo");
    let status = std::process::Command::new("mkfifo").arg(&fifo).status().expect("there is mkfifo");
    assert!(status.success());
    // Opening it for writing waits for a reader, for ever.
    let enabled =
        crate::testing::patiently(&bench.clock, bench.root().write("sys/audit/fifo", log.options("fifo"))).await;
    assert_eq!(enabled, invalid("sanity check failed; the device takes no record: it does not answer"));
    assert_eq!(bench.root().read("sys/audit").await["data"], json!({}));
    // Its thread ends once somebody reads.
    drop(fs::File::open(&fifo));
}

#[tokio::test]
async fn devices_are_listed_and_disabled_and_their_last_requests_recorded() {
    let log = Log::new();
    let bench = log.bench().await;
    let path = log.path("log").display().to_string();
    let shown = json!({ "file/": {
        "path": "file/", "type": "file", "description": "", "options": { "file_path": path }, "local": false,
    } });
    assert_eq!(bench.root().read("sys/audit").await["data"], shown);
    for taken in ["file", "file/inner/"] {
        let again = bench.root().write(&format!("sys/audit/{taken}"), log.options("other")).await;
        assert_eq!(again, invalid("path already in use"));
    }
    assert_eq!(bench.root().delete("sys/audit/file").await, json!({}));
    let [request, response] = log.last("log");
    let expected = ["request", "response"].map(|kind| format!("{kind} delete sys/audit/file"));
    assert_eq!([short(&request), short(&response)], expected);
    let count = log.records("log").len();
    assert_eq!(bench.root().delete("sys/audit/file").await, json!({}), "again");
    assert_eq!(log.records("log").len(), count, "nothing is recorded any more");
}

#[tokio::test]
async fn bad_devices_are_refused_with_a_reason() {
    let log = Log::new();
    let bench = Bench::new().await;
    let with = |options: Value| json!({ "type": "file", "options": options });
    for (body, expected) in [
        (json!({}), "unknown backend type: \"\"; there are file, http, socket and syslog"),
        (with(json!({})), "file_path is required"),
        (
            with(json!({ "file_path": "/x", "mode": "999" })),
            "option \"mode\": strconv.ParseUint: parsing \"999\": invalid syntax",
        ),
        (
            with(json!({ "file_path": "/x", "hmac_accessor": "maybe" })),
            "option \"hmac_accessor\": strconv.ParseBool: parsing \"maybe\": invalid syntax",
        ),
        (
            with(json!({ "file_path": "/x", "prefix": "x" })),
            "audit log prefixing is not allowed: the configuration needs allow_audit_log_prefixing = true",
        ),
        (
            with(json!({ "file_path": "/dev/full" })),
            "sanity check failed; the device takes no record: No space left on device (os error 28)",
        ),
        (
            log.options("none/log"),
            "sanity check failed; the device takes no record: No such file or directory (os error 2)",
        ),
    ] {
        assert_eq!(bench.root().write("sys/audit/x", body).await, invalid(expected));
    }
    let weak = bench.token_for("weak", r#"path "sys/audit*" { capabilities = ["read", "update", "delete"] }"#).await;
    for operation in [Operation::Read, Operation::Update, Operation::Delete] {
        let path = if operation == Operation::Read { "sys/audit" } else { "sys/audit/x" };
        assert_eq!(bench.with(&weak).call(operation, path, json!({})).await, denied(), "it takes sudo");
    }
    let hash = bench.root().write("sys/audit-hash/x", json!({ "input": "a" })).await;
    assert_eq!(hash, invalid("unknown audit backend \"x\""));
    assert_eq!(bench.root().write("sys/audit-hash/x", json!({})).await, invalid("the \"input\" parameter is empty"));
}

#[tokio::test]
async fn what_a_mount_exempts_stands_in_clear_there_alone() {
    let log = Log::new();
    let bench = log.bench().await;
    bench.mount("secret").await;
    bench.mount("other").await;
    let lists = json!({ "audit_non_hmac_request_keys": ["user"], "audit_non_hmac_response_keys": ["user", "team"] });
    bench.root().write("sys/mounts/secret/tune", lists).await;
    for (mount, is_clear) in [("secret", true), ("other", false)] {
        bench.root().write(&format!("{mount}/app"), json!({ "user": "ada", "password": CANARY })).await;
        bench.root().read(&format!("{mount}/app")).await;
        let [write, _, _, read] = log.last("log");
        for data in [&write["request"]["data"], &read["response"]["data"]] {
            assert_eq!(data["user"] == "ada", is_clear, "{data}");
            assert!(data["password"].as_str().is_some_and(|it| it.starts_with("hmac-sha256:")), "{data}");
        }
    }
}

struct Sent;

impl HeaderSource for Sent {
    fn values(&self, name: &str) -> Vec<String> {
        let values: &[&str] = match name {
            "x-team" => &["blue"],
            "x-trace" => &["1", "2"],
            "x-vault-token" => &[CANARY],
            _ => &[],
        };
        values.iter().map(|value| (*value).to_owned()).collect()
    }
}

#[tokio::test]
async fn headers_are_recorded_that_are_asked_for() {
    let log = Log::new();
    let bench = log.bench().await;
    let root = bench.root();
    let path = |name: &str| format!("sys/config/auditing/request-headers{name}");
    assert_eq!(root.write(&path("/X-Team"), json!({})).await, json!({}));
    assert_eq!(root.write(&path("/x-trace"), json!({ "hmac": true })).await, json!({}));
    let both = json!({ "x-team": { "hmac": false }, "x-trace": { "hmac": true } });
    assert_eq!(root.read(&path("")).await["data"], json!({ "headers": both }));
    assert_eq!(root.read(&path("/X-TRACE")).await["data"], json!({ "x-trace": { "hmac": true } }));
    assert_eq!(root.read(&path("/x-none")).await, invalid("Could not find header in config"));
    for token in ["X-Vault-Token", "authorization"] {
        let why = invalid("headers that carry the caller's token are not recorded as headers");
        assert_eq!(root.write(&path(&format!("/{token}")), json!({ "hmac": true })).await, why);
    }
    let mut request = root.request(Operation::Read, "sys/audit", json!({}));
    request.headers = Some(Arc::new(Sent));
    root.send(request).await;
    let [record, _] = log.last("log");
    let headers = &record["request"]["headers"];
    assert_eq!(headers["x-team"], json!(["blue"]));
    assert_eq!(headers["x-trace"].as_array().map(Vec::len), Some(2));
    assert!(!headers.to_string().contains("\"1\""), "hashed");
    assert_eq!(root.delete(&path("/x-team")).await, json!({}));
    assert_eq!(root.read(&path("/x-team")).await, invalid("Could not find header in config"));
}

#[tokio::test]
async fn another_node_records_as_soon_as_a_device_is_there() {
    let log = Log::new();
    let mut one = Bench::fresh(Arc::new(Memory::new()), CacheMode::ReadThrough);
    one.init().await;
    let two = one.beside().await;
    two.mount("secret").await;
    one.root().write("sys/audit/file", log.options("log")).await;
    two.root().read("secret/app").await;
    let [request, _] = log.last("log");
    assert_eq!(short(&request), "request read secret/app");
    let chains: std::collections::BTreeSet<_> =
        log.records("log").iter().map(|record| record["chain"]["boot"].to_string()).collect();
    assert_eq!(chains.len(), 2, "each node has a chain of its own in the one file");
    two.root().delete("sys/audit/file").await;
    let count = log.records("log").len();
    one.root().read("secret/app").await;
    assert_eq!(log.records("log").len(), count);
}

#[tokio::test]
async fn a_sealed_node_records_nothing_and_an_unsealed_one_goes_on_with_the_same_salt() {
    let log = Log::new();
    let bench = log.bench().await;
    bench.root().read("sys/audit").await;
    let [before, _] = log.last("log");
    assert_eq!(bench.root().write("sys/seal", json!({})).await, json!({}));
    let [request, response] = log.last("log");
    let expected = ["request", "response"].map(|kind| format!("{kind} update sys/seal"));
    assert_eq!([short(&request), short(&response)], expected);
    let count = log.records("log").len();
    bench.root().read("sys/audit").await;
    bench.nobody().read("sys/health").await;
    assert_eq!(log.records("log").len(), count);
    bench.unseal().await;
    bench.root().read("sys/audit").await;
    let [after, _] = log.last("log");
    assert_eq!(before["request"]["client_token"], after["request"]["client_token"]);
    assert_ne!(before["chain"]["boot"], after["chain"]["boot"]);
    assert_eq!(after["chain"]["seq"], 1);
}

#[tokio::test]
async fn the_last_use_of_a_token_is_recorded() {
    let log = Log::new();
    let bench = log.bench().await;
    let once = bench.token(json!({ "policies": ["default"], "num_uses": 1 })).await;
    bench.with(&once).lookup().await;
    let [request, response] = log.last("log");
    assert_eq!(request["auth"]["accessor"], response["auth"]["accessor"]);
    assert_eq!(short(&response), "response read auth/token/lookup-self");
    assert_eq!(bench.with(&once).lookup().await, Value::Null, "it is used up");
}

#[tokio::test]
async fn the_server_knows_its_own_records_and_no_others() {
    let log = Log::new();
    let bench = log.bench().await;
    bench.root().read("sys/audit").await;
    let claim = |line: &str| {
        let read = read(line.as_bytes()).expect("a record");
        let hash = data_encoding::BASE64URL_NOPAD.encode(&secret::sha256(read.covered));
        format!("{hash}.{}", api::audit::mac_text(&read.link.mac))
    };
    let mut claims: Vec<_> = log.text("log").lines().map(claim).collect();
    assert_eq!(claims.len(), 3);
    let check = async |term: u32, claims: &[String]| {
        let body = json!({ "term": term, "records": claims.join(",") });
        bench.root().write("sys/audit-verify", body).await["data"]["genuine"].clone()
    };
    assert_eq!(check(1, &claims).await, 3);
    assert_eq!(check(2, &claims).await, 0, "there is no such key");
    bench.root().write("sys/rotate", json!({})).await;
    assert_eq!(check(1, &claims).await, 3, "older keys stay");
    let swapped = [&claims[0][..43], &claims[1][43..]].concat();
    claims[1] = swapped;
    assert_eq!(check(1, &claims).await, 1);
    for bad in ["", "x", "a.b", "a.b,"] {
        let refused = bench.root().write("sys/audit-verify", json!({ "term": 1, "records": bad })).await;
        assert_eq!(refused, invalid("a record is the hash, a point, and the MAC, both in base64url"));
    }
    let weak = bench.token_for("weak", r#"path "sys/audit-verify" { capabilities = ["read", "update"] }"#).await;
    assert_eq!(bench.with(&weak).read("sys/audit-verify").await, denied());
}

#[tokio::test]
async fn how_far_chains_have_come_is_committed_at_an_interval_and_at_the_end() {
    let log = Log::new();
    let bench = log.bench().await;
    let heads = async || bench.root().read("sys/audit-verify").await["data"]["heads"].clone();
    assert_eq!(heads().await, json!([]));
    bench.clock.advance(Duration::from_secs(10));
    let committed = async {
        while bench.keys("core/audit-head/").await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    assert!(crate::testing::unless_hung(committed).await.is_some(), "the interval is over");
    let shown = heads().await;
    let record = log.records("log").into_iter().find(|record| record["chain"]["seq"] == shown[0]["seq"]);
    let chain = &record.expect("it is in the file")["chain"];
    for name in ["device", "boot", "node", "term", "mac"] {
        assert_eq!(shown[0][name], chain[name], "{name}");
    }
    bench.core.seal().await;
    bench.unseal().await;
    let count = log.records("log").len();
    let shown = heads().await;
    assert_eq!(shown.as_array().map(Vec::len), Some(1), "the new chain has no head yet");
    assert_eq!(shown[0]["seq"], count, "the whole file is covered");
    bench.core.reopen_audit_devices().await;
    assert_eq!(heads().await.as_array().map(Vec::len), Some(2), "a hang-up commits, too");
    let page = bench.root().call(Operation::Read, "sys/audit-verify", json!({ "limit": 1 })).await;
    let next = page["data"]["next"].as_str().expect("there is more").to_owned();
    let rest = bench.root().call(Operation::Read, "sys/audit-verify", json!({ "after": next })).await;
    assert_eq!((page["data"]["heads"].as_array().map(Vec::len), &rest["data"]["next"]), (Some(1), &Value::Null));
    assert_ne!(page["data"]["heads"][0]["boot"], rest["data"]["heads"][0]["boot"]);
}

#[tokio::test]
async fn a_session_goes_to_every_kind_of_device_and_none_holds_up_another() {
    let log = Log::new();
    let bench = log.bench().await;
    let stalled = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = stalled.local_addr().expect("bound").to_string();
    let options = json!({ "address": address, "write_timeout": "1s", "spool_records": "10" });
    let socket = json!({ "type": "socket", "options": options });
    assert_eq!(bench.root().write("sys/audit/net", socket).await, json!({}));
    let daemon = std::os::unix::net::UnixDatagram::bind(log.path("dev-log")).expect("a socket");
    let options = json!({ "socket_path": log.path("dev-log").display().to_string(), "facility": "LOCAL0" });
    assert_eq!(bench.root().write("sys/audit/sys", json!({ "type": "syslog", "options": options })).await, json!({}));
    bench.mount("secret").await;
    // The peer accepts nothing and reads nothing; what it is sent fills the system's buffers, then the spool.
    let long = CANARY.repeat(1000);
    for number in 0..100 {
        let written = bench.root().write(&format!("secret/{number}"), json!({ "a": long })).await;
        assert_eq!(written, json!({}));
    }
    // Another device may have taken the last ones first.
    let count = || log.text("log").lines().filter(|line| line.contains("\"operation\":\"create\"")).count();
    let written = async {
        while count() < 200 {
            tokio::task::yield_now().await;
        }
    };
    assert!(crate::testing::unless_hung(written).await.is_some(), "{}", count());
    assert_eq!(count(), 200);
    let mut bytes = [0; 16 * 1024];
    let length = daemon.recv(&mut bytes).expect("it was sent");
    let message = String::from_utf8_lossy(&bytes[..length]).into_owned();
    assert!(message.starts_with("<134>") && message.contains("sys/audit/test"), "{message}");
    assert!(!message.contains(CANARY));
}

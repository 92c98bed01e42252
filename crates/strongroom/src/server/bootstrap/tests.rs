//! Rounds over a whole node in memory: what is made, what is left alone, what is noticed, and what is never told.

use std::collections::BTreeMap;

use barrier::seal::InitOptions;
use framework::{Operation, Request, Service as _};
use secret::{Secret, SecretBytes};
use serde_json::{Value, json};
use server_core::LogLevels;
use tracing_subscriber::filter::LevelFilter;

use super::round::{RoundError, Summary, run};
use super::*;
use crate::config::{Source, parse};
use crate::server::plan::Plan;
use crate::server::{build_core, open_store, telemetry};

/// In every secret of these tests.
const CANARY: &str = "canary-51c0";

/// The log is one for the process, and so for all tests.
struct Silent;

impl LogLevels for Silent {
    fn levels(&self) -> BTreeMap<&'static str, LevelFilter> {
        BTreeMap::new()
    }

    fn set(&self, _: &str, _: Option<LevelFilter>) -> bool {
        false
    }

    fn set_all(&self, _: Option<LevelFilter>) {}
}

struct Bench {
    core: Arc<Core>,
    env: Env,
    root: Secret<String>,
    share: SecretBytes,
}

impl Bench {
    async fn new() -> Self {
        let bench = Self::sealed().await;
        bench.core.unseal(bench.share.clone()).await.expect("the share is right");
        bench
    }

    async fn sealed() -> Self {
        let (env, _) = env::simulated::env(1);
        let plan = Plan::defaults();
        let store = open_store(&plan.storage, &env).await.expect("memory opens");
        let core =
            Arc::new(build_core(&plan, &store, &env, Arc::new(Silent), telemetry(&plan)).expect("the parts fit"));
        let made = core.init(&InitOptions::shamir(1, 1), None).await.expect("the store is empty");
        let share = made.shares.into_iter().next().expect("one share was asked for");
        Self { core, env, root: made.root_token, share }
    }

    async fn round(&self, declared: &Bootstrap) -> Result<Summary, RoundError> {
        run(&self.core, &self.env, declared).await
    }

    /// Somebody else's request.
    async fn ask(&self, operation: Operation, namespace: &str, path: &str, data: Value) -> Result<Value, String> {
        let mut request = Request::new(self.env.uuid(), operation, path);
        namespace.clone_into(&mut request.namespace);
        request.token = Some(self.root.clone());
        if let Value::Object(data) = data {
            request.data = data;
        }
        let reply = self.core.answer(request).await.result.map_err(|error| error.to_string())?;
        Ok(match reply.data {
            Some(framework::Data::Object(data)) => Value::Object(data),
            Some(framework::Data::Raw(text)) => serde_json::from_str(text.get()).expect("it is JSON"),
            None => Value::Null,
        })
    }

    async fn read(&self, namespace: &str, path: &str) -> Value {
        self.ask(Operation::Read, namespace, path, Value::Null).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

fn declared(stanza: &str) -> Bootstrap {
    let least = "storage \"memory\" {}\nlistener \"tcp\" { tls_disable = true }\n";
    let text = format!("{least}bootstrap {{\n{stanza}\n}}");
    let loaded = parse(&[Source { name: "a.hcl".to_owned(), text }]);
    loaded.unwrap_or_else(|error| panic!("{stanza}: {error}")).config.bootstrap
}

const WHOLE: &str = r#"
    request "auth/token/roles/app" {
        namespace = "team/dev"
        data { allowed_policies = "shop", token_period = "1h", orphan = true }
    }
    request "kv/app" { namespace = "team" data { pass = "canary-51c0-1" } }
    policy "shop" { namespace = "team/dev" policy = "path \"kv/*\" { capabilities = [\"read\"] }" }
    secrets "kv" {
        namespace   = "team"
        type        = "kv"
        description = "values"
        config { default_lease_ttl = "1h" }
    }
    namespace "team/dev" {}
    namespace "team" { custom_metadata = { owner = "x" } }
"#;

fn summary(created: usize, changed: usize, unchanged: usize) -> Summary {
    Summary { created, changed, unchanged }
}

#[tokio::test]
async fn what_is_declared_is_made_once_in_an_order_that_works() {
    let bench = Bench::new().await;
    let whole = declared(WHOLE);
    assert_eq!(bench.round(&whole).await.expect("it is put in force"), summary(6, 0, 0));
    assert_eq!(bench.read("team", "kv/app").await, json!({ "pass": "canary-51c0-1" }));
    assert_eq!(bench.read("team/dev", "auth/token/roles/app").await["token_period"], json!(3600));
    assert_eq!(bench.read("team", "sys/mounts/kv").await["config"]["default_lease_ttl"], json!(3600));
    assert_eq!(bench.read("", "sys/namespaces/team").await["custom_metadata"], json!({ "owner": "x" }));
    for _ in 0..2 {
        assert_eq!(bench.round(&whole).await.expect("it is in force"), summary(0, 0, 6));
    }
}

#[tokio::test]
async fn a_change_of_either_side_is_noticed_and_what_is_not_declared_is_left_alone() {
    let bench = Bench::new().await;
    bench.round(&declared(WHOLE)).await.expect("it is put in force");
    // Somebody else's: one declared value each, and things that are not declared.
    let write = |namespace, path, data| bench.ask(Operation::Update, namespace, path, data);
    write("team", "sys/mounts/kv/tune", json!({ "default_lease_ttl": "2h", "max_lease_ttl": "9h" }))
        .await
        .expect("tuned");
    write("team/dev", "auth/token/roles/app", json!({ "token_period": "3h", "path_suffix": "suffix" }))
        .await
        .expect("written");
    write("team", "kv/other", json!({ "pass": "kept" })).await.expect("written");
    assert_eq!(bench.round(&declared(WHOLE)).await.expect("it is put in force"), summary(0, 2, 4));
    assert_eq!(bench.read("team/dev", "auth/token/roles/app").await["token_period"], json!(3600));
    let config = &bench.read("team", "sys/mounts/kv").await["config"];
    assert_eq!((&config["default_lease_ttl"], &config["max_lease_ttl"]), (&json!(3600), &json!(9 * 3600)));
    assert_eq!(bench.read("team", "kv/other").await, json!({ "pass": "kept" }));
    // The operator's: another value here, and one declaration gone.
    let other = WHOLE.replace("canary-51c0-1", "canary-51c0-2").replace("namespace \"team/dev\" {}", "");
    assert_eq!(bench.round(&declared(&other)).await.expect("it is put in force"), summary(0, 1, 4));
    assert_eq!(bench.read("team", "kv/app").await, json!({ "pass": "canary-51c0-2" }));
    assert_eq!(bench.read("team", "sys/namespaces/dev").await["path"], json!("team/dev/"));
    // A mount that was taken away comes back, and so does what was in it.
    bench.ask(Operation::Delete, "team", "sys/mounts/kv", Value::Null).await.expect("taken away");
    assert_eq!(bench.round(&declared(&other)).await.expect("it is put in force"), summary(2, 0, 3));
}

#[tokio::test]
async fn values_come_from_files_and_a_new_one_is_noticed() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pass");
    let text = format!(
        "secrets \"kv\" {{ type = \"kv\" }}
         request \"kv/app\" {{ data {{ pass = {{ from_file = \"{}\" }} deep = {{ list = [{{ from_file = \"{}\" }}, 7] }} }} }}",
        file.display(),
        file.display()
    );
    let whole = declared(&text);
    assert_eq!(whole.files(), [file.clone(), file.clone()]);
    let refused = whole.check().expect_err("the file is not there").to_string();
    assert_eq!(refused, format!("a.hcl, line 5: read {}", file.display()));
    std::fs::write(&file, format!("{CANARY}-1\n")).expect("it can be written");
    assert_eq!(bench.round(&whole).await.expect("it is put in force"), summary(2, 0, 0));
    let value = format!("{CANARY}-1");
    assert_eq!(bench.read("", "kv/app").await, json!({ "pass": value, "deep": { "list": [value, 7] } }));
    std::fs::write(&file, format!("{CANARY}-2\r\n")).expect("it can be written");
    assert_eq!(bench.round(&whole).await.expect("it is put in force"), summary(0, 1, 1));
    assert_eq!(bench.read("", "kv/app").await["pass"], json!(format!("{CANARY}-2")));
    std::fs::write(&file, [0xff, 0xfe]).expect("it can be written");
    let refused = whole.check().expect_err("it is no text").to_string();
    assert!(refused.contains("is not UTF-8 text"), "{refused}");
    // What would be waited for is not asked: nobody ever writes to this one.
    std::fs::remove_file(&file).expect("it is there");
    let made = std::process::Command::new("mkfifo").arg(&file).status().expect("there is mkfifo");
    assert!(made.success());
    let refused = chain(&whole.check().expect_err("it is a pipe"));
    assert!(refused.ends_with("it is no regular file"), "{refused}");
}

#[tokio::test]
async fn a_failure_tells_what_and_where_and_leaves_what_came_before_in_force() {
    let bench = Bench::new().await;
    let whole = declared(
        "policy \"first\" { policy = \"path \\\"a\\\" { capabilities = [\\\"read\\\"] }\" }
         policy \"second\" { policy = \"canary-51c0 {\" }
         policy \"third\" { policy = \"path \\\"a\\\" { capabilities = [\\\"read\\\"] }\" }",
    );
    let error = bench.round(&whole).await.expect_err("the second is no policy");
    let text = chain(&error);
    assert!(text.starts_with("policy second (a.hcl, line 5): write it: "), "{text}");
    assert!(bench.read("", "sys/policies/acl/first").await["policy"].is_string());
    assert!(bench.ask(Operation::Read, "", "sys/policies/acl/third", Value::Null).await.is_err());

    bench.ask(Operation::Update, "", "sys/mounts/mine", json!({ "type": "kv" })).await.expect("mounted");
    let error = bench.round(&declared("secrets \"mine\" { type = \"transit\" }")).await.expect_err("it is another one");
    let expected = "secrets mine (a.hcl, line 4) is declared with type \"transit\", but of type \"kv\"";
    assert!(error.to_string().starts_with(expected), "{error}");
    assert_eq!(
        bench.round(&declared("secrets \"mine\" { type = \"kv-v1\" }")).await.expect("the same"),
        summary(0, 0, 1)
    );
}

#[tokio::test]
async fn an_initial_value_is_written_once() {
    let bench = Bench::new().await;
    let whole = declared(
        "secrets \"kv\" { type = \"kv\" }
         request \"kv/app\" { only_if_absent = true data { pass = \"first\" } }",
    );
    assert_eq!(bench.round(&whole).await.expect("it is put in force"), summary(2, 0, 0));
    bench.ask(Operation::Update, "", "kv/app", json!({ "pass": "another" })).await.expect("written");
    assert_eq!(bench.round(&whole).await.expect("it is in force"), summary(0, 0, 2));
    assert_eq!(bench.read("", "kv/app").await, json!({ "pass": "another" }));
}

#[tokio::test]
async fn two_at_once_do_no_harm() {
    let bench = Bench::new().await;
    let whole = declared(WHOLE);
    let (one, other) = tokio::join!(bench.round(&whole), bench.round(&whole));
    assert!(one.is_ok() || other.is_ok(), "one of them has its way");
    bench.round(&whole).await.expect("a second try is enough");
    assert_eq!(bench.round(&whole).await.expect("it is in force"), summary(0, 0, 6));
}

/// Waits until health shows this of the declarations.
async fn wait_for(bench: &Bench, expected: Value) {
    const TURNS_MAX: usize = 100_000;
    for _ in 0..TURNS_MAX {
        let request = Request::new(bench.env.uuid(), Operation::Read, "sys/health");
        let shown = match bench.core.answer(request).await.result.expect("it answers").data {
            Some(framework::Data::Object(data)) => data.get("bootstrap").cloned().unwrap_or_default(),
            _ => Value::Null,
        };
        if shown == expected {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("health never shows {expected}");
}

#[tokio::test]
async fn the_task_waits_for_the_unseal_tells_its_state_and_tries_again() {
    let bench = Bench::new().await;
    bench.core.seal().await;
    let running = Running::start(&bench.core, &bench.env, declared("secrets \"a\" { type = \"none\" }"));
    wait_for(&bench, json!("pending")).await;
    bench.core.unseal(bench.share.clone()).await.expect("the share is right");
    wait_for(&bench, json!("failing")).await;
    running.declare(declared(WHOLE));
    wait_for(&bench, json!("applied")).await;
    assert_eq!(bench.read("team", "kv/app").await, json!({ "pass": "canary-51c0-1" }));
    running.declare(Bootstrap::default());
    wait_for(&bench, Value::Null).await;
    assert_eq!(bench.read("team", "kv/app").await, json!({ "pass": "canary-51c0-1" }), "nothing is removed");
}

#[test]
fn a_listing_shows_names_and_sources_and_no_value() {
    let text = format!(
        "secrets \"kv\" {{ type = \"{CANARY}\" }}
         request \"kv/app\" {{ data {{ pass = \"{CANARY}\" user = {{ from_env = \"NAME\" }} list = [\"{CANARY}\"] }} }}"
    );
    let whole = declared(&text);
    let listing = listing(&whole);
    assert_eq!(
        listing,
        "2 declared, in this order; nothing is removed:\n  secrets kv { type = (value) }\n  request kv/app \
         { list = [(value)], pass = (value), user = (variable NAME) }\n"
    );
    assert!(!format!("{whole:?}").contains(CANARY));
}

#[tokio::test]
async fn audit_devices_come_first_are_kept_as_declared_and_can_be_let_go() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let device = |name: &str, more: &str| {
        format!("audit \"main\" {{ type = \"file\" options {{ file_path = {:?} {more} }} }}", path(name))
    };
    // What else is declared cannot be had: the devices are in force all the same.
    let broken = "policy \"p\" { file = \"/nonexistent/policy\" }";
    assert!(bench.round(&declared(&[broken, &device("one", "")].join("\n"))).await.is_err());
    let shown = |name: &str| {
        let options = json!({ "file_path": path(name) });
        let device = json!({ "path": "main/", "type": "file", "description": "", "options": options, "local": false });
        json!({ "main/": device })
    };
    assert_eq!(bench.read("", "sys/audit").await, shown("one"));
    let policy = r#"policy "p" { policy = "path \"a\" { capabilities = [\"read\"] }" }"#;
    let both = declared(&[policy, &device("one", "")].join("\n"));
    assert_eq!(bench.round(&both).await.expect("it is put in force"), summary(1, 0, 1));
    let text = std::fs::read_to_string(path("one")).expect("it was written");
    assert!(text.contains("\"path\":\"sys/policies/acl/p\"") && text.contains("\"display_name\":\"bootstrap\""));
    let refused = bench.ask(Operation::Delete, "", "sys/audit/main", Value::Null).await;
    assert!(refused.is_err_and(|error| error.contains("is declared in the server's configuration")));
    let changed = declared(&device("two", ""));
    assert_eq!(bench.round(&changed).await.expect("it is put in force"), summary(0, 1, 0));
    assert_eq!(bench.round(&changed).await.expect("it is in force"), summary(0, 0, 1));
    assert_eq!(bench.read("", "sys/audit").await, shown("two"));
    // A further option is another device.
    let more = declared(&device("two", "log_raw = true"));
    assert_eq!(bench.round(&more).await.expect("it is put in force"), summary(0, 1, 0));
    assert_eq!(bench.round(&changed).await.expect("it is put in force"), summary(0, 1, 0));
    assert_eq!(bench.read("", "sys/audit").await, shown("two"), "and so is one less");
    assert_eq!(bench.round(&declared("")).await.expect("nothing is declared"), summary(0, 0, 0));
    bench.ask(Operation::Delete, "", "sys/audit/main", Value::Null).await.expect("it is anybody's now");
}

#[tokio::test]
async fn from_the_first_unseal_on_every_answer_is_recorded_by_what_is_declared() {
    let bench = Bench::sealed().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("audit.log");
    let device =
        format!("audit \"main\" {{ type = \"file\" options {{ file_path = {:?} }} }}", file.display().to_string());
    let _running = Running::start(&bench.core, &bench.env, declared(&device));
    bench.core.unseal(bench.share.clone()).await.expect("the share is right");
    loop {
        match bench.ask(Operation::Read, "", "sys/mounts", Value::Null).await {
            Ok(_) => break,
            Err(error) => assert!(error.contains("are not in force yet"), "{error}"),
        }
        tokio::task::yield_now().await;
    }
    let text = std::fs::read_to_string(&file).expect("it was written");
    assert!(text.contains("\"path\":\"sys/mounts\""), "{text}");
}

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use env::simulated::START_SECS;
use framework::Mounted;
use framework::conformance::{self, Step};
use framework::testing::{Harness, chain};
use serde_json::{Value, json};
use simulators::genesys::{ADMIN_ROLE, Credentials, FOREIGN_ROLE, Genesys as Cloud, ROLE};
use simulators::{Fault, Rule};

use super::making::UNSEEN_MAX;
use super::*;
use crate::golden;

mod clients;
mod faults;
mod kept;
mod settings;
mod stored;

fn engine() -> Arc<dyn Mounted> {
    make(&Options::new()).expect("a sound table")
}

/// An organization whose clock is the harness's, and a mount that is configured for it.
struct World {
    cloud: Cloud,
    harness: Harness,
    root: Credentials,
}

impl World {
    async fn new() -> Self {
        Self::over(Harness::new(engine()).await).await
    }

    async fn over(harness: Harness) -> Self {
        let now = i64::try_from(START_SECS).expect("a time of today");
        let cloud = Cloud::start(0, Some(now)).await.expect("it listens");
        cloud.switch(|switches| (switches.calls_per_minute, switches.tokens_per_minute) = (None, None));
        let root = cloud.make_client("strongroom", &[ADMIN_ROLE]);
        let world = Self { cloud, harness, root };
        world.configure().await;
        world
    }

    /// Writes the configuration with what the root was made with.
    async fn configure(&self) {
        let config = json!({ "api_url": self.cloud.url(), "login_url": self.cloud.url(),
            "client_id": self.root.id, "client_secret": self.root.secret });
        assert_eq!(self.write("config", config).await, json!({}));
    }

    /// The same with a role `app` that lasts an hour.
    async fn with_role(about: Value) -> Self {
        let world = Self::new().await;
        world.make_role(about).await;
        world
    }

    async fn make_role(&self, about: Value) {
        let mut role = json!({ "role_divisions": [{ "role_id": ROLE, "division_id": "*" }], "ttl": "1h" });
        for (key, value) in framework::testing::object(about) {
            role[key] = value;
        }
        assert_eq!(self.write("role/app", role).await, json!({}));
    }

    /// Does it, and lets time pass for both whenever somebody waits for it.
    async fn patiently<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::task::yield_now() => if self.harness.clock().is_awaited() { self.pass(1) },
            }
        }
    }

    /// Lets so many seconds pass for both.
    fn pass(&self, secs: u64) {
        self.harness.clock().advance(Duration::from_secs(secs));
        self.cloud.advance(i64::try_from(secs).expect("a short time") * 1_000);
    }

    async fn read(&self, path: &str) -> Value {
        self.patiently(self.harness.read(path)).await
    }

    async fn write(&self, path: &str, data: Value) -> Value {
        self.patiently(self.harness.write(path, data)).await
    }

    async fn delete(&self, path: &str) -> Value {
        self.patiently(self.harness.delete(path)).await
    }

    /// The client of a reply.
    async fn client(&self) -> Credentials {
        let reply = self.read("creds/app").await;
        let text = |name: &str| reply["data"][name].as_str().unwrap_or_else(|| panic!("no {name}: {reply}")).to_owned();
        Credentials { id: text("client_id"), secret: text("client_secret") }
    }

    fn knows(&self, of: &Credentials) -> bool {
        self.cloud.takes(&of.id, &of.secret)
    }

    /// How many clients somebody has asked for are there.
    fn made(&self) -> usize {
        self.cloud.orphans(&[]).len()
    }

    /// What the core's sweeper does, after so long that everything is seen.
    async fn sweep(&self) {
        self.pass(UNSEEN_MAX.as_secs());
        self.patiently(self.harness.sweep()).await.expect("the outside is well");
    }

    async fn settle(&self) {
        self.patiently(self.harness.settle()).await.expect("the store is well");
    }

    async fn revoke(&self, number: usize) -> Result<(), String> {
        self.patiently(self.harness.revoke(number)).await.map_err(|error| chain(&error))
    }

    /// Nothing that Genesys Cloud has ever shown in secret is in a text.
    fn keeps_secrets(&self, text: &str) {
        for secret in self.cloud.issued() {
            assert!(!text.contains(&secret), "a secret is in {text}");
        }
        assert!(!text.contains(&self.root.secret), "the root's secret is in {text}");
    }
}

fn refused(text: &str) -> Value {
    json!({ "error": "invalid", "text": text })
}

/// The text of a refusal by the world.
fn world_text(reply: &Value) -> &str {
    assert_eq!(reply["error"], "world", "{reply}");
    reply["text"].as_str().expect("a text")
}

#[tokio::test]
async fn keeps_what_every_engine_must_keep() {
    let nobody = "http://127.0.0.1:1";
    let session = [
        Step::write(
            "config",
            json!({ "api_url": nobody, "login_url": nobody, "client_id": "a-b", "client_secret": "c", "max_retries": 0 }),
        ),
        Step::read("config"),
        Step::write("role/app", json!({ "role_divisions": "a:*,b:c", "ttl": "1h" })),
        Step::write("role/other", json!({ "role_divisions": "a", "credential_type": "access_token" })),
        Step::read("role/App"),
        Step::write("role/app", json!({ "max_ttl": "2h" })),
        Step::list("role/"),
        Step::read("creds/app"),
        Step::read("creds/other"),
        Step::read("creds/nobody"),
        Step::write("static-role/kept", json!({ "oauth_client_id": "d", "rotation_period": "1h" })),
        Step::write("static-role/made", json!({ "role_divisions": "a", "rotation_period": "1h" })),
        Step::read("static-role/kept"),
        Step::list("static-role/"),
        Step::read("static-creds/kept"),
        Step::write("rotate-role/kept", json!({})),
        Step::delete("static-role/kept"),
        Step::write("rotate-root", json!({})),
        Step::delete("role/other"),
        Step::read("role/other"),
        Step::delete("config"),
        Step::read("config"),
    ];
    conformance::check(engine, &session).await;
}

#[test]
fn describes_itself() {
    golden::check(&engine(), "genesyscloud", "genesyscloud");
    golden::check_page(&engine());
}

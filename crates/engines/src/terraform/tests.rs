use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use env::simulated::START_SECS;
use framework::conformance::{self, Step};
use framework::testing::{Harness, show};
use framework::{Mounted, Operation};
use serde_json::{Map, Value, json};
use simulators::terraform_cloud::{ORGANIZATION, Root, TEAM, TerraformCloud, USER};

use super::*;
use crate::golden;

mod crashes;
mod leases;
mod roots;
mod singles;
mod stored;

fn engine() -> Arc<dyn Mounted> {
    make(&Options::new()).expect("a sound table")
}

/// A Terraform Cloud whose clock is the harness's, and a mount that asks it.
struct World {
    cloud: TerraformCloud,
    harness: Harness,
}

impl World {
    async fn new(root: Root) -> Self {
        Self::with(Harness::new(engine()).await, root).await
    }

    async fn with(harness: Harness, root: Root) -> Self {
        let now = i64::try_from(START_SECS).expect("a time of today");
        let cloud = TerraformCloud::start(0, Some(now)).await.expect("it listens");
        let config = json!({ "address": cloud.url(), "token": cloud.root(root) });
        assert_eq!(harness.write("config", config).await, json!({}));
        Self { cloud, harness }
    }

    async fn role(&self, name: &str, fields: Value) {
        assert_eq!(self.harness.write(&format!("role/{name}"), fields).await, json!({}));
    }

    /// Turns both clocks.
    fn advance(&self, by: Duration) {
        self.harness.clock().advance(by);
        self.cloud.advance(i64::try_from(by.as_secs()).expect("a short time"));
    }

    /// How many tokens live that were asked for.
    fn live(&self) -> usize {
        self.cloud.orphans(&[]).len()
    }

    async fn creds(&self, role: &str) -> Value {
        let path = format!("creds/{role}");
        show(self.patiently(self.harness.call(Operation::Read, &path, Map::new())).await)
    }

    /// Turns the clock whenever the work waits for it.
    async fn patiently<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::task::yield_now() => if self.harness.clock().is_awaited() {
                    self.harness.clock().advance(Duration::from_millis(100));
                },
            }
        }
    }
}

fn invalid(text: &str) -> Value {
    json!({ "error": "invalid", "text": text })
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn keeps_what_every_engine_must_keep() {
    let session = [
        Step::read("config"),
        Step::write("config", json!({ "address": "http://127.0.0.1:1", "token": "t" })),
        Step::write("config", json!({ "base_path": "/api/v2/", "explicit_max_ttl": "1h" })),
        Step::read("config"),
        Step::write("role/me", json!({ "user_id": "user-1", "ttl": "1h" })),
        Step::write("role/ci", json!({ "team_id": "team-1", "credential_type": "team", "description": "ci" })),
        Step::write("role/org", json!({ "organization": "acme" })),
        Step::write("role/CI", json!({ "max_ttl": "2h" })),
        Step::read("role/Ci"),
        Step::list("role/"),
        Step::read("creds/me"),
        Step::write("creds/ci", json!({})),
        Step::read("creds/nobody"),
        Step::write("rotate-role/me", json!({})),
        Step::write("rotate-root", json!({})),
        Step::delete("role/me"),
        Step::read("role/me"),
    ];
    conformance::check(engine, &session).await;
}

#[test]
fn describes_itself() {
    golden::check(&engine(), "terraform", "terraform");
    golden::check_page(&engine());
}

#[tokio::test]
async fn the_token_is_written_and_never_shown() {
    let harness = Harness::new(engine()).await;
    assert_eq!(harness.read("config").await, json!({ "error": "not found" }));
    assert_eq!(harness.delete("config").await, json!({}));
    assert_eq!(harness.read("creds/a").await, invalid("role \"a\" not found"));
    assert_eq!(harness.write("role/a", json!({ "user_id": "u" })).await, json!({}));
    assert_eq!(harness.read("creds/a").await, invalid("missing API token: write one to config"));
    assert_eq!(harness.write("config", json!({ "token": "marker" })).await, json!({}));
    let shown = |address: &str, path: &str| json!({ "data": { "address": address, "base_path": path } });
    assert_eq!(harness.read("config").await, shown("https://app.terraform.io", "/api/v2/"));
    let moved = json!({ "address": "https://tfe.example.test/", "base_path": "api/v3", "token": "marker" });
    assert_eq!(harness.write("config", moved).await, json!({}));
    assert_eq!(harness.write("config", json!({ "token": "other" })).await, json!({}));
    assert_eq!(harness.read("config").await, shown("https://tfe.example.test", "/api/v3/"), "what is omitted is kept");
    assert_eq!(harness.write("config", json!({ "address": "https://tfe.example.test" })).await, json!({}));
    for (data, text) in [
        (json!({ "address": "https://evil.test" }), "a new address or base_path needs the token along"),
        (json!({ "base_path": "/other" }), "a new address or base_path needs the token along"),
        (json!({ "address": "tfe.example.test" }), "address must be a URL of https without a query"),
        (json!({ "address": "https://a.test/?b" }), "address must be a URL of https without a query"),
        (json!({ "address": "http://tfe.example.test" }), "address must be of https: the token would be sent in clear"),
        (json!({ "base_path": "/a/../b" }), "base_path must be a path of letters, digits, '-', '.', '_' and '~'"),
        (json!({ "base_path": "/a?b" }), "base_path must be a path of letters, digits, '-', '.', '_' and '~'"),
        (json!({ "token": "two words" }), "token must be a token: letters and digits without spaces"),
        (json!({ "token": "" }), "token must be a token: letters and digits without spaces"),
        (json!({ "token": "t".repeat(3_000) }), "token must be a token: letters and digits without spaces"),
    ] {
        assert_eq!(harness.write("config", data.clone()).await, invalid(text), "{data}");
    }
    assert_eq!(harness.delete("config").await, json!({}));
    assert_eq!(harness.read("config").await, json!({ "error": "not found" }));
}

#[tokio::test]
async fn a_role_is_made_shown_changed_and_removed() {
    let harness = Harness::new(engine()).await;
    let whole = json!({ "team_id": "team-1", "organization": "acme", "credential_type": "team", "description": "ci",
        "ttl": "1h", "max_ttl": 7200 });
    assert_eq!(harness.write("role/CI", whole).await, json!({}));
    let shown = json!({ "data": { "name": "ci", "ttl": 3600, "max_ttl": 7200, "description": "ci",
        "organization": "acme", "team_id": "team-1", "credential_type": "team" } });
    assert_eq!(harness.read("role/ci").await, shown);
    assert_eq!(harness.write("role/ci", json!({ "ttl": 60 })).await, json!({}));
    let seen = harness.read("role/ci").await["data"].take();
    assert_eq!((&seen["ttl"], &seen["max_ttl"], &seen["description"]), (&json!(60), &json!(7200), &json!("ci")));
    assert_eq!(harness.write("role/me", json!({ "user_id": "user-1" })).await, json!({}));
    let shown =
        json!({ "data": { "name": "me", "ttl": 0, "max_ttl": 0, "user_id": "user-1", "credential_type": "user" } });
    assert_eq!(harness.read("role/me").await, shown);
    assert_eq!(harness.list("role/").await, json!({ "data": { "keys": ["ci", "me"] } }));
    assert_eq!(harness.delete("role/Ci").await, json!({}));
    assert_eq!(harness.read("role/ci").await, json!({ "error": "not found" }));
    assert_eq!(harness.delete("role/ci").await, json!({}));
}

#[tokio::test]
async fn a_role_that_makes_no_sense_is_refused() {
    let harness = Harness::new(engine()).await;
    let combined = "cannot provide a user_id in combination with organization or team_id";
    let legacy = "cannot provide description, ttl, or max_ttl with credential_type = team_legacy, try credential_type = \
                  team.";
    for (data, text) in [
        (json!({}), "must provide an organization name, team id, or user id"),
        (
            json!({ "credential_type": "org" }),
            "unrecognized credential type: it is user, organization, team or team_legacy",
        ),
        (json!({ "user_id": "u", "organization": "o" }), combined),
        (json!({ "user_id": "u", "team_id": "t" }), combined),
        (json!({ "user_id": "u", "ttl": 2, "max_ttl": 1 }), "ttl cannot be greater than max_ttl"),
        (json!({ "team_id": "t", "description": "d" }), legacy),
        (json!({ "team_id": "t", "credential_type": "team_legacy", "ttl": 1 }), legacy),
        (json!({ "organization": "o", "credential_type": "team" }), "credential_type = team needs a team_id"),
        (json!({ "team_id": "t", "credential_type": "user" }), "credential_type = user needs a user_id"),
        (
            json!({ "user_id": "u", "credential_type": "organization" }),
            "credential_type = organization needs an organization",
        ),
        (
            json!({ "organization": "o", "team_id": "t", "credential_type": "organization" }),
            "credential_type = organization has no team_id",
        ),
        (json!({ "user_id": "../x" }), "invalid value for user ID"),
        (json!({ "user_id": ".." }), "invalid value for user ID"),
        (json!({ "team_id": "a b" }), "invalid value for team ID"),
        (json!({ "organization": "a/b" }), "invalid value for organization"),
        (
            json!({ "user_id": "u", "description": "d".repeat(201) }),
            "description has at most 200 bytes and no control characters",
        ),
    ] {
        assert_eq!(harness.write("role/a", data.clone()).await, invalid(text), "{data}");
    }
    assert_eq!(harness.read("role/a").await, json!({ "error": "not found" }), "nothing of it is kept");
}

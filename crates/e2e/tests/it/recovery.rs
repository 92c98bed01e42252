//! Recovery mode of the real binary: a store that is damaged behind the barrier is mended with keys alone, through kills.

use std::time::Duration;

use anyhow::{Result, ensure};
use data_encoding::BASE64_NOPAD;
use e2e::http::Client;
use e2e::operator::text;
use e2e::server::{Home, Server, Tls};
use serde_json::{Value, json};

const ATTEMPT: &str = "/v1/sys/generate-recovery-token/attempt";
const UPDATE: &str = "/v1/sys/generate-recovery-token/update";
const POLICY: &str = "/v1/sys/raw/ns/root/policy/shop";
/// How long a server that cannot start may take to say so.
const REFUSAL_MAX: Duration = Duration::from_secs(60);

/// A home with 3 keys, of which 2 are needed, and a server that was used and killed.
struct World {
    home: Home,
    keys: Vec<String>,
    root: String,
}

impl World {
    fn new() -> Result<Self> {
        let mut home = Home::new(Tls::Off)?;
        home.configure(&format!("audit_dirs = [\"{}\"]\n", home.path().display()));
        let mut server = home.start()?;
        let wanted = json!({"secret_shares": 3, "secret_threshold": 2});
        let made = server.client().expect(200, "PUT", "/v1/sys/init", Some(&wanted))?.json()?;
        let keys = (0..3).map(|number| text(&made, &format!("/keys/{number}"))).collect::<Result<Vec<_>>>()?;
        let world = Self { home, keys, root: text(&made, "/root_token")? };
        world.unseal(&server)?;
        let mut root = server.client().with_token(&world.root);
        let file = world.home.path().join("audit.log");
        let device = json!({"type": "file", "options": {"file_path": file.display().to_string()}});
        root.expect(204, "POST", "/v1/sys/audit/file", Some(&device))?;
        let policy = json!({"policy": "path \"a\" { capabilities = [\"read\"] }"});
        root.expect(204, "PUT", "/v1/sys/policies/acl/shop", Some(&policy))?;
        root.expect(204, "POST", "/v1/sys/mounts/kv", Some(&json!({"type": "kv"})))?;
        root.expect(204, "PUT", "/v1/kv/a", Some(&json!({"b": "kept"})))?;
        let second = refusal(&world.home)?;
        ensure!(second.contains("in use"), "another server has the store: {second}");
        server.process.kill()?;
        Ok(world)
    }

    fn unseal(&self, server: &Server) -> Result<()> {
        for key in &self.keys[..2] {
            server.client().expect(200, "PUT", "/v1/sys/unseal", Some(&json!({"key": key})))?;
        }
        Ok(())
    }

    /// Nonce and password of a new attempt.
    fn begin(client: &mut Client) -> Result<(String, String)> {
        let begun = client.expect(200, "PUT", ATTEMPT, Some(&json!({})))?.json()?;
        Ok((text(&begun, "/nonce")?, text(&begun, "/otp")?))
    }

    /// Somebody with a recovery token.
    fn rescuer(&self, server: &Server) -> Result<(Client, String)> {
        let mut client = server.client();
        let (nonce, otp) = Self::begin(&mut client)?;
        let mut done = Value::Null;
        for key in &self.keys[1..] {
            done = client.expect(200, "PUT", UPDATE, Some(&json!({"key": key, "nonce": nonce})))?.json()?;
        }
        let encoded = BASE64_NOPAD.decode(text(&done, "/encoded_token")?.as_bytes())?;
        let token: String = encoded.iter().zip(otp.bytes()).map(|(a, b)| char::from(a ^ b)).collect();
        ensure!(token.starts_with("hvr."), "it is no recovery token");
        Ok((server.client().with_token(&token), token))
    }
}

/// What a server in recovery mode says that does not start.
fn refusal(home: &Home) -> Result<String> {
    let mut refused = home.spawn_with(&["-recovery"])?;
    let status = refused.process.wait_for_exit(REFUSAL_MAX)?;
    ensure!(status.and_then(|status| status.code()) == Some(1), "{}", refused.process.output());
    refused.process.whole_output()
}

#[test]
fn keys_mend_a_store_whose_server_cannot_be_used() -> Result<()> {
    let world = World::new()?;
    let audited = std::fs::read(world.home.path().join("audit.log"))?;
    let mut server = world.home.start_in_recovery()?;
    let health = server.client().expect(503, "GET", "/v1/sys/health", None)?.json()?;
    assert_eq!((&health["sealed"], &health["recovery_mode"]), (&json!(true), &json!(true)));
    let mut root = server.client().with_token(&world.root);
    for path in ["/v1/kv/a", "/v1/sys/mounts", "/v1/auth/token/lookup-self"] {
        let refused = root.expect(503, "GET", path, None)?.text();
        ensure!(refused.contains("Vault is in recovery mode"), "{path}: {refused}");
    }
    root.expect(403, "GET", POLICY, None)?;

    // A kill with one share given: the store knows nothing of it, and the next process begins anew.
    let (nonce, _) = World::begin(&mut server.client())?;
    let first = json!({"key": world.keys[0], "nonce": nonce});
    assert_eq!(server.client().expect(200, "PUT", UPDATE, Some(&first))?.json()?["progress"], 1);
    server.process.kill()?;
    let mut server = world.home.start_in_recovery()?;
    assert_eq!(server.client().expect(200, "GET", ATTEMPT, None)?.json()?["started"], json!(false));
    server.client().expect(400, "PUT", UPDATE, Some(&first))?;

    let (mut rescuer, token) = world.rescuer(&server)?;
    let sound = rescuer.expect(200, "GET", POLICY, None)?.json()?["data"]["value"].clone();
    rescuer.expect(204, "PUT", POLICY, Some(&json!({"value": "no policy"})))?;
    let log = server.process.output();
    server.process.kill()?;
    ensure!(log.contains("recovery mode: a request with the recovery token"), "{log}");
    ensure!(log.contains("path=sys/raw/ns/root/policy/shop"), "{log}");
    for secret in [token.as_str(), &world.keys[0], &world.keys[1], "no policy"] {
        ensure!(!log.contains(secret), "a secret stands in the log");
    }

    // The damage is what a server finds that is started as usual, and the end of the recovery is acknowledged writes.
    let mut server = world.home.start()?;
    world.unseal(&server)?;
    let mut root = server.client().with_token(&world.root);
    root.expect(500, "GET", "/v1/sys/policies/acl/shop", None)?;
    server.client().with_token(&token).expect(403, "GET", "/v1/sys/policies/acl/shop", None)?;
    assert_eq!(root.expect(200, "GET", "/v1/kv/a", None)?.json()?["data"]["b"], "kept");
    server.process.kill()?;
    let before = std::fs::read(world.home.path().join("audit.log"))?;
    ensure!(before.len() > audited.len(), "a server that serves is audited");

    let mut server = world.home.start_in_recovery()?;
    server.client().with_token(&token).expect(403, "GET", POLICY, None)?;
    let (mut rescuer, _) = world.rescuer(&server)?;
    rescuer.expect(204, "PUT", POLICY, Some(&json!({ "value": sound })))?;
    server.process.signal("TERM")?;
    let ended = server.process.wait_for_exit(REFUSAL_MAX)?;
    ensure!(ended.is_some_and(|status| status.success()), "{}", server.process.output());
    assert_eq!(std::fs::read(world.home.path().join("audit.log"))?, before, "nothing is audited in recovery mode");

    let server = world.home.start()?;
    world.unseal(&server)?;
    let mut root = server.client().with_token(&world.root);
    let policy = root.expect(200, "GET", "/v1/sys/policies/acl/shop", None)?.json()?;
    ensure!(policy.to_string().contains("capabilities"), "{policy}");
    Ok(())
}

#[test]
fn a_store_that_was_never_initialized_has_nothing_to_recover() -> Result<()> {
    let home = Home::new(Tls::Off)?;
    let refused = refusal(&home)?;
    ensure!(refused.contains("the store is not initialized: there is nothing to recover"), "{refused}");
    Ok(())
}

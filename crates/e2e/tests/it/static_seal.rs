//! A node with the operator's seal key: it comes back by itself, and not with another key.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::operator::text;
use e2e::server::{Home, Tls};
use serde_json::json;

/// How long a server that cannot start may take to say so.
const REFUSAL_MAX: Duration = Duration::from_secs(60);

fn write_key(home: &Home, byte: u8) -> Result<()> {
    std::fs::write(home.path().join("seal.key"), [byte; 32])?;
    Ok(())
}

fn home() -> Result<Home> {
    let mut home = Home::new(Tls::Off)?;
    let key = home.path().join("seal.key");
    home.configure(&format!(
        "seal \"static\" {{\n  current_key_id = \"first\"\n  current_key = \"file://{}\"\n}}\n",
        key.display()
    ));
    write_key(&home, 0x5a)?;
    Ok(home)
}

#[test]
fn a_node_with_a_static_seal_comes_back_by_itself_after_a_kill() -> Result<()> {
    let home = home()?;
    let mut server = home.start()?;
    let mut client = server.client();
    let wrong = json!({"secret_shares": 1, "secret_threshold": 1});
    let refused = client.expect(400, "PUT", "/v1/sys/init", Some(&wrong))?.text();
    ensure!(refused.contains("not applicable to seal type static"), "{refused}");
    let parameters = json!({"recovery_shares": 3, "recovery_threshold": 2});
    let made = client.expect(200, "PUT", "/v1/sys/init", Some(&parameters))?.json()?;
    assert_eq!(made["recovery_keys"].as_array().map(Vec::len), Some(3));
    assert_eq!(made["recovery_keys_base64"].as_array().map(Vec::len), Some(3));
    assert_eq!(made["keys"], json!([]), "there are no unseal keys");
    let status = client.expect(200, "GET", "/v1/sys/seal-status", None)?.json()?;
    assert_eq!(
        (&status["sealed"], &status["type"], &status["recovery_seal"], &status["n"], &status["t"]),
        (&json!(false), &json!("static"), &json!(true), &json!(3), &json!(2))
    );
    let token = text(&made, "/root_token")?;
    let mut root = server.client().with_token(&token);
    root.expect(204, "POST", "/v1/sys/mounts/kv", Some(&json!({"type": "kv", "options": {"version": "2"}})))?;
    root.expect(200, "PUT", "/v1/kv/data/app", Some(&json!({"data": {"pass": "kept"}})))?;

    server.process.kill()?;
    let server = home.start()?;
    let mut root = server.client().with_token(&token);
    let read = root.expect(200, "GET", "/v1/kv/data/app", None)?.json()?;
    assert_eq!(read["data"]["data"], json!({"pass": "kept"}));
    root.expect(204, "PUT", "/v1/sys/seal", None)?;
    root.expect(503, "GET", "/v1/kv/data/app", None)?;
    // A recovery key opens nothing; a restart does.
    let key = text(&made, "/recovery_keys/0")?;
    let refused = root.expect(400, "PUT", "/v1/sys/unseal", Some(&json!({ "key": key })))?.text();
    ensure!(refused.contains("not applicable to seal type static"), "{refused}");
    drop(server);
    let server = home.start()?;
    server.client().with_token(&token).expect(200, "GET", "/v1/kv/data/app", None)?;
    Ok(())
}

#[test]
fn another_seal_key_ends_the_start_and_harms_nothing() -> Result<()> {
    let home = home()?;
    let server = home.start()?;
    let made = server.client().expect(200, "PUT", "/v1/sys/init", Some(&json!({})))?.json()?;
    let token = text(&made, "/root_token")?;
    drop(server);
    write_key(&home, 0x5b)?;
    let mut refused = home.spawn()?;
    let status = refused.process.wait_for_exit(REFUSAL_MAX)?;
    assert_eq!(status.and_then(|status| status.code()), Some(1), "{}", refused.process.output());
    write_key(&home, 0x5a)?;
    let server = home.start()?;
    server.client().with_token(&token).expect(200, "GET", "/v1/auth/token/lookup-self", None)?;
    Ok(())
}

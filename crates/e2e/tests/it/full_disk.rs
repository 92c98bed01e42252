//! A full disk: writes are refused in clear words, everything that was acknowledged stays readable, the server lives,
//! and with room it goes on by itself.

use anyhow::{Result, ensure};
use e2e::http::Client;
use e2e::operator;
use e2e::server::{Home, Tls};
use e2e::skip;
use e2e::small_disk::SmallDisk;
use serde_json::{Value, json};

/// Smaller than a store of [`WRITES_MAX`] values; larger than an empty one.
const DISK_MEGABYTES: u32 = 8;
const LARGER_DISK_MEGABYTES: u32 = 64;
/// Bytes of one value.
const VALUE_BYTES: usize = 200_000;
/// The disk must be full before so many writes.
const WRITES_MAX: usize = 120;
/// Refusals in a row that are tried.
const REFUSALS: usize = 10;
/// What a client is told.
const CLEAR_WORDS: &str = "no space left for the store: nothing was written";

fn value(number: usize) -> Value {
    let text: String = format!("{number} ").repeat(VALUE_BYTES).chars().take(VALUE_BYTES).collect();
    json!({ "value": text })
}

/// Every acknowledged value is there, and none of the refused.
fn check(client: &mut Client, acknowledged: &[usize], refused: &[usize]) -> Result<()> {
    for number in acknowledged {
        let read = client.expect(200, "GET", &format!("/v1/kv/{number}"), None)?.json()?;
        ensure!(read["data"] == value(*number), "value {number} is not what was acknowledged");
    }
    for number in refused {
        client.expect(404, "GET", &format!("/v1/kv/{number}"), None)?;
    }
    Ok(())
}

#[test]
fn a_full_disk_refuses_writes_clearly_and_loses_nothing() -> Result<()> {
    if let Some(why) = SmallDisk::missing() {
        skip("the full disk", &why);
        return Ok(());
    }
    let mut home = Home::new(Tls::Off)?;
    std::fs::create_dir(home.data())?;
    let disk = SmallDisk::mount(&home.data(), DISK_MEGABYTES)?;
    home.start_through(disk.entrance());
    let mut server = home.start()?;
    let keys = operator::initialize(&mut server.client())?;
    operator::unseal(&mut server.client(), &keys)?;
    let mut root = server.client().with_token(&keys.root_token);
    root.expect(204, "POST", "/v1/sys/mounts/kv", Some(&json!({"type": "kv", "options": {"version": "1"}})))?;

    let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
    for number in 0..WRITES_MAX {
        let reply = root.request("PUT", &format!("/v1/kv/{number}"), Some(&value(number)))?;
        match reply.status {
            204 => acknowledged.push(number),
            500..=599 => {
                ensure!(reply.json()? == json!({"errors": [CLEAR_WORDS]}), "{}", reply.text());
                refused.push(number);
            }
            other => anyhow::bail!("{other} for a write to a full disk: {}", reply.text()),
        }
        if refused.len() == REFUSALS {
            break;
        }
    }
    assert_eq!(refused.len(), REFUSALS, "the disk did not get full with {} values", acknowledged.len());
    ensure!(acknowledged.len() > REFUSALS, "the disk was full at once: the test proved little");
    check(&mut root, &acknowledged, &refused)?;
    root.expect(200, "GET", "/v1/sys/health", None)?;

    // Deleting makes room, so it must be possible where there is none.
    for number in acknowledged.split_off(acknowledged.len() - 5) {
        root.expect(204, "DELETE", &format!("/v1/kv/{number}"), None)?;
        refused.push(number);
    }
    root.expect(204, "PUT", "/v1/kv/small", Some(&json!({"after": "deleting"})))?;
    check(&mut root, &acknowledged, &refused)?;

    // A crash with a full disk: the next start finds everything.
    server.process.kill()?;
    let server = home.start()?;
    let mut root = server.client().with_token(&keys.root_token);
    operator::unseal(&mut root, &keys)?;
    check(&mut root, &acknowledged, &refused)?;

    disk.resize(LARGER_DISK_MEGABYTES)?;
    for number in std::mem::take(&mut refused) {
        root.expect(204, "PUT", &format!("/v1/kv/{number}"), Some(&value(number)))?;
        acknowledged.push(number);
    }
    check(&mut root, &acknowledged, &refused)
}

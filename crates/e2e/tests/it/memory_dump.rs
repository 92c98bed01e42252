//! What the memory of the process holds before and after sealing.
//!
//! Before, what is looked for must be found, or the search proves nothing: the secret stands in a request that is under
//! way, half sent, so no debugging hook is needed, and the root key is computed from the store and the share, as a thief
//! of both would. After, neither may be anywhere, nor the share in any form that a client sends.

use std::io::{BufReader, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, Result, bail, ensure};
use barrier::seal::open_root_key;
use data_encoding::{BASE64, HEXLOWER};
use e2e::operator;
use e2e::server::{Home, Tls};
use e2e::{http, memory, skip};
use secret::{KEY_BYTES, LockedKey};
use serde_json::json;

/// Unlike anything else, so that finding it means finding it.
const SECRET: &str = "tungsten-marmalade-9f27b6c1e4d8a350-orbit";

#[test]
fn sealing_leaves_no_secret_in_memory() -> Result<()> {
    let home = Home::new(Tls::Off)?;
    let server = home.start()?;
    let pid = server.process.id();
    if let Err(why) = memory::search(pid, &[]) {
        skip("memory after sealing", &format!("{why:#} (run as root)"));
        return Ok(());
    }
    let mut client = server.client();
    let keys = operator::initialize(&mut client)?;
    let share = HEXLOWER.decode(keys.unseal_key.as_bytes()).context("the share is hex")?;
    let share_base64 = BASE64.encode(&share);
    operator::unseal(&mut client, &keys)?;
    let mut root = server.client().with_token(&keys.root_token);
    root.expect(204, "POST", "/v1/sys/mounts/kv", Some(&json!({"type": "kv", "options": {"version": "2"}})))?;

    let body = json!({"data": {"value": SECRET}}).to_string();
    let (sent, held_back) = body.split_at(body.len() - 2);
    let mut under_way = TcpStream::connect(server.address)?;
    write!(
        under_way,
        "PUT /v1/kv/data/app HTTP/1.1\r\nHost: e2e\r\nX-Vault-Token: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{sent}",
        keys.root_token,
        body.len()
    )?;
    let root_key = root_key(&home, &share)?;
    let needles: [&[u8]; 5] =
        [SECRET.as_bytes(), root_key.expose(), &share, keys.unseal_key.as_bytes(), share_base64.as_bytes()];
    let mut before = memory::Finds::default();
    // The server reads in its own time: look until the half request has arrived.
    for _ in 0..LOOKS_MAX {
        before = memory::search(pid, &needles)?;
        if !before.places[0].is_empty() {
            break;
        }
    }
    ensure!(!before.places[0].is_empty(), "the search did not find a secret that is there: {before:?}");
    ensure!(!before.places[1].is_empty(), "the search did not find the root key of an unsealed server: {before:?}");
    under_way.write_all(held_back.as_bytes())?;
    let mut under_way = BufReader::new(under_way);
    ensure!(http::read_reply(&mut under_way, "PUT")?.status == 200, "the write was not taken");
    drop(under_way);
    let read = root.expect(200, "GET", "/v1/kv/data/app", None)?.json()?;
    ensure!(read.pointer("/data/data/value") == Some(&json!(SECRET)), "{read}");

    root.expect(204, "PUT", "/v1/sys/seal", None)?;
    // Its answer says that the reply to sealing has left, and its buffers with it.
    client.expect(503, "GET", "/v1/sys/health", None)?;
    drop((root, client));
    let after = memory::search(pid, &needles)?;
    println!("before: {:?}; after: {:?}; hidden: {:?}", before.places, after.places, after.hidden);
    ensure!(after.bytes_read > BYTES_READ_MIN, "only {} bytes could be read", after.bytes_read);
    for (name, places) in
        ["the secret", "the share", "the share in hex", "the share in base64"].iter().zip(&after.places)
    {
        ensure!(places.is_empty(), "{name} is still in memory after sealing, at {places:?}");
    }
    Ok(())
}

/// The root key, from the one entry of the store that is not encrypted. It is found by its first bytes in the store's
/// files, whatever their format: the server has the store open.
fn root_key(home: &Home, share: &[u8]) -> Result<LockedKey<KEY_BYTES>> {
    let seal_key = share.try_into().context("the share of a 1 of 1 split is the seal key")?;
    for file in std::fs::read_dir(home.data())? {
        let bytes = std::fs::read(file?.path())?;
        for start in (0..bytes.len()).filter(|start| bytes[*start..].starts_with(SEAL_ENTRY_START)) {
            // What follows the entry in the file is not JSON, so the end is where the first value ends.
            let mut values = serde_json::Deserializer::from_slice(&bytes[start..]).into_iter::<serde_json::Value>();
            if !matches!(values.next(), Some(Ok(_))) {
                continue;
            }
            if let Ok(key) = open_root_key(&bytes[start..start + values.byte_offset()], seal_key) {
                return Ok(key);
            }
        }
    }
    bail!("no seal entry in the store that the share opens")
}

/// How the stored form of the seal entry begins.
const SEAL_ENTRY_START: &[u8] = br#"{"version":1,"kind":"shamir""#;
/// How often the memory is searched for a request under way.
const LOOKS_MAX: usize = 50;
/// A process has more than this, in bytes; less means that the search saw nothing.
const BYTES_READ_MIN: u64 = 4 * 1024 * 1024;

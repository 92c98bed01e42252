//! Stores as earlier releases left them, under `golden/stored/`: written once, never regenerated, they must open.

use std::collections::BTreeMap;
use std::sync::Arc;

use data_encoding::{BASE64, HEXLOWER};
use env::simulated;
use secret::{LockedKey, SecretBytes};
use serde::Deserialize;
use storage::memory::Memory;
use storage::{Batch, CommitId, Storage};

use crate::fixture::key;
use crate::seal::{Device, Proof, SealControl, open_root_key};
use crate::{Barrier, CacheMode, Options, Purpose};

/// A whole small store and what opens it.
#[derive(Deserialize)]
struct Golden {
    /// What the operator's key or the combined shares are, in hex.
    seal_key: String,
    /// Shares that unseal, or authorize if the seal is static, in hex.
    shares: Vec<String>,
    /// In hex.
    root_key: String,
    /// The key for batch tokens by term, in hex.
    batch_token_keys: BTreeMap<u32, String>,
    /// What was put in.
    plaintexts: BTreeMap<String, String>,
    /// What is stored, in base64.
    entries: BTreeMap<String, String>,
}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

async fn check(golden: &str, is_static: bool) {
    let golden: Golden = serde_json::from_str(golden).unwrap();
    let memory = Memory::new();
    let mut batch = Batch::new(CommitId([1; 16]));
    for (name, value) in &golden.entries {
        batch = batch.create(key(name), BASE64.decode(value.as_bytes()).unwrap());
    }
    memory.commit(&batch).await.unwrap();
    let seal_key: [u8; 32] = hex(&golden.seal_key).try_into().unwrap();
    let entry = BASE64.decode(golden.entries["core/seal"].as_bytes()).unwrap();
    assert_eq!(HEXLOWER.encode(open_root_key(&entry, &seal_key).unwrap().expose()), golden.root_key);

    let options = Options { cache_bytes: 0, cache: CacheMode::ReadThrough };
    let barrier = Barrier::new(Arc::new(memory), simulated::env(9).0, options);
    let device = if is_static { Device::Static(LockedKey::copy_of(&seal_key)) } else { Device::Shamir };
    let control = SealControl::new(barrier.clone(), device);
    let shares: Vec<_> = golden.shares.iter().map(|share| SecretBytes::new(hex(share))).collect();
    if is_static {
        control.unseal_auto().await.unwrap();
    } else {
        for share in &shares {
            control.unseal(share.clone()).await.unwrap();
        }
    }
    let raw: Vec<_> = shares.iter().map(|share| share.expose().as_slice()).collect();
    assert!(matches!(control.authorize(&raw).await.unwrap(), Proof::Enough(_)));
    for (name, plaintext) in &golden.plaintexts {
        let opened = barrier.read_one(&key(name)).await.unwrap().unwrap();
        assert_eq!(opened.value.expose(), plaintext.as_bytes(), "{name}");
    }
    assert!(!golden.batch_token_keys.is_empty());
    for (term, expected) in &golden.batch_token_keys {
        let subkey = barrier.subkey_of(Purpose::BatchTokens, *term).await.unwrap().unwrap();
        assert_eq!(HEXLOWER.encode(subkey.key.expose()), *expected, "term {term}");
    }
}

#[tokio::test]
async fn a_rotated_store_under_shamir_opens() {
    check(include_str!("../golden/stored/shamir-1.json"), false).await;
}

#[tokio::test]
async fn a_store_with_the_operators_key_opens() {
    check(include_str!("../golden/stored/static-1.json"), true).await;
}

/// A seal entry in the moment after a rekey, and what opens it. Computed beside the program.
#[derive(Deserialize)]
struct AfterRekey {
    /// What the new shares give, in hex.
    seal_key: String,
    /// What the old ones give, in hex.
    previous_seal_key: String,
    /// In hex.
    root_key: String,
    /// In base64.
    entry: String,
}

#[test]
fn a_seal_entry_of_a_rekey_that_was_interrupted_opens_for_both_sets_of_shares() {
    let golden = include_str!("../golden/stored/seal-after-rekey-1.json");
    let golden: AfterRekey = serde_json::from_str(golden).unwrap();
    let entry = BASE64.decode(golden.entry.as_bytes()).unwrap();
    for key in [&golden.seal_key, &golden.previous_seal_key] {
        let root = open_root_key(&entry, &hex(key).try_into().unwrap()).unwrap();
        assert_eq!(HEXLOWER.encode(root.expose()), golden.root_key);
    }
    assert!(open_root_key(&entry, &[9; 32]).is_err());
}

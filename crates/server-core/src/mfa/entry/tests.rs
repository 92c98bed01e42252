use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{EnforcementEntry, LoginEntry, MethodEntry, SecretEntry, TriesEntry};
use crate::mfa::totp;

/// What the first release stored. Never made anew.
const FIRST: &str = include_str!("../../golden/stored/mfa-1.json");

/// An entry as it was stored, which is stored the same today.
fn opened<T: Serialize + DeserializeOwned>(stored: &BTreeMap<String, Box<RawValue>>, name: &str) -> T {
    let text = stored[name].get();
    let entry: T = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(serde_json::to_string(&entry).expect("it encodes"), text, "{name}");
    entry
}

#[test]
fn what_the_first_release_stored_opens_and_computes_the_same_codes() {
    let stored = serde_json::from_str(FIRST).expect("JSON");
    let method: MethodEntry = opened(&stored, "method");
    let enforcement: EnforcementEntry = opened(&stored, "enforcement");
    assert!(!method.is_removing && enforcement.methods[0].id == method.id);
    let tries: TriesEntry = opened(&stored, "tries");
    assert_eq!((tries.used.len(), tries.failures), (2, 2));
    let login: LoginEntry = opened(&stored, "login");
    assert_eq!((login.expected.len(), login.note.is_some()), (1, true));
    // A vector of RFC 6238.
    let secret: SecretEntry = opened(&stored, "secret");
    let key = data_encoding::BASE32_NOPAD.decode(secret.key.as_bytes()).expect("base32");
    assert!(totp::find(&key, secret.totp, 1_111_111_109, "07081804").is_some());
}

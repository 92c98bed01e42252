//! Tokens of others, their key sets and keys: any text is refused or read, and what is read can be asked for everything.

#![no_main]

use jose::{KeySet, PublicKey, Unproven};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let keys = KeySet::parse(bytes).unwrap_or_default();
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let key = PublicKey::from_pem(text);
    if let Some(token) = Unproven::parse(text) {
        // Nobody has a key that a fuzzer could have signed with.
        assert!(!keys.proves(&token) && !key.is_ok_and(|key| token.is_proven_by(&key)));
        let _ = token.unproven_claims();
    }
});

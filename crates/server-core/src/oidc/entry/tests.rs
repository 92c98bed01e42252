//! Keys that were stored once are read and sign for ever.

use jose::{Jwk, Unproven, jws};
use serde_json::{Map, Value, json};

use super::KeyEntry;

/// One key of each type, as they were first stored. Written once, never again.
const FIRST: &str = include_str!("../../golden/stored/oidc-keys-1.json");

#[test]
fn keys_of_the_first_release_sign_what_their_published_halves_verify() {
    let stored: Vec<Value> = serde_json::from_str(FIRST).expect("JSON");
    let algorithms: Vec<_> = stored.iter().map(|it| it["algorithm"].as_str().unwrap_or_default()).collect();
    assert_eq!(algorithms, ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"]);
    for value in stored {
        let entry: KeyEntry = serde_json::from_value(value.clone()).expect("it is whole");
        assert_eq!(serde_json::to_value(&entry).expect("JSON"), value, "what is written today is the same");
        let claims = Map::from_iter([("sub".to_owned(), json!("bob"))]);
        for pair in [&entry.current, &entry.next] {
            let text = jws::sign(pair, &claims).expect("the key is sound");
            let which = if pair.public == entry.current.public { "current" } else { "next" };
            let published: Jwk = serde_json::from_value(value[which]["public"].clone()).expect("it is whole");
            let published = published.key().expect("it is a key");
            let proven = Unproven::parse(&text).expect("it has the form").prove(&published);
            assert_eq!(proven.as_ref(), Some(&claims), "{}", entry.algorithm.name());
        }
        assert!(entry.previous.iter().all(|key| key.expires > 0 && key.public.alg == entry.algorithm));
        assert_eq!(entry.previous.len(), 1);
    }
}

//! Sets of keys: whose word counts, and how much is read.

use serde_json::json;

use super::*;
use crate::{Algorithm, Jwk, Pair, jws};

fn pair(kid: &str) -> Pair {
    Pair::generate(Algorithm::EdDsa, kid.to_owned()).expect("the library makes keys")
}

fn set(keys: &[&Jwk]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).expect("a set")
}

#[test]
fn a_token_is_proven_by_the_key_that_it_names() {
    let (a, b, other) = (pair("a"), pair("b"), pair("a"));
    let set = set(&[&a.public, &b.public]);
    let proves = |pair: &Pair| {
        let text = jws::sign(pair, &serde_json::Map::new()).expect("signed");
        set.proves(&Unproven::parse(&text).expect("a token"))
    };
    assert!(proves(&a) && proves(&b) && !proves(&other) && !proves(&pair("c")));
    assert!(set.has("a") && !set.has("c") && set.len() == 2);
    // A name that two keys have is tried with both.
    let both = KeySet::parse(json!({ "keys": [a.public, other.public] }).to_string().as_bytes()).expect("a set");
    let text = jws::sign(&other, &serde_json::Map::new()).expect("signed");
    assert!(both.proves(&Unproven::parse(&text).expect("a token")));
    assert!(!KeySet::default().proves(&Unproven::parse(&text).expect("a token")));
}

#[test]
fn documents_are_bounded_and_unknown_keys_passed_over() {
    let key = pair("a").public;
    let with = |count: usize| json!({ "keys": vec![&key; count] }).to_string();
    assert_eq!(KeySet::parse(with(KEYS_MAX).as_bytes()).map(|set| set.len()).ok(), Some(KEYS_MAX));
    assert!(matches!(KeySet::parse(with(KEYS_MAX + 1).as_bytes()), Err(KeySetError::TooMany)));
    assert!(matches!(KeySet::parse(with(5_000).as_bytes()), Err(KeySetError::TooMany | KeySetError::Json(_))));
    let mixed = json!({ "keys": [{ "kty": "oct", "k": "AAAA" }, key, 1, null] }).to_string();
    assert_eq!(KeySet::parse(mixed.as_bytes()).map(|set| set.len()).ok(), Some(1));
    assert!(KeySet::parse(br#"{"keys":[]}"#).expect("a set").is_empty());
    for text in ["{}", "[]", r#"{"keys":{}}"#, r#"{"keys":null}"#] {
        assert!(matches!(KeySet::parse(text.as_bytes()), Err(KeySetError::NoKeys)), "{text}");
    }
    let nested = format!(r#"{{"keys":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    for text in ["", "<html>", r#"{"keys":[],"keys":[]}"#, &nested] {
        assert!(matches!(KeySet::parse(text.as_bytes()), Err(KeySetError::Json(_))), "{}", &text[..text.len().min(40)]);
    }
}

#[test]
fn keys_in_pem_have_no_names_and_are_all_tried() {
    let key = rcgen::KeyPair::generate().expect("a key");
    let (pem, other) = (key.public_key_pem(), rcgen::KeyPair::generate().expect("a key").public_key_pem());
    let set = KeySet::from_pems([pem.as_str(), &other]).expect("two keys");
    assert!(set.len() == 2 && !set.has("a"));
    assert!(KeySet::from_pems([pem.as_str(), "x"]).is_err());
}

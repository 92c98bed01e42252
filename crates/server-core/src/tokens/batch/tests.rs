//! The format: what opens, and what does not.

use std::collections::BTreeMap;

use barrier::{Purpose, Subkey};
use data_encoding::BASE64URL_NOPAD;
use env::simulated;
use proptest::prelude::*;
use secret::Secret;

use super::{BatchEntry, PREFIX, Parent, open, seal};

/// What the stored token below was made from. Never changed.
fn entry() -> BatchEntry {
    BatchEntry {
        v: 1,
        namespace: "root".to_owned(),
        policies: vec!["a".to_owned(), "default".to_owned()],
        path: "auth/token/create/r/v1".to_owned(),
        display_name: "token-ci".to_owned(),
        created: 1_893_456_000_123_456_789,
        ttl_secs: 3600,
        parent: Some(Parent { token: "h".repeat(43), accessor: "a".repeat(24) }),
        meta: Some(BTreeMap::from([("k".to_owned(), "v".to_owned())])),
        entity_id: "e-1".to_owned(),
        role: "r".to_owned(),
        bound_cidrs: vec!["10.0.0.0/8".parse().expect("a network"), "::1".parse().expect("an address")],
        mount: String::new(),
    }
}

fn key() -> Subkey {
    Subkey { term: 3, key: Secret::new([7; 32]) }
}

/// The first batch token that was ever made of [`entry`]. Written once, never again: what is out there must open.
const FIRST: &str = include_str!("../../golden/stored/batch-token-1.txt");

#[test]
fn a_token_of_the_first_release_is_what_is_made_today() {
    let text = seal(&key(), "", &[9; 24], &entry()).expect("it is short");
    assert_eq!(text.expose(), FIRST.trim_end());
}

#[tokio::test]
async fn what_is_sealed_opens_and_what_is_touched_does_not() {
    let (env, _) = simulated::env(1);
    let barrier = barrier::testing::unsealed(&env).await;
    let subkey = barrier.subkey(Purpose::BatchTokens).expect("it is unsealed");
    let text = seal(&subkey, "", &env.random(), &entry()).expect("it is short").expose().clone();
    assert_eq!(open(&barrier, "", &text).await.expect("it can be read"), Some(entry()));
    assert_eq!(open(&barrier, "a later epoch", &text).await.expect("no failure"), None);
    let bytes = BASE64URL_NOPAD.decode(&text.as_bytes()[PREFIX.len()..]).expect("it is base64");
    for at in 0..bytes.len() {
        let mut touched = bytes.clone();
        touched[at] ^= 1;
        let text = [PREFIX, &BASE64URL_NOPAD.encode(&touched)].concat();
        assert_eq!(open(&barrier, "", &text).await.expect("no failure"), None, "byte {at}");
    }
    for end in 0..text.len() {
        assert_eq!(open(&barrier, "", &text[..end]).await.expect("no failure"), None, "cut at {end}");
    }
    for other in [format!("{text}A"), format!("{text}="), text.replace("hvb.", "hvs."), text.to_uppercase()] {
        assert_eq!(open(&barrier, "", &other).await.expect("no failure"), None, "{other}");
    }
    // Another cluster has other keys.
    let other = barrier::testing::unsealed(&simulated::env(2).0).await;
    assert_eq!(open(&other, "", &text).await.expect("no failure"), None);
    barrier.rotate().await.expect("it is unsealed");
    assert_eq!(open(&barrier, "", &text).await.expect("it can be read"), Some(entry()), "older terms stay");
    barrier.seal();
    assert!(matches!(open(&barrier, "", &text).await, Err(framework::Error::Sealed)));
}

#[test]
fn a_token_is_no_longer_than_what_a_listener_takes() {
    let with = |bytes: usize| {
        let mut entry = entry();
        entry.meta = Some(BTreeMap::from([("k".to_owned(), "v".repeat(bytes))]));
        seal(&key(), "", &[9; 24], &entry).map(|text| text.expose().len())
    };
    let longest = (0..8192).rev().find_map(|bytes| with(bytes).ok()).expect("some fit");
    assert!((8189..=8192).contains(&longest), "{longest}");
    let error = with(8192).expect_err("too long").to_string();
    assert!(error.ends_with("the most is 8192: give it less metadata or fewer policies"), "{error}");
}

proptest! {
    #[test]
    fn no_text_does_harm(text in "\\PC{0,200}", prefixed in any::<bool>()) {
        let text = if prefixed { format!("{PREFIX}{text}") } else { text };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let opened = runtime.block_on(async {
            let barrier = barrier::testing::unsealed(&simulated::env(1).0).await;
            open(&barrier, "", &text).await
        });
        prop_assert_eq!(opened.expect("no failure"), None);
    }
}

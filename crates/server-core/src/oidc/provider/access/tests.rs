//! The format of access tokens: what opens, and what does not.

use env::simulated;

use super::*;

/// What the stored token below was made from. Never changed.
fn access() -> Access {
    Access {
        v: 1,
        namespace: "root".to_owned(),
        provider: "default".to_owned(),
        client_id: "c".repeat(32),
        entity_id: "e-1".to_owned(),
        scopes: vec!["profile".to_owned()],
        expires: 1_893_456_000_123_456_789,
        code: "h".repeat(43),
    }
}

fn key() -> Subkey {
    Subkey { term: 3, key: Secret::new([7; 32]) }
}

/// The first access token that was ever made of [`access`]. Written once, never again: what is out there must open.
const FIRST: &str = include_str!("../../../golden/stored/oidc-access-token-1.txt");

#[test]
fn a_token_of_the_first_release_is_what_is_made_today() {
    let text = seal(&key(), "", &[9; NONCE_BYTES], &access()).expect("it is short");
    assert_eq!(text.expose(), FIRST.trim_end());
}

#[test]
fn one_that_names_no_code_is_read() {
    let text = r#"{"v":1,"namespace":"root","provider":"p","client_id":"c","entity_id":"e","scopes":[],"expires":1}"#;
    let access: Access = serde_json::from_str(text).expect("it is whole");
    assert_eq!(access.code, "");
}

#[tokio::test]
async fn what_is_sealed_opens_and_what_is_touched_does_not() {
    let (env, _) = simulated::env(1);
    let barrier = barrier::testing::unsealed(&env).await;
    let subkey = barrier.subkey(Purpose::AccessTokens).expect("it is unsealed");
    let text = seal(&subkey, "", &env.random(), &access()).expect("it is short").expose().clone();
    assert_eq!(open(&barrier, "", &text).await.expect("it can be read"), Some(access()));
    assert_eq!(open(&barrier, "a later epoch", &text).await.expect("no failure"), None);
    let bytes = BASE64URL_NOPAD.decode(&text.as_bytes()[PREFIX.len()..]).expect("it is base64");
    for at in 0..bytes.len() {
        let mut touched = bytes.clone();
        touched[at] ^= 1;
        let text = [PREFIX, &BASE64URL_NOPAD.encode(&touched)].concat();
        assert_eq!(open(&barrier, "", &text).await.expect("no failure"), None, "byte {at}");
    }
    for other in [format!("{text}A"), text.replace("hvo.", "hvb."), text[..text.len() - 1].to_owned()] {
        assert_eq!(open(&barrier, "", &other).await.expect("no failure"), None, "{other}");
    }
    barrier.rotate().await.expect("it is unsealed");
    assert_eq!(open(&barrier, "", &text).await.expect("it can be read"), Some(access()), "older terms stay");
}

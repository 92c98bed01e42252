//! What is a token, and whose.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn pair(algorithm: Algorithm, kid: &str) -> Pair {
    Pair::generate(algorithm, kid.to_owned()).expect("the library makes keys")
}

fn signed(pair: &Pair, claims: &Value) -> String {
    sign(pair, claims.as_object().expect("an object")).expect("the key is sound")
}

/// A token with this header and these claims as text, signed by a key whatever they say.
fn forged(pair: &Pair, header: &str, claims: &str) -> String {
    let text = [header, claims].map(|part| BASE64URL_NOPAD.encode(part.as_bytes())).join(".");
    let signature = pair.sign(text.as_bytes()).expect("the key is sound");
    format!("{text}.{}", BASE64URL_NOPAD.encode(&signature))
}

#[test]
fn a_text_that_names_another_algorithm_than_its_key_is_refused() {
    let pair = pair(Algorithm::Es256, "own");
    let key = pair.public.key().expect("the key is sound");
    let claims = json!({ "sub": "x" });
    let text = signed(&pair, &claims);
    let unproven = Unproven::parse(&text).expect("it is one of ours");
    assert_eq!(unproven.prove(&key).map(Value::Object), Some(claims));
    let (_, rest) = text.split_once('.').expect("three parts");
    for header in [
        json!({ "alg": "none", "kid": "own" }),
        json!({ "alg": "HS256", "kid": "own" }),
        json!({ "alg": "ES384", "kid": "own" }),
        json!({ "alg": "ES256", "kid": "another" }),
        // The signature covers the header as it was.
        json!({ "alg": "ES256", "kid": "own" }),
    ] {
        let forged = format!("{}.{rest}", BASE64URL_NOPAD.encode(header.to_string().as_bytes()));
        let unproven = Unproven::parse(&forged).expect("the form is right");
        assert!(unproven.prove(&key).is_none(), "{header}");
    }
    for text in ["", ".", "..", "a.b.c", "e30.e30", "e30.e30.", &format!("{text}.x"), &format!("{text}=")] {
        let is_proven = Unproven::parse(text).is_some_and(|unproven| unproven.prove(&key).is_some());
        assert!(!is_proven, "{text}");
    }
}

#[test]
fn a_shared_secret_made_of_the_public_key_proves_nothing() {
    let pair = pair(Algorithm::Rs256, "own");
    let key = pair.public.key().expect("the key is sound");
    let text = [r#"{"alg":"HS256","kid":"own"}"#, "{}"].map(|part| BASE64URL_NOPAD.encode(part.as_bytes())).join(".");
    let mac = secret::hmac_sha256(json!(pair.public).to_string().as_bytes(), &[text.as_bytes()]);
    let text = format!("{text}.{}", BASE64URL_NOPAD.encode(&mac));
    let unproven = Unproven::parse(&text).expect("the form is right");
    assert!(unproven.algorithm.is_none() && !unproven.is_proven_by(&key));
}

#[test]
fn what_a_header_says_of_its_own_key_is_not_looked_at_and_what_must_be_understood_is_refused() {
    let (own, others) = (pair(Algorithm::EdDsa, "own"), pair(Algorithm::EdDsa, "own"));
    let key = own.public.key().expect("the key is sound");
    let header =
        json!({ "alg": "EdDSA", "kid": "own", "jwk": others.public, "jku": "https://a.test/", "typ": "at+jwt" });
    let by_others = forged(&others, &header.to_string(), "{}");
    assert!(!Unproven::parse(&by_others).expect("the form is right").is_proven_by(&key));
    let by_own = forged(&own, &header.to_string(), "{}");
    assert!(Unproven::parse(&by_own).expect("the form is right").is_proven_by(&key));
    let nested = format!(r#"{{"alg":"EdDSA","x":{}1{}}}"#, "[".repeat(9), "]".repeat(9));
    for header in [
        r#"{"alg":"EdDSA","crit":["b64"],"b64":false}"#,
        r#"{"alg":"EdDSA","alg":"EdDSA"}"#,
        r#"{"alg":1}"#,
        r#"{"alg":"EdDSA","kid":1}"#,
        r#"{"kid":"own"}"#,
        "[]",
        "1",
        &nested,
    ] {
        assert!(Unproven::parse(&forged(&own, header, "{}")).is_none(), "{header}");
    }
    // Without a name it is for every key; with an empty one too.
    for header in [r#"{"alg":"EdDSA"}"#, r#"{"alg":"EdDSA","kid":""}"#] {
        assert!(Unproven::parse(&forged(&own, header, "{}")).expect("a token").is_proven_by(&key), "{header}");
    }
}

#[test]
fn tokens_are_bounded_in_size_and_nesting() {
    let own = pair(Algorithm::EdDsa, "own");
    let key = own.public.key().expect("the key is sound");
    let header = r#"{"alg":"EdDSA"}"#;
    let nested = |depth: usize| format!(r#"{{"x":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let claims = |text: &str| Unproven::parse(text).expect("the form is right").prove(&key);
    assert!(claims(&forged(&own, header, &nested(30))).is_some());
    for text in [nested(40), nested(10_000), r#"{"a":1,"a":2}"#.to_owned(), "[]".to_owned(), "\u{0}".to_owned()] {
        assert!(claims(&forged(&own, header, &text)).is_none(), "{}", &text[..text.len().min(40)]);
    }
    let long = forged(&own, header, &format!(r#"{{"x":"{}"}}"#, "y".repeat(TEXT_BYTES_MAX)));
    assert!(Unproven::parse(&long).is_none());
}

#[test]
fn the_corpus_of_the_fuzzer_is_read_or_refused_as_its_names_say() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/jose");
    let (mut tokens, mut claims) = (Vec::new(), Vec::new());
    for file in std::fs::read_dir(folder).expect("the corpus is part of the repository") {
        let path = file.expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("it can be read");
        assert_eq!(crate::KeySet::parse(text.as_bytes()).is_ok_and(|keys| keys.len() == 1), name == "keys", "{name}");
        assert_eq!(PublicKey::from_pem(&text).is_ok(), name == "pem", "{name}");
        let Some(token) = Unproven::parse(&text) else { continue };
        claims.extend(token.unproven_claims().map(|_| name.clone()));
        tokens.push(name);
    }
    tokens.sort();
    claims.sort();
    assert_eq!(
        (tokens, claims),
        (vec!["nested".into(), "none".into(), "token".into()], vec!["none".to_owned(), "token".into()])
    );
}

proptest! {
    #[test]
    fn no_text_is_too_much_for_the_parser(text in "[A-Za-z0-9_.=-]{0,200}") {
        if let Some(unproven) = Unproven::parse(&text) {
            drop(unproven.unproven_claims());
        }
    }
}

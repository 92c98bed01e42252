//! Every algorithm signs what its own published key verifies, and nothing else does.

use serde_json::{Value, json};

use super::*;
use crate::oidc::jws::{self, Unproven};

fn pair(algorithm: Algorithm) -> Pair {
    Pair::generate(algorithm, format!("key-{}", algorithm.name())).expect("the library makes keys")
}

#[test]
fn what_a_key_signs_its_published_half_verifies_and_nothing_else() {
    let pairs = Algorithm::ALL.map(pair);
    for pair in &pairs {
        let name = pair.public.alg.name();
        let signature = pair.sign(b"message").expect("the key is sound");
        let published: Jwk = serde_json::from_value(json!(pair.public)).expect("what is written can be read");
        assert_eq!(published, pair.public);
        assert!(published.verifies(b"message", &signature), "{name}");
        assert!(!published.verifies(b"massage", &signature), "{name}");
        assert!(!published.verifies(b"message", &signature[1..]), "{name}");
        for other in pairs.iter().filter(|other| other.public.alg != pair.public.alg) {
            assert!(!other.public.verifies(b"message", &signature), "{name} by {}", other.public.alg.name());
        }
    }
}

#[test]
fn keys_are_published_in_the_forms_of_their_types() {
    let parts = [
        (Algorithm::Rs256, "RSA", None, vec![("n", 342), ("e", 4)]),
        (Algorithm::Es256, "EC", Some("P-256"), vec![("x", 43), ("y", 43)]),
        (Algorithm::Es384, "EC", Some("P-384"), vec![("x", 64), ("y", 64)]),
        (Algorithm::Es512, "EC", Some("P-521"), vec![("x", 88), ("y", 88)]),
        (Algorithm::EdDsa, "OKP", Some("Ed25519"), vec![("x", 43)]),
    ];
    for (algorithm, kty, crv, numbers) in parts {
        let key = json!(pair(algorithm).public);
        assert_eq!((&key["kty"], &key["use"], &key["alg"]), (&json!(kty), &json!("sig"), &json!(algorithm.name())));
        assert_eq!(key["crv"].as_str(), crv);
        assert_eq!(key["kid"], json!(format!("key-{}", algorithm.name())));
        for (name, length) in &numbers {
            assert_eq!(key[name].as_str().map(str::len), Some(*length), "{name} of {}", algorithm.name());
        }
        let count = numbers.len() + 4 + usize::from(crv.is_some());
        assert_eq!(key.as_object().map(serde_json::Map::len), Some(count), "nothing else is told: {key}");
    }
    assert_eq!(json!(pair(Algorithm::Rs512).public)["e"], "AQAB");
}

#[test]
fn no_other_algorithm_is_known() {
    for name in ["none", "HS256", "PS256", "rs256", "ES256K", ""] {
        assert!(Algorithm::parse(name).is_none(), "{name}");
    }
}

#[test]
fn a_text_that_names_another_algorithm_than_its_key_is_refused() {
    let pair = pair(Algorithm::Es256);
    let claims = json!({ "sub": "x" });
    let text = jws::sign(&pair, claims.as_object().expect("an object")).expect("the key is sound");
    let unproven = Unproven::parse(&text).expect("it is one of ours");
    assert_eq!(unproven.prove(&pair.public).map(Value::Object), Some(claims));
    let (_, rest) = text.split_once('.').expect("three parts");
    for header in [
        json!({ "alg": "none", "kid": pair.public.kid }),
        json!({ "alg": "HS256", "kid": pair.public.kid }),
        json!({ "alg": "ES384", "kid": pair.public.kid }),
        json!({ "alg": "ES256", "kid": "another" }),
        // The signature covers the header as it was.
        json!({ "alg": "ES256", "kid": pair.public.kid }),
    ] {
        let forged = format!("{}.{rest}", BASE64URL_NOPAD.encode(header.to_string().as_bytes()));
        let unproven = Unproven::parse(&forged).expect("the form is right");
        assert!(unproven.prove(&pair.public).is_none(), "{header}");
    }
    for text in ["", ".", "..", "a.b.c", "e30.e30", "e30.e30.", &format!("{text}.x"), &format!("{text}=")] {
        let is_proven = Unproven::parse(text).is_some_and(|unproven| unproven.prove(&pair.public).is_some());
        assert!(!is_proven, "{text}");
    }
}

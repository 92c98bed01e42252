//! Every algorithm signs what its own published key verifies, and nothing else does.

use serde_json::json;

use super::*;

pub(crate) fn pair(algorithm: Algorithm) -> Pair {
    Pair::generate(algorithm, format!("key-{}", algorithm.name())).expect("the library makes keys")
}

#[test]
fn what_a_key_signs_its_published_half_verifies_and_nothing_else() {
    let pairs = Algorithm::ALL.map(pair);
    for pair in &pairs {
        let (algorithm, name) = (pair.public.alg, pair.public.alg.name());
        let signature = pair.sign(b"message").expect("the key is sound");
        let published: Jwk = serde_json::from_value(json!(pair.public)).expect("what is written can be read");
        assert_eq!(published, pair.public);
        let key = published.key().expect("the key is sound");
        assert!(key.verifies(algorithm, b"message", &signature), "{name}");
        assert!(!key.verifies(algorithm, b"massage", &signature), "{name}");
        assert!(!key.verifies(algorithm, b"message", &signature[1..]), "{name}");
        for other in &pairs {
            let key = other.public.key().expect("the key is sound");
            let is_own = other.public.alg == algorithm;
            assert_eq!(
                key.verifies(algorithm, b"message", &signature),
                is_own,
                "{name} by {}",
                other.public.alg.name()
            );
            assert_eq!(key.verifies(other.public.alg, b"message", &signature), is_own, "{name}");
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
    for name in ["none", "None", "HS256", "HS512", "rs256", "ES256K", "Ed25519", ""] {
        assert!(Algorithm::parse(name).is_none(), "{name}");
    }
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::parse(algorithm.name()), Some(algorithm));
        assert_eq!(json!(algorithm), algorithm.name());
    }
}

//! Which keys are taken, in both of their forms, and which are not.

use rcgen::PublicKeyData as _;
use serde_json::json;

use super::*;
use crate::Pair;

/// Keys in PEM of each kind, their certificates, and what they sign with.
fn made() -> Vec<(String, String, Algorithm)> {
    let kinds = [
        (&rcgen::PKCS_ECDSA_P256_SHA256, Algorithm::Es256),
        (&rcgen::PKCS_ECDSA_P384_SHA384, Algorithm::Es384),
        (&rcgen::PKCS_ED25519, Algorithm::EdDsa),
        (&rcgen::PKCS_RSA_SHA256, Algorithm::Rs256),
    ];
    let make = |(kind, algorithm)| {
        let key = rcgen::KeyPair::generate_for(kind).expect("a key");
        let certificate = rcgen::CertificateParams::new(vec!["a.test".to_owned()]).expect("a name");
        let certificate = certificate.self_signed(&key).expect("a certificate");
        (key.public_key_pem(), certificate.pem(), algorithm)
    };
    kinds.into_iter().map(make).collect()
}

#[test]
fn a_certificate_has_the_key_that_it_is_made_for() {
    for (key, certificate, algorithm) in made() {
        let of = |text: &str| PublicKey::from_pem(text).unwrap_or_else(|_| panic!("{}", algorithm.name()));
        match (of(&key).material, of(&certificate).material) {
            (Material::Rsa { n, e }, Material::Rsa { n: m, e: f }) => assert_eq!((n, e), (m, f)),
            (Material::Ec(curve, point), Material::Ec(_, other)) => {
                assert_eq!((curve.name.len(), point), ("P-256".len(), other));
            }
            (Material::Ed25519(x), Material::Ed25519(y)) => assert_eq!(x, y),
            _ => panic!("{}: two kinds of keys", algorithm.name()),
        }
    }
}

#[test]
fn the_key_of_a_pem_verifies_what_its_private_half_has_signed() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let key = PublicKey::from_pem(&pair.public_key_pem()).expect("a key");
    let signer = aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(&pair.serialize_der()).expect("it is one");
    let signature = signer.sign(b"message");
    assert!(key.verifies(Algorithm::EdDsa, b"message", signature.as_ref()));
    assert!(!key.verifies(Algorithm::EdDsa, b"massage", signature.as_ref()));
    assert!(!key.verifies(Algorithm::Es256, b"message", signature.as_ref()));
    assert!(key.kid().is_none() && pair.der_bytes().len() == ED25519_BYTES);
}

#[test]
fn texts_without_a_key_are_refused() {
    let private = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    let block = |name: &str, content: &str| format!("-----BEGIN {name}-----\n{content}\n-----END {name}-----\n");
    for text in [
        String::new(),
        "no PEM".to_owned(),
        private,
        block("PUBLIC KEY", "AAAA"),
        block("PUBLIC KEY", "MIIB"),
        block("CERTIFICATE", "MIIB"),
        block("CERTIFICATE", "MAYwBDACMAA="),
    ] {
        assert!(PublicKey::from_pem(&text).is_err(), "{text}");
    }
}

#[test]
fn keys_for_other_purposes_or_of_other_kinds_are_none() {
    let base = json!(Pair::generate(Algorithm::Es256, "a".to_owned()).expect("a key").public);
    let changed = |changes: Value| {
        let mut key = base.clone();
        for (name, value) in changes.as_object().expect("an object") {
            key[name] = value.clone();
        }
        PublicKey::from_jwk(&key)
    };
    for changes in [json!({}), json!({ "key_ops": ["verify"] }), json!({ "x5c": ["AAAA"], "unknown": 1 })] {
        assert!(changed(changes.clone()).is_some(), "{changes}");
    }
    for changes in [
        json!({ "use": "enc" }),
        json!({ "key_ops": ["sign"] }),
        json!({ "alg": "none" }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "ECDH-ES" }),
        json!({ "kty": "oct", "k": "AAAA" }),
        json!({ "crv": "secp256k1" }),
        json!({ "crv": "P-384" }),
        json!({ "x": "AAAA" }),
        json!({ "x": "?" }),
        json!({ "x": null }),
        json!({ "kty": "RSA" }),
        json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }),
        json!({ "kty": "RSA", "n": BASE64URL_NOPAD.encode(&[1; 256]), "e": BASE64URL_NOPAD.encode(&[1; 6]) }),
        json!({ "kty": "RSA", "n": BASE64URL_NOPAD.encode(&[1; 1025]), "e": "AQAB" }),
        json!({ "kty": "RSA", "n": BASE64URL_NOPAD.encode(&[0; 256]), "e": "AQAB" }),
        json!({ "kty": "OKP", "crv": "X25519" }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" }),
    ] {
        assert!(changed(changes.clone()).is_none(), "{changes}");
    }
    for value in [json!(null), json!([]), json!("x"), json!({})] {
        assert!(PublicKey::from_jwk(&value).is_none(), "{value}");
    }
}

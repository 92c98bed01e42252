//! What people are told about a handshake that failed.

use client::{Error, Method, Untrusted};

use super::Failure;

#[test]
fn a_certificate_that_is_not_trusted_brings_advice() {
    let name = Untrusted::Name { expected: "127.0.0.1".to_owned(), presented: vec!["a.test".to_owned()] };
    for (source, words, advice) in [
        (Untrusted::Authority, "signed by an authority that is not trusted here", "-ca-cert=FILE, or VAULT_CACERT"),
        (name, "is for a.test, not for 127.0.0.1", "-tls-server-name=NAME, or VAULT_TLS_SERVER_NAME"),
        (Untrusted::Expired, "has expired", "a new certificate"),
        (Untrusted::Anonymous, "asks for a client certificate", "-client-cert=FILE"),
    ] {
        let url = Box::new("https://127.0.0.1:8200/v1/a".parse().expect("a URL"));
        let failure = Failure::api("Error reading a", &Error::Untrusted { method: Method::GET, url, source });
        let (error, hint) = failure.message.split_once("\n\n").expect("advice");
        assert!(error.starts_with("Error reading a: GET \"https://127.0.0.1:8200/v1/a\": the server"), "{error}");
        assert!(error.contains(words) && hint.contains(advice), "{}", failure.message);
        assert_eq!(failure.code, super::EXIT_API);
    }
}

//! Which texts are authorities, and which names a server can have.

use super::*;

#[test]
fn authorities_are_certificates_and_nothing_else() {
    let made = rcgen::generate_simple_self_signed(vec!["a.test".to_owned()]).expect("a certificate");
    let pem = made.cert.pem();
    let key = made.signing_key.serialize_pem();
    assert_eq!(authorities(&pem).map(|found| found.len()).ok(), Some(1));
    assert_eq!(authorities(&pem.repeat(3)).map(|found| found.len()).ok(), Some(3));
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for text in ["no PEM", "", &key, garbage, &[pem.as_str(), garbage].concat(), &pem.repeat(1_001)] {
        assert!(authorities(text).is_err(), "{}", &text[..text.len().min(40)]);
    }
    assert_eq!(Trust::from_pem(" \n").ok(), Some(Trust::System));
    assert!(Trust::from_pem("no PEM").is_err());
}

#[test]
fn a_server_name_is_a_name_or_an_address() {
    for (name, is_one) in [("a.test", true), ("10.0.0.1", true), ("::1", true), ("a b", false), ("", false)] {
        assert_eq!(client_config(&Trust::System, Some(name)).is_ok(), is_one, "{name}");
    }
}

use super::{NameConstraints, Subtree};
use crate::certificate::AlternativeNames;

fn admit(permitted: &[Subtree<'_>], excluded: &[Subtree<'_>], names: &AlternativeNames<'_>) -> bool {
    NameConstraints { permitted: permitted.to_vec(), excluded: excluded.to_vec() }.admit(names)
}

fn dns(name: &str) -> AlternativeNames<'_> {
    AlternativeNames { dns: vec![name], ..AlternativeNames::default() }
}

#[test]
fn hosts_are_the_base_and_what_is_below() {
    for (base, name, holds) in [
        ("example.com", "example.com", true),
        ("example.com", "A.Example.COM", true),
        ("example.com", "example.com.", true),
        ("example.com", "badexample.com", false),
        ("example.com", "com", false),
        (".example.com", "a.example.com", true),
        (".example.com", "example.com", false),
        ("", "anything", true),
    ] {
        assert_eq!(admit(&[Subtree::Dns(base)], &[], &dns(name)), holds, "{base} {name}");
        assert_eq!(admit(&[], &[Subtree::Dns(base)], &dns(name)), !holds, "{base} {name}");
    }
}

#[test]
fn mail_addresses_and_uris_are_judged_by_their_host() {
    for (base, name, holds) in [
        ("example.com", "a@example.com", true),
        ("example.com", "a@sub.example.com", false),
        (".example.com", "a@sub.example.com", true),
        ("a@example.com", "a@EXAMPLE.com", true),
        ("a@example.com", "A@example.com", false),
        ("example.com", "no address", false),
    ] {
        let names = AlternativeNames { email: vec![name], ..AlternativeNames::default() };
        assert_eq!(admit(&[Subtree::Email(base)], &[], &names), holds, "{base} {name}");
    }
    for (base, name, holds) in [
        ("example.com", "spiffe://example.com/a", true),
        ("example.com", "spiffe://u@example.com:8/a", true),
        ("example.com", "spiffe://a.example.com/a", false),
        (".example.com", "spiffe://a.example.com", true),
        ("example.com", "urn:example.com", false),
        ("", "https://1.2.3.4/", false),
        ("", "https://[::1]/", false),
    ] {
        let names = AlternativeNames { uri: vec![name], ..AlternativeNames::default() };
        assert_eq!(admit(&[Subtree::Uri(base)], &[], &names), holds, "{base} {name}");
    }
    let odd = AlternativeNames { uri: vec!["urn:a"], ..AlternativeNames::default() };
    assert!(!admit(&[], &[Subtree::Uri("example.com")], &odd), "what cannot be judged is excluded");
}

#[test]
fn addresses_are_judged_by_the_mask_and_kinds_do_not_mix() {
    let net = Subtree::Ip(&[10, 0, 0, 0], &[255, 0, 0, 0]);
    let ip = |bytes: &'static [u8]| AlternativeNames { ip: vec![bytes], ..AlternativeNames::default() };
    assert!(admit(&[net], &[], &ip(&[10, 1, 2, 3])));
    assert!(!admit(&[net], &[], &ip(&[11, 1, 2, 3])));
    assert!(!admit(&[net], &[], &ip(&[10; 16])));
    assert!(!admit(&[], &[net], &ip(&[10, 9, 9, 9])));
    assert!(admit(&[net], &[net], &dns("example.com")), "a constraint is about its own kind of names");
    assert!(admit(&[Subtree::Dns("a"), Subtree::Dns("b")], &[], &dns("b")), "any of the permitted is enough");
}

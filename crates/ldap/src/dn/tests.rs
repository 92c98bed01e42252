use proptest::prelude::*;

use super::*;

#[test]
fn what_would_end_a_value_is_escaped() {
    for (text, escaped) in [
        ("bob", "bob"),
        ("bob,ou=admins", "bob\\,ou\\=admins"),
        ("a+b=c;d<e>f\"g\\h", "a\\+b\\=c\\;d\\<e\\>f\\\"g\\\\h"),
        ("#1", "\\#1"),
        ("a#1", "a#1"),
        (" a b ", "\\ a b\\ "),
        (" ", "\\ "),
        ("a\0b", "a\\00b"),
        ("Jürgen", "Jürgen"),
        ("", ""),
    ] {
        assert_eq!(escape(text), escaped, "{text:?}");
    }
}

/// The examples of RFC 4514 §4, and others.
#[test]
fn the_common_name_is_found() {
    for (dn, name) in [
        ("CN=Steve Kille,O=Isode Limited,C=GB", Some("Steve Kille")),
        ("OU=Sales+CN=J.  Smith,DC=example,DC=net", Some("J.  Smith")),
        ("CN=James \\\"Jim\\\" Smith\\, III,DC=example,DC=net", Some("James \"Jim\" Smith, III")),
        ("CN=Before\\0dAfter,DC=example,DC=net", Some("Before\rAfter")),
        ("CN=Lu\\C4\\8Di\\C4\\87", Some("Lučić")),
        ("cn = dev , dc=example", Some("dev")),
        ("cn=dev\\ ,dc=example", Some("dev ")),
        ("uid=bob,ou=people", None),
        ("UID=jsmith,DC=example,DC=net", None),
        ("dev", None),
        ("", None),
        ("cn=a,", None),
        ("cn=a\\", None),
        ("cn=a\\zq\\f", None),
        ("=a,cn=b", None),
        ("cn=\\ff,dc=a", None),
    ] {
        assert_eq!(common_name(dn).as_deref(), name, "{dn}");
    }
    assert!(is_dn("uid=bob,ou=people") && !is_dn("dev") && !is_dn(""));
}

proptest! {
    #[test]
    fn an_escaped_text_is_one_value_again(text in "\\PC{0,40}") {
        prop_assume!(!text.is_empty());
        let dn = ["cn=", &escape(&text), ",dc=example"].concat();
        prop_assert_eq!(common_name(&dn), Some(text));
        prop_assert_eq!(parse(&dn).map(|it| it.len()), Some(2));
    }

    #[test]
    fn no_text_makes_it_panic(text in "(\\PC|[\\\\,+=;#\" ]){0,40}") {
        let _ = parse(&text);
    }
}

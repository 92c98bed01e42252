use super::{Cidr, WrittenCidr, admit, networks_of, texts};

fn bound(text: &str) -> Vec<Cidr> {
    text.split(',').map(|it| it.parse().expect("a network")).collect()
}

fn check(networks: &str, address: &str, expected: bool) {
    let address = address.parse().expect("an address");
    assert_eq!(admit(&bound(networks), Some(address)), expected, "{address} in {networks}");
}

#[test]
fn an_address_is_in_a_network_whatever_its_notation() {
    check("10.0.0.0/8", "10.1.2.3", true);
    check("10.0.0.0/8", "11.1.2.3", false);
    check("10.9.9.9/8", "10.1.2.3", true);
    check("10.0.0.0/8", "::ffff:10.1.2.3", true);
    check("::ffff:10.0.0.0/104", "10.1.2.3", true);
    check("::ffff:10.0.0.0/104", "11.1.2.3", false);
    check("127.0.0.1", "127.0.0.1", true);
    check("127.0.0.1", "127.0.0.2", false);
    check("fd00::/8,127.0.0.1", "fd12::1", true);
    check("fd00::/8,127.0.0.1", "::1", false);
    check("0.0.0.0/0", "::1", false);
    check("::/0", "10.0.0.1", false);
}

#[test]
fn a_network_covers_what_lies_within_it_whole() {
    for (outer, inner, expected) in [
        ("10.0.0.0/8", "10.1.0.0/16", true),
        ("10.0.0.0/8", "10.0.0.0/8", true),
        ("10.9.9.9/8", "10.1.2.3", true),
        ("10.0.0.0/8", "10.0.0.0/7", false),
        ("10.1.0.0/16", "10.2.0.0/16", false),
        ("::ffff:10.0.0.0/104", "10.1.0.0/16", true),
        ("0.0.0.0/0", "::1", false),
        ("::/0", "10.0.0.1", false),
    ] {
        let (covers, covered): (Vec<_>, Vec<_>) = (bound(outer), bound(inner));
        assert!(
            covers.iter().all(|outer| covered.iter().all(|inner| outer.covers(*inner) == expected)),
            "{outer} {inner}"
        );
    }
}

#[test]
fn whoever_has_no_address_is_in_no_network() {
    assert!(!admit(&bound("0.0.0.0/0,::/0"), None));
    assert!(admit(&[], None));
}

#[test]
fn networks_are_shown_as_they_were_written_and_addresses_without_a_mask() {
    for (text, shown) in [
        ("10.1.0.0/16", "10.1.0.0/16"),
        ("10.1.2.3/16", "10.1.2.3/16"),
        ("10.1.2.3/32", "10.1.2.3"),
        ("10.1.2.3", "10.1.2.3"),
        ("::1/128", "::1"),
        ("FD00::/8", "fd00::/8"),
    ] {
        let cidr: Cidr = text.parse().expect("a network");
        assert_eq!(cidr.to_string(), shown);
        assert_eq!(shown.parse::<Cidr>().expect("what is shown can be read"), cidr);
    }
    for text in ["", "10.0.0.0/33", "10.0.0", "localhost", "10.0.0.1:80", "10.0.0.0/8 "] {
        let error = text.parse::<Cidr>().expect_err(text).to_string();
        assert_eq!(error, format!("\"{text}\" is neither an IP address nor a network such as 10.0.0.0/8"));
    }
}

#[test]
fn what_is_shown_as_it_was_written_keeps_its_text_and_is_the_same_network() {
    for text in ["10.1.2.3/32", "10.1.2.3", "::1/128", "FD00::/8", "10.1.2.3/16", "::ffff:10.0.0.0/104"] {
        let written: WrittenCidr = text.parse().expect("a network");
        let stored = serde_json::to_string(&written).expect("text");
        let read: WrittenCidr = serde_json::from_str(&stored).expect("what is stored can be read");
        assert_eq!((texts(std::slice::from_ref(&read)), read), (vec![text.to_owned()], written.clone()));
        assert_eq!(networks_of(&[written]), bound(text));
    }
    assert!("10.0.0.0/33".parse::<WrittenCidr>().is_err());
    assert!(serde_json::from_str::<WrittenCidr>("\"localhost\"").is_err());
}

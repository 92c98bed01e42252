use super::*;

fn entry(dn: &str, values: &[&str]) -> Entry {
    let values: Vec<_> = values.iter().map(|value| value.as_bytes().to_vec()).collect();
    let attributes = if values.is_empty() { Vec::new() } else { vec![("CN".to_owned(), values)] };
    Entry { dn: dn.to_owned(), attributes }
}

#[test]
fn groups_are_called_by_the_attribute_or_by_themselves() {
    let entries = [
        entry("cn=dev,ou=groups", &["dev"]),
        entry("cn=ops,ou=groups", &[]),
        entry("cn=bob,ou=people", &["CN=Dev\\, two,ou=x", "dev", "ou=none"]),
        entry("uid=x", &[]),
    ];
    assert_eq!(group_names(&entries, "cn"), ["dev", "ops", "Dev, two", "ou=none", "uid=x"]);
}

#[test]
fn security_identifiers_are_written_out() {
    let sid = b"\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\xa0\x65\xcf\x7e\x78\x4b\x9b\x5f\xe7\x7c\x87\x70\x09\x1c\x01\x00";
    assert_eq!(sid_text(sid).as_deref(), Some("S-1-5-21-2127521184-1604012920-1887927527-72713"));
    assert_eq!(sid_text(b"\x01\x01\x00\x00\x00\x00\x00\x05\x12\x00\x00\x00").as_deref(), Some("S-1-5-18"));
    for bad in [&b""[..], b"\x01\x01\x00\x00\x00\x00\x00\x05", b"\x01\x00\x00\x00\x00\x00\x00\x05\x01"] {
        assert_eq!(sid_text(bad), None);
    }
}

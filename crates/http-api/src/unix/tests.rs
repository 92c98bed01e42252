use super::*;

#[test]
fn names_are_found_by_their_whole_first_field() {
    let text = "root:x:0:0:root:/root:/bin/sh\n# note\n\nvault:x:998:997::/:/bin/false\nvaultadmin:x:1001:1001::/:/bin/sh\n\
                broken:x\nodd:x:many:1\n";
    for (name, expected) in
        [("root", Some(0)), ("vault", Some(998)), ("vaultadmin", Some(1001)), ("vau", None), ("", None)]
    {
        assert_eq!(number_of(text, name), expected, "{name}");
    }
    assert_eq!((number_of(text, "broken"), number_of(text, "odd"), number_of(text, "x")), (None, None, None));
}

#[test]
fn a_number_is_its_own_owner_and_an_unknown_name_is_refused() {
    assert_eq!(owner(USERS, "12345").unwrap(), 12345);
    assert_eq!(owner(USERS, "root").unwrap(), 0);
    let error = owner(GROUPS, "no-such-group").unwrap_err().to_string();
    assert_eq!(error, "\"no-such-group\" is neither a number nor a name in /etc/group");
}

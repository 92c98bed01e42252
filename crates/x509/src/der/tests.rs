use super::{OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, oid_text, only, write};

#[test]
fn each_length_has_one_form() {
    for (bytes, length) in [
        (&[4, 0][..], Some(0)),
        (&[4, 1, 9], Some(1)),
        (&[4, 0x80], None),
        (&[4, 0x81, 1, 9], None),
        (&[4, 0x82, 0, 0x80], None),
        (&[4, 2, 9], None),
        (&[4], None),
        (&[], None),
        (&[0x1f, 1, 9], None),
        (&[4, 0x84, 0xff, 0xff, 0xff, 0xff], None),
        (&[4, 0x85, 1, 0, 0, 0, 0], None),
    ] {
        assert_eq!(Reader::new(bytes).any().ok().map(|it| it.content.len()), length, "{bytes:?}");
    }
    for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
        let content = vec![7; length];
        let written = write(OCTET_STRING, &[&content]);
        assert_eq!(only(&written, OCTET_STRING).unwrap().content, content);
        assert!(only(&[&written[..], &[0]].concat(), OCTET_STRING).is_err(), "nothing may follow");
        assert!(only(&written, SEQUENCE).is_err());
    }
}

#[test]
fn integers_and_booleans_have_one_form() {
    let small = |bytes: &[u8]| Reader::new(bytes).small().ok();
    assert_eq!(small(&[2, 1, 0]), Some(0));
    assert_eq!(small(&[2, 1, 127]), Some(127));
    assert_eq!(small(&[2, 2, 0, 255]), Some(255));
    for bytes in [&[2, 0][..], &[2, 1, 0x80], &[2, 2, 0, 1], &[2, 2, 0xff, 0xff], &[2, 2, 1, 0], &[4, 1, 0]] {
        assert_eq!(small(bytes), None, "{bytes:?}");
    }
    let boolean = |bytes: &[u8]| Reader::new(bytes).optional_bool();
    assert_eq!(
        (boolean(&[1, 1, 0xff]), boolean(&[1, 1, 0]), boolean(&[2, 1, 0])),
        (Ok(Some(true)), Ok(Some(false)), Ok(None))
    );
    assert!(boolean(&[1, 1, 1]).is_err());
}

#[test]
fn object_identifiers_are_told_as_text() {
    for (content, text) in [
        (&[0x55, 4, 3][..], Some("2.5.4.3")),
        (&[0x2b, 6, 1, 4, 1, 0x82, 0x37], Some("1.3.6.1.4.1.311")),
        (&[0x88, 0x37], Some("2.999")),
        (&[0x27], Some("0.39")),
        (&[], None),
        (&[0x80, 1], None),
        (&[0x2b, 0x86], None),
        (&[0x2b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], None),
    ] {
        assert_eq!(oid_text(content).as_deref(), text, "{content:?}");
        assert!(only(&write(OBJECT_IDENTIFIER, &[content]), OBJECT_IDENTIFIER).is_ok());
    }
}

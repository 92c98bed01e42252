use proptest::prelude::*;

use super::*;

fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    write(&mut writer);
    writer.into_bytes()
}

#[test]
fn numbers_and_lengths_are_written_as_short_as_can_be() {
    for (value, bytes) in [
        (0, &[0x02, 0x01, 0x00][..]),
        (127, &[0x02, 0x01, 0x7f]),
        (128, &[0x02, 0x02, 0x00, 0x80]),
        (256, &[0x02, 0x02, 0x01, 0x00]),
        (-1, &[0x02, 0x01, 0xff]),
        (-128, &[0x02, 0x01, 0x80]),
        (-129, &[0x02, 0x02, 0xff, 0x7f]),
        (i32::MAX, &[0x02, 0x04, 0x7f, 0xff, 0xff, 0xff]),
        (i32::MIN, &[0x02, 0x04, 0x80, 0x00, 0x00, 0x00]),
    ] {
        assert_eq!(written(|it| it.int(INTEGER, value)), bytes, "{value}");
    }
    for (length, head) in [
        (0, &[0x04, 0x00][..]),
        (127, &[0x04, 0x7f]),
        (128, &[0x04, 0x81, 0x80]),
        (255, &[0x04, 0x81, 0xff]),
        (256, &[0x04, 0x82, 0x01, 0x00]),
        (65_536, &[0x04, 0x83, 0x01, 0x00, 0x00]),
    ] {
        assert_eq!(written(|it| it.put(OCTETS, &vec![0; length]))[..head.len()], *head, "{length}");
    }
    assert_eq!(written(|it| it.nest(SEQUENCE, |it| it.boolean(BOOLEAN, true))), [0x30, 0x03, 0x01, 0x01, 0xff]);
}

#[test]
fn lengths_may_be_longer_than_they_need_but_not_without_end() {
    assert_eq!(Reader::new(&[0x04, 0x84, 0, 0, 0, 1, b'a']).take(OCTETS), Ok(&b"a"[..]));
    for bad in
        [&[0x04, 0x80, 0, 0][..], &[0x04, 0x85, 0, 0, 0, 0, 1, b'a'], &[0x1f, 0x01, 0x00], &[0x04, 0x02, b'a'], &[]]
    {
        assert_eq!(Reader::new(bad).next(), Err(Malformed), "{bad:?}");
    }
    assert_eq!(Reader::new(&[0x02, 0x05, 1, 2, 3, 4, 5]).int(INTEGER), Err(Malformed));
    assert_eq!(Reader::new(&[0x02, 0x00]).int(INTEGER), Err(Malformed));
    assert_eq!(frame(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), Ok(Some(0xffff_ffff + 6)));
    assert_eq!(frame(&[0x30, 0x82, 0x01]), Ok(None));
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(number: i32, text: Vec<u8>, flag: bool) {
        let bytes = written(|it| it.nest(SEQUENCE, |it| {
            it.int(ENUMERATED, number);
            it.put(OCTETS, &text);
            it.boolean(BOOLEAN, flag);
        }));
        prop_assert_eq!(frame(&bytes), Ok(Some(bytes.len())));
        let mut inner = Reader::new(&bytes).nested(SEQUENCE).unwrap();
        prop_assert_eq!(inner.int(ENUMERATED), Ok(number));
        prop_assert_eq!(inner.take(OCTETS), Ok(&text[..]));
        prop_assert_eq!(inner.take(BOOLEAN).map(|it| it != [0]), Ok(flag));
        prop_assert!(inner.is_empty());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let mut reader = Reader::new(&bytes);
        while let Ok((_, value)) = reader.next() {
            std::hint::black_box(Reader::new(value).int(INTEGER)).ok();
            if reader.is_empty() {
                break;
            }
        }
        std::hint::black_box(frame(&bytes)).ok();
    }
}

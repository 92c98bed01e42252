use proptest::prelude::*;

use super::*;

#[test]
fn questions_are_asked_as_the_rfc_says() {
    assert_eq!(bind(1, "", ""), b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00");
    assert_eq!(bind(2, "cn=a", "p"), b"\x30\x11\x02\x01\x02\x60\x0c\x02\x01\x03\x04\x04cn=a\x80\x01p");
    assert_eq!(start_tls(1), b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037");
    let filter = Filter::equal("cn", "a");
    let asked = Search {
        base: "dc=b",
        scope: Scope::Subtree,
        dereference: Dereference::Finding,
        entries_max: 2,
        filter: &filter,
        attributes: &["cn"],
        page: None,
    };
    let body = b"\x63\x24\x04\x04dc=b\x0a\x01\x02\x0a\x01\x02\x02\x01\x02\x02\x01\x1e\x01\x01\x00\xa3\x07\x04\x02cn\x04\x01a\x30\x04\x04\x02cn";
    assert_eq!(search(4, &asked, 30, &[]), [&b"\x30\x29\x02\x01\x04"[..], body].concat());
    let paged = search(4, &Search { page: Some(5), ..asked }, 30, b"xy");
    let control = b"\xa0\x25\x30\x23\x04\x161.2.840.113556.1.4.319\x04\x09\x30\x07\x02\x01\x05\x04\x02xy";
    assert!(paged.ends_with(control), "{paged:02x?}");
}

#[test]
fn answers_are_understood() {
    let ended = |code, text: &str, cookie: &[u8]| Ended { code, text: text.to_owned(), cookie: cookie.to_vec() };
    for (bytes, answer) in [
        (&b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"[..], Answer::Bound(ended(0, "", b""))),
        // With referrals behind the text, and lengths as Active Directory writes them.
        (
            b"\x30\x84\x00\x00\x00\x1f\x02\x01\x01\x61\x84\x00\x00\x00\x16\x0a\x01\x31\x04\x00\x04\x02no\xa3\x0b\x04\x09ldap://a/",
            Answer::Bound(ended(49, "no", b"")),
        ),
        (
            b"\x30\x1d\x02\x01\x01\x64\x18\x04\x04cn=a\x30\x10\x30\x0e\x04\x02cn\x31\x08\x04\x01a\x04\x03\xff\x00b",
            Answer::Found(Entry {
                dn: "cn=a".to_owned(),
                attributes: vec![("cn".to_owned(), vec![b"a".to_vec(), b"\xff\x00b".to_vec()])],
            }),
        ),
        (b"\x30\x09\x02\x01\x01\x73\x04\x04\x02ab", Answer::Elsewhere),
        (
            b"\x30\x33\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00\xa0\x25\x30\x23\x04\x161.2.840.113556.1.4.319\x04\x09\x30\x07\x02\x01\x00\x04\x02xy",
            Answer::Searched(ended(0, "", b"xy")),
        ),
    ] {
        assert_eq!(read(bytes), Ok((1, answer)));
    }
    let entry = Entry { dn: String::new(), attributes: vec![("CN".to_owned(), vec![b"a".to_vec(), b"\xff".to_vec()])] };
    assert_eq!(entry.texts("cn").collect::<Vec<_>>(), ["a"], "what is no text is passed over");
    assert!(entry.values("sn").is_empty());
    for bad in [&b""[..], b"\x30\x00", b"\x30\x05\x02\x01\x01\x42\x00", b"\x30\x06\x02\x01\x01\x61\x01\x00"] {
        assert_eq!(read(bad), Err(Malformed), "{bad:02x?}");
    }
}

#[test]
fn more_values_than_anybody_has_are_refused() {
    let message = |count: usize| {
        let mut writer = Writer::default();
        writer.nest(SEQUENCE, |it| {
            it.int(INTEGER, 1);
            it.nest(SEARCH_ENTRY, |it| {
                it.put(OCTETS, b"cn=a");
                it.nest(SEQUENCE, |it| {
                    it.nest(SEQUENCE, |it| {
                        it.put(OCTETS, b"x");
                        it.nest(SET, |it| (0..count).for_each(|_| it.put(OCTETS, b"")));
                    });
                });
            });
        });
        writer.into_bytes()
    };
    let Ok((1, Answer::Found(entry))) = read(&message(VALUES_MAX - 1)) else { panic!("as many as that are taken") };
    assert!(entry.weight() > VALUES_MAX * 24, "they count for what they take");
    assert_eq!(read(&message(VALUES_MAX)), Err(Malformed));
}

#[test]
fn the_corpus_of_the_fuzzer_is_read_or_refused_as_its_names_say() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/ldap");
    let mut messages = Vec::new();
    for file in std::fs::read_dir(folder).expect("the corpus is part of the repository") {
        let path = file.expect("a file").path();
        let bytes = std::fs::read(&path).expect("it can be read");
        if crate::is_message(&bytes) {
            messages.push(path.file_name().expect("a name").to_string_lossy().into_owned());
        }
        if let Ok(text) = std::str::from_utf8(&bytes) {
            assert_eq!(crate::Filter::parse(text).is_ok(), path.ends_with("filter"), "{}", path.display());
        }
    }
    messages.sort();
    assert_eq!(messages, ["bound", "entry", "refused"]);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, tag in prop::sample::select(vec![0x61_u8, 0x64, 0x65, 0x73, 0x78])) {
        drop(read(&bytes));
        let mut writer = Writer::default();
        writer.nest(SEQUENCE, |it| {
            it.int(INTEGER, 1);
            it.put(tag, &bytes);
        });
        drop(read(&writer.into_bytes()));
    }
}

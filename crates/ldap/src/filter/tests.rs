use proptest::prelude::*;

use super::*;

fn sent(text: &str) -> Vec<u8> {
    let mut writer = Writer::default();
    Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).write(&mut writer);
    writer.into_bytes()
}

/// Encoded by hand after RFC 4511 §4.5.1.7.
#[test]
fn filters_are_sent_as_the_rfc_says() {
    for (text, bytes) in [
        ("(cn=a)", &b"\xa3\x07\x04\x02cn\x04\x01a"[..]),
        ("(cn=)", b"\xa3\x06\x04\x02cn\x04\x00"),
        ("(cn=*)", b"\x87\x02cn"),
        ("(cn>=a)", b"\xa5\x07\x04\x02cn\x04\x01a"),
        ("(cn<=a)", b"\xa6\x07\x04\x02cn\x04\x01a"),
        ("(cn~=a)", b"\xa8\x07\x04\x02cn\x04\x01a"),
        ("(cn=a*b*c)", b"\xa4\x0f\x04\x02cn\x30\x09\x80\x01a\x81\x01b\x82\x01c"),
        ("(cn=*b*)", b"\xa4\x09\x04\x02cn\x30\x03\x81\x01b"),
        ("(cn=\\2a)", b"\xa3\x07\x04\x02cn\x04\x01*"),
        ("(!(cn=a))", b"\xa2\x09\xa3\x07\x04\x02cn\x04\x01a"),
        ("(&(cn=a)(|(cn=b)))", b"\xa0\x14\xa3\x07\x04\x02cn\x04\x01a\xa1\x09\xa3\x07\x04\x02cn\x04\x01b"),
        ("(cn:dn:2.4.6:=a)", b"\xa9\x11\x81\x052.4.6\x82\x02cn\x83\x01a\x84\x01\xff"),
        ("(member:1.2:=a)", b"\xa9\x10\x81\x031.2\x82\x06member\x83\x01a"),
        ("(:1.2:=a)", b"\xa9\x08\x81\x031.2\x83\x01a"),
    ] {
        assert_eq!(sent(text), bytes, "{text}");
    }
    assert_eq!(sent("(& (cn=a)\n  (cn=b) )"), sent("(&(cn=a)(cn=b))"));
}

#[test]
fn what_is_no_filter_is_refused() {
    for (text, error) in [
        ("cn=a", FilterError::Parentheses),
        ("(cn=a", FilterError::Parentheses),
        ("(cn=a))", FilterError::Parentheses),
        ("(cn=a)(cn=b)", FilterError::Parentheses),
        ("(cn=(a))", FilterError::Parentheses),
        ("", FilterError::Parentheses),
        ("()", FilterError::Item),
        ("(cn)", FilterError::Item),
        ("(=a)", FilterError::Item),
        ("(c n=a)", FilterError::Item),
        ("( & (cn=a))", FilterError::Item),
        ("(&)", FilterError::Item),
        ("(:=a)", FilterError::Item),
        ("(cn:dn:a:b:=c)", FilterError::Item),
        ("(cn=\\)", FilterError::Escape),
        ("(cn=\\zz)", FilterError::Escape),
        ("(cn=\\2)", FilterError::Escape),
    ] {
        assert_eq!(Filter::parse(text), Err(error), "{text}");
    }
    let deep = ["(!".repeat(40), "(cn=a)".to_owned(), ")".repeat(40)].concat();
    assert_eq!(Filter::parse(&deep), Err(FilterError::TooDeep));
    assert_eq!(Filter::parse(&format!("(cn={})", "a".repeat(FILTER_BYTES_MAX))), Err(FilterError::TooLong));
}

proptest! {
    #[test]
    fn an_escaped_text_is_compared_literally(text: String) {
        let filter = Filter::parse(&format!("(&(uid={})(a=b))", escape(&text)));
        let expected = Filter::And(vec![Filter::equal("uid", &text), Filter::equal("a", "b")]);
        prop_assert_eq!(filter, Ok(expected));
    }

    #[test]
    fn no_text_makes_it_panic(text in "(\\PC|[()&|!=*\\\\:<>~]){0,60}") {
        drop(Filter::parse(&text));
    }
}

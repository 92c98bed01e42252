use super::seconds;
use crate::der::{Element, GENERALIZED_TIME, UTC_TIME};

#[test]
fn times_are_those_of_the_calendar() {
    let read = |tag, text: &'static str| seconds(&Element { tag, content: text.as_bytes(), whole: &[] });
    for (tag, text, expected) in [
        (UTC_TIME, "700101000000Z", Some(0)),
        (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
        (UTC_TIME, "500101000000Z", Some(-631_152_000)),
        (GENERALIZED_TIME, "20000229120000Z", Some(951_825_600)),
        (GENERALIZED_TIME, "20240301000000Z", Some(1_709_251_200)),
        (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
        (GENERALIZED_TIME, "19000228000000Z", Some(-2_203_977_600)),
        (GENERALIZED_TIME, "19000229000000Z", None),
        (GENERALIZED_TIME, "20230431000000Z", None),
        (GENERALIZED_TIME, "20231301000000Z", None),
        (GENERALIZED_TIME, "20230100000000Z", None),
        (GENERALIZED_TIME, "20230101240000Z", None),
        (GENERALIZED_TIME, "20230101000060Z", None),
        (GENERALIZED_TIME, "20230101000000.5Z", None),
        (UTC_TIME, "7001010000Z", None),
        (UTC_TIME, "700101000000", None),
        (UTC_TIME, "700101000000+0100", None),
        (UTC_TIME, "7001a1000000Z", None),
        (UTC_TIME, "", None),
    ] {
        assert_eq!(read(tag, text), expected, "{text}");
    }
    assert_eq!(read(4, "700101000000Z"), None);
}

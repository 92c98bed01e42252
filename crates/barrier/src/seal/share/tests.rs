//! Hex or base64: what is guessed.

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};

use super::{ShareError, check_share, decode_share};
use secret::SecretBytes;

fn check(text: &str, expected: &[u8]) {
    assert_eq!(decode_share(text).unwrap().expose(), expected, "{text}");
}

#[test]
fn both_encodings_of_a_share_are_read() {
    for length in [16, 32, 33] {
        let share: Vec<u8> = (0..length).map(|byte: u8| byte.wrapping_mul(7).wrapping_add(200)).collect();
        check(&HEXLOWER.encode(&share), &share);
        check(&HEXUPPER.encode(&share), &share);
        check(&BASE64.encode(&share), &share);
        check(&format!(" {}\n", BASE64.encode(&share)), &share);
    }
}

#[test]
fn hex_digits_that_are_too_many_for_a_share_are_base64() {
    // 68 characters would be 34 bytes in hex, one more than a share.
    let text = "ab".repeat(34);
    check(&text, &BASE64.decode(text.as_bytes()).unwrap());
    // 44 characters would be 22 bytes in hex: the length of a share, so hex it is.
    let text = "cd".repeat(22);
    check(&text, &HEXLOWER.decode(text.as_bytes()).unwrap());
}

#[test]
fn what_is_neither_is_refused_without_showing_it() {
    for text in ["not a share!", "abc", "====", "QUJD\u{e9}"] {
        assert_eq!(decode_share(text).err(), Some(ShareError::Encoding), "{text}");
    }
    assert_eq!(check_share(&decode_share("").unwrap()), Err(ShareError::TooShort), "as in the published API");
    assert_eq!(ShareError::Encoding.to_string(), "'key' must be a valid hex or base64 string");
}

#[test]
fn lengths_have_bounds() {
    let check = |length| check_share(&SecretBytes::new(vec![0; length]));
    assert_eq!(check(15), Err(ShareError::TooShort));
    assert_eq!(check(16), Ok(()));
    assert_eq!(check(33), Ok(()));
    assert_eq!(check(34), Err(ShareError::TooLong));
}

//! Decoding of what a server has encoded.

use data_encoding::{BASE64, BASE64_NOPAD};

use super::decoded;

fn xor(token: &str, otp: &[u8]) -> Vec<u8> {
    token.bytes().zip(otp).map(|(token, otp)| token ^ otp).collect()
}

#[test]
fn a_token_is_read_with_its_password_alone() {
    let (token, otp) = ("hvs.0123456789abcdefghijklmn", "ZYXWVUTSRQPONMLKJIHGFEDCBAzy");
    let encoded = xor(token, otp.as_bytes());
    assert_eq!(decoded(&BASE64_NOPAD.encode(&encoded), otp).as_deref(), Ok(token));
    assert_eq!(decoded(&BASE64.encode(&encoded), otp).as_deref(), Ok(token), "padding does no harm");
    let old = BASE64.encode(otp.as_bytes());
    assert_eq!(decoded(&BASE64_NOPAD.encode(&encoded), &old).as_deref(), Ok(token), "a password of an old server");

    let other = "\u{1}".repeat(otp.len());
    for (encoded, otp) in
        [("no base64!", otp), (&BASE64_NOPAD.encode(&encoded), "short"), (&BASE64_NOPAD.encode(&encoded), &other)]
    {
        assert!(decoded(encoded, otp).is_err(), "{otp}");
    }
}

use data_encoding::{BASE64, BASE64_NOPAD};
use serde_json::{Value, json};

use crate::testing::{Bench, invalid, sealed};

/// As a generation of a root token encodes it.
fn encoded(token: &str, otp: &str) -> Vec<u8> {
    token.bytes().zip(otp.bytes()).map(|(token, otp)| token ^ otp).collect()
}

async fn decode(bench: &Bench, encoded: Value, otp: Value) -> Value {
    bench.nobody().write("sys/decode-token", json!({ "encoded_token": encoded, "otp": otp })).await
}

#[tokio::test]
async fn a_token_comes_out_as_it_went_in_for_whoever_has_both_parts() {
    let bench = Bench::new().await;
    let (token, otp) = ("hvs.abcdefghijklmnopqrstuvwx", "ABCDEFGHIJKLMNOPQRSTUVWXYZ12");
    for text in [BASE64_NOPAD.encode(&encoded(token, otp)), BASE64.encode(&encoded(token, otp))] {
        assert_eq!(decode(&bench, json!(text), json!(otp)).await, json!({ "data": { "token": token } }));
    }
}

#[tokio::test]
async fn what_cannot_be_decoded_says_why() {
    let bench = Bench::new().await;
    let binary = BASE64_NOPAD.encode(&[0xff; 4]);
    for (encoded, otp, text) in [
        (json!(null), json!("x"), "missing encoded token"),
        (json!(""), json!("x"), "missing encoded token"),
        (json!("YQ"), json!(""), "missing otp"),
        (json!("!"), json!("x"), "error decoding token: it is not base64"),
        (json!("YWI"), json!("x"), "error decoding token: it and the otp are not of one length: 2 and 1 bytes"),
        (json!(binary), json!("aaaa"), "error decoding token: it is not of this otp"),
        (json!("a".repeat(16_385)), json!("x"), "encoded_token is longer than 16384 bytes"),
    ] {
        assert_eq!(decode(&bench, encoded, otp).await, invalid(text), "{text}");
    }
    bench.core.seal().await;
    assert_eq!(decode(&bench, json!("YQ"), json!("x")).await, sealed());
}

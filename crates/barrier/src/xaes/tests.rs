//! The published vectors, in `vectors/xaes-256-gcm.json`, and what must not open.

use data_encoding::HEXLOWER;
use serde::Deserialize;

use super::{Forged, XaesKey};

mod shake;

#[derive(Deserialize)]
struct Vectors {
    messages: Vec<Message>,
    accumulated: Accumulated,
}

#[derive(Deserialize)]
struct Message {
    key: String,
    nonce: String,
    plaintext: String,
    associated_data: String,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Accumulated {
    iterations: usize,
    random_stream_start: String,
    hash: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../vectors/xaes-256-gcm.json")).unwrap()
}

#[test]
fn the_published_messages_seal_and_open() {
    for message in vectors().messages {
        let key = XaesKey::new(&HEXLOWER.decode(message.key.as_bytes()).unwrap().try_into().unwrap());
        let nonce = message.nonce.as_bytes().try_into().unwrap();
        let mut sealed = Vec::new();
        key.seal(nonce, message.associated_data.as_bytes(), message.plaintext.as_bytes(), &mut sealed);
        assert_eq!(HEXLOWER.encode(&sealed), message.ciphertext);
        let opened = key.open(nonce, message.associated_data.as_bytes(), &sealed).unwrap();
        assert_eq!(opened.expose(), message.plaintext.as_bytes());
    }
}

#[test]
fn ten_thousand_random_messages_give_the_published_hash() {
    let expected = vectors().accumulated;
    let mut random = shake::Shake128::of(&[]);
    let mut ciphertexts = Vec::new();
    for _ in 0..expected.iterations {
        let key: [u8; 32] = random.read(32).try_into().unwrap();
        let nonce: [u8; 24] = random.read(24).try_into().unwrap();
        let [length] = random.read(1).try_into().unwrap();
        let plaintext = random.read(length.into());
        let [length] = random.read(1).try_into().unwrap();
        let associated = random.read(length.into());
        let cipher = XaesKey::new(&key);
        let start = ciphertexts.len();
        cipher.seal(&nonce, &associated, &plaintext, &mut ciphertexts);
        assert_eq!(cipher.open(&nonce, &associated, &ciphertexts[start..]).unwrap().expose(), &plaintext);
    }
    assert_eq!(HEXLOWER.encode(&shake::Shake128::of(&ciphertexts).read(32)), expected.hash);
}

#[test]
fn the_random_stream_of_the_vectors_is_the_published_one() {
    let start = shake::Shake128::of(&[]).read(16);
    assert_eq!(HEXLOWER.encode(&start), vectors().accumulated.random_stream_start);
}

#[test]
fn nothing_but_what_was_sealed_opens() {
    let key = XaesKey::new(&[1; 32]);
    let nonce = [2; 24];
    let mut sealed = Vec::new();
    key.seal(&nonce, b"here", b"value", &mut sealed);
    assert_eq!(key.open(&nonce, b"there", &sealed).unwrap_err(), Forged);
    assert_eq!(XaesKey::new(&[3; 32]).open(&nonce, b"here", &sealed).unwrap_err(), Forged);
    for length in 0..sealed.len() {
        assert_eq!(key.open(&nonce, b"here", &sealed[..length]).unwrap_err(), Forged, "cut to {length}");
    }
    for bit in 0..nonce.len() * 8 {
        let mut other = nonce;
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(key.open(&other, b"here", &sealed).unwrap_err(), Forged, "nonce bit {bit}");
    }
}

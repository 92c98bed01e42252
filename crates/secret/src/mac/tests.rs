//! Published vectors.

use crate::{derive_key, hmac_sha256, is_equal};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn hmac_matches_rfc_4231_test_case_2_however_the_message_is_cut() {
    let expected = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    for parts in
        [&[b"what do ya want for nothing?".as_slice()] as &[&[u8]], &[b"what do ya ", b"", b"want for nothing?"]]
    {
        assert_eq!(hmac_sha256(b"Jefe", parts).as_slice(), expected);
    }
}

#[test]
fn derived_keys_match_rfc_5869_test_case_3() {
    // The case asks for 42 bytes; HKDF's output for 32 is the start of it.
    let expected = hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
    assert_eq!(derive_key(&[0x0b; 22], &[]).expose().as_slice(), expected);
}

#[test]
fn each_purpose_has_a_key_of_its_own() {
    let keys: Vec<_> = [b"a", b"b"].iter().map(|info| derive_key(&[7; 32], &[*info])).collect();
    assert!(!is_equal(keys[0].expose(), keys[1].expose()));
}

#[test]
fn comparison_sees_every_difference() {
    assert!(is_equal(b"same", b"same"));
    assert!(is_equal(b"", b""));
    for other in ["sama", "Same", "sam", "samee", ""] {
        assert!(!is_equal(b"same", other), "{other}");
    }
}

#[test]
fn a_prepared_key_signs_as_the_key_does() {
    let key = [7; 200];
    for length in [0, 1, 32, 64, 65, 200] {
        let key = &key[..length];
        assert_eq!(super::MacKey::new(key).sign(&[b"one", b"", b"two"]), hmac_sha256(key, &[b"onetwo"]), "{length}");
    }
}

#[test]
fn sha256_is_that_of_the_standard() {
    // FIPS 180-4, the example of one block.
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let hex: String = super::sha256(b"abc").iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expected);
}

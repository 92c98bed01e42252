//! What opens and what does not.

use proptest::prelude::*;
use storage::Key;

use super::{Fault, OVERHEAD_BYTES, PLAINTEXT_BYTES_MAX, Sealed, seal};
use crate::xaes::XaesKey;

fn open(cipher: &XaesKey, key: &Key, value: &[u8]) -> Result<Vec<u8>, Fault> {
    Sealed::parse(value)?.open(cipher, key).map(secret::Secret::into_exposed)
}

#[test]
fn a_value_opens_in_its_place_and_in_no_other() {
    let cipher = XaesKey::new(&[1; 32]);
    let (here, there) = (Key::constant("here"), Key::constant("there"));
    let value = seal(&cipher, 7, &here, &[2; 24], b"plaintext");
    assert_eq!(value.len(), b"plaintext".len() + OVERHEAD_BYTES);
    assert_eq!(Sealed::parse(&value).map(|sealed| sealed.term).unwrap(), 7);
    assert_eq!(open(&cipher, &here, &value).unwrap(), b"plaintext");
    assert_eq!(open(&cipher, &there, &value).unwrap_err(), Fault::Corrupt);
    assert_eq!(open(&XaesKey::new(&[3; 32]), &here, &value).unwrap_err(), Fault::Corrupt);
}

#[test]
fn every_changed_bit_is_found() {
    let cipher = XaesKey::new(&[1; 32]);
    let key = Key::constant("here");
    let value = seal(&cipher, 7, &key, &[2; 24], b"plaintext");
    for bit in 0..value.len() * 8 {
        let mut changed = value.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        let expected = match changed[0] {
            0 | 1 => Fault::Corrupt,
            newer => Fault::NewerFormat(newer),
        };
        assert_eq!(open(&cipher, &key, &changed).unwrap_err(), expected, "bit {bit}");
    }
}

#[test]
fn every_cut_is_found() {
    let cipher = XaesKey::new(&[1; 32]);
    let key = Key::constant("here");
    let value = seal(&cipher, 7, &key, &[2; 24], b"plaintext");
    for length in 0..value.len() {
        assert_eq!(open(&cipher, &key, &value[..length]).unwrap_err(), Fault::Corrupt, "cut to {length}");
    }
    assert_eq!(open(&cipher, &key, &[&value[..], &[0]].concat()).unwrap_err(), Fault::Corrupt);
}

#[test]
fn the_longest_plaintext_fills_the_longest_value() {
    let value = seal(&XaesKey::new(&[1; 32]), 1, &Key::constant("k"), &[0; 24], &vec![0; PLAINTEXT_BYTES_MAX]);
    assert_eq!(value.len(), storage::VALUE_BYTES_MAX);
}

proptest! {
    #[test]
    fn any_value_comes_back(
        plaintext in proptest::collection::vec(any::<u8>(), 0..300),
        term in any::<u32>(),
        nonce in any::<[u8; 24]>(),
        name in proptest::collection::vec(any::<u8>(), 1..80),
    ) {
        let cipher = XaesKey::new(&[1; 32]);
        let key = Key::new(name).unwrap();
        let value = seal(&cipher, term, &key, &nonce, &plaintext);
        prop_assert_eq!(open(&cipher, &key, &value).unwrap(), plaintext);
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(value in proptest::collection::vec(any::<u8>(), 0..120)) {
        prop_assert!(open(&XaesKey::new(&[1; 32]), &Key::constant("k"), &value).is_err());
    }
}

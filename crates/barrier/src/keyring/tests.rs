//! Terms, their subkeys, and the stored form.

use env::simulated;
use secret::SecretBytes;

use super::{Fault, Keyring, Purpose, TERM_BYTES, TERMS_MAX};

const PURPOSES: [Purpose; 5] =
    [Purpose::Entries, Purpose::BatchTokens, Purpose::AuditChain, Purpose::Backups, Purpose::AccessTokens];

fn subkeys(keyring: &Keyring, term: u32) -> Vec<[u8; 32]> {
    PURPOSES.iter().map(|purpose| *keyring.subkey(term, *purpose).unwrap().expose()).collect()
}

#[test]
fn each_term_and_purpose_has_a_key_of_its_own() {
    let (env, _) = simulated::env(1);
    let keyring = Keyring::generate(&env).with_fresh_term(&env).unwrap();
    let mut keys = [subkeys(&keyring, 1), subkeys(&keyring, 2)].concat();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 2 * PURPOSES.len());
    assert!(keyring.subkey(0, Purpose::Entries).is_none());
    assert!(keyring.subkey(3, Purpose::Entries).is_none());
}

#[test]
fn a_fresh_term_leaves_the_old_ones_as_they_were() {
    let (env, clock) = simulated::env(1);
    let first = Keyring::generate(&env);
    clock.advance(std::time::Duration::from_secs(60));
    let second = first.with_fresh_term(&env).unwrap();
    assert_eq!(subkeys(&first, 1), subkeys(&second, 1));
    assert_eq!(second.active().number, 2);
    assert_eq!(second.active().created(), env.now());
    assert_eq!(second.term(1).unwrap().created(), first.active().created());
}

#[test]
fn the_stored_form_comes_back() {
    let (env, _) = simulated::env(1);
    let mut keyring = Keyring::generate(&env);
    for _ in 0..5 {
        keyring = keyring.with_fresh_term(&env).unwrap();
        let read = Keyring::decode(&keyring.encode()).unwrap();
        assert_eq!(read.encode().expose(), keyring.encode().expose());
        for term in 1..=keyring.active().number {
            assert_eq!(subkeys(&read, term), subkeys(&keyring, term));
        }
    }
}

#[test]
fn the_last_term_alone_extends_the_keyring_before_it_and_no_other() {
    let (env, _) = simulated::env(1);
    let first = Keyring::generate(&env);
    let second = first.with_fresh_term(&env).unwrap();
    let handed_over = second.last_alone();
    let followed = first.extended(&handed_over).unwrap();
    assert_eq!(followed.encode().expose(), second.encode().expose());
    assert!(second.extended(&handed_over).is_none(), "a term does not come twice");
    assert!(handed_over.extended(&first).is_none(), "an older term does not come behind");
}

#[test]
fn a_keyring_ends_at_its_bound() {
    let (env, _) = simulated::env(1);
    let mut encoded = Keyring::generate(&env).encode();
    let first = encoded.expose()[1..].to_vec();
    for number in 2..=u32::try_from(TERMS_MAX).unwrap() {
        encoded.expose_mut().extend_from_slice(&number.to_be_bytes());
        encoded.expose_mut().extend_from_slice(&first[4..]);
    }
    let full = Keyring::decode(&encoded).unwrap();
    assert!(full.with_fresh_term(&env).is_none());
    assert!(encoded.expose().len() < crate::PLAINTEXT_BYTES_MAX);
}

#[test]
fn what_is_not_a_keyring_is_refused() {
    let (env, _) = simulated::env(1);
    let sound = Keyring::generate(&env).with_fresh_term(&env).unwrap().encode().into_exposed();
    let check = |change: &dyn Fn(&mut Vec<u8>), expected: Fault| {
        let mut changed = sound.clone();
        change(&mut changed);
        assert_eq!(Keyring::decode(&SecretBytes::new(changed)).err(), Some(expected));
    };
    check(&|bytes| bytes.clear(), Fault::Malformed);
    check(&|bytes| bytes.truncate(1), Fault::Malformed);
    check(&|bytes| bytes.truncate(bytes.len() - 1), Fault::Malformed);
    check(&|bytes| bytes.push(0), Fault::Malformed);
    check(&|bytes| bytes[0] = 0, Fault::Malformed);
    check(&|bytes| bytes[0] = 2, Fault::NewerVersion(2));
    check(&|bytes| bytes[4] = 0, Fault::Malformed);
    check(&|bytes| bytes[4] = 2, Fault::Malformed);
    check(&|bytes| bytes.copy_within(1..=TERM_BYTES, 1 + TERM_BYTES), Fault::Malformed);
}

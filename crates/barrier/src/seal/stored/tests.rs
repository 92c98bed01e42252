//! The seal entry: what it holds, and that nothing in it can be changed unseen.

use env::simulated;
use secret::LockedKey;

use super::{SealEntry, SealEntryError, Split, open_root_key};
use crate::seal::Kind;

const SEAL_KEY: [u8; 32] = [1; 32];

fn entry() -> SealEntry {
    let (env, _) = simulated::env(1);
    let split = Some(Split { shares: 5, threshold: 3 });
    SealEntry::wrap(Kind::Shamir, split, None, &SEAL_KEY, &LockedKey::copy_of(&[2; 32]), &env)
}

#[test]
fn the_stored_form_comes_back_and_opens() {
    let stored = entry().encode();
    assert_eq!(SealEntry::decode(&stored).unwrap(), entry());
    assert_eq!(open_root_key(&stored, &SEAL_KEY).unwrap().expose(), &[2; 32]);
    assert_eq!(open_root_key(&stored, &[3; 32]).unwrap_err(), SealEntryError::WrongKey);
}

#[test]
fn the_root_key_is_not_in_clear() {
    let wrapped = entry().wrapped_root_key;
    assert!(!wrapped.windows(8).any(|window| window == [2; 8]));
}

#[test]
fn a_changed_field_keeps_the_root_key_closed() {
    let changed = |change: fn(&mut SealEntry)| {
        let mut changed = entry();
        change(&mut changed);
        changed.open(&SEAL_KEY).err()
    };
    assert_eq!(changed(|_| {}), None);
    assert_eq!(changed(|it| it.kind = Kind::Static), Some(SealEntryError::WrongKey));
    assert_eq!(changed(|it| it.split = Some(Split { shares: 5, threshold: 2 })), Some(SealEntryError::WrongKey));
    assert_eq!(changed(|it| it.split = None), Some(SealEntryError::WrongKey));
    assert_eq!(changed(|it| it.recovery = it.split), Some(SealEntryError::WrongKey));
    assert_eq!(changed(|it| std::mem::swap(&mut it.split, &mut it.recovery)), Some(SealEntryError::WrongKey));
    assert_eq!(changed(|it| it.wrapped_root_key[0] ^= 1), Some(SealEntryError::WrongKey));
    assert_eq!(changed(|it| it.wrapped_root_key.truncate(23)), Some(SealEntryError::Malformed));
}

#[test]
fn what_is_not_a_seal_entry_is_refused() {
    let text = String::from_utf8(entry().encode()).unwrap();
    let check = |from: &str, to: &str, expected: SealEntryError| {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from} is there");
        assert_eq!(SealEntry::decode(changed.as_bytes()).unwrap_err(), expected, "{changed}");
    };
    check("\"version\":1", "\"version\":2", SealEntryError::NewerVersion(2));
    check("shamir", "vault", SealEntryError::Malformed);
    check("shamir", "static", SealEntryError::Malformed);
    check("\"threshold\":3", "\"threshold\":0", SealEntryError::Malformed);
    check("\"threshold\":3", "\"threshold\":6", SealEntryError::Malformed);
    check("\"threshold\":3", "\"threshold\":256", SealEntryError::Malformed);
    check("split", "splits", SealEntryError::Malformed);
    check("{", "", SealEntryError::Malformed);
    assert_eq!(
        SealEntry::decode(br#"{"version":9,"anything":"else"}"#).unwrap_err(),
        SealEntryError::NewerVersion(9),
        "a later version is told from damage"
    );
}

//! Keys as gpg made them (`keys/`, public parts only), what is refused, and messages that gpg opens, where it is
//! installed.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use data_encoding::BASE64;
use env::Env;
use proptest::prelude::*;

use pgp::composed::SignedPublicKey;
use pgp::ser::Serialize as _;
use pgp::types::KeyDetails as _;

use super::{Effort, EncryptError, KeyError, PLAINTEXT_BYTES_MAX, PublicKey, Recipient};
use crate::{certificate, text};

const RSA: &str = include_str!("keys/rsa.asc");
const CURVE25519: &str = include_str!("keys/curve25519.asc");
const NISTP256: &str = include_str!("keys/nistp256.asc");
const NISTP384: &str = include_str!("keys/nistp384.asc");
const NISTP521: &str = include_str!("keys/nistp521.asc");
const SINGLE: &str = include_str!("keys/single.asc");
const TWO: &str = include_str!("keys/two.asc");
const REVOKED: &str = include_str!("keys/revoked.asc");
const EXPIRED: &str = include_str!("keys/expired.asc");

/// Seconds from 1970 to the day on which the keys were looked at.
const NOW: i64 = 1_795_500_000;

fn env() -> Env {
    env_at(NOW)
}

fn env_at(secs: i64) -> Env {
    let (env, clock) = env::simulated::env(1);
    let start = i64::try_from(env::simulated::START_SECS).expect("before 2262");
    clock.jump_wall((secs - start) * 1_000_000_000);
    env
}

fn parse(text: &str) -> Result<PublicKey, KeyError> {
    PublicKey::parse(text, &env(), &mut Effort::default())
}

#[test]
fn keys_of_gpg_are_read_by_their_fingerprints() {
    for (text, fingerprint) in [
        (RSA, "a758205bed832b316698285164f25b159116d9fe"),
        (CURVE25519, "b52c8b454bc326a87de94d356611e3575ce2d79a"),
        (NISTP256, "a08c7c190749a12dc369c27d454602ab1ec41ec2"),
        (NISTP384, "7d98a507d126e6aae8314610d7f27a6051ef8934"),
        (NISTP521, "ab7eb7be9bcafc3c9d7c38d2d113273df9c56b55"),
        (SINGLE, "beaffa3a5f14c4bc6e8888fa2c5786a2c4c571ef"),
        (TWO, "b63f3246702ac6273dccb48070ec9eb85b43f46e"),
    ] {
        let binary = BASE64.encode(&text::decode(text).unwrap());
        for form in [text.to_owned(), binary, BASE64.encode(text.as_bytes()), format!("\n {text}\n")] {
            assert_eq!(parse(&form).map(|key| key.fingerprint().to_owned()).as_deref(), Ok(fingerprint));
        }
    }
}

#[test]
fn of_several_the_newest_is_taken() {
    let key = parse(TWO).unwrap();
    let Recipient::Subkey(subkey) = &key.recipient else { panic!("it has subkeys") };
    let fingerprint = format!("{:x}", subkey.fingerprint());
    assert!(fingerprint.ends_with("4704128dcf331a93"), "{fingerprint}");
}

#[test]
fn what_cannot_be_encrypted_to_is_refused() {
    for (text, why) in [
        (include_str!("keys/brainpool.asc"), KeyError::NoEncryption),
        (include_str!("keys/signing.asc"), KeyError::NoEncryption),
        (include_str!("keys/sha1.asc"), KeyError::NoEncryption),
        (include_str!("keys/subrevoked.asc"), KeyError::NoEncryption),
        (REVOKED, KeyError::Revoked),
        (include_str!("keys/revoked-sha1.asc"), KeyError::Revoked),
        (EXPIRED, KeyError::Expired),
        ("keybase:somebody", KeyError::Keybase),
        ("", KeyError::Encoding),
        ("no key!", KeyError::Encoding),
        ("bm8ga2V5", KeyError::Malformed),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlFgE", KeyError::NotPublic),
        ("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nlFgE", KeyError::Malformed),
    ] {
        assert_eq!(parse(text).err(), Some(why), "{text}");
    }
    assert_eq!(parse(&"A".repeat(1 << 20)).err(), Some(KeyError::TooLong));
    assert!(PublicKey::parse(EXPIRED, &env_at(1_590_000_000), &mut Effort::default()).is_ok(), "it had its time");
}

#[test]
fn a_key_without_the_signatures_of_its_owner_is_worth_nothing() {
    let read = |text| certificate::read(&text::decode(text).unwrap()).unwrap();
    let (key, other) = (read(CURVE25519), read(TWO));
    let refused = |key: &SignedPublicKey| parse(&BASE64.encode(&key.to_bytes().unwrap())).err();
    assert_eq!(refused(&key), None);

    let mut unbound = key.clone();
    unbound.public_subkeys[0].signatures.clear();
    assert_eq!(refused(&unbound), Some(KeyError::NoEncryption), "the binding is missing");
    let mut swapped = key.clone();
    swapped.public_subkeys[0].key = other.public_subkeys[0].key.clone();
    assert_eq!(refused(&swapped), Some(KeyError::NoEncryption), "a binding is for one subkey");
    let mut strange = key.clone();
    strange.public_subkeys = other.public_subkeys.clone();
    assert_eq!(refused(&strange), Some(KeyError::NoEncryption), "another's signature binds nothing");
    let mut forged = key.to_bytes().unwrap();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(parse(&BASE64.encode(&forged)).err(), Some(KeyError::NoEncryption));

    let both = [key.to_bytes().unwrap(), other.to_bytes().unwrap()].concat();
    assert_eq!(parse(&BASE64.encode(&both)).err(), Some(KeyError::Several));
}

#[test]
fn what_would_take_long_to_read_is_refused_before_it_is_read() {
    // Of version 4, with the algorithm that RFC 9580 §9.1 calls 17, and no numbers at all.
    let dsa = |head: &[u8]| [head, &[4, 0, 0, 0, 0, 17]].concat();
    for head in [&[0xc6, 6][..], &[0x98, 6], &[0x99, 0, 6], &[0x9a, 0, 0, 0, 6], &[0xc6, 255, 0, 0, 0, 6]] {
        assert_eq!(parse(&BASE64.encode(&dsa(head))).err(), Some(KeyError::Dsa), "{head:x?}");
    }
    for head in [&[0xc6, 7][..], &[0xc6, 224], &[0x9b], &[0xc6, 192, 0]] {
        assert_eq!(parse(&BASE64.encode(&dsa(head))).err(), Some(KeyError::Malformed), "{head:x?}");
    }
    let mut key = certificate::read(&text::decode(CURVE25519).unwrap()).unwrap();
    let mut refused = |subkeys| {
        let subkey = key.public_subkeys[0].clone();
        key.public_subkeys = vec![subkey; subkeys];
        parse(&BASE64.encode(&key.to_bytes().unwrap())).err()
    };
    assert_eq!((refused(32), refused(33)), (None, Some(KeyError::TooLong)));
}

#[test]
fn the_keys_of_one_request_share_what_is_checked_for_them() {
    let mut effort = Effort::default();
    let spent = |effort: &Effort, before: usize| before - effort.left;
    let before = effort.left;
    assert!(PublicKey::parse(CURVE25519, &env(), &mut effort).is_ok());
    let each = spent(&effort, before);
    assert!((2..=4).contains(&each), "its name, its subkey, and a message to it: {each}");
    effort.left = 2 * each;
    for expected in [None, None, Some(KeyError::TooMuch)] {
        assert_eq!(PublicKey::parse(CURVE25519, &env(), &mut effort).err(), expected);
    }
}

#[test]
fn messages_are_random_and_bounded() {
    let (key, env) = (parse(CURVE25519).unwrap(), env());
    let one = key.encrypt(b"a share", &env).unwrap();
    assert_ne!(one, key.encrypt(b"a share", &env).unwrap());
    assert!(!one.windows(7).any(|window| window == b"a share"));
    assert_eq!(key.encrypt(&[0; PLAINTEXT_BYTES_MAX + 1], &env), Err(EncryptError::TooLong));
}

/// gpg with a folder of its own.
struct Gpg<'f>(&'f Path);

impl Gpg<'_> {
    fn run(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = Command::new("gpg")
            .arg("--homedir")
            .arg(self.0)
            .args(["--batch", "--quiet", "--yes", "--passphrase", "", "--pinentry-mode", "loopback"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it was found");
        child.stdin.take().expect("piped").write_all(input).expect("gpg reads");
        let ended = child.wait_with_output().expect("gpg ends");
        assert!(ended.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
        ended.stdout
    }
}

#[test]
fn gpg_opens_what_is_encrypted_to_its_keys() {
    if Command::new("gpg").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "gpg is not installed: nothing else opens what is made here");
        println!("skipped: gpg is not installed");
        return;
    }
    let home = std::env::temp_dir().join(format!("strongroom-gpg-{}", std::process::id()));
    std::fs::create_dir_all(&home).expect("a folder");
    std::fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("our folder");
    let gpg = Gpg(&home);
    let now = env::Env::real();
    for (primary, subkey) in [
        ("rsa2048", "rsa2048"),
        ("ed25519", "cv25519"),
        ("nistp256", "nistp256"),
        ("nistp384", "nistp384"),
        ("nistp521", "nistp521"),
    ] {
        let user = format!("{primary}@example.com");
        gpg.run(&["--quick-generate-key", &user, primary, "sign,cert", "never"], b"");
        let listed = String::from_utf8(gpg.run(&["--with-colons", "--list-keys", &user], b"")).expect("text");
        let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")?.split(':').next());
        let fingerprint = fingerprint.expect("a fingerprint");
        gpg.run(&["--quick-add-key", fingerprint, subkey, "encr", "never"], b"");
        let exported = gpg.run(&["--export", &user], b"");
        let key = PublicKey::parse(&BASE64.encode(&exported), &now, &mut Effort::default()).expect("a key");
        assert_eq!(key.fingerprint(), fingerprint.to_lowercase());
        for plaintext in [&b"0123456789abcdef"[..], b"", &[7; PLAINTEXT_BYTES_MAX]] {
            let message = key.encrypt(plaintext, &now).expect("a message");
            assert_eq!(gpg.run(&["--decrypt"], &message), plaintext, "{primary}");
        }
    }
    let ended = Command::new("gpgconf").arg("--homedir").arg(&home).args(["--kill", "all"]).output();
    assert!(ended.is_ok(), "the agent of that folder is ended");
    std::fs::remove_dir_all(&home).expect("our own folder");
}

proptest! {
    #[test]
    fn no_bytes_and_no_damage_do_harm(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        which in 0..9_usize,
        at in 0..10_000_usize,
        flip in 1..=u8::MAX,
        cut in 0..10_000_usize,
    ) {
        drop(parse(&BASE64.encode(&bytes)));
        let keys = [RSA, CURVE25519, NISTP256, NISTP384, NISTP521, SINGLE, TWO, REVOKED, EXPIRED];
        let mut damaged = text::decode(keys[which]).unwrap();
        let length = damaged.len();
        damaged[at % length] ^= flip;
        if let Ok(key) = parse(&BASE64.encode(&damaged)) {
            drop(key.encrypt(b"a share", &env()));
        }
        damaged.truncate(cut % length);
        drop(parse(&BASE64.encode(&damaged)));
    }
}

use super::{Algorithm, code, find, open_periods};
use crate::mfa::entry::TotpSettings;

const SHA1_KEY: &[u8] = b"12345678901234567890";
const SHA256_KEY: &[u8] = b"12345678901234567890123456789012";
const SHA512_KEY: &[u8] = b"1234567890123456789012345678901234567890123456789012345678901234";

fn settings(algorithm: Algorithm, digits: u32, skew: u64) -> TotpSettings {
    TotpSettings { algorithm, digits, period_secs: 30, skew }
}

/// RFC 6238, appendix B, with the keys of its erratum 2866.
#[test]
fn the_published_vectors_of_rfc_6238() {
    let vectors = [
        (59, "94287082", "46119246", "90693936"),
        (1_111_111_109, "07081804", "68084774", "25091201"),
        (1_111_111_111, "14050471", "67062674", "99943326"),
        (1_234_567_890, "89005924", "91819424", "93441116"),
        (2_000_000_000, "69279037", "90698825", "38618901"),
        (20_000_000_000, "65353130", "77737706", "47863826"),
    ];
    for (secs, sha1, sha256, sha512) in vectors {
        for (algorithm, key, expected) in [
            (Algorithm::Sha1, SHA1_KEY, sha1),
            (Algorithm::Sha256, SHA256_KEY, sha256),
            (Algorithm::Sha512, SHA512_KEY, sha512),
        ] {
            let settings = settings(algorithm, 8, 0);
            assert_eq!(code(key, algorithm, 8, super::period(settings, secs)), expected, "{algorithm:?} at {secs}");
            assert!(find(key, settings, secs, expected).is_some(), "{algorithm:?} at {secs}");
        }
    }
}

/// RFC 4226, appendix D: six digits, by the counter itself.
#[test]
fn the_published_vectors_of_rfc_4226() {
    let codes = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
    for (counter, expected) in (0..).zip(codes) {
        assert_eq!(code(SHA1_KEY, Algorithm::Sha1, 6, counter), expected);
    }
}

#[test]
fn a_code_may_be_one_period_off_if_the_skew_says_so() {
    let at = 1_000_000_020;
    let code_at = |secs: i64| code(SHA1_KEY, Algorithm::Sha1, 6, secs.unsigned_abs() / 30);
    for (off, skew, is_taken) in
        [(0, 0, true), (-30, 0, false), (30, 0, false), (-30, 1, true), (30, 1, true), (-60, 1, false), (60, 1, false)]
    {
        let found = find(SHA1_KEY, settings(Algorithm::Sha1, 6, skew), at, &code_at(at + off));
        assert_eq!(found, is_taken.then_some((at + off).unsigned_abs() / 30), "{off} seconds off with skew {skew}");
    }
}

#[test]
fn only_the_code_itself_is_one() {
    let settings = settings(Algorithm::Sha1, 6, 1);
    let right = code(SHA1_KEY, Algorithm::Sha1, 6, 2);
    for text in
        ["", "0", &right[1..], &format!("0{right}"), &format!("{right}\0"), "94287082", "+28708", "２８７０８２"]
    {
        assert_eq!(find(SHA1_KEY, settings, 60, text), None, "{text:?}");
    }
    // A clock before 1970 counts as 1970, and none that is far ahead overflows.
    assert_eq!(open_periods(settings, -5), 0..=1);
    assert!(find(SHA1_KEY, settings, i64::MAX, &right).is_none());
}

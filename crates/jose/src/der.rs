//! The few forms in DER that hold a public key (X.690; RFC 5280 §4.1, RFC 8017 §A.1.1): read by walking over elements,
//! with no more understanding than it takes to find the key.

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;
/// The version of a certificate, which old ones do not have.
const VERSION: u8 = 0xa0;

/// 1.2.840.113549.1.1.1
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.3.101.112
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// 1.2.840.10045.3.1.7, 1.3.132.0.34 and 1.3.132.0.35, with their names in JSON.
const CURVES: [(&[u8], &str); 3] = [
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], "P-256"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x22], "P-384"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], "P-521"),
];

/// What a `SubjectPublicKeyInfo` holds.
pub(crate) enum Found<'d> {
    /// Modulus and exponent, without leading zeros.
    Rsa(&'d [u8], &'d [u8]),
    /// A curve's name, and a point on it.
    Ec(&'static str, &'d [u8]),
    Ed25519(&'d [u8]),
}

/// The key of a `SubjectPublicKeyInfo`.
pub(crate) fn public_key(der: &[u8]) -> Option<Found<'_>> {
    let (info, _) = element(SEQUENCE, der)?;
    let (algorithm, rest) = element(SEQUENCE, info)?;
    let (kind, parameters) = element(OBJECT_ID, algorithm)?;
    let (bits, _) = element(BIT_STRING, rest)?;
    // The first byte says how many bits of the last one do not count.
    let key = bits.strip_prefix(&[0])?;
    match kind {
        RSA => rsa(key).map(|(n, e)| Found::Rsa(n, e)),
        EC => {
            let (curve, _) = element(OBJECT_ID, parameters)?;
            CURVES.iter().find(|(id, _)| *id == curve).map(|(_, name)| Found::Ec(name, key))
        }
        ED25519 => Some(Found::Ed25519(key)),
        _ => None,
    }
}

/// The `SubjectPublicKeyInfo` of a certificate.
pub(crate) fn key_of_certificate(der: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = element(SEQUENCE, der)?;
    let (mut rest, _) = element(SEQUENCE, certificate)?;
    if let Some((_, behind)) = element(VERSION, rest) {
        rest = behind;
    }
    // Serial number, algorithm of the signature, issuer, validity, subject.
    for tag in [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE] {
        rest = element(tag, rest)?.1;
    }
    Some(rest)
}

/// Modulus and exponent of an `RSAPublicKey`: a sequence of two integers.
pub(crate) fn rsa(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, _) = element(SEQUENCE, der)?;
    let (n, rest) = element(INTEGER, sequence)?;
    let (e, _) = element(INTEGER, rest)?;
    Some((without_zeros(n)?, without_zeros(e)?))
}

/// A number without the zeros in front of it; `None` for zero.
pub(crate) fn without_zeros(number: &[u8]) -> Option<&[u8]> {
    let start = number.iter().position(|byte| *byte != 0)?;
    number.get(start..)
}

/// The content of the first element, and what is behind it (X.690 §8.1).
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        short @ 0..=0x7f => (usize::from(*short), rest),
        long => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f)).filter(|(it, _)| it.len() <= 2)?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
    };
    rest.split_at_checked(length).filter(|_| *first == tag)
}

//! A key's packets by their heads alone (RFC 9580 §4.2), looked at before anything reads what is in them: strangers send
//! keys, and reading the numbers of one may take longer than it took to send them.

use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::types::Tag;

use crate::KeyError;

/// The most parts of a key: its primary key, and what its owner has made in decades.
const PARTS_MAX: usize = 33;
/// Where a key of version 4 or later names its algorithm: behind the version and the time (§5.5.2).
const ALGORITHM_AT: usize = 5;

/// Refuses what would take too long to read.
pub(crate) fn check(bytes: &[u8]) -> Result<(), KeyError> {
    let (mut rest, mut parts) = (bytes, 0);
    while !rest.is_empty() {
        let packet = Packet::first(rest).ok_or(KeyError::Malformed)?;
        rest = packet.behind;
        let is_primary = packet.tag == u8::from(Tag::PublicKey);
        // Each of its numbers is proven to be in the group that the key itself makes up, and so is each signature.
        if is_primary && packet.body.get(ALGORITHM_AT) == Some(&PublicKeyAlgorithm::DSA.into()) {
            return Err(KeyError::Dsa);
        }
        parts += usize::from(is_primary || packet.tag == u8::from(Tag::PublicSubkey));
        if parts > PARTS_MAX {
            return Err(KeyError::TooLong);
        }
    }
    Ok(())
}

struct Packet<'b> {
    tag: u8,
    body: &'b [u8],
    behind: &'b [u8],
}

impl<'b> Packet<'b> {
    /// The packet that comes first; none if its head makes no sense, or its length is one that only messages may have.
    fn first(bytes: &'b [u8]) -> Option<Self> {
        let (&head, rest) = bytes.split_first()?;
        let is_new = head & 0xc0 == 0xc0;
        if !is_new && head & 0xc0 != 0x80 {
            return None;
        }
        let (tag, (length, rest)) =
            if is_new { (head & 0x3f, new_length(rest)?) } else { ((head >> 2) & 0x0f, old_length(head & 3, rest)?) };
        let (body, behind) = rest.split_at_checked(length)?;
        Some(Self { tag, body, behind })
    }
}

/// §4.2.1, without the lengths of parts.
fn new_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    match first {
        0..=191 => Some((first.into(), rest)),
        192..=223 => {
            let (&second, rest) = rest.split_first()?;
            Some(((usize::from(first) - 192) * 256 + usize::from(second) + 192, rest))
        }
        255 => number(4, rest),
        224..=254 => None,
    }
}

/// §4.2.2, without the length that is not told.
fn old_length(kind: u8, bytes: &[u8]) -> Option<(usize, &[u8])> {
    match kind {
        0 => number(1, bytes),
        1 => number(2, bytes),
        2 => number(4, bytes),
        _ => None,
    }
}

fn number(octets: usize, bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (digits, rest) = bytes.split_at_checked(octets)?;
    Some((digits.iter().fold(0, |number, digit| number << 8 | usize::from(*digit)), rest))
}

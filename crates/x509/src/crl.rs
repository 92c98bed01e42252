//! What a revocation list names, and who has signed it (RFC 5280 §5).

use crate::certificate::extensions;
use crate::der::{self, GENERALIZED_TIME, Reader, SEQUENCE, UTC_TIME};
use crate::name::Name;
use crate::signature::PublicKey;
use crate::{Malformed, Serial, time};

/// `deltaCRLIndicator` (RFC 5280 §5.2.4).
const DELTA: &[u8] = &[0x55, 0x1d, 0x1b];

/// A certificate revocation list.
#[derive(Debug)]
pub struct RevocationList<'a> {
    /// Who says that they have made it.
    pub issuer: Name<'a>,
    /// When it was made, in seconds since 1970.
    pub this_update: i64,
    /// When the next one comes out, in seconds since 1970, if it says so.
    pub next_update: Option<i64>,
    revoked: Reader<'a>,
    signed: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> RevocationList<'a> {
    /// Reads a list, which is all of the bytes. One that tells only what has changed is none: it would take back what the
    /// whole one revokes.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut outside = Reader::new(der::only(bytes, SEQUENCE)?.content);
        let list = outside.element(SEQUENCE)?;
        let algorithm = outside.content(SEQUENCE)?;
        let signature = outside.bytes_as_bits()?;
        outside.end()?;
        let mut inside = Reader::new(list.content);
        if inside.optional(der::INTEGER)?.is_some_and(|version| version.content != [1]) {
            return Err(Malformed);
        }
        if inside.content(SEQUENCE)? != algorithm {
            return Err(Malformed);
        }
        let issuer = Name::parse(inside.element(SEQUENCE)?.whole)?;
        let this_update = time::read(&mut inside)?;
        let next = match inside.optional(UTC_TIME)? {
            Some(element) => Some(element),
            None => inside.optional(GENERALIZED_TIME)?,
        };
        let next_update = next.map(|element| time::seconds(&element).ok_or(Malformed)).transpose()?;
        let revoked = inside.optional(SEQUENCE)?.map_or(Reader::new(&[]), |list| Reader::new(list.content));
        inside.optional(der::constructed(0))?;
        inside.end()?;
        let said = inside.optional(der::constructed(0))?.map(|it| extensions(it.content)).transpose()?;
        if said.is_some_and(|said| said.iter().any(|it| it.oid == DELTA)) {
            return Err(Malformed);
        }
        inside.end()?;
        Ok(Self { issuer, this_update, next_update, revoked, signed: list.whole, algorithm, signature })
    }

    /// Whether this key has signed it.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey<'_>) -> bool {
        key.has_signed(self.algorithm, self.signed, self.signature)
    }

    /// The serial numbers of what is revoked. One that is put on hold, or taken off a list again, is among them.
    pub fn serials(&self) -> impl Iterator<Item = Result<Serial<'a>, Malformed>> + use<'a> {
        let mut rest = Some(self.revoked);
        std::iter::from_fn(move || {
            let mut list = rest.take().filter(|list| !list.is_empty())?;
            let serial = list.inside(SEQUENCE).and_then(|mut entry| entry.integer());
            if serial.is_ok() {
                rest = Some(list);
            }
            Some(serial.map(Serial))
        })
    }
}

//! What a revocation list names (RFC 5280 §5). Its signature is not checked: an operator vouches for it, or for the place
//! that it comes from.

use crate::der::{self, GENERALIZED_TIME, Reader, SEQUENCE, UTC_TIME};
use crate::{Malformed, Serial, time};

/// A certificate revocation list.
#[derive(Debug)]
pub struct RevocationList<'a> {
    /// When the next one comes out, in seconds since 1970, if it says so.
    pub next_update: Option<i64>,
    revoked: Reader<'a>,
}

impl<'a> RevocationList<'a> {
    /// Reads a list, which is all of the bytes.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut outside = Reader::new(der::only(bytes, SEQUENCE)?.content);
        let mut inside = outside.inside(SEQUENCE)?;
        outside.element(SEQUENCE)?;
        outside.bytes_as_bits()?;
        outside.end()?;
        if inside.optional(der::INTEGER)?.is_some_and(|version| version.content != [1]) {
            return Err(Malformed);
        }
        inside.element(SEQUENCE)?;
        inside.element(SEQUENCE)?;
        time::read(&mut inside)?;
        let next = match inside.optional(UTC_TIME)? {
            Some(element) => Some(element),
            None => inside.optional(GENERALIZED_TIME)?,
        };
        let next_update = next.map(|element| time::seconds(&element).ok_or(Malformed)).transpose()?;
        let revoked = inside.optional(SEQUENCE)?.map_or(Reader::new(&[]), |list| Reader::new(list.content));
        inside.optional(der::constructed(0))?;
        inside.end()?;
        Ok(Self { next_update, revoked })
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

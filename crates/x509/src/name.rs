//! Distinguished names: compared as they are encoded, and asked for two of their attributes.

use crate::Malformed;
use crate::der::{self, OBJECT_IDENTIFIER, Reader, SEQUENCE, SET};
use crate::text;

const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANIZATIONAL_UNIT: &[u8] = &[0x55, 4, 11];

/// A distinguished name (RFC 5280 §4.1.2.4), whose form has been checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// The name that this element is.
    pub(crate) fn parse(whole: &'a [u8]) -> Result<Self, Malformed> {
        let name = Self(whole);
        let mut attributes = name.attributes()?;
        attributes.try_for_each(|attribute| attribute.map(drop))?;
        Ok(name)
    }

    /// As it is encoded.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The common name; the last if there are several, and empty text if there is none.
    #[must_use]
    pub fn common_name(self) -> String {
        self.texts(COMMON_NAME).pop().unwrap_or_default()
    }

    /// The organizational units.
    #[must_use]
    pub fn organizational_units(self) -> Vec<String> {
        self.texts(ORGANIZATIONAL_UNIT)
    }

    fn texts(self, kind: &[u8]) -> Vec<String> {
        let attributes = self.attributes().into_iter().flatten().flatten();
        attributes.filter(|(oid, ..)| *oid == kind).filter_map(|(_, tag, content)| text::decode(tag, content)).collect()
    }

    /// Object identifier, tag and content of each attribute.
    fn attributes(self) -> Result<impl Iterator<Item = Result<Attribute<'a>, Malformed>>, Malformed> {
        let mut sets = Reader::new(der::only(self.0, SEQUENCE)?.content);
        let mut set = Reader::new(&[]);
        Ok(std::iter::from_fn(move || {
            if set.is_empty() {
                if sets.is_empty() {
                    return None;
                }
                match sets.inside(SET) {
                    Ok(next) if !next.is_empty() => set = next,
                    _ => return Some(stop(&mut sets, &mut set)),
                }
            }
            Some(attribute(&mut set).or_else(|_| stop(&mut sets, &mut set)))
        }))
    }
}

/// Object identifier, tag and content.
type Attribute<'a> = (&'a [u8], u8, &'a [u8]);

/// Nothing is read behind what is malformed.
fn stop<T>(sets: &mut Reader<'_>, set: &mut Reader<'_>) -> Result<T, Malformed> {
    (*sets, *set) = (Reader::new(&[]), Reader::new(&[]));
    Err(Malformed)
}

fn attribute<'a>(set: &mut Reader<'a>) -> Result<Attribute<'a>, Malformed> {
    let mut pair = set.inside(SEQUENCE)?;
    let oid = pair.content(OBJECT_IDENTIFIER)?;
    let value = pair.any()?;
    pair.end()?;
    Ok((oid, value.tag, value.content))
}

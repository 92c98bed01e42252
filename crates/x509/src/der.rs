//! DER (X.690 §10) element by element: tag, length, content. Nothing is copied, nothing recurses, and what is not the one
//! encoding that DER allows is refused.

use crate::Malformed;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// The longest form of a length that is read: four bytes of digits.
const LENGTH_DIGITS_MAX: usize = 4;

/// A constructed element of the context, `[number]`.
pub(crate) const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

/// A primitive element of the context, `[number] IMPLICIT` of something primitive.
pub(crate) const fn primitive(number: u8) -> u8 {
    0x80 | number
}

/// One element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    /// With tag and length.
    pub(crate) whole: &'a [u8],
}

/// What is left to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element, of any tag below 31.
    pub(crate) fn any(&mut self) -> Result<Element<'a>, Malformed> {
        let tag = *self.0.first().ok_or(Malformed)?;
        let (header, length) = measure(self.0).filter(|_| tag & 0x1f != 0x1f).ok_or(Malformed)?;
        let end = header.checked_add(length).ok_or(Malformed)?;
        let whole = self.0.get(..end).ok_or(Malformed)?;
        let content = whole.get(header..).ok_or(Malformed)?;
        self.0 = self.0.get(end..).ok_or(Malformed)?;
        Ok(Element { tag, content, whole })
    }

    /// The next element, which has this tag.
    pub(crate) fn element(&mut self, tag: u8) -> Result<Element<'a>, Malformed> {
        self.any().ok().filter(|element| element.tag == tag).ok_or(Malformed)
    }

    /// The content of the next element, which has this tag.
    pub(crate) fn content(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        self.element(tag).map(|element| element.content)
    }

    /// The inside of the next element, which has this tag.
    pub(crate) fn inside(&mut self, tag: u8) -> Result<Self, Malformed> {
        self.content(tag).map(Self::new)
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Malformed> {
        if self.0.first() == Some(&tag) { self.element(tag).map(Some) } else { Ok(None) }
    }

    /// The next element if it is a boolean; DER has one way to write each.
    pub(crate) fn optional_bool(&mut self) -> Result<Option<bool>, Malformed> {
        match self.optional(BOOLEAN)?.map(|element| element.content) {
            None => Ok(None),
            Some([0x00]) => Ok(Some(false)),
            Some([0xff]) => Ok(Some(true)),
            Some(_) => Err(Malformed),
        }
    }

    /// The bytes of an integer, two's complement, without needless ones in front.
    pub(crate) fn integer(&mut self) -> Result<&'a [u8], Malformed> {
        let bytes = self.content(INTEGER)?;
        match bytes {
            [] | [0x00, 0x00..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => Err(Malformed),
            _ => Ok(bytes),
        }
    }

    /// An integer from 0 to 255.
    pub(crate) fn small(&mut self) -> Result<u8, Malformed> {
        match self.integer()? {
            [number @ 0..=0x7f] | [0, number] => Ok(*number),
            _ => Err(Malformed),
        }
    }

    /// The bytes of a bit string that is made of whole bytes.
    pub(crate) fn bytes_as_bits(&mut self) -> Result<&'a [u8], Malformed> {
        match self.content(BIT_STRING)? {
            [0, bytes @ ..] => Ok(bytes),
            _ => Err(Malformed),
        }
    }

    /// Nothing may be left.
    pub(crate) const fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// The one element that the bytes are.
pub(crate) fn only(bytes: &[u8], tag: u8) -> Result<Element<'_>, Malformed> {
    let mut reader = Reader::new(bytes);
    let element = reader.element(tag)?;
    reader.end()?;
    Ok(element)
}

/// How long header and content of the element at the start are. Each length has one form.
fn measure(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = *bytes.get(1)?;
    if first < 0x80 {
        return Some((2, usize::from(first)));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > LENGTH_DIGITS_MAX {
        return None;
    }
    let header = count.checked_add(2)?;
    let digits = bytes.get(2..header)?;
    let length = digits.iter().try_fold(0_usize, |length, digit| {
        length.checked_mul(256).and_then(|length| length.checked_add(usize::from(*digit)))
    })?;
    (length >= 0x80 && digits.first() != Some(&0)).then_some((header, length))
}

/// An object identifier as text, `2.5.4.3`; `None` when it is malformed or has a number above 64 bits.
pub(crate) fn oid_text(content: &[u8]) -> Option<String> {
    let mut numbers = Vec::new();
    let mut number = 0_u64;
    let mut is_within = false;
    for byte in content {
        if !is_within && *byte == 0x80 {
            return None;
        }
        number = number.checked_mul(128)?.checked_add(u64::from(byte & 0x7f))?;
        is_within = byte & 0x80 != 0;
        if !is_within {
            numbers.push(std::mem::take(&mut number));
        }
    }
    let (first, rest) = numbers.split_first().filter(|_| !is_within)?;
    let root = (*first / 40).min(2);
    let head = [root, first - 40 * root];
    let texts: Vec<_> = head.iter().chain(rest).map(u64::to_string).collect();
    Some(texts.join("."))
}

/// An element with this content, written.
pub(crate) fn write(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut written = vec![tag];
    match u8::try_from(length) {
        Ok(short @ 0..=0x7f) => written.push(short),
        _ => {
            let digits: Vec<_> = length.to_be_bytes().into_iter().skip_while(|digit| *digit == 0).collect();
            written.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
            written.extend(digits);
        }
    }
    written.extend(parts.iter().flat_map(|part| part.iter()));
    written
}

#[cfg(test)]
mod tests;

//! The part of BER (X.690) that LDAP uses (RFC 4511 §5.1): definite lengths, tags of one byte, no constructed strings.
//! Lengths need not be the shortest: Active Directory always writes four bytes.

/// A message that is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the bytes are no message of LDAP")]
pub(crate) struct Malformed;

/// BOOLEAN.
pub(crate) const BOOLEAN: u8 = 0x01;
/// INTEGER.
pub(crate) const INTEGER: u8 = 0x02;
/// OCTET STRING.
pub(crate) const OCTETS: u8 = 0x04;
/// ENUMERATED.
pub(crate) const ENUMERATED: u8 = 0x0a;
/// SEQUENCE, and SEQUENCE OF.
pub(crate) const SEQUENCE: u8 = 0x30;
/// SET OF.
pub(crate) const SET: u8 = 0x31;

/// The most bytes of a length behind its first.
const LENGTH_BYTES_MAX: usize = 4;

/// Elements one behind the other.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn put(&mut self, tag: u8, value: &[u8]) {
        self.bytes.push(tag);
        self.bytes.extend(length(value.len()));
        self.bytes.extend_from_slice(value);
    }

    pub(crate) fn nest(&mut self, tag: u8, write: impl FnOnce(&mut Self)) {
        self.bytes.push(tag);
        let start = self.bytes.len();
        write(self);
        let length = length(self.bytes.len() - start);
        self.bytes.splice(start..start, length);
    }

    /// In as few bytes as hold it and its sign.
    pub(crate) fn int(&mut self, tag: u8, value: i32) {
        let bytes = value.to_be_bytes();
        let spare = bytes.windows(2).take_while(|pair| match pair {
            [0x00, next] => *next < 0x80,
            [0xff, next] => *next >= 0x80,
            _ => false,
        });
        let spare = spare.count();
        self.put(tag, bytes.get(spare..).unwrap_or(&bytes));
    }

    pub(crate) fn boolean(&mut self, tag: u8, value: bool) {
        self.put(tag, &[if value { 0xff } else { 0x00 }]);
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

fn length(length: usize) -> Vec<u8> {
    let bytes = length.to_be_bytes();
    let significant = bytes.iter().copied().skip_while(|byte| *byte == 0);
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => vec![short],
        _ => {
            let significant: Vec<_> = significant.collect();
            // At most eight of them.
            let count = u8::try_from(significant.len()).unwrap_or(u8::MAX);
            std::iter::once(0x80 | count).chain(significant).collect()
        }
    }
}

/// Elements to be taken one by one.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element, whatever it is.
    pub(crate) fn next(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let (head, body) = head(self.rest)?.ok_or(Malformed)?;
        let tag = *self.rest.first().ok_or(Malformed)?;
        let end = head.checked_add(body).ok_or(Malformed)?;
        let value = self.rest.get(head..end).ok_or(Malformed)?;
        self.rest = self.rest.get(end..).ok_or(Malformed)?;
        Ok((tag, value))
    }

    /// The next element, which has this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match self.next()? {
            (found, value) if found == tag => Ok(value),
            _ => Err(Malformed),
        }
    }

    /// The next element, if it has this tag.
    pub(crate) fn take_if(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Malformed> {
        if self.rest.first() == Some(&tag) { self.take(tag).map(Some) } else { Ok(None) }
    }

    pub(crate) fn nested(&mut self, tag: u8) -> Result<Self, Malformed> {
        self.take(tag).map(Self::new)
    }

    /// A number of at most four bytes, which all of LDAP's are.
    pub(crate) fn int(&mut self, tag: u8) -> Result<i32, Malformed> {
        let bytes = self.take(tag)?;
        let [first, ..] = bytes else { return Err(Malformed) };
        let fill = if *first >= 0x80 { 0xff } else { 0x00 };
        let mut value = [fill; 4];
        let start = value.len().checked_sub(bytes.len()).ok_or(Malformed)?;
        value.get_mut(start..).ok_or(Malformed)?.copy_from_slice(bytes);
        Ok(i32::from_be_bytes(value))
    }
}

/// How many bytes the first of these elements has in all, once enough of it is there to tell.
pub(crate) fn frame(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    match head(bytes)? {
        Some((head, body)) => head.checked_add(body).map(Some).ok_or(Malformed),
        None => Ok(None),
    }
}

/// The bytes of the tag and the length, and of the value.
fn head(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let [tag, rest @ ..] = bytes else { return Ok(None) };
    if tag & 0x1f == 0x1f {
        return Err(Malformed);
    }
    let [first, rest @ ..] = rest else { return Ok(None) };
    if *first < 0x80 {
        return Ok(Some((2, usize::from(*first))));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > LENGTH_BYTES_MAX {
        return Err(Malformed);
    }
    let Some(digits) = rest.get(..count) else { return Ok(None) };
    let length = digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit));
    Ok(Some((2 + count, length)))
}

#[cfg(test)]
mod tests;

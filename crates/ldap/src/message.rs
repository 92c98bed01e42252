//! The messages that are sent and understood (RFC 4511 §4), and the control that asks for pages (RFC 2696).

use crate::ber::{BOOLEAN, ENUMERATED, INTEGER, Malformed, OCTETS, Reader, SEQUENCE, SET, Writer};
use crate::filter::Filter;

/// `StartTLS` (RFC 4511 §4.14.1).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
/// The control of pages (RFC 2696 §2).
const PAGED: &[u8] = b"1.2.840.113556.1.4.319";
/// The longest text of a directory that is shown, in characters.
const TEXT_CHARS_MAX: usize = 300;

const BIND_REQUEST: u8 = 0x60;
const BIND_RESPONSE: u8 = 0x61;
const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_ENTRY: u8 = 0x64;
const SEARCH_DONE: u8 = 0x65;
const SEARCH_REFERENCE: u8 = 0x73;
const EXTENDED_REQUEST: u8 = 0x77;
const EXTENDED_RESPONSE: u8 = 0x78;
const CONTROLS: u8 = 0xa0;

/// How far a search goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// The base alone.
    Base,
    /// The base and all below it.
    Subtree,
}

/// When names that stand for others are followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Dereference {
    /// Never.
    #[default]
    Never,
    /// Below the base.
    Searching,
    /// For the base itself.
    Finding,
    /// Both.
    Always,
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    /// Where to begin.
    pub base: &'a str,
    /// How far to go.
    pub scope: Scope,
    /// When to follow names that stand for others.
    pub dereference: Dereference,
    /// The most entries that the directory may send; 0 leaves it to its own limit and ours.
    pub entries_max: u16,
    /// Which entries.
    pub filter: &'a Filter,
    /// Which attributes of theirs; none asks for all, `1.1` for none (RFC 4511 §4.5.1.8).
    pub attributes: &'a [&'a str],
    /// How many entries to ask for at a time; none asks for all at once.
    pub page: Option<u32>,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entry {
    /// Its distinguished name.
    pub dn: String,
    /// Its attributes with their values.
    pub attributes: Vec<(String, Vec<Vec<u8>>)>,
}

/// How the directory says that something has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Ended {
    pub(crate) code: u32,
    pub(crate) text: String,
    /// Where the next page begins; empty behind the last one.
    pub(crate) cookie: Vec<u8>,
}

/// A message of the directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Bound(Ended),
    Found(Entry),
    /// What is found elsewhere, which is not followed.
    Elsewhere,
    Searched(Ended),
    Extended(Ended),
}

impl Entry {
    /// About how many bytes it takes beside those that were sent.
    pub(crate) fn weight(&self) -> usize {
        const PIECE_BYTES: usize = 48;
        let pieces = self.attributes.iter().map(|(_, values)| values.len() + 1).sum::<usize>() + 1;
        pieces * PIECE_BYTES
    }

    /// The values of an attribute that are texts; attributes are named without case.
    pub fn texts<'e>(&'e self, attribute: &str) -> impl Iterator<Item = &'e str> + use<'e> {
        self.values(attribute).iter().filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The values of an attribute.
    #[must_use]
    pub fn values(&self, attribute: &str) -> &[Vec<u8>] {
        let found = self.attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute));
        found.map_or(&[], |(_, values)| values)
    }
}

fn message(id: i32, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.nest(SEQUENCE, |it| {
        it.int(INTEGER, id);
        write(it);
    });
    writer.into_bytes()
}

/// A bind with a name and a password; with neither it is anonymous.
pub(crate) fn bind(id: i32, dn: &str, password: &str) -> Vec<u8> {
    message(id, |it| {
        it.nest(BIND_REQUEST, |it| {
            it.int(INTEGER, 3);
            it.put(OCTETS, dn.as_bytes());
            it.put(0x80, password.as_bytes());
        });
    })
}

pub(crate) fn start_tls(id: i32) -> Vec<u8> {
    message(id, |it| it.nest(EXTENDED_REQUEST, |it| it.put(0x80, START_TLS)))
}

/// A search, or a page of it behind this cookie.
pub(crate) fn search(id: i32, search: &Search<'_>, seconds: i32, cookie: &[u8]) -> Vec<u8> {
    message(id, |it| {
        it.nest(SEARCH_REQUEST, |it| {
            it.put(OCTETS, search.base.as_bytes());
            it.int(ENUMERATED, if search.scope == Scope::Base { 0 } else { 2 });
            it.int(ENUMERATED, search.dereference.number());
            it.int(INTEGER, i32::from(search.entries_max));
            it.int(INTEGER, seconds);
            it.boolean(BOOLEAN, false);
            search.filter.write(it);
            it.nest(SEQUENCE, |it| search.attributes.iter().for_each(|name| it.put(OCTETS, name.as_bytes())));
        });
        if let Some(size) = search.page {
            it.nest(CONTROLS, |it| paged(it, size, cookie));
        }
    })
}

fn paged(writer: &mut Writer, size: u32, cookie: &[u8]) {
    let mut value = Writer::default();
    value.nest(SEQUENCE, |it| {
        it.int(INTEGER, i32::try_from(size).unwrap_or(i32::MAX));
        it.put(OCTETS, cookie);
    });
    writer.nest(SEQUENCE, |it| {
        it.put(OCTETS, PAGED);
        it.put(OCTETS, &value.into_bytes());
    });
}

impl Dereference {
    const fn number(self) -> i32 {
        match self {
            Self::Never => 0,
            Self::Searching => 1,
            Self::Finding => 2,
            Self::Always => 3,
        }
    }
}

/// What a whole message says, and which question it answers; 0 is none (RFC 4511 §4.4).
pub(crate) fn read(bytes: &[u8]) -> Result<(i32, Answer), Malformed> {
    let mut message = Reader::new(bytes).nested(SEQUENCE)?;
    let id = message.int(INTEGER)?;
    let (tag, body) = message.next()?;
    let mut body = Reader::new(body);
    let answer = match tag {
        BIND_RESPONSE => Answer::Bound(ended(&mut body)?),
        SEARCH_ENTRY => Answer::Found(entry(&mut body)?),
        SEARCH_REFERENCE => Answer::Elsewhere,
        SEARCH_DONE => {
            let cookie = message.take_if(CONTROLS)?.map(cookie).transpose()?.flatten().unwrap_or_default();
            Answer::Searched(Ended { cookie, ..ended(&mut body)? })
        }
        EXTENDED_RESPONSE => Answer::Extended(ended(&mut body)?),
        _ => return Err(Malformed),
    };
    Ok((id, answer))
}

fn ended(body: &mut Reader<'_>) -> Result<Ended, Malformed> {
    let code = u32::try_from(body.int(ENUMERATED)?).map_err(|_| Malformed)?;
    body.take(OCTETS)?;
    let text = String::from_utf8_lossy(body.take(OCTETS)?);
    let text = text.chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX).collect();
    Ok(Ended { code, text, cookie: Vec::new() })
}

fn entry(body: &mut Reader<'_>) -> Result<Entry, Malformed> {
    let dn = text(body.take(OCTETS)?)?;
    let mut all = body.nested(SEQUENCE)?;
    let mut attributes = Vec::new();
    let mut left = VALUES_MAX;
    // Empty ones cost two bytes on the way here and ten times as much in memory.
    let mut count = || left.checked_sub(1).map(|less| left = less).ok_or(Malformed);
    while !all.is_empty() {
        count()?;
        let mut attribute = all.nested(SEQUENCE)?;
        let name = text(attribute.take(OCTETS)?)?;
        let mut set = attribute.nested(SET)?;
        let mut values = Vec::new();
        while !set.is_empty() {
            count()?;
            values.push(set.take(OCTETS)?.to_vec());
        }
        attributes.push((name, values));
    }
    Ok(Entry { dn, attributes })
}

/// How many attributes and values one entry has at the most. Active Directory sends 1,500 values at a time.
const VALUES_MAX: usize = 20_000;

/// The cookie among controls, if there is one of pages.
fn cookie(controls: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
    let mut controls = Reader::new(controls);
    while !controls.is_empty() {
        let mut control = controls.nested(SEQUENCE)?;
        let is_paged = control.take(OCTETS)? == PAGED;
        control.take_if(BOOLEAN)?;
        let value = control.take_if(OCTETS)?;
        if is_paged {
            let mut value = Reader::new(value.ok_or(Malformed)?).nested(SEQUENCE)?;
            value.int(INTEGER)?;
            return value.take(OCTETS).map(|cookie| Some(cookie.to_vec()));
        }
    }
    Ok(None)
}

fn text(bytes: &[u8]) -> Result<String, Malformed> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests;

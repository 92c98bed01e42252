//! The extensions that are understood (RFC 5280 §4.2), in the form in which chains and logins ask for them.

use crate::Malformed;
use crate::certificate::Extension;
use crate::constraints::NameConstraints;
use crate::der::{self, BIT_STRING, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};

const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 14];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 17];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 35];
const PURPOSES: &[u8] = &[0x55, 0x1d, 37];
/// Policies: nobody asks for one here, so that each is fine.
const POLICIES: &[u8] = &[0x55, 0x1d, 32];
const AUTHORITY_ACCESS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 1];
/// How to reach a responder, among the ways to reach an authority.
const ACCESS_OCSP: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1];

/// What the extensions of a certificate say, as far as they are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known<'a> {
    pub(crate) basic: Option<BasicConstraints>,
    /// The first byte of the bits.
    pub(crate) key_usage: Option<u8>,
    /// The insides of object identifiers.
    pub(crate) purposes: Option<Vec<&'a [u8]>>,
    pub(crate) alternative_names: AlternativeNames<'a>,
    pub(crate) subject_key_id: Option<&'a [u8]>,
    pub(crate) authority_key_id: Option<&'a [u8]>,
    pub(crate) responders: Vec<&'a str>,
    pub(crate) name_constraints: Option<NameConstraints<'a>>,
    pub(crate) has_unknown_critical: bool,
}

/// Whether a certificate is an authority's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BasicConstraints {
    /// Whether it may sign certificates.
    pub is_authority: bool,
    /// How many further authorities may stand between it and the last certificate.
    pub path_length: Option<u8>,
}

/// The names of a subject beside the distinguished one.
#[derive(Clone, Debug, Default)]
pub struct AlternativeNames<'a> {
    /// Names of hosts.
    pub dns: Vec<&'a str>,
    /// Addresses of mail.
    pub email: Vec<&'a str>,
    /// URIs, SPIFFE ids among them.
    pub uri: Vec<&'a str>,
    /// Addresses of hosts: 4 or 16 bytes.
    pub ip: Vec<&'a [u8]>,
}

impl<'a> Known<'a> {
    pub(crate) fn read(extensions: &[Extension<'a>]) -> Result<Self, Malformed> {
        let mut known = Self::default();
        for extension in extensions {
            let value = extension.value;
            match extension.oid {
                BASIC_CONSTRAINTS => known.basic = Some(basic_constraints(value)?),
                KEY_USAGE => known.key_usage = Some(key_usage(value)?),
                PURPOSES => known.purposes = Some(purposes(value)?),
                ALTERNATIVE_NAMES => known.alternative_names = AlternativeNames::read(value)?,
                SUBJECT_KEY_ID => known.subject_key_id = Some(der::only(value, OCTET_STRING)?.content),
                AUTHORITY_KEY_ID => known.authority_key_id = authority_key_id(value)?,
                AUTHORITY_ACCESS => known.responders = responders(value)?,
                NAME_CONSTRAINTS => {
                    let (constraints, is_understood) = NameConstraints::read(value)?;
                    known.name_constraints = Some(constraints);
                    known.has_unknown_critical |= extension.is_critical && !is_understood;
                }
                POLICIES => {}
                _ => known.has_unknown_critical |= extension.is_critical,
            }
        }
        Ok(known)
    }
}

fn basic_constraints(value: &[u8]) -> Result<BasicConstraints, Malformed> {
    let mut inside = Reader::new(der::only(value, SEQUENCE)?.content);
    let is_authority = inside.optional_bool()?.unwrap_or(false);
    let path_length = if inside.is_empty() { None } else { Some(inside.small()?) };
    inside.end()?;
    Ok(BasicConstraints { is_authority, path_length })
}

fn key_usage(value: &[u8]) -> Result<u8, Malformed> {
    match der::only(value, BIT_STRING)?.content {
        [0..=7] => Ok(0),
        [0..=7, first, ..] => Ok(*first),
        _ => Err(Malformed),
    }
}

fn purposes(value: &[u8]) -> Result<Vec<&[u8]>, Malformed> {
    let mut inside = Reader::new(der::only(value, SEQUENCE)?.content);
    let mut purposes = Vec::new();
    while !inside.is_empty() {
        purposes.push(inside.content(OBJECT_IDENTIFIER)?);
    }
    Ok(purposes)
}

fn authority_key_id(value: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let mut inside = Reader::new(der::only(value, SEQUENCE)?.content);
    Ok(inside.optional(der::primitive(0))?.map(|element| element.content))
}

fn responders(value: &[u8]) -> Result<Vec<&str>, Malformed> {
    let mut list = Reader::new(der::only(value, SEQUENCE)?.content);
    let mut found = Vec::new();
    while !list.is_empty() {
        let mut access = list.inside(SEQUENCE)?;
        let method = access.content(OBJECT_IDENTIFIER)?;
        let location = access.any()?;
        if method == ACCESS_OCSP && location.tag == der::primitive(6) {
            found.push(ascii(location.content)?);
        }
    }
    Ok(found)
}

impl<'a> AlternativeNames<'a> {
    fn read(value: &'a [u8]) -> Result<Self, Malformed> {
        let mut list = Reader::new(der::only(value, SEQUENCE)?.content);
        let mut names = Self::default();
        while !list.is_empty() {
            let name = list.any()?;
            match name.tag {
                tag if tag == der::primitive(1) => names.email.push(ascii(name.content)?),
                tag if tag == der::primitive(2) => names.dns.push(ascii(name.content)?),
                tag if tag == der::primitive(6) => names.uri.push(ascii(name.content)?),
                tag if tag == der::primitive(7) => {
                    let is_address = matches!(name.content.len(), 4 | 16);
                    names.ip.push(Some(name.content).filter(|_| is_address).ok_or(Malformed)?);
                }
                // Other kinds of names: nothing is decided by them.
                _ => {}
            }
        }
        Ok(names)
    }
}

/// The text of an IA5String.
pub(crate) fn ascii(content: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(content).ok().filter(|text| text.is_ascii()).ok_or(Malformed)
}

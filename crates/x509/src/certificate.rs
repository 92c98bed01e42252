//! A certificate and what it says (RFC 5280 §4.1). Versions 1 to 3; nothing in here says whether to believe it.

use crate::constraints::NameConstraints;
use crate::der::{self, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};
use crate::extensions::Known;
pub use crate::extensions::{AlternativeNames, BasicConstraints};
use crate::name::Name;
use crate::signature::PublicKey;
use crate::{Malformed, Serial, signature, text, time};

/// The longest certificate that is read, in bytes: one with thousands of names.
pub const CERTIFICATE_BYTES_MAX: usize = 64 * 1024;

/// A certificate, read where it lies.
#[derive(Clone, Debug)]
pub struct Certificate<'a> {
    der: &'a [u8],
    signed: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
    /// 1 to 3.
    version: u8,
    serial: Serial<'a>,
    issuer: Name<'a>,
    subject: Name<'a>,
    /// In seconds since 1970, both within.
    validity: (i64, i64),
    key: PublicKey<'a>,
    extensions: Vec<Extension<'a>>,
    known: Known<'a>,
}

/// An extension as it stands in a certificate.
#[derive(Clone, Copy, Debug)]
pub struct Extension<'a> {
    /// The inside of its object identifier.
    pub(crate) oid: &'a [u8],
    /// Whether whoever does not know it must refuse the certificate.
    pub(crate) is_critical: bool,
    /// What it says, DER.
    pub value: &'a [u8],
}

impl Extension<'_> {
    /// What it is, as `1.2.840.113556`; `None` when that cannot be told.
    #[must_use]
    pub fn oid(&self) -> Option<String> {
        der::oid_text(self.oid)
    }

    /// What it says, if that is one string.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let mut reader = Reader::new(self.value);
        let element = reader.any().ok().filter(|_| reader.is_empty())?;
        text::decode(element.tag, element.content)
    }
}

impl<'a> Certificate<'a> {
    /// Reads a certificate, which is all of the bytes.
    ///
    /// # Errors
    /// When it is malformed, longer than [`CERTIFICATE_BYTES_MAX`], or says one thing twice.
    pub fn parse(der: &'a [u8]) -> Result<Self, Malformed> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(Malformed);
        }
        let mut outside = Reader::new(der::only(der, SEQUENCE)?.content);
        let signed = outside.element(SEQUENCE)?;
        let algorithm = outside.content(SEQUENCE)?;
        let signature = outside.bytes_as_bits()?;
        outside.end()?;

        let mut inside = Reader::new(signed.content);
        let version = match inside.optional(der::constructed(0))? {
            None => 1,
            Some(element) => match Reader::new(element.content).small()? {
                number @ 0..=2 => number + 1,
                _ => return Err(Malformed),
            },
        };
        let serial = Serial(inside.integer()?);
        // The algorithm is told twice, so that it cannot be exchanged (RFC 5280 §4.1.1.2).
        if inside.content(SEQUENCE)? != algorithm {
            return Err(Malformed);
        }
        let issuer = Name::parse(inside.element(SEQUENCE)?.whole)?;
        let mut dates = inside.inside(SEQUENCE)?;
        let validity = (time::read(&mut dates)?, time::read(&mut dates)?);
        dates.end()?;
        let subject = Name::parse(inside.element(SEQUENCE)?.whole)?;
        let key = PublicKey::parse(inside.element(SEQUENCE)?.whole)?;
        // Unique identifiers, which nobody uses.
        inside.optional(der::primitive(1))?;
        inside.optional(der::primitive(2))?;
        let extensions = match inside.optional(der::constructed(3))? {
            Some(element) if version == 3 => extensions(element.content)?,
            Some(_) => return Err(Malformed),
            None => Vec::new(),
        };
        inside.end()?;
        let known = Known::read(&extensions)?;
        let signed = signed.whole;
        Ok(Self {
            der,
            signed,
            algorithm,
            signature,
            version,
            serial,
            issuer,
            subject,
            validity,
            key,
            extensions,
            known,
        })
    }

    /// As it came.
    #[must_use]
    pub const fn der(&self) -> &'a [u8] {
        self.der
    }

    /// The SHA-256 of all of it.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        signature::sha256(self.der)
    }

    /// 1 to 3.
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version
    }

    /// The number that its authority gave it.
    #[must_use]
    pub const fn serial(&self) -> Serial<'a> {
        self.serial
    }

    /// Who signed it, in its own words.
    #[must_use]
    pub const fn issuer(&self) -> Name<'a> {
        self.issuer
    }

    /// Whom it is about.
    #[must_use]
    pub const fn subject(&self) -> Name<'a> {
        self.subject
    }

    /// From when until when it holds, in seconds since 1970, both within.
    #[must_use]
    pub const fn validity(&self) -> (i64, i64) {
        self.validity
    }

    /// The subject's key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey<'a> {
        &self.key
    }

    /// All extensions, known or not.
    #[must_use]
    pub fn extensions(&self) -> &[Extension<'a>] {
        &self.extensions
    }

    /// The subject's other names.
    #[must_use]
    pub const fn alternative_names(&self) -> &AlternativeNames<'a> {
        &self.known.alternative_names
    }

    /// Whether it says that it is an authority's.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        self.known.basic.is_some_and(|basic| basic.is_authority)
    }

    pub(crate) const fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.known.basic
    }

    /// The name of the subject's key; empty when it is not told.
    #[must_use]
    pub fn subject_key_id(&self) -> &'a [u8] {
        self.known.subject_key_id.unwrap_or_default()
    }

    /// The name of the key that signed it; empty when it is not told.
    #[must_use]
    pub fn authority_key_id(&self) -> &'a [u8] {
        self.known.authority_key_id.unwrap_or_default()
    }

    /// Where its authority answers questions about it by OCSP.
    #[must_use]
    pub fn responders(&self) -> &[&'a str] {
        &self.known.responders
    }

    pub(crate) const fn name_constraints(&self) -> Option<&NameConstraints<'a>> {
        self.known.name_constraints.as_ref()
    }

    /// Whether the key may be used for this, as the certificate says (RFC 5280 §4.2.1.12).
    #[must_use]
    pub fn is_for(&self, purpose: Purpose) -> bool {
        let Some(purposes) = &self.known.purposes else { return true };
        purposes.iter().any(|it| *it == purpose.oid() || *it == ANY_PURPOSE)
    }

    /// Whether it names this purpose itself; that its key is for everything is not enough (RFC 6960 §4.2.2.2).
    #[must_use]
    pub fn names(&self, purpose: Purpose) -> bool {
        self.known.purposes.as_ref().is_some_and(|purposes| purposes.contains(&purpose.oid()))
    }

    /// Whether it says what its key may be used for, and this, or everything, is among it.
    #[must_use]
    pub fn is_said_to_be_for(&self, purpose: Purpose) -> bool {
        self.known.purposes.is_some() && self.is_for(purpose)
    }

    /// Whether it says of the key that it may sign what is no certificate, or does not say anything.
    pub(crate) fn may_sign(&self) -> bool {
        /// `digitalSignature`, bit 0 from the left (RFC 5280 §4.2.1.3).
        const SIGNS: u8 = 0b1000_0000;
        self.known.key_usage.is_none_or(|usage| usage & SIGNS != 0)
    }

    /// Whether it says of the key that it may sign certificates, or does not say anything.
    pub(crate) fn may_sign_certificates(&self) -> bool {
        /// `keyCertSign`, bit 5 from the left (RFC 5280 §4.2.1.3).
        const SIGNS_CERTIFICATES: u8 = 0b0000_0100;
        self.known.key_usage.is_none_or(|usage| usage & SIGNS_CERTIFICATES != 0)
    }

    /// Whether it says something critical that is not known here.
    pub(crate) const fn has_unknown_critical(&self) -> bool {
        self.known.has_unknown_critical
    }

    /// Whether this key has signed it.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey<'_>) -> bool {
        key.has_signed(self.algorithm, self.signed, self.signature)
    }
}

/// What a key may be used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// To be a client of TLS.
    ClientAuth,
    /// To sign OCSP responses for somebody else.
    OcspSigning,
}

const ANY_PURPOSE: &[u8] = &[0x55, 0x1d, 0x25, 0x00];

impl Purpose {
    const fn oid(self) -> &'static [u8] {
        match self {
            Self::ClientAuth => &[0x2b, 6, 1, 5, 5, 7, 3, 2],
            Self::OcspSigning => &[0x2b, 6, 1, 5, 5, 7, 3, 9],
        }
    }
}

/// The extensions in a list of them; none may be there twice.
pub(crate) fn extensions(content: &[u8]) -> Result<Vec<Extension<'_>>, Malformed> {
    let mut list = Reader::new(der::only(content, SEQUENCE)?.content);
    let mut extensions = Vec::<Extension<'_>>::new();
    while !list.is_empty() {
        let mut inside = list.inside(SEQUENCE)?;
        let oid = inside.content(OBJECT_IDENTIFIER)?;
        let is_critical = inside.optional_bool()?.unwrap_or(false);
        let value = inside.content(OCTET_STRING)?;
        inside.end()?;
        if extensions.iter().any(|known| known.oid == oid) || extensions.len() >= EXTENSIONS_MAX {
            return Err(Malformed);
        }
        extensions.push(Extension { oid, is_critical, value });
    }
    Ok(extensions)
}

/// How many extensions one certificate has at the most: looking for doubles must stay cheap.
const EXTENSIONS_MAX: usize = 256;

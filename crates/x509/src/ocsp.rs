//! Asking an OCSP responder about one certificate, and what to believe of its answer (RFC 6960).
//!
//! An answer counts when the authority itself or somebody whom it has made a responder signed it, and only while it is
//! fresh. Requests carry no nonce: public responders answer from what they have made beforehand.

use aws_lc_rs::digest;

use crate::certificate::{Certificate, Purpose};
use crate::der::{self, ENUMERATED, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};
use crate::{Malformed, time};

/// The longest answer that is read, in bytes.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How long an answer holds that does not say it: or else one that was recorded before a revocation would be good for ever.
const AGE_SECS_MAX: i64 = 7 * 24 * 3_600;
/// How far a responder's clock may be ahead of ours, in seconds.
const SKEW_SECS: i64 = 5 * 60;
/// How many certificates of responders an answer may bring along.
const RESPONDERS_MAX: usize = 8;

/// The identifier of SHA-1 with its empty parameters: what every responder knows. Names are hashed, nothing is signed.
const SHA1: &[u8] = &[0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0];
/// `id-pkix-ocsp-basic`.
const BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];

/// What a responder says of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It has not been revoked.
    Good,
    /// It has.
    Revoked,
    /// The responder does not know it.
    Unknown,
}

/// An answer that can be believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// What it says.
    pub status: Status,
    /// Since when that is so, in seconds since 1970.
    pub this_update: i64,
    /// Until when, if the responder says it.
    pub next_update: Option<i64>,
}

/// Why an answer says nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// It is no answer.
    #[error("the answer is malformed")]
    Malformed(#[from] Malformed),
    /// The responder does not want to, or cannot.
    #[error("the responder refuses to answer, status {0}")]
    Responder(u8),
    /// Nobody signed it who may.
    #[error("the answer is not signed by the authority or a responder of its")]
    Signature,
    /// It is about something else.
    #[error("the answer is about another certificate")]
    Other,
    /// It is too old, or not yet of now.
    #[error("the answer is not of this time")]
    Time,
}

/// The question about a certificate, to be sent as `application/ocsp-request`.
#[must_use]
pub fn question(certificate: &Certificate<'_>, issuer: &Certificate<'_>) -> Vec<u8> {
    let single = der::write(SEQUENCE, &[&id(certificate, issuer)]);
    let list = der::write(SEQUENCE, &[&single]);
    der::write(SEQUENCE, &[&der::write(SEQUENCE, &[&list])])
}

/// What names a certificate to a responder (RFC 6960 §4.1.1).
fn id(certificate: &Certificate<'_>, issuer: &Certificate<'_>) -> Vec<u8> {
    let hash = |bytes: &[u8]| {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
        der::write(OCTET_STRING, &[hash.as_ref()])
    };
    let serial = der::write(INTEGER, &[certificate.serial().bytes()]);
    let parts = [SHA1, &hash(issuer.subject().bytes()), &hash(issuer.key().key()), &serial];
    der::write(SEQUENCE, &parts)
}

/// What an answer says of a certificate at this time, in seconds since 1970. One that does not say until when it holds
/// holds for a week.
///
/// # Errors
/// When it does not count.
pub fn verdict(
    answer: &[u8],
    certificate: &Certificate<'_>,
    issuer: &Certificate<'_>,
    now: i64,
) -> Result<Verdict, Refused> {
    if answer.len() > ANSWER_BYTES_MAX {
        return Err(Malformed.into());
    }
    let basic = Basic::parse(answer)?;
    if !basic.is_authentic(issuer, now)? {
        return Err(Refused::Signature);
    }
    let wanted = id(certificate, issuer);
    let mut answers = Reader::new(basic.answers);
    while !answers.is_empty() {
        let mut single = answers.inside(SEQUENCE)?;
        if !is_same(single.element(SEQUENCE)?.content, &wanted)? {
            continue;
        }
        let verdict = read_single(single)?;
        let until = verdict.next_update.unwrap_or(verdict.this_update.saturating_add(AGE_SECS_MAX));
        let is_over = until < now || until < verdict.this_update;
        return if is_over || verdict.this_update > now + SKEW_SECS { Err(Refused::Time) } else { Ok(verdict) };
    }
    Err(Refused::Other)
}

/// Whether an answer's id of a certificate is ours; some leave out the empty parameters of the hash.
fn is_same(theirs: &[u8], wanted: &[u8]) -> Result<bool, Malformed> {
    let parts = |content| -> Result<_, Malformed> {
        let mut inside = Reader::new(content);
        let hash = inside.inside(SEQUENCE)?.content(OBJECT_IDENTIFIER)?;
        let names = (inside.content(OCTET_STRING)?, inside.content(OCTET_STRING)?);
        Ok((hash, names, inside.integer()?))
    };
    Ok(parts(theirs)? == parts(der::only(wanted, SEQUENCE)?.content)?)
}

/// What stands behind the id in a single response.
fn read_single(mut single: Reader<'_>) -> Result<Verdict, Malformed> {
    let status = match single.any()?.tag {
        tag if tag == der::primitive(0) => Status::Good,
        tag if tag == der::constructed(1) => Status::Revoked,
        tag if tag == der::primitive(2) => Status::Unknown,
        _ => return Err(Malformed),
    };
    let this_update = time::read(&mut single)?;
    let next_update = match single.optional(der::constructed(0))? {
        Some(element) => Some(time::read(&mut Reader::new(element.content))?),
        None => None,
    };
    Ok(Verdict { status, this_update, next_update })
}

/// A basic response, the one kind that there is.
struct Basic<'a> {
    signed: &'a [u8],
    answers: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
    certificates: Reader<'a>,
}

impl<'a> Basic<'a> {
    fn parse(answer: &'a [u8]) -> Result<Self, Refused> {
        let mut outside = Reader::new(der::only(answer, SEQUENCE)?.content);
        match outside.content(ENUMERATED)? {
            [0] => {}
            [status] => return Err(Refused::Responder(*status)),
            _ => return Err(Malformed.into()),
        }
        let mut bytes = Reader::new(outside.content(der::constructed(0))?).inside(SEQUENCE)?;
        if bytes.content(OBJECT_IDENTIFIER)? != BASIC {
            return Err(Malformed.into());
        }
        let mut basic = Reader::new(der::only(bytes.content(OCTET_STRING)?, SEQUENCE)?.content);
        let data = basic.element(SEQUENCE)?;
        let algorithm = basic.content(SEQUENCE)?;
        let signature = basic.bytes_as_bits()?;
        let certificates = match basic.optional(der::constructed(0))? {
            Some(element) => Reader::new(element.content).inside(SEQUENCE)?,
            None => Reader::new(&[]),
        };
        let mut inside = Reader::new(data.content);
        inside.optional(der::constructed(0))?;
        // The responder's name or the hash of its key: whose key it is, is found out by the signature.
        inside.any()?;
        time::read(&mut inside)?;
        let answers = inside.content(SEQUENCE)?;
        Ok(Self { signed: data.whole, answers, algorithm, signature, certificates })
    }

    /// Whether the authority signed it, or somebody with a certificate of the authority's for that.
    fn is_authentic(&self, issuer: &Certificate<'_>, now: i64) -> Result<bool, Malformed> {
        if issuer.key().has_signed(self.algorithm, self.signed, self.signature) {
            return Ok(true);
        }
        let mut certificates = self.certificates;
        for _ in 0..RESPONDERS_MAX {
            if certificates.is_empty() {
                break;
            }
            let responder = Certificate::parse(certificates.element(SEQUENCE)?.whole)?;
            let (from, until) = responder.validity();
            let may_answer = responder.names(Purpose::OcspSigning)
                && responder.may_sign()
                && !responder.has_unknown_critical()
                && (from..=until).contains(&now)
                && responder.issuer() == issuer.subject()
                && responder.is_signed_by(issuer.key());
            if may_answer && responder.key().has_signed(self.algorithm, self.signed, self.signature) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

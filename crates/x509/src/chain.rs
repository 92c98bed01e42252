//! Which ways lead from a certificate to authorities that somebody trusts (RFC 5280 §6, in the reading of Go's x509, which
//! the users of the API know): signatures, validity, authority, path length, purposes and name constraints of each link.
//!
//! The trusted certificates are trusted as they are: of any version, and also when the certificate in question is one of
//! them. What is looked at is bounded, whatever a client sends along: links of a chain, chains, and signatures.

use std::collections::BTreeMap;

use crate::certificate::{Certificate, Purpose};

/// The longest chain, in certificates, the first and the trusted one among them.
pub const CHAIN_LENGTH_MAX: usize = 10;
/// How many chains are found at the most for one question.
const CHAINS_MAX: usize = 8;
/// How many signatures are checked at the most for one client.
const SIGNATURES_MAX: usize = 100;
/// How many links are tried at the most for one question: authorities of one name and key could sign each other in any order.
const STEPS_MAX: usize = 1_000;

/// Why a certificate is not believed, although some authority that is trusted could have made it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Untrusted {
    /// The time is before or after the certificate's.
    #[error("x509: certificate has expired or is not yet valid")]
    Expired,
    /// It says something critical that is not understood.
    #[error("x509: unhandled critical extension")]
    UnknownCritical,
    /// It is not for this.
    #[error("x509: certificate specifies an incompatible key usage")]
    Purpose,
    /// An authority may not have so many others below it.
    #[error("x509: too many intermediates for path length constraint")]
    TooLong,
    /// A name is outside of what an authority may speak for.
    #[error("x509: a name is not permitted by a constraint of an authority")]
    NameConstraint,
    /// There were too many signatures or links to look at.
    #[error("x509: too many signatures to check")]
    TooMuch,
}

/// What a client has shown, and what has been found out about it. One is good for any number of questions.
#[derive(Debug)]
pub struct Chains<'c> {
    first: &'c Certificate<'c>,
    others: &'c [Certificate<'c>],
    now: i64,
    purpose: Purpose,
    /// Which key has signed which certificate, by the place of the latter: many roles trust the same authority.
    signed: BTreeMap<(usize, Vec<u8>), bool>,
}

/// A chain: its links after the first certificate, the trusted one last; none when that is the first.
pub type Links<'t> = Vec<&'t Certificate<'t>>;

impl<'c> Chains<'c> {
    /// For this certificate, with others that may lead onward. `now` is in seconds since 1970.
    #[must_use]
    pub fn new(first: &'c Certificate<'c>, others: &'c [Certificate<'c>], now: i64, purpose: Purpose) -> Self {
        Self { first, others, now, purpose, signed: BTreeMap::new() }
    }

    /// The certificate in question.
    #[must_use]
    pub const fn first(&self) -> &'c Certificate<'c> {
        self.first
    }

    /// The ways to one of these authorities; none when no authority of them has anything to do with it.
    ///
    /// # Errors
    /// When an authority of them would lead to it, but it cannot be believed.
    pub fn to<'t>(&mut self, trusted: &'t [Certificate<'t>]) -> Result<Vec<Links<'t>>, Untrusted>
    where
        'c: 't,
    {
        let mut search = Search { found: Vec::new(), refused: None, steps: 0 };
        if let Some(same) = trusted.iter().find(|it| it.der() == self.first.der()) {
            self.judge(&[], same, &mut search);
        } else if let Err(reason) = self.extend(&mut Vec::new(), trusted, &mut search) {
            search.refused = Some(reason);
        }
        match search.refused {
            Some(reason) if search.found.is_empty() => Err(reason),
            _ => Ok(search.found),
        }
    }

    /// Looks for the links after these, which are places among the others.
    fn extend<'t>(
        &mut self,
        places: &mut Vec<usize>,
        trusted: &'t [Certificate<'t>],
        search: &mut Search<'t>,
    ) -> Result<(), Untrusted>
    where
        'c: 't,
    {
        let others = self.others;
        let (number, child) = match places.last().and_then(|place| others.get(*place).map(|it| (place + 1, it))) {
            Some((number, child)) => (number, child),
            None => (0, self.first),
        };
        for authority in trusted.iter().filter(|it| could_have_signed(it, child)) {
            if search.found.len() < CHAINS_MAX && self.is_signed(number, child, authority)? {
                self.judge(places, authority, search);
            }
        }
        if places.len() + 2 >= CHAIN_LENGTH_MAX {
            return Ok(());
        }
        for (place, link) in others.iter().enumerate() {
            search.steps += 1;
            if search.steps > STEPS_MAX {
                return Err(Untrusted::TooMuch);
            }
            // A second certificate of the same authority leads nowhere that the first does not.
            let is_same = |it: &Certificate<'_>| it.subject() == link.subject() && it.key() == link.key();
            let is_used = is_same(self.first)
                || places.iter().filter_map(|used| others.get(*used)).any(is_same)
                || trusted.iter().any(|it| it.der() == link.der());
            let could = !is_used && could_have_signed(link, child) && link.is_authority();
            if could && search.found.len() < CHAINS_MAX && self.is_signed(number, child, link)? {
                places.push(place);
                self.extend(places, trusted, search)?;
                places.pop();
            }
        }
        Ok(())
    }

    /// Whether a key has signed a certificate, which has this number.
    fn is_signed(&mut self, number: usize, child: &Certificate<'_>, by: &Certificate<'_>) -> Result<bool, Untrusted> {
        let question = (number, by.key().info().to_vec());
        if let Some(known) = self.signed.get(&question) {
            return Ok(*known);
        }
        if self.signed.len() >= SIGNATURES_MAX {
            return Err(Untrusted::TooMuch);
        }
        let is_signed = child.is_signed_by(by.key());
        self.signed.insert(question, is_signed);
        Ok(is_signed)
    }

    /// Takes a chain, whose signatures are good, unless something in it says otherwise.
    fn judge<'t>(&self, places: &[usize], trusted: &'t Certificate<'t>, search: &mut Search<'t>)
    where
        'c: 't,
    {
        let is_first = trusted.der() == self.first.der();
        let others = self.others;
        let between = places.iter().filter_map(|place| others.get(*place));
        let links: Links<'t> = between.map(shorten).chain((!is_first).then_some(trusted)).collect();
        match self.refuse(&links) {
            Some(reason) => search.refused = Some(reason),
            None => search.found.push(links),
        }
    }

    fn refuse(&self, links: &[&Certificate<'_>]) -> Option<Untrusted> {
        let all = || std::iter::once(self.first).map(shorten).chain(links.iter().copied());
        let is_over = |it: &Certificate<'_>| !(it.validity().0..=it.validity().1).contains(&self.now);
        if all().any(is_over) {
            return Some(Untrusted::Expired);
        }
        if all().any(Certificate::has_unknown_critical) {
            return Some(Untrusted::UnknownCritical);
        }
        if !all().all(|it| it.is_for(self.purpose)) {
            return Some(Untrusted::Purpose);
        }
        let admits = |it: &&Certificate<'_>| {
            it.name_constraints().is_none_or(|constraints| {
                all()
                    .take_while(|below| below.der() != it.der())
                    .all(|below| constraints.admit(below.alternative_names()))
            })
        };
        if !links.iter().all(admits) {
            return Some(Untrusted::NameConstraint);
        }
        // How many authorities stand between a link and the first certificate.
        let is_too_far = |(between, it): (usize, &&Certificate<'_>)| {
            let length = it.basic_constraints().and_then(|basic| basic.path_length);
            length.is_some_and(|length| between > usize::from(length))
        };
        links.iter().enumerate().any(is_too_far).then_some(Untrusted::TooLong)
    }
}

struct Search<'t> {
    found: Vec<Links<'t>>,
    refused: Option<Untrusted>,
    steps: usize,
}

/// A certificate lives longer than this chain.
fn shorten<'t>(it: &'t Certificate<'t>) -> &'t Certificate<'t> {
    it
}

/// Whether one certificate may be that of the other's authority, but for the signature. Version 1 knows no authorities, so
/// that what is trusted may be of it, if it has signed itself: a client's of that version among them is none.
fn could_have_signed(authority: &Certificate<'_>, child: &Certificate<'_>) -> bool {
    let is_old_authority = || {
        authority.version() < 3 && authority.subject() == authority.issuer() && authority.is_signed_by(authority.key())
    };
    let is_authority = match authority.basic_constraints() {
        Some(basic) => basic.is_authority,
        None => authority.subject() == child.issuer() && is_old_authority(),
    };
    let (named, own) = (child.authority_key_id(), authority.subject_key_id());
    is_authority
        && authority.may_sign_certificates()
        && authority.subject() == child.issuer()
        && (named.is_empty() || own.is_empty() || named == own)
}

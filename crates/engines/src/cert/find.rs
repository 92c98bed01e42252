//! Which role a client's certificate is good for: the one that the client names, or the first that fits in the order of
//! their names, those for this one certificate before those of authorities (documented Vault behavior).
//!
//! What costs something is done once for all roles: many of them trust the same authority.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use framework::{Context, Error, Stored};
use x509::certificate::Purpose;
use x509::{Certificate, Chains, Name, Untrusted, pem};

use super::crls::Revoked;
use super::entry::{ConfigEntry, ROLES, ROLES_END, RoleEntry, find_role};
use super::revocation::{Standing, standing};
use super::{Cert, bounds, constraints};
use crate::names;

/// How many certificates a client may send along beside its own.
const OTHERS_MAX: usize = 16;
/// How many roles one storage call reads.
const PAGE: usize = 100;
/// How many roles are tried for a client that names none.
const ROLES_TRIED_MAX: usize = 10_000;
/// How many fitting roles are kept whose responders have to be asked.
const CANDIDATES_MAX: usize = 32;

const NO_CERTIFICATE: &str = "client certificate must be supplied";
const NOT_TRUSTED: &str = "invalid certificate or no client certificate supplied";
const NOT_FITTING: &str = "no chain matching all constraints could be found for this login certificate";

/// Seconds since 1970.
pub(super) fn seconds(context: &Context) -> i64 {
    context.now().unix_secs()
}

/// The client's certificate and those that it sent along, as the connection brought them.
///
/// # Errors
/// When the connection is not one of TLS, or there is no certificate that can be read.
pub(super) fn shown(context: &Context) -> Result<(Certificate<'_>, Vec<Certificate<'_>>), Error> {
    if !context.connection.is_tls {
        return Err(Error::invalid("tls connection required"));
    }
    let Some((first, others)) = context.connection.client_certificates.split_first() else {
        return Err(Error::invalid(NO_CERTIFICATE));
    };
    let first = Certificate::parse(first).map_err(|_| Error::invalid(NOT_TRUSTED))?;
    let others = others.iter().take(OTHERS_MAX).filter_map(|der| Certificate::parse(der).ok());
    Ok((first, others.collect()))
}

/// A role that fits.
pub(super) struct Fitting {
    pub(super) name: String,
    pub(super) role: RoleEntry,
    pub(super) stored: Stored,
    /// Whether it is for this certificate alone.
    is_pinned: bool,
    /// Who made the certificate, DER, if that is known.
    issuer: Option<Vec<u8>>,
}

/// The role that the certificate is good for.
///
/// # Errors
/// [`Error::Invalid`] when there is none.
pub(super) async fn role(
    method: &Cert,
    context: &Context,
    config: &ConfigEntry,
    shown: &(Certificate<'_>, Vec<Certificate<'_>>),
    name: Option<&str>,
) -> Result<Fitting, Error> {
    let chains = Chains::new(&shown.0, &shown.1, seconds(context), Purpose::ClientAuth);
    let mut search = Search { context, chains, revoked: None, fitting: Vec::new(), is_trusted: false, untrusted: None };
    match name {
        Some(name) => {
            let name = names::check("role", name).map_err(|_| Error::invalid(NOT_TRUSTED))?;
            if let Some((role, stored)) = find_role(&context.view, &name).await? {
                search.look(name, role, stored).await?;
            }
        }
        None => search.look_at_all().await?,
    }
    search.decide(method, config).await
}

struct Search<'c> {
    context: &'c Context,
    chains: Chains<'c>,
    /// Read when it is needed.
    revoked: Option<Revoked>,
    fitting: Vec<Fitting>,
    /// Whether a role trusts the certificate, whether it fits or not.
    is_trusted: bool,
    /// Why an authority of a role is not enough.
    untrusted: Option<Untrusted>,
}

impl Search<'_> {
    async fn look_at_all(&mut self) -> Result<(), Error> {
        let (mut next, mut count) = (Some(ROLES.to_owned()), 0);
        while let Some(from) = next.take() {
            let page = self.context.view.entries_between(&from, ROLES_END, PAGE).await?;
            count += page.entries.len();
            if count > ROLES_TRIED_MAX {
                return Err(Error::invalid("there are too many roles to try all of them: name one"));
            }
            next = page.next;
            for (place, stored) in page.entries {
                // What does not open is logged, and nobody logs in with it.
                let Ok(stored) = stored else { continue };
                let Some(name) = place.strip_prefix(ROLES) else { continue };
                self.look(name.to_owned(), stored.json()?, stored).await?;
            }
        }
        Ok(())
    }

    /// Keeps a role if it fits.
    async fn look(&mut self, name: String, role: RoleEntry, stored: Stored) -> Result<(), Error> {
        let pem = pem::certificates(role.certificate.as_bytes()).unwrap_or_default();
        let trusted: Vec<_> = pem.iter().filter_map(|der| Certificate::parse(der).ok()).collect();
        let Some(first) = trusted.first() else { return Ok(()) };
        let is_pinned = bounds::is_pinned(first);
        if is_pinned && first.der() != self.chains.first().der() {
            return Ok(());
        }
        // Of a role for one certificate, the others are there to tell who made it.
        let anchors = if is_pinned { std::slice::from_ref(first) } else { trusted.as_slice() };
        let found = match self.chains.to(anchors) {
            Ok(found) => found,
            Err(reason) => {
                self.untrusted = Some(reason);
                return Ok(());
            }
        };
        self.is_trusted |= !found.is_empty();
        if found.is_empty() || !constraints::admit(&role, self.chains.first()) {
            return Ok(());
        }
        if self.revoked.is_none() {
            self.revoked = Some(Revoked::read(self.context).await?);
        }
        let leaf = self.chains.first();
        let is_revoked = |it: &Certificate<'_>| self.revoked.as_ref().is_none_or(|lists| lists.names(it.serial()));
        let good = found.iter().find(|links| !is_revoked(leaf) && !links.iter().any(|it| is_revoked(it)));
        let Some(links) = good else { return Ok(()) };
        let made_it = |it: &&Certificate<'_>| it.subject() == leaf.issuer() && leaf.is_signed_by(it.key());
        let issuer = match links.first() {
            Some(link) => Some(*link),
            None => trusted.iter().find(made_it),
        };
        let issuer = issuer.map(|it| it.der().to_vec());
        if is_pinned || self.fitting.len() < CANDIDATES_MAX {
            self.fitting.push(Fitting { name, role, stored, is_pinned, issuer });
        }
        Ok(())
    }

    /// The first of what fits that no responder has anything against.
    async fn decide(mut self, method: &Cert, config: &ConfigEntry) -> Result<Fitting, Error> {
        if !self.is_trusted {
            let text = match self.untrusted {
                Some(reason) => format!("failed to verify client's certificate: {reason}").into(),
                None => NOT_TRUSTED.into(),
            };
            return Err(Error::Invalid(text));
        }
        let leaf = self.chains.first();
        self.fitting.sort_by_key(|it| !it.is_pinned);
        let mut untold = None;
        for fitting in self.fitting {
            let ocsp = &fitting.role.ocsp;
            if !ocsp.is_enabled {
                return Ok(fitting);
            }
            let issuer = fitting.issuer.as_ref().and_then(|der| Certificate::parse(der).ok());
            let standing = match issuer {
                Some(issuer) => standing(method, self.context, ocsp, config.ocsp_cache_size, (leaf, &issuer)).await,
                None => Standing::Untold("it is not known who made the certificate".to_owned()),
            };
            if standing.admits(ocsp) {
                return Ok(fitting);
            }
            if let Standing::Untold(why) = standing {
                untold = Some(why);
            }
        }
        Err(Error::Invalid(match untold {
            Some(why) => format!("{NOT_FITTING}; additionally got errors during verification: {why}").into(),
            None => NOT_FITTING.into(),
        }))
    }
}

/// The keys of authorities of this name that a role trusts, as Base64 of DER.
pub(super) async fn keys_of(context: &Context, name: Name<'_>) -> Result<BTreeSet<String>, Error> {
    let (mut keys, mut next, mut count) = (BTreeSet::new(), Some(ROLES.to_owned()), 0);
    while let Some(from) = next.take().filter(|_| count < ROLES_TRIED_MAX) {
        let page = context.view.entries_between(&from, ROLES_END, PAGE).await?;
        count += page.entries.len();
        next = page.next;
        for (_, stored) in page.entries {
            // What does not open is logged.
            let Ok(stored) = stored else { continue };
            let role: RoleEntry = stored.json()?;
            let pem = pem::certificates(role.certificate.as_bytes()).unwrap_or_default();
            let trusted = pem.iter().filter_map(|der| Certificate::parse(der).ok());
            let of_name = trusted.filter(|it| it.subject() == name && (it.is_authority() || it.version() < 3));
            keys.extend(of_name.map(|it| BASE64.encode(it.key().info())));
        }
    }
    Ok(keys)
}

//! TLS settings of those who call: `rustls` with its provider named, so that nothing depends on what else the program
//! has installed, and a server verified against the authorities that are meant.
//!
//! Nothing here takes any certificate unseen.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};

mod verifier;

/// Most certificates of one text of authorities: bundles of all public ones have some 150.
const AUTHORITIES_MAX: usize = 1_000;

/// Why settings of TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A text of authorities has none, or something that is no certificate.
    #[error("no usable certificate in the PEM text of the authorities")]
    NoCertificate,
    /// The name is neither a DNS name nor an IP address.
    #[error("the TLS server name is neither a DNS name nor an IP address")]
    ServerName,
    /// The parts do not fit each other.
    #[error("could not use the certificates")]
    Use(#[source] rustls::Error),
}

/// Whose word counts for a server's certificate.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Trust {
    /// The system's authorities. A machine may have none: then no server is trusted.
    #[default]
    System,
    /// These alone.
    Authorities(Vec<CertificateDer<'static>>),
}

impl Trust {
    /// The authorities of a PEM text, or those of the system when it is empty.
    ///
    /// # Errors
    /// When the text holds none, something that is none, or more than a thousand.
    pub fn from_pem(text: &str) -> Result<Self, TlsError> {
        if text.trim().is_empty() { Ok(Self::System) } else { authorities(text).map(Self::Authorities) }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        match self {
            Self::System => roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
            Self::Authorities(found) => roots.add_parsable_certificates(found.iter().cloned()),
        };
        roots
    }
}

/// The certificates of a PEM text, each of which can be an authority.
///
/// # Errors
/// When there is none, one cannot be used, or there are more than a thousand.
pub fn authorities(text: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).take(AUTHORITIES_MAX + 1).collect();
    let found = found.map_err(|_| TlsError::NoCertificate)?;
    let (taken, _) = RootCertStore::empty().add_parsable_certificates(found.iter().cloned());
    let is_usable = taken > 0 && taken == found.len() && taken <= AUTHORITIES_MAX;
    if is_usable { Ok(found) } else { Err(TlsError::NoCertificate) }
}

/// The settings of connections to servers that `trust` vouches for, under `server_name` if there is one and else under
/// the address's name. No certificate is shown.
///
/// # Errors
/// When the name or an authority cannot be used.
pub fn client_config(trust: &Trust, server_name: Option<&str>) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = server_verifier(trust.roots(), server_name, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(TlsError::Use)?.dangerous().with_custom_certificate_verifier(verifier);
    Ok(builder.with_no_client_auth())
}

/// Verifies servers against `roots`; trusts nobody where these are empty.
///
/// # Errors
/// When the name or an authority cannot be used.
pub fn server_verifier(
    roots: RootCertStore,
    server_name: Option<&str>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let name = server_name.map(|name| ServerName::try_from(name.to_owned()).map_err(|_| TlsError::ServerName));
    let name = name.transpose()?;
    if roots.is_empty() {
        return Ok(Arc::new(verifier::TrustNobody(provider.signature_verification_algorithms)));
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| TlsError::Use(rustls::Error::General(error.to_string())))?;
    Ok(match name {
        Some(name) => Arc::new(verifier::UnderName { name, verifier }),
        None => verifier,
    })
}

#[cfg(test)]
mod tests;

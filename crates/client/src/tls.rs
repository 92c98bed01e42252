//! Our TLS settings: one `rustls` configuration with its provider named, so that nothing depends on what else the
//! program has installed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Tls;

mod verifier;

/// Most files of a folder of authorities that are read.
const CA_FILES_MAX: usize = 10_000;

/// Why the keys or certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A folder cannot be listed.
    #[error("could not list the certificates in {}", path.display())]
    List {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be read, or is no PEM.
    #[error("could not read {}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: rustls_pki_types::pem::Error,
    },
    /// A file or folder has no usable certificate.
    #[error("no usable certificate in {}", .0.display())]
    NoCertificate(PathBuf),
    /// The text of authorities has none.
    #[error("no usable certificate in the PEM text of the authorities")]
    NoCertificateInText,
    /// Only one of certificate and key is given.
    #[error("a client certificate needs its key and a client key its certificate: give both or none")]
    HalfIdentity,
    /// The server cannot be verified with what is given.
    #[error(transparent)]
    Server(outbound::TlsError),
    /// The parts do not fit each other.
    #[error("could not use the certificates")]
    Use(#[source] rustls::Error),
}

/// The settings of connections under `tls`.
///
/// # Errors
/// When a file cannot be read or used.
pub(crate) fn client_config(tls: &Tls) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = verifier(tls, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Use)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match (&tls.client_cert, &tls.client_key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(cert), Some(key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(|source| unreadable(key, source))?;
            builder.with_client_auth_cert(certificates(cert)?, key).map_err(TlsError::Use)?
        }
        _ => return Err(TlsError::HalfIdentity),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn verifier(tls: &Tls, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    if tls.skip_verify {
        return Ok(Arc::new(verifier::TrustAnybody(provider.signature_verification_algorithms)));
    }
    let name = tls.server_name.as_deref();
    outbound::tls::server_verifier(roots(tls)?, name, provider).map_err(TlsError::Server)
}

/// The authorities to trust. Those of the system may be none, on a machine that has none installed: that matters only
/// once a certificate has to be verified.
fn roots(tls: &Tls) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &tls.ca_cert {
        trust(&mut roots, path, certificates(path)?)?;
    } else if let Some(text) = &tls.ca_cert_text {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
        let (added, _) = roots.add_parsable_certificates(found.map_err(|_| TlsError::NoCertificateInText)?);
        if added == 0 {
            return Err(TlsError::NoCertificateInText);
        }
    } else if let Some(path) = &tls.ca_path {
        trust(&mut roots, path, folder(path)?)?;
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    Ok(roots)
}

fn trust(roots: &mut RootCertStore, path: &Path, found: Vec<CertificateDer<'static>>) -> Result<(), TlsError> {
    let (added, _) = roots.add_parsable_certificates(found);
    if added == 0 { Err(TlsError::NoCertificate(path.to_owned())) } else { Ok(()) }
}

/// All certificates of a PEM file.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|source| unreadable(path, source))?.collect();
    let found = found.map_err(|source| unreadable(path, source))?;
    if found.is_empty() { Err(TlsError::NoCertificate(path.to_owned())) } else { Ok(found) }
}

/// All certificates of the files in a folder. Files that hold none are passed by: such folders hold other things too.
fn folder(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let list = |source| TlsError::List { path: path.to_owned(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(list)?.take(CA_FILES_MAX) {
        found.extend(certificates(&entry.map_err(list)?.path()).unwrap_or_default());
    }
    Ok(found)
}

fn unreadable(path: &Path, source: rustls_pki_types::pem::Error) -> TlsError {
    TlsError::Read { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;

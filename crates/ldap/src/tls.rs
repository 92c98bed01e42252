//! TLS to a directory: whom to trust, who we are, and which versions.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use secret::Secret;

/// How to speak TLS.
#[derive(Clone, Copy, Debug)]
pub struct Tls<'a> {
    /// Certificates of authorities in PEM; empty for those of the system.
    pub authorities: &'a str,
    /// Takes any certificate: what somebody is told over such a connection may come from anybody.
    pub is_insecure: bool,
    /// Our certificates in PEM and their key; none for nobody in particular.
    pub identity: Option<(&'a str, &'a Secret<String>)>,
    /// The lowest version.
    pub lowest: TlsVersion,
    /// The highest version.
    pub highest: TlsVersion,
}

/// A version of TLS that is still safe.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TlsVersion {
    /// TLS 1.2.
    V12,
    /// TLS 1.3.
    V13,
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The authorities are no certificates.
    #[error("failed to parse server tls cert")]
    Authorities,
    /// The certificate or the key is none, or they do not belong together.
    #[error("failed to parse client X509 key pair")]
    Identity,
    /// There is no version between the lowest and the highest.
    #[error("the highest version of TLS is below the lowest")]
    Versions,
    /// The parts do not fit each other.
    #[error("could not use the certificates")]
    Use(#[source] rustls::Error),
}

impl Tls<'_> {
    /// The settings as they are used.
    ///
    /// # Errors
    /// When they make no sense.
    pub fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let versions: Vec<_> = [(TlsVersion::V12, &rustls::version::TLS12), (TlsVersion::V13, &rustls::version::TLS13)]
            .into_iter()
            .filter(|(version, _)| (self.lowest..=self.highest).contains(version))
            .map(|(_, version): (_, &'static SupportedProtocolVersion)| version)
            .collect();
        if versions.is_empty() {
            return Err(TlsError::Versions);
        }
        let roots = self.roots()?;
        let builder =
            ClientConfig::builder_with_provider(provider).with_protocol_versions(&versions).map_err(TlsError::Use)?;
        let builder = if self.is_insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(algorithms)))
        } else {
            builder.with_root_certificates(roots)
        };
        let config = match self.identity {
            None => builder.with_no_client_auth(),
            Some((certificates, key)) => {
                let certificates = certificates_of(certificates).ok_or(TlsError::Identity)?;
                let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|_| TlsError::Identity)?;
                builder.with_client_auth_cert(certificates, key).map_err(|_| TlsError::Identity)?
            }
        };
        Ok(Arc::new(config))
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        if self.authorities.trim().is_empty() {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(roots);
        }
        for certificate in certificates_of(self.authorities).ok_or(TlsError::Authorities)? {
            roots.add(certificate).map_err(|_| TlsError::Authorities)?;
        }
        Ok(roots)
    }
}

/// The certificates of a text in PEM; none if there is not even one, or one of them is none.
fn certificates_of(text: &str) -> Option<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>().ok()?;
    (!found.is_empty()).then_some(found)
}

/// Takes any certificate; the handshake's signature is still checked.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

//! Ask for a client certificate, check that the client has its key, and leave trust to later.
//!
//! The `cert` auth method decides by role whom it trusts, so the handshake must let every certificate through:
//! self-signed ones, authorities used as clients, expired ones, such of version 1. What it must never do is let a client
//! show somebody else's certificate: the signature over the handshake is always verified.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, SignatureScheme};
use x509::Certificate;

/// Takes any certificate whose key the client has.
#[derive(Debug)]
pub(crate) struct AskingVerifier {
    algorithms: WebPkiSupportedAlgorithms,
}

impl AskingVerifier {
    pub(crate) fn new(provider: &CryptoProvider) -> Self {
        Self { algorithms: provider.signature_verification_algorithms }
    }
}

impl ClientCertVerifier for AskingVerifier {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: a hint would make clients hold back certificates of other authorities.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = read(certificate)?;
        let key = certificate.key();
        let of_scheme = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
        let (_, algorithms) = of_scheme.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        // The scheme leaves open which curve it is of: the key tells that.
        let of_key = algorithms.iter().filter(|it| it.public_key_alg_id().as_ref() == key.algorithm());
        let mut verified = of_key.map(|it| it.verify_signature(key.key(), message, signed.signature()));
        if verified.any(|outcome| outcome.is_ok()) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        Err(CertificateError::BadSignature.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = read(certificate)?;
        let key = SubjectPublicKeyInfoDer::from(certificate.key().info());
        verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The key is taken out of the certificate without webpki, which knows neither version 1 nor what it does not expect.
fn read<'a>(certificate: &'a CertificateDer<'_>) -> Result<Certificate<'a>, Error> {
    Certificate::parse(certificate).map_err(|_| CertificateError::BadEncoding.into())
}

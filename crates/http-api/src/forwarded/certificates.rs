//! The certificate that a client has shown to a proxy, out of the header in which the proxy hands it on.
//!
//! Possession was proven to the proxy, whose word counts for it as it does for the client's address. Whether the
//! certificate is trusted is for the auth method to say, as with one that was shown to us.

use data_encoding::BASE64;
use http::HeaderMap;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::config::{CertificateDecoder, ClientCertificateHeader};
use crate::status::Refusal;

/// How many certificates a header may hold: a client's, and what leads to its authority.
const CERTIFICATES_MAX: usize = 16;

/// The certificates in the header, DER, the client's first; none when the header is not there.
///
/// # Errors
/// When a value is not what the decoders expect, there are too many, or one is no certificate.
pub(super) fn read(header: &ClientCertificateHeader, headers: &HeaderMap) -> Result<Vec<Vec<u8>>, Refusal> {
    let refuse = || Refusal::Malformed(format!("failed to parse the client certificate in the header {}", header.name));
    let mut certificates = Vec::new();
    for value in headers.get_all(&header.name) {
        let values = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        for value in values.filter(|value| !value.is_empty()) {
            let decode = |bytes: Vec<u8>, step: &CertificateDecoder| step.decode(&bytes);
            let der = header.decoders.iter().try_fold(value.to_vec(), decode);
            let der = der.filter(|_| certificates.len() < CERTIFICATES_MAX);
            let der = der.filter(|der| x509::Certificate::parse(der).is_ok());
            certificates.push(der.ok_or_else(refuse)?);
        }
    }
    Ok(certificates)
}

impl CertificateDecoder {
    /// The bytes after this step, if they are what it expects.
    fn decode(self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Url => url(bytes),
            Self::Base64 => BASE64.decode(bytes).ok(),
            Self::Pem => CertificateDer::from_pem_slice(bytes).ok().map(|der| der.to_vec()),
            Self::Rfc9440 => BASE64.decode(bytes.strip_prefix(b":")?.strip_suffix(b":")?).ok(),
        }
    }
}

/// A query's encoding, undone.
fn url(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(*digit).to_digit(16));
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => *other,
        });
    }
    Some(decoded)
}

#[cfg(test)]
mod tests;

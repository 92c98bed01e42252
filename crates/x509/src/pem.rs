//! Certificates and revocation lists in their textual form (RFC 7468).

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};

use crate::Malformed;

/// The certificates in a text, in their order; what else is in it is passed over.
///
/// # Errors
/// When one of them is broken off or no Base64.
pub fn certificates(text: &[u8]) -> Result<Vec<Vec<u8>>, Malformed> {
    let found = CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>().map_err(|_| Malformed)?;
    Ok(found.into_iter().map(|der| der.to_vec()).collect())
}

/// The first revocation list in a text, if there is one.
#[must_use]
pub fn revocation_list(text: &[u8]) -> Option<Vec<u8>> {
    CertificateRevocationListDer::from_pem_slice(text).ok().map(|der| der.to_vec())
}

/// A certificate as text, lines of 64 characters.
#[must_use]
pub fn write_certificate(der: &[u8]) -> String {
    let base64 = data_encoding::BASE64.encode(der);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = behind;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

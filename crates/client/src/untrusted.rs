//! Why a TLS handshake failed, for people: the words of the TLS library are those of its code.

use std::error::Error;

use rustls::{AlertDescription, CertificateError};

/// Why a TLS handshake failed, of the reasons that the user can do something about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// Nobody whom we trust has signed the certificate.
    #[error("the server's certificate is signed by an authority that is not trusted here")]
    Authority,
    /// The certificate is for other names than the one that was called.
    #[error("the server's certificate is for {}, not for {expected}", names(presented))]
    Name {
        /// The name that was called, or the one that was to be found in its place.
        expected: String,
        /// Those of the certificate. May be empty.
        presented: Vec<String>,
    },
    /// The certificate's time is over.
    #[error("the server's certificate has expired, or the clock here is wrong")]
    Expired,
    /// The certificate's time is still to come.
    #[error("the server's certificate is not valid yet, or the clock here is wrong")]
    NotYetValid,
    /// The server wants a certificate of ours.
    #[error("the server asks for a client certificate")]
    Anonymous,
}

impl Untrusted {
    /// The reason, if it is among the causes of `error`.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        match tls_error(error)? {
            rustls::Error::InvalidCertificate(problem) => Self::of_certificate(problem),
            rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => Some(Self::Anonymous),
            _ => None,
        }
    }

    fn of_certificate(problem: &CertificateError) -> Option<Self> {
        Some(match problem {
            CertificateError::UnknownIssuer => Self::Authority,
            CertificateError::NotValidForNameContext { expected, presented } => Self::Name {
                expected: expected.to_str().into_owned(),
                presented: presented.iter().map(|name| plain(name).to_owned()).collect(),
            },
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            _ => return None,
        })
    }
}

/// The TLS library's error among the causes. An I/O error that wraps another does not name it as its cause.
fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

/// `a.test` of `DnsName("a.test")`, which is how the library has names.
fn plain(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')'));
    inner.map_or(name, |inner| inner.trim_matches('"'))
}

fn names(presented: &[String]) -> String {
    if presented.is_empty() { "no name at all".to_owned() } else { presented.join(", ") }
}

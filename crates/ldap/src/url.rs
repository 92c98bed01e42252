//! Where a directory is: `ldap://host:port`, or `ldaps://` for TLS from the first byte on.

use std::fmt;
use std::str::FromStr;

use rustls_pki_types::ServerName;

/// The port of `ldap`.
const PORT: u16 = 389;
/// The port of `ldaps`.
const TLS_PORT: u16 = 636;

/// The address of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Url {
    pub(crate) is_tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) name: ServerName<'static>,
}

/// A text that is no address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UrlError {
    /// Neither `ldap://` nor `ldaps://`.
    #[error("the URL must begin with ldap:// or ldaps://")]
    Scheme,
    /// The host is neither a DNS name nor an IP address.
    #[error("the URL has no host that is a DNS name or an IP address")]
    Host,
    /// The port is none.
    #[error("the port of the URL is not a number from 1 to 65535")]
    Port,
}

impl Url {
    /// Whether it speaks TLS from the first byte on.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.is_tls
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(UrlError::Scheme)?;
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "ldap" => false,
            "ldaps" => true,
            _ => return Err(UrlError::Scheme),
        };
        // A base and a filter, which may stand behind the host, are settings of their own here.
        let place = rest.split(['/', '?']).next().unwrap_or_default();
        let (host, port) = match place.strip_prefix('[') {
            Some(bracketed) => {
                let (host, port) = bracketed.split_once(']').ok_or(UrlError::Host)?;
                (
                    host,
                    port.strip_prefix(':')
                        .map(Some)
                        .or_else(|| port.is_empty().then_some(None))
                        .ok_or(UrlError::Port)?,
                )
            }
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let usual = if is_tls { TLS_PORT } else { PORT };
        let port = port.map_or(Ok(usual), |port| port.parse().map_err(|_| UrlError::Port))?;
        if port == 0 {
            return Err(UrlError::Port);
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| UrlError::Host)?;
        Ok(Self { is_tls, host: host.to_owned(), port, name })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "ldaps" } else { "ldap" };
        let brackets = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{}{}{}:{}", brackets.0, self.host, brackets.1, self.port)
    }
}

#[cfg(test)]
mod tests;

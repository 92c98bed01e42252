//! Who is the client when a proxy stands in front: `X-Forwarded-For`, believed only from proxies that were named.
//!
//! Every proxy appends the address that it saw, so the list is read from its end: what is further left was written by
//! somebody whom nobody vouches for. The rules and their defaults are Vault's `x_forwarded_for_*` listener settings.
//! Proxies that end TLS hand on certificates in a header of their own ([`certificates`]), which nobody else may send.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use framework::Connection;
use http::HeaderMap;

use crate::config::ForwardedFor;
use crate::status::Refusal;

mod certificates;

const HEADER: &str = "x-forwarded-for";

/// Addresses with the same leading bits, as in `10.0.0.0/8`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

/// The text is no network: an address, and behind a slash how many of its leading bits count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a network: expected an address such as 10.0.0.1, or one with a prefix such as 10.0.0.0/8")]
pub struct NetworkError;

impl Network {
    /// Whether the address lies in it. IPv4 in the clothes of IPv6 (`::ffff:10.0.0.1`) counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                is_equal(ours.to_bits().into(), theirs.to_bits().into(), u32::BITS, self.prefix_bits)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                is_equal(ours.to_bits(), theirs.to_bits(), u128::BITS, self.prefix_bits)
            }
            _ => false,
        }
    }
}

/// Whether the first `prefix` of `width` bits are the same.
fn is_equal(ours: u128, theirs: u128, width: u32, prefix: u32) -> bool {
    // A shift by the full width is no shift at all in Rust: it has to be caught.
    (ours ^ theirs).checked_shr(width.saturating_sub(prefix)).unwrap_or(0) == 0
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let width = if address.is_ipv4() { u32::BITS } else { u128::BITS };
        let prefix_bits = match prefix {
            None => width,
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits.parse().map_err(|_| NetworkError)?,
            Some(_) => return Err(NetworkError),
        };
        if prefix_bits > width { Err(NetworkError) } else { Ok(Self { address, prefix_bits }) }
    }
}

/// The connection with the address of the client in place of the last proxy's.
///
/// # Errors
/// When the rules refuse the request, or the list does not hold what they need.
pub(crate) fn resolve(
    rules: &ForwardedFor,
    connection: &Arc<Connection>,
    headers: &HeaderMap,
) -> Result<Arc<Connection>, Refusal> {
    let refuse = |text: &str| Err(Refusal::Malformed(text.to_owned()));
    let certificate = rules.client_certificate.as_ref().filter(|header| headers.contains_key(&header.name));
    let proxy = connection.remote.filter(|remote| rules.authorized.iter().any(|it| it.contains(remote.ip())));
    if proxy.is_none() && certificate.is_some() && rules.rejects_unauthorized {
        return refuse("client address not authorized to hand on client certificates");
    }
    if !headers.contains_key(HEADER) {
        return match (rules.rejects_absent, certificate.filter(|_| proxy.is_some())) {
            (true, _) => refuse("missing x-forwarded-for header and configured to reject when not present"),
            // A proxy that leaves out a header without a value cannot be told from one that asks for itself.
            (false, None) if proxy.is_some() && rules.client_certificate.is_some() => {
                Ok(Arc::new(Connection { client_certificates: Vec::new(), ..connection.as_ref().clone() }))
            }
            (false, None) => Ok(Arc::clone(connection)),
            (false, Some(header)) => {
                let client_certificates = certificates::read(header, headers)?;
                Ok(Arc::new(Connection { client_certificates, ..connection.as_ref().clone() }))
            }
        };
    }
    let Some(proxy) = proxy else {
        return match rules.rejects_unauthorized {
            true => refuse("client address not authorized for x-forwarded-for and configured to reject connection"),
            false => Ok(Arc::clone(connection)),
        };
    };
    let values = headers.get_all(HEADER).iter().map(|value| value.to_str().unwrap_or_default());
    let mut links: Vec<_> = values.flat_map(|value| value.split(',')).collect();
    links.truncate(links.len().saturating_sub(rules.hop_skips));
    let Some(client) = links.last() else {
        return refuse("x-forwarded-for has fewer addresses than are configured to be skipped");
    };
    let Ok(client) = client.trim().parse::<IpAddr>() else {
        return refuse("x-forwarded-for holds something else than addresses");
    };
    let remote = Some(SocketAddr::new(client, proxy.port()));
    // The certificate of the proxy itself is never that of its client.
    let client_certificates = match &rules.client_certificate {
        Some(header) => certificates::read(header, headers)?,
        None => Vec::new(),
    };
    let (is_tls, openings) = (connection.is_tls, connection.openings);
    Ok(Arc::new(Connection { remote, is_tls, client_certificates, openings }))
}

#[cfg(test)]
mod tests;

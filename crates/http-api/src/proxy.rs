//! Who is the client when a load balancer passes bytes on: the PROXY protocol, versions 1 and 2, in front of TLS.
//!
//! A header is believed only from whom the operator named; from others it is taken away unread or refused with the
//! connection. What no version of the protocol can have written closes the connection: bytes are never guessed at.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::{ProxyBehavior, ProxyProtocol};
use crate::socket::Socket;

/// How version 1 begins.
const V1: &[u8] = b"PROXY ";
/// The longest header of version 1, its line break included, in bytes (PROXY protocol §2.1).
const V1_BYTES_MAX: usize = 107;
/// How version 2 begins.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// What version 2 has in front of addresses and extensions, in bytes.
const V2_PREFIX_BYTES: usize = 16;
/// The longest rest of a header of version 2 that is read, in bytes: extensions may carry certificates' names.
const V2_REST_BYTES_MAX: usize = 4096;

/// What the first bytes of a connection are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProxyHeader {
    /// No header: they belong to what follows.
    Absent,
    /// The beginning of one.
    Incomplete,
    /// A whole one.
    Complete {
        /// The client; `None` when the sender speaks for itself or of something that is no TCP connection.
        source: Option<SocketAddr>,
        /// In bytes.
        length: usize,
    },
    /// The beginning of one that cannot end well.
    Malformed,
}

/// The address of the client of this connection, which `remote` opened. The header, if there is one, is taken away.
///
/// # Errors
/// When the connection is to be closed.
pub(crate) async fn client(
    rules: &ProxyProtocol,
    socket: &mut Socket,
    remote: Option<SocketAddr>,
) -> io::Result<Option<SocketAddr>> {
    let is_named = remote.is_some_and(|remote| rules.authorized.iter().any(|it| it.contains(remote.ip())));
    let is_believed = is_named || rules.behavior == ProxyBehavior::UseAlways;
    if !is_believed && rules.behavior == ProxyBehavior::DenyUnauthorized {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it comes from no named proxy"));
    }
    loop {
        match read(socket.head()) {
            ProxyHeader::Absent => return Ok(remote),
            ProxyHeader::Complete { source, length } => {
                socket.take(length);
                return Ok(source.filter(|_| is_believed).or(remote));
            }
            ProxyHeader::Incomplete if socket.look().await? > 0 => {}
            ProxyHeader::Incomplete => return Err(io::ErrorKind::UnexpectedEof.into()),
            ProxyHeader::Malformed => {
                if is_named {
                    // Only a proxy of the operator's can cause it, so this cannot flood the log.
                    tracing::warn!(?remote, "connection closed: the PROXY header of a named proxy is malformed");
                }
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the PROXY header is malformed"));
            }
        }
    }
}

/// Reads the header that the bytes begin with, if they do.
#[must_use]
pub fn read(bytes: &[u8]) -> ProxyHeader {
    if bytes.starts_with(V1) {
        return read_v1(bytes);
    }
    if bytes.starts_with(V2) {
        return read_v2(bytes);
    }
    if V1.starts_with(bytes) || V2.starts_with(bytes) { ProxyHeader::Incomplete } else { ProxyHeader::Absent }
}

/// One line: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443`.
fn read_v1(bytes: &[u8]) -> ProxyHeader {
    let window = bytes.get(..V1_BYTES_MAX).unwrap_or(bytes);
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        let is_full = window.len() == V1_BYTES_MAX;
        return if is_full { ProxyHeader::Malformed } else { ProxyHeader::Incomplete };
    };
    let line = bytes.get(..end).and_then(|line| std::str::from_utf8(line).ok());
    let fields: Vec<_> = line.unwrap_or_default().split(' ').collect();
    let source = match fields.as_slice() {
        // Whatever stands behind it has no meaning.
        ["PROXY", "UNKNOWN", ..] => Some(None),
        ["PROXY", "TCP4", source, target, from, to] => {
            addresses::<Ipv4Addr>(source, target, from, to).map(|(ip, port)| Some(SocketAddr::new(ip.into(), port)))
        }
        ["PROXY", "TCP6", source, target, from, to] => {
            addresses::<Ipv6Addr>(source, target, from, to).map(|(ip, port)| Some(SocketAddr::new(ip.into(), port)))
        }
        _ => None,
    };
    source.map_or(ProxyHeader::Malformed, |source| ProxyHeader::Complete { source, length: end + 2 })
}

/// The first address and port, when all four make sense.
fn addresses<A: std::str::FromStr>(source: &str, target: &str, from: &str, to: &str) -> Option<(A, u16)> {
    target.parse::<A>().ok()?;
    port(to)?;
    Some((source.parse().ok()?, port(from)?))
}

/// Decimal digits without a sign and without zeros in front.
fn port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().ok() } else { None }
}

/// Binary: the signature, version and command, family, a length, addresses, extensions.
fn read_v2(bytes: &[u8]) -> ProxyHeader {
    let Some((prefix, rest)) = bytes.split_first_chunk::<V2_PREFIX_BYTES>() else { return ProxyHeader::Incomplete };
    let [.., version_and_command, family, high, low] = *prefix;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > V2_REST_BYTES_MAX {
        return ProxyHeader::Malformed;
    }
    // An unknown version or command is malformed at once: waiting for the rest would not make it better.
    let is_local = match version_and_command {
        0x20 => true,
        0x21 => false,
        _ => return ProxyHeader::Malformed,
    };
    let Some(rest) = rest.get(..length) else { return ProxyHeader::Incomplete };
    let source = match family {
        _ if is_local => Some(None),
        0x11 => v4(rest).map(Some),
        0x21 => v6(rest).map(Some),
        // Not told, datagrams, Unix sockets: nothing that could have come to a TCP listener.
        0x00 | 0x12 | 0x22 | 0x31 | 0x32 => Some(None),
        _ => None,
    };
    source.map_or(ProxyHeader::Malformed, |source| ProxyHeader::Complete { source, length: V2_PREFIX_BYTES + length })
}

fn v4(rest: &[u8]) -> Option<SocketAddr> {
    let (source, rest) = rest.split_first_chunk::<4>()?;
    let (_, rest) = rest.split_first_chunk::<4>()?;
    ends(IpAddr::from(*source), rest)
}

fn v6(rest: &[u8]) -> Option<SocketAddr> {
    let (source, rest) = rest.split_first_chunk::<16>()?;
    let (_, rest) = rest.split_first_chunk::<16>()?;
    ends(IpAddr::from(*source), rest)
}

/// The address with the first of two ports.
fn ends(source: IpAddr, ports: &[u8]) -> Option<SocketAddr> {
    let (ports, _) = ports.split_first_chunk::<4>()?;
    let [high, low, _, _] = *ports;
    Some(SocketAddr::new(source, u16::from_be_bytes([high, low])))
}

#[cfg(test)]
mod tests;

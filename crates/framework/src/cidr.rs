//! Networks that a token is bound to: parsed once, compared with the address that a connection came from.
//!
//! A connection without an address (a Unix socket, a call inside the process) is in no network: whoever binds a token
//! to addresses does not mean one that nobody can tell.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};

/// The bits in front of an IPv4 address that is written as an IPv6 one (RFC 4291 §2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// A network, or a single address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Cidr(IpNet);

/// A network with the text that it was written as: for settings that are shown as they were written, mask and notation
/// included (documented Vault behavior), so that a client that compares finds what it sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct WrittenCidr {
    text: String,
    cidr: Cidr,
}

/// Text that is neither a network nor an address.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is neither an IP address nor a network such as 10.0.0.0/8")]
pub struct NotCidr(String);

impl Cidr {
    /// Whether every address of the other network is in this one.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.0.contains(&other.0)
    }

    fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// Whether somebody at this address may use what is bound to these networks; none of them binds nobody.
#[must_use]
pub fn admit(bound: &[Cidr], remote: Option<IpAddr>) -> bool {
    bound.is_empty() || remote.is_some_and(|remote| bound.iter().any(|cidr| cidr.contains(remote)))
}

/// The texts by which networks are shown.
#[must_use]
pub fn texts<T: fmt::Display>(networks: &[T]) -> Vec<String> {
    networks.iter().map(ToString::to_string).collect()
}

/// The networks alone.
#[must_use]
pub fn networks_of(written: &[WrittenCidr]) -> Vec<Cidr> {
    written.iter().map(|written| written.cidr).collect()
}

impl FromStr for Cidr {
    type Err = NotCidr;

    fn from_str(text: &str) -> Result<Self, NotCidr> {
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let net = net.map_err(|_| NotCidr(text.to_owned()))?;
        Ok(Self(canonical(net)))
    }
}

/// Addresses are compared in their short form, so networks must be in it too.
fn canonical(net: IpNet) -> IpNet {
    let mapped = |address: Ipv6Addr, bits: u8| Ipv4Net::new(address.to_ipv4_mapped()?, bits).ok();
    match net {
        IpNet::V6(v6) => {
            let bits = v6.prefix_len().checked_sub(MAPPED_BITS);
            bits.and_then(|bits| mapped(v6.addr(), bits)).map_or(net, IpNet::V4)
        }
        IpNet::V4(_) => net,
    }
}

impl fmt::Display for Cidr {
    /// A single address is shown without its mask (documented Vault behavior).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            write!(f, "{}", self.0.addr())
        } else {
            write!(f, "{}", self.0)
        }
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

impl TryFrom<String> for Cidr {
    type Error = NotCidr;

    fn try_from(text: String) -> Result<Self, NotCidr> {
        text.parse()
    }
}

impl FromStr for WrittenCidr {
    type Err = NotCidr;

    fn from_str(text: &str) -> Result<Self, NotCidr> {
        Ok(Self { text: text.to_owned(), cidr: text.parse()? })
    }
}

impl fmt::Display for WrittenCidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<WrittenCidr> for String {
    fn from(written: WrittenCidr) -> Self {
        written.text
    }
}

impl TryFrom<String> for WrittenCidr {
    type Error = NotCidr;

    fn try_from(text: String) -> Result<Self, NotCidr> {
        text.parse()
    }
}

#[cfg(test)]
mod tests;

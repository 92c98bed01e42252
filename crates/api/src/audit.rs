//! How records of an audit device are chained: what stands at the end of each line, and how it is read back.
//!
//! Shared by the server, which writes the chain, and by `audit verify`, which checks it. Every record ends in one key of
//! ours, `chain`, so that whoever reads Vault's records can read these. Its last value is a MAC over everything before
//! it in the line, the MAC of the record before included: nothing can be changed, taken out or moved without the key,
//! which never leaves the server. Nothing here knows the key.

use std::fmt::Write as _;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

/// The length of a record's MAC, in bytes: HMAC-SHA-256 cut to its first half (RFC 2104 §5, as RFC 4868 does).
pub const MAC_BYTES: usize = 16;
/// The same in base64url without padding.
const MAC_TEXT_BYTES: usize = 22;
/// What stands in front of a line's own MAC.
const BEFORE_MAC: &str = ",\"mac\":\"";
/// What stands behind it: the ends of the chain and of the record.
const AFTER_MAC: &str = "\"}}";
/// How the chain begins within a line. It is the record's last key, and quotes within a string are escaped, so that its
/// last occurrence is the chain's.
const START: &str = ",\"chain\":{";

/// A record's MAC.
pub type Mac = [u8; MAC_BYTES];

/// Which chain a record belongs to: one device on one node, since the node was unsealed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ChainName {
    /// The device's random UUID, which it keeps for its life.
    pub device: String,
    /// When the chain began, as 16 hexadecimal digits of nanoseconds since 1970, and 8 random ones: later chains sort
    /// behind earlier ones.
    pub boot: String,
    /// What the machine is called.
    pub node: String,
    /// Which of the cluster's keys the MACs are made with.
    pub term: u32,
}

/// What a line says of its place in the chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// The chain.
    pub name: ChainName,
    /// The number of the record, from 1, without gaps.
    pub seq: u64,
    /// The MAC of the record before; none for the first.
    pub prev: Option<Mac>,
    /// How many records the device has refused or lost since the record before.
    pub lost: u64,
    /// Whether the line before may be cut: a write that the disk or a crash broke off.
    pub is_after_torn: bool,
    /// The record's own MAC.
    pub mac: Mac,
}

/// A line that was taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line<'l> {
    /// What the MAC is over.
    pub covered: &'l [u8],
    /// What the line says of itself.
    pub link: Link,
}

#[derive(Deserialize)]
struct Written {
    device: String,
    boot: String,
    node: String,
    term: u32,
    seq: u64,
    #[serde(default)]
    lost: u64,
    #[serde(default)]
    torn: bool,
    prev: String,
}

/// A MAC as it is written.
#[must_use]
pub fn mac_text(mac: &Mac) -> String {
    BASE64URL_NOPAD.encode(mac)
}

/// A MAC as it was written.
#[must_use]
pub fn mac_from(text: &str) -> Option<Mac> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// The beginning of the chain's text, which is the same for all records of a chain.
#[must_use]
pub fn start(name: &ChainName) -> String {
    let mut text = START.to_owned();
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let (device, node, boot) = (quoted(&name.device), quoted(&name.node), quoted(&name.boot));
    // Writing to a String cannot fail.
    let _written = write!(text, "\"device\":{device},\"node\":{node},\"boot\":{boot},\"term\":{},\"seq\":", name.term);
    text
}

/// Writes a record's place behind its beginning: everything but the MAC, which is over what is there then.
pub fn write_place(out: &mut Vec<u8>, start: &str, seq: u64, prev: Option<&Mac>, lost: u64, is_after_torn: bool) {
    out.extend_from_slice(start.as_bytes());
    out.extend_from_slice(seq.to_string().as_bytes());
    if lost > 0 {
        out.extend_from_slice(format!(",\"lost\":{lost}").as_bytes());
    }
    if is_after_torn {
        out.extend_from_slice(b",\"torn\":true");
    }
    out.extend_from_slice(b",\"prev\":\"");
    out.extend_from_slice(prev.map(mac_text).unwrap_or_default().as_bytes());
    out.push(b'"');
}

/// Writes the MAC and the end of the line.
pub fn write_mac(out: &mut Vec<u8>, mac: &Mac) {
    out.extend_from_slice(BEFORE_MAC.as_bytes());
    out.extend_from_slice(mac_text(mac).as_bytes());
    out.extend_from_slice(AFTER_MAC.as_bytes());
    out.push(b'\n');
}

/// Takes a line apart, given without its end. `None` for what is no record of a chain.
#[must_use]
pub fn read(line: &[u8]) -> Option<Line<'_>> {
    let tail_bytes = BEFORE_MAC.len() + MAC_TEXT_BYTES + AFTER_MAC.len();
    let (covered, tail) = line.split_at_checked(line.len().checked_sub(tail_bytes)?)?;
    let mac = tail.strip_prefix(BEFORE_MAC.as_bytes())?.strip_suffix(AFTER_MAC.as_bytes())?;
    let mac = mac_from(std::str::from_utf8(mac).ok()?)?;
    let text = std::str::from_utf8(covered).ok()?;
    let object = text.rfind(START).and_then(|at| text.get(at + START.len() - 1..))?;
    let written: Written = serde_json::from_str(&[object, "}"].concat()).ok()?;
    let prev = match written.prev.as_str() {
        "" => None,
        text => Some(mac_from(text)?),
    };
    let Written { device, boot, node, term, seq, lost, torn, .. } = written;
    let name = ChainName { device, boot, node, term };
    Some(Line { covered, link: Link { name, seq, prev, lost, is_after_torn: torn, mac } })
}

#[cfg(test)]
mod tests;

//! Which names an authority may speak for (RFC 5280 §4.2.1.10). Hosts, addresses, mail and URIs; a critical constraint of
//! another kind makes the authority's certificate one that is not understood.

use crate::Malformed;
use crate::certificate::AlternativeNames;
use crate::der::{self, Reader, SEQUENCE};
use crate::extensions::ascii;

/// What an authority's certificate says of the names below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct NameConstraints<'a> {
    permitted: Vec<Subtree<'a>>,
    excluded: Vec<Subtree<'a>>,
}

#[derive(Clone, Copy, Debug)]
enum Subtree<'a> {
    Dns(&'a str),
    Email(&'a str),
    Uri(&'a str),
    /// Address and mask, each as long as the addresses that it is about.
    Ip(&'a [u8], &'a [u8]),
}

/// One name of a certificate.
#[derive(Clone, Copy)]
enum Subject<'a> {
    Dns(&'a str),
    Email(&'a str),
    Uri(&'a str),
    Ip(&'a [u8]),
}

impl<'a> NameConstraints<'a> {
    /// The constraints, and whether all of them are of kinds that are understood.
    pub(crate) fn read(value: &'a [u8]) -> Result<(Self, bool), Malformed> {
        let mut inside = Reader::new(der::only(value, SEQUENCE)?.content);
        let mut is_understood = true;
        let mut lists = [Vec::new(), Vec::new()];
        for (number, list) in (0..).zip(&mut lists) {
            let Some(element) = inside.optional(der::constructed(number))? else { continue };
            let mut subtrees = Reader::new(element.content);
            while !subtrees.is_empty() {
                let mut subtree = subtrees.inside(SEQUENCE)?;
                match Subtree::read(&mut subtree)? {
                    // Minimum and maximum are not to be used.
                    Some(base) if subtree.is_empty() => list.push(base),
                    _ => is_understood = false,
                }
            }
        }
        inside.end()?;
        let [permitted, excluded] = lists;
        Ok((Self { permitted, excluded }, is_understood))
    }

    /// Whether all of these names are within what is permitted, and none is in what is excluded.
    pub(crate) fn admit(&self, names: &AlternativeNames<'_>) -> bool {
        let dns = names.dns.iter().map(|name| Subject::Dns(name));
        let email = names.email.iter().map(|name| Subject::Email(name));
        let uri = names.uri.iter().map(|name| Subject::Uri(name));
        let ip = names.ip.iter().map(|name| Subject::Ip(name));
        dns.chain(email).chain(uri).chain(ip).all(|name| {
            let mut of_kind = self.permitted.iter().filter(|subtree| subtree.is_about(name)).peekable();
            let is_permitted = of_kind.peek().is_none() || of_kind.any(|subtree| subtree.holds(name) == Some(true));
            // A name that cannot be judged counts as excluded.
            let is_excluded = |subtree: &Subtree<'_>| subtree.is_about(name) && subtree.holds(name) != Some(false);
            is_permitted && !self.excluded.iter().any(is_excluded)
        })
    }
}

impl<'a> Subtree<'a> {
    fn read(subtree: &mut Reader<'a>) -> Result<Option<Self>, Malformed> {
        let base = subtree.any()?;
        Ok(match base.tag {
            tag if tag == der::primitive(1) => Some(Self::Email(ascii(base.content)?)),
            tag if tag == der::primitive(2) => Some(Self::Dns(ascii(base.content)?)),
            tag if tag == der::primitive(6) => Some(Self::Uri(ascii(base.content)?)),
            tag if tag == der::primitive(7) => match base.content.len() {
                length @ (8 | 32) => {
                    base.content.split_at_checked(length / 2).map(|(address, mask)| Self::Ip(address, mask))
                }
                _ => return Err(Malformed),
            },
            _ => None,
        })
    }

    const fn is_about(&self, name: Subject<'_>) -> bool {
        matches!(
            (self, name),
            (Self::Dns(_), Subject::Dns(_))
                | (Self::Email(_), Subject::Email(_))
                | (Self::Uri(_), Subject::Uri(_))
                | (Self::Ip(..), Subject::Ip(_))
        )
    }

    /// Whether the name lies in it; `None` when the name is not one of its kind at all.
    fn holds(&self, name: Subject<'_>) -> Option<bool> {
        match (self, name) {
            (Self::Dns(base), Subject::Dns(name)) => Some(holds_host(base, name)),
            (Self::Email(base), Subject::Email(name)) => {
                let (mailbox, host) = name.rsplit_once('@')?;
                Some(match base.rsplit_once('@') {
                    Some((of_base, at)) => of_base == mailbox && at.eq_ignore_ascii_case(host),
                    None => holds_exact_or_below(base, host),
                })
            }
            (Self::Uri(base), Subject::Uri(name)) => Some(holds_exact_or_below(base, uri_host(name)?)),
            (Self::Ip(address, mask), Subject::Ip(name)) => Some(
                address.len() == name.len()
                    && address.iter().zip(*mask).zip(name).all(|((ours, mask), theirs)| (ours ^ theirs) & mask == 0),
            ),
            _ => None,
        }
    }
}

/// For hosts the base and everything below it; one with a leading dot is only about what is below.
fn holds_host(base: &str, name: &str) -> bool {
    let (base, name) = (base.to_ascii_lowercase(), name.to_ascii_lowercase());
    let name = name.strip_suffix('.').unwrap_or(&name);
    match name.strip_suffix(base.as_str()) {
        Some("") => true,
        Some(front) => base.is_empty() || base.starts_with('.') || front.ends_with('.'),
        None => false,
    }
}

/// For mail and URIs one host, or with a leading dot everything below it.
fn holds_exact_or_below(base: &str, host: &str) -> bool {
    if base.is_empty() {
        return true;
    }
    if base.starts_with('.') { holds_host(base, host) } else { base.eq_ignore_ascii_case(host.trim_end_matches('.')) }
}

/// The host of a URI that has one by name: nothing else can be judged.
fn uri_host(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.starts_with('[') {
        return None;
    }
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let is_name = !host.is_empty() && host.parse::<std::net::Ipv4Addr>().is_err();
    is_name.then_some(host)
}

#[cfg(test)]
mod tests;

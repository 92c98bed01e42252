//! Who issues the tokens of a namespace.

use framework::{Error, Namespace};

use super::Oidc;
use super::entry::ConfigEntry;
use crate::identity::again;
use crate::keys;
use crate::store::{Lost, encode};

/// The longest issuer, in bytes.
const ISSUER_BYTES_MAX: usize = 512;

const NO_ISSUER: &str = "no issuer is known: set api_addr in the configuration of the server, or \"issuer\" in identity/oidc/config or of the provider";

/// Whether an issuer may have a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// Scheme, host, port.
    Origin,
    /// And a path.
    WithPath,
}

impl Oidc {
    /// What the operator has said; empty when nothing.
    pub(super) async fn configured_issuer(&self, ns: &str) -> Result<String, Error> {
        let found = self.store.get::<ConfigEntry>(&keys::oidc_config(ns)?).await?;
        Ok(found.map(|found| found.value.issuer).unwrap_or_default())
    }

    /// Where clients reach the cluster, without a slash at its end.
    ///
    /// # Errors
    /// [`Error::Invalid`] when that is not known: a token of an issuer that is no URL is believed by nobody, and what is
    /// published for it leads nowhere.
    pub(super) fn own_address(&self) -> Result<&str, Error> {
        let address = self.address.trim_end_matches('/');
        if is_url(address, Form::WithPath) { Ok(address) } else { Err(Error::invalid(NO_ISSUER)) }
    }

    /// The issuer of a namespace's identity tokens: where its discovery is.
    ///
    /// # Errors
    /// As of [`own_address`](Self::own_address), when the operator has not named one.
    pub(super) async fn issuer(&self, namespace: &Namespace) -> Result<String, Error> {
        let configured = self.configured_issuer(&namespace.id).await?;
        let base = if configured.is_empty() { self.own_address()? } else { &configured };
        Ok([base, "/v1/", &namespace.path, "identity/oidc"].concat())
    }

    /// Sets it; empty for the cluster's own address.
    pub(super) async fn set_issuer(&self, ns: &str, issuer: &str) -> Result<(), Error> {
        let issuer = checked_issuer(issuer, Form::WithPath)?;
        again!(self.try_set_issuer(ns, &issuer))
    }

    async fn try_set_issuer(&self, ns: &str, issuer: &str) -> Result<(), Lost> {
        let key = keys::oidc_config(ns)?;
        let [known] = self.store.revisions_of([key.clone()]).await?;
        let mut changes = self.changes(ns).await?;
        changes.set(key, known, encode(&ConfigEntry { v: 1, issuer: issuer.to_owned() })?);
        self.commit(changes).await?;
        Ok(())
    }
}

/// An issuer without a slash at its end: other parties compare it byte by byte, and find the discovery behind it.
///
/// # Errors
/// [`Error::Invalid`] when it is no such URL.
pub(super) fn checked_issuer(issuer: &str, form: Form) -> Result<String, Error> {
    let issuer = issuer.trim_end_matches('/');
    if issuer.is_empty() {
        return Ok(String::new());
    }
    if issuer.len() <= ISSUER_BYTES_MAX && is_url(issuer, form) {
        return Ok(issuer.to_owned());
    }
    let parts = match form {
        Form::Origin => "host, and optional port",
        Form::WithPath => "host, optional port, and path (e.g. https://example.com:8200/vault)",
    };
    Err(Error::Invalid(format!("invalid issuer, which must include only a scheme, {parts}").into()))
}

fn is_url(text: &str, form: Form) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else { return false };
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
    if path.is_some() && form == Form::Origin {
        return false;
    }
    let is_path = |c: char| c.is_ascii_alphanumeric() || "-._~/%!$&'()*+,;=:".contains(c);
    path.unwrap_or_default().chars().all(is_path) && is_authority(authority)
}

/// A host, which may be a bracketed address, and perhaps a port (RFC 3986 §3.2); nobody's name or password.
fn is_authority(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => ("v6", port.strip_prefix(':')),
        Some(_) => return false,
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let is_host = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    is_host && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

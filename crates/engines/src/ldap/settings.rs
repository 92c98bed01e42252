//! The settings as they are used: addresses, filters and TLS, checked.

use std::sync::Arc;
use std::time::Duration;

use framework::Error;
use ldap::{ClientConfig, Dereference, Filter, Limits, Tls, TlsError, TlsVersion, Url};
use secret::Secret;

use super::entry::ConfigEntry;
use super::template::render;

/// The most addresses of one directory.
const URLS_MAX: usize = 16;

/// What finds users unless something else is said (documented Vault default).
const USUAL_FILTER: &str = "({{.UserAttr}}={{.Username}})";

/// Settings that make sense.
pub(super) struct Settings {
    pub(super) entry: ConfigEntry,
    pub(super) urls: Vec<Url>,
    pub(super) limits: Limits,
    pub(super) dereference: Dereference,
    /// The lowest and the highest of TLS.
    versions: (TlsVersion, TlsVersion),
}

impl Settings {
    /// Looks at settings before they are stored, TLS included.
    ///
    /// # Errors
    /// [`Error::Invalid`], with what is wrong.
    pub(super) fn check(entry: &ConfigEntry) -> Result<(), Error> {
        let settings = Self::of(entry.clone())?;
        for (name, attribute) in [("userattr", &entry.user_attr), ("groupattr", &entry.group_attr)] {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ';');
            if attribute.is_empty() || !attribute.chars().all(is_name) {
                return Err(Error::Invalid(format!("'{name}' must be the name of an attribute").into()));
            }
        }
        settings.user_filter("x")?;
        settings.group_filter("x", "cn=x")?;
        let is_domain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
        if !entry.upn_domain.chars().all(is_domain) {
            return Err(Error::invalid("'upndomain' must be the name of a domain"));
        }
        if entry.client_cert.is_empty() != entry.client_key.is_empty() {
            return Err(Error::invalid("client_tls_cert and client_tls_key must both be set or both be empty"));
        }
        if !entry.bind_password.is_empty() && entry.bind_dn.is_empty() {
            return Err(Error::invalid("bindpass needs a binddn"));
        }
        settings.tls().map(drop).map_err(|error| Error::Invalid(error.to_string().into()))
    }

    pub(super) fn of(entry: ConfigEntry) -> Result<Self, Error> {
        let urls = entry
            .url
            .split(',')
            .map(str::trim)
            .filter(|url| !url.is_empty())
            .map(|url| url.parse::<Url>().map_err(|error| Error::Invalid(format!("invalid url: {error}").into())));
        let urls = urls.collect::<Result<Vec<_>, _>>()?;
        if urls.is_empty() || urls.len() > URLS_MAX {
            return Err(Error::Invalid(format!("at least one url must be provided, and at most {URLS_MAX}").into()));
        }
        let dereference = match entry.dereference_aliases.as_str() {
            "" | "never" => Dereference::Never,
            "finding" => Dereference::Finding,
            "searching" => Dereference::Searching,
            "always" => Dereference::Always,
            _ => {
                let text = "'dereference_aliases' must be \"never\", \"finding\", \"searching\" or \"always\"";
                return Err(Error::invalid(text));
            }
        };
        let limits = Limits {
            connect: Duration::from_secs(entry.connection_timeout_secs),
            request: Duration::from_secs(entry.request_timeout_secs),
        };
        let lowest = version("tls_min_version", &entry.tls_min_version, true)?;
        let highest = version("tls_max_version", &entry.tls_max_version, false)?;
        if highest < lowest {
            return Err(Error::invalid("'tls_max_version' must be greater than or equal to 'tls_min_version'"));
        }
        Ok(Self { entry, urls, limits, dereference, versions: (lowest, highest) })
    }

    /// Whether users are searched for, and not just named.
    pub(super) const fn searches(&self) -> bool {
        self.entry.discovers_dn || self.has_account()
    }

    /// Whether the mount has a name and a password of its own.
    pub(super) const fn has_account(&self) -> bool {
        !self.entry.bind_dn.is_empty() && !self.entry.bind_password.is_empty()
    }

    /// Whether the filter for users asks for nothing but the name.
    pub(super) fn has_usual_filter(&self) -> bool {
        matches!(self.entry.user_filter.as_str(), "" | USUAL_FILTER)
    }

    /// How many entries to ask for at a time.
    pub(super) fn page(&self) -> Option<u32> {
        u32::try_from(self.entry.max_page_size).ok().filter(|size| *size > 0)
    }

    /// What finds the user of this name.
    pub(super) fn user_filter(&self, username: &str) -> Result<Filter, Error> {
        let escaped = ldap::filter::escape(username);
        let (attribute, value) = match self.entry.upn_domain.as_str() {
            "" => (self.entry.user_attr.as_str(), escaped),
            domain => ("userPrincipalName", [&escaped, "@", domain].concat()),
        };
        let text = if self.has_usual_filter() { USUAL_FILTER } else { &self.entry.user_filter };
        let filter =
            parse("userfilter", &render("userfilter", text, &[("UserAttr", attribute), ("Username", &value)])?)?;
        // With a domain, somebody has proven that name, and not another that the filter may find.
        Ok(match self.entry.upn_domain.as_str() {
            domain if !domain.is_empty() && !self.has_usual_filter() => {
                Filter::And(vec![Filter::equal("userPrincipalName", &[username, "@", domain].concat()), filter])
            }
            _ => filter,
        })
    }

    /// What finds the groups of a user; none where nobody searches for any.
    pub(super) fn group_filter(&self, username: &str, user_dn: &str) -> Result<Option<Filter>, Error> {
        if self.entry.group_filter.is_empty() {
            return Ok(None);
        }
        let (username, user_dn) = (ldap::filter::escape(username), ldap::filter::escape(user_dn));
        let values = [("UserDN", user_dn.as_str()), ("Username", username.as_str())];
        parse("groupfilter", &render("groupfilter", &self.entry.group_filter, &values)?).map(Some)
    }

    /// What somebody of this name binds with where nobody is searched for, and what is tried for a name that is not
    /// found.
    pub(super) fn bind_name(&self, username: &str) -> String {
        let ConfigEntry { user_attr, user_dn, upn_domain, .. } = &self.entry;
        let escaped = ldap::dn::escape(username);
        match (upn_domain.as_str(), user_dn.as_str()) {
            ("", "") => [user_attr, "=", &escaped].concat(),
            ("", user_dn) => [user_attr, "=", &escaped, ",", user_dn].concat(),
            (domain, _) => [&escaped, "@", domain].concat(),
        }
    }

    /// How to speak TLS.
    pub(super) fn tls(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let key = Secret::new(self.entry.client_key.clone());
        let (lowest, highest) = self.versions;
        let tls = Tls {
            authorities: &self.entry.certificate,
            is_insecure: self.entry.is_insecure,
            identity: (!self.entry.client_cert.is_empty()).then_some((self.entry.client_cert.as_str(), &key)),
            lowest,
            highest,
        };
        tls.config()
    }
}

/// What is lower than TLS 1.2 is not spoken, and can only be where to begin.
fn version(name: &str, word: &str, is_lowest: bool) -> Result<TlsVersion, Error> {
    match word {
        "" | "tls12" => Ok(TlsVersion::V12),
        "tls13" => Ok(TlsVersion::V13),
        "tls10" | "tls11" if is_lowest => Ok(TlsVersion::V12),
        "tls10" | "tls11" => {
            Err(Error::Invalid(format!("'{name}' must be tls12 or tls13: TLS below 1.2 is not safe").into()))
        }
        _ => Err(Error::Invalid(format!("invalid '{name}'").into())),
    }
}

fn parse(setting: &str, text: &str) -> Result<Filter, Error> {
    Filter::parse(text).map_err(|error| Error::Invalid(format!("error parsing {setting}: {error}").into()))
}

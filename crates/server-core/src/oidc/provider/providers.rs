//! Providers: issuers, each with the applications and scopes that it serves.

use barrier::Changes;
use framework::{Error, Namespace};

use super::entry::{ClientEntry, ProviderEntry};
use super::scopes::OPENID;
use crate::identity::again;
use crate::keys;
use crate::oidc::config::{Form, checked_issuer};
use crate::oidc::signing::DEFAULT;
use crate::oidc::{ANY, Kind, Oidc, check_name, checked_list, lists};
use crate::store::{Lost, encode};

/// The most scopes of one provider: each is expected to be there by the commit that names it.
const SCOPES_MAX: usize = 30;

/// What is changed of a provider; what is absent stays.
#[derive(Clone, Default)]
pub(in crate::oidc) struct ProviderChange {
    pub(in crate::oidc) issuer: Option<String>,
    pub(in crate::oidc) allowed_client_ids: Option<Vec<String>>,
    pub(in crate::oidc) scopes_supported: Option<Vec<String>>,
}

impl ProviderEntry {
    /// One that nobody has said anything about. That of the name `default` serves everybody.
    pub(in crate::oidc) fn new(name: &str) -> Self {
        let allowed_client_ids = if name == DEFAULT { vec![ANY.to_owned()] } else { Vec::new() };
        Self { v: 1, issuer: String::new(), allowed_client_ids, scopes_supported: Vec::new() }
    }

    /// Whether it serves an application.
    pub(in crate::oidc) fn serves(&self, client: &ClientEntry) -> bool {
        lists(&self.allowed_client_ids, &client.client_id)
    }

    /// The scopes that it has of those that somebody asks for, each once; all others are left out (RFC 6749 §3.3).
    pub(in crate::oidc) fn granted(&self, asked: &[String]) -> Vec<String> {
        self.scopes_supported.iter().filter(|scope| asked.contains(scope)).cloned().collect()
    }
}

impl Oidc {
    /// The provider of this name; the default one is there without being made.
    pub(in crate::oidc) async fn provider(&self, ns: &str, name: &str) -> Result<Option<ProviderEntry>, Error> {
        let found = self.named(ns, Kind::Provider, name).await?.map(|found| found.value);
        Ok(found.or_else(|| (name == DEFAULT).then(|| ProviderEntry::new(name))))
    }

    /// What a provider's paths stand behind: the operator's origin, or the cluster's own.
    ///
    /// # Errors
    /// When neither is known.
    pub(in crate::oidc) fn origin<'p>(&'p self, provider: &'p ProviderEntry) -> Result<&'p str, Error> {
        if provider.issuer.is_empty() { self.own_address() } else { Ok(&provider.issuer) }
    }

    /// The issuer of a provider's tokens: where its discovery is.
    ///
    /// # Errors
    /// As of [`origin`](Self::origin).
    pub(in crate::oidc) fn issuer_of(
        &self,
        namespace: &Namespace,
        name: &str,
        provider: &ProviderEntry,
    ) -> Result<String, Error> {
        Ok([self.origin(provider)?, "/v1/", &namespace.path, "identity/oidc/provider/", name].concat())
    }

    /// Makes or changes a provider. Tells scopes that cannot be asked for together.
    pub(in crate::oidc) async fn write_provider(
        &self,
        ns: &str,
        name: &str,
        change: &ProviderChange,
    ) -> Result<Option<String>, Error> {
        check_name(Kind::Provider, name)?;
        let scopes = again!(self.try_write_provider(ns, name, change))?;
        if change.scopes_supported.is_some() { self.conflict(ns, &scopes).await } else { Ok(None) }
    }

    /// Tells the scopes that it has then.
    async fn try_write_provider(&self, ns: &str, name: &str, change: &ProviderChange) -> Result<Vec<String>, Lost> {
        let found = self.named::<ProviderEntry>(ns, Kind::Provider, name).await?;
        let revision = found.as_ref().map(|found| found.revision);
        let before = found.map(|found| found.value);
        let mut entry = before.clone().unwrap_or_else(|| ProviderEntry::new(name));
        if let Some(issuer) = &change.issuer {
            entry.issuer = checked_issuer(issuer, Form::Origin)?;
        }
        if let Some(ids) = &change.allowed_client_ids {
            entry.allowed_client_ids = checked_list("allowed_client_ids", ids)?;
        }
        if let Some(scopes) = &change.scopes_supported {
            entry.scopes_supported = checked_list("scopes_supported", scopes)?;
            // Everybody has it.
            entry.scopes_supported.retain(|scope| scope != OPENID);
            if entry.scopes_supported.len() > SCOPES_MAX {
                return Err(Error::Invalid(format!("a provider has {SCOPES_MAX} scopes at most").into()).into());
            }
        }
        let mut changes = self.changes(ns).await?;
        let had = before.as_ref().map(|before| before.scopes_supported.as_slice()).unwrap_or_default();
        let user = (Kind::Provider, name);
        self.change_uses(ns, (Kind::Scope, OPENID), user, had, &entry.scopes_supported, &mut changes).await?;
        changes.set(keys::oidc(ns, Kind::Provider.word(), name)?, revision, encode(&entry)?);
        self.commit(changes).await?;
        Ok(entry.scopes_supported)
    }

    /// Removes a provider; no error when there is none. Its codes and access tokens are refused from the reply on.
    pub(in crate::oidc) async fn delete_provider(&self, ns: &str, name: &str) -> Result<(), Error> {
        if name == DEFAULT {
            return Err(Error::Invalid(format!("deletion of OIDC provider {name:?} not allowed").into()));
        }
        again!(self.try_delete_provider(ns, name))
    }

    async fn try_delete_provider(&self, ns: &str, name: &str) -> Result<(), Lost> {
        let Some(found) = self.named::<ProviderEntry>(ns, Kind::Provider, name).await? else { return Ok(()) };
        let (mut changes, user) = (Changes::new(), (Kind::Provider, name));
        changes.delete(keys::oidc(ns, Kind::Provider.word(), name)?, found.revision);
        self.change_uses(ns, (Kind::Scope, OPENID), user, &found.value.scopes_supported, &[], &mut changes).await?;
        self.commit(changes).await?;
        Ok(())
    }
}

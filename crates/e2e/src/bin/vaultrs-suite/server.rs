//! The server under test as the suite sees it.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use vaultrs::api::sys::requests::EnableEngineRequest;
use vaultrs::api::token::requests::CreateTokenRequest;
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;
use vaultrs::{sys, token};

/// How long one request may take before it counts as unanswered.
const REQUEST_MAX: Duration = Duration::from_secs(30);

/// Where the server is.
pub(crate) struct Server {
    url: String,
}

impl Server {
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.to_owned() }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A client with this token, or with none when it is empty.
    pub(crate) fn client(&self, token: &str) -> Result<VaultClient> {
        let authority = std::env::var("SUITE_AUTHORITY").ok();
        self.trusting(token, authority.into_iter().collect())
    }

    pub(crate) fn trusting(&self, token: &str, authorities: Vec<String>) -> Result<VaultClient> {
        let mut settings = VaultClientSettingsBuilder::default();
        settings.address(&self.url).token(token).ca_certs(authorities).verify(true).timeout(Some(REQUEST_MAX));
        Ok(VaultClient::new(settings.build()?)?)
    }

    pub(crate) fn root(&self) -> Result<VaultClient> {
        self.client(&std::env::var("SUITE_ROOT_TOKEN").context("SUITE_ROOT_TOKEN is not set")?)
    }

    /// A new KV mount; gives root's client and the mount's path.
    pub(crate) async fn mount(&self, version: u8) -> Result<(VaultClient, String)> {
        let (client, path) = (self.root()?, unique("kv"));
        let options = HashMap::from([("version".to_owned(), version.to_string())]);
        let mut request = EnableEngineRequest::builder();
        sys::mount::enable(&client, &path, "kv", Some(request.options(options))).await?;
        Ok((client, path))
    }

    /// A client whose token has these policies.
    pub(crate) async fn with_policies(&self, policies: &[&str]) -> Result<VaultClient> {
        let policies: Vec<String> = policies.iter().map(|&name| name.to_owned()).collect();
        let mut request = CreateTokenRequest::builder();
        let made = token::new(&self.root()?, Some(request.policies(policies).ttl("10m"))).await?;
        self.client(&made.client_token)
    }

    /// A client whose token has this policy alone beside `default`.
    pub(crate) async fn with_policy(&self, rules: &str) -> Result<VaultClient> {
        let name = unique("policy");
        sys::policy::set(&self.root()?, &name, rules).await?;
        self.with_policies(&[&name]).await
    }

    /// A client whose token may do what every token may, and nothing else.
    pub(crate) async fn stranger(&self) -> Result<VaultClient> {
        self.with_policies(&["default"]).await
    }
}

/// A name that nothing on the server has: the same behavior may run there twice, also for another process.
pub(crate) fn unique(start: &str) -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    format!("{start}-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Wants an error reply with this status and this text in it; gives its errors.
pub(crate) fn refused<T: Debug>(status: u16, text: &str, answer: Result<T, ClientError>) -> Result<Vec<String>> {
    match answer {
        Err(ClientError::APIError { code, errors }) => {
            let fits = code == status && errors.join("\n").contains(text);
            ensure!(fits, "{status} with {text:?} was expected, and came {code} with {errors:?}");
            Ok(errors)
        }
        other => bail!("{status} was expected, and came {other:?}"),
    }
}

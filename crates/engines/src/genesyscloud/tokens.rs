//! Access tokens of the client that the engine works with. They are kept in memory as long as they are good: one for each
//! request would leave thousands alive.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use framework::{Context, Error};
use secret::SecretString;

use super::Genesys;
use super::answers::Failure;
use super::cloud::Cloud;
use super::entry::{self, ConfigEntry};
use crate::clients::lock;

/// How many tokens are kept, of as many organizations.
const TOKENS_MAX: usize = 256;
/// How long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_secs(60);

/// Tokens by where they are for and whose they are.
#[derive(Default)]
pub(super) struct RootTokens(Mutex<BTreeMap<String, Known>>);

struct Known {
    /// What it was got with.
    secret: SecretString,
    token: SecretString,
    /// On the monotonic clock.
    until: Duration,
}

/// The organization, and a token of the engine's own client. A token that the API refuses is forgotten with this.
pub(super) struct Root<'a> {
    tokens: &'a RootTokens,
    key: String,
    cloud: Cloud<'a>,
    pub(super) config: ConfigEntry,
    pub(super) token: SecretString,
}

impl<'a> Deref for Root<'a> {
    type Target = Cloud<'a>;

    fn deref(&self) -> &Cloud<'a> {
        &self.cloud
    }
}

impl Drop for Root<'_> {
    fn drop(&mut self) {
        if self.cloud.is_refused.load(Ordering::SeqCst) {
            lock(&self.tokens.0).remove(&self.key);
        }
    }
}

impl Genesys {
    /// The organization, with a token of the engine's own client.
    ///
    /// # Errors
    /// [`Error::Invalid`] before there is a configuration, and what the vendor says to its client.
    pub(super) async fn root<'a>(&'a self, context: &'a Context) -> Result<Root<'a>, Error> {
        let (config, _) = entry::config(&context.view).await?;
        let cloud = self.connections.open(context, &config)?;
        let key = [&config.login_url, "\n", &config.client_id].concat();
        let token = match self.tokens.get(&key, &config.client_secret, context) {
            Some(token) => token,
            None => match cloud.token(&config.client_id, &config.client_secret).await {
                Ok(fresh) => {
                    self.tokens.keep(&key, &config.client_secret, &fresh.text, fresh.lasts, context);
                    fresh.text
                }
                // The secret is being replaced, and whoever is at it, or was, has left the token for that.
                Err(failure @ Failure::BadClient { .. }) => match &config.handover {
                    Some(handover) => SecretString::from(handover.token.as_str()),
                    None => return Err(failure.into()),
                },
                Err(failure) => return Err(failure.into()),
            },
        };
        Ok(Root { tokens: &self.tokens, key, cloud, config, token })
    }
}

impl RootTokens {
    fn get(&self, key: &str, secret: &str, context: &Context) -> Option<SecretString> {
        let tokens = lock(&self.0);
        let known = tokens.get(key).filter(|known| known.secret.expose() == secret)?;
        (context.env.monotonic() < known.until).then(|| known.token.clone())
    }

    fn keep(&self, key: &str, secret: &str, token: &SecretString, lasts: Duration, context: &Context) {
        let until = context.env.monotonic().saturating_add(lasts.saturating_sub(MARGIN));
        let mut tokens = lock(&self.0);
        if tokens.len() >= TOKENS_MAX {
            tokens.pop_first();
        }
        let known = Known { secret: SecretString::from(secret), token: token.clone(), until };
        tokens.insert(key.to_owned(), known);
    }
}

//! Password policies: their stored text, and passwords drawn by them. A text is stored only if passwords can be drawn by
//! it, so that whoever generates one later does not fail for it. Names keep their case, as in Vault.

use env::Env;
use framework::Error;
use framework::view::Listing;
use password::PasswordPolicy;
use secret::SecretString;

use super::{check_name, check_text, texts};
use crate::keys;
use crate::store::Store;

/// The password policies of all namespaces. What generates passwords for others asks [`PasswordPolicies::generate`].
pub(crate) struct PasswordPolicies {
    store: Store,
    env: Env,
}

impl PasswordPolicies {
    pub(crate) fn new(store: Store, env: Env) -> Self {
        Self { store, env }
    }

    /// The text of a policy, `None` if there is none.
    pub(crate) async fn text(&self, ns: &str, name: &str) -> Result<Option<String>, Error> {
        texts::read(&self.store, &keys::password_policy(ns, name)?).await
    }

    /// Stores a policy, old or new.
    pub(crate) async fn write(&self, ns: &str, name: &str, text: &str) -> Result<(), Error> {
        check_name(name)?;
        check_text(text)?;
        let policy = PasswordPolicy::parse(text);
        let policy = policy.map_err(|why| Error::Invalid(format!("invalid password policy: {why}").into()))?;
        policy.check(&self.env).map_err(|why| {
            Error::Invalid(
                format!("unable to generate password from provided policy: {why}: are the rules impossible?").into(),
            )
        })?;
        texts::write(&self.store, ns, &keys::password_policy(ns, name)?, text).await
    }

    /// Removes a policy; no error when there is none.
    pub(crate) async fn delete(&self, ns: &str, name: &str) -> Result<(), Error> {
        texts::delete(&self.store, &keys::password_policy(ns, name)?).await
    }

    /// The names of a page, sorted.
    pub(crate) async fn names(&self, ns: &str, listing: &Listing) -> Result<Vec<String>, Error> {
        texts::names(&self.store, &keys::password_policies(ns), listing).await
    }

    /// Draws a password by a policy, `None` if there is none of that name.
    pub(crate) async fn generate(&self, ns: &str, name: &str) -> Result<Option<SecretString>, Error> {
        let Some(text) = self.text(ns, name).await? else { return Ok(None) };
        let policy = PasswordPolicy::parse(&text);
        let policy = policy.map_err(|why| Error::world(format!("parse the stored password policy {name:?}"), why))?;
        let password = policy.generate(&self.env);
        Ok(Some(password.map_err(|why| Error::world(format!("draw a password by policy {name:?}"), why))?))
    }
}

#[cfg(test)]
mod tests;

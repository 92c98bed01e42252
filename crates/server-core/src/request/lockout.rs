//! Around a login: is its user locked out, and what does its outcome mean for the next one. No other request pays for it.

use framework::{Context, Error, Reply};
use serde_json::{Map, Value};

use super::{Destination, Pipeline, Target};
use crate::lockout::Attempt;

impl Pipeline {
    /// A login that counts; none for everything else, and where nobody is locked out.
    ///
    /// # Errors
    /// [`Error::Denied`] for who is locked out: nothing is asked of the engine then.
    pub(super) async fn attempt(
        &self,
        to: &Destination<'_>,
        target: &Target<'_>,
        context: &Context,
        data: &Map<String, Value>,
    ) -> Result<Option<Attempt>, Error> {
        let Some((route, mount)) = target.route.as_ref().ok().zip(target.mount.as_ref()) else { return Ok(None) };
        let Some(rules) = self.lockout.rules(&mount.settings) else { return Ok(None) };
        // What the engine does not understand it will refuse itself.
        let user = target.engine.user(context, route, data).await.ok().flatten();
        let Some(user) = user else { return Ok(None) };
        self.lockout.enter(rules, &to.place.namespace.id, mount, user).await
    }

    /// Takes note of how a login ended.
    pub(super) async fn judge(&self, attempt: &Attempt, result: &Result<Reply, Error>) {
        let noted = match result {
            Err(Error::BadCredentials(_)) => self.lockout.failed(attempt).await,
            Ok(_) => self.lockout.succeeded(attempt).await,
            Err(_) => Ok(()),
        };
        if let Err(error) = noted {
            // The login has ended as it has, and what this node has counted holds.
            tracing::warn!(%error, "the outcome of a login could not be stored");
        }
    }
}

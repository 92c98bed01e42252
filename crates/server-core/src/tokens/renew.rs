//! Renewing tokens.

use std::sync::Arc;
use std::time::Duration;

use barrier::Changes;
use framework::view::COMMIT_TRIES;
use framework::{Auth, Connection, Error};
use secret::Secret;
use storage::Expectation;

use super::admit::Renewal;
use super::create::{Created, DUE_KIND, nanos};
use super::entry::{TokenEntry, TokenState};
use super::kind::Kind;
use super::roles::Role;
use super::rules::lesser;
use super::{Limits, Tokens};
use crate::keys;
use crate::store::{Lost, encode};
use crate::ttl::{self, Wish};

/// A renewed token.
pub(crate) struct Renewed {
    pub(crate) auth: Auth,
    pub(crate) warnings: Vec<String>,
}

impl Tokens {
    /// Prolongs a token by `asked`, or by what it was given at first. `text` is told back in the reply. The method of its
    /// login may look at the connection.
    pub(crate) async fn renew(
        &self,
        namespace: &str,
        hash: &str,
        text: Secret<String>,
        asked: Duration,
        limits: Limits,
        connection: &Arc<Connection>,
    ) -> Result<Renewed, Error> {
        for _ in 0..COMMIT_TRIES {
            let stored = self.live(namespace, hash).await?.ok_or(Error::Denied)?;
            let (entry, state) = (&stored.entry.value, &stored.state.value);
            let Some(expires) = state.expires else { return Err(Error::invalid("lease is not renewable")) };
            if !entry.is_renewable {
                return Err(Error::invalid("lease is not renewable"));
            }
            let role = self.role_at_renewal(namespace, entry).await?;
            let login = self.login_at_renewal(namespace, entry, connection).await?;
            let Renewal { usual, period, limits } =
                login.unwrap_or(Renewal { usual: entry.ttl(), period: entry.period(), limits });
            // Behind the method, which may have said that they are in other groups now.
            let identity_policies = self.identity_policies(namespace, &entry.entity_id).await?;
            let (period, explicit_max) = match &role {
                None => (period, entry.explicit_max_ttl()),
                // The role decides as it is now, but what the token was promised to end by stays.
                Some(role) => (role.entry.period(), lesser(entry.explicit_max_ttl(), role.entry.explicit_max_ttl())),
            };
            let now = self.now_nanos();
            let granted = ttl::grant(Wish {
                asked,
                usual,
                period,
                explicit_max,
                age: Duration::from_nanos(now.saturating_sub(entry.created).max(0).unsigned_abs()),
                default_ttl: limits.default_lease_ttl,
                max_ttl: limits.max_lease_ttl,
            });
            let granted = granted.ok_or_else(|| Error::invalid("past the max TTL, cannot renew"))?;
            let renewed = now.saturating_add(nanos(granted.ttl));
            let mut changes = Changes::new();
            changes.expect(Expectation::At(keys::token(namespace, hash)?, stored.entry.revision));
            if let Some(role) = &role {
                changes.expect(role.expectation());
            }
            let state = TokenState { v: 1, expires: Some(renewed), renewed: Some(now) };
            changes.replace(keys::token_state(namespace, hash)?, stored.state.revision, encode(&state)?);
            if renewed < expires {
                self.promise(keys::due(renewed, namespace, DUE_KIND, hash)?, &mut changes).await?;
            }
            match self.store.commit(changes).await {
                Ok(_) => {
                    let created = Created { token: text, kind: Kind::Service, entry: stored.entry.value };
                    let auth = created.into_auth(granted.ttl, identity_policies);
                    return Ok(Renewed { auth, warnings: granted.warnings });
                }
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }
    /// The role that a token was made through, as it is now. Without it nobody knows how long the token may last.
    async fn role_at_renewal(&self, namespace: &str, entry: &TokenEntry) -> Result<Option<Role>, Error> {
        let name = &entry.role;
        if name.is_empty() {
            return Ok(None);
        }
        let gone = || Error::Invalid(format!("original token role \"{name}\" could not be found, not renewing").into());
        self.role(namespace, name).await?.ok_or_else(gone).map(Some)
    }
}

//! Between where a request leads and who asks: rate limits. They hold for whoever sends, with a token or without, and
//! a refusal costs nothing but what it took to find out where the request leads.

use std::sync::Arc;
use std::time::Duration;

use framework::{Access, Error, Header, Request};
use serde_json::{Map, Value};

use super::audit::Trail;
use super::{Destination, Pipeline, Target};
use crate::quotas::clients::{Standing, Taken};
use crate::quotas::rules::Rules;
use crate::quotas::{Kind, State};

/// What is looked at here.
pub(super) const KIND: Kind = Kind::RateLimit;

impl Pipeline {
    /// Counts the request under the rate limit that holds for it, if one does, and says in the answer's headers how much
    /// is left where an operator wants that.
    pub(super) async fn count(
        &self,
        request: &Request,
        to: &Destination<'_>,
        data: &Map<String, Value>,
        trail: &mut Trail,
        headers: &mut Vec<Header>,
    ) -> Result<(), Error> {
        let works_while_sealed = to.access().works_while_sealed;
        let (state, rules) = match self.limits(to).await {
            Ok(Some(limits)) => limits,
            Ok(None) => return Ok(()),
            // Whoever asks how a sealed or broken node is, is told.
            Err(_) if works_while_sealed => return Ok(()),
            Err(error) => return Err(error),
        };
        let role = if rules.rates.asks_for_roles() { self.role(request, to, data).await } else { None };
        let Some(rate) = rules.rates.choose(behind(to), role.as_deref()) else { return Ok(()) };
        let from = request.connection.remote.map(|remote| remote.ip());
        let taken = self.quotas.clients().take(rate, from, self.quotas.now());
        if state.entry.tells_in_headers {
            tell(taken, headers);
        }
        if matches!(taken, Taken::Allowed(_)) {
            return Ok(());
        }
        self.metrics.rate_limited.add();
        if !state.entry.audits_refusals {
            trail.leave_out();
        }
        let text = format!("request path {:?}: rate limit quota exceeded", request.path);
        Err(Error::TooMany(text.into()))
    }

    /// The rate limits among which is the one for a request, if any can be; none for an exempt path.
    async fn limits(&self, to: &Destination<'_>) -> Result<Option<(Arc<State>, Arc<Rules>)>, Error> {
        let Some(state) = self.quotas.state(KIND).await? else { return Ok(None) };
        let asked = &to.place.namespace;
        if state.entry.exempts(to.path, &asked.full_path(to.path)) {
            return Ok(None);
        }
        let root = self.mounts.namespaces.root();
        // In a namespace that does not exist, what holds for everything.
        let namespace = if to.place.exists { asked } else { &root.namespace };
        let mount = match &to.target {
            // Of what answers while sealed the mount was not looked for.
            Some(Target { mount: None, .. }) => self.mounts.find(&namespace.id, to.path).await?.map(|(mount, _)| mount),
            target => target.as_ref().and_then(|target| target.mount.clone()),
        };
        let rules = self.quotas.rules(&state, namespace, mount.as_deref()).await?;
        Ok(Some((state, rules)))
    }

    /// Which role of its engine a login is for. What does not say it, or not in a way that the engine understands, is
    /// for none: it will be refused as a login.
    pub(super) async fn role(
        &self,
        request: &Request,
        to: &Destination<'_>,
        data: &Map<String, Value>,
    ) -> Option<String> {
        let target = to.target.as_ref()?;
        let route = target.route.as_ref().ok().filter(|route| is_login(route.access))?;
        let context = self.context(request, to, target, None, framework::Caller::default());
        target.engine.role(&context, route, data).await.ok().flatten()
    }
}

/// Only those who have not proven anything yet log in.
fn is_login(access: Access) -> bool {
    access.is_unauthenticated
}

/// What of the path is behind the mount path, as it is really meant: another spelling must not be another path.
pub(super) fn behind<'t>(to: &'t Destination<'_>) -> &'t str {
    let Some(target) = &to.target else { return "" };
    let mount_path = to.path.len().saturating_sub(target.path.len());
    target.folded.as_deref().and_then(|folded| folded.get(mount_path..)).unwrap_or(target.path)
}

/// The names as documented for Vault; all times in seconds.
fn tell(taken: Taken, headers: &mut Vec<Header>) {
    let mut tell = |name: &'static str, value: String| headers.push(Header { name: name.into(), value });
    let secs = |time: Duration| time.as_millis().div_ceil(1_000).to_string();
    if let Taken::Allowed(Standing { limit, remaining, reset, .. })
    | Taken::Refused(Standing { limit, remaining, reset, .. }) = taken
    {
        tell("X-Ratelimit-Limit", limit.to_string());
        tell("X-Ratelimit-Remaining", remaining.to_string());
        tell("X-Ratelimit-Reset", secs(reset));
    }
    match taken {
        Taken::Allowed(_) => {}
        Taken::Refused(standing) => tell("Retry-After", secs(standing.retry)),
        Taken::Blocked(left) => tell("Retry-After", secs(left)),
    }
}

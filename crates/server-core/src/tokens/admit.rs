//! From an auth method's word that somebody is who they say to the token that they get, and what the method says when
//! it is renewed. Here, and not in the methods, is decided who is behind the login and what they may be given at all.

use std::sync::Arc;
use std::time::Duration;

use framework::terms::{TokenKind, TokenTerms};
use framework::{Auth, Connection, Context, Error};
use serde_json::value::RawValue;

use super::create::{Login, NewToken};
use super::entry::TokenEntry;
use super::kind::{Kind, KindRule};
use super::{Limits, Tokens};
use crate::cidr;
use crate::mounts::LiveMount;
use crate::policies::{DEFAULT, RESERVED, ROOT};
use crate::store::Lost;
use crate::ttl::{self, Granted, Wish};

/// What a renewal of a login's token keeps to.
pub(super) struct Renewal {
    pub(super) usual: Duration,
    pub(super) period: Duration,
    pub(super) limits: Limits,
}

/// A login that nothing stands against: what its token is to be.
pub(crate) struct Admission {
    pub(crate) new: NewToken,
    /// What the caller should know about it.
    pub(crate) warnings: Vec<String>,
}

impl Tokens {
    /// Decides what token a login gets. `path` is the request's, in its namespace. Nothing is made yet but the entity: what
    /// the login costs is taken when the token is [made](Self::issue), after everything that can refuse it.
    pub(crate) async fn judge(
        &self,
        context: &Context,
        mount: &LiveMount,
        path: &str,
        login: framework::Login,
    ) -> Result<Admission, Lost> {
        let ns = context.namespace.id.as_str();
        let terms = &login.terms;
        if !cidr::admit(&terms.bound_cidrs, context.connection.remote.map(|remote| remote.ip())) {
            return Err(Error::Denied.into());
        }
        let policies = policies(terms)?;
        let kind = kind(mount, terms.kind);
        let granted = self.granted(terms, limits(&context.mount, terms))?;
        let entity_id = match &login.alias {
            None => String::new(),
            Some(alias) => {
                let entity = self.identities.entity_at_login(ns, mount, &alias.name, alias.metadata.as_ref()).await?;
                if entity.is_disabled {
                    return Err(Error::Denied.into());
                }
                if let Some(groups) = &login.groups {
                    self.identities.set_external(ns, &mount.settings.accessor, &entity.id, groups).await?;
                }
                entity.id
            }
        };
        let for_service = |secs: u64| if kind == Kind::Service { Duration::from_secs(secs) } else { Duration::ZERO };
        let new = NewToken {
            kind,
            policies,
            path: path.to_owned(),
            meta: (!login.metadata.is_empty()).then_some(login.metadata),
            display_name: display_name(&mount.settings.path, &login.display_name),
            num_uses: if kind == Kind::Service { terms.num_uses } else { 0 },
            ttl: granted.ttl,
            explicit_max_ttl: for_service(terms.explicit_max_ttl_secs),
            period: for_service(terms.period_secs),
            is_renewable: kind == Kind::Service,
            entity_id,
            bound_cidrs: terms.bound_cidrs.clone(),
            login: Some(Login {
                mount: mount.uuid.clone(),
                liveness: mount.liveness.clone(),
                expected: login.expected,
                changes: login.changes,
                note: Some(login.note),
                role: login.role,
            }),
            ..NewToken::default()
        };
        Ok(Admission { new, warnings: granted.warnings })
    }

    /// Makes the token of a login.
    ///
    /// # Errors
    /// [`Lost::Race`] when something that the login was decided from has changed since: it is to be decided again.
    pub(crate) async fn issue(&self, ns: &str, new: NewToken) -> Result<Auth, Lost> {
        let ttl = new.ttl;
        let identity_policies = self.identity_policies(ns, &new.entity_id).await?;
        let created = self.create(ns, new).await?;
        Ok(created.into_auth(ttl, identity_policies))
    }

    fn granted(&self, terms: &TokenTerms, limits: Limits) -> Result<Granted, Error> {
        let granted = ttl::grant(Wish {
            asked: Duration::ZERO,
            usual: Duration::from_secs(terms.ttl_secs),
            period: Duration::from_secs(terms.period_secs),
            explicit_max: Duration::from_secs(terms.explicit_max_ttl_secs),
            age: Duration::ZERO,
            default_ttl: limits.default_lease_ttl,
            max_ttl: limits.max_lease_ttl,
        });
        granted.ok_or_else(|| Error::invalid("the limits of the mount leave the token no time"))
    }

    /// What the method of a token's login says now; `None` for a token that comes from none. The method refuses whom it
    /// does not know any more. It sees the connection over which the renewal is asked for, and nothing else of the request.
    pub(super) async fn login_at_renewal(
        &self,
        ns: &str,
        entry: &TokenEntry,
        connection: &Arc<Connection>,
    ) -> Result<Option<Renewal>, Error> {
        if entry.mount.is_empty() {
            return Ok(None);
        }
        let mount = self.identities.mount(ns, &entry.mount).await?.ok_or(Error::Denied)?;
        let mut context = self.identities.context_of(ns, &mount).await?;
        context.connection = Arc::clone(connection);
        let note = entry.note.clone().unwrap_or_else(|| RawValue::NULL.to_owned());
        let renewing = framework::Renewing::new(note, entry.policies.clone());
        let framework::Renewed { terms, groups } = mount.engine.renew_login(&context, renewing).await?;
        if let Some(groups) = groups.filter(|_| !entry.entity_id.is_empty()) {
            self.identities.set_external(ns, &mount.settings.accessor, &entry.entity_id, &groups).await?;
        }
        Ok(Some(Renewal {
            usual: Duration::from_secs(terms.ttl_secs),
            period: Duration::from_secs(terms.period_secs),
            limits: limits(&context.mount, &terms),
        }))
    }
}

/// The policies of a login's token, complete. No method makes root tokens.
fn policies(terms: &TokenTerms) -> Result<Vec<String>, Error> {
    if let Some(name) = terms.policies.iter().find(|name| RESERVED.contains(&name.as_str())) {
        return Err(Error::Invalid(format!("cannot assign policy \"{name}\"").into()));
    }
    if terms.policies.iter().any(|name| name == ROOT) {
        return Err(Error::invalid("auth methods cannot create root tokens"));
    }
    let default = (!terms.has_no_default_policy).then(|| DEFAULT.to_owned());
    let mut policies: Vec<_> = terms.policies.iter().cloned().chain(default).collect();
    policies.sort();
    policies.dedup();
    Ok(policies)
}

/// The mount decides, unless it leaves the choice to the user or role.
fn kind(mount: &LiveMount, asked: TokenKind) -> Kind {
    let rule = KindRule::parse(&mount.settings.tuning.token_type).unwrap_or_default();
    rule.decide(match asked {
        TokenKind::Default => None,
        asked if asked.is_batch() => Some(Kind::Batch),
        _ => Some(Kind::Service),
    })
}

fn limits(mount: &framework::Mount, terms: &TokenTerms) -> Limits {
    let own = Duration::from_secs(terms.max_ttl_secs);
    let max_lease_ttl = if own.is_zero() { mount.max_lease_ttl } else { own.min(mount.max_lease_ttl) };
    Limits { default_lease_ttl: mount.default_lease_ttl, max_lease_ttl }
}

/// `userpass-bob` (documented Vault behavior).
fn display_name(mount: &str, name: &str) -> String {
    let mount = mount.trim_end_matches('/').replace('/', "-");
    if name.is_empty() { mount } else { [&mount, "-", name].concat() }
}

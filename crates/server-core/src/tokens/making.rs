//! The rows of `auth/token` that make tokens: from the request and the token that makes it to what is stored.

use std::sync::Arc;

use framework::view::COMMIT_TRIES;
use framework::{Context, Error, Path, Reply, Segment};

use super::Tokens;
use super::batch::is_batch;
use super::create::{NewToken, RoleRef};
use super::roles::Role;
use super::rules::{Create, CreateByRole, Maker, Orphan, child_display_name, kind};
use super::text::{named_from, namespace_of};
use crate::keys;
use crate::mounts::LiveMount;
use crate::policies::ROOT;
use crate::store::Lost;

pub(super) fn create() -> Path<Tokens> {
    Path::new("create", "Make a token below the caller's.").update(write_create, "Make a token.")
}

pub(super) fn create_by_role() -> Path<Tokens> {
    Path::new("create/{role_name}", "Make a token as a role says.")
        .param("role_name", Segment::Name, "Name of the role.")
        .update(write_by_role, "Make a token of the role.")
}

pub(super) fn create_orphan() -> Path<Tokens> {
    Path::new("create-orphan", "Make a token without a parent.").update(write_orphan, "Make an orphan token.")
}

async fn write_create(tokens: &Tokens, context: &Context, input: Create) -> Result<Reply, Error> {
    Ok(tokens.make(context, &input.in_whole_seconds(), Orphan::NeedsSudo, None).await?)
}

async fn write_orphan(tokens: &Tokens, context: &Context, mut input: Create) -> Result<Reply, Error> {
    input.no_parent = true;
    // The path itself is what a policy allows or not, so nothing on top of it is needed.
    Ok(tokens.make(context, &input.in_whole_seconds(), Orphan::Allowed, None).await?)
}

async fn write_by_role(tokens: &Tokens, context: &Context, input: CreateByRole) -> Result<Reply, Error> {
    let (name, token) = (&input.role_name, input.token.in_whole_seconds());
    for _ in 0..COMMIT_TRIES {
        let role = tokens.role(&context.namespace.id, name).await?;
        // Not 404: clients take that for nothing, and this is a request that was refused.
        let role = role.ok_or_else(|| Error::Invalid(format!("unknown role {name}").into()))?;
        match tokens.make(context, &token, Orphan::NeedsSudo, Some(&role)).await {
            Ok(reply) => return Ok(reply),
            Err(Lost::Race(keys)) if keys.contains(&role.key) => {}
            Err(lost) => return Err(lost.into()),
        }
    }
    Err(framework::view::contended())
}

impl Tokens {
    async fn make(
        &self,
        context: &Context,
        input: &Create,
        orphan: Orphan,
        role: Option<&Role>,
    ) -> Result<Reply, Lost> {
        let ns = context.namespace.id.as_str();
        if is_from_batch(context) {
            return Err(Error::invalid("batch tokens cannot create more tokens").into());
        }
        let kind = kind(input, role)?;
        let home = home(context)?;
        let parent = self.live(home, &context.caller.token_hash).await?.ok_or(Error::Denied)?;
        let maker = Maker { namespace: ns, home, parent: &parent, is_sudo: context.caller.is_sudo, orphan, role, kind };
        maker.check(input)?;
        let policies = maker.policies(input)?;
        let (ttl, mut warnings) = maker.ttl(context, input, &policies)?;
        if input.id.as_ref().is_some_and(|id| !id.expose().is_empty()) {
            warnings.push("A custom ID for the token is only as hard to guess as it was chosen".to_owned());
        }
        warnings.extend(self.missing_policies(ns, &policies).await?);
        let is_orphan = maker.is_orphan(input);
        let entity_id = match input.entity_alias.as_str() {
            // An entity is of one namespace.
            "" if is_orphan || home != ns => String::new(),
            "" => parent.entry.value.entity_id.clone(),
            // Whoever makes a token for somebody else makes that somebody known, as a login does.
            alias => {
                let mount = self.own_mount(context).await?;
                let entity = self.identities.entity_at_login(ns, &mount, alias, None).await?;
                if entity.is_disabled {
                    return Err(Error::Denied.into());
                }
                entity.id
            }
        };
        let identity_policies = self.identity_policies(ns, &entity_id).await?;
        let new = NewToken {
            kind,
            id: input.id.clone().filter(|id| !id.expose().is_empty()),
            policies,
            path: path(context, role),
            meta: input.meta.clone(),
            display_name: child_display_name(&input.display_name),
            num_uses: maker.num_uses(input),
            ttl,
            explicit_max_ttl: maker.explicit_max_ttl(input),
            period: maker.period(input),
            is_renewable: input.renewable && role.is_none_or(|role| role.entry.is_renewable),
            entity_id,
            role: role.map(|role| RoleRef { name: role.name.clone(), key: role.key.clone(), revision: role.revision }),
            bound_cidrs: maker.bound_cidrs(input, ttl),
            parent: (!is_orphan).then(|| named_from(ns, home, &context.caller.token_hash)),
            maker: Some((keys::token(home, &context.caller.token_hash)?, parent.entry.revision)),
            login: None,
        };
        let mut reply = Reply::from(self.create(ns, new).await?.into_auth(ttl, identity_policies));
        reply.warnings = warnings;
        Ok(reply)
    }

    /// The mount that tokens are made at: aliases of `entity_alias` are known there.
    async fn own_mount(&self, context: &Context) -> Result<Arc<LiveMount>, Error> {
        let found = self.identities.mount(&context.namespace.id, &context.mount.uuid).await?;
        found.ok_or(Error::Denied)
    }

    async fn missing_policies(&self, ns: &str, policies: &[String]) -> Result<Vec<String>, Error> {
        let named: Vec<_> = policies.iter().filter(|name| *name != ROOT).cloned().collect();
        let found = self.policies.sources(ns, &named).await?;
        let missing = named.iter().zip(found).filter(|(_, source)| source.policy.is_none());
        Ok(missing.map(|(name, _)| format!("Policy \"{name}\" does not exist")).collect())
    }
}

/// The namespace that the caller's token belongs to.
pub(super) fn home(context: &Context) -> Result<&str, Error> {
    let token = context.caller.token.as_ref().ok_or(Error::Denied)?;
    namespace_of(token.expose()).ok_or(Error::Denied)
}

/// Whether the caller's token is a batch token, which has no entry of its own.
pub(super) fn is_from_batch(context: &Context) -> bool {
    context.caller.token.as_ref().is_some_and(|token| is_batch(token.expose()))
}

/// The request's path, with the role's suffix behind it.
fn path(context: &Context, role: Option<&Role>) -> String {
    let path = format!("auth/{}{}", context.mount.path, context.path);
    match role.map(|role| role.entry.path_suffix.as_str()).filter(|suffix| !suffix.is_empty()) {
        Some(suffix) => format!("{path}/{suffix}"),
        None => path,
    }
}

//! The table of `auth/token`: every path that makes, shows, renews or revokes tokens.

use std::sync::Arc;
use std::time::Duration;

use framework::input::Nothing;
use framework::router::TableError;
use framework::view::Listing;
use framework::{Context, Engine, Error, Mounted, Namespace, Path, Reply, fields};
use secret::Secret;

use super::batch::{is_batch, own_state};
use super::entry::{TokenEntry, TokenState};
use super::kind::Kind;
use super::making::{home, is_from_batch};
use super::revoke::Children;
use super::view::Shown;
use super::{Limits, Resolved, Stored, Tokens, making, roles, tidy, view};

const HELP: &str = "Makes, shows, renews and revokes tokens, the credential that every other request carries.";

/// The auth method that is always there.
pub(crate) fn engine(tokens: Arc<Tokens>) -> Result<Arc<dyn Mounted>, TableError> {
    let paths = [
        making::create(),
        making::create_by_role(),
        making::create_orphan(),
        roles::paths::list(),
        roles::paths::item(),
        lookup(),
        lookup_self(),
        lookup_accessor(),
        renew(),
        renew_self(),
        renew_accessor(),
        revoke(),
        revoke_self(),
        revoke_orphan(),
        revoke_accessor(),
        accessors(),
    ];
    Engine::auth("token", HELP)
        .paths(paths.into_iter().map(|path| path.within(|tokens: &Arc<Tokens>| tokens.as_ref())))
        .paths([tidy::path()])
        .mount(tokens)
}

fields! {
    /// A token, by its text.
    struct ByToken {
        /// The token.
        token: Secret<String> = Secret::new(String::new()) => secret,
    }
}

fields! {
    /// A token to be renewed, by its text.
    struct RenewToken {
        /// The token.
        token: Secret<String> = Secret::new(String::new()) => secret,
        /// How long it shall last from now. What it was given at first when absent.
        increment: Duration = Duration::ZERO,
    }
}

fields! {
    /// How long the caller's own token shall last.
    struct RenewSelf {
        /// How long it shall last from now. What it was given at first when absent.
        increment: Duration = Duration::ZERO,
        /// Ignored: it is the caller's own token that is renewed.
        token: Option<Secret<String>> => secret,
    }
}

fields! {
    /// A token, by its accessor.
    struct ByAccessor {
        /// The token's accessor.
        accessor: String = String::new(),
    }
}

fields! {
    /// A token to be renewed, by its accessor.
    struct RenewAccessor {
        /// The token's accessor.
        accessor: String = String::new(),
        /// How long it shall last from now. What it was given at first when absent.
        increment: Duration = Duration::ZERO,
    }
}

fields! {
    /// Which accessors to list.
    struct ListAccessors {
        /// Goes on behind this accessor, whether or not it is still there.
        after: String = String::new(),
        /// The most accessors to list; all when zero or less.
        limit: i64 = 0,
    }
}

fn lookup() -> Path<Tokens> {
    Path::new("lookup", "Show what a token is.")
        .update(write_lookup, "Show the token of the body, or the caller's own.")
        .read(write_lookup, "Show the token of the query, or the caller's own.")
}

fn lookup_self() -> Path<Tokens> {
    Path::new("lookup-self", "Show what the caller's token is.")
        .harmless_reads()
        .read(read_self, "Show the caller's token.")
        .update(read_self, "Show the caller's token.")
}

fn lookup_accessor() -> Path<Tokens> {
    Path::new("lookup-accessor", "Show what the token of an accessor is.")
        .update(write_lookup_accessor, "Show the token, without its text.")
}

fn renew() -> Path<Tokens> {
    Path::new("renew", "Prolong a token.").update(write_renew, "Renew the token of the body.")
}

fn renew_self() -> Path<Tokens> {
    Path::new("renew-self", "Prolong the caller's token.").update(write_renew_self, "Renew the caller's token.")
}

fn renew_accessor() -> Path<Tokens> {
    Path::new("renew-accessor", "Prolong the token of an accessor.")
        .update(write_renew_accessor, "Renew the token, without showing its text.")
}

fn revoke() -> Path<Tokens> {
    Path::new("revoke", "Revoke a token and everything made under it.").update(write_revoke, "Revoke the token.")
}

fn revoke_self() -> Path<Tokens> {
    Path::new("revoke-self", "Revoke the caller's token and everything made under it.")
        .update(write_revoke_self, "Revoke the caller's token.")
}

fn revoke_orphan() -> Path<Tokens> {
    Path::new("revoke-orphan", "Revoke a token; its children live on as orphans.")
        .sudo()
        .update(write_revoke_orphan, "Revoke the token alone.")
}

fn revoke_accessor() -> Path<Tokens> {
    Path::new("revoke-accessor", "Revoke the token of an accessor and everything made under it.")
        .update(write_revoke_accessor, "Revoke the token.")
}

fn accessors() -> Path<Tokens> {
    Path::new("accessors", "The accessors of all tokens.").sudo().list(list_accessors, "List all accessors.")
}

/// Which token a lookup is about.
struct Named<'t> {
    home: &'t Namespace,
    /// Its storage name.
    hash: &'t str,
    /// Its text, or empty for a lookup by accessor.
    id: &'t str,
    identity_policies: &'t [String],
    is_orphan: bool,
}

impl Tokens {
    async fn lookup_reply(&self, ns: &str, hash: &str, id: &str) -> Result<Reply, Error> {
        // What is kept of a token is of today: that of the caller need not be opened and decoded again.
        if let Some(token) = self.known(ns, hash).await? {
            let is_orphan = self.is_resolved_orphan(&token).await?;
            let (home, identity_policies) = (&*token.home, token.identity_policies.as_slice());
            let named = Named { home, hash, id, identity_policies, is_orphan };
            return self.show(&token.entry, &token.state, named).await;
        }
        let home = self.namespaces.home(ns).await?.ok_or_else(bad_token)?.namespace;
        let Stored { entry, state } = self.live(ns, hash).await?.ok_or_else(bad_token)?;
        let is_orphan = self.is_orphan(ns, hash, &entry.value).await?;
        let identity_policies = &self.identity_policies(ns, &entry.value.entity_id).await?;
        let named = Named { home: &home, hash, id, identity_policies, is_orphan };
        self.show(&entry.value, &state.value, named).await
    }

    async fn show(&self, entry: &TokenEntry, state: &TokenState, named: Named<'_>) -> Result<Reply, Error> {
        let Named { home, hash, id, identity_policies, is_orphan } = named;
        let uses = match entry.num_uses {
            0 => 0,
            _ => self.uses_left(&home.id, hash).await?,
        };
        let namespace_path = &home.path;
        let kind = Kind::Service;
        let shown = Shown { namespace_path, kind, entry, state, id, is_orphan, uses, identity_policies };
        view::lookup(&shown, self.now_nanos())
    }

    /// The token of a text that came with the request, batch or not.
    async fn lookup_text(&self, ns: &str, text: &Secret<String>) -> Result<Reply, Error> {
        let text = text.expose();
        if !is_batch(text) {
            return self.lookup_reply(ns, &self.hash(text)?, text).await;
        }
        let token = self.batch(ns, text).await?.ok_or_else(bad_token)?;
        let shown = Shown {
            namespace_path: &token.home.path,
            kind: Kind::Batch,
            entry: &token.entry,
            state: &own_state(&token.entry),
            id: text,
            is_orphan: token.entry.parent.is_none(),
            uses: 0,
            identity_policies: &token.identity_policies,
        };
        view::lookup(&shown, self.now_nanos())
    }

    /// The valid batch token of this text in a namespace; `None` for any other text.
    async fn batch(&self, ns: &str, text: &str) -> Result<Option<Arc<Resolved>>, Error> {
        if !is_batch(text) {
            return Ok(None);
        }
        match self.resolve(text).await {
            Ok(token) => Ok(Some(token).filter(|token| token.home.id == ns)),
            Err(Error::Denied) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn named_by_accessor(&self, context: &Context, accessor: &str) -> Result<(String, Stored), Error> {
        if accessor.is_empty() {
            return Err(Error::invalid("missing accessor"));
        }
        let found = self.by_accessor(&context.namespace.id, accessor).await?;
        found.ok_or_else(|| Error::DeniedBecause("invalid accessor".into()))
    }
}

fn bad_token() -> Error {
    Error::DeniedBecause("bad token".into())
}

async fn write_lookup(tokens: &Tokens, context: &Context, input: ByToken) -> Result<Reply, Error> {
    if input.token.expose().is_empty() {
        return read_self(tokens, context, Nothing).await;
    }
    tokens.lookup_text(&context.namespace.id, &input.token).await
}

async fn read_self(tokens: &Tokens, context: &Context, _: Nothing) -> Result<Reply, Error> {
    tokens.lookup_text(home(context)?, own(context)?).await
}

/// The caller's own token.
fn own(context: &Context) -> Result<&Secret<String>, Error> {
    context.caller.token.as_ref().ok_or(Error::Denied)
}

async fn write_lookup_accessor(tokens: &Tokens, context: &Context, input: ByAccessor) -> Result<Reply, Error> {
    let (hash, _) = tokens.named_by_accessor(context, &input.accessor).await?;
    tokens.lookup_reply(&context.namespace.id, &hash, "").await
}

async fn write_renew(tokens: &Tokens, context: &Context, input: RenewToken) -> Result<Reply, Error> {
    let text = input.token.expose();
    if text.is_empty() {
        return Err(Error::invalid("missing token ID"));
    }
    if tokens.batch(&context.namespace.id, text).await?.is_some() {
        return Err(no_renewal());
    }
    let hash = tokens.hash(text)?;
    tokens.live(&context.namespace.id, &hash).await?.ok_or_else(bad_token)?;
    renewed(tokens, context, &context.namespace.id, &hash, input.token, input.increment).await
}

async fn write_renew_self(tokens: &Tokens, context: &Context, input: RenewSelf) -> Result<Reply, Error> {
    if is_from_batch(context) {
        return Err(no_renewal());
    }
    renewed(tokens, context, home(context)?, &context.caller.token_hash, own(context)?.clone(), input.increment).await
}

fn no_renewal() -> Error {
    Error::invalid("batch tokens cannot be renewed")
}

fn no_revocation() -> Error {
    Error::invalid("batch tokens cannot be revoked")
}

async fn write_renew_accessor(tokens: &Tokens, context: &Context, input: RenewAccessor) -> Result<Reply, Error> {
    let (hash, _) = tokens.named_by_accessor(context, &input.accessor).await?;
    renewed(tokens, context, &context.namespace.id, &hash, Secret::new(String::new()), input.increment).await
}

async fn renewed(
    tokens: &Tokens,
    context: &Context,
    ns: &str,
    hash: &str,
    text: Secret<String>,
    increment: Duration,
) -> Result<Reply, Error> {
    let mount = &context.mount;
    let limits = Limits { default_lease_ttl: mount.default_lease_ttl, max_lease_ttl: mount.max_lease_ttl };
    let renewed = tokens.renew(ns, hash, text, increment, limits, &context.connection).await?;
    let mut reply = Reply::from(renewed.auth);
    reply.warnings = renewed.warnings;
    Ok(reply)
}

async fn write_revoke(tokens: &Tokens, context: &Context, input: ByToken) -> Result<Reply, Error> {
    revoke_named(tokens, context, &input.token, Children::Revoke).await
}

async fn write_revoke_orphan(tokens: &Tokens, context: &Context, input: ByToken) -> Result<Reply, Error> {
    revoke_named(tokens, context, &input.token, Children::Keep).await
}

async fn revoke_named(
    tokens: &Tokens,
    context: &Context,
    token: &Secret<String>,
    children: Children,
) -> Result<Reply, Error> {
    if token.expose().is_empty() {
        return Err(Error::invalid("missing token"));
    }
    if tokens.batch(&context.namespace.id, token.expose()).await?.is_some() {
        return Err(no_revocation());
    }
    let hash = tokens.hash(token.expose())?;
    tokens.revoke(&context.namespace.id, &hash, children).await?;
    Ok(Reply::empty())
}

async fn write_revoke_self(tokens: &Tokens, context: &Context, _: Nothing) -> Result<Reply, Error> {
    if is_from_batch(context) {
        return Err(no_revocation());
    }
    tokens.revoke(home(context)?, &context.caller.token_hash, Children::Revoke).await?;
    Ok(Reply::empty())
}

async fn write_revoke_accessor(tokens: &Tokens, context: &Context, input: ByAccessor) -> Result<Reply, Error> {
    let (hash, _) = tokens.named_by_accessor(context, &input.accessor).await?;
    tokens.revoke(&context.namespace.id, &hash, Children::Revoke).await?;
    Ok(Reply::empty())
}

async fn list_accessors(tokens: &Tokens, context: &Context, input: ListAccessors) -> Result<Reply, Error> {
    let listing = Listing::new(input.after, input.limit);
    Ok(Reply::list(tokens.accessors(&context.namespace.id, &listing).await?))
}

//! Tokens: how they are stored, found, made, renewed and revoked.
//!
//! A token is stored under a keyed hash, never as itself. Its entry is immutable but for one mark, which makes it the
//! liveness of everything made under it; what changes (expiry, uses left) is in entries beside it. Revocation marks
//! first and then sweeps the tree of children, page by page; a crash is taken up again from the due index.

use std::sync::Arc;
use std::time::Duration;

use barrier::{CacheUse, Changes, Remembered};
use env::Env;
use framework::view::{LIST_NAMES_MAX, Listing};
use framework::{Connection, Context, Error, Namespace};
use policy::Acl;
use secret::Secret;
use storage::{Expectation, Key, KeyRange, Revision};

use crate::audit_log::caller_texts::CallerTexts;
use crate::cidr;
use crate::cluster::Identity;
use crate::identity::{Identities, Who};
use crate::keys;
use crate::metrics::Metrics;
use crate::namespaces::{Home, Namespaces};
use crate::policies::Policies;
use crate::quotas::Quotas;
use crate::store::{Found, Lost, Store, decode, encode};

pub(crate) mod admit;
pub(crate) mod batch;
pub(crate) mod create;
pub(crate) mod entry;
mod kept;
pub(crate) mod kind;
pub(crate) mod leased;
pub(crate) mod logins;
mod making;
pub(crate) mod paths;
pub(crate) mod renew;
pub(crate) mod revoke;
mod roles;
pub(crate) mod rules;
mod text;
pub(crate) mod tidy;
pub(crate) mod view;

#[cfg(test)]
pub(crate) use kept::RESOLVED_BYTES_MAX;
pub(crate) use text::{named_from, namespace_of, parse_name, with_namespace};

use create::DUE_KIND;
use entry::{State, TokenEntry, TokenState, TokenUses};
use kept::Kept;
use kind::Kind;
use tidy::Tidying;

/// How often a use of a use-limited token is tried against others.
const SPEND_TRIES: usize = 50;
/// How long the request that spends the last use may take before the token is removed under it: a request is cut off
/// after 90 seconds.
const LAST_USE_GRACE: Duration = Duration::from_secs(120);
/// How many accessors one storage call of a list asks for.
const ACCESSOR_PAGE: usize = 1_000;
/// The prefix of service tokens.
pub(crate) const SERVICE_PREFIX: &str = "hvs.";
/// The characters behind the prefix, and of an accessor.
pub(crate) const RANDOM_CHARACTERS: usize = 24;

/// Characters of a token of the root namespace.
pub(crate) const ROOT_TOKEN_CHARACTERS: usize = SERVICE_PREFIX.len() + RANDOM_CHARACTERS;

/// All tokens of all namespaces.
pub(crate) struct Tokens {
    store: Store,
    env: Env,
    identity: Arc<Identity>,
    policies: Arc<Policies>,
    namespaces: Arc<Namespaces>,
    identities: Arc<Identities>,
    resolved: Kept,
    tidying: Tidying,
    quotas: Arc<Quotas>,
    metrics: Arc<Metrics>,
}

/// The server's TTLs where nothing else says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// What tokens and leases get when nothing is asked.
    pub default_lease_ttl: Duration,
    /// The most that they can get.
    pub max_lease_ttl: Duration,
}

/// A token that was found valid, with everything that this was decided from.
pub(crate) struct Resolved {
    /// The namespace that it belongs to.
    pub(crate) home: Arc<Namespace>,
    /// Names it in storage; of a batch token, which has no entries, only in caches.
    pub(crate) hash: String,
    pub(crate) kind: Kind,
    pub(crate) entry: TokenEntry,
    pub(crate) state: TokenState,
    /// The token's liveness, for whatever is made under it. A batch token's is that of what it ends with: its parent, or
    /// the namespace.
    pub(crate) liveness: (Key, Revision),
    pub(crate) acl: Acl,
    /// The entity that it belongs to now, which may be another than when it was made.
    pub(crate) entity_id: String,
    /// What that entity and its groups give it on top of its own policies: sorted.
    pub(crate) identity_policies: Vec<String>,
    sources: Sources,
    /// Whether the sources are still of today.
    is_current: Remembered,
    /// Whether it has no parent any more.
    is_orphan: Remembered,
    /// How audit devices write it.
    pub(crate) caller_texts: CallerTexts,
}

/// The compiled policies of a token, and whose they are.
struct Compiled {
    acl: Acl,
    entity_id: String,
    identity_policies: Vec<String>,
}

/// Every entry that something was made from, absent ones included, and the revision of each.
#[derive(Default)]
struct Sources {
    keys: Vec<Key>,
    revisions: Vec<Option<Revision>>,
}

impl Sources {
    fn add(&mut self, key: Key, revision: Option<Revision>) {
        self.keys.push(key);
        self.revisions.push(revision);
    }
}

/// A token's stored parts.
pub(crate) struct Stored {
    pub(crate) entry: Found<TokenEntry>,
    pub(crate) state: Found<TokenState>,
}

/// What became of one use of a use-limited token.
pub(crate) enum Use {
    /// Unlimited, or uses are left.
    More,
    /// This is the last one: the token goes away after the request.
    Last,
}

impl Resolved {
    /// A service token's own two entries as they were when it was resolved.
    pub(crate) fn entries(&self) -> Vec<(Key, Revision)> {
        let Sources { keys, revisions } = &self.sources;
        let entries = keys.iter().cloned().zip(revisions).take(2);
        entries.filter_map(|(key, revision)| Some((key, (*revision)?))).collect()
    }

    /// Whether it may be used in a namespace: in its own, and in those below as its policies say. Of one that does not
    /// exist the same is true.
    pub(crate) fn reaches(&self, namespace: &Namespace) -> bool {
        namespace.path.starts_with(&self.home.path)
    }

    /// All its policies, sorted, without doubles: its own and those of its entity.
    pub(crate) fn policies(&self) -> Vec<String> {
        union(&self.entry.policies, &self.identity_policies)
    }

    /// Whether it may be used over this connection.
    pub(crate) fn admits(&self, connection: &Connection) -> bool {
        cidr::admit(&self.entry.bound_cidrs, connection.remote.map(|remote| remote.ip()))
    }
}

impl Tokens {
    pub(crate) fn new(
        store: Store,
        env: Env,
        identity: Arc<Identity>,
        policies: Arc<Policies>,
        identities: Arc<Identities>,
        quotas: Arc<Quotas>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (resolved, tidying) = (Kept::new(), Tidying::default());
        let namespaces = Arc::clone(quotas.namespaces());
        Self { store, env, identity, policies, namespaces, identities, resolved, tidying, quotas, metrics }
    }

    /// How the cache of resolved tokens is used.
    pub(crate) fn cache_use(&self) -> CacheUse {
        self.resolved.usage()
    }

    /// The storage name of a token's text.
    pub(crate) fn hash(&self, token: &str) -> Result<String, Error> {
        Ok(self.identity.cluster()?.token_hash(token))
    }

    /// The valid token of this text, or [`Error::Denied`] for any other. Warm, this makes no storage call.
    pub(crate) async fn resolve(&self, token: &str) -> Result<Arc<Resolved>, Error> {
        let namespace = namespace_of(token).ok_or(Error::Denied)?;
        let hash = self.hash(token)?;
        let resolved = match self.kept(namespace, &hash).await? {
            Some(resolved) => resolved,
            None if batch::is_batch(token) => Box::pin(self.resolve_batch(namespace, token)).await?,
            None => Box::pin(self.look_up(namespace, &hash)).await?,
        };
        self.unless_expired(resolved)
    }

    /// [`resolve_anew`](Self::resolve_anew), counted: a request waits for it.
    async fn look_up(&self, namespace: &str, hash: &str) -> Result<Arc<Resolved>, Error> {
        let began = self.metrics.now();
        let resolved = self.resolve_anew(namespace, hash).await;
        self.metrics.took(&self.metrics.token_lookup, began);
        resolved
    }

    /// The valid token of this text if it may be used in a namespace, or [`Error::Denied`].
    pub(crate) async fn resolve_in(&self, namespace: &Namespace, token: &str) -> Result<Arc<Resolved>, Error> {
        let token = self.resolve(token).await?;
        if token.reaches(namespace) { Ok(token) } else { Err(Error::Denied) }
    }

    /// The token of a request's caller, or [`Error::Denied`] without a valid one.
    pub(crate) async fn caller(&self, context: &Context) -> Result<Arc<Resolved>, Error> {
        let token = context.caller.token.as_ref().ok_or(Error::Denied)?;
        self.resolve_in(&context.namespace, token.expose()).await
    }

    /// The valid token of this storage name, or [`Error::Denied`].
    pub(crate) async fn resolve_hash(&self, namespace: &str, hash: &str) -> Result<Arc<Resolved>, Error> {
        let resolved = match self.kept(namespace, hash).await? {
            Some(resolved) => resolved,
            None => Box::pin(self.resolve_anew(namespace, hash)).await?,
        };
        self.unless_expired(resolved)
    }

    /// The valid token of this storage name, if it was resolved before and nothing has changed since.
    pub(crate) async fn known(&self, namespace: &str, hash: &str) -> Result<Option<Arc<Resolved>>, Error> {
        let kept = self.kept(namespace, hash).await?;
        Ok(kept.filter(|it| it.kind == Kind::Service && !it.state.is_expired(self.now_nanos())))
    }

    /// The entries that resolving this text begins with, if nothing is known of it.
    pub(crate) fn first_keys(&self, token: &str) -> Vec<Key> {
        let Some(namespace) = namespace_of(token).filter(|_| !batch::is_batch(token)) else { return Vec::new() };
        let Ok(hash) = self.hash(token) else { return Vec::new() };
        [keys::token(namespace, &hash), keys::token_state(namespace, &hash)].into_iter().flatten().collect()
    }

    fn unless_expired(&self, resolved: Arc<Resolved>) -> Result<Arc<Resolved>, Error> {
        if resolved.state.is_expired(self.now_nanos()) { Err(Error::Denied) } else { Ok(resolved) }
    }

    /// What was resolved before, if nothing that it was made from has changed.
    async fn kept(&self, namespace: &str, hash: &str) -> Result<Option<Arc<Resolved>>, Error> {
        match self.resolved.get(hash) {
            Some(resolved) if resolved.home.id == namespace && self.is_current(&resolved).await? => Ok(Some(resolved)),
            _ => Ok(None),
        }
    }

    async fn is_current(&self, resolved: &Resolved) -> Result<bool, Error> {
        if resolved.acl.valid_until().is_some_and(|until| self.env.now() >= until) {
            return Ok(false);
        }
        // Taken before the look: a write that comes after it makes another stamp.
        let stamp = self.store.stamp();
        if let Some(is_current) = resolved.is_current.get(stamp) {
            return Ok(is_current);
        }
        let is_current = Box::pin(self.store.revisions(&resolved.sources.keys)).await? == resolved.sources.revisions;
        resolved.is_current.set(stamp, is_current);
        Ok(is_current)
    }

    async fn resolve_anew(&self, namespace: &str, hash: &str) -> Result<Arc<Resolved>, Error> {
        let stored = self.stored(namespace, hash).await?.filter(|it| it.entry.value.state == State::Live);
        let epoch = &self.identity.cluster()?.token_epoch;
        let stored = stored.filter(|it| it.entry.value.epoch == *epoch);
        let Some(Stored { entry, state }) = stored else {
            self.resolved.remove(hash);
            return Err(Error::Denied);
        };
        let Some(Home { namespace: home, source }) = self.namespaces.home(namespace).await? else {
            self.resolved.remove(hash);
            return Err(Error::Denied);
        };
        let token_key = keys::token(namespace, hash)?;
        let mut sources = Sources::default();
        sources.add(token_key.clone(), Some(entry.revision));
        sources.add(keys::token_state(namespace, hash)?, Some(state.revision));
        if !self.comes_from(namespace, &entry.value.mount, &mut sources).await? {
            self.resolved.remove(hash);
            return Err(Error::Denied);
        }
        if let Some((key, revision)) = source {
            sources.add(key, Some(revision));
        }
        let Compiled { acl, entity_id, identity_policies } = self.compile(&home, &entry.value, &mut sources).await?;
        Ok(self.keep(Resolved {
            hash: hash.to_owned(),
            kind: Kind::Service,
            liveness: (token_key, entry.revision),
            acl,
            home,
            entity_id,
            identity_policies,
            entry: entry.value,
            state: state.value,
            sources,
            is_current: Remembered::default(),
            is_orphan: Remembered::default(),
            caller_texts: CallerTexts::default(),
        }))
    }

    /// The compiled policies of a token; adds what they were read from to its sources. A token whose entity has gone or
    /// is disabled is refused (documented Vault behavior).
    async fn compile(&self, home: &Namespace, entry: &TokenEntry, sources: &mut Sources) -> Result<Compiled, Error> {
        let namespace = home.id.as_str();
        let who = match entry.entity_id.as_str() {
            "" => None,
            id => Some(self.identities.who(namespace, id).await?.ok_or(Error::Denied)?),
        };
        if who.as_ref().is_some_and(|who| who.entity.is_disabled) {
            return Err(Error::Denied);
        }
        let identity_policies = who.as_ref().map(Who::policies).unwrap_or_default();
        let names = if entry.is_root() { entry.policies.clone() } else { union(&entry.policies, &identity_policies) };
        let mut policies = self.policies.sources(namespace, &names).await?;
        let mut read_from = who.as_ref().map(|who| who.read_from.clone()).unwrap_or_default();
        if let Some(who) = &who {
            let parsed = policies.iter().filter_map(|source| source.policy.as_ref());
            let values = self.identities.values(namespace, who, parsed, &mut read_from).await?;
            for policy in policies.iter_mut().filter_map(|source| source.policy.as_mut()) {
                if policy.is_templated() {
                    *policy = Arc::new(policy.with_values(&|selector| values.get(selector)));
                }
            }
        }
        let acl = entry.compile(&home.path, &policies, self.env.now());
        for policy in policies {
            sources.add(policy.key, policy.revision);
        }
        for (key, revision) in read_from {
            sources.add(key, revision);
        }
        let acl = acl.map_err(|source| Error::world("compile the policies of a token", source))?;
        Ok(Compiled { acl, entity_id: who.map(|who| who.entity.id).unwrap_or_default(), identity_policies })
    }

    /// What an entity and its groups give their tokens; nothing for nobody.
    pub(crate) async fn identity_policies(&self, namespace: &str, entity_id: &str) -> Result<Vec<String>, Error> {
        if entity_id.is_empty() {
            return Ok(Vec::new());
        }
        let who = self.identities.who(namespace, entity_id).await?;
        Ok(who.map(|who| who.policies()).unwrap_or_default())
    }

    fn keep(&self, resolved: Resolved) -> Arc<Resolved> {
        let resolved = Arc::new(resolved);
        self.resolved.insert(&resolved);
        resolved
    }

    /// Both parts of a token, marked or not.
    pub(crate) async fn stored(&self, namespace: &str, hash: &str) -> Result<Option<Stored>, Error> {
        let (token, state) = (keys::token(namespace, hash)?, keys::token_state(namespace, hash)?);
        let [entry, state_entry] = self.store.get_all([token.clone(), state.clone()]).await?;
        let (Some(entry), Some(state_entry)) = (entry, state_entry) else { return Ok(None) };
        Ok(Some(Stored { entry: decode(&token, &entry)?, state: decode(&state, &state_entry)? }))
    }

    /// Spends one use before the operation that it is for. Committed before it returns, so a use is never spent twice.
    pub(crate) async fn spend(&self, resolved: &Resolved) -> Result<Use, Error> {
        if resolved.entry.num_uses == 0 { Ok(Use::More) } else { Box::pin(self.spend_one(resolved)).await }
    }

    async fn spend_one(&self, resolved: &Resolved) -> Result<Use, Error> {
        let key = keys::token_uses(&resolved.home.id, &resolved.hash)?;
        for _ in 0..SPEND_TRIES {
            let found = self.store.get::<TokenUses>(&key).await?.filter(|found| found.value.left > 0);
            let Some(found) = found else { return Err(Error::Denied) };
            let left = found.value.left - 1;
            let (token, revision) = resolved.liveness.clone();
            let mut changes = Changes::new();
            changes.expect(Expectation::At(token, revision));
            changes.replace(key.clone(), found.revision, encode(&TokenUses { v: 1, left })?);
            if left == 0 {
                // Whoever spends the last use removes the token after the request. Should they never come to it, this
                // line does.
                let until = self.now_nanos().saturating_add(create::nanos(LAST_USE_GRACE));
                self.promise(keys::due(until, &resolved.home.id, DUE_KIND, &resolved.hash)?, &mut changes).await?;
            }
            match self.store.commit(changes).await {
                Ok(_) if left == 0 => return Ok(Use::Last),
                Ok(_) => return Ok(Use::More),
                Err(Lost::Race(keys)) if keys.contains(&resolved.liveness.0) => return Err(Error::Denied),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }

    /// Adds a line to the due index, or expects the one that is there already to stay.
    pub(crate) async fn promise(&self, line: Key, changes: &mut Changes) -> Result<(), Error> {
        let [known] = self.store.revisions_of([line.clone()]).await?;
        match known {
            Some(revision) => changes.expect(Expectation::At(line, revision)),
            None => changes.create(line, Vec::new()),
        };
        Ok(())
    }

    /// The token of an accessor, with its storage name; `None` for one that nobody knows.
    pub(crate) async fn by_accessor(&self, namespace: &str, accessor: &str) -> Result<Option<(String, Stored)>, Error> {
        let key = keys::accessor(namespace, &self.identity.cluster()?.accessor_hash(accessor))?;
        let Some(found) = self.store.get::<entry::AccessorEntry>(&key).await? else { return Ok(None) };
        let hash = found.value.token;
        Ok(self.live(namespace, &hash).await?.map(|stored| (hash, stored)))
    }

    /// A token that is neither marked nor expired, and whose login's mount is there.
    pub(crate) async fn live(&self, namespace: &str, hash: &str) -> Result<Option<Stored>, Error> {
        let now = self.now_nanos();
        let stored = self.stored(namespace, hash).await?;
        let stored = stored.filter(|it| it.entry.value.state == State::Live && !it.state.value.is_expired(now));
        let epoch = &self.identity.cluster()?.token_epoch;
        let Some(stored) = stored.filter(|it| it.entry.value.epoch == *epoch) else { return Ok(None) };
        let is_live = self.comes_from(namespace, &stored.entry.value.mount, &mut Sources::default()).await?;
        Ok(is_live.then_some(stored))
    }

    /// The uses that a use-limited token has left.
    pub(crate) async fn uses_left(&self, namespace: &str, hash: &str) -> Result<u64, Error> {
        let found = self.store.get::<TokenUses>(&keys::token_uses(namespace, hash)?).await?;
        Ok(found.map_or(0, |found| found.value.left))
    }

    /// The accessors of all tokens, in no particular order, but always in the same: a page goes on behind the accessor
    /// that it is asked to, whether or not that one is still there.
    pub(crate) async fn accessors(&self, namespace: &str, listing: &Listing) -> Result<Vec<String>, Error> {
        let mut range = KeyRange::prefix(&keys::all_of(namespace, "accessor")?);
        if !listing.after.is_empty() {
            let after = keys::accessor(namespace, &self.identity.cluster()?.accessor_hash(&listing.after))?;
            range.start = after.successor().unwrap_or(after);
        }
        let most = listing.limit.unwrap_or(LIST_NAMES_MAX + 1);
        let mut accessors = Vec::new();
        loop {
            let (page, next) = self.store.page(range.clone(), ACCESSOR_PAGE.min(most - accessors.len())).await?;
            for (key, opened) in page {
                accessors.push(decode::<entry::AccessorEntry>(&key, &opened)?.value.accessor);
            }
            if accessors.len() > LIST_NAMES_MAX {
                let text =
                    format!("more than {LIST_NAMES_MAX} accessors: list them in pages with \"limit\" and \"after\"");
                return Err(Error::Invalid(text.into()));
            }
            match next {
                Some(next) if accessors.len() < most => range.start = next,
                _ => return Ok(accessors),
            }
        }
    }

    /// As [`is_orphan`](Self::is_orphan), of a service token that is resolved.
    pub(crate) async fn is_resolved_orphan(&self, resolved: &Resolved) -> Result<bool, Error> {
        let stamp = self.store.stamp();
        if let Some(is_orphan) = resolved.is_orphan.get(stamp) {
            return Ok(is_orphan);
        }
        let is_orphan = self.is_orphan(&resolved.home.id, &resolved.hash, &resolved.entry).await?;
        resolved.is_orphan.set(stamp, is_orphan);
        Ok(is_orphan)
    }

    /// Whether a token has no parent any more: it was made without one, or the parent went alone.
    pub(crate) async fn is_orphan(&self, namespace: &str, hash: &str, entry: &TokenEntry) -> Result<bool, Error> {
        let Some(parent) = &entry.parent else { return Ok(true) };
        // Not whether there is a token of the parent's name: that may be another one by now.
        let (above, parent) = parse_name(namespace, parent);
        let line = keys::token_child(above, parent, &named_from(above, namespace, hash))?;
        let [line] = self.store.revisions_of([line]).await?;
        if line.is_none() {
            return Ok(true);
        }
        Ok(self.stored(above, parent).await?.is_none_or(|it| it.entry.value.state == State::Orphaning))
    }

    pub(crate) fn now_nanos(&self) -> i64 {
        framework::view::to_stored(self.env.now().into())
    }

    /// Drops what was resolved; the server is being sealed.
    pub(crate) fn forget(&self) {
        self.stop();
        self.resolved.clear();
    }

    /// Ends background work.
    pub(crate) fn stop(&self) {
        self.tidying.stop();
    }
}

/// The names of both lists, sorted, without doubles.
pub(crate) fn union(one: &[String], other: &[String]) -> Vec<String> {
    let mut all = [one, other].concat();
    all.sort();
    all.dedup();
    all
}

/// A fresh service token's text in a namespace.
pub(crate) fn generate(env: &Env, ns: &str) -> Secret<String> {
    Secret::new(with_namespace(&[SERVICE_PREFIX, env.base62(RANDOM_CHARACTERS).as_str()].concat(), ns))
}

#[cfg(test)]
mod tests;

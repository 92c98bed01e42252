//! Making tokens. One commit writes all parts of a token, and expects that its parent is still alive.

use std::collections::BTreeMap;
use std::time::Duration;

use barrier::Changes;
use env::Env;
use framework::view::to_stored;
use framework::{Auth, Error};
use secret::Secret;
use serde_json::value::RawValue;
use storage::{Expectation, Key, Revision};

use super::entry::{AccessorEntry, State, TokenEntry, TokenState, TokenUses};
use super::kind::Kind;
use super::text::{named_from, parse_name, with_namespace};
use super::{RANDOM_CHARACTERS, Tokens, generate, union};
use crate::cidr::Cidr;
use crate::cluster::Cluster;
use crate::keys;
use crate::policies::ROOT;
use crate::store::{Lost, encode};

/// The word in the due index's keys.
pub(crate) const DUE_KIND: &str = "token";

/// A token to be made; every rule about who may ask for what has been checked.
#[derive(Default)]
pub(crate) struct NewToken {
    /// A batch token has no text of the caller's choice, no uses, period and explicit maximum, and always a TTL.
    pub(crate) kind: Kind,
    /// The text, if the caller chose it.
    pub(crate) id: Option<Secret<String>>,
    /// Sorted, without doubles, complete.
    pub(crate) policies: Vec<String>,
    /// The request path that makes it.
    pub(crate) path: String,
    pub(crate) meta: Option<BTreeMap<String, String>>,
    pub(crate) display_name: String,
    pub(crate) num_uses: u64,
    /// Zero is for ever.
    pub(crate) ttl: Duration,
    pub(crate) explicit_max_ttl: Duration,
    pub(crate) period: Duration,
    pub(crate) is_renewable: bool,
    pub(crate) entity_id: String,
    /// The token role that it is made through; the commit expects it as it was read.
    pub(crate) role: Option<RoleRef>,
    /// Networks from which alone it can be used; none for everywhere.
    pub(crate) bound_cidrs: Vec<Cidr>,
    /// The storage name of the token that it hangs below, with its namespace if that is another; none for an orphan.
    pub(crate) parent: Option<String>,
    /// The liveness of the token that makes it, orphans too: what is revoked must not leave anything behind.
    pub(crate) maker: Option<(Key, Revision)>,
    /// The login that it comes from; none for what another token makes.
    pub(crate) login: Option<Login>,
}

/// Where a login happened. Its tokens go when the mount goes, or leaves the path that they were made at.
#[derive(Clone)]
pub(crate) struct Login {
    /// The mount's UUID.
    pub(crate) mount: String,
    /// The mount's liveness, as it was when the login was judged.
    pub(crate) liveness: (Key, Revision),
    /// What the login was decided from; the commit expects it as it was read.
    pub(crate) expected: Vec<(Key, Revision)>,
    /// What the login costs: changed in the commit that makes the token.
    pub(crate) changes: Changes,
    /// What the engine is told at a renewal.
    pub(crate) note: Option<Box<RawValue>>,
    /// The engine's role that it was for.
    pub(crate) role: Option<String>,
}

/// The role that a token is made through, as it was read.
#[derive(Clone)]
pub(crate) struct RoleRef {
    pub(crate) name: String,
    pub(crate) key: Key,
    pub(crate) revision: Revision,
}

/// A token that was made. The text is not stored anywhere.
pub(crate) struct Created {
    pub(crate) token: Secret<String>,
    pub(crate) kind: Kind,
    pub(crate) entry: TokenEntry,
}

/// The stored parts of a token that does not exist yet.
pub(crate) struct Parts {
    pub(crate) created: Created,
    /// All keys are new.
    pub(crate) entries: Vec<(Key, Vec<u8>)>,
}

impl Tokens {
    /// Makes a token and stores it. A role that was changed meanwhile is a lost race: read it again. So is a login that
    /// was decided from what is not so any more: decide it again.
    pub(crate) async fn create(&self, namespace: &str, new: NewToken) -> Result<Created, Lost> {
        let began = self.metrics.now();
        let created = self.create_now(namespace, new).await;
        self.metrics.took(&self.metrics.token_create, began);
        created
    }

    async fn create_now(&self, namespace: &str, mut new: NewToken) -> Result<Created, Lost> {
        if new.kind == Kind::Batch {
            return self.create_batch(namespace, new).await;
        }
        let cluster = self.identity.cluster()?;
        let is_chosen = new.id.is_some();
        let mut changes = new.login.as_mut().map(|login| std::mem::take(&mut login.changes)).unwrap_or_default();
        let (maker, role, login) = (new.maker.clone(), new.role.clone(), new.login.clone());
        let login_role = login.as_ref().and_then(|login| login.role.as_deref());
        // One that never ends is no lease.
        let counting = match new.ttl.is_zero() {
            true => None,
            false => Box::pin(self.quotas.count_lease(namespace, &new.path, login_role, &self.metrics)).await?,
        };
        let parts = parts(&self.env, &cluster, namespace, new)?;
        let live_key = keys::namespace_live(namespace)?;
        let [live] = self.store.revisions_of([live_key.clone()]).await?;
        changes.expect(Expectation::At(live_key.clone(), live.ok_or(Error::Denied)?));
        // What an orphan batch token makes hangs on the namespace, which is expected already.
        if let Some((key, revision)) = maker.as_ref().filter(|(key, _)| *key != live_key) {
            changes.expect(Expectation::At(key.clone(), *revision));
        }
        if let Some(role) = &role {
            changes.expect(Expectation::At(role.key.clone(), role.revision));
        }
        for (key, revision) in login.iter().flat_map(|login| login.expected.iter().chain([&login.liveness])) {
            changes.expect(Expectation::At(key.clone(), *revision));
        }
        for (key, value) in parts.entries {
            changes.create(key, value);
        }
        let committed = self.store.commit(changes).await;
        drop(counting);
        match committed {
            Ok(_) => Ok(parts.created),
            // The caller's token was revoked meanwhile.
            Err(Lost::Race(keys)) if maker.is_some_and(|(key, _)| keys.contains(&key)) => Err(Error::Denied.into()),
            // The login's mount was disabled meanwhile.
            Err(Lost::Race(keys)) if login.as_ref().is_some_and(|login| keys.contains(&login.liveness.0)) => {
                Err(Error::Denied.into())
            }
            Err(Lost::Race(keys)) if role.is_some_and(|role| keys.contains(&role.key)) => Err(Lost::Race(keys)),
            Err(Lost::Race(_)) if is_chosen => Err(Error::invalid("cannot create a token with a duplicate ID").into()),
            Err(lost) => Err(lost),
        }
    }
}

/// The stored parts of a new token: seven entries at the most.
pub(crate) fn parts(env: &Env, cluster: &Cluster, ns: &str, new: NewToken) -> Result<Parts, Error> {
    let own = |id: Secret<String>| Secret::new(with_namespace(id.expose(), ns));
    let token = new.id.map_or_else(|| generate(env, ns), own);
    let hash = cluster.token_hash(token.expose());
    let accessor = with_namespace(&env.base62(RANDOM_CHARACTERS), ns);
    let now = to_stored(env.now().into());
    let expires = (!new.ttl.is_zero()).then(|| now.saturating_add(nanos(new.ttl)));
    let entry = TokenEntry {
        v: 1,
        state: State::Live,
        policies: new.policies,
        path: new.path,
        meta: new.meta,
        display_name: new.display_name,
        num_uses: new.num_uses,
        created: now,
        ttl_secs: new.ttl.as_secs(),
        explicit_max_ttl_secs: new.explicit_max_ttl.as_secs(),
        period_secs: new.period.as_secs(),
        is_renewable: new.is_renewable && expires.is_some(),
        parent: new.parent,
        accessor: accessor.clone(),
        entity_id: new.entity_id,
        role: new.role.map(|role| role.name).unwrap_or_default(),
        bound_cidrs: new.bound_cidrs,
        note: new.login.as_ref().and_then(|login| login.note.clone()),
        login_role: new.login.as_ref().and_then(|login| login.role.clone()),
        mount: new.login.map(|login| login.mount).unwrap_or_default(),
        epoch: cluster.token_epoch.clone(),
    };
    let mut entries = vec![
        (keys::token(ns, &hash)?, encode(&entry)?),
        (keys::token_state(ns, &hash)?, encode(&TokenState { v: 1, expires, renewed: None })?),
        (
            keys::accessor(ns, &cluster.accessor_hash(&accessor))?,
            encode(&AccessorEntry { v: 1, token: hash.clone(), accessor })?,
        ),
    ];
    if entry.num_uses > 0 {
        entries.push((keys::token_uses(ns, &hash)?, encode(&TokenUses { v: 1, left: entry.num_uses })?));
    }
    if let Some(parent) = &entry.parent {
        let (above, parent) = parse_name(ns, parent);
        entries.push((keys::token_child(above, parent, &named_from(above, ns, &hash))?, Vec::new()));
    }
    if !entry.mount.is_empty() {
        entries.push((keys::mount_token(ns, &entry.mount, &hash)?, Vec::new()));
    }
    if let Some(expires) = expires {
        entries.push((keys::due(expires, ns, DUE_KIND, &hash)?, Vec::new()));
    }
    Ok(Parts { created: Created { token, kind: Kind::Service, entry }, entries })
}

/// The root token that init makes.
pub(crate) fn root(env: &Env, cluster: &Cluster, id: Option<Secret<String>>) -> Result<Parts, Error> {
    let new = NewToken {
        id,
        policies: vec![ROOT.to_owned()],
        path: "auth/token/root".to_owned(),
        display_name: "root".to_owned(),
        ..NewToken::default()
    };
    parts(env, cluster, keys::ROOT_NAMESPACE, new)
}

impl Created {
    /// What the caller is told.
    pub(crate) fn into_auth(self, ttl: Duration, identity_policies: Vec<String>) -> Auth {
        let entry = self.entry;
        Auth {
            client_token: self.token,
            accessor: entry.accessor,
            policies: union(&entry.policies, &identity_policies),
            token_policies: entry.policies,
            identity_policies,
            metadata: entry.meta,
            ttl,
            renewable: entry.is_renewable,
            entity_id: entry.entity_id,
            token_type: self.kind.name(),
            is_orphan: entry.parent.is_none(),
            num_uses: entry.num_uses,
        }
    }
}

/// Whole nanoseconds, at most what fits.
pub(crate) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

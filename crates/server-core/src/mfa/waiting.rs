//! Logins that wait for their second factor, and their end.
//!
//! What the first step costs (the last use of a secret-id, say) is taken with the commit that keeps the login, so that one
//! secret begins one login. What it was decided from, and the mount, have to be as they were when it is completed: who was
//! removed meanwhile, or has another password, begins anew. The name that the client gets is stored as a keyed hash alone.

use std::time::Duration;

use data_encoding::BASE64;
use framework::{Context, Error, MfaChoice, MfaRequirement, Namespace, Reply};
use storage::{Expectation, Key, KeyRange, Revision};

use super::enforcements::Demand;
use super::entry::LoginEntry;
use super::proofs::Proofs;
use super::{DUE_KIND, Mfa, TOTP, name_below};
use crate::identity::again;
use crate::keys;
use crate::mounts::LiveMount;
use crate::namespaces::lock;
use crate::store::{Found, Lost, encode};
use crate::tokens::admit::Admission;
use crate::tokens::create::{Login, NewToken, nanos};
use crate::tokens::kind::Kind;

/// How long a login waits (documented Vault behavior).
pub(super) const TTL: Duration = Duration::from_secs(300);
/// How many logins of one entity wait at once: a further one takes the place of the oldest.
const WAITING_MAX: usize = 20;

/// A name that is unknown, used or too old: nobody learns which.
fn unknown() -> Error {
    Error::invalid("invalid request ID")
}

impl Mfa {
    /// Keeps a login until its second factor comes.
    pub(super) async fn hold(
        &self,
        namespace: &Namespace,
        mount: &LiveMount,
        admission: Admission,
        demands: &[Demand],
    ) -> Result<MfaRequirement, Lost> {
        let ns = namespace.id.as_str();
        let Admission { mut new, warnings } = admission;
        let token_type = new.kind.name();
        let Some(mut login) = new.login.take() else {
            return Err(Error::world("keep a login", "it is none").into());
        };
        let began = self.now_nanos();
        let mut changes = std::mem::take(&mut login.changes);
        // What the login changes itself is as it was read when this is committed, and not afterwards.
        let lasting = login.expected.iter().filter(|(key, _)| !changes.writes_key(key));
        let lasting = lasting.map(|(key, revision)| (BASE64.encode(key.as_bytes()), revision.0)).collect();
        let live_key = keys::namespace_live(ns)?;
        let [live] = self.store.revisions_of([live_key.clone()]).await?;
        changes.expect(Expectation::At(live_key, live.ok_or(Error::Denied)?));
        for (key, revision) in login.expected.iter().chain([&login.liveness]) {
            changes.expect(Expectation::At(key.clone(), *revision));
        }
        let entry = kept(mount, new, login, (began, lasting, warnings));
        let request_id = self.env.uuid();
        let hash = self.cluster.cluster()?.login_hash(&request_id);
        self.make_room(ns, &entry.entity_id, &mut changes).await?;
        changes.create(keys::mfa_login(ns, &hash)?, encode(&entry)?);
        changes.create(keys::mfa_waiting(ns, &entry.entity_id, began, &hash)?, Vec::new());
        changes.create(due(ns, &hash, entry.expires)?, Vec::new());
        match self.commit(changes).await {
            Ok(_) => Ok(MfaRequirement { request_id, constraints: constraints(demands), token_type }),
            // The mount was disabled meanwhile.
            Err(Lost::Race(keys)) if keys.contains(&mount.liveness.0) => Err(Error::Denied.into()),
            Err(lost) => Err(lost),
        }
    }

    /// Adds to a commit that the oldest of an entity's logins waits no longer, if there are too many.
    async fn make_room(&self, ns: &str, entity: &str, changes: &mut barrier::Changes) -> Result<(), Error> {
        let folder = keys::mfa_all_waiting(ns, entity);
        let (lines, _) = self.store.keys(KeyRange::prefix(&keys::prefix(&folder)?), WAITING_MAX).await?;
        let Some((oldest, revision)) = lines.first().filter(|_| lines.len() >= WAITING_MAX) else { return Ok(()) };
        let name = name_below(oldest, &folder);
        let hash = name.split_once('/').map_or("", |(_, hash)| hash);
        let key = keys::mfa_login(ns, hash)?;
        if let Some(found) = self.store.get::<LoginEntry>(&key).await? {
            self.delete_if_there(due(ns, hash, found.value.expires)?, changes).await?;
            changes.delete(key, found.revision);
        }
        changes.delete(oldest.clone(), *revision);
        Ok(())
    }

    /// Completes a login with its second factor: the reply that it would have had without. Once.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name under which no login waits in this namespace, [`Error::DeniedBecause`] for a second
    /// factor that is none: the login goes on waiting then.
    pub(crate) async fn complete(&self, context: &Context, request_id: &str, proofs: &Proofs) -> Result<Reply, Error> {
        let place = self.mounts.namespaces.named(&context.namespace.path).await?;
        if let Some(locked) = &place.locked {
            // As a login is refused there.
            return Err(lock::refusal(locked));
        }
        let hash = self.cluster.cluster()?.login_hash(request_id);
        again!(self.try_complete(context, &hash, proofs))
    }

    async fn try_complete(&self, context: &Context, hash: &str, proofs: &Proofs) -> Result<Reply, Lost> {
        let ns = context.namespace.id.as_str();
        let key = keys::mfa_login(ns, hash)?;
        let found = self.store.get::<LoginEntry>(&key).await?;
        let found = found.filter(|found| found.value.expires > self.now_nanos()).ok_or_else(unknown)?;
        let mount = self.mount_of(ns, &found).await?;
        let entry = found.value;
        if !crate::cidr::admit(&entry.bound_cidrs, context.connection.remote.map(|remote| remote.ip())) {
            return Err(Error::Denied.into());
        }
        let expected = self.still_expected(&entry).await?;
        let (entity, _) = self.identities.entity_behind(ns, &entry.entity_id).await?;
        let entity = entity.filter(|entity| !entity.value.is_disabled).ok_or(Error::Denied)?.value.id;
        let demands = self.demands(&context.namespace, &mount, &entity).await?;
        if demands.is_empty() {
            return Err(Error::invalid("no login enforcement is for this login any more: log in again").into());
        }
        let mut changes = self.prove(ns, &entity, &demands, proofs).await?;
        changes.delete(key, found.revision);
        self.delete_if_there(keys::mfa_waiting(ns, &entry.entity_id, entry.began, hash)?, &mut changes).await?;
        self.delete_if_there(due(ns, hash, entry.expires)?, &mut changes).await?;
        let liveness = (mount.liveness.0.clone(), Revision(entry.liveness));
        let (new, warnings) = unkept(entry, entity, Made { liveness, expected, changes });
        let auth = self.tokens.issue(ns, new).await?;
        Ok(Reply { warnings, ..Reply::from(auth) })
    }

    /// The mount of a login that waits, if it is the same and where it was.
    async fn mount_of(&self, ns: &str, found: &Found<LoginEntry>) -> Result<std::sync::Arc<LiveMount>, Error> {
        let entry = &found.value;
        let mount = self.identities.mount(ns, &entry.mount).await?;
        let is_same = |mount: &std::sync::Arc<LiveMount>| {
            mount.liveness.1 == Revision(entry.liveness) && mount.settings.path == entry.mount_path
        };
        mount.filter(is_same).ok_or(Error::Denied)
    }

    /// What a login was decided from, if it is as it was.
    async fn still_expected(&self, entry: &LoginEntry) -> Result<Vec<(Key, Revision)>, Error> {
        let mut expected = Vec::with_capacity(entry.expected.len());
        for (key, revision) in &entry.expected {
            let key = BASE64.decode(key.as_bytes()).ok().and_then(|bytes| Key::new(bytes).ok());
            let key = key.ok_or_else(|| Error::world("read a login that waits", "a key in it is none"))?;
            expected.push((key, Revision(*revision)));
        }
        let keys: Vec<_> = expected.iter().map(|(key, _)| key.clone()).collect();
        let now = self.store.revisions(&keys).await?;
        if expected.iter().zip(now).all(|((_, revision), now)| now == Some(*revision)) {
            return Ok(expected);
        }
        let text = "what the login was decided from has changed meanwhile: log in again";
        Err(Error::DeniedBecause(text.into()))
    }

    /// Removes a login that has waited long enough.
    pub(super) async fn drop_login(&self, ns: &str, hash: &str, line: crate::due::Line) -> Result<(), Error> {
        let mut changes = barrier::Changes::new();
        let key = keys::mfa_login(ns, hash)?;
        if let Some(found) = self.store.get::<LoginEntry>(&key).await? {
            let entry = found.value;
            self.delete_if_there(keys::mfa_waiting(ns, &entry.entity_id, entry.began, hash)?, &mut changes).await?;
            changes.delete(key, found.revision);
        }
        changes.delete(line.key, line.revision);
        match self.commit(changes).await {
            Ok(_) | Err(Lost::Race(_)) => Ok(()),
            Err(Lost::Failed(error)) => Err(error),
        }
    }
}

/// The line that has a login forgotten.
fn due(ns: &str, hash: &str, expires: i64) -> Result<Key, Error> {
    keys::due(expires, ns, DUE_KIND, &["login/", hash].concat())
}

/// A login as it is stored.
fn kept(
    mount: &LiveMount,
    new: NewToken,
    login: Login,
    (began, expected, warnings): (i64, Vec<(String, u64)>, Vec<String>),
) -> LoginEntry {
    LoginEntry {
        v: 1,
        began,
        expires: began.saturating_add(nanos(TTL)),
        mount: login.mount,
        liveness: login.liveness.1.0,
        mount_path: mount.settings.path.clone(),
        path: new.path,
        is_batch: new.kind == Kind::Batch,
        policies: new.policies,
        meta: new.meta,
        display_name: new.display_name,
        num_uses: new.num_uses,
        ttl_secs: new.ttl.as_secs(),
        explicit_max_ttl_secs: new.explicit_max_ttl.as_secs(),
        period_secs: new.period.as_secs(),
        entity_id: new.entity_id,
        bound_cidrs: new.bound_cidrs,
        expected,
        note: login.note,
        role: login.role,
        warnings,
    }
}

/// What has to hold, and what is changed, when the token of a login that waited is made.
struct Made {
    liveness: (Key, Revision),
    expected: Vec<(Key, Revision)>,
    changes: barrier::Changes,
}

/// The token of a stored login, with what its caller should know.
fn unkept(entry: LoginEntry, entity_id: String, made: Made) -> (NewToken, Vec<String>) {
    let Made { liveness, expected, changes } = made;
    let kind = if entry.is_batch { Kind::Batch } else { Kind::Service };
    let new = NewToken {
        kind,
        policies: entry.policies,
        path: entry.path,
        meta: entry.meta,
        display_name: entry.display_name,
        num_uses: entry.num_uses,
        ttl: Duration::from_secs(entry.ttl_secs),
        explicit_max_ttl: Duration::from_secs(entry.explicit_max_ttl_secs),
        period: Duration::from_secs(entry.period_secs),
        is_renewable: kind == Kind::Service,
        entity_id,
        bound_cidrs: entry.bound_cidrs,
        login: Some(Login { mount: entry.mount, liveness, expected, changes, note: entry.note, role: entry.role }),
        ..NewToken::default()
    };
    (new, entry.warnings)
}

/// What the client is told to choose from.
fn constraints(demands: &[Demand]) -> std::collections::BTreeMap<String, Vec<MfaChoice>> {
    let choices = |demand: &Demand| {
        let methods = demand.methods.iter().map(|usable| MfaChoice {
            kind: TOTP,
            id: usable.method.id.clone(),
            uses_passcode: true,
            name: usable.method.name.clone(),
        });
        methods.collect()
    };
    demands.iter().map(|demand| (demand.name.clone(), choices(demand))).collect()
}

//! Where a request that makes leases gets them: it stores what the engine intends, turns its grant into a lease, and
//! takes back whatever was made when the request goes wrong.
//!
//! Nothing is handed out before the commit that makes the lease. That commit expects the token, the mount, and the
//! intent as it was stored: whoever revokes the token, disables the mount or claims the intent wins, and what was made
//! outside is undone here, at once if the outside lets itself be reached, else from the due index.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use barrier::Changes;
use framework::view::COMMIT_TRIES;
use framework::{Error, Grant, Intent, Intents, Lease, Reply};
use serde_json::value::RawValue;
use storage::{Expectation, Key, Revision};

use super::entry::{LeaseEntry, State};
use super::id::LeaseId;
use super::{INTENT_PATIENCE, Leases, PATH_BYTES_MAX, Place};
use crate::keys;
use crate::mounts::LiveMount;
use crate::quotas::counts::Counting;
use crate::store::{Found, Lost, encode};
use crate::tokens::create::nanos;
use crate::ttl::{self, Wish};

/// The most intents of one request.
const INTENTS_MAX: usize = 16;

/// Whom a lease goes with.
pub(crate) struct Holder {
    /// The storage name of the token, with its namespace if that is another, whose revocation takes it along; none for a batch token that hangs on nothing.
    pub(crate) token: Option<String>,
    /// The liveness that making a lease expects.
    pub(crate) liveness: (Key, Revision),
    /// When a token that is not stored ends: its leases end with it.
    pub(crate) until: Option<i64>,
}

/// One request that may make leases.
pub(crate) struct Desk {
    leases: Arc<Leases>,
    ns: String,
    /// The path of the request, without a `/` at the end.
    path: String,
    mount: Arc<LiveMount>,
    holder: Holder,
    begun: Mutex<Vec<Option<Begun>>>,
}

/// A lease in the making.
struct Begun {
    place: Place,
    found: Found<LeaseEntry>,
    /// There is nothing to undo.
    is_withdrawn: bool,
}

impl Desk {
    /// Opens one, before the engine is called.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the path is too long for lease ids.
    pub(crate) fn open(
        leases: &Arc<Leases>,
        ns: &str,
        path: &str,
        mount: &Arc<LiveMount>,
        holder: Holder,
    ) -> Result<Arc<Self>, Error> {
        let path = path.trim_matches('/');
        if path.len() > PATH_BYTES_MAX {
            let text = format!("path is too long for a lease: {} bytes, the most is {PATH_BYTES_MAX}", path.len());
            return Err(Error::Invalid(text.into()));
        }
        Ok(Arc::new(Self {
            leases: Arc::clone(leases),
            ns: ns.to_owned(),
            path: path.to_owned(),
            mount: Arc::clone(mount),
            holder,
            begun: Mutex::default(),
        }))
    }

    /// What leaves after the engine is done: the reply with its lease, or an error and nothing made. What was intended
    /// and not granted is undone.
    pub(crate) async fn close(&self, result: Result<Reply, Error>) -> Result<Reply, Error> {
        let result = match result {
            Ok(mut reply) => match reply.grant.take() {
                Some(grant) => self.grant(grant).await.map(|(lease, warnings)| {
                    reply.lease = Some(lease);
                    reply.warnings.extend(warnings);
                    reply
                }),
                None => Ok(reply),
            },
            Err(error) => Err(error),
        };
        let left: Vec<_> = self.slot().drain(..).flatten().collect();
        for begun in left {
            self.take_back(begun).await;
        }
        result
    }

    async fn grant(&self, grant: Grant) -> Result<(Lease, Vec<String>), Error> {
        let intended = match grant.intent {
            Some(Intent(number)) => self.slot().get_mut(number).and_then(Option::take),
            None => None,
        };
        if grant.intent.is_some() && intended.is_none() {
            return Err(Error::world("grant a secret", "its intent is not of this request, or fulfilled already"));
        }
        let now = self.leases.now_nanos();
        let granted = ttl::grant(Wish {
            asked: grant.ttl,
            explicit_max: grant.max_ttl,
            default_ttl: self.mount.mount.default_lease_ttl,
            max_ttl: self.mount.mount.max_lease_ttl,
            ..Wish::default()
        });
        let (mut entry, known) = match &intended {
            Some(begun) => (begun.found.value.clone(), Some(begun.found.revision)),
            None => (self.entry(grant.kind, now), None),
        };
        entry.kind = grant.kind.to_owned();
        entry.data = grant.data;
        entry.state = State::Live;
        entry.is_granted = true;
        entry.is_renewable = grant.is_renewable;
        entry.issued = now;
        let place = self.place(&entry)?;
        let taken_back = |entry: LeaseEntry, intended: Option<Begun>| {
            // What was intended is undone by its note, what was not is revoked by what the engine keeps.
            let begun = intended.unwrap_or_else(|| Begun {
                place: place.clone(),
                found: Found { value: entry, revision: Revision(0) },
                is_withdrawn: false,
            });
            self.take_back(begun)
        };
        let Some(granted) = granted else {
            taken_back(entry, intended).await;
            return Err(Error::invalid("the TTLs of this mount leave no time for a lease"));
        };
        entry.ttl_secs = granted.ttl.as_secs();
        entry.max_ttl_secs = grant.max_ttl.as_secs();
        entry.expires = now.saturating_add(nanos(granted.ttl)).min(self.holder.until.unwrap_or(i64::MAX));
        match self.store(&place, &mut entry, known).await {
            Ok(()) => {
                let duration = std::time::Duration::from_secs(entry.remaining(now).as_secs());
                let lease = Lease { id: entry.id, renewable: entry.is_renewable, duration };
                Ok((lease, granted.warnings))
            }
            Err(error) => {
                taken_back(entry, intended).await;
                Err(error)
            }
        }
    }

    /// A place for one more lease.
    async fn count(&self) -> Result<Option<Counting>, Error> {
        self.leases.quotas.count_lease(&self.ns, &self.path, None, &self.leases.metrics).await
    }

    /// A lease or an intent that is not stored yet.
    fn entry(&self, kind: &str, now: i64) -> LeaseEntry {
        LeaseEntry {
            v: 1,
            id: LeaseId::mint(&self.leases.env, &self.ns, &self.path).text(),
            mount: self.mount.uuid.clone(),
            kind: kind.to_owned(),
            state: State::Intended,
            is_granted: false,
            token: self.holder.token.clone(),
            data: RawValue::NULL.to_owned(),
            issued: now,
            expires: now.saturating_add(nanos(INTENT_PATIENCE)),
            renewed: None,
            until: self.holder.until,
            line: None,
            ttl_secs: 0,
            max_ttl_secs: 0,
            is_renewable: false,
            attempts: 0,
            error: String::new(),
        }
    }

    fn place(&self, entry: &LeaseEntry) -> Result<Place, Error> {
        let place = self.leases.place(&self.ns, &entry.id)?;
        place.ok_or_else(|| Error::world("make a lease", "its id is none"))
    }

    /// Stores the entry with all its lines, over the intent at `known` if there is one.
    async fn store(&self, place: &Place, entry: &mut LeaseEntry, known: Option<Revision>) -> Result<(), Error> {
        let began = self.leases.metrics.now();
        // What was intended has been counted.
        let counting = if known.is_none() { self.count().await? } else { None };
        let stored = self.commit(place, entry, known).await;
        drop(counting);
        self.leases.metrics.took(&self.leases.metrics.lease_register, began);
        stored.map(drop)
    }

    async fn commit(&self, place: &Place, entry: &mut LeaseEntry, known: Option<Revision>) -> Result<Revision, Error> {
        let (leases, ns) = (&self.leases, self.ns.as_str());
        let mut changes = Changes::new();
        for (key, revision) in [&self.holder.liveness, &self.mount.liveness] {
            changes.expect(Expectation::At(key.clone(), *revision));
        }
        let ends = entry.expires;
        leases.move_line(place, entry, ends, &mut changes).await?;
        match known {
            Some(revision) => {
                changes.replace(place.key()?, revision, encode(entry)?);
            }
            None => {
                changes.create(place.key()?, encode(entry)?);
                changes.create(keys::mount_lease(ns, &entry.mount, &place.name)?, encode(&place.index())?);
                if let Some(token) = &entry.token {
                    let (line, index) = place.token_line(token)?;
                    changes.create(line, encode(&index)?);
                }
            }
        }
        match leases.store.commit(changes).await {
            Ok(receipt) => Ok(receipt.revision),
            // The caller's token was revoked meanwhile.
            Err(Lost::Race(keys)) if keys.contains(&self.holder.liveness.0) => Err(Error::Denied),
            Err(Lost::Race(keys)) if keys.contains(&self.mount.liveness.0) => {
                Err(Error::Unrouted("the mount is being removed or upgraded".into()))
            }
            Err(Lost::Race(_)) => Err(Error::Busy("the request took too long: what it made was taken back".into())),
            Err(Lost::Failed(error)) => Err(error),
        }
    }

    /// Takes back what was made, or may have been. If the outside refuses, the due index goes on with it.
    async fn take_back(&self, begun: Begun) {
        let Begun { place, found, is_withdrawn } = begun;
        if is_withdrawn {
            if let Err(error) = self.leases.remove(&place).await {
                tracing::warn!(%error, "what nothing came of is looked at again when its time comes");
            }
            return;
        }
        let entry = found.value;
        let held = entry.held(entry.expires);
        let outcome = match self.leases.call_at(&self.ns, &self.mount, held, entry.is_granted).await {
            Ok(()) => self.leases.remove(&place).await,
            Err(error) => {
                tracing::warn!(kind = entry.kind, %error, "what was made for a failed request will be taken back later");
                self.leases.adopt(&place, entry).await
            }
        };
        if let Err(error) = outcome
            && !matches!(error, Error::Sealed)
        {
            tracing::warn!(%error, "what was made for a failed request is taken back when its time comes");
        }
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Vec<Option<Begun>>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leases {
    /// Sees to it that something outside is taken back that may have no entry any more: its intent was claimed while it
    /// was made, or there was none.
    async fn adopt(&self, place: &Place, mut entry: LeaseEntry) -> Result<(), Error> {
        entry.state = State::Revoking;
        entry.token = None;
        for _ in 0..COMMIT_TRIES {
            if self.mark(place).await? {
                return Ok(());
            }
            let live_key = keys::mount_live(&place.ns, &entry.mount)?;
            // In whatever state: as long as the mount is there at all, its leases are looked after.
            let [live] = self.store.revisions_of([live_key.clone()]).await?;
            let live = live.ok_or_else(|| Error::world("keep what is to be taken back", "its mount is gone"))?;
            let mut changes = Changes::new();
            changes.expect(Expectation::At(live_key, live));
            entry.line = None;
            self.move_line(place, &mut entry, self.now_nanos(), &mut changes).await?;
            changes.create(place.key()?, encode(&entry)?);
            changes.create(keys::mount_lease(&place.ns, &entry.mount, &place.name)?, encode(&place.index())?);
            match self.store.commit(changes).await {
                Ok(_) => return Ok(()),
                Err(Lost::Race(_)) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Err(framework::view::contended())
    }
}

#[async_trait]
impl Intents for Desk {
    async fn intend(&self, kind: &'static str, note: Box<RawValue>) -> Result<Intent, Error> {
        let number = self.slot().len();
        if number >= INTENTS_MAX {
            return Err(Error::world("store an intent", format!("a request has at most {INTENTS_MAX}")));
        }
        let mut entry = LeaseEntry { data: note, ..self.entry(kind, self.leases.now_nanos()) };
        let place = self.place(&entry)?;
        // Before anything is made that would have to be taken back.
        let counting = self.count().await?;
        let revision = self.commit(&place, &mut entry, None).await?;
        drop(counting);
        let mut begun = self.slot();
        begun.push(Some(Begun { place, found: Found { value: entry, revision }, is_withdrawn: false }));
        Ok(Intent(begun.len() - 1))
    }

    fn withdraw(&self, intent: Intent) {
        if let Some(Some(begun)) = self.slot().get_mut(intent.0) {
            begun.is_withdrawn = true;
        }
    }
}

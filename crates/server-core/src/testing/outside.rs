//! An engine that makes things outside the server, and an outside that refuses, stalls or cuts when a test says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use framework::{Context, Engine, Error, Grant, Held, Limits, Mounted, Path, Reply, SecretKind, Segment, fields};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The outsides by the mount's option that names them: an engine is made by a function that knows nothing else.
static OUTSIDES: LazyLock<Mutex<BTreeMap<String, Arc<Outside>>>> = LazyLock::new(Mutex::default);

/// What an outside does with a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Mood {
    #[default]
    Well,
    /// Says no, and does nothing.
    Refuses,
    /// Never answers, and does nothing.
    Stalls,
    /// Does it and says that it failed.
    Cuts,
}

/// Where things are made.
#[derive(Default)]
pub(crate) struct Outside {
    things: Mutex<BTreeSet<String>>,
    making: Mutex<Mood>,
    removing: Mutex<Mood>,
    /// How often anything was to be removed.
    removals: Mutex<usize>,
    /// Secrets of which there is one for each name, replaced when it is rotated.
    secrets: Mutex<BTreeMap<String, u64>>,
    /// How long roles let things live at a renewal; nothing is as they were granted.
    limits: Mutex<Option<Limits>>,
}

impl Outside {
    /// The outside of this name, which a mount's option `outside` gives.
    pub(crate) fn named(name: &str) -> Arc<Self> {
        let mut outsides = OUTSIDES.lock().expect("no test panics in here");
        Arc::clone(outsides.entry(name.to_owned()).or_default())
    }

    pub(crate) fn things(&self) -> usize {
        self.things.lock().expect("no test panics in here").len()
    }

    pub(crate) fn removals(&self) -> usize {
        *self.removals.lock().expect("no test panics in here")
    }

    pub(crate) fn when_making(&self, mood: Mood) {
        *self.making.lock().expect("no test panics in here") = mood;
    }

    pub(crate) fn when_removing(&self, mood: Mood) {
        *self.removing.lock().expect("no test panics in here") = mood;
    }

    pub(crate) fn limit(&self, limits: Limits) {
        *self.limits.lock().expect("no test panics in here") = Some(limits);
    }

    /// The secret that counts for a name, 0 before the first.
    pub(crate) fn secret(&self, name: &str) -> u64 {
        self.secrets.lock().expect("no test panics in here").get(name).copied().unwrap_or_default()
    }

    /// Replaces a secret: the one before is dead from then on.
    pub(crate) async fn replace(&self, name: &str) -> Result<u64, Error> {
        let mood = *self.making.lock().expect("no test panics in here");
        let replace = || {
            *self.secrets.lock().expect("no test panics in here").entry(name.to_owned()).or_default() += 1;
            true
        };
        self.act(mood, replace).await?;
        Ok(self.secret(name))
    }

    async fn make(&self, name: &str) -> Result<(), Error> {
        let mood = *self.making.lock().expect("no test panics in here");
        self.act(mood, || self.things.lock().expect("no test panics in here").insert(name.to_owned())).await
    }

    /// What is gone already is gone.
    async fn remove(&self, name: &str) -> Result<(), Error> {
        let mood = *self.removing.lock().expect("no test panics in here");
        *self.removals.lock().expect("no test panics in here") += 1;
        self.act(mood, || self.things.lock().expect("no test panics in here").remove(name)).await
    }

    async fn act(&self, mood: Mood, action: impl FnOnce() -> bool) -> Result<(), Error> {
        match mood {
            Mood::Well => drop(action()),
            Mood::Refuses => return Err(Error::world("ask the outside", "it refuses")),
            Mood::Stalls => std::future::pending().await,
            Mood::Cuts => {
                action();
                return Err(Error::world("ask the outside", "the line is dead"));
            }
        }
        Ok(())
    }
}

fields! {
    /// A thing to be lent.
    struct Lend {
        /// For whom.
        role: String,
        /// How long it is lent.
        ttl: Duration = Duration::ZERO,
        /// The most that it is lent.
        max_ttl: Duration = Duration::ZERO,
        /// Whether it can be renewed.
        renewable: bool = true,
        /// Whether it is announced before it is made.
        intend: bool = true,
        /// Whether a refusal is taken for certain: nothing was made.
        is_certain: bool = false,
    }
}

#[derive(Serialize, Deserialize)]
struct Thing {
    name: String,
}

/// Lends things of the outside that the option `outside` names.
pub(super) fn lender(options: &BTreeMap<String, String>) -> Result<Arc<dyn Mounted>, Error> {
    let outside = Outside::named(options.get("outside").map_or("", String::as_str));
    let thing = SecretKind::new("thing", take_back).undo(take_back).limits(limits);
    let lend_to = Path::new("lend/{role}", "A thing.").param("role", Segment::Name, "For whom.");
    let idle = Path::new("idle", "Nothing.").read(lend_undeclared, "Lends without having said so.");
    Engine::secrets("lender", "Lends things.")
        .paths([lend_to.makes_leases().read(lend, "Lend one."), idle])
        .secret(thing)
        .mount(outside)
        .map_err(|source| Error::world("make it", source))
}

async fn lend(outside: &Arc<Outside>, context: &Context, input: Lend) -> Result<Reply, Error> {
    let thing = Thing { name: format!("{}-{}", input.role, context.env.base62(24)) };
    let intent = if input.intend { Some(context.intend("thing", &thing).await?) } else { None };
    if let Err(error) = outside.make(&thing.name).await {
        if let (true, Some(intent)) = (input.is_certain, intent) {
            context.withdraw(intent);
        }
        return Err(error);
    }
    let mut grant = Grant::new("thing", &thing)?.lasting(input.ttl, input.max_ttl);
    grant.intent = intent;
    grant.is_renewable = input.renewable;
    Ok(Reply::data(json!({ "name": thing.name })).granting(grant))
}

async fn lend_undeclared(_: &Arc<Outside>, context: &Context, _: framework::input::Nothing) -> Result<Reply, Error> {
    context.intend("thing", &Thing { name: "x".to_owned() }).await?;
    Ok(Reply::empty())
}

async fn take_back(outside: &Arc<Outside>, _: &Context, held: Held) -> Result<(), Error> {
    outside.remove(&held.data::<Thing>()?.name).await
}

async fn limits(outside: &Arc<Outside>, _: &Context, held: Held) -> Result<Limits, Error> {
    held.data::<Thing>()?;
    let limits = *outside.limits.lock().expect("no test panics in here");
    Ok(limits.unwrap_or_else(|| Limits { ttl: Duration::from_secs(3600), max_ttl: Duration::from_secs(2 * 3600) }))
}

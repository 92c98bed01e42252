//! What the core adds for a program that declares mounts, policies and the like in its configuration: a token to put
//! them in force with, a memory of what it has put in force, and what `sys/health` says of it.
//!
//! The declarations themselves are the program's: they go through the same requests as anybody's. The memory holds
//! keyed hashes under a random key, never a value: what was declared cannot always be read back (a password).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use barrier::Changes;
use data_encoding::BASE64URL_NOPAD;
use env::Env;
use framework::Error;
use framework::view::COMMIT_TRIES;
use secret::MacKey;
use serde::{Deserialize, Serialize};
use storage::Revision;

use crate::keys;
use crate::store::{Found, Lost, Store, encode};
use crate::tokens::create::NewToken;
use crate::tokens::entry::TokenEntry;
use crate::tokens::kind::Kind;

/// How long the token of one round lives.
pub(crate) const TOKEN_TTL: Duration = Duration::from_mins(15);
/// The most marks. Behind it those go that nobody asked to be kept.
const MARKS_MAX: usize = 4_000;
/// Bytes of the random key of the marks.
const KEY_BYTES: usize = 32;

/// How far a node is with what its configuration declares.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BootstrapState {
    /// Nothing is declared.
    #[default]
    Nothing,
    /// Not in force yet.
    Pending,
    /// In force.
    Applied,
    /// Something could not be put in force, and will be tried again.
    Failing,
}

impl BootstrapState {
    const ALL: [Self; 4] = [Self::Nothing, Self::Pending, Self::Applied, Self::Failing];

    /// The word for it; none when nothing is declared.
    pub(crate) fn word(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Pending => Some("pending"),
            Self::Applied => Some("applied"),
            Self::Failing => Some("failing"),
        }
    }
}

/// The state, shared by who sets and who shows it.
#[derive(Debug, Default)]
pub(crate) struct SharedState(AtomicU8);

impl SharedState {
    pub(crate) fn set(&self, state: BootstrapState) {
        self.0.store(state as u8, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> BootstrapState {
        BootstrapState::ALL.get(usize::from(self.0.load(Ordering::Relaxed))).copied().unwrap_or_default()
    }
}

/// `core/bootstrap`: what has been put in force, by all nodes. Absent: nothing.
#[derive(Clone, Serialize, Deserialize)]
struct MarksEntry {
    v: u32,
    /// The random key, base64url.
    key: String,
    /// Keyed hashes: of what something is called, and of how it was declared and then looked.
    marks: BTreeMap<String, String>,
}

/// What was put in force as of one moment.
pub struct Marks(Option<Found<MarksEntry>>);

impl Marks {
    /// Whether anything was put in force under this name.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.0.as_ref().is_some_and(|found| found.value.marks.contains_key(&found.value.sign(name)))
    }

    /// Whether just this was put in force under this name.
    #[must_use]
    pub fn holds(&self, name: &str, content: &str) -> bool {
        self.0.as_ref().is_some_and(|found| {
            let entry = &found.value;
            entry.marks.get(&entry.sign(name)).is_some_and(|mark| *mark == entry.sign(content))
        })
    }

    fn revision(&self) -> Option<Revision> {
        self.0.as_ref().map(|found| found.revision)
    }
}

impl MarksEntry {
    fn new(env: &Env) -> Self {
        Self { v: 1, key: BASE64URL_NOPAD.encode(&env.random::<KEY_BYTES>()), marks: BTreeMap::new() }
    }

    fn sign(&self, text: &str) -> String {
        BASE64URL_NOPAD.encode(&MacKey::new(self.key.as_bytes()).sign(&[text.as_bytes()]))
    }

    /// Makes room, if there is none, by forgetting what is not among `kept`: it is put in force once more.
    fn make_room(&mut self, kept: &[String]) {
        if self.marks.len() >= MARKS_MAX {
            let kept: std::collections::BTreeSet<_> = kept.iter().map(|name| self.sign(name)).collect();
            self.marks.retain(|name, _| kept.contains(name));
        }
    }
}

/// All marks as they are now.
pub(crate) async fn marks(store: &Store) -> Result<Marks, Error> {
    store.get(&keys::BOOTSTRAP).await.map(Marks)
}

/// Notes that `content` was put in force under `name`. `declared` names everything whose mark should stay.
pub(crate) async fn mark(
    store: &Store,
    env: &Env,
    name: &str,
    content: &str,
    declared: &[String],
) -> Result<(), Error> {
    for _ in 0..COMMIT_TRIES {
        let known = marks(store).await?;
        let revision = known.revision();
        let mut entry = known.0.map_or_else(|| MarksEntry::new(env), |found| found.value);
        entry.make_room(declared);
        let (name, content) = (entry.sign(name), entry.sign(content));
        if entry.marks.get(&name) == Some(&content) {
            return Ok(());
        }
        entry.marks.insert(name, content);
        let mut changes = Changes::new();
        changes.set(keys::BOOTSTRAP.clone(), revision, encode(&entry)?);
        match store.commit(changes).await {
            Ok(_) => return Ok(()),
            Err(Lost::Race(_)) => {}
            Err(Lost::Failed(error)) => return Err(error),
        }
    }
    Err(framework::view::contended())
}

/// Where tokens of a round say that they come from. No path of the API has this name, so no other token says so.
const PATH: &str = "bootstrap";

/// Whether a token is that of a round.
pub(crate) fn is_own(entry: &TokenEntry) -> bool {
    entry.path == PATH
}

/// The token of one round: a batch token with every right, which is stored nowhere and ends by itself.
pub(crate) fn token() -> NewToken {
    NewToken {
        kind: Kind::Batch,
        id: None,
        policies: vec![crate::policies::ROOT.to_owned()],
        path: PATH.to_owned(),
        meta: None,
        display_name: "bootstrap".to_owned(),
        num_uses: 0,
        ttl: TOKEN_TTL,
        explicit_max_ttl: Duration::ZERO,
        period: Duration::ZERO,
        is_renewable: false,
        entity_id: String::new(),
        role: None,
        bound_cidrs: Vec::new(),
        parent: None,
        maker: None,
        login: None,
    }
}

#[cfg(test)]
mod tests;

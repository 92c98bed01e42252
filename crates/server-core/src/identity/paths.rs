//! The table of `identity/`: entities, groups, their aliases, lookups, and what [`crate::oidc`] and [`crate::mfa`] answer. Replies have the published forms: what is made
//! is told with its id, a change of what was there is 204.

use std::sync::Arc;

use framework::router::TableError;
use framework::view::Listing;
use framework::{Context, Engine, Error, Mounted, Reply, fields};
use serde_json::{Map, Value, json};

use super::view::Shown;
use super::{Identities, most, too_many};
use crate::mfa::{self, Mfa};
use crate::oidc::{self, Oidc};

mod alias;
mod entity;
mod group;
mod lookup;

const HELP: &str = "Who is behind tokens: entities, the aliases by which auth methods know them, and groups of them.";

/// How many lines one storage call of a list asks for.
const LIST_PAGE: usize = 1_000;

/// What answers below `identity/`.
struct Parts {
    identities: Arc<Identities>,
    oidc: Arc<Oidc>,
    mfa: Arc<Mfa>,
}

/// The engine that is part of every namespace.
pub(crate) fn engine(
    identities: Arc<Identities>,
    oidc: Arc<Oidc>,
    mfa: Arc<Mfa>,
) -> Result<Arc<dyn Mounted>, TableError> {
    let paths = [entity::paths(), alias::paths(), group::paths(), lookup::paths()].into_iter().flatten();
    Engine::secrets("identity", HELP)
        .paths(paths.map(|path| path.within(|it: &Parts| it.identities.as_ref())))
        .paths(oidc::paths::all().into_iter().map(|path| path.within(|it: &Parts| it.oidc.as_ref())))
        .paths(mfa::paths::all().into_iter().map(|path| path.within(|it: &Parts| it.mfa.as_ref())))
        .mount(Parts { identities, oidc, mfa })
}

fields! {
    /// A part of a list.
    pub(crate) struct Page {
        /// Goes on behind this name or id, whether or not it is still there.
        after: String = String::new(),
        /// The most to list; all when zero or less.
        limit: i64 = 0,
    }
}

fields! {
    /// Something by its id.
    pub(super) struct ById {
        /// Its id.
        id: String,
    }
}

fields! {
    /// Something by its name.
    pub(crate) struct ByName {
        /// Its name.
        name: String,
    }
}

impl Page {
    pub(crate) fn listing(self) -> Listing {
        Listing::new(self.after, self.limit)
    }
}

/// A list with a few facts about each of its keys.
#[derive(Default)]
struct Listed {
    keys: Vec<String>,
    info: Map<String, Value>,
}

impl Listed {
    fn add(&mut self, key: &str, info: Value) {
        self.keys.push(key.to_owned());
        self.info.insert(key.to_owned(), info);
    }

    /// Whether a page is full; an error when everything was asked for and is too much.
    fn is_full(&self, listing: &Listing) -> Result<bool, Error> {
        match self.keys.len() >= most(listing) {
            true if listing.limit.is_none() => Err(too_many()),
            is_full => Ok(is_full),
        }
    }

    fn into_reply(self) -> Reply {
        Reply::data(json!({ "keys": self.keys, "key_info": self.info }))
    }
}

impl From<Shown> for Reply {
    fn from(shown: Shown) -> Self {
        let mut reply = Self::data(shown.data);
        reply.warnings = shown.warnings;
        reply
    }
}

pub(crate) fn ns(context: &Context) -> &str {
    &context.namespace.id
}

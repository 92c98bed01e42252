//! A secrets engine that hands out secrets that end and asks nobody outside: what its leases cost is the core's own.
//!
//! It must never be in a program that is shipped: it belongs to the benchmark, which builds a core around it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use framework::{Context, Engine, Error, Grant, Held, Kind, Mounted, Path, Reply, SecretKind, Segment, fields};
use serde::{Deserialize, Serialize};
use serde_json::json;
use server_core::EngineType;

fields! {
    /// Something to be lent.
    struct Lend {
        /// For whom.
        role: String,
        /// How long.
        ttl: Duration = Duration::ZERO,
    }
}

/// What is kept with each lease: about as much as a user of a database has.
#[derive(Serialize, Deserialize)]
struct Thing {
    username: String,
    role: String,
}

/// The type of the engine and how it is made.
#[must_use]
pub fn lender() -> EngineType {
    EngineType { name: "lender", kind: Kind::Secrets, make }
}

fn make(_: &BTreeMap<String, String>) -> Result<Arc<dyn Mounted>, Error> {
    let thing = SecretKind::new("thing", take_back).undo(take_back);
    let path = Path::new("lend/{role}", "Something.").param("role", Segment::Name, "For whom.");
    Engine::secrets("lender", "Lends what nobody has.")
        .paths([path.makes_leases().read(lend, "Lend it.")])
        .secret(thing)
        .mount(())
        .map_err(|source| Error::world("make the lender", source))
}

async fn lend(_: &(), context: &Context, input: Lend) -> Result<Reply, Error> {
    let username = format!("v-{}-{}", input.role, context.env.base62(20));
    let grant = Grant::new("thing", &Thing { username: username.clone(), role: input.role })?;
    let grant = grant.lasting(input.ttl, Duration::ZERO);
    Ok(Reply::data(json!({ "username": username })).granting(grant))
}

async fn take_back(_: &(), _: &Context, held: Held) -> Result<(), Error> {
    held.data::<Thing>().map(drop)
}

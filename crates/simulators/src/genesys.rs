//! A stand-in for Genesys Cloud, as far as it is about OAuth clients: the token endpoint with its odd 400, the clients with
//! their secrets that are shown once, the errors, rate limits, and how late it agrees with itself.
//!
//! It speaks plain HTTP on this machine alone, login and API at one address. What nobody knows of the real one is a switch.
//! It tells whoever counts which clients and tokens are alive, never a secret.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use serde_json::Value;

use crate::chance::letters;
use crate::clock::machine_millis;
use crate::faults::{Fault, Faults, Rule};
use crate::http::{Answer, Request, Server, Site};
use crate::stops::{Stage, Stop, Stops};
use clients::OAuthClient;
use limits::Minutes;

mod api;
mod clients;
mod control;
mod documents;
mod limits;
mod oauth;

/// A role that may do everything with OAuth clients; the client that is there from the start holds it.
pub const ADMIN_ROLE: &str = "5e0c0f2a-1111-4a2b-8c3d-000000000001";
/// A role that may do nothing with OAuth clients, held as well.
pub const ROLE: &str = "5e0c0f2a-1111-4a2b-8c3d-000000000002";
/// A role that is there and not held: nobody can give it on.
pub const FOREIGN_ROLE: &str = "5e0c0f2a-1111-4a2b-8c3d-000000000003";
/// The home division.
pub const HOME_DIVISION: &str = "0d1e2f3a-2222-4b6e-9f10-000000000001";
/// How many calls a token has in a minute, and a client at the token endpoint (documented; of the latter nobody knows).
const CALLS_PER_MINUTE: u32 = 300;

/// A running stand-in. It ends when this is dropped.
pub struct Genesys {
    server: Server,
    shared: Arc<Shared>,
}

/// One with threads of its own, for who has no runtime. It ends when this is dropped.
pub struct Alone {
    /// The server; it goes first.
    pub server: Genesys,
    _threads: tokio::runtime::Runtime,
}

impl Alone {
    /// Starts one on a free port, with the clock of this machine.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start() -> Result<Self> {
        let threads = tokio::runtime::Runtime::new()?;
        let server = threads.block_on(Genesys::start(0, None))?;
        Ok(Self { server, _threads: threads })
    }
}

/// A client's id and secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    /// A UUID.
    pub id: String,
    /// The secret.
    pub secret: String,
}

/// What may be known of a client: everything but its secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Live {
    /// A UUID.
    pub id: String,
    /// As it was asked for.
    pub name: String,
    /// `active`, `inactive` or `disabled`.
    pub state: &'static str,
    /// Whether it was there before anybody asked for it.
    pub is_given: bool,
}

/// What nobody has established of the real one, and how it is limited and delayed.
#[derive(Clone, Debug)]
pub struct Switches {
    /// How long a new client is not seen by anybody, and a deleted one still is, in milliseconds.
    pub visibility_millis: i64,
    /// How long a new secret is not taken by the token endpoint; the one before stops at once.
    pub secret_millis: i64,
    /// Whether a deleted client is shown as `deleted` for that long, instead of as it was.
    pub shows_deleted: bool,
    /// The status for an unknown client or a wrong secret: 400 or 401.
    pub wrong_client_status: u16,
    /// The status of a creation: 200 or 201.
    pub created_status: u16,
    /// Whether a client that becomes inactive takes its tokens along.
    pub inactive_ends_tokens: bool,
    /// Whether `GET` and `PUT` show secrets, as they did until 2025.
    pub shows_secrets: bool,
    /// How many clients a page of the list has; `None` for all.
    pub page: Option<usize>,
    /// How many clients an organization can have.
    pub clients_max: Option<usize>,
    /// How many calls each token has in a minute; `None` for as many as it likes.
    pub calls_per_minute: Option<u32>,
    /// How many tokens a client gets in a minute.
    pub tokens_per_minute: Option<u32>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            visibility_millis: 0,
            secret_millis: 0,
            shows_deleted: true,
            wrong_client_status: 401,
            created_status: 200,
            inactive_ends_tokens: false,
            shows_secrets: false,
            page: None,
            clients_max: None,
            calls_per_minute: Some(CALLS_PER_MINUTE),
            tokens_per_minute: Some(CALLS_PER_MINUTE),
        }
    }
}

/// An access token.
struct Token {
    client: String,
    /// Milliseconds since 1970.
    ends: i64,
}

struct State {
    /// Seconds since 1970; `None` for those of this machine.
    now: Option<i64>,
    /// How far its clock is ahead, in milliseconds.
    ahead_millis: i64,
    switches: Switches,
    /// Roles that there are, and what they may.
    roles: BTreeMap<&'static str, BTreeSet<&'static str>>,
    clients: BTreeMap<String, OAuthClient>,
    tokens: BTreeMap<String, Token>,
    /// Every secret and token that was ever shown.
    issued: Vec<String>,
    faults: Faults,
    calls: Minutes,
    token_calls: Minutes,
    asked: Vec<String>,
}

struct Shared {
    state: Mutex<State>,
    stops: Stops,
}

impl Genesys {
    /// Starts one on a port of this machine, 0 for a free one, with the clock at `now` (seconds since 1970) or that of this
    /// machine.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(port: u16, now: Option<i64>) -> Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::new(State::new(now)), stops: Stops::default() });
        let server = Server::start(port, None, Arc::clone(&shared)).await?;
        Ok(Self { server, shared })
    }

    /// Where it is: both the login host and the API host.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Makes a client as somebody does it in the web interface, with these roles in all divisions.
    #[must_use]
    pub fn make_client(&self, name: &str, roles: &[&str]) -> Credentials {
        self.make_client_with(name, roles, &letters(43))
    }

    /// The same with a secret that somebody has chosen.
    #[must_use]
    pub fn make_client_with(&self, name: &str, roles: &[&str], secret: &str) -> Credentials {
        let mut state = self.lock();
        let id = state.give(name, roles, secret);
        Credentials { id, secret: secret.to_owned() }
    }

    /// The clients that are there, without their secrets.
    #[must_use]
    pub fn live(&self) -> Vec<Live> {
        self.lock().clients.values().filter(|client| client.deleted.is_none()).map(OAuthClient::shown).collect()
    }

    /// Those that were made by somebody who asked, and are none of these ids.
    #[must_use]
    pub fn orphans(&self, known: &[String]) -> Vec<Live> {
        self.live().into_iter().filter(|client| !client.is_given && !known.contains(&client.id)).collect()
    }

    /// How many access tokens are good, those of the given clients left out.
    #[must_use]
    pub fn live_tokens(&self) -> usize {
        let state = self.lock();
        let is_given = |id: &str| state.clients.get(id).is_some_and(|client| client.is_given);
        state.tokens.values().filter(|token| state.is_good(token) && !is_given(&token.client)).count()
    }

    /// Whether a client gets a token with this secret.
    #[must_use]
    pub fn takes(&self, id: &str, secret: &str) -> bool {
        self.lock().clients.get(id).is_some_and(|client| client.deleted.is_none() && client.secret == secret)
    }

    /// Whether a text is a token that is good.
    #[must_use]
    pub fn knows(&self, token: &str) -> bool {
        let state = self.lock();
        state.tokens.get(token).is_some_and(|token| state.is_good(token))
    }

    /// Every secret and token that was ever shown, for whoever looks for leaks.
    #[must_use]
    pub fn issued(&self) -> Vec<String> {
        self.lock().issued.clone()
    }

    /// Removes a client as somebody does it in the web interface.
    pub fn remove(&self, id: &str) {
        self.lock().clients.remove(id);
    }

    /// Gives a client another secret, as somebody does it in the web interface.
    pub fn replace_secret(&self, id: &str) {
        if let Some(client) = self.lock().clients.get_mut(id) {
            client.secret = letters(43);
        }
    }

    /// Changes switches.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.lock().switches);
    }

    /// Lets calls go wrong.
    pub fn fail(&self, rule: Rule) {
        self.lock().faults.add(rule);
    }

    /// Lets none go wrong any more.
    pub fn heal(&self) {
        self.lock().faults.clear();
    }

    /// Stops the next call that fits at a stage, until the stop says how it goes on.
    #[must_use]
    pub fn stop_at(&self, stage: Stage, method: &str, path: &str) -> Stop {
        self.shared.stops.at(stage, method, path)
    }

    /// Turns its clock forward.
    pub fn advance(&self, millis: i64) {
        self.lock().ahead_millis += millis;
    }

    /// What has been asked since the last look, as `POST /api/v2/…`.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().asked)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

impl Shared {
    /// Nothing that is done under this lock is left half done by a panic.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Site for Shared {
    fn fault(&self, request: &Request) -> Option<Fault> {
        // What switches faults on can switch them off.
        if request.path.starts_with("/simulator/") { None } else { self.lock().faults.take(request) }
    }

    fn answer(&self, request: &Request, fault: Option<Fault>) -> Answer {
        let mut state = self.lock();
        if request.path.starts_with("/simulator/") {
            return state.control(request);
        }
        state.asked.push(format!("{} {}", request.method, request.path));
        match fault {
            Some(Fault::Status(status)) => documents::failing(status, request.path.starts_with("/oauth/")),
            fault => Answer { fault, ..state.call(request) },
        }
    }

    fn stops(&self) -> Option<&Stops> {
        Some(&self.stops)
    }
}

impl State {
    fn new(now: Option<i64>) -> Self {
        let all = ["oauth:client:view", "oauth:client:add", "oauth:client:edit", "oauth:client:delete"];
        let none = BTreeSet::new();
        let roles = [(ADMIN_ROLE, BTreeSet::from(all)), (ROLE, none.clone()), (FOREIGN_ROLE, none)];
        Self {
            now,
            ahead_millis: 0,
            switches: Switches::default(),
            roles: BTreeMap::from(roles),
            clients: BTreeMap::new(),
            tokens: BTreeMap::new(),
            issued: Vec::new(),
            faults: Faults::default(),
            calls: Minutes::default(),
            token_calls: Minutes::default(),
            asked: Vec::new(),
        }
    }

    /// Milliseconds since 1970.
    fn now(&self) -> i64 {
        self.now.map_or_else(machine_millis, |secs| secs * 1_000) + self.ahead_millis
    }

    fn is_good(&self, token: &Token) -> bool {
        let client = self.clients.get(&token.client).filter(|client| client.deleted.is_none());
        let ends_early = |client: &OAuthClient| match client.state {
            "disabled" => true,
            "inactive" => self.switches.inactive_ends_tokens,
            _ => false,
        };
        token.ends > self.now() && client.is_some_and(|client| !ends_early(client))
    }
}

/// A body as JSON; null when it is none.
fn json_of(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap_or_default()
}

#[cfg(test)]
mod tests;

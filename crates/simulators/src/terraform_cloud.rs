//! A stand-in for the API of HCP Terraform (Terraform Cloud), as far as it is about tokens: organizations, teams and users
//! with what each kind of token may, JSON:API documents and errors, expiry, rate limits, and 404 for what is forbidden.
//!
//! It speaks plain HTTP on this machine alone. It never shows a token's text after its creation, and tells whoever counts
//! which tokens are alive.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use serde_json::Value;

use crate::chance::letters;
use crate::clock::machine_millis;
use crate::faults::{Fault, Faults, Rule};
use crate::http::{Answer, Request, Server, Site};
use crate::limits::RateLimit;
use crate::stops::{Stage, Stop, Stops};
use documents::refusal;
use tokens::{Maker, Owner, Token};

mod api;
mod control;
mod documents;
mod tokens;

/// The user that is there from the start, an owner of [`ORGANIZATION`].
pub const USER: &str = "user-12345abcde";
/// A user of whom no token has been made yet.
pub const OTHER_USER: &str = "user-Other0000000001";
/// The organization that is there from the start.
pub const ORGANIZATION: &str = "example-org";
/// The team of its owners.
pub const OWNERS: &str = "team-Owners0000000001";
/// A team of the organization that may do nothing.
pub const TEAM: &str = "team-Deploy0000000001";
/// A team of the organization that may manage teams.
pub const MANAGERS: &str = "team-Manage0000000001";
/// How many calls each user has in a second (documented).
const CALLS_PER_SECOND: u32 = 30;

/// A running stand-in. It ends when this is dropped.
pub struct TerraformCloud {
    server: Server,
    shared: Arc<Shared>,
}

/// One with threads of its own, for who has no runtime. It ends when this is dropped.
pub struct Alone {
    /// The server; it goes first.
    pub server: TerraformCloud,
    _threads: tokio::runtime::Runtime,
}

impl Alone {
    /// Starts one on a free port, with the clock of this machine.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start() -> Result<Self> {
        let threads = tokio::runtime::Runtime::new()?;
        let server = threads.block_on(TerraformCloud::start(0, None))?;
        Ok(Self { server, _threads: threads })
    }
}

/// What may be known of a token: everything but its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Live {
    /// `at-` and 16 letters and digits.
    pub id: String,
    /// Whose it is: the name of an organization, or the id of a team or user.
    pub owner: String,
    /// `organization`, `team_legacy`, `team` or `user`.
    pub kind: &'static str,
    /// What its maker wrote.
    pub description: Option<String>,
    /// When it ends, milliseconds since 1970.
    pub expires: Option<i64>,
    /// Whether it was there before anybody asked for it.
    pub is_root: bool,
}

/// Whose token the other side is given to begin with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Root {
    /// Of [`USER`], an owner.
    User,
    /// Of [`ORGANIZATION`].
    Organization,
    /// Of [`OWNERS`].
    Owners,
    /// Of [`MANAGERS`].
    Managers,
    /// Of [`TEAM`].
    Team,
}

/// What comes of tokens that ask for a longer life than the organization's policy allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PolicyEffect {
    /// They get the longest that is allowed.
    #[default]
    Clamps,
    /// They are not made.
    Refuses,
}

#[derive(Default)]
struct Organization {
    external_id: String,
    owners: BTreeSet<String>,
    has_user_tokens: bool,
    /// The longest life by type of token, in milliseconds.
    ttl_policies: BTreeMap<String, i64>,
}

struct Team {
    name: String,
    organization: String,
    is_owners: bool,
    may_manage_teams: bool,
}

struct State {
    /// Seconds since 1970; `None` for those of this machine.
    now: Option<i64>,
    /// How far its clock is ahead, in seconds.
    ahead_secs: i64,
    organizations: BTreeMap<String, Organization>,
    teams: BTreeMap<String, Team>,
    users: BTreeMap<String, String>,
    tokens: BTreeMap<String, Token>,
    policy_effect: PolicyEffect,
    faults: Faults,
    limit: RateLimit,
    asked: Vec<String>,
}

struct Shared {
    state: Mutex<State>,
    stops: Stops,
}

impl TerraformCloud {
    /// Starts one on a port of this machine, 0 for a free one, with the clock at `now` (seconds since 1970) or that of this
    /// machine. With a clock of its own it has no rate limit.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(port: u16, now: Option<i64>) -> Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::new(State::new(now)), stops: Stops::default() });
        let server = Server::start(port, None, Arc::clone(&shared)).await?;
        Ok(Self { server, shared })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// A token to begin with, that never ends.
    #[must_use]
    pub fn root(&self, of: Root) -> String {
        self.root_called(of, &tokens::text())
    }

    /// The same with a text that somebody has chosen.
    #[must_use]
    pub fn root_called(&self, of: Root, text: &str) -> String {
        let owner = match of {
            Root::User => Owner::User(USER.to_owned()),
            Root::Organization => Owner::Organization(ORGANIZATION.to_owned()),
            Root::Owners => Owner::Team(OWNERS.to_owned()),
            Root::Managers => Owner::Team(MANAGERS.to_owned()),
            Root::Team => Owner::Team(TEAM.to_owned()),
        };
        let mut state = self.lock();
        let description = matches!(of, Root::User | Root::Owners | Root::Managers | Root::Team);
        let maker = Maker { description: description.then(|| "by hand".to_owned()), expires: None, by: None };
        let id = state.mint(owner, maker);
        if let Some(token) = state.tokens.get_mut(&id) {
            (token.is_root, token.text) = (true, text.to_owned());
        }
        text.to_owned()
    }

    /// The tokens that are alive, without their texts.
    #[must_use]
    pub fn live(&self) -> Vec<Live> {
        let state = self.lock();
        let now = state.now();
        state.tokens.iter().filter(|(_, token)| token.is_live(now)).map(|(id, token)| token.shown(id)).collect()
    }

    /// Those that are alive, were made by somebody who asked, and are none of these ids.
    #[must_use]
    pub fn orphans(&self, known: &[String]) -> Vec<Live> {
        self.live().into_iter().filter(|token| !token.is_root && !known.contains(&token.id)).collect()
    }

    /// Whether this text is a token that is alive.
    #[must_use]
    pub fn knows(&self, text: &str) -> bool {
        let state = self.lock();
        state.tokens.values().any(|token| token.text == text && token.is_live(state.now()))
    }

    /// Whether this text was ever a token's, for whoever looks for leaks.
    #[must_use]
    pub fn issued(&self) -> Vec<String> {
        self.lock().tokens.values().map(|token| token.text.clone()).collect()
    }

    /// Ends a token as somebody does it in the web interface.
    pub fn remove(&self, id: &str) {
        if let Some(token) = self.lock().tokens.get_mut(id) {
            token.is_gone = true;
        }
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

    /// How many calls each user has in a second; `None` for as many as they like.
    pub fn limit(&self, per_second: Option<u32>) {
        self.lock().limit.per_second = per_second;
    }

    /// The longest life that the organization gives tokens of a type (`organization`, `team`, `user`), and what comes of
    /// those that ask for more.
    pub fn limit_lives(&self, token_type: &str, millis: i64, effect: PolicyEffect) {
        let mut state = self.lock();
        state.policy_effect = effect;
        if let Some(organization) = state.organizations.get_mut(ORGANIZATION) {
            organization.ttl_policies.insert(token_type.to_owned(), millis);
        }
    }

    /// Turns its clock forward.
    pub fn advance(&self, secs: i64) {
        self.lock().ahead_secs += secs;
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
            Some(Fault::Status(status)) => state.failing(status),
            fault => Answer { fault, ..state.call(request) },
        }
    }

    fn stops(&self) -> Option<&Stops> {
        Some(&self.stops)
    }
}

impl State {
    fn new(now: Option<i64>) -> Self {
        let team = |name: &str, is_owners, may_manage_teams| Team {
            name: name.to_owned(),
            organization: ORGANIZATION.to_owned(),
            is_owners,
            may_manage_teams,
        };
        let organization = Organization {
            external_id: format!("org-{}", letters(16)),
            owners: BTreeSet::from([USER.to_owned()]),
            has_user_tokens: true,
            ttl_policies: BTreeMap::new(),
        };
        Self {
            now,
            ahead_secs: 0,
            organizations: BTreeMap::from([(ORGANIZATION.to_owned(), organization)]),
            teams: BTreeMap::from([
                (OWNERS.to_owned(), team("owners", true, true)),
                (MANAGERS.to_owned(), team("managers", false, true)),
                (TEAM.to_owned(), team("deploy", false, false)),
            ]),
            users: BTreeMap::from([
                (USER.to_owned(), "robot".to_owned()),
                (OTHER_USER.to_owned(), "somebody".to_owned()),
            ]),
            tokens: BTreeMap::new(),
            policy_effect: PolicyEffect::default(),
            faults: Faults::default(),
            limit: RateLimit::new(now.is_none().then_some(CALLS_PER_SECOND)),
            asked: Vec::new(),
        }
    }

    /// Milliseconds since 1970.
    fn now(&self) -> i64 {
        self.now.map_or_else(machine_millis, |secs| secs * 1_000) + self.ahead_secs * 1_000
    }

    /// How the API fails when it is told to.
    fn failing(&self, status: u16) -> Answer {
        let (title, detail) = match status {
            401 => ("unauthorized", None),
            404 => ("not found", None),
            429 => return documents::too_many(self.limit.per_second.unwrap_or(CALLS_PER_SECOND), 0.05),
            500.. => ("internal server error", Some("something went wrong on our side")),
            _ => ("refused", None),
        };
        refusal(status, title, detail)
    }
}

/// A body as JSON; null when it is none.
fn json_of(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap_or_default()
}

#[cfg(test)]
mod tests;

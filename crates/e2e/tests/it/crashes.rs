//! The server killed at each named step of a call that makes or ends something outside, again and again over one store.
//!
//! The stand-in outside says how far a call has come and waits there; what lies between its answer and the reply is told
//! apart by the write that the commit is. So each kill comes exactly where it is meant to, and no build of the
//! server knows of it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::deadline::Deadline;
use e2e::http::Client;
use e2e::interpose::{Death, Interposed};
use e2e::operator::{self, Keys};
use e2e::server::{Home, Server, Tls};
use serde_json::Value;
use simulators::{Stage, Stop};

/// How often the server is killed at each step; fewer for a quick look.
const CRASHES_VARIABLE: &str = "STRONGROOM_E2E_CRASHES";
const CRASHES: usize = 50;
/// How long a call may take to come to its step, and a state to come about.
const PATIENCE: Duration = Duration::from_secs(60);
/// How far the clock of the last server is ahead: the sweeper takes intents after two minutes.
const AHEAD_SECS: u64 = 130;

/// Where the server dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// What is intended is stored, and nobody outside has heard of it.
    Intended,
    /// The request is outside, which carries it out after the server's death.
    Sent,
    /// The answer has arrived, and nothing has been done with it.
    Answered,
    /// The commit is about to be written.
    BeforeCommit,
    /// The commit is written, and nobody has been told.
    BehindCommit,
}

impl Step {
    pub const ALL: [Self; 5] = [Self::Intended, Self::Sent, Self::Answered, Self::BeforeCommit, Self::BehindCommit];
}

/// A stand-in whose calls can be stopped: the stage, the method, and a part of the path.
pub type StopAt<'a> = &'a dyn Fn(Stage, &str, &str) -> Stop;

/// One request to the server, and the call outside that it dies at.
pub struct Call<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub body: Option<Value>,
    /// Method and a part of the path of the call outside.
    pub outside: (&'a str, &'a str),
}

/// One store, and its servers one after the other.
pub struct Victim {
    pub server: Server,
    pub keys: Keys,
    home: Home,
    interposed: Interposed,
}

/// How often each step is taken.
pub fn crashes() -> Result<usize> {
    let read = |text: String| text.parse().with_context(|| format!("reading {CRASHES_VARIABLE}"));
    std::env::var(CRASHES_VARIABLE).map_or(Ok(CRASHES), read)
}

impl Victim {
    /// A fresh store with an unsealed server. `None` where the library cannot be built.
    pub fn start() -> Result<Option<Self>> {
        let mut home = Home::new(Tls::Off)?;
        let Some(interposed) = Interposed::build(home.path())? else { return Ok(None) };
        home.start_through(interposed.program(0));
        let server = home.start()?;
        let keys = operator::initialize(&mut server.client())?;
        operator::unseal(&mut server.client(), &keys)?;
        Ok(Some(Self { server, keys, home, interposed }))
    }

    pub fn client(&self) -> Client {
        self.server.client().with_token(&self.keys.root_token)
    }

    /// Makes a call, kills the server at a step of it, and starts the next one.
    pub fn die_at(&mut self, step: Step, call: &Call<'_>, stop_at: StopAt<'_>) -> Result<()> {
        self.try_to_die(step, call, stop_at)
            .with_context(|| format!("{step:?} of {} {}", call.method, call.path))
            .with_context(|| self.server.process.output())?;
        self.restart()
    }

    fn try_to_die(&mut self, step: Step, call: &Call<'_>, stop_at: StopAt<'_>) -> Result<()> {
        let (method, path) = call.outside;
        let stage = if matches!(step, Step::Intended | Step::Sent) { Stage::Received } else { Stage::Done };
        let stop = stop_at(stage, method, path);
        let asking = self.ask(call);
        ensure!(stop.is_reached(PATIENCE), "the call does not come to its step");
        match step {
            Step::Intended => {
                self.server.process.kill()?;
                drop(stop);
            }
            Step::Sent => {
                let done = stop_at(Stage::Done, method, path);
                self.server.process.kill()?;
                stop.go_on();
                ensure!(done.is_reached(PATIENCE), "it is carried out all the same");
                done.go_on();
            }
            Step::Answered => {
                self.server.process.signal("STOP")?;
                let answered = stop_at(Stage::Answered, method, path);
                stop.go_on();
                ensure!(answered.is_reached(PATIENCE), "the answer is not sent");
                self.server.process.kill()?;
                answered.go_on();
            }
            Step::BeforeCommit | Step::BehindCommit => {
                let death = if step == Step::BeforeCommit { Death::BeforeWrite } else { Death::BehindSync };
                self.interposed.decide(death)?;
                stop.go_on();
                let died = self.server.process.wait_for_exit(PATIENCE)?;
                self.interposed.decide(Death::Never)?;
                ensure!(died.is_some(), "nothing was written");
            }
        }
        // Whoever asked has lost the connection, and nobody an answer.
        ensure!(asking.join().ok().context("the client ends")?.is_err(), "the server has answered");
        Ok(())
    }

    fn ask(&self, call: &Call<'_>) -> std::thread::JoinHandle<Result<()>> {
        let (address, token): (SocketAddr, String) = (self.server.address, self.keys.root_token.clone());
        let (method, path, body) = (call.method.to_owned(), format!("/v1/{}", call.path), call.body.clone());
        std::thread::spawn(move || {
            Client::new(address).with_token(&token).request(&method, &path, body.as_ref()).map(drop)
        })
    }

    fn restart(&mut self) -> Result<()> {
        self.server = self.home.start()?;
        operator::unseal(&mut self.server.client(), &self.keys)
    }

    /// The next server, some minutes later: what was intended and not done is swept.
    pub fn restart_later(&mut self) -> Result<()> {
        self.server.process.kill()?;
        self.home.start_through(self.interposed.program(AHEAD_SECS));
        self.restart()
    }

    /// How many leases and intents lie below a folder of paths.
    pub fn leases(&self, folder: &str) -> Result<usize> {
        let reply = self.client().request("LIST", &format!("/v1/sys/leases/lookup/{folder}"), None)?;
        if reply.status == 404 {
            return Ok(0);
        }
        let keys = reply.json()?.pointer("/data/keys").and_then(Value::as_array).map(Vec::len);
        keys.with_context(|| format!("no keys in {}", reply.text()))
    }

    /// Waits for a state of the world.
    pub fn wait_until(&self, what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
        let deadline = Deadline::after(PATIENCE);
        while !is_so()? {
            ensure!(!deadline.has_passed(), "{what} does not come about:\n{}", self.server.process.output());
            std::thread::yield_now();
        }
        Ok(())
    }
}

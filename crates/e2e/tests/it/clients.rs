//! The behaviors of `docs/clients.md` through each foreign client, and the proof that each suite can fail.
//!
//! One list for all: the page says which client has which behavior, the suites must have exactly these, and
//! [`faults::FAULTS`] breaks every one of them in front of every client that has it.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use e2e::binary;
use e2e::fault::Fault;
use e2e::operator;
use e2e::proxy::Proxy;
use e2e::server::{Home, Server, Tls};
use e2e::skip;
use e2e::suite::{self, Access, CLIENTS, Client, Outcome, Suite, Trial};

mod faults;
mod page;

use faults::FAULTS;

/// Behaviors that begin with a server of their own, which nobody has initialized.
const OF_A_NEW_SERVER: &[&str] = &["initialize_and_unseal", "sealed_is_down", "generate_root", "rekey", OF_TLS];
/// The one whose fault is a server that the client has no reason to trust.
const OF_TLS: &str = "tls_with_own_authority";

#[test]
fn hvac_finds_every_behavior() -> Result<()> {
    finds_every_behavior(Client::Hvac)
}

#[test]
fn node_vault_finds_every_behavior() -> Result<()> {
    finds_every_behavior(Client::NodeVault)
}

#[test]
fn vaultrs_finds_every_behavior() -> Result<()> {
    finds_every_behavior(Client::Vaultrs)
}

#[test]
fn go_finds_every_behavior() -> Result<()> {
    finds_every_behavior(Client::Go)
}

#[test]
fn hvac_notices_every_fault() -> Result<()> {
    notices_every_fault(Client::Hvac)
}

#[test]
fn node_vault_notices_every_fault() -> Result<()> {
    notices_every_fault(Client::NodeVault)
}

#[test]
fn vaultrs_notices_every_fault() -> Result<()> {
    notices_every_fault(Client::Vaultrs)
}

#[test]
fn go_notices_every_fault() -> Result<()> {
    notices_every_fault(Client::Go)
}

#[test]
fn every_behavior_of_every_client_has_a_fault_that_breaks_it() -> Result<()> {
    for behavior in page::behaviors()? {
        for client in behavior.clients {
            let broken = FAULTS.iter().any(|known| known.behavior == behavior.name && known.hits(client));
            ensure!(broken || behavior.name == OF_TLS, "nothing breaks {} for {client}", behavior.name);
        }
    }
    Ok(())
}

#[test]
fn every_fault_breaks_a_behavior_that_its_clients_have() -> Result<()> {
    let behaviors = page::behaviors()?;
    for known in FAULTS {
        let behavior = behaviors.iter().find(|behavior| behavior.name == known.behavior);
        let behavior = behavior.with_context(|| format!("{} is not on the page", known.behavior))?;
        let named = CLIENTS.into_iter().filter(|&client| known.hits(client));
        let strays: Vec<Client> = named.filter(|client| !behavior.clients.contains(client)).collect();
        ensure!(strays.is_empty() || known.clients.is_empty(), "{known:?} is for {strays:?}, which do not have it");
    }
    Ok(())
}

#[test]
fn the_page_names_the_versions_that_are_pinned() -> Result<()> {
    for (client, file, pin) in [
        (Client::Hvac, "crates/e2e/python/requirements.txt", "hvac=={}"),
        (Client::NodeVault, "crates/e2e/node/package.json", "\"node-vault\": \"{}\""),
        (Client::Vaultrs, "Cargo.toml", "vaultrs = { version = \"{}\""),
        (Client::Go, "crates/e2e/go/go.mod", "github.com/hashicorp/vault/api v{}"),
    ] {
        let wanted = pin.replace("{}", &page::version(client)?);
        let text =
            std::fs::read_to_string(binary::workspace().join(file)).with_context(|| format!("reading {file}"))?;
        ensure!(text.contains(&wanted), "{wanted} is not in {file}");
    }
    Ok(())
}

/// Runs the whole suite, and prints its sum for the gate to count.
fn finds_every_behavior(client: Client) -> Result<()> {
    let Some(suite) = installed(client) else { return Ok(()) };
    let names = suite.behaviors()?;
    let promised: BTreeSet<String> = page::names(client)?.into_iter().collect();
    let tested: BTreeSet<String> = names.iter().cloned().collect();
    ensure!(promised == tested, "docs/clients.md promises {promised:?}, and tested are {tested:?}");

    let (server, access) = running()?;
    let authority = Home::new(Tls::On)?;
    let access = Access { authorities: Some(authority.authority()), ..access };
    let mut new_servers = Vec::new();
    let mut trials = Vec::new();
    for name in names {
        let url = if OF_A_NEW_SERVER.contains(&name.as_str()) {
            let home = Home::new(Tls::On)?;
            home.use_certificates_of(&authority)?;
            let new = home.start()?;
            let url = new.url();
            new_servers.push((new, home));
            url
        } else {
            server.url()
        };
        trials.push(Trial { behavior: name, url });
    }
    let outcomes = suite.run(&trials, &access)?;
    let failures: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.why.is_some()).collect();
    suite::report(client, &outcomes);
    ensure!(failures.is_empty(), "{failures:#?}\nserver:\n{}", server.process.output());
    Ok(())
}

/// Runs each behavior through a proxy that breaks nothing, where it must be found, and through one for each fault that
/// should break it: the fault is then what makes the difference. All in one run of the suite.
fn notices_every_fault(client: Client) -> Result<()> {
    let Some(suite) = installed(client) else { return Ok(()) };
    let (server, access) = running()?;
    let mut lineup = Lineup::before(server.address);
    for name in page::names(client)?.iter().filter(|name| *name != OF_TLS) {
        lineup.add(name, None)?;
        for known in FAULTS.iter().filter(|known| known.behavior == name && known.hits(client)) {
            lineup.add(name, Some(known.fault))?;
        }
    }
    let outcomes = suite.run(&lineup.trials, &access)?;
    let wrong: Vec<String> = lineup.faults.iter().zip(&outcomes).filter_map(surprise).collect();
    ensure!(wrong.is_empty(), "{client}: {wrong:#?}");
    refuses_an_unknown_authority(&suite)
}

/// What is wrong when a trial had this fault, or none, and this outcome.
fn surprise((fault, outcome): (&Option<Fault>, &Outcome)) -> Option<String> {
    let Outcome { behavior, why } = outcome;
    match (fault, why) {
        (None, Some(why)) => Some(format!("{behavior} fails without any fault: {why}")),
        (Some(fault), None) => Some(format!("{behavior} did not notice {fault:?}")),
        _ => None,
    }
}

/// The fault that no proxy can make: a certificate of somebody else's authority.
fn refuses_an_unknown_authority(suite: &Suite) -> Result<()> {
    let (stranger, other) = (Home::new(Tls::On)?, Home::new(Tls::On)?);
    let untrusted = stranger.start()?;
    let access = Access { authorities: Some(other.authority()), ..Access::default() };
    let outcomes = suite.run(&[Trial { behavior: OF_TLS.to_owned(), url: untrusted.url() }], &access)?;
    ensure!(outcomes.iter().all(|outcome| outcome.why.is_some()), "a foreign certificate was accepted");
    Ok(())
}

/// Trials with a proxy each, and what has to live as long as they run.
struct Lineup {
    /// The server in operation.
    server: SocketAddr,
    trials: Vec<Trial>,
    /// What each of them has to put up with.
    faults: Vec<Option<Fault>>,
    proxies: Vec<Proxy>,
    new_servers: Vec<(Server, Home)>,
}

impl Lineup {
    fn before(server: SocketAddr) -> Self {
        Self { server, trials: Vec::new(), faults: Vec::new(), proxies: Vec::new(), new_servers: Vec::new() }
    }

    fn add(&mut self, behavior: &str, fault: Option<Fault>) -> Result<()> {
        let mut server = self.server;
        if OF_A_NEW_SERVER.contains(&behavior) {
            let home = Home::new(Tls::Off)?;
            let new = home.start()?;
            server = new.address;
            self.new_servers.push((new, home));
        }
        let proxy = Proxy::start(server, fault)?;
        self.trials.push(Trial { behavior: behavior.to_owned(), url: proxy.url() });
        self.faults.push(fault);
        self.proxies.push(proxy);
        Ok(())
    }
}

/// The suite; nothing, and a line for the gate, when the client is not installed.
fn installed(client: Client) -> Option<Suite> {
    let found = Suite::find(client, env!("CARGO_BIN_EXE_vaultrs-suite"));
    found.map_err(|why| skip(&client.to_string(), &format!("{why:#}"))).ok()
}

/// A server in operation, over plain HTTP.
fn running() -> Result<(InOperation, Access)> {
    let home = Home::new(Tls::Off)?;
    let server = home.start()?;
    let mut client = server.client();
    let keys = operator::initialize(&mut client)?;
    operator::unseal(&mut client, &keys)?;
    Ok((InOperation { server, _home: home }, Access { root_token: keys.root_token, ..Access::default() }))
}

/// A server, and its folder for as long.
struct InOperation {
    server: Server,
    _home: Home,
}

impl std::ops::Deref for InOperation {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

//! A home for a server (its configuration, store and certificates in a temporary folder), and the server running in it.
//!
//! A home outlives its servers, so that a test can kill one and start the next on the same store.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::http::Client;
use crate::process::Process;

/// How long a server may take from its start to its first answer, at most, on a busy machine.
pub const START_MAX: Duration = Duration::from_secs(60);
/// How often a start is repeated because somebody else took the free port in between.
const STARTS_MAX: usize = 8;

/// Whether the listener speaks TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tls {
    /// HTTPS with a certificate of our own.
    On,
    /// Plain HTTP.
    Off,
}

/// A temporary folder with everything that a server keeps.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    tls: Tls,
    /// Stanzas and keys behind those that every server has.
    settings: String,
    /// A program, with its arguments, that the server is started through.
    through: Vec<String>,
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// The child process.
    pub process: Process,
    tls: Tls,
}

impl Home {
    /// A new, empty home.
    ///
    /// # Errors
    /// When the folder or the certificates cannot be made.
    pub fn new(tls: Tls) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("strongroom-e2e-").tempdir()?;
        let home = Self { folder, tls, settings: String::new(), through: Vec::new() };
        if tls == Tls::On {
            home.write_certificates()?;
        }
        Ok(home)
    }

    /// Adds this text to the configuration of the servers that are started from now on.
    pub fn configure(&mut self, settings: &str) {
        self.settings = settings.to_owned();
    }

    /// Starts servers through this program from now on, which must become the server itself (`exec`).
    pub fn start_through(&mut self, program: Vec<String>) {
        self.through = program;
    }

    /// The folder itself, which also serves as `HOME` of the processes in it.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the embedded store.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// The certificate authority that clients should trust.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.path().join("ca.pem")
    }

    /// Starts a server and waits for its first answer.
    ///
    /// # Errors
    /// When it ends early or does not answer; the message holds its log.
    pub fn start(&self) -> Result<Server> {
        self.start_with(&[])
    }

    /// The same in recovery mode.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_in_recovery(&self) -> Result<Server> {
        self.start_with(&["-recovery"])
    }

    fn start_with(&self, flags: &[&str]) -> Result<Server> {
        let mut last = None;
        for _ in 0..STARTS_MAX {
            let mut server = self.spawn_with(flags)?;
            match server.wait_until_it_answers() {
                Ok(()) => return Ok(server),
                Err(error) if server.lost_its_port() => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.context("no start was tried")?)
    }

    /// Starts a server and does not wait for anything.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn spawn(&self) -> Result<Server> {
        self.spawn_with(&[])
    }

    /// Writes the configuration of a server that would listen there, for whoever starts it otherwise.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_configuration(&self, address: SocketAddr) -> Result<PathBuf> {
        let configuration = self.path().join("strongroom.hcl");
        std::fs::write(&configuration, self.configuration(address)).context("writing the configuration")?;
        Ok(configuration)
    }

    /// Starts a server with these flags and does not wait for anything.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    pub fn spawn_with(&self, flags: &[&str]) -> Result<Server> {
        let address = free_address()?;
        let configuration = self.write_configuration(address)?;
        let binary = crate::binary::find()?;
        let mut command = match self.through.split_first() {
            None => Command::new(binary),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(binary);
                command
            }
        };
        command.arg("server").args(flags).arg(format!("-config={}", configuration.display()));
        without_settings(&mut command).env("HOME", self.path()).current_dir(self.path());
        Ok(Server { address, process: Process::start(&mut command)?, tls: self.tls })
    }

    fn configuration(&self, address: SocketAddr) -> String {
        let folder = self.path().display();
        let (scheme, listener) = match self.tls {
            Tls::Off => ("http", "  tls_disable = true\n".to_owned()),
            Tls::On => {
                ("https", format!("  tls_cert_file = \"{folder}/cert.pem\"\n  tls_key_file = \"{folder}/key.pem\"\n"))
            }
        };
        format!(
            "storage \"embedded\" {{\n  path = \"{folder}/data\"\n}}\n\n\
             listener \"tcp\" {{\n  address = \"{address}\"\n{listener}}}\n\n\
             api_addr = \"{scheme}://{address}\"\n{}",
            self.settings
        )
    }

    /// Writes a new certificate authority and a certificate under it, in place of the old ones: two, because strict
    /// clients refuse one that is both.
    ///
    /// # Errors
    /// When they cannot be made or written.
    pub fn write_certificates(&self) -> Result<()> {
        use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "end-to-end test authority");
        let authority_key = KeyPair::generate()?;
        let trusted = authority.self_signed(&authority_key)?;
        let leaf = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        let leaf_key = KeyPair::generate()?;
        let certificate = leaf.signed_by(&leaf_key, &Issuer::new(authority, authority_key))?;
        std::fs::write(self.authority(), trusted.pem())?;
        std::fs::write(self.path().join("cert.pem"), certificate.pem())?;
        std::fs::write(self.path().join("key.pem"), leaf_key.serialize_pem())?;
        Ok(())
    }

    /// Takes over the certificates of another home, so that one authority is enough for the clients of both.
    ///
    /// # Errors
    /// When they cannot be copied.
    pub fn use_certificates_of(&self, other: &Self) -> Result<()> {
        for name in ["ca.pem", "cert.pem", "key.pem"] {
            std::fs::copy(other.path().join(name), self.path().join(name))
                .with_context(|| format!("copying {name}"))?;
        }
        Ok(())
    }
}

impl Server {
    /// The address as clients write it.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls == Tls::On { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// A client of the plain listener.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Waits for the first answer of any status. Over TLS it waits for the open port: the handshake waits by itself.
    ///
    /// # Errors
    /// When the process ends first, or [`START_MAX`] passes.
    pub fn wait_until_it_answers(&mut self) -> Result<()> {
        let (address, tls) = (self.address, self.tls);
        self.process.wait_until("first answer", START_MAX, |_| match tls {
            Tls::On => TcpStream::connect(address).ok().map(drop),
            Tls::Off => Client::new(address).request("GET", "/v1/sys/health", None).ok().map(drop),
        })
    }

    /// Whether it ended because its port was taken between our look and its own.
    #[must_use]
    pub fn lost_its_port(&self) -> bool {
        self.process.output().to_ascii_lowercase().contains("in use")
    }
}

/// A loopback address that nobody listens on now.
///
/// # Errors
/// When the machine has no free port.
pub fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    let address = listener.local_addr()?;
    if address.port() == 0 {
        bail!("the machine gave port 0");
    }
    Ok(address)
}

/// Takes away what the developer's shell says to Vault clients, and any proxy.
pub fn without_settings(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_ascii_uppercase();
        if ["VAULT_", "BAO_", "STRONGROOM_"].iter().any(|start| text.starts_with(start)) || text.ends_with("_PROXY") {
            command.env_remove(&name);
        }
    }
    command
}

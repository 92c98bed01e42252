//! The servers that take turns: the bare one and ours, plain and over TLS, on the cores that the subject gives them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use e2e::http::Client;
use e2e::operator::{self, Keys};
use e2e::process::Process;
use e2e::server::{Home, Server, Tls, free_address};
use serde_json::json;

use crate::cores::Cores;
use crate::plan::Plan;
use crate::wrk::Load;
use crate::{now, rest};

/// How many files a server may have open: one a connection.
const FILES_MAX: u32 = 16_384;
/// How long a server may take to listen.
const START_MAX: Duration = Duration::from_secs(10);
/// How often a server that starts is asked whether it is there: often, for that is what is measured.
const LOOK_AGAIN: Duration = Duration::from_micros(200);
/// How often a start is repeated because somebody else took the free port in between.
const STARTS_MAX: usize = 8;

/// hyper alone.
pub struct Bare {
    /// Where it listens.
    pub address: SocketAddr,
    /// The child process.
    pub process: Process,
}

impl Bare {
    /// Starts one, with the certificate of `home` if that has one.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(home: &Home, tls: Tls, cores: Cores) -> Result<Self> {
        let address = free_address()?;
        let mut command = cores.command();
        command.arg(beside_us("bare")?).arg(address.to_string());
        if tls == Tls::On {
            command.arg(home.path().join("cert.pem")).arg(home.path().join("key.pem"));
        }
        let mut process = Process::start(&mut command)?;
        process.wait_until("an open port", START_MAX, |_| std::net::TcpStream::connect(address).ok())?;
        Ok(Self { address, process })
    }

    /// Reads of a path, for the plan's time, from the load's core.
    #[must_use]
    pub fn load(&self, path: &str, connections: usize, plan: &Plan) -> Load {
        Load {
            scheme: "http",
            address: self.address,
            path: path.to_owned(),
            // As long as a real one: it is parsed like any header.
            token: Some("hvs.".to_owned() + &"a".repeat(24)),
            connections,
            time: plan.time,
            cores: Cores::Load,
            script: None,
        }
    }
}

/// A program that was built together with this one.
pub(crate) fn beside_us(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    ensure!(path.is_file(), "{} is missing: build the crate whole", path.display());
    Ok(path)
}

/// Ours, unsealed, with a mount, a secret, and a token whose policy has ten rules.
pub struct Ours {
    /// Its folder.
    pub home: Home,
    /// The process.
    pub server: Server,
    /// Where it listens without TLS.
    pub plain: SocketAddr,
    /// Opens it again after a restart.
    pub keys: Keys,
    /// The token of the load.
    pub token: String,
}

impl Ours {
    /// Starts one on these cores, initializes and unseals it; over TLS there is a plain listener
    /// beside it for that.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(tls: Tls, cores: Cores) -> Result<Self> {
        let mut home = Home::new(tls)?;
        home.start_through(through(cores));
        let plain = (tls == Tls::On).then(free_address).transpose()?;
        let mut settings = format!("audit_dirs = [{:?}]\n", home.path());
        if let Some(plain) = plain {
            settings += &format!("listener \"tcp\" {{\n  address = \"{plain}\"\n  tls_disable = true\n}}\n");
        }
        home.configure(&settings);
        let server = home.start()?;
        let plain = plain.unwrap_or(server.address);
        let mut client = Client::new(plain);
        let keys = operator::initialize(&mut client)?;
        operator::unseal(&mut client, &keys)?;
        let token = prepare(&mut client.with_token(&keys.root_token))?;
        Ok(Self { home, server, plain, keys, token })
    }

    /// A client of the plain listener, with the token of the load.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.plain).with_token(&self.token)
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.server.process.id()
    }

    /// Reads of a path with the token of the load, for the plan's time, from the load's core.
    #[must_use]
    pub fn load(&self, path: &str, connections: usize, plan: &Plan) -> Load {
        Load {
            scheme: "http",
            address: self.plain,
            path: path.to_owned(),
            token: Some(self.token.clone()),
            connections,
            time: plan.time,
            cores: Cores::Load,
            script: None,
        }
    }

    /// One such read as bytes on the wire, for [`crate::arrivals`].
    #[must_use]
    pub fn request(&self, path: &str) -> Bytes {
        let Self { plain, token, .. } = self;
        format!("GET {path} HTTP/1.1\r\nHost: {plain}\r\nX-Vault-Token: {token}\r\n\r\n").into()
    }

    /// Kills the server and starts it again on the same store; how long the first answer and the unsealing took, each
    /// from the start.
    ///
    /// # Errors
    /// When it does not come back.
    pub fn restart(&mut self) -> Result<(Duration, Duration)> {
        self.server.process.kill()?;
        for _ in 0..STARTS_MAX {
            let start = now();
            self.server = self.home.spawn()?;
            self.plain = self.server.address;
            if let Some(answered) = self.first_answer(start)? {
                operator::unseal(&mut Client::new(self.plain), &self.keys)?;
                return Ok((answered, start.elapsed()));
            }
        }
        bail!("the server found no free port")
    }

    /// How long the first answer took; none when the server ended because its port was taken.
    fn first_answer(&mut self, start: Instant) -> Result<Option<Duration>> {
        while start.elapsed() < START_MAX {
            if Client::new(self.plain).request("GET", "/v1/sys/health", None).is_ok() {
                return Ok(Some(start.elapsed()));
            }
            if let Some(status) = self.server.process.wait_for_exit(Duration::ZERO)? {
                ensure!(self.server.lost_its_port(), "ended ({status}):\n{}", self.server.process.output());
                return Ok(None);
            }
            rest(LOOK_AGAIN);
        }
        bail!("no answer within {START_MAX:?}:\n{}", self.server.process.output())
    }
}

fn through(cores: Cores) -> Vec<String> {
    ["prlimit", &format!("--nofile={FILES_MAX}"), "taskset", "-c", cores.list()].map(str::to_owned).to_vec()
}

/// A mount, a secret, and a service token whose policy has ten rules.
fn prepare(root: &mut Client) -> Result<String> {
    root.expect(204, "POST", "/v1/sys/mounts/kv", Some(&json!({"type": "kv", "options": {"version": "2"}})))?;
    let secret = json!({"data": {"user": "shop", "password": "correct horse battery staple"}});
    root.expect(200, "PUT", "/v1/kv/data/app/read", Some(&secret))?;
    let all = "[\"create\", \"read\", \"update\", \"list\"]";
    let mut rules = format!("path \"kv/data/app/*\" {{ capabilities = {all} }}\n");
    rules += &format!("path \"kv/metadata/app/*\" {{ capabilities = {all} }}\n");
    for number in 2..10 {
        rules += &format!("path \"other/{number}/+/x/*\" {{ capabilities = [\"read\"] }}\n");
    }
    root.expect(204, "PUT", "/v1/sys/policies/acl/app", Some(&json!({"policy": rules})))?;
    let token =
        root.expect(200, "POST", "/v1/auth/token/create", Some(&json!({"policies": ["app"], "ttl": "100h"})))?;
    operator::text(&token.json()?, "/auth/client_token").context("making the token of the load")
}

//! The servers that take turns: the bare one and ours, plain and over TLS, each on core 0.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::http::Client;
use e2e::operator::{self, Keys};
use e2e::process::Process;
use e2e::server::{Home, Server, Tls, free_address};
use serde_json::json;

use crate::now;

/// The core that the servers have; the load comes from the other one.
const SERVER_CORE: &str = "0";
/// How many files a server may have open: one a connection.
const FILES_MAX: u32 = 16_384;
/// How long a bare server may take to listen.
const START_MAX: Duration = Duration::from_secs(10);

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
    pub fn start(home: &Home, tls: Tls) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new("taskset");
        command.args(["-c", SERVER_CORE]).arg(beside_us("bare")?).arg(address.to_string());
        if tls == Tls::On {
            command.arg(home.path().join("cert.pem")).arg(home.path().join("key.pem"));
        }
        let mut process = Process::start(&mut command)?;
        process.wait_until("an open port", START_MAX, |_| std::net::TcpStream::connect(address).ok())?;
        Ok(Self { address, process })
    }
}

/// A program that was built together with this one.
fn beside_us(name: &str) -> Result<PathBuf> {
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
    plain: SocketAddr,
    /// Opens it again after a restart.
    pub keys: Keys,
    /// The token of the load.
    pub token: String,
}

impl Ours {
    /// Starts one on the servers' core, initializes and unseals it; over TLS there is a plain listener
    /// beside it for that.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(tls: Tls) -> Result<Self> {
        let mut home = Home::new(tls)?;
        home.start_through(through());
        let plain = (tls == Tls::On).then(free_address).transpose()?;
        if let Some(plain) = plain {
            home.configure(&format!("listener \"tcp\" {{\n  address = \"{plain}\"\n  tls_disable = true\n}}\n"));
        }
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

    /// Kills the server and starts it again on the same store; how long the first answer and the unsealing took, each
    /// from the start.
    ///
    /// # Errors
    /// When it does not come back.
    pub fn restart(&mut self) -> Result<(Duration, Duration)> {
        self.server.process.kill()?;
        let start = now();
        self.server = self.home.start()?;
        self.plain = self.server.address;
        let answered = start.elapsed();
        operator::unseal(&mut Client::new(self.plain), &self.keys)?;
        Ok((answered, start.elapsed()))
    }
}

fn through() -> Vec<String> {
    ["prlimit", &format!("--nofile={FILES_MAX}"), "taskset", "-c", SERVER_CORE].map(str::to_owned).to_vec()
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

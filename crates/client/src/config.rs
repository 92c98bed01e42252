//! Where the server is and who calls. Read from `BAO_*` first, then from `VAULT_*`; what a flag says is set on top.

use std::path::PathBuf;
use std::time::Duration;

use secret::SecretString;

use crate::pace::Rate;

/// Where a server is looked for if nobody says.
pub const ADDRESS_DEFAULT: &str = "https://127.0.0.1:8200";
/// How long one attempt may take if nobody says.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);
/// How often a call is repeated if nobody says.
pub const RETRIES_DEFAULT: u32 = 2;
/// The most repeats that can be asked for.
pub const RETRIES_MAX: u32 = 100;
/// The wait before the first repeat; later ones wait half as long again.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// Prefixes of the environment variables; the first that is set wins.
const PREFIXES: [&str; 2] = ["BAO_", "VAULT_"];

/// Where the server is and who calls.
#[derive(Debug, Clone)]
pub struct Config {
    /// `http://` or `https://`, with a path if the API is below one; `unix://` and the path of a socket.
    pub address: String,
    /// Whose rights are used; `None` for unauthenticated calls.
    pub token: Option<SecretString>,
    /// The namespace that paths are relative to.
    pub namespace: Option<String>,
    /// Asks for every reply to be wrapped: seconds or a duration.
    pub wrap_ttl: Option<String>,
    /// Further headers of every request, as name and value.
    pub headers: Vec<(String, SecretString)>,
    /// Whom to trust and how to prove who we are.
    pub tls: Tls,
    /// How long one attempt may take, from connecting to the last byte.
    pub timeout: Duration,
    /// How often a call is repeated, 0 to 100.
    pub retries: u32,
    /// The wait before the first repeat.
    pub retry_wait: Duration,
    /// A proxy's URL, in place of what `HTTP_PROXY` and its siblings say.
    pub proxy: Option<String>,
    /// Whether one redirect is followed, as far as the token may go there.
    pub follow_redirects: bool,
    /// How many calls are made in a second at most.
    pub rate: Option<Rate>,
    /// Sends nothing: each call ends in [`Error::Described`](crate::Error::Described).
    pub describe: Option<Description>,
}

/// What a call that is not sent is turned into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Description {
    /// A `curl` command line; the text, which a shell reads, stands for the token.
    Curl(String),
    /// The policy that allows the call.
    Policy,
}

/// Whom to trust and how to prove who we are. Files are PEM.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// File with the only authorities to trust, in place of the system's.
    pub ca_cert: Option<PathBuf>,
    /// The same as text; counts only without `ca_cert`.
    pub ca_cert_text: Option<String>,
    /// Folder of such files; counts only without the two above.
    pub ca_path: Option<PathBuf>,
    /// Our certificate chain.
    pub client_cert: Option<PathBuf>,
    /// The key of `client_cert`.
    pub client_key: Option<PathBuf>,
    /// The name that the server's certificate must have, in place of the one in the address.
    pub server_name: Option<String>,
    /// Trusts anybody. For tests at most.
    pub skip_verify: bool,
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct ConfigError {
    /// Which one.
    pub name: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            address: ADDRESS_DEFAULT.to_owned(),
            token: None,
            namespace: None,
            wrap_ttl: None,
            headers: Vec::new(),
            tls: Tls::default(),
            timeout: TIMEOUT_DEFAULT,
            retries: RETRIES_DEFAULT,
            retry_wait: RETRY_WAIT,
            proxy: None,
            follow_redirects: true,
            rate: None,
            describe: None,
        }
    }
}

impl Config {
    /// Of environment variables, which `env` looks up by name.
    ///
    /// # Errors
    /// When a variable is set to something that it cannot mean.
    pub fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let text = |name| variable(env, name).map(|(_, value)| value);
        let mut config = Self {
            token: text("TOKEN").map(SecretString::new),
            namespace: text("NAMESPACE"),
            wrap_ttl: text("WRAP_TTL"),
            proxy: text("PROXY_ADDR").or_else(|| text("HTTP_PROXY")),
            tls: Tls {
                ca_cert: text("CACERT").map(PathBuf::from),
                ca_cert_text: text("CACERT_BYTES"),
                ca_path: text("CAPATH").map(PathBuf::from),
                client_cert: text("CLIENT_CERT").map(PathBuf::from),
                client_key: text("CLIENT_KEY").map(PathBuf::from),
                server_name: text("TLS_SERVER_NAME"),
                skip_verify: false,
            },
            ..Self::default()
        };
        // An agent that is named stands in front of the server.
        if let Some(address) = text("AGENT_ADDR").or_else(|| text("ADDR")) {
            config.address = address;
        }
        config.tls.skip_verify = switch(env, "SKIP_VERIFY")?;
        config.follow_redirects = !switch(env, "DISABLE_REDIRECTS")?;
        if let Some((name, value)) = variable(env, "RATE_LIMIT") {
            let rate = value.parse().map_err(|problem: &str| wrong(name, problem))?;
            config.rate = Some(rate);
        }
        if let Some((name, value)) = variable(env, "CLIENT_TIMEOUT") {
            config.timeout = api::duration::parse(&value).map_err(|error| wrong(name, &error.to_string()))?;
        }
        if let Some((name, value)) = variable(env, "MAX_RETRIES") {
            let retries = value.parse().ok().filter(|retries| *retries <= RETRIES_MAX);
            config.retries =
                retries.ok_or_else(|| wrong(name, &format!("expected a number from 0 to {RETRIES_MAX}")))?;
        }
        Ok(config)
    }
}

/// The variable `BAO_<name>`, else `VAULT_<name>`, with its full name. One that is set to nothing counts as absent.
#[must_use]
pub fn variable(env: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<(String, String)> {
    PREFIXES.iter().find_map(|prefix| {
        let name = format!("{prefix}{name}");
        env(&name).filter(|value| !value.is_empty()).map(|value| (name, value))
    })
}

/// A variable that is on or off, and off if nobody says.
fn switch(env: &dyn Fn(&str) -> Option<String>, name: &str) -> Result<bool, ConfigError> {
    let Some((name, value)) = variable(env, name) else { return Ok(false) };
    boolean(&value).ok_or_else(|| wrong(name, "expected true or false"))
}

/// Go's `ParseBool`.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn wrong(name: String, problem: &str) -> ConfigError {
    ConfigError { name, problem: problem.to_owned() }
}

#[cfg(test)]
mod tests;

//! What one command works with: its arguments, its terminal, and the way to the server.

use client::{Config, Description};
use secret::SecretString;

use crate::Failure;
use crate::connection::Connection;
use crate::data;
use crate::failure::chain;
use crate::flags::Args;
use crate::output::Format;
use crate::terminal::Terminal;
use crate::token_store::Store;

pub(crate) struct Session<'t> {
    pub terminal: &'t mut Terminal,
    pub args: Args,
    pub format: Format,
}

impl<'t> Session<'t> {
    pub fn new(terminal: &'t mut Terminal, args: Args) -> Result<Self, Failure> {
        let format = match args.text("format") {
            Some(format) => Some(format.to_owned()),
            None => client::variable(&terminal.env, "FORMAT").map(|(_, format)| format),
        };
        Ok(Self { format: format.as_deref().map_or(Ok(Format::Table), Format::parse)?, terminal, args })
    }

    /// The way to the server, as the caller that environment, flags and token file say.
    pub fn connect(&self) -> Result<Connection, Failure> {
        Connection::new(&Config { token: self.token()?, ..self.config()? })
    }

    /// The way to the server as nobody, to log in. The kept token is not looked for: it may be what is broken.
    pub fn connect_as_nobody(&self) -> Result<Connection, Failure> {
        Connection::new(&self.config()?)
    }

    /// The same for a question whose answer is not worth waiting for longer.
    pub fn connect_within(&self, timeout: std::time::Duration) -> Result<Connection, Failure> {
        let token = self.token()?;
        Connection::new(&Config { token, timeout, retries: 0, describe: None, wrap_ttl: None, ..self.config()? })
    }

    /// Where the server is.
    pub fn address(&self) -> Result<String, Failure> {
        Ok(self.config()?.address)
    }

    /// The namespace of all requests, with a slash at its end; empty for the root one.
    pub fn namespace(&self) -> Result<String, Failure> {
        Ok(self.config()?.namespace.unwrap_or_default())
    }

    /// The way to the server with a token of its own.
    pub fn connect_as(&self, token: &SecretString) -> Result<Connection, Failure> {
        self.connect_as_nobody()?.with_token(token)
    }

    /// The positional argument at `index` as a path: without spaces and slashes around it.
    pub fn path(&self, index: usize) -> Result<String, Failure> {
        let path = sanitize(self.args.argument(index).unwrap_or_default());
        if path.is_empty() { Err(Failure::usage("The path must not be empty")) } else { Ok(path) }
    }

    /// The token that commands use: from the environment, else from the file.
    pub fn token(&self) -> Result<Option<SecretString>, Failure> {
        if let Some((_, token)) = client::variable(&self.terminal.env, "TOKEN") {
            return Ok(Some(SecretString::new(token)));
        }
        match Store::find(&self.terminal.env)? {
            Some(store) => store.read(),
            None => Ok(None),
        }
    }

    /// How long wrapped replies are to live, if replies are to be wrapped.
    pub fn wrap_ttl(&self) -> Option<String> {
        let from_env = || client::variable(&self.terminal.env, "WRAP_TTL").map(|(_, ttl)| ttl);
        self.args.text("wrap-ttl").map(str::to_owned).or_else(from_env)
    }

    /// Asks the user for something without showing what is typed.
    pub fn ask(&self, prompt: &str) -> Result<SecretString, Failure> {
        if self.args.is_on("non-interactive") {
            let wanted = prompt.trim_end_matches([':', ' ']).trim_end_matches("(will be hidden").trim_end_matches(" (");
            return Err(Failure::usage(format!("-non-interactive forbids to ask for: {wanted}")));
        }
        self.terminal.ask(prompt)
    }

    /// Prints `Success! …`, or whatever the line is, in table format only: the other formats are for programs.
    pub fn tell(&mut self, line: &str) -> Result<u8, Failure> {
        if self.format == Format::Table {
            self.terminal.out(line)?;
        }
        Ok(0)
    }

    /// Everything but the token.
    fn config(&self) -> Result<Config, Failure> {
        let mut config = Config::from_env(&self.terminal.env).map_err(|error| Failure::usage(chain(&error)))?;
        // A human sees the refusal and can repeat the command.
        if client::variable(&self.terminal.env, "MAX_RETRIES").is_none() {
            config.retries = 0;
        }
        let text = |name| self.args.text(name).map(str::to_owned);
        config.token = None;
        if let Some(address) = text("agent-address").or_else(|| text("address")) {
            config.address = address;
        }
        let tls = &mut config.tls;
        tls.ca_cert = text("ca-cert").map(Into::into).or(tls.ca_cert.take());
        tls.ca_path = text("ca-path").map(Into::into).or(tls.ca_path.take());
        tls.client_cert = text("client-cert").map(Into::into).or(tls.client_cert.take());
        tls.client_key = text("client-key").map(Into::into).or(tls.client_key.take());
        tls.server_name = text("tls-server-name").or(tls.server_name.take());
        tls.skip_verify = self.args.switch("tls-skip-verify").unwrap_or(tls.skip_verify);
        config.namespace = text("namespace").or(config.namespace).and_then(|namespace| canonical(&namespace));
        config.wrap_ttl = text("wrap-ttl").or(config.wrap_ttl);
        config.headers = headers(self.args.list("header"))?;
        config.headers.extend(self.proofs().into_iter().map(|proof| (api::header::MFA.to_owned(), proof)));
        if self.args.is_on("policy-override") {
            config.headers.push((api::header::POLICY_OVERRIDE.to_owned(), SecretString::from("true")));
        }
        config.follow_redirects = !self.args.switch("disable-redirects").unwrap_or(!config.follow_redirects);
        config.describe = self.description()?;
        Ok(config)
    }

    /// The proofs for login MFA: of the flags, else of the environment, where commas divide them.
    fn proofs(&self) -> Vec<SecretString> {
        let given = self.args.list("mfa");
        if !given.is_empty() {
            return given.iter().map(|proof| SecretString::from(proof.as_str())).collect();
        }
        let proofs = client::variable(&self.terminal.env, "MFA").map(|(_, proofs)| proofs).unwrap_or_default();
        let proofs = proofs.split(',').map(str::trim).filter(|proof| !proof.is_empty());
        proofs.map(SecretString::from).collect()
    }

    /// What calls are turned into in place of being sent.
    fn description(&self) -> Result<Option<Description>, Failure> {
        match (self.args.is_on("output-curl-string"), self.args.is_on("output-policy")) {
            (false, false) => Ok(None),
            (true, false) => Ok(Some(Description::Curl(format!("$({} print token)", self.terminal.program)))),
            (false, true) => Ok(Some(Description::Policy)),
            (true, true) => Err(Failure::usage("-output-curl-string and -output-policy cannot be used together")),
        }
    }
}

/// Without spaces and slashes around it.
pub(crate) fn sanitize(path: &str) -> String {
    path.trim().trim_matches('/').to_owned()
}

/// A namespace ends in a slash; the root one has no name.
fn canonical(namespace: &str) -> Option<String> {
    match sanitize(namespace).as_str() {
        "" | "root" => None,
        name => Some(format!("{name}/")),
    }
}

fn headers(given: &[String]) -> Result<Vec<(String, SecretString)>, Failure> {
    let pairs = data::parse_flag("header", given)?;
    if pairs.iter().any(|(name, _)| name.trim().to_ascii_lowercase().starts_with("x-vault-")) {
        return Err(Failure::usage("-header cannot set headers that start with X-Vault-"));
    }
    Ok(pairs.into_iter().map(|(name, value)| (name.trim().to_owned(), SecretString::new(value))).collect())
}

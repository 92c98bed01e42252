//! Why a command ended early: a text for the user and an exit code.

use std::error::Error;

use client::Untrusted;

use crate::output::warning_text;

/// The exit code for what the server refused or could not answer.
pub(crate) const EXIT_API: u8 = 2;

/// Why a command ended early. With the code 0, the message is what was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    pub code: u8,
    pub message: String,
}

impl Failure {
    /// The command was not asked rightly, or something on this machine is in the way.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: crate::EXIT_USAGE, message: message.into() }
    }

    /// The server refused or did not answer: `<what>: <why>`.
    pub fn api(what: &str, error: &client::Error) -> Self {
        if let client::Error::Described(line) = error {
            return Self::described(line.to_string());
        }
        let mut message = format!("{what}: {}", chain(error));
        if let Some(warnings) = warning_text(error.warnings()) {
            message = format!("{}\n\n{}", message.trim_end(), warnings.trim_end());
        }
        let failure = Self { code: EXIT_API, message };
        match error {
            client::Error::Untrusted { source, .. } => failure.hint(advice(source)),
            _ => failure,
        }
    }

    /// No failure: what was asked for in place of the call itself.
    pub fn described(text: String) -> Self {
        Self { code: 0, message: text }
    }

    /// The server has nothing of that.
    pub fn absent(message: impl Into<String>) -> Self {
        Self { code: EXIT_API, message: message.into() }
    }

    /// With another exit code, if it is a failure.
    pub fn code(self, code: u8) -> Self {
        Self { code: if self.code == 0 { 0 } else { code }, ..self }
    }

    /// With a line that says what to do.
    pub fn hint(self, hint: impl AsRef<str>) -> Self {
        Self { message: format!("{}\n\n{}", self.message, hint.as_ref()), ..self }
    }
}

/// What to do about a handshake that failed.
fn advice(problem: &Untrusted) -> &'static str {
    match problem {
        Untrusted::Authority => {
            "Name the file with the authority's certificate: -ca-cert=FILE, or VAULT_CACERT. For a folder of such files: \
             -ca-path, or VAULT_CAPATH."
        }
        Untrusted::Name { .. } => {
            "Use an address with a name of the certificate; or name the one to expect: -tls-server-name=NAME, or \
             VAULT_TLS_SERVER_NAME."
        }
        Untrusted::Expired | Untrusted::NotYetValid => {
            "The server needs a new certificate, or this machine another time."
        }
        Untrusted::Anonymous => {
            "Give your certificate and its key: -client-cert=FILE and -client-key=FILE, or VAULT_CLIENT_CERT and \
             VAULT_CLIENT_KEY."
        }
    }
}

/// Nobody reads our output any more, such as `| head`: end without a word.
impl From<std::io::Error> for Failure {
    fn from(_: std::io::Error) -> Self {
        Self { code: crate::EXIT_USAGE, message: String::new() }
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Some libraries repeat the cause in their own text.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    if text.contains("InvalidContentType") {
        text.push_str("\n\nThe server seems to speak plain HTTP: try an address that starts with http://.");
    }
    text
}

#[cfg(test)]
mod tests;

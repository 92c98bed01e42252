//! Flags as Go programs take them: `-name=value`, `-name value`, `--name`, switches without a value.
//!
//! One small table per command is all that is needed, and the help is printed from it. Flags may stand anywhere before
//! `--`; `-` alone is an argument that means standard input.

use std::collections::BTreeMap;

use crate::Failure;
use crate::commands::MANY;

/// One flag of a command.
#[derive(Debug)]
pub struct Flag {
    /// Without the dash.
    pub name: &'static str,
    /// A second, shorter name.
    pub alias: Option<&'static str>,
    /// What it takes.
    pub kind: Kind,
    /// A sentence for the help.
    pub help: &'static str,
}

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing, or `=true` or `=false`.
    Switch,
    /// Any text.
    Text,
    /// Text; may be given several times.
    List,
    /// A whole number.
    Number,
    /// Such as `1h30m` or seconds; `system` resets a tuned value.
    Duration,
}

impl Flag {
    /// A flag of any kind.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { name, alias: None, kind, help }
    }

    /// A flag without a value.
    #[must_use]
    pub const fn switch(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Switch, help)
    }

    /// A flag with any text.
    #[must_use]
    pub const fn text(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Text, help)
    }

    /// The same with a second name.
    #[must_use]
    pub const fn alias(self, alias: &'static str) -> Self {
        Self { alias: Some(alias), ..self }
    }
}

/// Flags of every command.
pub(crate) const GLOBAL: &[Flag] = &[
    Flag::text("address", "Address of the server. Also VAULT_ADDR or BAO_ADDR; default https://127.0.0.1:8200."),
    Flag::text("agent-address", "Address of an agent, called in place of the server. Also VAULT_AGENT_ADDR."),
    Flag::text("ca-cert", "PEM file with the authorities to trust. Also VAULT_CACERT."),
    Flag::text("ca-path", "Folder of such files. Also VAULT_CAPATH."),
    Flag::text("client-cert", "PEM file with our own certificate. Also VAULT_CLIENT_CERT."),
    Flag::text("client-key", "PEM file with its key. Also VAULT_CLIENT_KEY."),
    Flag::text("tls-server-name", "Name that the server's certificate must have. Also VAULT_TLS_SERVER_NAME."),
    Flag::switch("tls-skip-verify", "Trust any certificate. For tests at most. Also VAULT_SKIP_VERIFY."),
    Flag::text("namespace", "Namespace that paths are relative to. Also VAULT_NAMESPACE.").alias("ns"),
    Flag::new("header", Kind::List, "Further header as name=value. Can be given several times."),
    Flag::new("wrap-ttl", Kind::Duration, "Wrap the reply into a single-use token that lives this long."),
    Flag::new(
        "mfa",
        Kind::List,
        "A proof for login MFA, as method[:passcode]. Can be given several times. Also VAULT_MFA.",
    ),
    Flag::switch("policy-override", "Override policies that allow to be overridden."),
    Flag::switch("disable-redirects", "Follow no redirect of the server. Also VAULT_DISABLE_REDIRECTS."),
    Flag::text("unlock-key", "The key that a locked namespace is unlocked with."),
    Flag::switch("non-interactive", "Ask the user for nothing: fail where an answer is needed."),
    Flag::text("format", "Output format: table, json, yaml, or raw where it applies. Also VAULT_FORMAT."),
    Flag::text("field", "Print only this field, without a newline unless to a terminal."),
    Flag::switch("output-curl-string", "Send nothing: print the call as a curl command line instead."),
    Flag::switch("output-policy", "Send nothing: print the policy that the call needs instead."),
];

/// What a command was given.
#[derive(Default, Debug)]
pub struct Args {
    values: BTreeMap<&'static str, Vec<String>>,
    /// What is not a flag, in order.
    pub positional: Vec<String>,
}

impl Args {
    /// The last value of a flag.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.list(name).last().map(String::as_str)
    }

    /// All values of a flag.
    #[must_use]
    pub fn list(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a switch is on.
    #[must_use]
    pub fn is_on(&self, name: &str) -> bool {
        self.switch(name) == Some(true)
    }

    /// A switch, if it was given.
    #[must_use]
    pub fn switch(&self, name: &str) -> Option<bool> {
        self.text(name).map(|value| value == "true")
    }

    /// A number, if it was given.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        // Checked when it was read.
        self.text(name).and_then(|value| value.parse().ok())
    }

    /// The positional argument at `index`, counted from 0.
    #[must_use]
    pub fn argument(&self, index: usize) -> Option<&str> {
        self.positional.get(index).map(String::as_str)
    }
}

/// Whether the argument asks for help.
#[must_use]
pub fn is_help(arg: &str) -> bool {
    matches!(arg, "-h" | "-help" | "--help")
}

pub(crate) fn is_version(arg: &str) -> bool {
    matches!(arg, "-v" | "-version" | "--version")
}

/// Divides global flags that stand before the first word from the rest.
pub(crate) fn split_leading(args: &[String]) -> Result<(Vec<String>, &[String]), Failure> {
    let mut leading = Vec::new();
    let mut rest = args;
    while let [first, behind @ ..] = rest {
        let Some((name, value)) = split(first) else { break };
        rest = behind;
        leading.push(first.clone());
        if is_help(first) || is_version(first) || value.is_some() || find(&[], GLOBAL, name)?.kind == Kind::Switch {
            continue;
        }
        let [value, behind @ ..] = rest else { return Err(lacks_value(name)) };
        leading.push(value.clone());
        rest = behind;
    }
    Ok((leading, rest))
}

/// Sorts arguments into the flags of `own` and the rest.
///
/// # Errors
/// What is wrong with the first flag that is not known, lacks a value or has a wrong one.
pub fn parse_only(own: &'static [Flag], args: &[String]) -> Result<Args, String> {
    sort(args, |name| find(own, &[], name)).map_err(|failure| failure.message)
}

/// Sorts arguments into the flags of `own` and [`GLOBAL`], and the rest.
pub(crate) fn parse(own: &'static [Flag], args: &[String]) -> Result<Args, Failure> {
    sort(args, |name| find(own, GLOBAL, name))
}

fn sort(args: &[String], find: impl Fn(&str) -> Result<&'static Flag, Failure>) -> Result<Args, Failure> {
    let mut parsed = Args::default();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == "--" {
            parsed.positional.extend(rest.by_ref().cloned());
            break;
        }
        let Some((name, value)) = split(arg) else {
            parsed.positional.push(arg.clone());
            continue;
        };
        let flag = find(name)?;
        let value = match (value, flag.kind) {
            (Some(value), _) => value.to_owned(),
            (None, Kind::Switch) => "true".to_owned(),
            (None, _) => rest.next().cloned().ok_or_else(|| lacks_value(name))?,
        };
        parsed.values.entry(flag.name).or_default().push(checked(flag, value)?);
    }
    Ok(parsed)
}

/// How many positional arguments there may be. Data, of which there may be any number, is not counted in the message.
pub(crate) fn check_count(given: usize, min: usize, max: usize) -> Result<(), Failure> {
    let expected = if min == max || max == MANY { min.to_string() } else { format!("{min}-{max}") };
    if given < min {
        return Err(Failure::usage(format!("Not enough arguments (expected {expected}, got {given})")));
    }
    if given > max {
        return Err(Failure::usage(format!("Too many arguments (expected {expected}, got {given})")));
    }
    Ok(())
}

/// The name, and the value behind `=`, of what looks like a flag; `--` and `-` do not.
pub(crate) fn split(arg: &str) -> Option<(&str, Option<&str>)> {
    let body = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|body| !body.is_empty())?;
    Some(match body.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (body, None),
    })
}

fn find(own: &'static [Flag], shared: &'static [Flag], name: &str) -> Result<&'static Flag, Failure> {
    let named = |flag: &&Flag| flag.name == name || flag.alias == Some(name);
    let found = own.iter().chain(shared).find(named);
    found.ok_or_else(|| {
        let near = hcl::nearest(name, own.iter().chain(shared).map(|flag| flag.name));
        let near = near.map(|near| format!(" (did you mean -{near}?)")).unwrap_or_default();
        Failure::usage(format!("flag provided but not defined: -{name}{near}"))
    })
}

/// The value in its canonical form.
fn checked(flag: &Flag, value: String) -> Result<String, Failure> {
    let wrong = |expected: &str| Failure::usage(format!("invalid value for flag -{}: expected {expected}", flag.name));
    match flag.kind {
        Kind::Text | Kind::List => Ok(value),
        Kind::Switch => match value.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok("true".to_owned()),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok("false".to_owned()),
            _ => Err(wrong("true or false")),
        },
        Kind::Number => value.parse::<i64>().map(|_| value).map_err(|_| wrong("a whole number")),
        Kind::Duration if value == "system" => Ok(value),
        Kind::Duration => match api::duration::parse_signed(&value) {
            Ok(_) if !value.is_empty() => Ok(value),
            _ => Err(wrong("a duration such as 90, 30m or 1h30m")),
        },
    }
}

pub(crate) fn lacks_value(name: &str) -> Failure {
    Failure::usage(format!("flag needs a value: -{name}"))
}

#[cfg(test)]
mod tests;

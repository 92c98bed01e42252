//! The command line of `strongroom server`.

use std::ffi::OsString;
use std::path::PathBuf;

use cli::flags::{Args, Flag, Kind};

use super::failure::Failure;

/// What the operator asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Arguments {
    /// Files and folders, in the order given.
    pub(super) configs: Vec<PathBuf>,
    pub(super) is_dev: bool,
    /// To read the configuration, tell what it declares, and end.
    pub(super) is_plan: bool,
    /// To open the store and nothing else.
    pub(super) is_recovery: bool,
    pub(super) dev_root_token_id: Option<String>,
    pub(super) dev_listen_address: Option<String>,
    pub(super) dev_no_store_token: bool,
    pub(super) dev_tls: bool,
    pub(super) dev_tls_folder: Option<PathBuf>,
    pub(super) log_level: Option<String>,
    pub(super) log_format: Option<String>,
}

/// Either of the two things that can be asked.
pub(super) enum Asked {
    /// To be printed.
    Help(String),
    /// To be done.
    Run(Arguments),
}

pub(crate) const FLAGS: &[Flag] = &[
    Flag::new(
        "config",
        Kind::List,
        "Configuration file, or folder of .hcl and .json files. Can be given several times.",
    ),
    Flag::switch("plan", "Check the configuration, show what its bootstrap stanza declares, and end."),
    Flag::switch(
        "recovery",
        "Start in recovery mode: the store is opened, and entries can be read and mended with shares.",
    ),
    Flag::switch("dev", "Start a development server: in memory, unsealed, with a root token."),
    Flag::text("dev-root-token-id", "The root token of the development server. Also VAULT_DEV_ROOT_TOKEN_ID."),
    Flag::text(
        "dev-listen-address",
        "Where the development server listens, default 127.0.0.1:8200. Also VAULT_DEV_LISTEN_ADDRESS.",
    ),
    Flag::switch("dev-no-store-token", "Do not log the command line in with the development server's root token."),
    Flag::switch("dev-tls", "Give the development server a certificate of its own."),
    Flag::text("dev-tls-cert-dir", "Folder to write that certificate to, instead of a temporary one."),
    Flag::text("log-level", "trace, debug, info, warn or error. Also VAULT_LOG_LEVEL."),
    Flag::text("log-format", "standard or json. Also VAULT_LOG_FORMAT."),
];

/// Reads the words behind `server`.
pub(super) fn parse(program: &str, args: &[OsString]) -> Result<Asked, Failure> {
    let args: Option<Vec<String>> = args.iter().map(|arg| arg.clone().into_string().ok()).collect();
    let args = args.ok_or_else(|| Failure::Usage("the arguments must be UTF-8".to_owned()))?;
    if args.iter().any(|arg| cli::flags::is_help(arg)) {
        return Ok(Asked::Help(help(program)));
    }
    let hint = |text: String| Failure::Usage(format!("{text}\n\nSee \"{program} server -help\"."));
    let parsed = cli::flags::parse_only(FLAGS, &args).map_err(hint)?;
    if let Some(word) = parsed.argument(0) {
        return Err(hint(format!("unexpected argument \"{word}\": everything is a flag")));
    }
    let arguments = from_flags(&parsed, variable);
    if let Some(format) = &arguments.log_format
        && !matches!(format.as_str(), "standard" | "json")
    {
        return Err(hint(format!("-log-format must be standard or json, not \"{format}\"")));
    }
    let is_dev_only = arguments.dev_tls || arguments.dev_no_store_token || parsed.text("dev-root-token-id").is_some();
    if !arguments.is_dev && arguments.configs.is_empty() {
        let text =
            if is_dev_only { "the -dev-… flags need -dev" } else { "give -config with a file or folder, or -dev" };
        return Err(hint(text.to_owned()));
    }
    if arguments.is_plan && arguments.is_dev {
        return Err(hint("-plan is about a configuration, which -dev has not".to_owned()));
    }
    if arguments.is_recovery && (arguments.is_dev || arguments.is_plan) {
        return Err(hint(
            "-recovery is about the store of a configuration, and goes neither with -dev nor -plan".to_owned(),
        ));
    }
    Ok(Asked::Run(arguments))
}

fn from_flags(parsed: &Args, variable: impl Fn(&str) -> Option<String>) -> Arguments {
    let text = |flag: &str, name: &str| parsed.text(flag).map(str::to_owned).or_else(|| variable(name));
    let dev_tls_folder = parsed.text("dev-tls-cert-dir").map(PathBuf::from);
    Arguments {
        configs: parsed.list("config").iter().map(PathBuf::from).collect(),
        // As in Vault, asking for TLS is asking for a development server.
        is_dev: parsed.is_on("dev") || parsed.is_on("dev-tls"),
        is_plan: parsed.is_on("plan"),
        is_recovery: parsed.is_on("recovery"),
        dev_root_token_id: text("dev-root-token-id", "DEV_ROOT_TOKEN_ID"),
        dev_listen_address: text("dev-listen-address", "DEV_LISTEN_ADDRESS"),
        dev_no_store_token: parsed.is_on("dev-no-store-token"),
        dev_tls: parsed.is_on("dev-tls"),
        dev_tls_folder,
        log_level: text("log-level", "LOG_LEVEL"),
        log_format: text("log-format", "LOG_FORMAT"),
    }
}

/// A variable of the environment under either prefix.
fn variable(name: &str) -> Option<String> {
    ["BAO_", "VAULT_"]
        .iter()
        .find_map(|prefix| std::env::var(format!("{prefix}{name}")).ok())
        .filter(|it| !it.is_empty())
}

fn help(program: &str) -> String {
    let mut text = format!(
        "Usage: {program} server [options]\n\n  Starts a server from a configuration, or one for development:\n\n      \
         $ {program} server -config=/etc/strongroom/config.hcl\n      $ {program} server -dev\n\nOptions:\n"
    );
    for flag in FLAGS {
        text.push_str(&format!("\n  -{}\n      {}\n", flag.name, flag.help));
    }
    text
}

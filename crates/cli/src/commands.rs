//! The one table of commands: routing, help and flags all come from it.

use crate::Failure;
use crate::flags::{self, Flag};
use crate::session::Session;
use crate::terminal::Terminal;

mod audit;
mod auth_help;
mod backup;
mod explain;
mod generate_root;
mod history;
mod initialize;
mod kv;
mod kv_metadata;
mod kv_patch;
mod leases;
mod logical;
mod login;
mod monitor;
mod mounts;
mod namespaces;
mod operator;
mod pgp;
mod policy;
mod policy_format;
mod rekey;
mod remount;
mod status;
mod terraform;
mod token;
mod tune;

/// The most positional arguments that mean data: more of them than any shell passes.
pub(crate) const MANY: usize = usize::MAX;

/// One command.
pub(crate) struct Command {
    /// Its words, divided by one space.
    pub words: &'static str,
    /// Its positional arguments, as the usage line prints them.
    pub arguments: &'static str,
    /// The fewest of them.
    pub arguments_min: usize,
    /// The most of them.
    pub arguments_max: usize,
    /// What it does, in one line without a full stop.
    pub summary: &'static str,
    /// More about it; `{program}` stands for how we are called. May be empty.
    pub help: &'static str,
    /// Its flags beside the global ones.
    pub flags: &'static [Flag],
    /// Does it. The exit code if all went well.
    pub run: fn(&mut Session<'_>) -> Result<u8, Failure>,
}

/// What the first words of longer commands are about.
pub(crate) const GROUPS: &[(&str, &str)] = &[
    ("audit", "Manage audit devices"),
    ("auth", "Manage auth methods"),
    ("kv", "Work with key-value secrets, versioned or not"),
    ("kv metadata", "Work with what is known about a versioned secret"),
    ("lease", "Work with leases of dynamic secrets"),
    ("namespace", "Manage namespaces"),
    ("operator", "Initialize, unseal and look after the server"),
    ("operator backup", "Save, check and restore backups of the server"),
    ("policy", "Manage policies"),
    ("print", "Print what commands work with"),
    ("secrets", "Manage secrets engines"),
    ("terraform", "Look after secrets around Terraform"),
    ("token", "Work with tokens"),
];

static TABLES: &[&[Command]] = &[
    status::COMMANDS,
    logical::COMMANDS,
    kv::COMMANDS,
    kv_patch::COMMANDS,
    kv_metadata::COMMANDS,
    login::COMMANDS,
    token::COMMANDS,
    policy::COMMANDS,
    policy_format::COMMANDS,
    explain::COMMANDS,
    mounts::COMMANDS,
    remount::COMMANDS,
    auth_help::COMMANDS,
    tune::COMMANDS,
    leases::COMMANDS,
    audit::COMMANDS,
    namespaces::COMMANDS,
    history::COMMANDS,
    monitor::COMMANDS,
    initialize::COMMANDS,
    operator::COMMANDS,
    backup::COMMANDS,
    rekey::COMMANDS,
    generate_root::COMMANDS,
    terraform::COMMANDS,
    VERSION,
];

const VERSION: &[Command] = &[Command {
    words: "version",
    arguments: "",
    arguments_min: 0,
    arguments_max: 0,
    summary: "Print the version",
    help: "",
    flags: &[],
    run: |session| print_version(session.terminal),
}];

/// All commands.
pub(crate) fn all() -> impl Iterator<Item = &'static Command> {
    TABLES.iter().copied().flatten()
}

/// The command that the first of `args` name, the longest that fits, and what is behind its words.
pub(crate) fn find(args: &[String]) -> Option<(&'static Command, &[String])> {
    let fits = |command: &&Command| {
        let mut args = args.iter();
        command.words.split(' ').all(|word| args.next().is_some_and(|arg| arg == word))
    };
    let command = all().filter(fits).max_by_key(|command| command.words.len())?;
    Some((command, args.get(command.words.split(' ').count()..).unwrap_or_default()))
}

/// The group that the first of `args` name, the longest that fits; empty if none does.
pub(crate) fn group_of(args: &[String]) -> String {
    let mut group = String::new();
    for arg in args {
        let longer = if group.is_empty() { arg.clone() } else { format!("{group} {arg}") };
        if all().all(|command| below(command.words, &longer).is_none()) {
            break;
        }
        group = longer;
    }
    group
}

/// Divides flags that stand between the words of a group, or behind them, from the other arguments. Which command is
/// meant is not known there: a flag of any command of the group tells whether a value follows it.
pub(crate) fn split_between(args: &[String]) -> Result<(Vec<String>, Vec<String>), Failure> {
    let (mut words, mut flags) = (Vec::new(), Vec::new());
    let mut rest = args;
    while let [first, behind @ ..] = rest {
        let Some((name, value)) = flags::split(first) else {
            let longer = [words.as_slice(), std::slice::from_ref(first)].concat();
            if group_of(&longer).split(' ').count() < longer.len() {
                break;
            }
            (words, rest) = (longer, behind);
            continue;
        };
        if words.is_empty() {
            break;
        }
        flags.push(first.clone());
        rest = behind;
        if value.is_none() && takes_value(&words.join(" "), name) {
            let [value, behind @ ..] = rest else { return Err(flags::lacks_value(name)) };
            flags.push(value.clone());
            rest = behind;
        }
    }
    words.extend_from_slice(rest);
    Ok((flags, words))
}

/// Whether a flag of a group's commands has a value. One that nobody knows is refused later, by its command.
fn takes_value(group: &str, name: &str) -> bool {
    let own = all().filter(|command| below(command.words, group).is_some()).flat_map(|command| command.flags);
    let mut named = own.chain(flags::GLOBAL).filter(|flag| flag.name == name || flag.alias == Some(name));
    named.next().is_some_and(|flag| flag.kind != flags::Kind::Switch)
}

/// The words of a command behind those of `group`, if it belongs there.
pub(crate) fn below<'a>(words: &'a str, group: &str) -> Option<&'a str> {
    if group.is_empty() { Some(words) } else { words.strip_prefix(group)?.strip_prefix(' ') }
}

/// In the form that programs look for: `Vault v<API version> (…)`.
pub(crate) fn print_version(terminal: &mut Terminal) -> Result<u8, Failure> {
    terminal.out(&format!("Vault v{} (Strongroom {})", api::API_VERSION, env!("CARGO_PKG_VERSION")))?;
    Ok(0)
}

//! How a command line may go on, for shells, and the lines in a shell's settings that make it ask.
//!
//! The protocol is the usual one of Go programs: the shell runs the program with `COMP_LINE`, the line so far, and
//! `COMP_POINT`, where the cursor is in it; the program prints one candidate to a line. It must be quick and quiet: what
//! takes too long, or fails, is no candidate.

use crate::commands::{self, Command};
use crate::flags::{self, Flag, GLOBAL, Kind};
use crate::session::Session;
use crate::{Failure, OtherCommand, Terminal, scope};

mod install;
mod names;

pub(crate) use install::setup;

/// The line that a shell asks about, up to the cursor.
pub(crate) fn requested(terminal: &Terminal) -> Option<String> {
    let line = (terminal.env)("COMP_LINE")?;
    let point = (terminal.env)("COMP_POINT").and_then(|point| point.parse().ok());
    let point = point.filter(|point| line.is_char_boundary(*point)).unwrap_or(line.len());
    line.get(..point).map(str::to_owned)
}

/// Prints how the line may go on.
pub(crate) fn print(terminal: &mut Terminal, line: &str, others: &[OtherCommand]) -> Result<u8, Failure> {
    let found = candidates(terminal, line, others);
    if !found.is_empty() {
        terminal.out(&found.join("\n"))?;
    }
    Ok(0)
}

fn candidates(terminal: &mut Terminal, line: &str, others: &[OtherCommand]) -> Vec<String> {
    let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let partial = if line.ends_with(char::is_whitespace) { String::new() } else { words.pop().unwrap_or_default() };
    // Without its first word the line is the program's name, which is the shell's to complete.
    if words.is_empty() {
        return Vec::new();
    }
    let args = words.split_off(1);
    let (plain, pending) = plain_words(&args, others);
    let other = plain.first().and_then(|word| others.iter().find(|other| other.name == word));
    let mut found = match (pending, commands::find(&plain), other) {
        (Some(flag), ..) => names::of_flag(terminal, &args, flag, &partial),
        (None, Some((command, _)), _) if partial.starts_with('-') => {
            flag_names(command.flags.iter().chain(scope::shared_flags(command)))
        }
        (None, None, Some(other)) if partial.starts_with('-') => flag_names(other.flags.iter()),
        (None, None, None) if partial.starts_with('-') => flag_names(GLOBAL.iter()),
        (None, Some((command, behind)), _) => {
            let deeper = next_words(command.words, &[]);
            let names = names::of_argument(terminal, &args, command, behind.len(), &partial);
            [deeper, names].concat()
        }
        (None, None, _) => next_words(&plain.join(" "), if plain.is_empty() { others } else { &[] }),
    };
    found.retain(|candidate| candidate.starts_with(&partial));
    found.sort();
    found.dedup();
    found
}

/// The arguments that are no flags, and the flag that the next argument is the value of.
fn plain_words(args: &[String], others: &[OtherCommand]) -> (Vec<String>, Option<&'static Flag>) {
    let mut plain = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let Some(name) = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|name| !name.is_empty())
        else {
            plain.push(arg.clone());
            continue;
        };
        let other = others.iter().filter(|other| plain.first().is_some_and(|word| word == other.name));
        let own = commands::find(&plain).map(|(command, _)| command.flags).into_iter().flatten();
        let own = own.chain(other.flat_map(|other| other.flags));
        let named = |flag: &&Flag| flag.name == name || flag.alias == Some(name);
        let flag = own.chain(GLOBAL).find(named);
        if let Some(flag) = flag.filter(|flag| flag.kind != Kind::Switch)
            && rest.next().is_none()
        {
            return (plain, Some(flag));
        }
    }
    (plain, None)
}

/// The words that may follow those of a group.
fn next_words(group: &str, others: &[OtherCommand]) -> Vec<String> {
    let word = |command: &Command| Some(commands::below(command.words, group)?.split(' ').next()?.to_owned());
    let words = commands::all().filter_map(word);
    words.chain(others.iter().map(|other| other.name.to_owned())).collect()
}

fn flag_names<'a>(flags: impl Iterator<Item = &'a Flag>) -> Vec<String> {
    flags.map(|flag| format!("-{}", flag.name)).collect()
}

/// The surroundings of a question to the server: those of the line, as far as it can be read.
fn session<'t>(terminal: &'t mut Terminal, args: &[String]) -> Option<Session<'t>> {
    let is_flag = |arg: &&String| arg.starts_with('-') && arg.contains('=');
    let given: Vec<String> = args.iter().filter(is_flag).cloned().collect();
    // Flags of the command alone do not change where the server is.
    let args = given.iter().filter_map(|arg| flags::parse(&[], std::slice::from_ref(arg)).ok().map(|_| arg.clone()));
    let args: Vec<String> = args.collect();
    Session::new(terminal, flags::parse(&[], &args).ok()?).ok()
}

#[cfg(test)]
mod tests;

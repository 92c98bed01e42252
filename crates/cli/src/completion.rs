//! How a command line may go on, for shells, and the lines in a shell's settings that make it ask.
//!
//! The protocol is the usual one of Go programs: the shell runs the program with `COMP_LINE`, the line so far, and
//! `COMP_POINT`, where the cursor is in it; the program prints one candidate to a line. It must be quick and quiet: what
//! would take longer than [`ASK_TIMEOUT`], or fails, is no candidate.

use std::time::Duration;

use crate::commands::{self, Command};
use crate::flags::{self, Flag, GLOBAL, Kind};
use crate::session::Session;
use crate::{Failure, OtherCommand, Terminal};

mod install;
mod names;

pub(crate) use install::setup;

/// How long the server may take to tell a name.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);

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
    let (plain, pending) = plain_words(&args);
    let command = commands::find(&plain);
    let mut found = match (pending, command) {
        (Some(flag), _) => names::of_flag(terminal, &args, flag),
        (None, Some((command, _))) if partial.starts_with('-') => flag_names(command.flags),
        (None, None) if partial.starts_with('-') => flag_names(&[]),
        (None, Some((command, behind))) => {
            let deeper = next_words(command.words, &[]);
            let names = names::of_argument(terminal, &args, command, behind.len());
            [deeper, names].concat()
        }
        (None, None) => next_words(&plain.join(" "), if plain.is_empty() { others } else { &[] }),
    };
    found.retain(|candidate| candidate.starts_with(&partial));
    found.sort();
    found.dedup();
    found
}

/// The arguments that are no flags, and the flag that the next argument is the value of.
fn plain_words(args: &[String]) -> (Vec<String>, Option<&'static Flag>) {
    let mut plain = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let Some(name) = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|name| !name.is_empty())
        else {
            plain.push(arg.clone());
            continue;
        };
        let own = commands::find(&plain).map_or::<&[Flag], _>(&[], |(command, _)| command.flags);
        let named = |flag: &&Flag| flag.name == name || flag.alias == Some(name);
        let flag = own.iter().chain(GLOBAL).find(named);
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

fn flag_names(own: &[Flag]) -> Vec<String> {
    own.iter().chain(GLOBAL).map(|flag| format!("-{}", flag.name)).collect()
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

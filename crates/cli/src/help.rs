//! Prints help: what commands there are, and what one of them takes.

use crate::commands::{self, Command, GROUPS};
use crate::flags::{Flag, Kind};
use crate::{EXIT_NO_COMMAND, EXIT_USAGE, Failure, OtherCommand, Terminal, scope};

/// The columns of help texts.
const WIDTH: usize = 80;

/// Lists the commands below `words`. To standard output if it was `asked` for; else it is an error.
pub(crate) fn print_group(
    terminal: &mut Terminal,
    words: &[String],
    others: &[OtherCommand],
    asked: bool,
) -> Result<u8, Failure> {
    let group = commands::group_of(words);
    let mut text = String::new();
    let depth = group.split_whitespace().count();
    let unknown = words.iter().skip(depth).find(|word| !word.starts_with('-'));
    if let Some(word) = unknown {
        let known = entries(&group, others);
        let near = hcl::nearest(word, known.iter().map(|(name, _)| name.as_str()));
        let near = near.map(|near| format!(" Did you mean \"{near}\"?")).unwrap_or_default();
        text.push_str(&format!("There is no command \"{word}\".{near}\n\n"));
    }
    let spaced = if group.is_empty() { String::new() } else { format!("{group} ") };
    text.push_str(&format!("Usage: {} {spaced}<command> [options] [args]\n\nCommands:\n", terminal.program));
    let entries = entries(&group, others);
    let width = entries.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, summary) in entries {
        text.push_str(&format!("    {name:width$}    {summary}\n"));
    }
    text.push_str(&format!("\n\"{} {spaced}<command> -help\" tells about one of them.", terminal.program));
    if asked && unknown.is_none() {
        terminal.out(&text)?;
        return Ok(0);
    }
    terminal.err(&text);
    Ok(if group.is_empty() { EXIT_NO_COMMAND } else { EXIT_USAGE })
}

/// The words that may follow `group`, with what they do.
fn entries<'a>(group: &str, others: &'a [OtherCommand]) -> Vec<(String, &'a str)> {
    let mut entries: Vec<(String, &str)> = Vec::new();
    for command in commands::all() {
        let Some(rest) = commands::below(command.words, group) else { continue };
        let word = rest.split(' ').next().unwrap_or(rest);
        let path = if group.is_empty() { word.to_owned() } else { format!("{group} {word}") };
        let summary = GROUPS.iter().find(|(words, _)| *words == path).map_or(command.summary, |(_, summary)| summary);
        if entries.iter().all(|(name, _)| name != word) {
            entries.push((word.to_owned(), summary));
        }
    }
    if group.is_empty() {
        entries.extend(others.iter().map(|other| (other.name.to_owned(), other.summary)));
    }
    entries.sort();
    entries
}

/// Tells what one command takes.
pub(crate) fn print_command(terminal: &mut Terminal, command: &Command) -> Result<u8, Failure> {
    let program = &terminal.program;
    let usage = format!("Usage: {program} {} [options] {}", command.words, command.arguments);
    let mut text = format!("{}\n\n{}.\n", usage.trim_end(), command.summary);
    if !command.help.is_empty() {
        text.push_str(&format!("\n{}\n", wrap(&command.help.replace("{program}", program), WIDTH, "")));
    }
    if !command.flags.is_empty() {
        text.push_str("\nOptions:\n");
        describe(&mut text, command.flags);
    }
    text.push_str("\nOptions of every command:\n");
    describe(&mut text, scope::shared_flags(command));
    terminal.out(text.trim_end())?;
    Ok(0)
}

fn describe(text: &mut String, flags: impl IntoIterator<Item = &'static Flag>) {
    for flag in flags {
        let value = match flag.kind {
            Kind::Switch => "",
            Kind::Text | Kind::List => "=<text>",
            Kind::Number => "=<number>",
            Kind::Duration => "=<duration>",
        };
        let alias = flag.alias.map(|alias| format!(", -{alias}")).unwrap_or_default();
        text.push_str(&format!("  -{}{value}{alias}\n{}\n", flag.name, wrap(flag.help, WIDTH, "      ")));
    }
}

/// Breaks lines at spaces, so that none is longer than `width` if its words allow; each starts with `indent`. Line
/// breaks of the text stay.
pub(crate) fn wrap(text: &str, width: usize, indent: &str) -> String {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = indent.to_owned();
        for word in paragraph.split(' ') {
            if line.len() > indent.len() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::replace(&mut line, indent.to_owned()));
            }
            if line.len() > indent.len() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join("\n")
}

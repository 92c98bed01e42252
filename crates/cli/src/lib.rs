//! The client commands: `status`, `login`, `read`, `kv put` and the rest, as users of the `vault` command line know
//! them.
//!
//! [`run`] finds the command in one table, reads its flags, and calls a plain function. What is printed keeps to the
//! forms that scripts read: tables, `Success!` lines, JSON, and exit codes (0 done, 1 not asked rightly, 2 refused by
//! the server, 127 no such command). It must never use a crate of the server.

use std::ffi::OsString;
use std::process::ExitCode;

mod commands;
mod completion;
mod connection;
mod data;
mod failure;
pub mod flags;
mod help;
pub mod offline;
mod output;
mod scope;
mod session;
mod table;
mod terminal;
mod token_file;
mod token_store;
mod yaml;

use failure::Failure;
use session::Session;
use terminal::Terminal;

const EXIT_USAGE: u8 = 1;
const EXIT_NO_COMMAND: u8 = 127;

/// A command that the program handles itself, such as `server`: listed in the help, and never run here.
#[derive(Debug, Clone, Copy)]
pub struct OtherCommand {
    /// Its word.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Its flags, which shells complete.
    pub flags: &'static [flags::Flag],
}

/// Runs the command that `args` name. The first of them is how the program was called, as in `std::env::args_os`;
/// help and hints use its last part. `offline` does what is done on the files of a server that does not run.
#[must_use]
pub fn run(args: Vec<OsString>, others: &[OtherCommand], offline: offline::Offline) -> ExitCode {
    let mut args = args.into_iter();
    let program = args.next().map(|path| program_name(&path)).unwrap_or_default();
    let mut terminal = Terminal::real(program, offline);
    let args: Result<Vec<_>, _> = args.map(OsString::into_string).collect();
    let code = match args {
        Ok(args) => dispatch(&mut terminal, &args, others),
        Err(_) => report(&mut terminal, &Failure::usage("The arguments must be UTF-8")),
    };
    ExitCode::from(code)
}

/// Keeps a token for later commands, as `login` does; nothing happens where nobody knows where home is.
///
/// # Errors
/// When the file cannot be written, or the user's token helper does not take it.
pub fn store_token(token: &secret::SecretString) -> std::io::Result<()> {
    let env: terminal::Environment = Box::new(|name| std::env::var(name).ok());
    let store = token_store::Store::find(&env).map_err(|failure| std::io::Error::other(failure.message))?;
    store.map_or(Ok(()), |store| store.write(token)).map_err(|failure| std::io::Error::other(failure.message))
}

/// Prints to standard output; nobody listening is no error.
pub fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Prints a line to standard error; nobody listening is no error.
pub fn print_error(text: &str) {
    use std::io::Write;
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// How the program was called: the last part of its path.
#[must_use]
pub fn program_name(path: &std::ffi::OsStr) -> String {
    let name = std::path::Path::new(path).file_stem().map(|name| name.to_string_lossy().into_owned());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "strongroom".to_owned())
}

/// Flags may stand before the command's words too, and between them; they are moved behind them. A shell that wants to know how a line
/// may go on says so in the environment.
fn dispatch(terminal: &mut Terminal, args: &[String], others: &[OtherCommand]) -> u8 {
    if let Some(line) = completion::requested(terminal) {
        return completion::print(terminal, &line, others).unwrap_or_else(|failure| failure.code);
    }
    let outcome = match completion::setup(terminal, args) {
        Some(outcome) => outcome,
        None => flags::split_leading(args).and_then(|(leading, rest)| choose(terminal, &leading, rest, others)),
    };
    outcome.unwrap_or_else(|failure| report(terminal, &failure))
}

fn choose(
    terminal: &mut Terminal,
    leading: &[String],
    rest: &[String],
    others: &[OtherCommand],
) -> Result<u8, Failure> {
    let wants_help = |args: &[String]| args.iter().take_while(|arg| *arg != "--").any(|arg| flags::is_help(arg));
    if leading.iter().any(|arg| flags::is_version(arg)) {
        return commands::print_version(terminal);
    }
    let asked = rest.first().is_some_and(|word| word == "help");
    let rest = if asked { rest.get(1..).unwrap_or_default() } else { rest };
    let (between, rest) = commands::split_between(rest)?;
    let leading = [leading, &between].concat();
    let Some((command, behind)) = commands::find(&rest) else {
        return help::print_group(terminal, &rest, others, asked || wants_help(&leading) || wants_help(&rest));
    };
    if asked || wants_help(&leading) || wants_help(behind) {
        return help::print_command(terminal, command);
    }
    let args = flags::parse(command.flags, &[&leading, behind].concat()).and_then(|args| {
        flags::check_count(args.positional.len(), command.arguments_min, command.arguments_max)?;
        Ok(args)
    });
    let hint = format!("See \"{} {} -help\".", terminal.program, command.words);
    let args = args.map_err(|failure| failure.hint(&hint))?;
    let mut session = Session::new(terminal, args)?;
    // What a command would pass over in silence, its user would take for done.
    scope::check(command, &session).map_err(|failure| failure.hint(&hint))?;
    (command.run)(&mut session)
}

/// Prints why the command ended, unless nobody listens any more.
fn report(terminal: &mut Terminal, failure: &Failure) -> u8 {
    if failure.code == 0 {
        return terminal.out(&failure.message).map_or_else(|failure| failure.code, |()| 0);
    }
    terminal.err(&failure.message);
    failure.code
}

#[cfg(test)]
mod tests;
